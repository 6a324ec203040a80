"""Phi: the feature maps of a bundled layer, as pure functions of rows and random weights.

The constant factor that makes ``Phi(x) . Phi(y)`` a kernel estimate is left out of the maps and given by
:func:`feature_scale`, so that the first columns of a wide map *are* the narrow map.
"""

import math
from typing import Any

import numpy as np

from .._compute import Floats, scratch
from .sincos import pairs_in_place, phase_factor, tile_rows


def fourier_features(
    X: Any,
    random_weights: Floats,
    out: Floats,
    scale: float = 1.0,
    alternating: bool = True,
) -> Floats:
    """Evaluate bounded trigonometric features: interleaved ``cos(X v_j)``, ``sin(X v_j)``.

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        Rows, float64 or float32.
    random_weights : ndarray of shape (n_features, n_frequencies)
        Frequency vectors ``v_j`` as columns, in the dtype of `X`.
    out : ndarray of shape (n_samples, n_components)
        Receives the features. ``n_components`` is ``2 * n_frequencies``, or one less, in which case the last
        frequency gives its cosine alone.
    scale : float, default=1.0
        Factor of all entries.
    alternating : bool, default=True
        Whether every cosine is beside its sine. Otherwise all cosines come first and a cosine without a sine last, in
        less time in float32.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        `out`. With ``feature_scale(n_components)`` as the scale it is Phi in bounded mode.

    References
    ----------
    Rahimi and Recht, "Random features for large-scale kernel machines", NeurIPS 2007, section 3;
    Sehanobish et al., "Scalable neural network kernels", ICLR 2024, section 3 (without the envelope).

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._features.fourier import fourier_features
    >>> fourier_features(np.zeros((1, 3)), np.ones((3, 2)), np.empty((1, 3)))
    array([[1., 0., 1.]])
    """
    factor, n_pairs = phase_factor(X.dtype), out.shape[1] // 2
    spare = scratch("spare phases", (tile_rows((X.shape[0], n_pairs), X.dtype), n_pairs), X.dtype)
    if not (isinstance(X, np.ndarray) and isinstance(random_weights, np.ndarray)):
        phases = np.asarray(X @ random_weights)
        phases *= factor
        return _fill(phases, spare, out, scale, alternating)
    # By tiles that the cache holds, in long enough ones for wide rows, whose many weights are read for each tile.
    step = max(len(spare), min(X.shape[1], 256), 1)
    # Tiles of one size: what a short last one saves in memory, calls for it cost in time.
    step = max(-(-len(X) // max(-(-len(X) // step), 1)), 1)
    memory = scratch("phases", (min(step, len(X)), random_weights.shape[1]), X.dtype)
    # Scaling by a power of two is exact wherever it is done, and rows are short.
    scaled = factor * X
    for start in range(0, len(X), step):
        rows = scaled[start : start + step]
        phases = np.matmul(rows, random_weights, out=memory[: len(rows)])
        _fill(phases, spare, out[start : start + step], scale, alternating)
    return out


def _fill(
    phases: Floats,
    spare: Floats,
    out: Floats,
    scale: float,
    alternating: bool,
) -> Floats:
    if out.shape[1] % 2:
        out[:, -1] = scale * np.cos(phases[:, -1] / phase_factor(phases.dtype))
    n_even = out.shape[1] // 2 * 2
    pairs_in_place(phases[:, : n_even // 2], spare, out[:, :n_even], scale, alternating)
    return out


def arc_cosine_features(
    X: Any,
    random_weights: Floats,
    offset: Floats,
    degree: int,
    out: Floats,
    scale: float = 1.0,
) -> Floats:
    """Evaluate arc-cosine features ``max(0, X g_j + o_j) ** degree`` (the step function for degree 0).

    Parameters
    ----------
    X : ndarray or CSR array of shape (n_samples, n_features)
        Rows, float64 or float32.
    random_weights : ndarray of shape (n_features, n_components)
        Standard normal vectors ``g_j`` as columns, in the dtype of `X`.
    offset : ndarray of shape (n_components,)
        The bias times one more standard normal coordinate.
    degree : {0, 1, 2}
        Step, ReLU or squared ReLU.
    out : ndarray of shape (n_samples, n_components)
        Receives the features.
    scale : float, default=1.0
        Factor of all entries.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        `out`. With ``feature_scale(n_components)`` as the scale it estimates the arc-cosine kernel.

    References
    ----------
    Cho and Saul, "Kernel methods for deep learning", NeurIPS 2009, section 2; Sehanobish et al., ICLR 2024, section 3.3
    (the ReLU-SNNK).

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._features.fourier import arc_cosine_features
    >>> arc_cosine_features(np.array([[2.0]]), np.array([[1.0, -1.0]]), np.zeros(2), 1, np.empty((1, 2)))
    array([[2., 0.]])
    """
    projected = X @ random_weights
    projected += offset
    if degree == 0:
        # One half at zero keeps the map symmetric: rows equal to zero belong to neither side.
        np.heaviside(projected, 0.5, out=projected)
    else:
        np.maximum(projected, 0.0, out=projected)
    np.multiply(scale, projected, out=out)
    if degree == 2:
        out *= projected
    return out


def feature_scale(n_components: int) -> float:
    """Factor between either map and Phi.

    It gives a row of trigonometric features the Euclidean norm one, and makes dot products of arc-cosine features
    estimate the kernel of Cho and Saul (2009).

    Parameters
    ----------
    n_components : int
        Number of columns.

    Returns
    -------
    float
        ``sqrt(2 / n_components)``.

    Examples
    --------
    >>> from sknnk._features.fourier import feature_scale
    >>> feature_scale(8)
    0.5
    """
    return math.sqrt(2.0 / max(1, n_components))
