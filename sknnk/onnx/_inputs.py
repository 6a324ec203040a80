"""The quantile map of the inputs as nodes."""

from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from .._compute import Array
from .._data import QuantileMap
from ._graphs import Graph


def quantile_value(graph: Graph, quantiles: QuantileMap, inputs: str) -> str:
    """Add the nodes of a quantile map: which two knots a value is between, and the line through them.

    Comparing each value with each knot would take as much memory as rows times knots. A search tree for each column
    looks at ten of a thousand knots; its leaves are numbered from zero, below the first knot, upwards.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    quantiles : QuantileMap
        The map.
    inputs : str
        A value with one column for each of its columns, float64.

    Returns
    -------
    str
        The mapped value.
    """
    segments = [_segments(knots, scores) for knots, scores in zip(quantiles.knots, quantiles.scores, strict=True)]
    first = np.cumsum([0, *(each.shape[1] for each in segments[:-1])])
    found = graph("TreeEnsembleRegressor", inputs, domain="ai.onnx.ml", **search_trees(quantiles.knots))
    # The operator gives float32, in which whole numbers are exact for one column but not for many after each other.
    places = graph("Add", graph("Cast", found, to=TensorProto.INT64), first[None, :])
    starts, values, slopes = (graph("Gather", row, places) for row in np.concatenate(segments, axis=1))
    return graph("Add", graph("Mul", graph("Sub", inputs, starts), slopes), values)


def _segments(knots: Array, scores: Array) -> Array:
    """Start, value there and slope of every piece: constant, between the knots, constant."""
    slopes = np.diff(scores) / np.diff(knots)
    start = np.concatenate([knots[:1], knots])
    value = np.concatenate([scores[:1], scores])
    return np.stack([start, value, np.concatenate([[0.0], slopes, [0.0]])])


def search_trees(knots: tuple[Array, ...]) -> dict[str, Any]:
    """Attributes of trees that count the knots below a value, one for each column.

    Parameters
    ----------
    knots : tuple of ndarray
        Increasing, at least one for each column.

    Returns
    -------
    dict
        For the operator ``TreeEnsembleRegressor``, whose outputs are the counts.
    """
    nodes = [np.asarray(_search_tree(len(each))) for each in knots]
    tree = np.repeat(np.arange(len(knots)), [len(each) for each in nodes])
    number, threshold, yes, no, leaf = np.concatenate(nodes).T
    inner = leaf < 0
    position = np.concatenate([[0], np.cumsum([len(each) for each in knots])])[tree] + threshold
    values = np.where(inner, np.concatenate(knots)[np.where(inner, position, 0)], 0.0)
    return {
        "nodes_treeids": tree.tolist(),
        "nodes_nodeids": number.tolist(),
        "nodes_featureids": tree.tolist(),
        "nodes_modes": np.where(inner, "BRANCH_LEQ", "LEAF").tolist(),
        "nodes_values_as_tensor": numpy_helper.from_array(values, "knots"),
        "nodes_truenodeids": yes.tolist(),
        "nodes_falsenodeids": no.tolist(),
        "target_treeids": tree[~inner].tolist(),
        "target_nodeids": number[~inner].tolist(),
        "target_ids": tree[~inner].tolist(),
        "target_weights_as_tensor": numpy_helper.from_array(leaf[~inner].astype(np.float64), "counts"),
        "n_targets": len(knots),
        "aggregate_function": "SUM",
        "post_transform": "NONE",
    }


def _search_tree(n_knots: int) -> list[tuple[int, int, int, int, int]]:
    """Rows of number, position of the threshold, node if at most it, node if above, and count at a leaf or -1."""
    rows: list[tuple[int, int, int, int, int]] = []
    waiting, n_numbers = [(0, 0, n_knots)], 1
    while waiting:
        number, least, most = waiting.pop()
        if least == most:
            rows.append((number, 0, 0, 0, least))
            continue
        middle = (least + most) // 2
        rows.append((number, middle, n_numbers, n_numbers + 1, -1))
        waiting += [(n_numbers, least, middle), (n_numbers + 1, middle + 1, most)]
        n_numbers += 2
    return sorted(rows)
