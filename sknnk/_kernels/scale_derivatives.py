"""How a kernel matrix changes with the length scales of a kernel, summed against another matrix."""

import numpy as np

from .._compute import Array, Floats, over_threads, row_blocks
from .kernels import Kernel, in_coordinates
from .slopes import relative_slope
from .values import squared_distances

# Entries of a block of differences, so that it stays in the cache of a core.
_BLOCK_ENTRIES = 2**16
# Rows at a smaller distance count as this far apart, where slopes are divided by distances: logarithms of values next
# to one have few digits, and the derivatives of such pairs are next to nothing.
_LEAST_DISTANCE = 1e-3


def log_scale_derivatives(kernel: Kernel, X: Array, values: Floats, weights: Floats, threads: int = 1) -> Array:
    """Derivatives of ``sum_ij weights_ij k(x_i, x_j)`` by the logarithms of the scales of a kernel's coordinates.

    Parameters
    ----------
    kernel : Kernel
        The kernel ``k``.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    values : ndarray of shape (n_samples, n_samples)
        The kernel among the rows, in Fortran order, as :func:`symmetric_kernel_matrix` gives it.
    weights : ndarray of shape (n_samples, n_samples)
        In Fortran order and of the same dtype, zero above the diagonal.
    threads : int, default=1
        Threads over blocks of rows.

    Returns
    -------
    ndarray of shape (n_coordinates,)
        One derivative for each column of the coordinates in which the kernel compares rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._kernels import Kernel, symmetric_kernel_matrix
    >>> X, laplace = np.array([[0.0], [2.0]]), Kernel("cauchy", "coordinatewise", np.ones(1))
    >>> values, weights = symmetric_kernel_matrix([laplace], X, 1), np.asfortranarray([[0.0, 0.0], [1.0, 0.0]])
    >>> log_scale_derivatives(laplace, X, values, weights) / np.exp(-2.0)
    array([-2.])
    """
    coordinates = in_coordinates(kernel, X)
    coordinates = coordinates - np.median(coordinates, axis=0)
    if kernel.frequencies == "isotropic":
        return _of_isotropic(kernel, coordinates, values, weights)
    # Columns of arrays in Fortran order are rows of their transposes.
    upper, own = (weights * values).T, coordinates.astype(values.dtype)
    size = max(_BLOCK_ENTRIES // max(len(X), 1), 8)

    def block(rows: slice) -> Array:
        part, found = upper[rows, rows.start :], np.empty(own.shape[1])
        for j in range(own.shape[1]):
            away = np.abs(np.subtract.outer(own[rows, j], own[rows.start :, j]))
            if kernel.activation != "cauchy":
                away *= relative_slope(kernel, away)
            found[j] = np.einsum("ij,ij->", part, away)
        return found

    sums = over_threads(block, [(rows,) for rows in row_blocks(len(X), size)], threads)
    return -np.sum(sums, axis=0) if sums else np.zeros(own.shape[1])


def _of_isotropic(kernel: Kernel, coordinates: Array, values: Floats, weights: Floats) -> Array:
    steep = weights * values
    if kernel.activation == "cauchy":
        distances = -np.log(values, out=np.zeros_like(values), where=values > 0.0)
        steep /= np.maximum(distances, _LEAST_DISTANCE, out=distances)
    elif kernel.activation != "gaussian":
        distances = np.maximum(np.sqrt(squared_distances(coordinates, coordinates)), _LEAST_DISTANCE)
        steep *= relative_slope(kernel, distances) / distances
    sums = steep.sum(axis=0, dtype=np.float64) + steep.sum(axis=1, dtype=np.float64)
    own = coordinates.astype(values.dtype)
    squares: Array = sums @ coordinates**2 - 2.0 * np.einsum("ij,ij->j", own, steep @ own, dtype=np.float64)
    return -squares
