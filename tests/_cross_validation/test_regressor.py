import warnings
from time import perf_counter

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.metrics import get_scorer, make_scorer, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import BundledNetworkRegressor, BundledNetworkRegressorCV
from sknnk._networks import fitted_network

X, Y = load_diabetes(return_X_y=True)
X = X / X.std(axis=0)
GROUPS = np.arange(len(X)) // 7
WEIGHT = np.random.default_rng(0).integers(0, 4, size=len(X)).astype(float)
TWO = np.column_stack([Y, X[:, 0] * X[:, 1] + X[:, 2] ** 2])
KERNEL = {"directions": "orthogonal", "frequencies": "isotropic", "input_transform": None, "random_state": 0}
COUNTS, ALPHAS = (8, 33, 64), (10.0, 0.1, 1e-3)
# 442 rows are many for up to 64 features, and few for 300.
FEW_COLUMNS, MANY_COLUMNS = COUNTS, (8, 300)
SPLITTERS = {
    "k folds": (KFold(4, shuffle=True, random_state=0), {}),
    "groups": (GroupKFold(3), {"groups": GROUPS}),
    "time series": (TimeSeriesSplit(3), {}),
    "repeated": (RepeatedKFold(n_splits=2, n_repeats=3, random_state=0), {}),
    "shuffled": (ShuffleSplit(3, test_size=0.3, train_size=0.5, random_state=0), {}),
    "iterable": ([(np.arange(300), np.arange(300, 440)), (np.arange(100, 440), np.arange(100))], {}),
}


def both(counts, cv=None, y=Y, fit=None, activations="gaussian", length_scales=4.0, grid=None, rows=X, **options):
    """Our search, and that of scikit-learn over the same candidates."""
    of_network = {name: options.pop(name) for name in ("direct_link", "directions", "frequencies") if name in options}
    kernel = {**KERNEL, **of_network}
    search = BundledNetworkRegressorCV(
        counts, alphas=ALPHAS, activations=activations, length_scales=length_scales, cv=cv, **kernel, **options
    )
    fixed = {} if grid else {"activation": activations, "length_scale": length_scales}
    network = BundledNetworkRegressor(**fixed, **kernel)
    grid = {"alpha": ALPHAS, "n_components": counts, **(grid or {})}
    expected = GridSearchCV(network, grid, cv=cv, **options)
    return search.fit(rows, y, **(fit or {})), expected.fit(rows, y, **(fit or {}))


def assert_same_search(search, expected, atol=1e-6):
    ours, theirs = search.cv_results_, expected.cv_results_
    assert list(ours) == list(theirs)
    assert ours["params"] == theirs["params"]
    for key, values in theirs.items():
        if key.startswith(("split", "mean_t", "std_t")):
            np.testing.assert_allclose(ours[key], values, atol=atol, rtol=atol, err_msg=key)
    assert search.best_params_ == expected.best_params_
    assert search.n_splits_ == expected.n_splits_
    assert search.multimetric_ == expected.multimetric_
    np.testing.assert_allclose(search.predict(X[:9]), expected.predict(X[:9]), rtol=1e-6)


@pytest.mark.parametrize("counts", [FEW_COLUMNS, MANY_COLUMNS], ids=["moments", "rows"])
@pytest.mark.parametrize("name", SPLITTERS)
def test_scores_choice_and_predictions_are_those_of_grid_search(name, counts):
    cv, fit = SPLITTERS[name]
    assert_same_search(*both(counts, cv, fit=fit, return_train_score=True))


@pytest.mark.parametrize("counts", [FEW_COLUMNS, MANY_COLUMNS], ids=["moments", "rows"])
@pytest.mark.parametrize(
    "scoring", ["r2", "neg_mean_squared_error", "neg_root_mean_squared_error", "neg_mean_absolute_error"]
)
def test_weights_count_in_fit_and_scores_as_in_grid_search(scoring, counts):
    assert_same_search(*both(counts, 3, fit={"sample_weight": WEIGHT}, scoring=scoring))


