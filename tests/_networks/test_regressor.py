import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from scipy.stats import norm
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from sknnk import BundledNetworkRegressor, URFSampler
from sknnk._networks import fitted_network
from sknnk._ridge.penalties import gcv

FIXED = {
    "n_components": 48,
    "activation": "gaussian",
    "directions": "orthogonal",
    "frequencies": "isotropic",
    "length_scale": 2.0,
    "alpha": 0.1,
    "input_transform": None,
    "random_state": 0,
}
FAMILIES = [
    {"activation": "relu", "directions": "gaussian", "frequencies": "isotropic"},
    {"activation": "cauchy", "directions": "sparse", "frequencies": "coordinatewise"},
    {"activation": np.tanh, "directions": "hadamard", "frequencies": "coordinatewise"},
]


def rows(n_samples, n_features=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))


def smooth(X):
    return np.sin(X[:, 0]) + X[:, -1] ** 2


def several(X):
    return np.column_stack([smooth(X), 100.0 * X[:, 0] * X[:, 1], np.full(len(X), 5.0)])


# Targets


def test_each_of_several_targets_is_fitted_as_if_alone():
    X, new = rows(200), rows(50, seed=1)
    Y = several(X)
    for settings in ({}, {"solver": "dual"}, {"alpha": np.logspace(-4, 2, 13)}):
        model = BundledNetworkRegressor(**{**FIXED, **settings}).fit(X, Y)
        assert model.output_coef_.shape == (3, 51)
        assert model.intercept_.shape == model.alpha_.shape == model.noise_variance_.shape == (3,)
        mean, std = model.predict(new, return_std=True)
        assert mean.shape == std.shape == (50, 3)
        for j in range(3):
            alone = clone(model).fit(X, Y[:, j])
            assert isinstance(alone.intercept_, float) and alone.output_coef_.shape == (51,)
            assert alone.alpha_ == model.alpha_[j]
            alone_mean, alone_std = alone.predict(new, return_std=True)
            np.testing.assert_allclose(mean[:, j], alone_mean, rtol=1e-8)
            np.testing.assert_allclose(std[:, j], alone_std, rtol=1e-6, atol=1e-9)


def test_one_target_in_a_column_stays_a_column():
    X, y = rows(60), smooth(rows(60))
    flat, column = (BundledNetworkRegressor(**FIXED).fit(X, target) for target in (y, y[:, None]))
    assert column.predict(X).shape == (60, 1)
    np.testing.assert_array_equal(column.predict(X)[:, 0], flat.predict(X))


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint8, np.float32, bool, object])
def test_targets_may_be_integers_booleans_or_objects(kind):
    X = rows(100)
    y = np.floor(3.0 + smooth(X)).clip(0, 9).astype(kind)
    model = BundledNetworkRegressor(**FIXED).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), clone(model).fit(X, y.astype(np.float64)).predict(X))
    assert model.predict(X).dtype == np.float64


@pytest.mark.parametrize("container", [pd.Series, lambda y: pd.DataFrame({"a": y}), list])
def test_targets_may_be_tables_and_lists(container):
    X, y = rows(60), smooth(rows(60))
    model = BundledNetworkRegressor(**FIXED).fit(X, container(y))
    np.testing.assert_allclose(model.predict(X).ravel(), clone(model).fit(X, y).predict(X))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([np.nan, 1.0, 2.0], "contains NaN"),
        ([np.inf, 1.0, 2.0], "contains infinity"),
        (["a", "b", "c"], "holds text, such as 'a'.* or take BundledNetworkClassifier"),
        (np.zeros((3, 1, 1)), "dim 3"),
        ([1j, 2.0, 3.0], "Complex data not supported"),
        (sparse.csr_array(np.eye(3)), r"y is sparse; pass a dense array of targets, y.toarray\(\)"),
        (None, "requires y to be passed"),
        (
            [1e200, 0.0, 1.0],
            r"y holds values up to 1e\+200, and with X of dtype float64 they may not exceed 1.34e\+154; resc",
        ),
    ],
)
def test_targets_that_are_no_numbers_are_refused(bad, words):
    for method in ("fit", "partial_fit"):
        with pytest.raises((ValueError, TypeError), match=words):
            getattr(BundledNetworkRegressor(**FIXED), method)(rows(3), bad)


