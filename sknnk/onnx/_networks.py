"""Networks as nodes: the columns in front of the output matrix, the scores, and the probabilities."""

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.base import BaseEstimator

from .._bundling import PartlyBundledClassifier, PartlyBundledRegressor
from .._compute import Array
from .._features import BlockMap, KernelMap, RandomMap
from .._networks import LossTargets, fitted_network, table_encoder
from ._features import sampler_columns
from ._graphs import Columns, Graph
from ._inputs import filled_value, quantile_value
from ._kernels import kernel_value


def network_columns(graph: Graph, network: BaseEstimator, inputs: str, single: bool) -> str:
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
    network = _chosen(network)
    feature_map, inputs = fitted_network(network).feature_map, filled_value(graph, table_encoder(network), inputs)
    columns = map_columns(feature_map, graph, inputs, single).joined(graph)
    return columns if feature_map.whitening is None else graph("MatMul", columns, feature_map.whitening)


def n_network_columns(network: BaseEstimator) -> int:
    """Give the number of columns that ``transform`` of a network returns.

    Parameters
    ----------
    network : BundledNetworkRegressor or BundledNetworkClassifier, or a search over them
        Fitted.

    Returns
    -------
    int
        Positive.
    """
    return fitted_network(_chosen(network)).feature_map.n_columns


def _chosen(network: BaseEstimator) -> Any:
    """The network itself, or the one that a search chose."""
    return getattr(network, "best_estimator_", network)


def network_scores(graph: Graph, network: BaseEstimator, inputs: str, single: bool) -> str:
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
    network = _chosen(network)
    if isinstance(network, PartlyBundledRegressor | PartlyBundledClassifier):
        hidden = network_scores(graph, network.front.estimator, inputs, single)
        hidden = activation_value(graph, network.activation, hidden)
        for layer in network.layers[:-1]:
            hidden = _dense_value(graph, layer.weights, layer.bias, layer.activation, hidden)
        # Classifiers have a linear output here, as the network has logits.
        last = network.output_activation_ if isinstance(network, PartlyBundledRegressor) else "identity"
        return _dense_value(graph, network.output_coef_, network.intercept_, last, hidden)
    fitted, inputs = fitted_network(network), filled_value(graph, table_encoder(network), inputs)
    columns = map_columns(fitted.feature_map, graph, inputs, single)
    coef = np.asarray(fitted.coef, dtype=np.float64).T
    if fitted.feature_map.whitening is not None:
        coef = fitted.feature_map.whitening @ coef
    scores = columns.times(graph, coef, np.asarray(fitted.intercept, dtype=np.float64))
    if fitted.trend is None:
        return scores
    line = graph("MatMul", graph("Sub", inputs, fitted.trend.centre), fitted.trend.coef * fitted.target_units)
    return graph("Add", scores, line)


def network_means(graph: Graph, network: BaseEstimator, scores: str) -> str:
    """Add the nodes between the output of a regression network and its predictions.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    network : BundledNetworkRegressor, or a search over them
        Fitted.
    scores : str
        What :func:`network_scores` gives.

    Returns
    -------
    str
        A value of shape (n_samples, n_targets): the exponential for losses of logarithms, and sorted quantiles.
    """
    targets = fitted_network(_chosen(network)).targets
    if not isinstance(targets, LossTargets):
        return scores
    if targets.is_logarithmic:
        return graph("Exp", scores)
    if not targets.levels:
        return scores
    columns = [graph("Gather", scores, np.array([place]), axis=1) for place in range(targets.n_targets)]
    for end in range(len(columns) - 1, 0, -1):
        for place in range(end):
            pair = columns[place : place + 2]
            columns[place : place + 2] = [graph("Min", *pair), graph("Max", *pair)]
    return graph("Concat", *(columns[rank] for rank in targets.ranks), axis=1)


@singledispatch
def map_columns(feature_map: object, graph: Graph, inputs: str, single: bool) -> Columns:
    """Add the nodes of everything in front of the output matrix, but the whitening of landmarks.

    Parameters
    ----------
    feature_map : RandomMap or KernelMap
        The map; a new kind of map registers its own function.
    graph : Graph
        Receives the nodes.
    inputs : str
        A value of shape (n_samples, n_features), float64.
    single : bool
        Whether the results will be float32.

    Returns
    -------
    Columns
        Values of the columns.

    Raises
    ------
    TypeError
        If maps of this kind have no conversion.
    """
    raise TypeError(f"a feature map of type {type(feature_map).__name__} has no conversion to ONNX.")


@map_columns.register
def _(feature_map: KernelMap, graph: Graph, inputs: str, single: bool) -> Columns:
    hidden = _transformed(feature_map, graph, inputs)
    value = kernel_value(graph, feature_map.kernels, hidden, feature_map.centres)
    return Columns.of(value, len(feature_map.centres))


@map_columns.register
def _(feature_map: BlockMap, graph: Graph, inputs: str, single: bool) -> Columns:
    raise TypeError(
        "a network with blocks has no conversion to ONNX, because each row is compared with the rows of its own block; "
        "fit with block_size=None for landmarks alone, or with feature_map='random'."
    )


@map_columns.register
def _(feature_map: RandomMap, graph: Graph, inputs: str, single: bool) -> Columns:
    hidden, n_features = _transformed(feature_map, graph, inputs), feature_map.samplers[0].n_features_in_
    columns = Columns.of(hidden, n_features)
    for sampler in feature_map.samplers:
        columns = sampler_columns(graph, sampler, columns, single)
    if feature_map.link_scale is None:
        return columns
    return Columns.of(hidden, n_features, float(feature_map.link_scale)).followed_by(columns)


def _transformed(feature_map: RandomMap | KernelMap, graph: Graph, inputs: str) -> str:
    return inputs if feature_map.input_map is None else quantile_value(graph, feature_map.input_map, inputs)


def class_probabilities(graph: Graph, network: BaseEstimator, scores: str) -> str:
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
    temperature = float(network.inverse_temperature_)
    per_class = class_scores(graph, network, scores)
    return graph("Softmax", graph("Mul", per_class, np.full((1, 1), temperature)), axis=1)


def class_scores(graph: Graph, network: BaseEstimator, scores: str) -> str:
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
    if len(np.atleast_2d(network.output_coef_)) > 1:
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
