"""Other losses than squares: sums over partitions give what one machine finds."""

import dask
import dask.array as da
import numpy as np
import pytest
from sklearn.base import is_classifier

import sknnk._kernel_learning.random_features
import sknnk._networks.held_out
from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk.dask import DaskBundledNetworkClassifier, DaskBundledNetworkRegressor
from sknnk.dask._loss_fit import fit_losses

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
NUMBERS = np.sin(X[:, 0]) + 0.2 * RNG.normal(size=60)
COUNTS = RNG.poisson(np.exp(1.0 + np.sin(X[:, 0]))).astype(float)
LABELS = np.digitize(NUMBERS, [-0.3, 0.3])
WEIGHTS = RNG.integers(0, 3, size=60).astype(float)
SETTINGS = {"alpha": 0.1, "random_state": 0}
CASES = {
    "poisson": ({"loss": "poisson"}, COUNTS),
    "levels": ({"loss": "quantile", "quantile": [0.1, 0.9]}, NUMBERS),
    "huber": ({"loss": "huber", "alpha": "auto"}, NUMBERS),
    "two targets": ({"loss": "absolute_error"}, np.column_stack([NUMBERS, COUNTS])),
    "log-loss": ({"loss": "log_loss"}, LABELS),
    "balanced": ({"loss": "log_loss", "class_weight": "balanced"}, LABELS > 0),
}


def cut(array, lengths):
    return da.from_array(array, chunks=(tuple(lengths), *array.shape[1:]))


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_the_fit_is_that_of_one_machine(name, weighted):
    settings, y = CASES[name]
    kinds = (BundledNetworkRegressor, DaskBundledNetworkRegressor)
    if settings["loss"] == "log_loss":
        kinds = (BundledNetworkClassifier, DaskBundledNetworkClassifier)
    network, distributed = (kind(8, **{**SETTINGS, **settings}) for kind in kinds)
    network.fit(X, y, WEIGHTS if weighted else None)
    for lengths in ([60], [7, 0, 33, 1, 19])[name != "poisson" :]:
        weights = cut(WEIGHTS, lengths) if weighted else None
        rows, targets = cut(X, lengths), cut(y, lengths)
        distributed.fit(rows, targets, weights)
        for attribute in ("output_coef_", "intercept_", "alpha_", "effective_dof_", "noise_variance_"):
            got, wanted = getattr(distributed, attribute), getattr(network, attribute)
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-8, err_msg=attribute)
        assert distributed.n_iter_ == network.n_iter_
        assert distributed.n_samples_seen_ == network.n_samples_seen_
        np.testing.assert_allclose(distributed.predict(rows).compute(), network.predict(X), atol=1e-7)
        assert distributed.score(rows, targets, weights) == pytest.approx(
            network.score(X, y, WEIGHTS if weighted else None)
        )
        if is_classifier(network):
            np.testing.assert_allclose(distributed.predict_proba(rows).compute(), network.predict_proba(X), atol=1e-7)
        elif settings["loss"] != "quantile" and not weighted:
            std = distributed.predict(rows, return_std=True)[1].compute()
            np.testing.assert_allclose(std, network.predict(X, return_std=True)[1], rtol=1e-6)
            interval = network.predict_interval(X)
            np.testing.assert_allclose(distributed.predict_interval(rows).compute(), interval, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(distributed.to_local().predict(X), distributed.predict(X))


def test_all_rows_count_and_not_those_of_the_sample_alone(monkeypatch):
    monkeypatch.setattr(sknnk._networks.held_out, "HELD_ROWS", 10)
    monkeypatch.setattr(sknnk._kernel_learning.random_features, "_SEARCH_ROWS", 15)
    kernel = {"activation": "gaussian", "length_scale": 1.5, "directions": "gaussian", "frequencies": "isotropic"}
    settings = {"loss": "poisson", "input_transform": None, "direct_link": False, **kernel, **SETTINGS}
    network = BundledNetworkRegressor(8, **settings).fit(X, COUNTS)
    distributed = DaskBundledNetworkRegressor(8, **settings).fit(cut(X, [25, 35]), cut(COUNTS, [25, 35]))
    # The objective is within 1e-5 of its minimum.
    np.testing.assert_allclose(distributed.predict(X), network.predict(X), rtol=0.02)
    few = BundledNetworkRegressor(8, **settings).fit(X[:25], COUNTS[:25])
    assert np.max(np.abs(few.predict(X) / network.predict(X) - 1.0)) > 0.1


def test_what_a_loss_is_not_defined_for_is_refused():
    rows, y = cut(X, [30, 30]), cut(NUMBERS, [30, 30])
    with pytest.raises(ValueError, match="out of the valid range of the loss 'poisson'"):
        DaskBundledNetworkRegressor(8, loss="poisson").fit(rows, y)
    with pytest.raises(ValueError, match=r"quantile=\[0.5, 1.5\] must be a number between 0 and 1"):
        DaskBundledNetworkRegressor(8, loss="quantile", quantile=[0.5, 1.5]).fit(rows, y)
    with pytest.raises(ValueError, match="The 'loss' parameter"):
        DaskBundledNetworkClassifier(8, loss="huber").fit(rows, y > 0.0)
    with pytest.raises(ValueError, match=r"feature_map='kernel' has squares alone on Dask; with loss='huber' use"):
        fit_losses(DaskBundledNetworkRegressor(8, loss="huber", feature_map="kernel"), None, None, [], None)