def test_targets_too_large_for_float32_rows_are_refused_and_told_the_remedy():
    X = rows(50).astype(np.float32)
    with pytest.raises(
        ValueError, match=r"y holds values up to 1e\+30, and with X of dtype float32 .* pass X as float64"
    ):
        BundledNetworkRegressor(**FIXED).fit(X, np.full(50, 1e30))
    assert np.isfinite(BundledNetworkRegressor(**FIXED).fit(X, 1e18 * smooth(X)).predict(X)).all()


@pytest.mark.parametrize("settings", [{}, {"solver": "dual"}, {"input_transform": None}, {"n_components": (9, 9)}])
@pytest.mark.parametrize("value", [0.0, 5.0, -1e150, 1e-150])
def test_a_constant_target_is_predicted_everywhere_and_without_doubt(settings, value):
    X = rows(100)
    model = BundledNetworkRegressor(**{"n_components": 40, "random_state": 0, **settings}).fit(X, np.full(100, value))
    mean, std = model.predict(rows(50, seed=1) * 3.0, return_std=True)
    np.testing.assert_allclose(mean, value, rtol=1e-12)
    assert np.all(std <= 1e-7 * abs(value))


@pytest.mark.parametrize("unit", [1e153, 1e150, 1e-150, 1e10])
@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_the_unit_of_the_target_does_not_matter(unit, solver):
    X, new = rows(120), rows(30, seed=1)
    model = BundledNetworkRegressor(60, solver=solver, random_state=0)
    mean, std = clone(model).fit(X, smooth(X)).predict(new, return_std=True)
    scaled_mean, scaled_std = clone(model).fit(X, unit * smooth(X)).predict(new, return_std=True)
    np.testing.assert_allclose(scaled_mean / unit, mean, atol=1e-6)
    np.testing.assert_allclose(scaled_std / unit, std, rtol=1e-4)


def test_an_offset_of_the_target_moves_the_intercept_alone():
    X = rows(100)
    model, moved = (BundledNetworkRegressor(**FIXED).fit(X, smooth(X) + offset) for offset in (0.0, 1e6))
    np.testing.assert_allclose(moved.output_coef_, model.output_coef_, atol=1e-7)
    assert moved.intercept_ - model.intercept_ == pytest.approx(1e6, rel=1e-12)


@pytest.mark.filterwarnings("ignore:A single training row tells nothing")
def test_one_row_predicts_itself_everywhere():
    for settings in ({}, {"input_transform": None}, {"solver": "primal"}, {"n_components": (7, 5)}):
        model = BundledNetworkRegressor(**{"n_components": 20, "random_state": 0, **settings}).fit([[1.0, 2.0]], [3.5])
        mean, std = model.predict(rows(10, 2), return_std=True)
        np.testing.assert_allclose(mean, 3.5, rtol=1e-12)
        assert np.isfinite(std).all()


def test_later_rows_need_the_targets_of_earlier_ones():
    X = rows(50)
    model = BundledNetworkRegressor(**FIXED).partial_fit(X, several(X))
    with pytest.raises(ValueError, match="y has 1 targets, but earlier rows had 3"):
        model.partial_fit(X, smooth(X))


def test_later_rows_may_be_larger_than_the_first():
    X = rows(200)
    y = smooth(X) * np.where(np.arange(200) < 50, 1e-3, 1e3)
    model = BundledNetworkRegressor(**{**FIXED, "direct_link": False})
    parts = clone(model).partial_fit(X[:50], y[:50]).partial_fit(X[50:], y[50:])
    np.testing.assert_allclose(parts.predict(X), clone(model).fit(X, y).predict(X), rtol=1e-8, atol=1e-6)


# The penalty


