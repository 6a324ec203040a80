"""What happens to the inputs of a network as nodes: gaps are filled, and the quantile map."""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from .._compute import Array
from .._data import QuantileMap, TableEncoder
from ._graphs import Graph


def filled_value(graph: Graph, table: TableEncoder | None, inputs: str) -> str:
    """Add the nodes that fill the gaps of a table of numbers, and say where they are.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    table : TableEncoder or None
        That of the network; None where it has none.
    inputs : str
        A value with one column for each raw column, float64; NaN is missing.

    Returns
    -------
    str
        A value with one column for each encoded column.
    """
    if table is None:
        return inputs
    missing = graph("IsNaN", inputs)
    filled = graph("Where", missing, table.middles[None, :], inputs)
    if table.keeps_columns:
        return filled
    flags = graph("Gather", graph("Cast", missing, to=TensorProto.DOUBLE), table.gaps, axis=1)
    return graph("Concat", filled, flags, axis=1)


def quantile_value(graph: Graph, quantiles: QuantileMap, inputs: str) -> str:
    """Add the nodes of a quantile map: which two knots a value is between, and the line through them.

    Comparing each value with each knot would take as much memory as rows times knots. A bisection looks at ten of a
    thousand knots. Its nodes are of the main domain, which every runtime has.

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
    places = graph("Add", _knots_below(graph, quantiles.knots, inputs, first), first[None, :])
    starts, values, slopes = (graph("Gather", row, places) for row in np.concatenate(segments, axis=1))
    return graph("Add", graph("Mul", graph("Sub", inputs, starts), slopes), values)


def _segments(knots: Array, scores: Array) -> Array:
    """Start, value there and slope of every piece: constant, between the knots, constant."""
    slopes = np.diff(scores) / np.diff(knots)
    start = np.concatenate([knots[:1], knots])
    value = np.concatenate([scores[:1], scores])
    return np.stack([start, value, np.concatenate([[0.0], slopes, [0.0]])])


def _knots_below(graph: Graph, knots: tuple[NDArray[np.float64], ...], inputs: str, first: NDArray[np.intp]) -> str:
    """Number of knots of its column that each value is above: a bisection of all values at once."""
    n_knots = np.array([each.size for each in knots])
    # One more for each column, which no value is above.
    table = np.concatenate([np.append(each, np.inf) for each in knots])
    found, stride = "", 1 << int(n_knots.max()).bit_length() - 1
    while stride:
        place = graph("Add", found, np.full((1, 1), stride - 1)) if found else np.full((1, 1), stride - 1)
        place = graph("Add", graph("Min", place, n_knots[None, :]), first[None, :])
        above = graph("Cast", graph("Greater", inputs, graph("Gather", table, place)), to=TensorProto.INT64)
        step = graph("Mul", above, np.full((1, 1), stride))
        found, stride = graph("Add", found, step) if found else step, stride // 2
    return found
