"""Networks with landmarks and blocks, from rows to predictions."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._data import dense_inputs
from sknnk._kernels import kernel_matrix
from sknnk._networks import fitted_network
from sknnk._ridge.solvers import blocks as blocks_module

KERNEL = {"activation": "cauchy", "frequencies": "isotropic", "length_scale": 1.5, "alpha": 0.1}


def table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, np.sin(2.0 * X[:, 0]) + X[:, 1] + 0.1 * rng.normal(size=n), rng.integers(1, 4, n).astype(float)


def network(n_components=30, block_size=60, **options):
    options = {"feature_map": "kernel", "random_state": 0, "n_jobs": 1, **options}
    return BundledNetworkRegressor(n_components, block_size=block_size, **options)


@pytest.fixture(autouse=True)
def _in_float64(monkeypatch):
    monkeypatch.setattr(blocks_module, "_HARMLESS_ALPHA", np.inf)


def test_predictions_are_those_of_the_kernel_that_blocks_stand_for():
    X, y, weight = table()
    new = table(50, seed=1)[0]
    model = network(**KERNEL).fit(X, y, weight)
    fitted = fitted_network(model)
    kernel, task, units = fitted.feature_map.kernel, fitted.kernel_rows, fitted.target_units
    assert model.solver_ == "blocks" and model.feature_map_ == "kernel" and model.n_components_ == (30,)
    inputs = dense_inputs(fitted.feature_map.input_map, new)
    blocks, own = kernel.tree.block_of(inputs / 1.5), kernel.tree.block_of(task.X / 1.5)
    landmarks = kernel.landmarks
    among = kernel_matrix(kernel.kernels, landmarks, landmarks) + 1e-8 * np.eye(30)

    def values(rows, their):
        low = kernel_matrix(kernel.kernels, rows, landmarks) @ np.linalg.solve(
            among, kernel_matrix(kernel.kernels, landmarks, task.X)
        )
        return np.where(their[:, None] == own, kernel_matrix(kernel.kernels, rows, task.X), low)

    system = np.zeros((301, 301))
    system[:300, :300] = values(task.X, own) + model.alpha_ * np.diag(1.0 / task.sample_weight)
    system[300, :300] = system[:300, 300] = 1.0
    solved = np.linalg.solve(system, np.append(task.Y[:, 0], 0.0)) * units
    np.testing.assert_allclose(model.predict(new), values(inputs, blocks) @ solved[:300] + solved[300], rtol=1e-8)
    np.testing.assert_allclose(model.transform(new) @ model.output_coef_ + model.intercept_, model.predict(new))


def test_one_block_is_the_exact_map():
    X, y, weight = table()
    one, exact = (network("auto", size, **KERNEL).fit(X, y, weight) for size in (300, "auto"))
    assert one.solver_ == exact.solver_ == "dual"
    np.testing.assert_array_equal(one.predict(X), exact.predict(X))
    nearly = network("auto", 299, **KERNEL).fit(X, y, weight)
    assert nearly.solver_ == "blocks" and np.abs(nearly.predict(X) - exact.predict(X)).max() < 0.3


@pytest.mark.parametrize("batch_size", [1, 7, "auto"])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_neither_batches_nor_threads_change_predictions(batch_size, n_jobs):
    X, y, _ = table()
    expected = network(**KERNEL).fit(X, y)
    other = network(batch_size=batch_size, n_jobs=n_jobs, **KERNEL).fit(X, y)
    np.testing.assert_allclose(other.predict(X), expected.predict(X), rtol=1e-9, atol=1e-11)


def test_repeated_rows_and_integer_weights_are_the_same_fit():
    X, y, weight = table()
    copies = weight.astype(int)
    once, twice = (
        network(**KERNEL).fit(X, y, weight),
        network(**KERNEL).fit(np.repeat(X, copies, axis=0), np.repeat(y, copies)),
    )
    np.testing.assert_allclose(once.predict(X), twice.predict(X), rtol=1e-8)
    assert once.effective_dof_ == pytest.approx(twice.effective_dof_)


def test_a_common_factor_of_the_weights_and_an_order_of_the_rows_change_nothing():
    X, y, weight = table(150)
    model = network(activation="cauchy", frequencies="isotropic", input_transform="robust")
    expected = model.fit(X, y, weight).predict(X)
    np.testing.assert_allclose(model.fit(X, y, 1e-3 * weight).predict(X), expected, rtol=1e-6)
    order = np.random.default_rng(0).permutation(150)
    np.testing.assert_allclose(model.fit(X[order], y[order], weight[order]).predict(X), expected, rtol=1e-6)


def test_more_rows_are_the_fit_to_all_of_them_with_the_same_landmarks():
    X, y, weight = table()
    model = network(**KERNEL).fit(X[:200], y[:200], weight[:200])
    landmarks = fitted_network(model).feature_map.kernel.landmarks
    model.partial_fit(X[200:], y[200:], weight[200:])
    fitted = fitted_network(model)
    assert model.n_samples_seen_ == 300 and len(fitted.kernel_rows.X) == 300
    assert len(fitted.feature_map.kernel.blocks) == 5
    assert {tuple(row) for row in landmarks} <= {tuple(row) for row in fitted.kernel_rows.X}
    assert model.score(*table(200, seed=2)[:2]) > 0.85


def test_intervals_cover_and_the_deviation_is_that_of_the_noise():
    X, y, _ = table(2000)
    new, truth, _ = table(2000, seed=1)
    model = network(100, 250, **KERNEL).fit(X, y)
    low, high = model.predict_interval(new, 0.9).T
    # A standard error of the coverage is 0.0067, and about as much comes from the thousand rows that are left out.
    assert 0.86 < np.mean((low <= truth) & (truth <= high)) < 0.94
    mean, deviation = model.predict(new, return_std=True)
    # Two thirds of normal errors are within one deviation; errors have heavier tails here.
    assert 0.65 < np.mean(np.abs(truth - mean) < deviation) < 0.85


def test_classes_and_several_targets():
    X, y, _ = table()
    labels = np.digitize(y, [-0.5, 0.8])
    classifier = BundledNetworkClassifier(30, feature_map="kernel", block_size=60, random_state=0, **KERNEL)
    assert classifier.fit(X, labels).score(X, labels) > 0.85
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1.0)
    both = network(**KERNEL).fit(X, np.column_stack([y, 1e3 * y + 5.0]))
    np.testing.assert_allclose(both.predict(X)[:, 1], 1e3 * both.predict(X)[:, 0] + 5.0, rtol=1e-6, atol=1e-4)
    assert both.output_coef_.shape == (2, 32)


def test_a_pickle_holds_the_rows_once():
    X, y, _ = table(3000)
    model = network(50, 500, **KERNEL).fit(X, y)
    model.predict(X[:100])
    text = pickle.dumps(model)
    numbers = X.size + 4 * len(X) + 50**2 + 20 * 50 + 1000 * 8
    assert len(text) < 8 * numbers * 1.2
    np.testing.assert_array_equal(pickle.loads(text).predict(X), model.predict(X))
    again = pickle.loads(text).partial_fit(X[:10], y[:10])
    np.testing.assert_allclose(again.predict(X), clone(model).fit(X, y).partial_fit(X[:10], y[:10]).predict(X))


def test_an_old_name_is_refused_with_the_new_one():
    X, y, _ = table()
    with pytest.raises(ValueError, match=r"feature_map='landmarks' has another name.*feature_map='kernel'"):
        network(feature_map="landmarks").fit(X, y)


@given(
    seed=st.integers(0, 30),
    n=st.integers(8, 80),
    block_size=st.integers(1, 90),
    n_components=st.integers(1, 90),
    kind=st.sampled_from(["distinct", "ties", "copies", "constant column", "weights"]),
)
@settings(max_examples=25, deadline=None)
def test_any_table_gives_finite_predictions_that_beat_the_mean(seed, n, block_size, n_components, kind):
    X, y, weight = table(n, seed)
    if kind == "ties":
        X = np.round(X)
    if kind == "copies":
        X, y = np.repeat(X[: n // 2], 2, axis=0), np.repeat(y[: n // 2], 2)
    if kind == "constant column":
        X[:, 2] = 4.0
    weight = weight[: len(X)] if kind == "weights" else None
    model = network(n_components, block_size, **KERNEL).fit(X, y, weight)
    assert np.all(np.isfinite(model.predict(X))) and model.score(X, y, weight) > 0.0


def test_a_block_of_one_class_is_no_trouble():
    X, _, _ = table()
    labels = X[:, 0] > 0.0
    model = BundledNetworkClassifier(10, feature_map="kernel", block_size=20, random_state=0, **KERNEL).fit(X, labels)
    assert model.score(X, labels) > 0.95