def test_candidates_compete_in_generalised_cross_validation():
    X, candidates = rows(200), np.array([1e-6, 1e-3, 0.1, 10.0, 1e4])
    y = smooth(X) + 0.3 * np.random.default_rng(1).normal(size=200)
    model = BundledNetworkRegressor(**{**FIXED, "alpha": candidates}).fit(X, y)
    criterion = gcv(fitted_network(model).solution.system, candidates[:, None])[:, 0]
    assert model.alpha_ == candidates[np.argmin(criterion)] not in (1e-6, 1e4)
    by_hand = BundledNetworkRegressor(**{**FIXED, "alpha": model.alpha_}).fit(X, y)
    # Solved by a Cholesky factor, and by eigenvectors.
    np.testing.assert_allclose(by_hand.predict(X), model.predict(X), rtol=1e-8, atol=1e-9)
    shuffled = BundledNetworkRegressor(**{**FIXED, "alpha": list(candidates[::-1])}).fit(X, y)
    assert shuffled.alpha_ == model.alpha_


def test_every_target_may_have_its_own_penalty():
    X = rows(100)
    Y, alphas = several(X), [0.01, 1.0, 100.0]
    model = BundledNetworkRegressor(**{**FIXED, "alpha": [alphas]}).fit(X, Y)
    assert model.alpha_.tolist() == alphas
    for j, alpha in enumerate(alphas):
        alone = BundledNetworkRegressor(**{**FIXED, "alpha": alpha}).fit(X, Y[:, j])
        np.testing.assert_allclose(model.predict(X)[:, j], alone.predict(X), rtol=1e-9)
        assert alone.effective_dof_ == pytest.approx(model.effective_dof_[j])


def test_more_penalty_leaves_fewer_degrees_of_freedom_and_smaller_coefficients():
    X = rows(100)
    models = [BundledNetworkRegressor(**{**FIXED, "alpha": a}).fit(X, smooth(X)) for a in (0.0, 1e-3, 1.0, 1e3, 1e12)]
    dofs = [model.effective_dof_ for model in models]
    norms = [np.linalg.norm(model.output_coef_) for model in models]
    assert np.all(np.diff(dofs) < 0.0) and np.all(np.diff(norms) < 0.0)
    assert dofs[0] == pytest.approx(np.linalg.matrix_rank(models[0].transform(X) - models[0].transform(X).mean(axis=0)))
    np.testing.assert_allclose(models[-1].predict(X), smooth(X).mean(), rtol=1e-6)


@pytest.mark.parametrize("settings", FAMILIES)
def test_what_is_fixed_is_kept_and_what_is_not_is_reported(settings):
    X = rows(150)
    model = BundledNetworkRegressor(32, random_state=0, **settings).fit(X, smooth(X))
    assert (model.activation_, model.directions_, model.frequencies_) == tuple(settings.values())
    assert {candidate[:3] for candidate, *_ in model.search_history_} == {tuple(settings.values())}
    assert model.length_scale_ == model.samplers_[0].length_scale_ > 0.0
    assert model.alpha_ > 0.0
    assert model.n_components_ == (32,)
    assert model.score(X, smooth(X)) > 0.5


# Uncertainty


def drawn_problem(seed, n_train=250, n_test=1000, noise=0.3, prior=2.0):
    """Rows, targets and a model that knows how they were drawn: weights from the prior, Gaussian noise."""
    rng = np.random.default_rng(seed)
    alpha = (noise / prior) ** 2
    model = BundledNetworkRegressor(**{**FIXED, "alpha": alpha, "direct_link": False, "random_state": seed})
    X = rng.normal(size=(n_train + n_test, 3))
    columns = model.fit(X, X[:, 0]).transform(X)
    y = 1.0 + columns @ rng.normal(scale=prior, size=48) + rng.normal(scale=noise, size=len(X))
    return model, X, y, n_train


