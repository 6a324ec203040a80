"""Kernels of bundled layers with infinitely many units: values between rows, and gradients of fitted functions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from .._compute import Array, Floats, one_blas_thread, over_threads, row_blocks
from .spectra import spectrum_of

# Entries of a block of distances that stays in a core's cache.
_BLOCK_ENTRIES = 2**17
# Coordinates from which on squared distances come from a product of matrices; squares, relative to that of the distance
# from the mean, below which a pair is compared directly; and the share of such pairs beyond which all are.
_MANY_COORDINATES, _CLOSE, _FEW_SHARE = 12, 1e-2, 0.05
# Half the step of the differences that give slopes of kernels without a formula.
_STEP = 1e-4
# Length scales beyond which all rows are equally far away.
_FARTHEST = 1e100


@dataclass(frozen=True, eq=False)
class Kernel:
    """The kernel of an activation's infinitely wide layer, with one length scale per input column.

    Parameters
    ----------
    activation : str or callable
        Gives the profile ``kappa`` of one coordinate or of the distance.
    frequencies : {"isotropic", "coordinatewise"}
        ``kappa(|d|)`` of the scaled difference ``d`` of two rows, or the product of ``kappa(|d_j|)`` over columns.
    scales : ndarray of shape (n_features,)
        Factors of the columns: inverse length scales.
    weight : float, default=1.0
        Factor of the kernel, for sums of kernels: the layers side by side.
    projection : ndarray of shape (n_features, n_coordinates), optional
        Coordinates in which rows are compared, as combinations of the columns in units of their scales; default: these
        columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._kernels.kernels import Kernel, kernel_matrix
    >>> laplace = Kernel("cauchy", "coordinatewise", np.array([1.0, 0.5]))
    >>> kernel_matrix([laplace], np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]])).round(4)
    array([[0.1353]])
    """

    activation: str | Callable[..., Any]
    frequencies: str
    scales: Array
    weight: float = 1.0
    projection: Array | None = None

    @property
    def column_scales(self) -> Array:
        """Inverse length scales along the columns, those of a projection included."""
        if self.projection is None:
            return self.scales
        scales: Array = self.scales * np.linalg.norm(self.projection, axis=1)
        return scales


def kernel_matrix(kernels: Sequence[Kernel], A: Floats, B: Floats) -> Array:
    """Sum of kernels between the rows of two arrays.

    Parameters
    ----------
    kernels : sequence of Kernel
        The summands.
    A : ndarray of shape (n_rows, n_features)
        Rows.
    B : ndarray of shape (n_centres, n_features)
        Rows.

    Returns
    -------
    ndarray of shape (n_rows, n_centres)
        The values, float64.
    """
    values = np.empty((len(A), len(B)))
    fill_kernel_matrix(kernels, A, B, values)
    return values


def symmetric_kernel_matrix(
    kernels: Sequence[Kernel], A: Floats, threads: int, dtype: type[np.floating] = np.float64
) -> Floats:
    """Lower triangle of the sum of kernels among rows.

    Parameters
    ----------
    kernels : sequence of Kernel
        The summands.
    A : ndarray of shape (n_rows, n_features)
        Rows.
    threads : int
        Threads over blocks of rows.
    dtype : {numpy.float64, numpy.float32}, default=numpy.float64
        Of the values.

    Returns
    -------
    ndarray of shape (n_rows, n_rows)
        In Fortran order, zero above a band next to the diagonal.
    """
    n = len(A)
    # Its transpose is what is returned: rows of C order are the columns that LAPACK reads.
    upper = np.zeros((n, n), dtype=dtype)
    _fill_blocks(kernels, A, [(rows, upper[rows, rows.start :]) for rows in _symmetric_blocks(n)], threads)
    return upper.T


def symmetric_kernel_blocks(kernels: Sequence[Kernel], A: Floats, threads: int) -> list[Array]:
    """Sum of kernels among rows, in half the memory of the matrix.

    Parameters
    ----------
    kernels : sequence of Kernel
        The summands.
    A : ndarray of shape (n_rows, n_features)
        Rows.
    threads : int
        Threads over blocks of rows.

    Returns
    -------
    list of ndarray
        Consecutive rows of the upper triangle, each block from its first row's own column on.
    """
    n, rows = len(A), _symmetric_blocks(len(A))
    sizes = [(each.stop - each.start) * (n - each.start) for each in rows]
    parts = np.split(np.empty(sum(sizes)), np.cumsum(sizes)[:-1])
    blocks = [part.reshape(each.stop - each.start, -1) for each, part in zip(rows, parts, strict=True)]
    _fill_blocks(kernels, A, list(zip(rows, blocks, strict=True)), threads)
    return blocks


def _symmetric_blocks(n: int) -> list[slice]:
    return list(row_blocks(n, max(_BLOCK_ENTRIES // max(n, 1), 16)))


def _fill_blocks(kernels: Sequence[Kernel], A: Floats, blocks: list[Any], threads: int) -> None:
    with one_blas_thread():
        points = [in_coordinates(kernel, A) for kernel in kernels]

    def fill(rows: slice, out: Floats) -> None:
        _fill_values(kernels, [(each[rows], each[rows.start :]) for each in points], out)

    over_threads(fill, blocks, threads)


def fill_kernel_matrix(kernels: Sequence[Kernel], A: Floats, B: Floats, out: Floats) -> None:
    """Evaluate a sum of kernels into a given array, by blocks that stay in cache.

    Parameters
    ----------
    kernels : sequence of Kernel
        The summands.
    A, B : ndarray of shape (n_rows, n_features) and (n_centres, n_features)
        Rows.
    out : ndarray of shape (n_rows, n_centres)
        Receives the values. In float32, distances in float64 are rounded before they are mapped.
    """
    _fill_values(kernels, [(in_coordinates(kernel, A), in_coordinates(kernel, B)) for kernel in kernels], out)


def _fill_values(kernels: Sequence[Kernel], points: Sequence[tuple[Array, Array]], out: Floats) -> None:
    """Sum of kernels between rows in the coordinates of each."""
    for rows in row_blocks(len(out), max(_BLOCK_ENTRIES // max(out.shape[1], 1), 16)):
        for i, (kernel, (a, b)) in enumerate(zip(kernels, points, strict=True)):
            values = _unscaled_values(kernel, a[rows], b, out.dtype)
            values *= values.dtype.type(kernel.weight)
            if i:
                out[rows] += values
            else:
                out[rows] = values


def in_coordinates(kernel: Kernel, rows: Floats) -> Array:
    """Rows in the coordinates in which a kernel compares them.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    rows : ndarray of shape (n_rows, n_features)
        Rows.

    Returns
    -------
    ndarray of shape (n_rows, n_coordinates)
        In units of the length scales, cut off where squares of differences would overflow.

    Examples
    --------
    >>> import numpy as np
    >>> in_coordinates(Kernel("gaussian", "isotropic", np.array([1.0, 0.5])), np.array([[2.0, 4.0]]))
    array([[2., 2.]])
    """
    with np.errstate(over="ignore"):
        scaled: Array = np.clip(rows * kernel.scales, -_FARTHEST, _FARTHEST)
    return scaled if kernel.projection is None else scaled @ kernel.projection


def _unscaled_values(kernel: Kernel, a: Array, b: Array, dtype: Any = np.float64) -> Floats:
    """Kernel between rows that are scaled already, in float32 where that is asked for and saves time."""
    profile = spectrum_of(kernel.activation).kernel
    if kernel.frequencies == "isotropic":
        squares = squared_distances(a, b)
        if kernel.activation == "gaussian":
            return _exponential(squares, -0.5, dtype)
        distances = np.sqrt(squares, out=squares)
        return _exponential(distances, -1.0, dtype) if kernel.activation == "cauchy" else np.asarray(profile(distances))
    if kernel.activation == "cauchy":
        return _exponential(cdist(a, b, "cityblock"), -1.0, dtype)
    values = np.ones((len(a), len(b)))
    for j in range(a.shape[1]):
        values *= profile(np.abs(np.subtract.outer(a[:, j], b[:, j])))
    return values


def squared_distances(a: Array, b: Array) -> Array:
    """Squared Euclidean distances between rows.

    Parameters
    ----------
    a, b : ndarray of shape (n_rows, n_coordinates) and (n_centres, n_coordinates)
        Rows, in absolute value at most 1e100.

    Returns
    -------
    ndarray of shape (n_rows, n_centres)
        To a relative precision of about 1e-13.

    Notes
    -----
    Of many coordinates, a product of matrices takes a fraction of the time of sums of squared differences. It loses the
    digits of rows that are close to each other, next to their distance from the mean: these few are compared directly.

    Examples
    --------
    >>> import numpy as np
    >>> squared_distances(np.zeros((1, 20)), np.ones((1, 20)))
    array([[20.]])
    """
    if a.shape[1] < _MANY_COORDINATES:
        return cdist(a, b, "sqeuclidean")
    mean = b.mean(axis=0)
    left, right = a - mean, b - mean
    norms = np.einsum("ij,ij->i", right, right)
    squares: Array = left @ right.T
    squares *= -2.0
    squares += np.einsum("ij,ij->i", left, left)[:, None]
    squares += norms
    close = np.flatnonzero(squares < _CLOSE * norms)
    if len(close) > _FEW_SHARE * squares.size:
        return cdist(a, b, "sqeuclidean")
    i, j = np.divmod(close, len(b))
    squares.flat[close] = np.sum((a[i] - b[j]) ** 2, axis=1)
    return squares


def _exponential(distances: Array, factor: float, dtype: Any) -> Floats:
    distances *= factor
    with np.errstate(over="ignore"):  # beyond float32, where the exponential is zero
        exponents = distances.astype(dtype, copy=False)
    values: Floats = np.exp(exponents, out=exponents)
    return values


def squared_gradients(kernels: Sequence[Kernel], A: Array, centres: Array, coef: Array, threads: int = 1) -> Array:
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

    Returns
    -------
    ndarray of shape (n_features,)
        Means over rows, summed over targets.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit and Belkin, "Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models", Science 2024.
    """
    return _mean_over_rows(lambda slopes: np.sum(slopes**2, axis=(1, 2)), kernels, A, centres, coef, threads)


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
        lambda slopes: np.tensordot(slopes, slopes, ((1, 2), (1, 2))), kernels, A, centres, coef, threads
    )


