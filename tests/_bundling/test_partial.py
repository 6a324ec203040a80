import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from sknnk import bundle
from sknnk._bundling.partial import PartlyBundledClassifier, PartlyBundledRegressor
from sknnk._networks import probabilities

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 3))
y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


@pytest.fixture(scope="module")
def mlp():
    return MLPRegressor(hidden_layer_sizes=(32, 24, 16), early_stopping=True, max_iter=2000, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def partly(mlp):
    return bundle(mlp, n_components=200, X=X, n_layers=1, random_state=0)


def test_the_layers_that_were_left_are_those_of_the_network(mlp, partly):
    assert isinstance(partly, PartlyBundledRegressor) and is_regressor(partly)
    assert [layer.weights.shape for layer in partly.layers] == [(16, 24), (1, 16)]
    np.testing.assert_array_equal(partly.layers[0].weights, mlp.coefs_[2].T)
    # The front gives the arguments of the second hidden layer.
    first = np.maximum(X @ mlp.coefs_[0] + mlp.intercepts_[0], 0.0)
    arguments = first @ mlp.coefs_[1] + mlp.intercepts_[1]
    assert 1.0 - np.mean((partly.front.predict(X) - arguments) ** 2) / arguments.var() > 0.95
    assert partly.score(X, mlp.predict(X)) > 0.97


def test_fit_solves_for_the_last_layer_and_nothing_else(partly):
    fitted = clone(partly).fit(X, y)
    assert fitted.front is not None and fitted.front.estimator is partly.front.estimator
    hidden = partly._hidden(X)
    reference = Ridge(alpha=fitted.alpha_[0], solver="svd").fit(hidden, y)
    np.testing.assert_allclose(fitted.predict(X), reference.predict(hidden), atol=1e-6)
    assert fitted.score(X, y) >= partly.score(X, y)


def test_it_is_clonable_picklable_and_can_be_cross_validated(partly):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(partly)).predict(X), partly.predict(X))
    with pytest.raises(NotFittedError):
        clone(partly).predict(X)
    assert np.all(cross_val_score(partly, X, y, cv=3, error_score="raise") > 0.5)
    pipeline = make_pipeline(StandardScaler(), clone(partly)).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pipeline)).predict(X), pipeline.predict(X))
    two = clone(partly).fit(X, np.column_stack([y, -y]))
    assert two.predict(X).shape == (400, 2)
    weighted = clone(partly).fit(X, y, sample_weight=np.arange(400) % 2)
    np.testing.assert_allclose(weighted.predict(X), clone(partly).fit(X[1::2], y[1::2]).predict(X), atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_classifier_keeps_its_probabilities(n_classes):
    rows, labels = load_iris(return_X_y=True)
    rows, labels = scale(rows[labels < n_classes]), np.array(["a", "b", "c"])[labels[labels < n_classes]]
    network = MLPClassifier(hidden_layer_sizes=(16, 8), learning_rate_init=0.02, max_iter=400, random_state=0)
    network.fit(rows, labels)
    partly = bundle(network, n_components=100, X=rows, n_layers=1, random_state=0)
    assert isinstance(partly, PartlyBundledClassifier) and is_classifier(partly)
    assert np.mean(partly.predict(rows) == network.predict(rows)) > 0.98
    assert np.abs(partly.predict_proba(rows) - network.predict_proba(rows)).mean() < 0.02
    np.testing.assert_allclose(partly.predict_proba(rows).sum(axis=1), 1.0)
    assert partly.decision_function(rows).ndim == (1 if n_classes == 2 else 2)
    fitted = clone(partly).fit(rows, labels)
    assert fitted.score(rows, labels) > 0.95
    with pytest.raises(ValueError, match="one class"):
        clone(partly).fit(rows[:5], labels[:5])


def test_an_output_activation_stays(mlp):
    counts = np.abs(np.round(y))
    network = MLPRegressor(
        loss="poisson", hidden_layer_sizes=(16, 8), max_iter=2000, early_stopping=True, random_state=0
    )
    network.fit(X, counts)
    partly = bundle(network, n_components=150, X=X, n_layers=1, random_state=0)
    assert partly.predict(X).min() > 0.0
    assert partly.score(X, network.predict(X)) > 0.9
    assert isinstance(partly.front, FrozenEstimator)


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_names_of_columns_are_known_and_checked(kind):
    rows = np.random.default_rng(0).normal(size=(60, 3))
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    targets = rows[:, 0] if kind is MLPRegressor else (rows[:, 0] > 0.0).astype(int)
    mlp = kind(hidden_layer_sizes=(6, 5), max_iter=20, random_state=0)
    mlp = mlp.partial_fit(frame, targets, **({} if kind is MLPRegressor else {"classes": [0, 1]}))
    partly = bundle(mlp, n_components=20, X=frame, n_layers=1, random_state=0)
    assert partly.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names should match"):
        partly.predict(frame[["b", "a", "c"]])
    assert partly.fit(frame, targets).predict(frame).shape == (60,)
    with pytest.raises(ValueError, match="feature names should match"):
        partly.fit(frame[["b", "a", "c"]], targets)


def test_probabilities_are_calibrated_after_a_fit():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    y = (X[:, 0] + rng.normal(size=600) > 0.0).astype(int)
    mlp = MLPClassifier(hidden_layer_sizes=(8, 8), max_iter=300, random_state=0)
    mlp.partial_fit(X[:300], y[:300], classes=[0, 1])
    partly = bundle(mlp, n_components=60, X=X[:300], n_layers=1, random_state=0)
    assert partly.inverse_temperature_ == 0.5
    partly.fit(X[:300], y[:300])
    scores = partly.decision_function(X[300:])[:, None]
    losses = [log_loss(y[300:], probabilities(scores, factor)) for factor in (partly.inverse_temperature_, 0.5)]
    assert losses[0] < losses[1] - 0.01
    np.testing.assert_allclose(partly.predict_log_proba(X), np.log(partly.predict_proba(X)), rtol=1e-9)


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_a_common_factor_of_the_weights_changes_nothing(kind):
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 80)
    rows, targets = X[:80], y[:80] if kind is MLPRegressor else (y[:80] > 0.0).astype(int)
    mlp = kind(hidden_layer_sizes=(6, 5), random_state=0)
    mlp = mlp.partial_fit(rows, targets, **({} if kind is MLPRegressor else {"classes": [0, 1]}))
    partly = bundle(mlp, n_components=20, X=rows, n_layers=1, random_state=0)
    method = "predict" if kind is MLPRegressor else "predict_proba"
    expected = getattr(clone(partly).fit(rows, targets, weight), method)(rows)
    for factor in (1e-12, 1 / 400, 1e25):
        found = getattr(clone(partly).fit(rows, targets, factor * weight), method)(rows)
        np.testing.assert_allclose(found, expected, rtol=1e-7)
