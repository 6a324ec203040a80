"""What float32 rows cost: the rounding of the output, and nothing that coefficients multiply."""

import numpy as np
import pytest

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor

EPS = np.finfo(np.float32).eps


def table(n, n_features, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + 100, n_features)).astype(np.float32)
    return X[:n], np.sin(2.0 * X[:n, 0].astype(float)) + X[:n, 1] * X[:n, 2] + 100.0, X[n:]


@pytest.mark.parametrize(
    ("parameters", "n", "n_features"),
    [
        ({}, 90, 3),
        ({"activation": "gaussian"}, 120, 4),
        ({"activation": "gaussian", "alpha": 1e-10, "input_transform": None}, 120, 3),
        ({"activation": "cauchy", "frequencies": "coordinatewise"}, 80, 15),
        ({"feature_map": "kernel", "n_components": 40}, 100, 3),
        ({"feature_map": "kernel", "n_components": 40, "activation": "gaussian"}, 120, 4),
    ],
)
def test_the_same_numbers_in_float32_give_the_same_network(parameters, n, n_features):
    X, y, X_new = table(n, n_features)
    wide = BundledNetworkRegressor(random_state=0, **parameters).fit(X.astype(float), y)
    narrow = BundledNetworkRegressor(random_state=0, **parameters).fit(X, y)
    expected, deviation = wide.predict(X_new.astype(float), return_std=True)
    close = {"rtol": 0.0, "atol": 50.0 * EPS * np.abs(y).max()}
    np.testing.assert_allclose(wide.predict(X_new), expected, **close)
    found, found_deviation = narrow.predict(X_new, return_std=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, **close)
    np.testing.assert_allclose(found_deviation, deviation, **close)
    np.testing.assert_allclose(narrow.predict_interval(X_new), wide.predict_interval(X_new.astype(float)), **close)
    columns = narrow.transform(X_new)
    assert columns.dtype == np.float32
    np.testing.assert_allclose(columns, wide.transform(X_new.astype(float)), rtol=0.0, atol=2.0 * EPS)


def test_scores_of_classes_are_the_same_numbers_in_float32():
    X, y, X_new = table(120, 3)
    wide = BundledNetworkClassifier(random_state=0).fit(X.astype(float), y > 100.0)
    narrow = BundledNetworkClassifier(random_state=0).fit(X, y > 100.0)
    expected = wide.decision_function(X_new.astype(float))
    close = {"rtol": 0.0, "atol": 50.0 * EPS * np.abs(expected).max()}
    np.testing.assert_allclose(narrow.decision_function(X_new), expected, **close)
    np.testing.assert_allclose(narrow.predict_proba(X_new), wide.predict_proba(X_new.astype(float)), **close)
