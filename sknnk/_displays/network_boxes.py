"""A fitted network in words: one box of text for each stage that a row passes."""

from typing import Any, NamedTuple

import numpy as np

from .._compute import Array

_TRANSFORMS = {"quantile": "quantile map", "robust": "robust units", None: "as they are"}


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


def pictured_layers(network: Any) -> tuple[list[Box], bool]:
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
    front = network
    left: list[Box] = []
    if hasattr(network, "front"):
        front = network.front.estimator
        left = [_joint_box(network)] + [_trained_box(layer) for layer in network.layers[:-1]]
    if not hasattr(front, "samplers_"):
        raise TypeError(f"estimator is a {type(network).__name__}; NetworkDisplay draws the fitted networks of sknnk.")
    linked = bool(front.direct_link) and not _has_kernels(front)
    hidden = [_kernel_box(front)] if _has_kernels(front) else _random_boxes(front.samplers_)
    inputs = Box("inputs", (_counted(front.n_features_in_, "column"), _TRANSFORMS[front.input_transform_]))
    return [inputs, *hidden, *left, _output_box(network)], linked and not left


def learned_columns(network: Any) -> Array | None:
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
    front = network.front.estimator if hasattr(network, "front") else network
    if hasattr(front, "feature_importances_"):
        return np.asarray(front.feature_importances_, dtype=np.float64)
    scales = np.asarray(getattr(front, "length_scale_", 1.0))
    if scales.ndim == 0 or scales.dtype.kind != "f" or np.ptp(scales) == 0.0:
        return None
    squares = (scales.min() / scales) ** 2
    return np.asarray(squares / squares.sum(), dtype=np.float64)


def _has_kernels(network: Any) -> bool:
    return getattr(network, "feature_map_", "random") == "landmarks"


def _random_boxes(samplers: tuple[Any, ...]) -> list[Box]:
    boxes = []
    for i, sampler in enumerate(samplers, start=1):
        scale = np.asarray(sampler.length_scale_)
        along_axes = getattr(sampler, "_along_axes", False)
        several = "a length scale per learned axis" if along_axes else "a length scale per column"
        equal = scale.ndim == 0 and not along_axes
        boxes.append(
            Box(
                f"layer {i}" if len(samplers) > 1 else "layer",
                (
                    f"{sampler.n_components} random features",
                    f"activation {_activation(sampler.activation)}",
                    f"{sampler.directions} directions",
                    f"{sampler.frequencies} frequencies",
                    f"length scale {float(scale):.3g}" if equal else several,
                ),
            )
        )
    return boxes


def _kernel_box(network: Any) -> Box:
    (n_centres,) = np.atleast_1d(network.n_components_)
    # The exact map alone is solved with the rows' own kernel matrix.
    exact = network.solver_ == "dual"
    lines = [f"exact: all {n_centres} distinct rows" if exact else f"{n_centres} landmarks"]
    for kernel in network.kernels_:
        weight = f"{kernel.weight:.2g} x " if len(network.kernels_) > 1 else ""
        lines.append(f"{weight}{_activation(kernel.activation)}, {kernel.frequencies}")
    turned = any(kernel.projection is not None for kernel in network.kernels_)
    equal = not turned and all(np.ptp(kernel.scales) == 0.0 for kernel in network.kernels_)
    first = 1.0 / float(network.kernels_[0].scales[0])
    one = f"length scale {first:.3g}" if len(network.kernels_) == 1 else "one length scale each"
    several = "a length scale per learned axis" if turned else "a length scale per column"
    return Box("kernel layer", (*lines, one if equal else several))


def _joint_box(network: Any) -> Box:
    """The first layer that was left: its weights are bundled, and its activation is applied."""
    n_units = network.layers[0].weights.shape[1]
    return Box("trained layer", (_counted(n_units, "unit"), f"activation {network.activation}"))


def _trained_box(layer: Any) -> Box:
    return Box("trained layer", (_counted(len(layer.weights), "unit"), f"activation {layer.activation}"))


def _output_box(network: Any) -> Box:
    coef = np.atleast_2d(network.coef_)
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


def _activation(activation: Any) -> str:
    return activation if isinstance(activation, str) else getattr(activation, "__name__", type(activation).__name__)