@pytest.mark.parametrize("counts", [FEW_COLUMNS, MANY_COLUMNS], ids=["moments", "rows"])
@pytest.mark.parametrize("scoring", ["r2", "neg_root_mean_squared_error", "neg_median_absolute_error"])
def test_several_targets_are_scored_as_in_grid_search(scoring, counts):
    assert_same_search(*both(counts, 3, y=TWO, scoring=scoring, return_train_score=True))


@pytest.mark.parametrize("refit", ["r2", "neg_median_absolute_error"])
def test_several_scores_and_the_one_to_choose_by_are_those_of_grid_search(refit):
    scoring = {"r2": "r2", "neg_median_absolute_error": make_scorer(median_error, greater_is_better=False)}
    search, expected = both(COUNTS, 3, scoring=scoring, refit=refit, return_train_score=True)
    assert_same_search(search, expected)
    assert search.best_score_ == pytest.approx(expected.best_score_)
    assert search.scorer_.keys() == scoring.keys()


def median_error(y_true, y_pred):
    return np.median(np.abs(y_true - y_pred))


def spread_of_predictions(estimator, X, y):
    """Score that asks for more than `predict` alone, and for other rows than the test set."""
    mean, std = estimator.predict(X, return_std=True)
    other = estimator.predict(X[:5] + 0.1)
    return -float(np.mean(std) + np.std(mean) + np.std(other) + np.abs(estimator.output_coef_).max())


def test_any_function_of_a_fitted_network_is_a_score():
    assert_same_search(*both(COUNTS, 3, scoring=spread_of_predictions))


def errors_and_spread(estimator, X, y):
    """Several scores from one call."""
    mean, std = estimator.predict(X, return_std=True)
    return {"error": -float(np.abs(mean - y).mean()), "spread": -float(std.mean())}


@pytest.mark.parametrize("refit", ["error", "spread"])
def test_one_function_may_give_several_scores_as_in_grid_search(refit):
    search, expected = both(COUNTS, 3, scoring=errors_and_spread, refit=refit, return_train_score=True)
    assert_same_search(search, expected)
    assert search.multimetric_
    assert search.best_score_ == pytest.approx(expected.best_score_)
    assert search.score(X, Y) == pytest.approx(expected.score(X, Y))
    assert search.score(X, Y) == errors_and_spread(search.best_estimator_, X, Y)[refit]


def test_a_function_of_several_scores_leaves_the_model_as_it_was_where_refit_names_none():
    search = BundledNetworkRegressorCV((4, 8), alphas=ALPHAS, random_state=0).fit(X, Y)
    before = dict(vars(search))
    for refit in (True, "scoore"):
        search.set_params(scoring=errors_and_spread, refit=refit)
        with pytest.raises(ValueError, match=rf"refit={refit!r} must name .*\['error', 'spread'\]"):
            search.fit(X, Y)
    assert vars(search) == {**before, "scoring": errors_and_spread, "refit": "scoore"}


def test_a_function_of_several_scores_needs_no_refit():
    search = BundledNetworkRegressorCV((4, 8), alphas=ALPHAS, scoring=errors_and_spread, refit=False).fit(X, Y)
    assert {"mean_test_error", "mean_test_spread"} <= search.cv_results_.keys()
    assert not hasattr(search, "best_params_")


def share_inside(estimator, X, y):
    """Score of the intervals of a network, for rows that it shall know and for others."""
    ends, other = estimator.predict_interval(X, confidence_level=0.8), estimator.predict_interval(X[:5] + 0.1)
    return float(np.mean((ends[:, 0] < y) & (y < ends[:, 1]))) - 1e-3 * np.ptp(ends, axis=1).mean() + other.mean()


@pytest.mark.parametrize("counts", [FEW_COLUMNS, MANY_COLUMNS], ids=["moments", "rows"])
def test_intervals_are_scored_as_in_grid_search(counts):
    search, expected = both(counts, 2, scoring=share_inside)
    assert_same_search(search, expected)
    assert np.ptp(search.cv_results_["mean_test_score"]) > 1e-3


