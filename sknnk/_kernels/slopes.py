"""Slopes of functions that are sums of kernels, averaged over rows."""

from collections.abc import Callable, Sequence

import numpy as np

from .._compute import Array, over_threads, row_blocks
from .kernels import Kernel, in_coordinates
from .spectra import spectrum_of
from .values import squared_distances, values_in_coordinates

# Entries of a block of distances, so that it stays in the cache of a core.
_BLOCK_ENTRIES = 2**17
# Half the step of the differences that give slopes of kernels without a formula, in length scales.
_STEP = 1e-4


def squared_gradients(
    kernels: Sequence[Kernel],
    A: Array,
    centres: Array,
    coef: Array,
    threads: int = 1,
    sample_weight: Array | None = None,
) -> Array:
    """Mean squared slope of fitted functions along every input column.

    The functions are ``f_t(x) = sum_i coef_it k(x, z_i)``; this is the diagonal of their average gradient outer
    product.

    Parameters
    ----------
    kernels : sequence of Kernel
        The summands of ``k``.
    A : ndarray of shape (n_rows, n_features)
        Rows over which the square is averaged.
    centres : ndarray of shape (n_centres, n_features)
        The ``z``.
    coef : ndarray of shape (n_centres, n_targets)
        Coefficients.
    threads : int, default=1
        Threads over blocks of rows; the result does not depend on it.
    sample_weight : ndarray of shape (n_rows,), optional
        Weights of the rows in the mean; all the same if not given.

    Returns
    -------
    ndarray of shape (n_features,)
        Means over rows, summed over targets.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit and Belkin, "Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models", Science 2024.
    """
    weight = np.ones(len(A)) if sample_weight is None else sample_weight / sample_weight.mean()
    return _mean_over_rows(
        lambda slopes, rows: np.einsum("jit,jit,i->j", slopes, slopes, weight[rows]), kernels, A, centres, coef, threads
    )


def gradient_products(kernels: Sequence[Kernel], A: Array, centres: Array, coef: Array, threads: int = 1) -> Array:
    """Average gradient outer product (AGOP) of fitted functions.

    Parameters
    ----------
    kernels : sequence of Kernel
        The summands of ``k``.
    A : ndarray of shape (n_rows, n_features)
        Rows over which products are averaged.
    centres : ndarray of shape (n_centres, n_features)
        The ``z`` of ``f_t(x) = sum_i coef_it k(x, z_i)``.
    coef : ndarray of shape (n_centres, n_targets)
        Coefficients.
    threads : int, default=1
        Threads over blocks of rows; the result does not depend on it.

    Returns
    -------
    ndarray of shape (n_features, n_features)
        Means over rows, summed over targets; the diagonal is :func:`squared_gradients`.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit and Belkin, "Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models", Science 2024.
    """
    return _mean_over_rows(
        lambda slopes, _: np.tensordot(slopes, slopes, ((1, 2), (1, 2))), kernels, A, centres, coef, threads
    )


def _mean_over_rows(
    summed: Callable[[Array, slice], Array],
    kernels: Sequence[Kernel],
    A: Array,
    centres: Array,
    coef: Array,
    threads: int,
) -> Array:
    """Mean over rows of ``summed(slopes, rows)``; slopes of a block have shape (n_features, n_rows, n_targets)."""

    def block(rows: slice) -> Array:
        slopes = np.zeros((A.shape[1], len(A[rows]), coef.shape[1]))
        for kernel in kernels:
            _add_slopes(kernel, A[rows], centres, coef, slopes)
        return summed(slopes, rows)

    size = max(_BLOCK_ENTRIES // max(len(centres), 1), 16)
    sums = over_threads(block, [(rows,) for rows in row_blocks(len(A), size)], threads)
    means: Array = np.sum(sums, axis=0) / len(A)
    return means


def _add_slopes(kernel: Kernel, A: Array, centres: Array, coef: Array, slopes: Array) -> None:
    a, b = in_coordinates(kernel, A), in_coordinates(kernel, centres)
    a, b = a - b[0], b - b[0]  # differences of numbers far from zero would lose digits
    along = slopes if kernel.projection is None else np.zeros((a.shape[1], *slopes.shape[1:]))
    scales = kernel.scales if kernel.projection is None else np.ones(a.shape[1])
    values = values_in_coordinates(kernel, a, b) * kernel.weight
    if kernel.frequencies == "isotropic":
        distances = np.sqrt(squared_distances(a, b))
        values *= np.divide(
            relative_slope(kernel, distances), distances, out=np.zeros_like(distances), where=distances > 0.0
        )
        for t in range(coef.shape[1]):
            weighted = values * coef[:, t]
            along[:, :, t] -= scales[:, None] * (a * weighted.sum(axis=1)[:, None] - weighted @ b).T
    else:
        for j, scale in enumerate(scales):
            difference = np.subtract.outer(a[:, j], b[:, j])
            side = np.sign(difference)
            if kernel.activation != "cauchy":
                side *= relative_slope(kernel, np.abs(difference))
            along[j] -= scale * ((values * side) @ coef)
    if kernel.projection is not None:
        slopes += kernel.scales[:, None, None] * np.tensordot(kernel.projection, along, 1)


def relative_slope(kernel: Kernel, r: Array) -> Array:
    """Decline of the profile relative to its value, ``-kappa'(r) / kappa(r)``."""
    known = _RELATIVE_SLOPES.get(kernel.activation) if isinstance(kernel.activation, str) else None
    if known is not None:
        return known(r)
    profile = spectrum_of(kernel.activation).kernel
    value = np.asarray(profile(r))
    decline = (profile(np.abs(r - _STEP)) - profile(r + _STEP)) / (2.0 * _STEP)
    return np.divide(decline, value, out=np.zeros_like(value), where=np.abs(value) > _STEP)


_RELATIVE_SLOPES: dict[str, Callable[[Array], Array]] = {
    "gaussian": lambda r: r,
    "cauchy": np.ones_like,
    "laplace": lambda r: 2.0 * r / (1.0 + r**2),
    "sech": np.tanh,
}