def test_intervals_cover_new_targets_as_often_as_they_say():
    n_problems, inside, variances = 40, [], []
    z = norm.ppf(0.95)
    for seed in range(n_problems):
        model, X, y, n = drawn_problem(seed)
        mean, std = (
            model.set_params(solver=["primal", "dual"][seed % 2]).fit(X[:n], y[:n]).predict(X[n:], return_std=True)
        )
        inside.append(np.mean(np.abs(y[n:] - mean) < z * std))
        variances.append(model.noise_variance_)
    # Within a problem the coverage moves with the noise estimate, by 2 z phi(z) per unit of its logarithm, whose
    # deviation is 1 / sqrt(2 (n - 1 - dof)); then come the binomial error and, smaller, that of the shared fit.
    freedom = n - 1 - model.effective_dof_
    deviation = np.hypot(2.0 * z * norm.pdf(z) / np.sqrt(2.0 * freedom), np.sqrt(0.9 * 0.1 / 1000))
    assert np.mean(inside) == pytest.approx(0.9, abs=4.0 * deviation / np.sqrt(n_problems))
    relative = np.sqrt(2.0 / freedom / n_problems)
    assert np.mean(variances) == pytest.approx(0.09, rel=4.0 * relative)


def test_intervals_without_the_uncertainty_of_the_fit_would_cover_too_little():
    # The power of the test above: with the noise alone, coverage falls below its bound.
    inside = []
    for seed in range(40):
        model, X, y, n = drawn_problem(seed, n_train=60)
        mean, std = model.fit(X[:n], y[:n]).predict(X[n:], return_std=True)
        error, z = np.abs(y[n:] - mean), norm.ppf(0.95)
        inside.append([np.mean(error < z * std), np.mean(error < z * np.sqrt(model.noise_variance_))])
    full, noise_alone = np.mean(inside, axis=0)
    assert abs(full - 0.9) < 0.02
    assert noise_alone < 0.87


def test_intervals_with_every_choice_on_auto_cover_about_as_often_as_they_say():
    inside = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-2.0, 2.0, size=(900, 2))
        y = np.sin(2.0 * X[:, 0]) + X[:, 1] + 0.3 * rng.normal(size=900)
        model = BundledNetworkRegressor(128, random_state=seed).fit(X[:300], y[:300])
        mean, std = model.predict(X[300:], return_std=True)
        inside.append(np.mean(np.abs(y[300:] - mean) < norm.ppf(0.95) * std))
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_predictions_away_from_the_rows_are_less_certain(solver):
    X = rows(300, 2)
    y = smooth(X) + 0.1 * np.random.default_rng(1).normal(size=300)
    model = BundledNetworkRegressor(**{**FIXED, "n_components": 200, "solver": solver, "length_scale": 1.0}).fit(X, y)
    distances = [0.0, 2.0, 4.0, 8.0]
    stds = [model.predict([[r, 0.0]], return_std=True)[1].item() for r in distances]
    assert np.all(np.diff(stds) > 0.0)
    assert stds[0] > np.sqrt(model.noise_variance_)
    assert stds[-1] > 2.0 * stds[0]


def test_the_standard_deviation_is_that_of_bayesian_ridge_regression_on_the_features():
    X, new = rows(100), rows(20, seed=1)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, 100)
    model = BundledNetworkRegressor(**FIXED).fit(X, smooth(X), sample_weight=weight)
    F, y = model.transform(X), smooth(X)
    centre = np.average(F, axis=0, weights=weight)
    # Weights that are no copies have their mean for a unit, and the penalty is in that of the weights as given.
    unit, n = weight.mean(), 100.0
    weight = weight / unit
    inverse = np.linalg.inv((F - centre).T @ ((F - centre) * weight[:, None]) + 0.1 / unit * np.eye(51))
    phi = model.transform(new) - centre
    residual = weight @ (y - model.predict(X)) ** 2
    dof = np.trace((F - centre).T @ ((F - centre) * weight[:, None]) @ inverse)
    assert model.effective_dof_ == pytest.approx(dof, rel=1e-8)
    assert model.noise_variance_ == pytest.approx(residual / (n - 1.0 - dof), rel=1e-6)
    variance = model.noise_variance_ * (1.0 + 1.0 / n + np.einsum("ij,jk,ik->i", phi, inverse, phi))
    np.testing.assert_allclose(model.predict(new, return_std=True)[1], np.sqrt(variance), rtol=1e-8)


