import pickle

import numpy as np
import pytest
import threadpoolctl
from scipy import sparse
from sklearn.datasets import make_blobs
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._compute import tiled_cholesky
from sknnk._features import SymmetricKernel
from sknnk._integration import Execution
from sknnk._kernel_learning import kernel_features
from sknnk._kernels import kernel_matrix
from sknnk._networks import fitted_network, held_out, kernel_fitting, kernel_plans, specification, streaming
from sknnk._networks.calibration import fit_temperature, probabilities
from sknnk._networks.specification import NetworkSpec
from sknnk._ridge.solvers import exact
from sknnk._ridge.solvers.exact import solve_exactly

TRANSFORMS = ["quantile", None]
SIZES = ["auto", 12]


def table(n=50, n_features=3, seed=0, dtype=np.float64):
    """The first column matters most."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    y = np.sin(2.0 * X[:, 0]) + 0.1 * X.sum(axis=1) + 0.1 * rng.normal(size=n)
    return X.astype(dtype), y, rng.integers(1, 4, n).astype(float)


def network(n_components="auto", **kwargs):
    return BundledNetworkRegressor(n_components, **{"feature_map": "kernel", "random_state": 0, "n_jobs": 1, **kwargs})


def everything(model, X):
    """All that a network says of rows."""
    return np.column_stack([*model.predict(X, return_std=True), model.predict_interval(X, 0.8)])


@pytest.mark.parametrize("n_components", SIZES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_predictions_are_columns_times_coefficients_and_columns_those_of_the_kernels(n_components, transform):
    X, y, _ = table()
    model = network(n_components, input_transform=transform).fit(X, y)
    n = 50 if n_components == "auto" else n_components
    assert model.feature_map_ == "kernel" and model.n_components_ == (n,) and model.output_coef_.shape == (n,)
    assert model.solver_ == ("dual" if n == 50 else "primal")
    np.testing.assert_allclose(model.transform(X) @ model.output_coef_ + model.intercept_, model.predict(X), atol=1e-9)
    if n == 50 and transform is None:
        centres = fitted_network(model).feature_map.centres
        np.testing.assert_allclose(model.transform(X), kernel_matrix(model.kernels_, X, centres), rtol=1e-12)
    assert model.samplers_ == () and model.directions_ is None
    assert (model.activation_, model.frequencies_) == (model.kernels_[0].activation, model.kernels_[0].frequencies)
    np.testing.assert_allclose(model.length_scale_, 1.0 / model.kernels_[0].column_scales)
    assert len(model.search_history_) > 5 and model.search_history_[-1][1] == 50


@pytest.mark.parametrize("n_components", SIZES)
def test_the_order_of_the_rows_does_not_matter(n_components):
    X, y, weight = table()
    order = np.random.default_rng(0).permutation(50)
    found, expected = (network(n_components).fit(X[i], y[i], weight[i]) for i in (order, slice(None)))
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n_components", SIZES)
def test_an_integer_weight_is_a_repeated_row_and_weight_zero_is_none(n_components):
    X, y, weight = table()
    weight[::7] = 0.0
    expected = network(n_components).fit(X, y, weight).predict(X)
    every = np.repeat(np.arange(50), weight.astype(int))
    np.testing.assert_allclose(network(n_components).fit(X[every], y[every]).predict(X), expected, rtol=1e-5, atol=1e-7)
    seen = weight > 0.0
    np.testing.assert_array_equal(network(n_components).fit(X[seen], y[seen], weight[seen]).predict(X), expected)


@pytest.mark.parametrize("n_components", SIZES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_csr_rows_give_the_network_of_dense_ones(n_components, transform):
    X, y, _ = table()
    X[np.abs(X) < 0.3] = 0.0
    dense, csr = (
        network(n_components, input_transform=transform).fit(kind(X), y) for kind in (np.asarray, sparse.csr_array)
    )
    np.testing.assert_allclose(everything(csr, sparse.csr_array(X)), everything(dense, X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_components", SIZES)
def test_single_precision_stays_single(n_components):
    X, y, _ = table(dtype=np.float32)
    model = network(n_components).fit(X, y)
    assert model.output_coef_.dtype == model.transform(X).dtype == model.predict(X).dtype == np.float32
    assert model.predict_interval(X).dtype == model.predict(X, return_std=True)[1].dtype == np.float32
    double = network(n_components).fit(X.astype(float), y)
    # A learned kernel may be small and its coefficients large; six digits of the largest product are left.
    products = np.abs(double.transform(X.astype(float))) @ np.abs(double.output_coef_)
    assert np.max(np.abs(model.predict(X) - double.predict(X.astype(float)))) < 1e-5 * np.max(products) + 1e-3


def test_more_landmarks_than_rows_are_the_exact_network_and_many_are_close_to_it():
    X, y, _ = table()
    exact, more, nearly, few = (network(n).fit(X, y).predict(X) for n in ("auto", 99, 45, 3))
    assert not np.allclose(exact, few, atol=0.1)
    # A number of components switches learning off; the exact network without it is the one to compare with.
    exact = network(feature_learning=None).fit(X, y).predict(X)
    np.testing.assert_array_equal(exact, more)
    assert np.sqrt(np.mean((nearly - exact) ** 2)) < 0.3 * np.sqrt(np.mean((few - exact) ** 2))


def test_threads_and_blocks_do_not_matter_and_a_pickle_is_the_same_network():
    X, y, _ = table()
    for n_components in SIZES:
        model = network(n_components).fit(X, y)
        other = network(n_components, n_jobs=3, batch_size=7).fit(X, y)
        np.testing.assert_allclose(everything(other, X), everything(model, X), rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(everything(pickle.loads(pickle.dumps(model)), X), everything(model, X))
        np.testing.assert_array_equal(everything(network(n_components).fit(X, y), X), everything(model, X))


@pytest.mark.parametrize("two_precisions", [False, True])
@pytest.mark.parametrize("estimator", [BundledNetworkRegressor, BundledNetworkClassifier])
def test_an_exact_fit_is_the_same_to_the_last_digit_for_any_number_of_threads(estimator, two_precisions, monkeypatch):
    monkeypatch.setattr(tiled_cholesky, "_MANY_ROWS", 40)
    monkeypatch.setattr(tiled_cholesky, "_PANEL", 24)
    monkeypatch.setattr(exact, "_MANY_ROWS", 0 if two_precisions else 10**9)
    X, y, weight = table(90, 4)
    y = y if estimator is BundledNetworkRegressor else np.digitize(y, [-0.5, 0.5])
    fixed = {"activation": "cauchy", "input_transform": "robust", "frequencies": "isotropic", "random_state": 0}
    one, three = (estimator(n_jobs=jobs, **fixed).fit(X, y, sample_weight=weight) for jobs in (1, 3))
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        limited = estimator(n_jobs=2, **fixed).fit(X, y, sample_weight=weight)
    for other in (three, limited):
        assert np.array_equal(other.output_coef_, one.output_coef_) and np.array_equal(other.alpha_, one.alpha_)
        assert [fit[1:] for fit in other.search_history_] == [fit[1:] for fit in one.search_history_]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "kernel"),
        ({"activation": "tanh", "length_scale": 2.0, "frequencies": "isotropic"}, "kernel"),
        ({"alpha": 0.1}, "kernel"),
        ({"alpha": [0.1, 1.0]}, "kernel"),
        ({"alpha": 0.0}, "random"),
        ({"alpha": [0.0, 1.0]}, "random"),
        ({"n_components": 20}, "random"),
        ({"directions": "sparse"}, "random"),
        ({"solver": "dual"}, "random"),
        ({"feature_map": "random"}, "random"),
        ({"feature_map": "kernel", "n_components": 20, "solver": "cg"}, "kernel"),
    ],
)
def test_landmarks_are_chosen_where_nothing_asks_for_random_columns(parameters, expected):
    X, y, _ = table(20)
    assert network(**{"feature_map": "auto", **parameters}).fit(X, y).feature_map_ == expected


@pytest.mark.parametrize("options", [{}, {"loss": "huber"}, {"block_size": 40}])
def test_a_small_sparse_table_gets_the_network_of_the_dense_one(options, monkeypatch):
    (X, y, _), (new, _, _) = table(60), table(20, seed=1)
    X[:, 2] = X[:, 2] > 0.5
    dense = network(feature_map="auto", **options).fit(X, y)
    thin = network(feature_map="auto", **options).fit(sparse.csr_array(X), y)
    assert thin.feature_map_ == "kernel"
    np.testing.assert_array_equal(thin.predict(X), dense.predict(X))
    np.testing.assert_array_equal(thin.predict_interval(X), dense.predict_interval(X))
    np.testing.assert_allclose(thin.predict(sparse.csr_array(new)), dense.predict(new), rtol=1e-9)
    monkeypatch.setattr(specification, "_MOST_DENSE_BYTES", X.nbytes - 1)
    assert network(feature_map="auto", **options).fit(sparse.csr_array(X), y).feature_map_ == "random"


def test_landmarks_are_chosen_for_tables_of_some_rows_and_not_too_many_columns(monkeypatch):
    X, y, _ = table(20)
    for n, expected in ((7, "random"), (8, "kernel"), (9, "kernel")):
        assert network(feature_map="auto").fit(X[:n], y[:n]).feature_map_ == expected
    assert network(feature_map="auto", alpha=[[0.1, 1.0]]).fit(X, np.column_stack([y, y])).feature_map_ == "random"
    monkeypatch.setattr(specification, "_MAX_COMPARED_FEATURES", 2)
    assert network(feature_map="auto").fit(X, y).feature_map_ == "random"
    monkeypatch.setattr(specification, "_MAX_COMPARED_FEATURES", 3)
    monkeypatch.setattr(kernel_plans, "EXACT_ROWS", 19)
    monkeypatch.setattr(kernel_plans, "_BLOCK_SIZE", 10)
    monkeypatch.setattr(kernel_plans, "_AFFORDED", 0.0)
    large = network(feature_map="auto").fit(X, y)
    assert large.feature_map_ == "kernel" and large.solver_ == "blocks"


def test_a_large_table_gets_landmarks_of_its_own_number(monkeypatch):
    monkeypatch.setattr(kernel_plans, "_LANDMARKS_ALONE", 20)
    monkeypatch.setattr(held_out, "HELD_ROWS", 25)
    X, y, _ = table()
    model = network(block_size=None).fit(X, y)
    assert model.n_components_ == (20,) and model.solver_ == "primal" and model.score(X, y) > 0.8
    assert fitted_network(model).held_out_residuals().residuals.shape == (25, 1)
    # Its rows are two rows over and over: there are no more landmarks than that.
    assert network(block_size=None).fit(np.tile(X[:2], (20, 1)), np.tile(y[:2], 20)).n_components_ == (2,)


@pytest.mark.parametrize("weighted", [False, True])
def test_held_out_residuals_of_landmarks_are_those_of_fits_without_the_row(weighted):
    X, y, weight = table(30)
    weight = weight if weighted else np.ones(30)
    model = network(8, alpha=0.2, input_transform=None).fit(X, y, weight)
    columns, unit = np.column_stack([np.ones(30), model.transform(X)]), weight.min()
    penalty = 0.2 * np.diag(np.arange(9) > 0.0)
    for i in range(30):
        left = weight - unit * (np.arange(30) == i)
        coef = np.linalg.solve(columns.T @ (left[:, None] * columns) + penalty, columns.T @ (left * y))
        found = fitted_network(model).held_out_residuals().residuals[i, 0] * fitted_network(model).target_units[0]
        assert found == pytest.approx(y[i] - columns[i] @ coef, rel=1e-6)


def learned(model):
    return fitted_network(model).choice.importances is not None


def test_importances_are_shares_that_find_what_matters_whether_they_were_learned_or_not():
    X, y, _ = table(80)
    model = network().fit(X, y)
    assert model.feature_importances_.sum() == pytest.approx(1.0) and np.all(model.feature_importances_ > 0.0)
    assert model.feature_importances_[0] > 0.6
    for parameters in ({"feature_learning": None}, {"n_components": 10}, {"length_scale": 1.0}, {"activation": "tanh"}):
        other = network(**parameters).fit(X, y)
        assert not learned(other) and other.feature_importances_.sum() == pytest.approx(1.0)
        assert np.argmax(other.feature_importances_) == 0
    assert learned(network(10, feature_learning="agop").fit(X, y))
    assert not learned(model.set_params(feature_learning=None).fit(X, y))


@pytest.mark.parametrize("n_components", ["auto", 60])
def test_a_target_along_a_combination_of_columns_is_found_along_it(n_components):
    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(300, 6)), rng.normal(size=(400, 6))
    direction = np.array([1.0, 1.0, -1.0, 1.0, 0.0, 0.0]) / 2.0
    y, target = (np.sin(2.0 * rows @ direction) for rows in (X, new))
    y = y + 0.05 * rng.normal(size=300)
    options = {"frequencies": "isotropic", "feature_map": "kernel", "feature_learning": "agop"}
    model, plain = (network(n_components, **(options | extra)).fit(X, y) for extra in ({}, {"feature_learning": None}))
    kernel = next(kernel for kernel in model.kernels_ if kernel.projection is not None)
    assert 1.0 - model.score(new, target) < 0.3 * (1.0 - plain.score(new, target))
    # What it says of columns: two do not matter, and the others as much as each other.
    assert np.all(model.feature_importances_[:4] > 0.15) and np.all(model.feature_importances_[4:] < 0.05)
    if kernel is model.kernels_[0]:
        np.testing.assert_allclose(model.length_scale_, 1.0 / kernel.column_scales)
    lower, upper = model.predict_interval(new, 0.9).T
    assert np.mean((lower <= target) & (target <= upper)) > 0.8
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(new), model.predict(new))


def test_auto_takes_the_transform_of_fewer_errors_and_that_network_is_the_one_asked_for():
    rng = np.random.default_rng(0)
    angles = np.cumsum(rng.uniform(-1.5, 1.5, (400, 6)), axis=1)
    X, y = np.diff(angles, axis=1, prepend=0.0), np.cos(angles).sum(axis=1)
    ranks = np.argsort(np.argsort(X, axis=0), axis=0) / 400.0
    # The same table to normal scores, from which angles add up no longer.
    scores = []
    for inputs, transform in ((X, "standard"), (np.exp(9.0 * ranks), "quantile")):
        auto = network().fit(inputs[:300], y[:300])
        asked = network(input_transform=transform).fit(inputs[:300], y[:300])
        assert auto.input_transform_ == asked.input_transform_ == transform
        np.testing.assert_array_equal(auto.predict(inputs), asked.predict(inputs))
        scores.append(auto.score(inputs[300:], y[300:]))
    other = network(input_transform="quantile").fit(X[:300], y[:300])
    assert 1.0 - scores[0] < 0.7 * (1.0 - other.score(X[300:], y[300:]))
    given = network(length_scale=2.0).fit(X[:300], y[:300])
    assert given.input_transform_ == "quantile"  # in whose unit the length is
    assert network(input_transform=None).fit(X[:300], y[:300]).input_transform_ is None
    assert network(8, feature_map="random").fit(X[:300], y[:300]).input_transform_ == "quantile"
    robust = network(8, feature_map="random", input_transform="robust").fit(X[:300], y[:300])
    scores = fitted_network(robust).feature_map.input_map.scores[0]
    assert robust.input_transform_ == "robust" and np.max(np.abs(scores)) < 3.0


def test_a_network_fitted_again_with_random_columns_keeps_nothing_of_the_kernels():
    X, y, _ = table(20)
    model = network().fit(X, y)
    model.set_params(feature_map="random", n_components=8).fit(X, y)
    assert not learned(model) and not hasattr(model, "kernels_")
    assert len(model.samplers_) == 1 and "primal" in model.solver_costs_
    assert not hasattr(model.set_params(feature_map="kernel").fit(X, y), "solver_costs_")


def test_only_one_positive_penalty_for_all_targets_fits_landmarks():
    X, y, _ = table(20)
    Y = np.column_stack([y, X[:, 1]])
    for alpha in (0.0, [0.0, 1.0], [[0.1, 1.0]]):
        with pytest.raises(ValueError, match=r"alpha=.*'auto', a positive number.*feature_map='random'"):
            network(alpha=alpha).fit(X, Y)
    for n_components in SIZES:
        model = network(n_components, alpha=[1e-3, 0.5, 20.0]).fit(X, Y)
        assert set(model.alpha_) <= {1e-3, 0.5, 20.0}
        assert np.array_equal(network(n_components, alpha=0.5).fit(X, Y).alpha_, [0.5, 0.5])


def test_landmarks_are_one_layer():
    X, y, _ = table(20)
    with pytest.raises(ValueError, match=r"n_components=\(8, 4\).*several layers.*feature_map='random'"):
        network((8, 4)).fit(X, y)
    assert network((8,)).fit(X, y).n_components_ == (8,)
    with pytest.raises(ValueError, match=r"n_components=.*positive integer"):
        network((0,)).fit(X, y)


KERNEL = {"activation": "gaussian", "length_scale": 1.0, "alpha": 0.1, "input_transform": None}


def test_the_exact_map_takes_chunks_in_any_order_as_one_fit():
    X, y, weight = table()
    together = network(**KERNEL).fit(X, y, weight)
    for chunks in (slice(0, 20), slice(20, 50)), (slice(30, 50), slice(0, 30)):
        pieces = network(**KERNEL)
        for rows in chunks:
            pieces.partial_fit(X[rows], y[rows], weight[rows])
        assert pieces.n_components_ == (50,) and pieces.n_samples_seen_ == 50
        np.testing.assert_allclose(pieces.predict(X), together.predict(X), rtol=1e-9)
        assert pieces.effective_dof_ == pytest.approx(together.effective_dof_)
    continued = network(feature_map="auto", **KERNEL).fit(X[:20], y[:20], weight[:20])
    continued.partial_fit(X[20:], y[20:], weight[20:])
    np.testing.assert_allclose(continued.predict(X), together.predict(X), rtol=1e-9)


def test_landmarks_stay_those_of_the_first_rows(monkeypatch):
    monkeypatch.setattr(streaming, "FEW_ROWS", 25)
    X, y, _ = table()
    model = network(12, **KERNEL).partial_fit(X[:20], y[:20]).partial_fit(X[20:30], y[20:30])
    centres = fitted_network(model).feature_map.centres
    model.partial_fit(X[30:], y[30:])
    assert fitted_network(model).feature_map.centres is centres and model.n_samples_seen_ == 50
    expected = Ridge(alpha=0.1).fit(model.transform(X), y)
    np.testing.assert_allclose(model.predict(X), expected.predict(model.transform(X)), rtol=1e-6)


def test_the_exact_map_gets_landmarks_and_blocks_when_chunks_make_too_many_rows(monkeypatch):
    X, y, _ = table()
    model = network(**KERNEL).fit(X, y)
    monkeypatch.setattr(kernel_plans, "EXACT_ROWS", 60)
    monkeypatch.setattr(kernel_plans, "_LANDMARKS", 20)
    monkeypatch.setattr(kernel_plans, "_BLOCK_SIZE", 30)
    monkeypatch.setattr(kernel_plans, "_AFFORDED", 0.0)
    model.partial_fit(X + 0.1, y)
    assert model.solver_ == "blocks" and model.n_components_ == (20,) and model.n_samples_seen_ == 100
    assert model.score(X, y) > 0.8


def test_a_first_chunk_gets_random_features_unless_landmarks_are_asked_for():
    X, y, _ = table()
    assert network(feature_map="auto").partial_fit(X, y).feature_map_ == "random"


@pytest.mark.parametrize(("n_components", "transform"), [("auto", "quantile"), (12, None)])
@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        (lambda X: np.ones_like(X), lambda y: y),
        (lambda X: X[:, :1], lambda y: y),
        (lambda X: np.column_stack([X, np.full(len(X), 7.0)]), lambda y: y),
        (lambda X: 1e150 * X, lambda y: y),
        (lambda X: 1e-150 * X, lambda y: y),
        (lambda X: X, lambda y: np.full_like(y, 3.0)),
        (lambda X: X, lambda y: np.zeros_like(y)),
        (lambda X: X, lambda y: 1e150 * y),
        (lambda X: X[:9], lambda y: y[:9]),
        (lambda X: X[:8], lambda y: y[:8]),
        (lambda X: X[:2], lambda y: y[:2]),
        (lambda X: X[:1], lambda y: y[:1]),
        (lambda X: np.repeat(X[:5], 6, axis=0), lambda y: y),
        (lambda X: np.vstack([X[:15], X[:15]]), lambda y: np.r_[y[:15], y[:15]]),
    ],
)
@pytest.mark.filterwarnings("ignore:[12] training rows are too few for intervals")
@pytest.mark.filterwarnings("ignore:A single training row tells nothing")
def test_any_table_has_finite_predictions_and_intervals_around_them(n_components, transform, inputs, targets):
    X, y, _ = table(30)
    X, y = inputs(X), targets(y)
    model = network(n_components, input_transform=transform).fit(X, y)
    prediction, std = model.predict(X, return_std=True)
    interval = model.predict_interval(X, 0.8)
    assert np.all(np.isfinite(prediction)) and np.all(np.isfinite(std)) and np.all(std >= 0.0)
    assert np.all(interval[:, 0] <= prediction) and np.all(prediction <= interval[:, 1])
    assert np.all(np.isfinite(model.predict(1e3 * X)))
    if np.ptp(y) == 0.0:
        np.testing.assert_allclose(prediction, y, rtol=1e-12)


def test_the_unit_of_the_inputs_does_not_matter_without_a_transform():
    X, y, _ = table(30)
    expected = network(input_transform=None).fit(X, y)
    for unit in (1e-150, 1e150, 1e300):
        model = network(input_transform=None).fit(unit * X, y)
        np.testing.assert_allclose(model.predict(unit * X), expected.predict(X), rtol=0, atol=1e-5)
        np.testing.assert_allclose(model.feature_importances_, expected.feature_importances_, rtol=1e-4)


def test_targets_of_any_unit_have_the_same_network_and_several_have_one_interval_each():
    X, y, _ = table()
    Y = np.column_stack([y, X[:, 1] ** 2])
    unit = np.array([1.0, 2.0**20])
    one, other = (network().fit(X, factor * Y) for factor in (np.ones(2), unit))
    interval = one.predict_interval(X, 0.8)
    assert interval.shape == (50, 2, 2) and network().fit(X, Y[:, :1]).predict_interval(X).shape == (50, 1, 2)
    np.testing.assert_allclose(other.predict_interval(X, 0.8) / unit[:, None], interval, rtol=1e-6, atol=1e-8)
    mean, std = one.predict(X, return_std=True)
    assert mean.shape == std.shape == (50, 2)
    np.testing.assert_allclose(interval.mean(axis=-1), mean, rtol=1e-9, atol=1e-12)


def test_intervals_need_a_level_between_zero_and_one_and_enough_rows_for_it():
    X, y, _ = table(9)
    model = network().fit(X, y)
    for level in (0.0, 1.0, -0.1, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"confidence_level=.*must lie between 0 and 1"):
            model.predict_interval(X, level)
    assert np.all(np.isfinite(model.predict_interval(X, 0.9)))
    with pytest.warns(UserWarning, match="9 training rows are too few for intervals of level 0.91.*at least 11 rows"):
        assert np.array_equal(model.predict_interval(X, 0.91), np.tile([-np.inf, np.inf], (9, 1)))


def test_learned_scales_lower_the_error_on_new_rows():
    X, y, _ = table(100, n_features=8)
    new, targets, _ = table(500, n_features=8, seed=1)
    for feature_map in ("kernel", "random"):
        scores = [
            network(feature_map=feature_map, feature_learning=learning).fit(X, y).score(new, targets)
            for learning in (None, "agop")
        ]
        assert 1.0 - scores[1] < 0.75 * (1.0 - scores[0])


def blobs(seed, n=90):
    X, labels = make_blobs(n, centers=np.random.default_rng(5).normal(size=(3, 4)), cluster_std=0.9, random_state=seed)
    return X, np.array(["a", "b", "c"])[labels]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_components", ["auto", 30])
def test_probabilities_are_calibrated_on_held_out_scores(n_classes, n_components):
    # One draw of ninety rows may mislead the held-out scores as well: six draws.
    losses = np.zeros(3)
    for seed in range(6):
        X, y = blobs(seed)
        new, labels = blobs(100 + seed, 400)
        if n_classes == 2:
            y, labels = np.where(y == "c", "a", y), np.where(labels == "c", "a", labels)
        fixed = {"feature_map": "kernel", "input_transform": "robust", "random_state": 0, "n_jobs": 1}
        model = BundledNetworkClassifier(n_components, activation="cauchy", frequencies="isotropic", **fixed).fit(X, y)
        assert model.classes_.size == n_classes
        scores, train = (fitted_network(model).scores(rows, Execution()) for rows in (new, X))
        own = fit_temperature(train, np.searchsorted(model.classes_, y), np.ones(len(y)))
        shares = [model.predict_proba(new), probabilities(scores, own), probabilities(scores, 1.0)]
        losses += [log_loss(labels, each) / 6.0 for each in shares]
        assert np.array_equal(model.classes_[shares[0].argmax(axis=1)], model.predict(new))
    assert losses[0] < losses[2]
    assert losses[0] < losses[1] + 1e-3


def test_the_temperature_of_the_exact_map_is_that_of_scores_without_the_row():
    X, y = blobs(0, 40)
    model = BundledNetworkClassifier(random_state=0, n_jobs=1).fit(X, y)
    fitted = fitted_network(model)
    rows, weight = fitted.kernel_rows, fitted.kernel_rows.sample_weight
    kernel, copies = SymmetricKernel(model.kernels_, rows.X), np.ones(40, dtype=np.int64)
    residuals = solve_exactly(kernel, rows.Y, weight, model.alpha_[0], 40, 1, copies=copies).held_residuals
    scores, labels = rows.Y - residuals, np.argmax(rows.Y, axis=1)
    assert model.feature_map_ == "kernel" and np.array_equal(weight, np.ones(40))
    assert np.array_equal(np.bincount(labels), [np.sum(y == name) for name in model.classes_])
    assert model.inverse_temperature_ == fit_temperature(scores, labels, weight, n_mislabelled=1.0)
    # One row left out, the kernel and the penalty as they are.
    centres, kernels, alpha = fitted_network(model).feature_map.centres, model.kernels_, model.alpha_[0]
    Y = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    K = kernel_matrix(kernels, centres, centres)
    system = np.block([[K[1:, 1:] + alpha * np.eye(39), np.ones((39, 1))], [np.ones((1, 39)), np.zeros((1, 1))]])
    solution = np.linalg.solve(system, np.vstack([Y[1:], np.zeros((1, 3))]))
    np.testing.assert_allclose(K[0, 1:] @ solution[:-1] + solution[-1], scores[0], rtol=1e-5, atol=1e-7)


def test_a_class_of_weight_zero_is_left_out():
    X, y = blobs(0, 40)
    model = BundledNetworkClassifier(random_state=0, n_jobs=1, class_weight={"a": 2.0, "b": 2.0, "c": 0.0}).fit(X, y)
    others = y != "c"
    other = BundledNetworkClassifier(random_state=0, n_jobs=1).fit(X[others], y[others])
    assert model.n_samples_seen_ == np.sum(others)
    np.testing.assert_allclose(model.decision_function(X)[:, 0], -other.decision_function(X), atol=1e-4)


def test_exact_rows_are_the_limit_of_the_rule_in_the_layers():
    assert kernel_plans.EXACT_ROWS is kernel_features.EXACT_ROWS


@pytest.mark.parametrize(("n_components", "solver"), [("auto", "primal"), (500, "dual"), (25, "primal")])
def test_no_row_is_lost_where_the_kernel_is_chosen_on_a_sample(n_components, solver, monkeypatch):
    monkeypatch.setattr(kernel_features, "SAMPLE_ROWS", 30)
    monkeypatch.setattr(kernel_features, "EXACT_ROWS", 30)
    monkeypatch.setattr(kernel_plans, "EXACT_ROWS", 30)
    monkeypatch.setattr(kernel_plans, "_LANDMARKS_ALONE", 25)
    X, y, _ = table(80)
    # Few distinct rows: all of those of the sample can be landmarks.
    X, y = np.round(X[:, :1]), y + 10.0 * (np.arange(80) % 2)
    model = network(n_components, block_size=None, **KERNEL).fit(X, y)
    assert model.n_samples_seen_ == 80 and model.solver_ == solver
    assert model.predict(X).mean() == pytest.approx(y.mean())
    if solver == "primal":
        expected = Ridge(alpha=0.1).fit(model.transform(X), y)
        np.testing.assert_allclose(model.predict(X), expected.predict(model.transform(X)), rtol=1e-6)


def test_a_kernel_matrix_beyond_the_memory_is_refused(monkeypatch):
    X, y, _ = table()
    monkeypatch.setattr(kernel_fitting, "machine_memory", lambda: 8.0 * 49**2)
    with pytest.raises(ValueError, match=r"exact feature map of 50 rows.*use fewer n_components"):
        network().fit(X, y)
    assert network(12).fit(X, y).n_components_ == (12,)


@pytest.mark.parametrize(
    ("parameters", "learning"),
    [
        ({}, {"agop", "resample"}),
        ({"length_scale": 2.0}, {"resample"}),
        ({"n_components": 16}, set()),
        ({"activation": "tanh"}, set()),
        ({"feature_learning": None}, set()),
        ({"feature_learning": "agop", "n_components": 16}, {"agop"}),
        ({"feature_learning": "agop", "length_scale": 2.0}, set()),
        ({"feature_learning": "resample", "activation": "tanh"}, {"resample"}),
        ({"feature_learning": "both", "n_components": 16}, {"agop", "resample"}),
    ],
)
def test_what_is_learned(parameters, learning):
    assert NetworkSpec.of(BundledNetworkRegressor(**parameters).get_params()).learning == learning


@pytest.mark.parametrize("learning", ["resample", "both"])
def test_frequencies_to_draw_again_mean_random_columns(learning):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 4))
    y = np.sin(2.5 * X[:, 0] + 1.5 * X[:, 1])
    options = {"activation": "gaussian", "frequencies": "isotropic", "length_scale": 1.0, "random_state": 0}
    model = BundledNetworkRegressor(200, feature_learning=learning, **options).fit(X[:300], y[:300])
    assert model.feature_map_ == "random"
    plain = BundledNetworkRegressor(200, feature_map="random", feature_learning=None, **options).fit(X[:300], y[:300])
    assert 1.0 - model.score(X[300:], y[300:]) < 0.7 * (1.0 - plain.score(X[300:], y[300:]))
    again = BundledNetworkRegressor(200, feature_learning=learning, n_jobs=1, **options).fit(X[:300], y[:300])
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-6, atol=1e-8)
    with pytest.raises(ValueError, match=rf"feature_learning='{learning}' draws.*feature_map='random'"):
        model.set_params(feature_map="kernel").fit(X, y)


@pytest.mark.parametrize("feature_map", ["kernel", "random"])
def test_a_length_scale_that_is_given_stays(feature_map):
    X, y, _ = table()
    model = BundledNetworkRegressor(
        16, feature_map=feature_map, feature_learning="agop", length_scale=2.5, random_state=0
    ).fit(X, y)
    assert np.all(model.length_scale_ == 2.5) and not learned(model)


def test_a_fit_leaves_nothing_of_the_one_before():
    X, y, _ = table()
    model = network().fit(X, y)
    assert fitted_network(model).kernel_rows is not None
    assert fitted_network(model.set_params(feature_map="random", n_components=8).fit(X, y)).kernel_rows is None


def test_repeating_every_row_changes_neither_the_map_nor_the_fit(monkeypatch):
    monkeypatch.setattr(kernel_plans, "EXACT_ROWS", 60)
    monkeypatch.setattr(kernel_plans, "_BLOCK_SIZE", 30)
    monkeypatch.setattr(kernel_plans, "_AFFORDED", 0.0)
    X, y, _ = table()
    once = network(feature_map="auto").fit(X, y)
    twice = network(feature_map="auto").fit(np.repeat(X, 2, axis=0), np.repeat(y, 2))
    assert once.feature_map_ == twice.feature_map_ == "kernel" and twice.n_components_ == (50,)
    other = network(feature_map="auto").fit(np.vstack([X, X + 1.0]), np.hstack([y, y]))
    assert other.solver_ == "blocks"