def test_a_metric_that_ignores_weights_is_told_so():
    with pytest.warns(UserWarning, match="sample_weight") as caught:
        search, expected = both(COUNTS, 3, fit={"sample_weight": WEIGHT}, scoring=lambda est, X, y: est.score(X, y))
    assert len(caught) == 2
    assert_same_search(search, expected)


@pytest.mark.parametrize("direct_link", [True, False])
@pytest.mark.parametrize(
    ("directions", "frequencies"), [("sparse", "coordinatewise"), ("qmc", "isotropic"), ("hadamard", "isotropic")]
)
def test_every_coupling_is_nested(directions, frequencies, direct_link):
    assert_same_search(*both((5, 16, 31), 3, directions=directions, frequencies=frequencies, direct_link=direct_link))


def test_activations_and_length_scales_are_axes_of_the_grid():
    activations, length_scales = ["relu", "cauchy"], [2.0, np.linspace(2.0, 5.0, 10)]
    grid = {"activation": activations, "length_scale": length_scales}
    search = BundledNetworkRegressorCV(
        COUNTS, alphas=ALPHAS, activations=activations, length_scales=length_scales, cv=3, **KERNEL
    ).fit(X, Y)
    expected = GridSearchCV(BundledNetworkRegressor(**KERNEL), {"alpha": ALPHAS, "n_components": COUNTS, **grid}, cv=3)
    expected.fit(X, Y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], atol=1e-6
    )
    for ours, theirs in zip(search.cv_results_["params"], expected.cv_results_["params"], strict=True):
        assert ours.keys() == theirs.keys()
        assert all(ours[key] is theirs[key] or ours[key] == theirs[key] for key in ours)
    assert search.best_index_ == expected.best_index_
    assert search.activation_ == search.best_params_["activation"]
    np.testing.assert_allclose(search.predict(X), expected.predict(X), rtol=1e-8)


def test_csr_and_float32_rows_score_as_in_grid_search():
    assert_same_search(*both(COUNTS, 3, rows=sparse.csr_array(np.where(np.abs(X) > 1.0, X, 0.0))))
    search, expected = both(COUNTS, 3, rows=X.astype(np.float32))
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], atol=1e-4
    )
    assert search.predict(X.astype(np.float32)).dtype == np.float32


def test_data_frames_reach_scorers_as_they_are():
    frame, target = load_diabetes(return_X_y=True, as_frame=True)

    def scoring(estimator, X, y):
        assert X.columns.tolist() == frame.columns.tolist()
        return estimator.score(X, y)

    search = BundledNetworkRegressorCV((8, 16), alphas=ALPHAS, scoring=scoring, random_state=0).fit(frame, target)
    plain = BundledNetworkRegressorCV((8, 16), alphas=ALPHAS, random_state=0).fit(frame, target)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"], atol=1e-9)
    assert search.feature_names_in_.tolist() == frame.columns.tolist()
    assert search.best_estimator_.feature_names_in_.tolist() == frame.columns.tolist()


@pytest.mark.parametrize("preprocessing", ["once", "fold"])
@pytest.mark.parametrize("counts", [FEW_COLUMNS, MANY_COLUMNS], ids=["moments", "rows"])
def test_the_final_fit_is_the_network_with_the_chosen_parameters(counts, preprocessing):
    options = {"length_scales": 3.0, "random_state": 0, "preprocessing": preprocessing}
    search = BundledNetworkRegressorCV(counts, alphas=ALPHAS, **options).fit(X, TWO, sample_weight=WEIGHT)
    network = BundledNetworkRegressor(
        activation="gaussian", directions="orthogonal", frequencies="isotropic", length_scale=3.0, random_state=0
    )
    network.set_params(**search.best_params_).fit(X, TWO, sample_weight=WEIGHT)
    for name in ("output_coef_", "intercept_", "noise_variance_", "effective_dof_"):
        np.testing.assert_allclose(getattr(search, name), getattr(network, name), rtol=1e-6, atol=1e-9, err_msg=name)
    np.testing.assert_array_equal(search.alpha_, network.alpha_)
    np.testing.assert_allclose(search.transform(X), network.transform(X), rtol=1e-12)
    for ours, expected in zip(search.predict(X, return_std=True), network.predict(X, return_std=True), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)
    assert search.n_components_ == search.best_params_["n_components"]
    assert network.n_components_ == (search.n_components_,)


