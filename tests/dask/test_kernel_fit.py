"""Kernel columns on Dask: the network of one machine, whatever the partitions, and blocks that a sample cuts."""

import pickle

import dask
import dask.array as da
import numpy as np
import pytest

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._data import dense_inputs, multiplicities
from sknnk._features import BlockedKernel
from sknnk._kernel_learning import kernel_features
from sknnk._kernels import in_coordinates
from sknnk._networks import fitted_network, largest_held_key, row_keys
from sknnk._ridge import solve_blocks
from sknnk.dask import DaskBundledNetworkClassifier, DaskBundledNetworkRegressor, _kernel_fit

RNG = np.random.default_rng(0)
N = 300
X = RNG.normal(size=(N, 3))
NUMBERS = np.sin(2.0 * X[:, 0]) + X[:, 1] + 0.1 * RNG.normal(size=N)
LABELS = np.digitize(NUMBERS, [-0.5, 0.8])
WEIGHTS = RNG.integers(0, 4, N).astype(float)
# A penalty that is too small for float32, whose rounding depends on the order of the rows in a block.
KERNEL = {"activation": "cauchy", "frequencies": "isotropic", "length_scale": 1.5, "alpha": 1e-3}
BLOCKS = {"n_components": 30, "block_size": 60}


@pytest.fixture(autouse=True)
def _without_threads():
    with dask.config.set(scheduler="synchronous"):
        yield


def cut(array, lengths=(100, 0, 130, 70)):
    return da.from_array(array, chunks=(tuple(lengths), *array.shape[1:]))


def regressor(kind=DaskBundledNetworkRegressor, **options):
    return kind(feature_map="kernel", random_state=0, **{**BLOCKS, **KERNEL, **options})


def assert_close(got, wanted, tolerance=1e-8):
    assert np.linalg.norm(np.subtract(got, wanted)) <= tolerance * np.linalg.norm(wanted)


TWO = np.column_stack([NUMBERS, 1e3 * X[:, 2]])
AUTO = {"alpha": "auto", "length_scale": "auto"}
EXACT = {"n_components": "auto", "block_size": "auto"}


