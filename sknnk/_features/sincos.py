"""Cosine and sine of the same phases, computed together, as interleaved columns."""

from typing import Any

import numpy as np
from numpy.lib.introspect import opt_func_info

from .._compute import Floats

# Bytes of phases handled at once: few enough for a core's cache, many enough that threads seldom wait for the
# interpreter lock between two array operations (measured on two cores with AVX-512).
_TILE_BYTES = 2**19


def _has_vector_tangents(char: str) -> bool:
    """Whether NumPy computes several tangents of a dtype at once on this processor."""
    targets = opt_func_info(func_name="^tan$").get("tan", {}).get(2 * char, {})
    return not targets.get("current", "baseline").startswith("baseline")


# Cosines and sines in float64 are scalar library calls wherever tangents are. In float32 they are vectorised, too; then
# one tangent and five operations take six to eight tenths of their time, as long as it is vectorised itself.
_FROM_TANGENTS = {np.dtype(np.float64): True, np.dtype(np.float32): _has_vector_tangents("f")}


def cos_sin_pairs(phases: Floats, out: Floats, scale: float = 1.0) -> Floats:
    """Write ``scale * cos(phases)`` and ``scale * sin(phases)`` into neighbouring columns.

    Parameters
    ----------
    phases : ndarray of shape (n_samples, n_frequencies)
        Finite phases, float64 or float32; left as they are.
    out : ndarray of shape (n_samples, 2 * n_frequencies)
        Receives cosines in even and sines in odd columns; same dtype as `phases`.
    scale : float, default=1.0
        Factor of all entries.

    Returns
    -------
    ndarray of shape (n_samples, 2 * n_frequencies)
        `out`. The largest absolute error, before scaling, is a few units in the last place of 1.0 as long as the phases
        themselves are exact.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._features.sincos import cos_sin_pairs
    >>> cos_sin_pairs(np.zeros((1, 2)), np.empty((1, 4)))
    array([[1., 0., 1., 0.]])
    """
    spare = np.empty((tile_rows(phases.shape, phases.dtype), phases.shape[1]), dtype=phases.dtype)
    return pairs_in_place(phases * phases.dtype.type(phase_factor(phases.dtype)), spare, out, scale)


def phase_factor(dtype: Any) -> float:
    """Factor of the phases that `pairs_in_place` expects.

    Parameters
    ----------
    dtype : dtype
        Of the phases.

    Returns
    -------
    float
        One half where both come from one tangent: in float64, and in float32 where the processor has several of them
        at once. Else one.

    Examples
    --------
    >>> phase_factor("float64")
    0.5
    """
    return 0.5 if _FROM_TANGENTS[np.dtype(dtype)] else 1.0


def tile_rows(shape: tuple[int, ...], dtype: Any) -> int:
    """Rows of phases that are handled at once.

    Parameters
    ----------
    shape : tuple of int
        Shape of the phases.
    dtype : dtype
        Their dtype.

    Returns
    -------
    int
        At most all rows.

    Examples
    --------
    >>> tile_rows((10_000, 1024), "float64"), tile_rows((10, 1024), "float64")
    (64, 10)
    """
    row_bytes: int = np.dtype(dtype).itemsize * max(1, shape[1])
    return min(max(1, _TILE_BYTES // row_bytes), shape[0])


def pairs_in_place(
    phases: Floats,
    spare: Floats,
    out: Floats,
    scale: float = 1.0,
    alternating: bool = True,
) -> Floats:
    """Write ``scale`` times cosines and sines into neighbouring columns, using the memory of the phases.

    Parameters
    ----------
    phases : ndarray of shape (n_samples, n_frequencies)
        Finite phases times ``phase_factor(dtype)``; overwritten.
    spare : ndarray of shape (tile_rows(phases.shape, dtype), n_frequencies)
        Overwritten.
    out : ndarray of shape (n_samples, 2 * n_frequencies)
        Receives cosines in even and sines in odd columns; same dtype as `phases`.
    scale : float, default=1.0
        Factor of all entries.
    alternating : bool, default=True
        Whether cosines and sines alternate. Otherwise all cosines come first: in float32 that takes less time.

    Returns
    -------
    ndarray of shape (n_samples, 2 * n_frequencies)
        `out`.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._features.sincos import pairs_in_place
    >>> pairs_in_place(np.full((1, 1), np.pi / 4), np.empty((1, 1)), np.empty((1, 2))).round(15)
    array([[0., 1.]])
    """
    rows, n_pairs = tile_rows(phases.shape, phases.dtype), phases.shape[1]
    for start in range(0, len(phases), max(1, rows)):
        block, target = phases[start : start + rows], out[start : start + rows]
        cosines, sines = (
            (target[:, 0::2], target[:, 1::2]) if alternating else (target[:, :n_pairs], target[:, n_pairs:])
        )
        if _FROM_TANGENTS[phases.dtype]:
            _from_tangents(block, spare[: len(block)], cosines, sines, scale)
        else:
            np.cos(block, out=cosines)
            np.sin(block, out=sines)
            if scale != 1.0:
                np.multiply(target, target.dtype.type(scale), out=target)
    return out


def _from_tangents(
    half: Floats,
    factor: Floats,
    cosines: Floats,
    sines: Floats,
    scale: float,
) -> None:
    # In float64 a tangent takes 1.2 ns where a cosine takes 12, and a sine, too; in float32 0.4 ns and 1.0 each, into
    # every other column.
    tangent = np.tan(half, out=half)
    np.square(tangent, out=factor)
    np.add(factor, 1.0, out=factor)
    np.divide(2.0 * scale, factor, out=factor)
    # 2 / (1 + t^2) - 1 is (1 - t^2) / (1 + t^2), within an ulp of one.
    np.subtract(factor, scale, out=cosines)
    np.multiply(tangent, factor, out=sines)