def test_standard_deviations_have_the_dtype_of_the_rows():
    X = rows(50).astype(np.float32)
    mean, std = BundledNetworkRegressor(**FIXED).fit(X, smooth(X)).predict(X, return_std=True)
    assert mean.dtype == std.dtype == np.float32


# Inside scikit-learn


@pytest.fixture(scope="module")
def mixed_table():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X["sex"] = np.where(X["sex"] > 0, "f", "m")
    return X, y


def encoder(sparse_output=False):
    return ColumnTransformer(
        [("category", OneHotEncoder(sparse_output=sparse_output), ["sex"])],
        remainder=MinMaxScaler(),
        sparse_threshold=1.0,
    )


@pytest.mark.parametrize("sparse_output", [False, True])
def test_a_pipeline_with_a_column_transformer_beats_the_mean(mixed_table, sparse_output):
    X, y = mixed_table
    for last in (BundledNetworkRegressor(64, random_state=0), make_pipeline(URFSampler(random_state=0), RidgeCV())):
        pipeline = make_pipeline(encoder(sparse_output), last)
        scores = cross_val_score(clone(pipeline), X, y, cv=3, error_score="raise")
        assert scores.min() > 0.3
    pipeline = make_pipeline(encoder(), URFSampler(random_state=0), RidgeCV()).set_output(transform="pandas").fit(X, y)
    assert list(pipeline[:-1].transform(X).columns[:2]) == ["urfsampler0", "urfsampler1"]


def test_a_grid_search_over_a_pipeline_finds_the_better_setting(mixed_table):
    X, y = mixed_table
    pipeline = make_pipeline(encoder(), BundledNetworkRegressor(n_components=32, random_state=0, **FAMILIES[0]))
    grid = {
        "bundlednetworkregressor__alpha": [1e12, "auto"],
        "bundlednetworkregressor__n_components": np.array([16, 32]),
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_["bundlednetworkregressor__alpha"] == "auto"
    assert search.best_score_ > 0.3
    assert search.predict(X).shape == y.shape


def test_a_network_is_a_transformer_for_the_next_step(mixed_table):
    X, y = mixed_table
    features = BundledNetworkRegressor(64, random_state=0)
    pipeline = make_pipeline(encoder(), features, RidgeCV(np.logspace(-3, 3, 7)))
    assert cross_val_score(pipeline, X, y, cv=3, error_score="raise").min() > 0.3


def test_sample_weights_are_routed_as_metadata(mixed_table):
    X, y = mixed_table
    weight = np.where(np.arange(len(y)) % 2, 0.0, 2.0)
    network = BundledNetworkRegressor(32, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        asked = network.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        routed = make_pipeline(encoder(), asked).fit(X, y, sample_weight=weight)
        scores = cross_validate(make_pipeline(encoder(), asked), X, y, cv=3, params={"sample_weight": weight})[
            "test_score"
        ]
        without = cross_validate(make_pipeline(encoder(), clone(asked)), X, y, cv=3)["test_score"]
        request = clone(network).set_partial_fit_request(sample_weight=True).set_predict_request(return_interval=True)
        assert request.get_metadata_routing().partial_fit.requests == {"sample_weight": True}
        assert request.get_metadata_routing().predict.requests["return_interval"] is True
    columns = clone(routed[0]).fit_transform(X)
    direct = BundledNetworkRegressor(32, random_state=0).fit(columns, y, sample_weight=weight)
    np.testing.assert_allclose(routed.predict(X), direct.predict(columns), rtol=1e-9)
    assert not np.allclose(scores, without)


def test_defaults_beat_the_mean_and_a_line_on_a_curved_function():
    X, new = rows(300), rows(1000, seed=1)
    noise = 0.1 * np.random.default_rng(2).normal(size=300)
    assert BundledNetworkRegressor(random_state=0).fit(X, smooth(X) + noise).score(new, smooth(new)) > 0.9
