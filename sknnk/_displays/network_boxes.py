"""A fitted network in words: one box of text for each stage that a row passes."""

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from .._bundling import PartlyBundledClassifier, PartlyBundledRegressor
from .._compute import Array
from .._features import BlockMap, KernelMap, RandomMap
from .._kernels import Kernel, activation_name
from .._networks import BundledNetwork, FittedNetwork, fitted_network, table_encoder

_TRANSFORMS = {"quantile": "quantile map", "robust": "robust units", "standard": "standard units", None: "as they are"}


class Box(NamedTuple):
    """One stage of a network.

    Parameters
    ----------
    title : str
        What it is.
    lines : tuple of str
        What there is to say of it.
    """

    title: str
    lines: tuple[str, ...]


def pictured_layers(network: BaseEstimator) -> tuple[list[Box], bool]:
    """Boxes of a fitted network.

    Parameters
    ----------
    network : estimator
        A bundled network, or one that is bundled in part.

    Returns
    -------
    boxes : list of Box
        Inputs, bundled layers, layers that were left, and the output matrix.
    direct_link : bool
        Whether the inputs reach the output matrix themselves.

    Raises
    ------
    TypeError
        If `network` is none.
    """
    front, left = _front_of(network), _left_layers(network)
    if not isinstance(front, BundledNetwork):
        raise TypeError(f"estimator is a {type(network).__name__}; NetworkDisplay draws the fitted networks of sknnk.")
    fitted = fitted_network(front)
    linked, hidden = fitted.feature_map.n_linked > 0, map_boxes(fitted.feature_map, fitted)
    columns = _counted(front.n_features_in_, "column")
    inputs = Box("inputs", (columns, _TRANSFORMS[fitted.choice.input_transform]))
    return [inputs, *hidden, *left, _output_box(network)], linked and not left


def _front_of(network: BaseEstimator) -> BaseEstimator:
    """The bundled part of a network, the chosen one of a search."""
    if isinstance(network, PartlyBundledRegressor | PartlyBundledClassifier):
        return network.front.estimator
    return getattr(network, "best_estimator_", network)


def _left_layers(network: BaseEstimator) -> list[Box]:
    """Layers of a trained network that were left as they are."""
    if not isinstance(network, PartlyBundledRegressor | PartlyBundledClassifier):
        return []
    return [_joint_box(network)] + [_trained_box(layer) for layer in network.layers[:-1]]


def learned_columns(network: BaseEstimator) -> Array | None:
    """Share of each input column in the squared inverse length scales, where any were learned.

    Parameters
    ----------
    network : estimator
        A fitted network.

    Returns
    -------
    ndarray of shape (n_features,) or None
        Shares, which add up to one.
    """
    front = _front_of(network)
    if fitted_network(front).choice.importances is not None:
        return np.asarray(front.feature_importances_, dtype=np.float64)
    scales = np.asarray(getattr(front, "length_scale_", 1.0))
    if scales.ndim == 0 or scales.dtype.kind != "f" or np.ptp(scales) == 0.0:
        return None
    squares, table = (scales.min() / scales) ** 2, table_encoder(front)
    shares = np.asarray(squares / squares.sum(), dtype=np.float64)
    return shares if table is None else table.summed(shares)


def steepest_axis(network: BaseEstimator) -> Array | None:
    """The direction of the shortest length scale, where a kernel learned directions.

    Parameters
    ----------
    network : estimator
        A fitted network.

    Returns
    -------
    ndarray of shape (n_features,) or None
        Of length one, from the turned kernel of the largest weight. Parts of a table's text columns are not told apart:
        their share has no sign.
    """
    front = _front_of(network)
    turned = [kernel for kernel in getattr(front, "kernels_", ()) if kernel.projection is not None]
    if not turned:
        return None
    axis = max(turned, key=lambda kernel: kernel.weight).axes[0]
    axis, table = axis / np.linalg.norm(axis), table_encoder(front)
    return axis if table is None or table.keeps_columns else np.sqrt(table.summed(axis**2))


