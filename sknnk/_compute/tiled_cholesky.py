"""Cholesky factors and triangular systems by tiles, over threads that sleep where those of BLAS would spin."""

import numpy as np

from .blas import call_blas, lapack
from .threads import one_blas_thread, over_threads, row_blocks
from .typing import Array, Floats

# None of these numbers depends on the number of threads, so that results do not depend on it either, to the last digit.
# Rows from which on two threads are faster than one.
_MANY_ROWS = 2000
# Columns that are eliminated at a time.
_PANEL = 384
# Strips that the rest of the matrix is cut into, and the fewest and most rows of a strip.
_STRIPS, _NARROW, _WIDE = 4, 64, 768
# Columns of a triangle that are inverted at a time.
_INVERTED = 64
# Rows of a triangular system that are solved at a time.
_SOLVED = 128


def cholesky_in_place(A: Floats, threads: int = 1) -> bool:
    """Replace the lower triangle of a matrix by its Cholesky factor.

    Parameters
    ----------
    A : ndarray of shape (n, n)
        In Fortran order, float32 or float64; what is above the diagonal is neither read nor written.
    threads : int, default=1
        Threads over tiles; the factor does not depend on it.

    Returns
    -------
    bool
        Whether the matrix is positive definite.

    Notes
    -----
    On an idle machine, OpenBLAS is as fast with its own threads. Beside another process that computes, its threads spin
    while they wait for a thread that is not running: on two cores a factor of 3000 rows took 43 times as long.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._compute.tiled_cholesky import cholesky_in_place
    >>> A = np.asfortranarray([[4.0, 2.0], [2.0, 5.0]])
    >>> cholesky_in_place(A), A.tolist()
    (True, [[2.0, 2.0], [1.0, 2.0]])
    """
    n = len(A)
    if n < _MANY_ROWS:
        return lapack("potrf", b"L", n, A) == 0
    # The limit is for the whole loop: a thread of BLAS that factored a corner would spin beside the next strips.
    with one_blas_thread():
        for panel in row_blocks(n, _PANEL):
            corner, below, rest = A[panel, panel], A[panel.stop :, panel], A[panel.stop :, panel.stop :]
            if lapack("potrf", b"L", len(corner), corner):
                return False
            strips = list(row_blocks(len(rest), min(max(-(-len(rest) // _STRIPS), _NARROW), _WIDE)))
            over_threads(_divide, [(below[rows], corner) for rows in strips], threads)
            over_threads(_subtract_square, [(rest, below, columns) for columns in strips], threads)
    return True


def _divide(B: Floats, L: Floats) -> None:
    """``B L^-T``, in the memory of ``B``."""
    call_blas("trsm", b"R", b"L", b"T", b"N", *B.shape, 1.0, L, B)


def _subtract_square(C: Floats, B: Floats, columns: slice) -> None:
    """Some columns of the lower triangle of ``C - B B'``, in the memory of ``C``."""
    left, below = B[columns], B[columns.stop :]
    call_blas("syrk", b"L", b"N", *left.shape, -1.0, left, 1.0, C[columns, columns])
    if len(below):
        target = C[columns.stop :, columns]
        call_blas("gemm", b"N", b"T", *target.shape, B.shape[1], -1.0, below, left, 1.0, target)


def invert_in_place(L: Floats) -> None:
    """Replace a lower triangle by its inverse.

    On one thread, the routine of OpenBLAS takes one and a half to two times as long (500 and 1000 rows).

    Parameters
    ----------
    L : ndarray of shape (n, n)
        In Fortran order, its diagonal without zeros; what is above it is neither read nor written.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._compute.tiled_cholesky import invert_in_place
    >>> L = np.asfortranarray([[2.0, 0.0], [1.0, 1.0]])
    >>> invert_in_place(L)
    >>> L
    array([[ 0.5,  0. ],
           [-0.5,  1. ]])
    """
    n = len(L)
    for start in reversed(range(0, n, _INVERTED)):
        stop = min(start + _INVERTED, n)
        corner, below = L[start:stop, start:stop], L[stop:, start:stop]
        if len(below):
            call_blas("trmm", b"L", b"L", b"N", b"N", *below.shape, 1.0, L[stop:, stop:], below)
            call_blas("trsm", b"R", b"L", b"N", b"N", *below.shape, -1.0, corner, below)
        lapack("trtri", b"L", b"N", len(corner), corner)


def solve_factored(L: Floats, right: Array) -> Array:
    """Solve ``L L' x = b``.

    Parameters
    ----------
    L : ndarray of shape (n, n)
        Lower Cholesky factor in Fortran order.
    right : ndarray of shape (n, n_targets)
        Right sides.

    Returns
    -------
    ndarray of shape (n, n_targets)
        The solutions, to the precision of the factor.

    Notes
    -----
    For two right sides and thousands of rows in float32, LAPACK's own routine takes two to three times as long. For
    many right sides in float64 it is faster, but there the solution costs little next to the factor.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._compute.tiled_cholesky import solve_factored
    >>> solve_factored(np.asfortranarray([[2.0, 0.0], [1.0, 1.0]]), np.array([[4.0], [3.0]])).ravel()
    array([0.5, 1. ])
    """
    solved = right.astype(L.dtype, order="F")
    if len(L) <= _SOLVED:
        lapack("potrs", b"L", *solved.shape, L, solved)
        return solved.astype(np.float64)
    blocks = list(row_blocks(len(L), _SOLVED))
    for rows in blocks:
        part, below = solved[rows], L[rows.stop :, rows]
        call_blas("trsm", b"L", b"L", b"N", b"N", *part.shape, 1.0, L[rows, rows], part)
        solved[rows.stop :] -= below @ part
    for rows in reversed(blocks):
        part, below = solved[rows], L[rows.stop :, rows]
        part -= below.T @ solved[rows.stop :]
        call_blas("trsm", b"L", b"L", b"T", b"N", *part.shape, 1.0, L[rows, rows], part)
    return solved.astype(np.float64)
