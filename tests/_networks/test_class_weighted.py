"""Logarithms of probabilities, of every estimator of classes."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from sknnk import BundledNetworkClassifier, BundledNetworkClassifierCV, bundle
from sknnk._networks.calibration import log_probabilities, probabilities

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 2))
FIXED = {"activation": "gaussian", "length_scale": 1.0, "input_transform": None, "random_state": 0}
MODELS = {
    "random": lambda y: BundledNetworkClassifier(32, **FIXED).fit(X, y),
    "exact": lambda y: BundledNetworkClassifier(**FIXED, feature_map="landmarks").fit(X, y),
    "stream": lambda y: BundledNetworkClassifier(32, **FIXED).partial_fit(X, y, classes=np.unique(y)),
    "CV": lambda y: BundledNetworkClassifierCV((8, 16), alphas=(0.1,), cv=2, random_state=0).fit(X, y),
    "partly": lambda y: bundle(trained(y), n_components=32, X=X, n_layers=1, random_state=0),
    "bundled": lambda y: bundle(trained(y), n_components=32, X=X, random_state=0),
}


def trained(y):
    network = MLPClassifier((8, 8), random_state=0)
    for _ in range(20):
        network.partial_fit(X, y, classes=np.unique(y))
    return network


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_they_are_the_logarithms_of_the_probabilities(name, n_classes):
    model = MODELS[name](np.digitize(X[:, 0], [-0.5, 0.5][: n_classes - 1]))
    found = model.predict_log_proba(X)
    np.testing.assert_allclose(found, np.log(model.predict_proba(X)), rtol=1e-9, atol=1e-12)
    single = model.predict_log_proba(X[:5].astype(np.float32))
    assert single.dtype == model.predict_proba(X[:5].astype(np.float32)).dtype
    np.testing.assert_allclose(single, found[:5], rtol=1e-3, atol=1e-4)


def test_they_are_finite_where_a_probability_rounds_to_zero():
    for scores in (np.array([[1e3], [-1e3]]), np.array([[0.0, 1e4, -1e4]])):
        assert np.any(probabilities(scores, 10.0) == 0.0)
        found = log_probabilities(scores, 10.0)
        assert np.all(np.isfinite(found)) and np.all(found <= 0.0) and found.min() <= -2e4
    # A link that is not bounded takes scores far out.
    model = BundledNetworkClassifier(8, **{**FIXED, "alpha": 1e-3}).fit(X, X[:, 0] > 0.0)
    found = model.predict_log_proba(1e4 * X)
    assert np.all(np.isfinite(found)) and np.any(model.predict_proba(1e4 * X) == 0.0)