@singledispatch
def map_boxes(feature_map: object, fitted: FittedNetwork) -> list[Box]:
    """Boxes of the bundled layers.

    Parameters
    ----------
    feature_map : RandomMap or KernelMap
        The map; a new kind of map registers its own function.
    fitted : FittedNetwork
        The network that it belongs to.

    Returns
    -------
    list of Box
        One for each layer.

    Raises
    ------
    TypeError
        If maps of this kind have no picture.
    """
    raise TypeError(f"a feature map of type {type(feature_map).__name__} has no picture.")


@map_boxes.register
def _(feature_map: RandomMap, fitted: FittedNetwork) -> list[Box]:
    boxes, samplers = [], feature_map.samplers
    for i, sampler in enumerate(samplers, start=1):
        scale = np.asarray(sampler.length_scale_)
        along_axes = i == 1 and feature_map.along_axes
        several = "a length scale per learned axis" if along_axes else "a length scale per column"
        equal = scale.ndim == 0 and not along_axes
        boxes.append(
            Box(
                f"layer {i}" if len(samplers) > 1 else "layer",
                (
                    f"{sampler.n_components} random features",
                    f"activation {activation_name(sampler.activation)}",
                    f"{sampler.directions} directions",
                    f"{sampler.frequencies} frequencies",
                    f"length scale {float(scale):.3g}" if equal else several,
                ),
            )
        )
    return boxes


@map_boxes.register
def _(feature_map: KernelMap, fitted: FittedNetwork) -> list[Box]:
    n_centres, exact = feature_map.n_columns, feature_map.whitening is None
    size = f"exact: all {n_centres} distinct rows" if exact else f"{n_centres} landmarks"
    return [Box("kernel layer", (size, *_kernel_lines(feature_map.kernels)))]


@map_boxes.register
def _(feature_map: BlockMap, fitted: FittedNetwork) -> list[Box]:
    sizes = np.diff(feature_map.kernel.starts)
    size = f"{feature_map.kernel.n_landmarks} landmarks, {len(sizes)} blocks of up to {sizes.max()} rows"
    return [Box("kernel layer", (size, *_kernel_lines(feature_map.kernels)))]


def _kernel_lines(kernels: tuple[Kernel, ...]) -> list[str]:
    """A line for each summand, and one for the length scales."""
    lines = []
    for kernel in kernels:
        weight = f"{kernel.weight:.2g} x " if len(kernels) > 1 else ""
        lines.append(f"{weight}{activation_name(kernel.activation)}, {kernel.frequencies}")
    rotated = any(kernel.projection is not None for kernel in kernels)
    equal = not rotated and all(np.ptp(kernel.scales) == 0.0 for kernel in kernels)
    first = 1.0 / float(kernels[0].scales[0])
    one = f"length scale {first:.3g}" if len(kernels) == 1 else "one length scale each"
    several = "a length scale per learned axis" if rotated else "a length scale per column"
    return [*lines, one if equal else several]


def _joint_box(network: PartlyBundledRegressor | PartlyBundledClassifier) -> Box:
    """The first layer that was left: its weights are bundled, and its activation is applied."""
    n_units = network.layers[0].weights.shape[1]
    return Box("trained layer", (_counted(n_units, "unit"), f"activation {network.activation}"))


def _trained_box(layer: Any) -> Box:
    return Box("trained layer", (_counted(len(layer.weights), "unit"), f"activation {layer.activation}"))


def _output_box(network: BaseEstimator) -> Box:
    coef = np.atleast_2d(network.output_coef_)
    lines = [f"{len(coef)} x {coef.shape[1]}"]
    if hasattr(network, "classes_"):
        lines.append(_counted(len(network.classes_), "class", "classes"))
    if hasattr(network, "alpha_"):
        lines.append("alpha " + _range(network.alpha_))
    if hasattr(network, "effective_dof_"):
        lines.append(f"{_range(network.effective_dof_)} effective dof")
    if hasattr(network, "n_samples_seen_"):
        lines.append(f"from {network.n_samples_seen_:,} rows")
    return Box("output matrix", tuple(lines))


def _range(values: Any) -> str:
    """One number, or the least and the largest of several."""
    least, largest = float(np.min(values)), float(np.max(values))
    return f"{least:.3g}" if least == largest else f"{least:.3g} to {largest:.3g}"


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
