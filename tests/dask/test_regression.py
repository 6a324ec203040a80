"""What is particular to numbers: several targets, their units, and deviations."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from sknnk import BundledNetworkRegressor
from sknnk.dask import DaskBundledNetworkRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
Y = np.c_[np.sin(X[:, 0]), 1e-9 * X[:, 1]] + RNG.normal(size=(50, 2)) * [0.1, 1e-10]
SETTINGS = {"alpha": 0.1, "solver": "primal", "random_state": 0}


def lazy(array, chunks=20):
    return da.from_array(array, chunks=chunks)


@pytest.fixture(scope="module")
def network():
    return BundledNetworkRegressor(8, **SETTINGS).fit(X, Y)


@pytest.fixture(scope="module")
def distributed_network():
    return DaskBundledNetworkRegressor(8, **SETTINGS).fit(lazy(X), lazy(Y, (20, 1)))


def test_several_targets_of_different_units(network, distributed_network):
    np.testing.assert_allclose(distributed_network.output_coef_, network.output_coef_, rtol=1e-7)
    np.testing.assert_allclose(distributed_network.noise_variance_, network.noise_variance_, rtol=1e-7)
    prediction = distributed_network.predict(lazy(X))
    assert prediction.shape == (50, 2)
    np.testing.assert_allclose(prediction.compute(), network.predict(X), rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(distributed_network.feature_importances_, network.feature_importances_, rtol=1e-6)
    assert distributed_network.score(lazy(X), lazy(Y)) == pytest.approx(network.score(X, Y))


def test_a_data_frame_of_targets_is_as_good(network):
    frame = pd.DataFrame(np.c_[X, Y], columns=list("abcde"))
    rows = dd.from_pandas(frame, npartitions=3)
    estimator = DaskBundledNetworkRegressor(8, **SETTINGS).fit(rows[["a", "b", "c"]], rows[["d", "e"]])
    np.testing.assert_allclose(estimator.output_coef_, network.output_coef_, rtol=1e-7)
    prediction = estimator.predict(rows[["a", "b", "c"]])
    assert isinstance(prediction, da.Array)
    np.testing.assert_allclose(prediction.compute(), network.predict(X), rtol=1e-6, atol=1e-15)
    assert estimator.score(rows[["a", "b", "c"]], rows[["d", "e"]]) == pytest.approx(network.score(X, Y))


def test_deviations_are_lazy_and_those_of_one_machine(network, distributed_network):
    mean, std = distributed_network.predict(lazy(X), return_std=True)
    assert mean.chunks == std.chunks == ((20, 20, 10), (2,))
    np.testing.assert_allclose(std.compute(), network.predict(X, return_std=True)[1], rtol=1e-6)
    np.testing.assert_allclose(distributed_network.predict(X, return_std=True)[1], std.compute(), rtol=1e-12)


def test_a_target_without_variance_scores_as_in_scikit_learn():
    constant = np.ones(50)
    estimator = DaskBundledNetworkRegressor(8, **SETTINGS).fit(lazy(X), lazy(constant))
    assert estimator.score(lazy(X), lazy(constant)) == 1.0
    assert estimator.score(lazy(X), lazy(np.full(50, 2.0))) == 0.0


def test_targets_too_large_for_their_squares_are_refused():
    with pytest.raises(ValueError, match="Partition 1: y holds values up to 1e\\+200"):
        DaskBundledNetworkRegressor(8).fit(lazy(X), lazy(np.where(np.arange(50) == 30, 1e200, 0.0)))


def test_projections_that_overflow_are_refused_in_their_partition():
    far = X.copy()
    far[30, 0] = 1e308
    kernel = {"activation": "gaussian", "directions": "gaussian", "frequencies": "isotropic", "length_scale": 1.0}
    estimator = DaskBundledNetworkRegressor(8, input_transform=None, **kernel, **SETTINGS)
    with pytest.raises(ValueError, match=r"Partition 1: X holds values up to 1e\+308"):
        estimator.fit(lazy(far), lazy(Y))


def test_a_larger_table_gets_more_features_as_on_one_machine():
    table, weights = da.ones((1500, 1), chunks=500), da.from_array(np.tile([1.0, 3.0], 750), chunks=500)
    estimator = DaskBundledNetworkRegressor(direct_link=False, alpha=1.0, activation="gaussian", length_scale=1.0)
    assert estimator.fit(table, table[:, 0]).n_components_ == (1024,)
    # One weight for all is another unit, and no more rows.
    assert estimator.fit(table, table[:, 0], da.full(1500, 2.0, chunks=500)).n_components_ == (1024,)
    assert estimator.fit(table, table[:, 0], weights).n_components_ == (2048,)
    assert estimator.solver_costs_.keys() == {"primal"}


def test_intervals_are_those_of_one_machine():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X[:, 0] + rng.normal(size=300) * np.exp(X[:, 1])
    distributed = DaskBundledNetworkRegressor(32, **SETTINGS).fit(lazy(X), lazy(y))
    together = BundledNetworkRegressor(32, feature_map="random", **SETTINGS).fit(X, y)
    lazily = distributed.predict_interval(lazy(X), confidence_level=0.8)
    assert lazily.shape == (300, 2)
    np.testing.assert_allclose(lazily.compute(), together.predict_interval(X, confidence_level=0.8), rtol=1e-6)
    np.testing.assert_allclose(distributed.predict_interval(X), together.predict_interval(X), rtol=1e-6)
    for rows in (lazy(X), X):
        mean, interval = distributed.predict(rows, return_interval=0.8)
        np.testing.assert_allclose(mean, together.predict(X), rtol=1e-6)
        np.testing.assert_allclose(interval, lazily.compute(), rtol=1e-6)
    with pytest.raises(ValueError, match="exclude each other"):
        distributed.predict(lazy(X), return_std=True, return_interval=0.8)


@pytest.mark.parametrize("frame", [False, True])
def test_intervals_of_several_targets_are_those_of_one_machine(frame):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    Y = X[:, :2] + rng.normal(size=(300, 2)) * np.exp(X[:, 1:])
    rows = dd.from_pandas(pd.DataFrame(X, columns=list("abc")), npartitions=3) if frame else lazy(X)
    distributed = DaskBundledNetworkRegressor(32, **SETTINGS).fit(rows, lazy(Y, (100, 2)))
    together = BundledNetworkRegressor(32, feature_map="random", **SETTINGS).fit(rows.compute(), Y)
    lazily = distributed.predict_interval(rows)
    assert lazily.shape[1:] == (2, 2)
    np.testing.assert_allclose(lazily.compute(), together.predict_interval(rows.compute()), rtol=1e-6)
