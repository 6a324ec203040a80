"""Importances of the columns of the table, and the selection of features by them."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.neural_network import MLPRegressor

from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    bundle,
)
from sknnk._networks.importances import slope_shares

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
    selected = SelectFromModel(clone(NETWORKS[name])).fit(X, targets(name))
    assert np.flatnonzero(selected.get_support()).tolist() == [1, 3]
    importances = selected.estimator_.feature_importances_
    assert importances.shape == (6,) and importances.sum() == pytest.approx(1.0) and np.all(importances >= 0.0)
    assert not hasattr(selected.estimator_, "coef_")
    if name not in ("default", "CV", "classifier CV"):
        eliminated = RFE(clone(NETWORKS[name]), n_features_to_select=2, step=2).fit(X, targets(name))
        assert np.flatnonzero(eliminated.support_).tolist() == [1, 3]


def test_sparse_rows_streams_several_targets_and_bundles_have_them():
    few = np.where(np.abs(X) < 0.3 * np.abs(X).mean(axis=0), 0.0, X)
    models = [BundledNetworkRegressor(32, **SMALL).fit(sparse.csr_array(few), y)]
    models.append(BundledNetworkRegressor(32, **SMALL).partial_fit(X[:100], y[:100]).partial_fit(X[100:], y[100:]))
    models.append(BundledNetworkRegressor(32, **SMALL).fit(X, np.column_stack([X[:, 3] * 1e6, X[:, 1] * 1e3])))
    mlp = MLPRegressor(hidden_layer_sizes=(16,), random_state=0)
    for _ in range(200):
        mlp.partial_fit(X / X.std(axis=0), y)
    models.append(bundle(mlp, n_components=64, X=X / X.std(axis=0), random_state=0))
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


def test_shares_of_a_linear_function_are_those_of_its_squared_slopes_in_deviations():
    weights = np.array([[1.0, 0.0], [0.0, 1e-3], [0.0, 0.0], [0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    expected = (weights.sum(axis=1) * X.std(axis=0)) ** 2
    np.testing.assert_allclose(
        slope_shares(lambda rows: rows @ weights, X, np.ones(300)), expected / expected.sum(), atol=1e-9
    )
    constant = np.column_stack([X[:, 0], np.ones(300)])
    assert slope_shares(lambda rows: rows, constant, np.ones(len(constant))).tolist() == [1.0, 0.0]
    assert slope_shares(np.zeros_like, X, np.ones(300)).tolist() == [1.0 / 6.0] * 6


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
