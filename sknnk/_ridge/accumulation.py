"""One pass over the rows: features computed over threads, summed by one symmetric update per block."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg.blas import dsyr, get_blas_funcs

from .._compute import Array, Floats, block_length, over_threads, row_blocks, scratch
from .._integration import Step, ignore_step
from .moments import Moments

# Numbers in a block of features. With this many, a matrix product runs at full speed.
_BLOCK_ENTRIES = 2**21
# Number of rows whose float32 products are added up in float32. Their sum is then added to a float64 total.
_SINGLE_ROWS = 2**14


def block_rows(n_columns: int, batch_size: int | None) -> int:
    """Rows of a block of features.

    Parameters
    ----------
    n_columns : int
        Columns of the block.
    batch_size : int or None
        Upper bound; None for the number that is fastest.

    Returns
    -------
    int
        At least one.

    Examples
    --------
    >>> block_rows(2048, None), block_rows(2048, 100)
    (1024, 100)
    """
    automatic = min(max(_BLOCK_ENTRIES // n_columns, 64), 8192)
    return automatic if batch_size is None else min(batch_size, automatic)


def n_blocks(n_samples: int, n_columns: int, batch_size: int | None) -> int:
    """Blocks of features that rows make.

    Parameters
    ----------
    n_samples, n_columns : int
        Rows, and columns of a block.
    batch_size : int or None
        Upper bound on the rows of a block.

    Returns
    -------
    int
        Their number.

    Examples
    --------
    >>> n_blocks(1025, 2048, None)
    2
    """
    return -(-n_samples // block_rows(n_columns, batch_size))


def accumulated_moments(
    raw_columns: Callable[[Any, Floats], object],
    n_columns: int,
    X: Any,
    Y: Array,
    sample_weight: Array,
    batch_size: int | None = None,
    threads: int = 1,
    done: Step = ignore_step,
    dtype: type[np.floating] = np.float64,
    widen: bool = False,
) -> Moments:
    """Moments of the features of all rows, which are never held together.

    Features are shifted by a fixed point, the mean of the first block. At the end the sums are corrected to the mean of
    all rows. The point is a mean of some of the rows. So its squared distance from the mean of all rows is at most the
    variance times the number of blocks, and the correction loses few digits. Each block costs one update of each sum.

    Parameters
    ----------
    raw_columns : callable
        ``raw_columns(rows of X, out)`` writes their features to an array of the dtype of `X`.
    n_columns : int
        Number of feature columns.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows, at least one.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    batch_size : int, optional
        Upper bound on the rows of a block.
    threads : int, default=1
        Threads that compute features; BLAS has its own.
    done : callable, optional
        Called after each block.
    dtype : {numpy.float64, numpy.float32}, default=numpy.float64
        Type of the features and of their products in a block. The totals are float64. With float32 the sums take half
        the time and have the precision of float32.
    widen : bool, default=False
        Whether rows are converted to that dtype before their features are computed.

    Returns
    -------
    Moments
        Those of all rows.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [2.0], [4.0]])
    >>> accumulated_moments(lambda rows, out: np.copyto(out, rows), 1, X, X, np.ones(3), batch_size=2).gram
    array([[8.]])
    """
    size = min(block_rows(n_columns, batch_size), len(Y))
    target_shift: Array = np.asarray(np.mean(Y[:size], axis=0))
    root = np.sqrt(sample_weight)[:, None]
    beside = np.hstack([root, (Y - target_shift) * root])
    totals = _Totals(n_columns, beside.shape[1], dtype)
    buffer = np.empty((size, n_columns), dtype=dtype)
    shift: Floats = np.zeros(n_columns, dtype=dtype)
    for rows in row_blocks(len(Y), size):
        block = buffer[: rows.stop - rows.start]
        _fill(block, raw_columns, X[rows].astype(dtype) if widen else X[rows], shift, threads)
        if rows.start == 0:
            np.mean(block, axis=0, out=shift)
            block -= shift
        if np.any(root[rows] != 1.0):
            block *= root[rows].astype(dtype, copy=False)
        totals.add(block, beside[rows].astype(dtype, copy=False))
        done()
    return _about_the_mean(shift.astype(np.float64), target_shift, *totals.sums(), beside)


class _Totals:
    """Sums of the products of each block with itself, and with the weights and targets beside it."""

    def __init__(self, n_columns: int, n_beside: int, dtype: type[np.floating]) -> None:
        self._gram = np.zeros((n_columns, n_columns), order="F", dtype=dtype)
        self._products = np.zeros((n_columns, n_beside), order="F", dtype=dtype)
        # Float64 totals of float32 sums; None if the sums themselves are float64.
        self._wide = None if dtype == np.float64 else tuple(each.astype(np.float64) for each in self._parts)
        self._n_rows = 0
        functions: Any = get_blas_funcs(("syrk", "gemm"), dtype=dtype)
        self._syrk, self._gemm = functions

    @property
    def _parts(self) -> tuple[Floats, Floats]:
        return self._gram, self._products

    def add(self, block: Floats, beside: Floats) -> None:
        # The transpose of a row-major block is column-major, so BLAS reads it in place and writes into gram itself.
        # All products use SciPy's BLAS. NumPy has another BLAS, whose idle threads would compete for the cores.
        self._gram = self._syrk(1.0, block.T, beta=1.0, c=self._gram, overwrite_c=1)
        self._products = self._gemm(1.0, block.T, beside.T, beta=1.0, c=self._products, trans_b=True, overwrite_c=1)
        self._n_rows += len(block)
        if self._n_rows >= _SINGLE_ROWS:
            self._widen()

    def _widen(self) -> None:
        self._n_rows = 0
        if self._wide is not None:
            for total, part in zip(self._wide, self._parts, strict=True):
                total += part
                part[...] = 0.0

    def sums(self) -> tuple[Array, Array]:
        """Upper triangle of the Gram matrix, and the products."""
        self._widen()
        gram, products = self._parts if self._wide is None else self._wide
        return np.asarray(gram, dtype=np.float64), np.asarray(products, dtype=np.float64)


def _fill(
    block: Floats,
    raw_columns: Callable[..., object],
    X: Any,
    shift: Floats,
    threads: int,
) -> None:
    """Features minus shift."""

    def part(rows: slice) -> None:
        target = block[rows]
        features = target if X.dtype == block.dtype else scratch("raw columns", target.shape, X.dtype)
        raw_columns(X[rows], features)
        np.subtract(features, shift, out=target)

    size = block_length(len(block), len(shift))
    over_threads(part, [(rows,) for rows in row_blocks(len(block), size)], threads)


def _about_the_mean(shift: Array, target_shift: Array, gram: Array, products: Array, beside: Array) -> Moments:
    """Moments from sums about a fixed point."""
    root, targets = beside[:, :1], beside[:, 1:]
    weight = float(np.sum(root**2))
    delta, target_delta = products[:, 0] / weight, (root.T @ targets)[0] / weight
    return Moments(
        len(beside),
        weight,
        shift + delta,
        target_shift + target_delta,
        dsyr(-weight, delta, a=gram, overwrite_a=1),
        products[:, 1:] - weight * np.outer(delta, target_delta),
        np.maximum(np.einsum("ij,ij->j", targets, targets) - weight * target_delta**2, 0.0),
    )
