"""The feature maps as nodes: Phi of every sampler."""

from typing import Any

import numpy as np

from .._compute import Indices
from .._features import ArcCosineSampler, URFSampler, degree_of, feature_scale, n_columns_of, unbiased_map_of
from ._graphs import Columns, Graph

# Bounds of the exponents of unbiased features, as the sampler has them: float32 overflows above e^88.
_LARGEST_EXPONENT = {False: 300.0, True: 35.0}


def sampler_columns(
    graph: Graph, sampler: URFSampler | ArcCosineSampler, inputs: Columns, single: bool, scale: float | None = None
) -> Columns:
    """Add the nodes of Phi.

    Parameters
    ----------
    graph : Graph
        Receives the nodes.
    sampler : URFSampler or ArcCosineSampler
        Fitted.
    inputs : Columns
        Its input.
    single : bool
        Whether the results will be float32.
    scale : float, optional
        Factor of all entries; that of Phi when not given.

    Returns
    -------
    Columns
        The features.
    """
    scale = feature_scale(n_columns_of(sampler)) if scale is None else scale
    weights = np.asarray(sampler.random_weights_, dtype=np.float64)
    if isinstance(sampler, ArcCosineSampler):
        return _arc_cosine(graph, sampler, inputs.times(graph, weights, sampler.random_offset_), scale)
    phases = inputs.times(graph, weights) if weights.size else ""
    layer = unbiased_map_of(sampler)
    if layer is None:
        return _pairs(graph, phases, n_columns_of(sampler), scale)
    return _unbiased(graph, layer, phases, inputs, single, scale)


def _pairs(graph: Graph, phases: str, width: int, scale: float) -> Columns:
    """Cosines and sines in turn; without the last sine if the width is odd."""
    columns = np.arange(width)
    parts = [(_cosine(graph, phases), columns[0::2])]
    if width > 1:
        paired = phases if width % 2 == 0 else graph("Gather", phases, np.arange(width // 2), axis=1)
        parts.append((graph("Sin", paired), columns[1::2]))
    return Columns(tuple(parts), np.full(width, scale), np.zeros(width))


def _cosine(graph: Graph, phases: str) -> str:
    # ONNX Runtime had the sine in float64 long before the cosine.
    return graph("Sin", graph("Add", phases, np.full((1, 1), 0.5 * np.pi)))


def _arc_cosine(graph: Graph, sampler: ArcCosineSampler, projected: str, scale: float) -> Columns:
    if degree_of(sampler) == 0:
        # sign(z) / 2 + 1 / 2 is one half at zero, as the sampler has it.
        values = graph("Mul", graph("Add", graph("Sign", projected), np.ones((1, 1))), np.full((1, 1), 0.5))
    else:
        values = graph("Max", projected, np.zeros((1, 1)))
    if degree_of(sampler) == 2:
        values = graph("Mul", values, values)
    return Columns.of(values, n_columns_of(sampler), scale)


def _unbiased(graph: Graph, layer: Any, phases: str, inputs: Columns, single: bool, scale: float) -> Columns:
    """A constant, the input where the series has a slope, and pairs; zeros to the right of them."""
    place = layer.pairs(inputs.width)
    constants = np.zeros(layer.n_components)
    constants[0] = scale
    parts: list[tuple[str, Indices]] = []
    factors = np.ones(layer.n_components)
    if layer.slope != 0.0:
        parts += [(value, 1 + columns) for value, columns in inputs.parts]
        constants[1 : place.start] = scale * inputs.constants
        factors[1 : place.start] = scale * inputs.factors
    if phases:
        limit = _LARGEST_EXPONENT[single]
        even, odd = (_oscillating if layer.scheme == "trigonometric" else _growing)(
            graph, layer, phases, inputs.squared_norms(graph), limit
        )
        columns = np.arange(place.start, place.stop)
        parts += [(even, columns[0::2]), (odd, columns[1::2])]
        factors[place] = scale
    if not parts:  # a constant in every row; the number of rows is only known from a value
        value, columns = inputs.parts[0]
        parts = [(graph("MatMul", value, np.zeros((columns.size, constants.size))), np.arange(constants.size))]
    return Columns(tuple(parts), factors, constants)


def _oscillating(graph: Graph, layer: Any, phases: str, squares: str, limit: float) -> tuple[str, str]:
    half = 0.5 * layer.coefficients[0] ** 2
    exponents = graph("MatMul", graph("Sub", squares, np.full((1, 1), layer.input_norm**2)), half[None, :])
    # One exponential for each term, not for each direction.
    envelope = graph("Gather", _exponential(graph, exponents, limit), layer.terms, axis=1)
    return graph("Mul", _cosine(graph, phases), envelope), graph("Mul", graph("Sin", phases), envelope)


def _growing(graph: Graph, layer: Any, phases: str, squares: str, limit: float) -> tuple[str, str]:
    half = 0.5 * layer.coefficients[0] ** 2
    damping = graph("MatMul", squares, -half[layer.terms][None, :])
    exponents = graph("Add", damping, layer.log_damping[None, :])
    rising, falling = graph("Add", exponents, phases), graph("Sub", exponents, phases)
    return _exponential(graph, rising, limit), _exponential(graph, falling, limit)


def _exponential(graph: Graph, exponents: str, limit: float) -> str:
    return graph("Exp", graph("Clip", exponents, np.array(-limit), np.array(limit)))
