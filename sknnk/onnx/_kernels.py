"""Kernels between rows and the rows of a table, as nodes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._compute import Array
from .._kernels import Kernel, SeriesSpectrum, spectrum_of
from ._graphs import Graph

# As in the kernels themselves: length scales beyond which all rows are equally far away.
_FARTHEST = 1e100


def kernel_value(graph: Graph, kernels: tuple[Kernel, ...], inputs: str, centres: Array) -> str:
    """Add the nodes of a sum of kernels.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    kernels : tuple of Kernel
        The summands.
    inputs : str
        A value of shape (n_samples, n_features), float64.
    centres : ndarray of shape (n_centres, n_features)
        Rows of the table.

    Returns
    -------
    str
        A value of shape (n_samples, n_centres).
    """
    return graph.sum([_weighted_value(graph, kernel, inputs, centres) for kernel in kernels])


def _weighted_value(graph: Graph, kernel: Kernel, inputs: str, centres: Array) -> str:
    scaled = graph("Mul", inputs, np.asarray(kernel.scales, dtype=np.float64)[None, :])
    scaled = graph("Clip", scaled, np.array(-_FARTHEST), np.array(_FARTHEST))
    with np.errstate(over="ignore"):
        points = np.clip(centres * kernel.scales, -_FARTHEST, _FARTHEST)
    if kernel.projection is not None:
        scaled, points = graph("MatMul", scaled, kernel.projection), points @ kernel.projection
    values = _values(graph, kernel, scaled, points)
    return values if kernel.weight == 1.0 else graph("Mul", values, np.full((1, 1), kernel.weight))


def _values(graph: Graph, kernel: Kernel, rows: str, points: Array) -> str:
    """Kernel between rows that are scaled already."""
    product = kernel.frequencies == "coordinatewise"
    if product and kernel.activation == "cauchy":
        distances = _over_columns(graph, rows, points, "Add", lambda body, difference: body("Abs", difference))
        return graph("Exp", graph("Neg", distances))

    def square(body: Graph, difference: str) -> str:
        return body("Mul", difference, difference)

    # The product of Gaussians over columns is the Gaussian of the squared distance.
    if product and kernel.activation != "gaussian":
        return _over_columns(
            graph, rows, points, "Mul", lambda body, difference: _profile(body, kernel, square(body, difference))
        )
    return _profile(graph, kernel, _over_columns(graph, rows, points, "Add", square))


def _over_columns(graph: Graph, rows: str, points: Array, operator: str, entry: Callable[[Graph, str], str]) -> str:
    """Sum or product over the columns of a function of differences.

    Differences are taken before they are squared: the usual expansion of a squared distance into three products loses
    half of the digits of small ones.
    """
    start = graph("MatMul", rows, np.zeros(points.T.shape))
    if operator == "Mul":
        start = graph("Add", start, np.ones((1, 1)))
    body = graph.subgraph("column")
    state, row, point = (f"{body.name}/{each}" for each in ("state", "row", "point"))
    difference = body("Sub", body("Unsqueeze", row, np.array([1])), point)
    result = body(operator, state, entry(body, difference))
    attribute = body.as_attribute({state: 2, row: 1, point: 1}, [result])
    return graph("Scan", start, graph("Transpose", rows), points.T, body=attribute, num_scan_inputs=2)


def _profile(graph: Graph, kernel: Kernel, squares: str) -> str:
    """``kappa`` as a function of the squared distance."""
    spectrum: Any = spectrum_of(kernel.activation)
    if isinstance(spectrum, SeriesSpectrum):
        return _gaussian_mixture(graph, spectrum, squares)
    if spectrum.name == "gaussian":
        return graph("Exp", graph("Mul", squares, np.array(-0.5)))
    if spectrum.name == "laplace":
        return graph("Reciprocal", graph("Add", squares, np.array(1.0)))
    decay = graph("Exp", graph("Neg", graph("Sqrt", squares)))
    if spectrum.name == "cauchy":
        return decay
    return graph("Div", graph("Mul", decay, np.array(2.0)), graph("Add", graph("Mul", decay, decay), np.array(1.0)))


def _gaussian_mixture(graph: Graph, spectrum: SeriesSpectrum, squares: str) -> str:
    """A sum over the frequencies, one after the other, so that memory stays that of the distances."""
    total = ""
    for w, share in zip(spectrum.frequencies, np.abs(spectrum.amplitudes) / spectrum.l1_norm, strict=True):
        term = graph("Mul", graph("Exp", graph("Mul", squares, np.array(-0.5 * w * w))), np.array(share))
        total = graph("Add", total, term) if total else term
    return total
