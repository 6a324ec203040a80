import numpy as np
import pytest

from sknnk import BundledNetworkClassifier


def test_balanced_weights_and_other_losses_have_no_partial_fit():
    assert hasattr(BundledNetworkClassifier(), "partial_fit")
    for settings in ({"class_weight": "balanced"}, {"loss": "log_loss"}):
        with pytest.raises(AttributeError, match="partial_fit"):
            _ = BundledNetworkClassifier(**settings).partial_fit


def test_log_loss_needs_no_temperature():
    X = np.random.default_rng(0).normal(size=(60, 1))
    for labels, factor in (((X[:, 0] > 0.0).astype(int), 0.5), (np.digitize(X[:, 0], [-0.5, 0.5]), 1.0)):
        model = BundledNetworkClassifier(loss="log_loss", length_scale=1.0, activation="gaussian", random_state=0)
        assert model.fit(X, labels).inverse_temperature_ == factor


def test_weights_of_classes_move_the_logits():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 1))
    labels = (X[:, 0] + rng.logistic(size=100) > 1.0).astype(int)
    settings = {"loss": "log_loss", "length_scale": 1.0, "activation": "gaussian", "alpha": 1.0, "random_state": 0}
    plain, heavy = (BundledNetworkClassifier(class_weight=w, **settings).fit(X, labels) for w in (None, {0: 1, 1: 5}))
    assert np.all(heavy.decision_function(X) > plain.decision_function(X))
