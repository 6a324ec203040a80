"""Values of kernels between rows, by tiles that stay in the cache of a core."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from .._compute import Array, Floats, one_blas_thread, over_threads, row_blocks, scratch
from .kernels import Kernel, in_coordinates
from .spectra import spectrum_of

# Entries of a block of rows that one thread works on, and rows and columns of a tile, which stays in its cache.
_BLOCK_ENTRIES = 2**17
_TILE_ROWS, _TILE_COLUMNS = 256, 1024
# From this many coordinates on, squared distances come from a product of matrices.
_MANY_COORDINATES = 4
# A product loses digits where two rows are much closer to each other than to the middle of the centres. A pair is
# compared directly if its squared distance is below this share of the typical one of the centres from the middle.
# Values are then right to 1e-13, and to 5e-6 in float32.
_CLOSE = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-4}
# The same share for slopes, which are divided by distances.
_CLOSE_FOR_SLOPES = 1e-2
# A row is compared directly with all centres if its squared distance from the middle is this many times that one.
_FAR = 30.0
# If more than this share of the pairs of a tile is that close, all its pairs are compared directly.
_FEW_SHARE = 0.05
# Coordinates are cut off here before they become float32, so that sums of squares stay finite.
_LARGEST_SINGLE = 1e15
_LOG2E = math.log2(math.e)


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
    # The transpose is returned: its columns, which LAPACK reads, are rows in C order here.
    upper = np.zeros((n, n), dtype=dtype)
    _fill_blocks(kernels, A, [(rows, upper[rows, rows.start :]) for rows in _symmetric_blocks(n)], threads, dtype)
    return upper.T


def symmetric_kernel_blocks(kernels: Sequence[Kernel], A: Floats, threads: int) -> list[Array]:
    """Upper triangle of the sum of kernels among rows, in half the memory of the matrix.

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
        Blocks of consecutive rows. Each block begins at the column that has the index of its first row.
    """
    n, rows = len(A), _symmetric_blocks(len(A))
    sizes = [(each.stop - each.start) * (n - each.start) for each in rows]
    parts = np.split(np.empty(sum(sizes)), np.cumsum(sizes)[:-1])
    blocks = [part.reshape(each.stop - each.start, -1) for each, part in zip(rows, parts, strict=True)]
    _fill_blocks(kernels, A, list(zip(rows, blocks, strict=True)), threads, np.float64)
    return blocks


def _symmetric_blocks(n: int) -> list[slice]:
    return list(row_blocks(n, max(_BLOCK_ENTRIES // max(n, 1), 16)))


def _fill_blocks(kernels: Sequence[Kernel], A: Floats, blocks: list[Any], threads: int, dtype: Any) -> None:
    with one_blas_thread():
        centres = Centres(kernels, A, dtype)
    over_threads(centres.fill_own, blocks, threads)


def fill_kernel_matrix(kernels: Sequence[Kernel], A: Floats, B: Floats, out: Floats) -> None:
    """Evaluate a sum of kernels into a given array.

    Parameters
    ----------
    kernels : sequence of Kernel
        The summands.
    A, B : ndarray of shape (n_rows, n_features) and (n_centres, n_features)
        Rows.
    out : ndarray of shape (n_rows, n_centres)
        Receives the values. If it is float32, distances have the precision of float32, too.
    """
    Centres(kernels, B, out.dtype).fill(A, out)


class Centres:
    """Rows that other rows are compared with, prepared once for many of them.

    Parameters
    ----------
    kernels : sequence of Kernel
        The summands.
    B : ndarray of shape (n_centres, n_features)
        The centres.
    dtype : {numpy.float64, numpy.float32}
        Of the values.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._kernels import Centres, Kernel
    >>> laplace, out = Kernel("cauchy", "isotropic", np.ones(1)), np.empty((2, 1))
    >>> centres = Centres([laplace], np.zeros((1, 1)), np.float64)
    >>> centres.fill(np.array([[0.0], [1.0]]), out)
    >>> out.round(4).tolist()
    [[1.0], [0.3679]]
    """

    def __init__(self, kernels: Sequence[Kernel], B: Floats, dtype: Any) -> None:
        self._parts = [_compared_with(kernel, in_coordinates(kernel, B), np.dtype(dtype)) for kernel in kernels]
        self._dtype = np.dtype(dtype)

    def fill(self, A: Floats, out: Floats) -> None:
        """Write the kernel of rows with every centre to `out`, an array of shape (n_rows, n_centres)."""
        self._fill([part.prepared(in_coordinates(part.kernel, A)) for part in self._parts], 0, out)

    def fill_own(self, rows: slice, out: Floats) -> None:
        """Write the kernel of some of the centres with these and all later centres to `out`."""
        self._fill([part.prepared(part.b[rows]) for part in self._parts], rows.start, out)

    def add_products(self, A: Floats, coef: Array, out: Array) -> None:
        """Add products of the kernel and coefficients to `out`, without the kernel of all pairs in memory.

        Tiles are multiplied in the dtype of the values, and added up in float64.

        Parameters
        ----------
        A : ndarray of shape (n_rows, n_features)
            Rows.
        coef : ndarray of shape (n_centres, n_targets)
            Coefficients.
        out : ndarray of shape (n_rows, n_targets)
            Changed in place.
        """
        prepared = [part.prepared(in_coordinates(part.kernel, A)) for part in self._parts]
        weights = coef.astype(self._dtype)
        for rows in row_blocks(len(A), _TILE_ROWS):
            own = [tuple(each[rows] for each in arrays) for arrays in prepared]
            for columns in row_blocks(len(coef), _TILE_COLUMNS):
                tile = scratch("kernel tile", (len(out[rows]), columns.stop - columns.start), self._dtype)
                self._fill_tile(own, columns, tile)
                out[rows] += tile @ weights[columns]

    def _fill(self, prepared: list[Any], start: int, out: Floats) -> None:
        for rows in row_blocks(out.shape[0], _TILE_ROWS):
            own = [tuple(each[rows] for each in arrays) for arrays in prepared]
            for columns in row_blocks(out.shape[1], _TILE_COLUMNS):
                self._fill_tile(own, slice(columns.start + start, columns.stop + start), out[rows, columns])

    def _fill_tile(self, own: list[Any], centres: slice, tile: Floats) -> None:
        for i, (part, arrays) in enumerate(zip(self._parts, own, strict=True)):
            target = tile if i == 0 else scratch("kernel values", tile.shape, tile.dtype)
            part.fill(arrays, centres, target)
            if part.kernel.weight != 1.0:
                target *= target.dtype.type(part.kernel.weight)
            if i:
                tile += target


class _ByProfile:
    """Values of any kernel, in float64, rounded at the end."""

    def __init__(self, kernel: Kernel, b: Array, dtype: Any) -> None:
        self.kernel, self.b = kernel, b

    def prepared(self, a: Array) -> tuple[Array, ...]:
        """What `fill` wants to know of rows in the coordinates of the kernel; one entry a row in each array."""
        return (a,)

    def fill(self, arrays: tuple[Array, ...], centres: slice, out: Floats) -> None:
        out[:] = values_in_coordinates(self.kernel, arrays[0], self.b[centres])


class _ByProducts(_ByProfile):
    """Values of the two common isotropic kernels, whose squared distances come from a product of matrices.

    Both are powers of two of a multiple of the squared distance, or of its root: the multiple is part of the product.
    """

    def __init__(self, kernel: Kernel, b: Array, dtype: Any) -> None:
        super().__init__(kernel, b, dtype)
        self._rooted, self._dtype = kernel.activation == "cauchy", dtype
        self._factor = _LOG2E**2 if self._rooted else -0.5 * _LOG2E
        self._middle = np.median(b, axis=0)
        centred = self._centred(b)
        norms = np.einsum("ij,ij->i", centred, centred)
        self._right = np.vstack([centred.T, np.ones(len(b)), norms]).astype(dtype)
        self._typical = float(np.median(norms))

    def _centred(self, rows: Array) -> Array:
        centred = rows - self._middle
        return centred if self._dtype == np.float64 else np.clip(centred, -_LARGEST_SINGLE, _LARGEST_SINGLE)

    def prepared(self, a: Array) -> tuple[Array, ...]:
        centred = self._centred(a)
        norms = np.einsum("ij,ij->i", centred, centred)[:, None]
        left = np.hstack([-2.0 * self._factor * centred, self._factor * norms, np.full_like(norms, self._factor)])
        return a, norms[:, 0] > _FAR * self._typical, left.astype(self._dtype)

    def fill(self, arrays: tuple[Array, ...], centres: slice, out: Floats) -> None:
        a, far, left = arrays
        products = np.matmul(left, self._right[:, centres], out=out)
        least = _CLOSE[self._dtype] * self._typical * abs(self._factor)
        nearest = products.min() if self._rooted else -products.max()
        if nearest < least:
            close = products < least if self._rooted else products > -least
            if np.count_nonzero(close) > _FEW_SHARE * close.size:
                far = np.ones_like(far)
            else:
                i, j = np.nonzero(close)
                products[i, j] = self._factor * np.sum((a[i] - self.b[centres][j]) ** 2, axis=1)
        if far.any():
            with np.errstate(over="ignore"):
                products[far] = self._factor * cdist(a[far], self.b[centres], "sqeuclidean")
        if self._rooted:
            np.sqrt(products, out=products)
            np.negative(products, out=products)
        np.exp2(products, out=products)


def _compared_with(kernel: Kernel, b: Array, dtype: Any) -> _ByProfile:
    """The fastest way to the values of a kernel."""
    isotropic, activation = kernel.frequencies == "isotropic", kernel.activation
    if isotropic and activation in ("cauchy", "gaussian") and b.shape[1] >= _MANY_COORDINATES and len(b):
        return _ByProducts(kernel, b, dtype)
    return _ByProfile(kernel, b, dtype)


def values_in_coordinates(kernel: Kernel, a: Array, b: Array) -> Array:
    """Kernel between rows in its coordinates, without its weight.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    a, b : ndarray of shape (n_rows, n_coordinates) and (n_centres, n_coordinates)
        Rows, as :func:`in_coordinates` gives them.

    Returns
    -------
    ndarray of shape (n_rows, n_centres)
        The values, float64.
    """
    profile = spectrum_of(kernel.activation).kernel
    if kernel.frequencies == "isotropic":
        squares = squared_distances(a, b)
        if kernel.activation == "gaussian":
            return np.exp(-0.5 * squares)
        distances = np.sqrt(squares, out=squares)
        return np.exp(-distances) if kernel.activation == "cauchy" else np.asarray(profile(distances))
    if kernel.activation == "cauchy":
        return np.exp(-cdist(a, b, "cityblock"))
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
    With several coordinates, a product of matrices takes a fraction of the time of sums of squared differences. It
    loses digits where two rows are much closer to each other than to the mean. These few pairs are compared directly.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._kernels.values import squared_distances
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
    close = np.flatnonzero(squares < _CLOSE_FOR_SLOPES * norms)
    if len(close) > _FEW_SHARE * squares.size:
        return cdist(a, b, "sqeuclidean")
    i, j = np.divmod(close, len(b))
    squares.flat[close] = np.sum((a[i] - b[j]) ** 2, axis=1)
    return squares
