"""Importances of the columns of the table, and the selection of features by them."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.inspection import partial_dependence
from sklearn.neural_network import MLPRegressor

from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
    bundle,
)
from sknnk._features import RandomMap
from sknnk._kernels import in_coordinates
from sknnk._networks import fitted_network
from sknnk._networks.importances import slope_shares, squared_slopes

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6)) * np.array([1.0, 1e3, 1.0, 1e-3, 1.0, 1.0])
y = np.sin(X[:, 1] / 1e3) + 1e3 * X[:, 3]
labels = np.digitize(y, [-0.5, 0.5])
FIXED = {"random_state": 0, "n_jobs": 1}
SMALL = {**FIXED, "activation": "gaussian", "alpha": 0.1}
NETWORKS = {
    "default": BundledNetworkRegressor(**FIXED),
    "random": BundledNetworkRegressor(32, **SMALL, feature_map="random"),
    "deep": BundledNetworkRegressor((32, 32), **SMALL),
    "landmarks": BundledNetworkRegressor(32, **SMALL, feature_map="kernel"),
    "exact": BundledNetworkRegressor(**SMALL, feature_map="kernel", feature_learning=None),
    "plain": BundledNetworkRegressor(32, **SMALL, feature_map="random", input_transform="robust", direct_link=False),
    "cg": BundledNetworkRegressor(32, **SMALL, solver="cg"),
    "CV": BundledNetworkRegressorCV((8, 16), alphas=(0.1,), cv=2, random_state=0),
    "classifier": BundledNetworkClassifier(32, **SMALL, feature_map="random"),
    "exact classifier": BundledNetworkClassifier(**SMALL, feature_map="kernel", feature_learning=None),
    "classifier CV": BundledNetworkClassifierCV((8, 16), alphas=(0.1,), cv=2, random_state=0),
}


def targets(name):
    return labels if "classifier" in name else y


@pytest.mark.parametrize("name", NETWORKS)
def test_scikit_learn_selects_the_columns_that_count(name):
    selected = SelectFromModel(clone(NETWORKS[name])).fit(X[:120], targets(name)[:120])
    assert np.flatnonzero(selected.get_support()).tolist() == [1, 3]
    importances = selected.estimator_.feature_importances_
    assert importances.shape == (6,) and importances.sum() == pytest.approx(1.0) and np.all(importances >= 0.0)
    assert not hasattr(selected.estimator_, "coef_")
    eliminated = RFE(clone(NETWORKS[name]), n_features_to_select=2, step=4).fit(X[:120], targets(name)[:120])
    assert np.flatnonzero(eliminated.support_).tolist() == [1, 3]


def test_sparse_rows_streams_several_targets_and_bundles_have_them():
    few = np.where(np.abs(X) < 0.3 * np.abs(X).mean(axis=0), 0.0, X)
    models = [BundledNetworkRegressor(32, **SMALL).fit(sparse.csr_array(few), y)]
    models.append(BundledNetworkRegressor(32, **SMALL).partial_fit(X[:100], y[:100]).partial_fit(X[100:], y[100:]))
    models.append(BundledNetworkRegressor(32, **SMALL).fit(X, np.column_stack([X[:, 3] * 1e6, X[:, 1] * 1e3])))
    mlp = MLPRegressor(hidden_layer_sizes=(16,), random_state=0)
    for _ in range(200):
        mlp.partial_fit(X / X.std(axis=0), y)
    models.append(bundle(mlp, n_components=64, X=(X / X.std(axis=0))[:120], random_state=0))
    for model in models:
        assert set(np.argsort(model.feature_importances_)[-2:]) == {1, 3}


@pytest.mark.filterwarnings("ignore:The squared error of the analytic bundle")
def test_there_are_none_without_rows():
    with pytest.raises(NotFittedError):
        _ = BundledNetworkRegressor().feature_importances_
    mlp = MLPRegressor(hidden_layer_sizes=(4,), random_state=0).partial_fit(0.1 * X[:, [0, 2]], y)
    mlp.coefs_ = [0.1 * each for each in mlp.coefs_]
    analytic = bundle(mlp, n_components=256, X=0.1 * X[:, [0, 2]], method="analytic", random_state=0)
    assert not hasattr(analytic, "feature_importances_")


def test_the_front_of_a_partly_bundled_network_has_them():
    mlp = MLPRegressor(hidden_layer_sizes=(8, 8), random_state=0)
    for _ in range(100):
        mlp.partial_fit(X / X.std(axis=0), y)
    partly = bundle(mlp, n_components=64, X=(X / X.std(axis=0))[:120], n_layers=1, random_state=0)
    assert set(np.argsort(partly.feature_importances_)[-2:]) == {1, 3}


def test_a_sparse_table_of_many_columns_has_them_at_once():
    rows = sparse.random_array((300, 2000), density=0.01, rng=np.random.default_rng(0), format="csr")
    wide = sparse.hstack([sparse.csr_array(X[:, [0, 3]] * [1.0, 1e3]), rows]).tocsr()
    target = X[:, 0] + 1e3 * X[:, 3]
    model = BundledNetworkRegressor(64, **FIXED, activation="gaussian", feature_map="random").fit(wide, target)
    shares = model.feature_importances_
    assert shares.shape == (2002,) and np.all(shares[:2] > 1.5 * shares[2:].max())
    narrow = RFE(clone(model), n_features_to_select=2, step=2).fit(wide[:, :4], target)
    assert np.flatnonzero(narrow.support_).tolist() == [0, 1]


@pytest.mark.parametrize("name", ["random", "exact", "CV", "classifier", "classifier CV"])
def test_partial_dependence_rises_along_a_column_that_counts(name):
    model = clone(NETWORKS[name]).fit(X, targets(name))
    average = partial_dependence(model, X, [3], kind="average", grid_resolution=5)["average"]
    assert average[-1, -1] > average[-1, 0]


OPTIONS = {**FIXED, "activation": "gaussian", "alpha": 0.1, "input_transform": None, "feature_learning": None}
OTHERS = {"activation": "laplace", "frequencies": "coordinatewise", "directions": "gaussian"}


@pytest.mark.parametrize(
    "network",
    [
        BundledNetworkRegressor(17, **OPTIONS, feature_map="random"),
        BundledNetworkRegressor((9, 8), **OPTIONS | OTHERS, direct_link=False),
        BundledNetworkRegressor(**OPTIONS, feature_map="kernel"),
        BundledNetworkRegressor(20, **OPTIONS | {"activation": "sech"}, feature_map="kernel", block_size=None),
        BundledNetworkRegressor(20, **OPTIONS, feature_map="kernel", block_size=150),
    ],
)
def test_squared_slopes_are_those_of_differences(network):
    rng = np.random.default_rng(0)
    rows, units = rng.normal(size=(200, 3)), np.array([1.0, 2.0, 0.5])
    fitted = fitted_network(network.fit(rows, np.column_stack([np.sin(rows[:, 0]), rows[:, 1] * rows[:, 2]])))
    layers, weights, inner, expected = fitted.feature_map, fitted.solution.coef, rows[:40], np.zeros(3)
    for j, step in enumerate(1e-5 * units):
        above, below = (inner + sign * step * np.eye(3)[j] for sign in (1.0, -1.0))
        slopes = (layers.columns(above) - layers.columns(below)) @ weights / (2e-5)
        if hasattr(layers, "kernel"):  # differences between blocks are no slopes
            tree = layers.kernel.tree
            places = [tree.block_of(in_coordinates(layers.kernels[0], each)) for each in (above, below)]
            assert np.array_equal(*places)
        expected[j] = np.mean(np.sum(slopes**2, axis=1))
    np.testing.assert_allclose(squared_slopes(layers, weights, inner, np.ones(40), units), expected, rtol=1e-4)


def test_shares_are_those_of_slopes_in_deviations_and_equal_for_a_constant():
    rows = RNG.normal(size=(600, 3)) * np.array([1.0, 1e-9, 1.0])
    rows[:, 2] = 5.0
    samplers = (URFSampler("gaussian", n_components=2, random_state=0).fit(rows),)
    linear = RandomMap(None, 1.0, samplers)
    weights = np.array([[1.0, 0.0], [0.0, 2e9], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    expected = (weights[:3].sum(axis=1) * rows.std(axis=0)) ** 2 * np.array([1.0, 1.0, 0.0])
    np.testing.assert_allclose(slope_shares(linear, weights, rows, np.ones(600)), expected / expected.sum())
    assert slope_shares(linear, np.zeros((5, 2)), rows, np.ones(600)).tolist() == [1.0 / 3.0] * 3


def test_slopes_of_an_unknown_map_are_refused():
    with pytest.raises(TypeError, match="ndarray is no feature map"):
        squared_slopes(X, X, X, X, X)


@pytest.mark.parametrize("name", ["random", "exact", "exact classifier", "landmarks"])
def test_importances_of_a_row_of_weight_two_are_those_of_two_rows(name):
    rows, weight = np.r_[0:100, 0:50], np.repeat([2.0, 1.0], 50)
    wave = np.sin(3.0 * X[:100, 0]) + X[:100, 2]
    y = wave > 0.0 if "classifier" in name else wave
    model = clone(NETWORKS[name]).set_params(length_scale=2.0, feature_learning=None)
    if name == "landmarks":
        model.set_params(n_components=100)
    weighted = clone(model).fit(X[:100], y, sample_weight=weight).feature_importances_
    repeated = clone(model).fit(X[rows], y[rows]).feature_importances_
    np.testing.assert_allclose(weighted, repeated, rtol=1e-4, atol=1e-9)
