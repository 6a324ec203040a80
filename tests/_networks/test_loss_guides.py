import numpy as np

from sknnk import BundledNetworkRegressor
from sknnk._data import Dataset
from sknnk._integration import Execution
from sknnk._networks.loss_guides import guide_of
from sknnk._networks.loss_recipes import Recipe
from sknnk._networks.specification import NetworkSpec


def guide(recipe, y, n=120):
    X = np.random.default_rng(0).normal(size=(n, 2))
    settings = BundledNetworkRegressor(activation="gaussian", frequencies="isotropic", length_scale=2.0)
    spec = NetworkSpec.of(settings.get_params(deep=False))
    data = Dataset.of(X, y(X)[:, None], np.ones(n))
    return guide_of(recipe, spec, "kernel", data, 0, Execution()), data.Y


def test_wild_targets_are_moved_to_a_robust_network_and_others_stay():
    def y(X):
        clean = 3.0 + np.sin(X[:, 0]) + 0.1 * np.random.default_rng(1).normal(size=len(X))
        clean[::40] = 1e4
        return clean

    found, Y = guide(Recipe("huber"), y)
    wild = Y[:, 0] > 100.0
    assert np.all(found.Y[wild] < 6.0)
    assert np.mean(np.abs(found.Y[~wild] - Y[~wild])) < 0.05
    assert np.all(np.abs(found.start[:, 0] - 3.0) < 2.0)


def test_other_losses_guide_by_a_function_of_the_targets():
    for name, function in (("poisson", np.sqrt), ("gamma", np.log)):
        found, Y = guide(Recipe(name), lambda X: np.exp(X[:, 0]))
        np.testing.assert_allclose(found.Y, function(Y))
        assert np.all(np.isfinite(found.start))
