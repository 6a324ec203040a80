"""Networks as nodes."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._bundling.trained_networks import ACTIVATION_FUNCTIONS
from sknnk.onnx._graphs import Graph
from sknnk.onnx._networks import activation_value, class_probabilities, network_columns, network_means, network_scores

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
Y = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] ** 2], axis=1)
OPTIONS = [
    {"n_components": 16},
    {"n_components": 15, "activation": "cauchy", "frequencies": "coordinatewise"},
    {"n_components": (8, 17)},
    {"n_components": (9, 8, 11), "direct_link": False},
    {"n_components": 16, "input_transform": None, "length_scale": [1.0, 2.0, 3.0]},
    {"n_components": 16, "feature_learning": "agop", "length_scale": "auto"},
    {"n_components": 12, "feature_map": "kernel"},
    {"n_components": 12, "feature_map": "kernel", "input_transform": None, "activation": "relu"},
    {"feature_map": "kernel"},
    {"feature_map": "kernel", "frequencies": "coordinatewise", "activation": "cauchy"},
    {"feature_map": "kernel", "feature_learning": "agop", "length_scale": "auto", "activation": "auto"},
]


def fitted(options, Y=Y, kind=BundledNetworkRegressor, **more):
    defaults = {"activation": "gaussian", "frequencies": "isotropic", "length_scale": 1.5, "alpha": 0.01}
    defaults |= {"feature_map": "random", "feature_learning": None, "random_state": 0}
    return kind(**(defaults | options | more)).fit(X, Y)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_scores_and_columns_of_every_option(evaluated, options):
    network = fitted(options)
    graph = Graph("g")
    scores = evaluated(graph, network_scores(graph, network, "X", False), X=X)
    np.testing.assert_allclose(scores, network.predict(X), atol=1e-10)
    graph = Graph("g")
    columns = evaluated(graph, network_columns(graph, network, "X", False), X=X)
    np.testing.assert_allclose(columns, network.transform(X), atol=1e-10)


@pytest.mark.parametrize(
    "loss", [{"loss": "poisson"}, {"loss": "quantile", "quantile": [0.9, 0.1, 0.5]}, {"loss": "huber"}]
)
def test_predictions_of_other_losses(evaluated, loss):
    network = fitted({"feature_map": "kernel"} | loss, np.exp(Y[:, 0]))
    graph = Graph("g")
    value = network_means(graph, network, network_scores(graph, network, "X", False))
    predicted = evaluated(graph, value, X=X)
    np.testing.assert_allclose(predicted, network.predict(X).reshape(predicted.shape), rtol=1e-8)


@pytest.mark.parametrize("options", OPTIONS[::3], ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities(evaluated, options, n_classes):
    labels = np.argsort(np.argsort(Y[:, 0])) * n_classes // len(Y)
    network = fitted(options, labels, BundledNetworkClassifier)
    graph = Graph("g")
    value = class_probabilities(graph, network, network_scores(graph, network, "X", False))
    np.testing.assert_allclose(evaluated(graph, value, X=X), network.predict_proba(X), atol=1e-10)


@pytest.mark.parametrize("inverse_temperature", [1.0, 2.5])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_probabilities_are_a_softmax_of_logits_times_the_inverse_temperature(evaluated, n_outputs, inverse_temperature):
    logits = RNG.normal(size=(4, n_outputs))
    network = SimpleNamespace(output_coef_=np.ones((n_outputs, 2)), inverse_temperature_=inverse_temperature)
    graph = Graph("g")
    probabilities = evaluated(graph, class_probabilities(graph, network, "S"), S=logits)
    # A single score is that of the second class, and minus that of the first.
    odds = np.exp(inverse_temperature * (np.hstack([-logits, logits]) if n_outputs == 1 else logits))
    np.testing.assert_allclose(probabilities, odds / odds.sum(axis=1, keepdims=True), rtol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATION_FUNCTIONS)
def test_every_activation_that_a_trained_network_may_have(evaluated, activation):
    z = np.concatenate([np.linspace(-30.0, 30.0, 61), [1e-3, -1e-3]]).reshape(-1, 3)
    graph = Graph("g")
    value = activation_value(graph, activation, "Z")
    # The argument itself is no output of a graph.
    result = z if value == "Z" else evaluated(graph, value, Z=z)
    tolerance = 1e-6 if activation == "gelu" else 1e-13  # the error function is a float32 one
    np.testing.assert_allclose(result, ACTIVATION_FUNCTIONS[activation](z), rtol=1e-13, atol=tolerance)