@pytest.mark.parametrize("counts", [FEW_COLUMNS, MANY_COLUMNS], ids=["moments", "rows"])
def test_preprocessing_by_fold_is_that_of_grid_search_to_the_quantile_map_and_the_kernel(counts):
    kernel = {"activation": "auto", "directions": "auto", "frequencies": "auto", "length_scale": "auto"}
    search = BundledNetworkRegressorCV(
        max(counts), alphas=ALPHAS[::2], activations="auto", length_scales="auto", directions="auto",
        frequencies="auto", preprocessing="fold", cv=2, random_state=0,
    )  # fmt: skip
    network = BundledNetworkRegressor(max(counts), **kernel, random_state=0)
    assert_same_search(
        search.fit(X, Y), GridSearchCV(network, {"alpha": ALPHAS[::2], "n_components": [max(counts)]}, cv=2).fit(X, Y)
    )


def test_preprocessing_once_never_looks_at_targets():
    seen = []

    def layers(y):
        def scoring(estimator, X, y):
            seen.append((fitted_network(estimator).feature_map.input_map.scores, estimator.length_scale_))
            return 0.0

        BundledNetworkRegressorCV(8, alphas=1.0, cv=2, scoring=scoring, random_state=0).fit(X, y)
        return seen.pop()

    (scores, length_scale), (other_scores, other_length_scale) = layers(Y), layers(Y[::-1] ** 2)
    assert length_scale == other_length_scale
    for one, other in zip(scores, other_scores, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["activations", "length_scales", "directions", "frequencies"])
def test_a_kernel_chosen_by_the_targets_needs_preprocessing_by_fold(name):
    search = BundledNetworkRegressorCV((4, 8), alphas=ALPHAS, random_state=0, **{name: "auto"})
    with pytest.raises(ValueError, match=f'{name}=.*preprocessing="fold"'):
        search.fit(X, Y)
    assert search.set_params(preprocessing="fold").fit(X, Y).best_score_ > 0.3


def test_one_standard_error_chooses_a_smaller_network_that_is_not_much_worse():
    best = BundledNetworkRegressorCV(COUNTS, alphas=ALPHAS, random_state=0).fit(X, Y)
    search = clone(best).set_params(selection="one_standard_error").fit(X, Y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], best.cv_results_["mean_test_score"])
    error = best.cv_results_["std_test_score"][best.best_index_] / np.sqrt(5)
    assert best.best_score_ - error <= search.best_score_ <= best.best_score_
    assert search.n_components_ == COUNTS[0]
    assert search.predict(X).shape == Y.shape


def test_refit_may_be_a_function_of_the_results():
    search = BundledNetworkRegressorCV(COUNTS, alphas=ALPHAS, refit=lambda results: 4, random_state=0).fit(X, Y)
    assert search.best_index_ == 4
    assert search.best_params_ == search.cv_results_["params"][4]
    assert search.n_components_ == search.best_params_["n_components"]
    assert not hasattr(search, "best_score_")
    with pytest.raises(ValueError, match="no position"):
        search.set_params(refit=lambda results: 9).fit(X, Y)


@pytest.mark.parametrize("scoring", [None, ["r2", "neg_max_error"]])
def test_without_refit_there_are_results_and_no_network(scoring):
    search = BundledNetworkRegressorCV(COUNTS, alphas=ALPHAS, refit=False, scoring=scoring, random_state=0).fit(X, Y)
    assert len(search.cv_results_["params"]) == 9
    assert hasattr(search, "best_params_") == (scoring is None)
    with pytest.raises(NotFittedError):
        search.predict(X)


