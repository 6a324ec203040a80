import numpy as np

from sknnk import BundledNetworkRegressor
from sknnk._data import Dataset
from sknnk._integration import Execution
from sknnk._networks.losses.guides import guided_columns
from sknnk._networks.losses.recipes import Recipe
from sknnk._networks.specification import NetworkSpec


def guided(recipe, y, n=120, n_features=2, **changes):
    """The columns that are chosen for a function of the inputs, the outputs to begin with, and the targets."""
    X = np.random.default_rng(0).normal(size=(n, n_features))
    settings = {"activation": "gaussian", "frequencies": "isotropic", "length_scale": 2.0, "input_transform": None}
    spec = NetworkSpec.of(BundledNetworkRegressor(**(settings | changes)).get_params(deep=False))
    data = Dataset.of(X, y(X)[:, None], np.ones(n))
    learned, start = guided_columns(recipe, spec, "kernel", data, 0, Execution())
    return learned, start, data.Y


def waves(X, wild=0.0):
    y = 3.0 + np.sin(1.5 * X[:, 0]) + 0.05 * np.random.default_rng(1).normal(size=len(X))
    y[::40] += wild
    return y


def test_robust_outputs_pass_by_wild_targets():
    _, start, Y = guided(Recipe("huber"), lambda X: waves(X, 1e4))
    usual = Y[:, 0] < 100.0
    assert np.all(np.abs(start[:, 0] - 3.0) < 2.5)
    assert np.mean(np.abs(start[usual] - Y[usual])) < 0.3


def test_wild_targets_leave_the_choice_of_the_kernel_about_as_it_is():
    choices = [
        guided(Recipe("huber"), lambda X, wild=wild: waves(X, wild), length_scale="auto", feature_learning=None)[0]
        for wild in (0.0, 1e4)
    ]
    clean, wild = (float(each.task.choice.best.kernels[0].column_scales[0]) for each in choices)
    assert 0.4 < wild / clean < 2.5


def test_the_guide_does_not_follow_wild_targets_whose_rows_are_far_from_all_others():
    def with_wild(X):
        return X[:, 0] * X[:, 1] + 20.0 * (np.arange(len(X)) % 40 == 0)

    learned, _, _ = guided(Recipe("huber"), with_wild, n_features=10, length_scale=1.0)
    wild, usual = learned.guide[::40], np.delete(learned.guide, np.s_[::40], axis=0)
    assert np.abs(wild).max() < 2.0 * np.abs(usual).max()


def test_other_losses_guide_by_a_function_of_the_targets():
    for name, function in (("poisson", np.sqrt), ("gamma", np.log)):
        learned, start, Y = guided(Recipe(name), lambda X: np.exp(X[:, 0]))
        guide = function(Y)
        np.testing.assert_allclose(learned.guide, guide / np.exp2(np.floor(np.log2(np.abs(guide).max()))))
        assert np.all(np.isfinite(start))
