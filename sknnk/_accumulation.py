"""One pass over the rows: features computed over threads, summed by one symmetric update per block."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dgemm, dsyr, dsyrk

from ._blocks import block_length, over_threads, row_blocks
from ._moments import Moments
from ._progress import Step, no_step
from ._scratch import scratch

Array = NDArray[np.float64]

# Entries of a block, enough for a matrix product at full speed.
_BLOCK_ENTRIES = 2**21


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
    raw_columns: Callable[[Any, NDArray[np.floating]], object],
    n_columns: int,
    X: Any,
    Y: Array,
    sample_weight: Array,
    batch_size: int | None = None,
    threads: int = 1,
    done: Step = no_step,
) -> Moments:
    """Moments of the features of all rows, which are never held together.

    Sums are taken about a fixed point, the mean of the first block, and moved to the mean of all rows at the end. As
    that point is a mean of some of the rows, its squared distance from the mean of all is at most the variance times
    the number of blocks, so that little cancels. One update of each sum per block remains.

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
    size = block_rows(n_columns, batch_size)
    target_shift: Array = np.asarray(np.mean(Y[:size], axis=0))
    root = np.sqrt(sample_weight)[:, None]
    beside = np.hstack([root, (Y - target_shift) * root])
    gram = np.zeros((n_columns, n_columns), order="F")
    products = np.zeros((n_columns, beside.shape[1]), order="F")
    buffer = np.empty((min(size, len(Y)), n_columns))
    shift: Array = np.zeros(n_columns)
    for rows in row_blocks(len(Y), size):
        block = buffer[: rows.stop - rows.start]
        _fill(block, raw_columns, X[rows], shift, threads)
        if rows.start == 0:
            np.mean(block, axis=0, out=shift)
            block -= shift
        if np.any(root[rows] != 1.0):
            block *= root[rows]
        # The transpose of a row-major block is column-major, so BLAS reads it in place and writes into gram itself.
        gram = dsyrk(1.0, block.T, beta=1.0, c=gram, overwrite_c=1)
        # By SciPy's BLAS as well: the idle threads of NumPy's own would spin against it.
        products = dgemm(1.0, block.T, beside[rows].T, beta=1.0, c=products, trans_b=True, overwrite_c=1)
        done()
    return _about_the_mean(shift, target_shift, gram, products, beside)


def _fill(block: Array, raw_columns: Callable[..., object], X: Any, shift: Array, threads: int) -> None:
    """Features minus shift."""

    def part(rows: slice) -> None:
        target = block[rows]
        features = target if X.dtype == np.float64 else scratch("raw columns", target.shape, X.dtype)
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