def test_several_scores_need_to_know_which_one_chooses():
    with pytest.raises(ValueError, match=r"refit=True must name .*\['neg_max_error', 'r2'\]"):
        BundledNetworkRegressorCV(COUNTS, scoring=["r2", "neg_max_error"]).fit(X, Y)


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error"])
def test_metadata_routing_reaches_splitter_and_scorer_as_in_grid_search(scoring):
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer(scoring)
        options = {"alphas": ALPHAS, "activations": "gaussian", "length_scales": 4.0, "cv": GroupKFold(3), **KERNEL}
        fit = {"sample_weight": WEIGHT, "groups": GROUPS}
        for request in (True, False):
            asked = scorer.set_score_request(sample_weight=request)
            search = BundledNetworkRegressorCV(COUNTS, scoring=asked, **options).fit(X, Y, **fit)
            network = BundledNetworkRegressor(activation="gaussian", length_scale=4.0, **KERNEL)
            network.set_fit_request(sample_weight=True)
            grid = {"alpha": ALPHAS, "n_components": COUNTS}
            expected = GridSearchCV(network, grid, cv=GroupKFold(3), scoring=asked).fit(X, Y, **fit)
            assert_same_search(search, expected)


def test_metadata_routing_passes_groups_through_a_pipeline():
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(
            StandardScaler(), BundledNetworkRegressorCV((4, 8), alphas=ALPHAS, cv=GroupKFold(3), random_state=0)
        )
        model.fit(X, Y, groups=GROUPS)
        direct = BundledNetworkRegressorCV((4, 8), alphas=ALPHAS, cv=GroupKFold(3), random_state=0)
        direct.fit(StandardScaler().fit_transform(X), Y, groups=GROUPS)
    np.testing.assert_array_equal(model[1].cv_results_["mean_test_score"], direct.cv_results_["mean_test_score"])


def test_unknown_metadata_is_refused():
    with pytest.raises(TypeError, match="colour"):
        BundledNetworkRegressorCV(COUNTS).fit(X, Y, colour=1)


def test_groups_that_are_missing_are_missed():
    with pytest.raises(ValueError, match="groups"):
        BundledNetworkRegressorCV(COUNTS, cv=GroupKFold(3)).fit(X, Y)


def test_leave_one_out_scores_as_in_grid_search():
    rows, y = X[:25], Y[:25]
    options = {"scoring": "neg_mean_squared_error", "cv": LeaveOneOut()}
    search, expected = both((4, 8), y=y, rows=rows, **options)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-6
    )


def test_r2_of_one_row_is_not_a_number_as_in_grid_search():
    rows, y, options = X[:12], Y[:12], {"cv": LeaveOneOut(), "alphas": 1.0, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        with pytest.warns(UserWarning, match="not a number"):
            search = BundledNetworkRegressorCV(4, **options).fit(rows, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).all()


def test_a_perfect_fit_is_scored_from_rows_where_moments_are_not_precise_enough():
    exact = (
        BundledNetworkRegressor(16, activation="gaussian", length_scale=4.0, alpha=1e-3, **KERNEL).fit(X, Y).predict(X)
    )
    search = BundledNetworkRegressorCV(
        16, alphas=1e-7, length_scales=4.0, scoring="neg_mean_squared_error", **KERNEL
    ).fit(X, exact)
    network = BundledNetworkRegressor(16, activation="gaussian", length_scale=4.0, alpha=1e-7, **KERNEL)
    for i, (train, test) in enumerate(KFold(5).split(X)):
        residual = exact[test] - network.fit(X[train], exact[train]).predict(X[test])
        expected = -np.mean(residual**2)
        assert -expected < 1e-9 * np.var(exact)
        assert search.cv_results_[f"split{i}_test_score"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("cv", [[], [(np.arange(0), np.arange(5))], [(np.arange(5), np.arange(0))]])
def test_splits_that_cannot_be_used_are_refused(cv):
    with pytest.raises(ValueError, match=r"cv=|No fits"):
        BundledNetworkRegressorCV(COUNTS, cv=cv).fit(X, Y)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_components", ()), ("n_components", (0, 4)), ("n_components", (4.5,)), ("alphas", ()), ("alphas", (-1.0,)),
     ("alphas", (np.nan,)), ("activations", []), ("length_scales", [])],
)  # fmt: skip
def test_an_unusable_grid_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name}="):
        BundledNetworkRegressorCV(**{name: value}).fit(X, Y)


