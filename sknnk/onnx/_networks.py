"""Networks as nodes: the columns in front of the output matrix, the scores, and the probabilities."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from .._bundling import PartlyBundledClassifier, PartlyBundledRegressor
from .._features import KernelMap
from ._features import sampler_columns
from ._graphs import Array, Columns, Graph
from ._inputs import quantile_value
from ._kernels import kernel_value


def network_columns(graph: Graph, network: Any, inputs: str, single: bool) -> str:
    """Add the nodes of ``transform``.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    network : BundledNetworkRegressor or BundledNetworkClassifier
        Fitted.
    inputs : str
        A value of shape (n_samples, n_features), float64.
    single : bool
        Whether the results will be float32.

    Returns
    -------
    str
        A value of shape (n_samples, n_columns).
    """
    layers = network._layers
    columns = _layer_columns(graph, layers, inputs, network.n_features_in_, single).joined(graph)
    whitening = getattr(layers, "whitening", None)
    return columns if whitening is None else graph("MatMul", columns, whitening)


def network_scores(graph: Graph, network: Any, inputs: str, single: bool) -> str:
    """Add the nodes of the output, or of the scores of the classes, in front of any calibration.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    network : estimator
        A fitted network, bundled in full or in part.
    inputs : str
        A value of shape (n_samples, n_features), float64.
    single : bool
        Whether the results will be float32.

    Returns
    -------
    str
        A value of shape (n_samples, n_targets).
    """
    if isinstance(network, PartlyBundledRegressor | PartlyBundledClassifier):
        hidden = network_scores(graph, network.front.estimator, inputs, single)
        hidden = activation_value(graph, network.activation, hidden)
        for layer in network.layers[:-1]:
            hidden = _dense_value(graph, layer.weights, layer.bias, layer.activation, hidden)
        # Classifiers have a linear output here, as the network has logits.
        last = network.output_activation_ if isinstance(network, PartlyBundledRegressor) else "identity"
        return _dense_value(graph, network.coef_, network.intercept_, last, hidden)
    layers = network._layers
    coef = np.asarray(np.reshape(network.coef_, (-1, layers.n_columns)), dtype=np.float64).T
    if getattr(layers, "whitening", None) is not None:
        coef = layers.whitening @ coef
    columns = _layer_columns(graph, layers, inputs, network.n_features_in_, single)
    return columns.times(graph, coef, np.asarray(network.intercept_, dtype=np.float64))


def _layer_columns(graph: Graph, layers: Any, inputs: str, n_features: int, single: bool) -> Columns:
    """Everything in front of the output matrix, but the whitening of landmarks."""
    hidden = inputs if layers.input_map is None else quantile_value(graph, layers.input_map, inputs)
    if isinstance(layers, KernelMap):
        return Columns.of(kernel_value(graph, layers.kernels, hidden, layers.centres), len(layers.centres))
    columns = Columns.of(hidden, n_features)
    for sampler in layers.samplers:
        columns = sampler_columns(graph, sampler, columns, single)
    if layers.link_scale is None:
        return columns
    return Columns.of(hidden, n_features, float(layers.link_scale)).followed_by(columns)


def class_probabilities(graph: Graph, network: Any, scores: str) -> str:
    """Add the nodes of ``predict_proba`` behind the scores.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    network : estimator
        A fitted classifier, bundled in full or in part.
    scores : str
        Its scores.

    Returns
    -------
    str
        A value of shape (n_samples, n_classes).
    """
    single_score = len(np.atleast_2d(network.coef_)) == 1
    # The two sides of a score differ by twice its size, those of a logit by itself.
    own = 0.5 if single_score else 1.0
    temperature = float(getattr(network, "inverse_temperature_", own))
    per_class = class_scores(graph, network, scores)
    return graph("Softmax", graph("Mul", per_class, np.full((1, 1), temperature)), axis=1)


def class_scores(graph: Graph, network: Any, scores: str) -> str:
    """Add the nodes that give one score for each class, where two classes share one.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    network : estimator
        A fitted classifier.
    scores : str
        Its scores.

    Returns
    -------
    str
        A value of shape (n_samples, n_classes).
    """
    if len(np.atleast_2d(network.coef_)) > 1:
        return scores
    return graph("MatMul", scores, np.array([[-1.0, 1.0]]))


def _dense_value(graph: Graph, weights: Array, bias: Array, activation: str, inputs: str) -> str:
    linear = graph("Add", graph("MatMul", inputs, weights.T), np.atleast_2d(bias))
    return activation_value(graph, activation, linear)


def activation_value(graph: Graph, activation: str, z: str) -> str:
    """Add the nodes of an activation of a trained network.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    activation : str
        One that a trained network may have.
    z : str
        Its argument, float64.

    Returns
    -------
    str
        A value of the same shape.
    """
    return _ACTIVATIONS[activation](graph, z)


def _silu(graph: Graph, z: str) -> str:
    # Not by the sigmoid: older runtimes fuse that product into an operator that they lack in float64.
    return graph("Div", z, graph("Add", graph("Exp", graph("Neg", z)), np.array(1.0)))


def _gelu(graph: Graph, z: str) -> str:
    # The error function is the one operator that ONNX Runtime has in float32 alone.
    narrow = graph("Cast", graph("Mul", z, np.array(np.sqrt(0.5))), to=TensorProto.FLOAT)
    erf = graph("Cast", graph("Erf", narrow), to=TensorProto.DOUBLE)
    return graph("Mul", graph("Mul", z, np.array(0.5)), graph("Add", erf, np.array(1.0)))


def _softplus(graph: Graph, z: str) -> str:
    # log(1 + e^z) without the overflow of e^z.
    small = graph("Log", graph("Add", graph("Exp", graph("Neg", graph("Abs", z))), np.array(1.0)))
    return graph("Add", graph("Max", z, np.array(0.0)), small)


def _elu(graph: Graph, z: str) -> str:
    below = graph("Sub", graph("Exp", graph("Min", z, np.array(0.0))), np.array(1.0))
    return graph("Add", graph("Max", z, np.array(0.0)), below)


_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda graph, z: z,
    "relu": lambda graph, z: graph("Max", z, np.array(0.0)),
    "tanh": lambda graph, z: graph("Tanh", z),
    "sigmoid": lambda graph, z: graph("Sigmoid", z),
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "elu": _elu,
    "softmax": lambda graph, z: graph("Softmax", z, axis=1),
    "exp": lambda graph, z: graph("Exp", z),
}