@pytest.mark.parametrize(
    ("y", "options", "solver"),
    [
        (NUMBERS, AUTO, "blocks"),
        (TWO, {}, "blocks"),
        (LABELS, {}, "blocks"),
        (TWO, {"block_size": None}, "primal"),
        (LABELS, {"block_size": None}, "primal"),
        (NUMBERS, EXACT, "dual"),
        (LABELS, EXACT, "dual"),
    ],
)
def test_the_network_is_that_of_one_machine(y, options, solver):
    classes = y is LABELS
    distributed = regressor(DaskBundledNetworkClassifier if classes else DaskBundledNetworkRegressor, **options)
    network = regressor(BundledNetworkClassifier if classes else BundledNetworkRegressor, **options)
    network.fit(X, y, WEIGHTS)
    distributed.fit(cut(X), cut(y), cut(WEIGHTS))
    local = distributed.to_local()
    assert distributed.solver_ == network.solver_ == solver and distributed.feature_map_ == "kernel"
    assert distributed.n_components_ == network.n_components_
    assert distributed.n_samples_seen_ == network.n_samples_seen_
    for name in ("alpha_", "intercept_", "effective_dof_", "noise_variance_"):
        assert_close(getattr(distributed, name), getattr(network, name))
    method = "predict_proba" if classes else "predict"
    assert_close(getattr(local, method)(X), getattr(network, method)(X))
    assert_close(getattr(distributed, method)(cut(X)).compute(), getattr(local, method)(X), 1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_blocks_cut_by_a_sample_are_solved_as_by_the_pieces_of_one_machine(dtype, monkeypatch):
    monkeypatch.setattr(kernel_features, "SAMPLE_ROWS", 100)
    monkeypatch.setattr(kernel_features, "EXACT_ROWS", 100)
    # Such a penalty lets blocks be solved in float32. Then it matters which number near their mean targets are without.
    alpha, tolerance = (1e-3, 1e-8) if dtype is np.float64 else (0.05, 2e-6)
    rows, distributed = X.astype(dtype), regressor(alpha=alpha)
    predictions = []
    for lengths, n_lanes in (((300,), 1), ((100, 0, 130, 70), 3), ((30,) * 10, 100)):
        monkeypatch.setattr(_kernel_fit, "lane_count", lambda n=n_lanes: n)
        distributed.fit(*(cut(each, lengths) for each in (rows, NUMBERS, WEIGHTS)))
        predictions.append(distributed.to_local().predict(rows))
        np.testing.assert_allclose(predictions[-1], predictions[0], rtol=1e-9 if dtype is np.float64 else 1e-6)
    fitted = fitted_network(distributed)
    kernel, used = fitted.feature_map.kernel, WEIGHTS > 0.0
    assert len(kernel.landmarks) == 30 and 3 <= len(kernel.blocks) <= 7
    inputs = dense_inputs(fitted.feature_map.input_map, rows[used].astype(np.float64))
    blocks = kernel.tree.block_of(in_coordinates(kernel.kernels[0], inputs))
    keys = row_keys(fitted.choice.seed, 0, len(inputs))
    order = np.lexsort((-keys, blocks))
    n_held = np.bincount(blocks[keys <= largest_held_key(len(inputs), fitted.choice.seed)])
    starts = np.concatenate([[0], np.cumsum(np.bincount(blocks))])
    same = BlockedKernel(kernel.kernels, inputs[order], starts, kernel.landmarks, kernel.tree, 60)
    Y, weight = NUMBERS[used][order, None] / fitted.target_units, WEIGHTS[used][order] / fitted.weight_unit
    expected = solve_blocks(same, Y, weight, alpha / fitted.weight_unit, n_held, 1, copies=multiplicities(weight))
    assert_close(fitted.feature_map.local, expected.local, tolerance)
    assert_close(fitted.solution.intercept, expected.intercept, tolerance)
    assert_close(fitted.solution.coef[:-1], same.column_weights(expected.shared), tolerance)
    assert_close(fitted.held_out.residuals, expected.held_residuals, tolerance)
    assert_close(fitted.solution.dof, expected.dof, tolerance)
    assert_close(fitted.solution.noise, expected.noise, tolerance)


def test_penalty_and_unit_of_length_are_chosen_again_where_rows_are_dense(monkeypatch):
    monkeypatch.setattr(kernel_features, "SAMPLE_ROWS", 100)
    monkeypatch.setattr(kernel_features, "EXACT_ROWS", 100)
    found = []
    for lengths in ((300,), (100, 0, 130, 70)):
        distributed = regressor(alpha="auto", length_scale="auto")
        found.append(distributed.fit(cut(X, lengths), cut(NUMBERS, lengths)))
        assert [n for _, n, _, _ in distributed.search_history_ if n > 100]
    np.testing.assert_array_equal(found[0].alpha_, found[1].alpha_)
    np.testing.assert_allclose(found[0].to_local().predict(X), found[1].to_local().predict(X), rtol=1e-6)
    assert found[0].score(cut(X), cut(NUMBERS)) > 0.9


def test_one_block_of_more_rows_than_the_sample_is_refused(monkeypatch):
    monkeypatch.setattr(kernel_features, "SAMPLE_ROWS", 100)
    monkeypatch.setattr(kernel_features, "EXACT_ROWS", 100)
    with pytest.raises(ValueError, match=r"block_size=400 asks for one block of all 300 rows.*smaller block_size"):
        regressor(block_size=400).fit(cut(X), cut(NUMBERS))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_learning": "resample"}, "feature_learning='resample' draws random frequencies again"),
        ({"n_components": (8, 8)}, "asks for several layers"),
        ({"alpha": 0.0}, "alpha=0.0 must be 'auto', a positive number"),
    ],
)
def test_what_kernels_do_not_have_is_refused_by_its_name(options, message):
    with pytest.raises(ValueError, match=message):
        regressor(**options).fit(cut(X), cut(NUMBERS))


def test_intervals_and_deviations_are_lazy_and_those_of_the_local_network():
    distributed = regressor().fit(cut(X), cut(NUMBERS))
    local = pickle.loads(pickle.dumps(distributed.to_local()))
    mean, deviation = distributed.predict(cut(X), return_std=True)
    np.testing.assert_allclose([mean.compute(), deviation.compute()], local.predict(X, return_std=True), rtol=1e-9)
    np.testing.assert_allclose(distributed.predict_interval(cut(X)).compute(), local.predict_interval(X), rtol=1e-9)
    more = local.partial_fit(X[:20], NUMBERS[:20])
    assert more.n_samples_seen_ == N + 20 and more.solver_ == "blocks"


def test_a_line_goes_on_beyond_the_rows():
    time = np.arange(N, dtype=float)
    rows, y = np.column_stack([time, X[:, 1:]]), 0.05 * time + NUMBERS
    distributed = regressor().fit(cut(rows), cut(y))
    network = regressor(BundledNetworkRegressor).fit(rows, y)
    np.testing.assert_allclose(distributed.trend_coef_, network.trend_coef_, rtol=1e-9)
    later = rows + np.array([300.0, 0.0, 0.0])
    np.testing.assert_allclose(distributed.to_local().predict(later), network.predict(later), rtol=1e-8)


def test_a_penalty_too_small_for_float64_is_raised_as_on_one_machine():
    rows, y = np.repeat(X[:150], 2, axis=0), np.repeat(NUMBERS[:150], 2)
    distributed = regressor(alpha=1e-30).fit(cut(rows), cut(y))
    assert 1e-30 < distributed.alpha_ < 1e-8 and np.all(np.isfinite(distributed.to_local().predict(X)))