def test_moments_that_do_not_fit_into_memory_are_refused():
    rows = np.random.default_rng(0).normal(size=(70_000, 1))
    with pytest.raises(ValueError, match=r"n_components up to 40000 with 5 groups .* GB"):
        BundledNetworkRegressorCV((40_000,), direct_link=False, **KERNEL, length_scales=1.0).fit(rows, rows[:, 0])


def test_there_is_no_partial_fit():
    search = BundledNetworkRegressorCV()
    assert not hasattr(search, "partial_fit")
    assert hasattr(BundledNetworkRegressor(), "partial_fit")


def test_the_same_seed_gives_the_same_search_and_another_seed_another():
    def scores(seed):
        search = BundledNetworkRegressorCV((4, 8), alphas=ALPHAS, random_state=seed)
        return search.fit(X, Y).cv_results_["mean_test_score"]

    np.testing.assert_array_equal(scores(0), scores(0))
    np.testing.assert_array_equal(scores(np.random.RandomState(3)), scores(np.random.RandomState(3)))
    assert np.abs(scores(0) - scores(1)).max() > 1e-3


def test_times_are_those_of_the_search():
    started = perf_counter()
    results = BundledNetworkRegressorCV(COUNTS, alphas=ALPHAS, random_state=0).fit(X, Y).cv_results_
    spent = perf_counter() - started
    total = sum(5 * results[f"mean_{name}"].sum() for name in ("fit_time", "score_time"))
    assert 0.0 < total < spent
    assert np.all(results["mean_fit_time"] > 0.0) and np.all(results["mean_score_time"] > 0.0)


def test_verbose_says_a_line_per_kernel(capsys):
    BundledNetworkRegressorCV((4, 8), alphas=ALPHAS, activations=["relu", "sin"], verbose=1, random_state=0).fit(X, Y)
    lines = [line for line in capsys.readouterr().out.splitlines() if " splits, " in line]
    assert len(lines) == 2
    assert "relu" in lines[0] and "5 splits, 2 counts, 3 alphas" in lines[0]


def test_the_chosen_network_predicts_rows_that_nobody_has_seen():
    train, test, y_train, y_test = train_test_split(X, Y, random_state=0)
    search = BundledNetworkRegressorCV(random_state=0).fit(train, y_train)
    assert search.score(test, y_test) == r2_score(y_test, search.predict(test)) > 0.35


def test_rows_without_weight_that_no_split_uses_do_not_matter():
    weight = np.ones(len(X))
    weight[200:250] = 0.0
    cv = [(np.arange(200), np.arange(250, 442)), (np.arange(250, 442), np.arange(200))]
    assert_same_search(*both(COUNTS, cv, fit={"sample_weight": weight}))


@pytest.mark.parametrize("side", ["training", "test"])
def test_a_set_without_weight_is_refused(side):
    weight = np.ones(len(X))
    weight[200:] = 0.0
    cv = [(np.arange(200), np.arange(200, 442))] if side == "test" else [(np.arange(200, 442), np.arange(200))]
    with pytest.raises(ValueError, match=f"no {side} row of positive weight in split 0"):
        BundledNetworkRegressorCV(COUNTS, cv=cv).fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize("preprocessing", ["once", "fold"])
def test_intervals_of_the_chosen_network_are_those_of_the_plain_one(preprocessing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = X[:, 0] + rng.normal(size=400) * np.exp(X[:, 1])
    kernel = {"input_transform": None, "random_state": 0}
    search = BundledNetworkRegressorCV(
        [16, 32], alphas=[1.0], activations="gaussian", length_scales=2.0, preprocessing=preprocessing, **kernel
    )
    search.fit(X, y, sample_weight=(np.arange(400) % 5 > 0).astype(float))
    count = search.n_components_
    plain = BundledNetworkRegressor(count, activation="gaussian", length_scale=2.0, alpha=1.0, **kernel)
    used = np.arange(400) % 5 > 0
    plain.set_params(directions=search.directions, frequencies=search.frequencies).fit(X[used], y[used])
    np.testing.assert_allclose(search.predict(X), plain.predict(X), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(search.predict_interval(X), plain.predict_interval(X), rtol=1e-5, atol=1e-8)