def _mean_over_rows(
    summed: Callable[[Array], Array], kernels: Sequence[Kernel], A: Array, centres: Array, coef: Array, threads: int
) -> Array:
    """Mean of what is summed over the slopes, shape (n_features, n_rows, n_targets), of blocks of rows."""

    def block(rows: slice) -> Array:
        slopes = np.zeros((A.shape[1], len(A[rows]), coef.shape[1]))
        for kernel in kernels:
            _add_slopes(kernel, A[rows], centres, coef, slopes)
        return summed(slopes)

    size = max(_BLOCK_ENTRIES // max(len(centres), 1), 16)
    sums = over_threads(block, [(rows,) for rows in row_blocks(len(A), size)], threads)
    means: Array = np.sum(sums, axis=0) / len(A)
    return means


def _add_slopes(kernel: Kernel, A: Array, centres: Array, coef: Array, slopes: Array) -> None:
    a, b = in_coordinates(kernel, A), in_coordinates(kernel, centres)
    a, b = a - b[0], b - b[0]  # what is far from zero leaves no digits for differences
    along = slopes if kernel.projection is None else np.zeros((a.shape[1], *slopes.shape[1:]))
    scales = kernel.scales if kernel.projection is None else np.ones(a.shape[1])
    values = _unscaled_values(kernel, a, b) * kernel.weight
    if kernel.frequencies == "isotropic":
        distances = np.sqrt(squared_distances(a, b))
        values *= np.divide(
            _relative_slope(kernel, distances), distances, out=np.zeros_like(distances), where=distances > 0.0
        )
        for t in range(coef.shape[1]):
            weighted = values * coef[:, t]
            along[:, :, t] -= scales[:, None] * (a * weighted.sum(axis=1)[:, None] - weighted @ b).T
    else:
        for j, scale in enumerate(scales):
            difference = np.subtract.outer(a[:, j], b[:, j])
            side = np.sign(difference)
            if kernel.activation != "cauchy":
                side *= _relative_slope(kernel, np.abs(difference))
            along[j] -= scale * ((values * side) @ coef)
    if kernel.projection is not None:
        slopes += kernel.scales[:, None, None] * np.tensordot(kernel.projection, along, 1)


def _relative_slope(kernel: Kernel, r: Array) -> Array:
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
