"""Kernel ridge regression with landmarks that all rows share, and an exact solution inside blocks of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._compute import Array, Floats, call_blas, one_blas_thread
from ..penalties import variance_around
from .block_sums import EliminatedBlocks, InsideBlocks, held_positions
from .block_system import BlockedRows, BlockSystem
from .tensor_blocks import TensorBlocks, TensorSystem

# Bytes of factors that are kept between the two passes over the blocks; of more, factors are computed twice.
_KEPT_BYTES = 1.5e9
# From this penalty on, float32 is harmless. The kernel of a row with itself is one, and the largest weight is one.
_HARMLESS_ALPHA = 3e-3
# Factor by which the penalty grows until float64 can solve the system.
_ALPHA_STEP = 10.0


@dataclass(frozen=True, eq=False)
class BlockSolution:
    """The solution of ``(K + alpha W^-1) c + 1 b' = Y``, where ``K`` has low rank between blocks.

    Parameters
    ----------
    shared : ndarray of shape (n_landmarks, n_targets)
        Coefficients of the shared columns.
    local : ndarray of shape (n_rows, n_targets)
        Coefficients ``c`` of the kernel inside the blocks.
    intercept : ndarray of shape (n_targets,)
        What is added.
    alpha : float
        The penalty. It is larger than the given one if float64 needs that.
    dof : ndarray of shape (n_targets,)
        Degrees of freedom, the intercept not counted, estimated from the leverages of the held rows.
    noise : ndarray of shape (n_targets,)
        Variance of the targets around the fit.
    n_effective : float
        Number of observations.
    held : ndarray of shape (n_held,)
        Positions of the held rows: the last ones of each block.
    held_residuals : ndarray of shape (n_held, n_targets)
        Their residuals in a fit without them.
    overlap : ndarray of shape (n_blocks, n_landmarks, n_targets)
        Products of the shared columns of each block and its coefficients ``c``.
    """

    shared: Array
    local: Array
    intercept: Array
    alpha: float
    dof: Array
    noise: Array
    n_effective: float
    held: NDArray[np.intp]
    held_residuals: Array
    overlap: Array


def solve_blocks(
    rows: BlockedRows | TensorBlocks,
    Y: Array,
    sample_weight: Array,
    alpha: float,
    n_held: Sequence[int],
    threads: int,
    *,
    copies: NDArray[np.int64],
) -> BlockSolution:
    """Solve kernel ridge regression with landmarks and blocks.

    Parameters
    ----------
    rows : BlockedRows
        Rows, in random order inside each block.
    Y : ndarray of shape (n_rows, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_rows,)
        Positive weights.
    alpha : float
        Positive penalty.
    n_held : sequence of int
        Number of rows at the end of each block whose held-out residuals are computed; at least one in all.
    threads : int
        Threads over blocks; the result does not depend on it.
    copies : ndarray of shape (n_rows,)
        Number of equal rows that each row represents. One of these is left out.

    Returns
    -------
    BlockSolution
        The solution.

    Notes
    -----
    With the columns ``G`` of ones and landmarks, whose penalty is ``P``, and ``D`` the kernel inside the blocks without
    what the landmarks explain, plus the penalty of the rows, coefficients of the columns are ``S^-1 G' D^-1 Y`` with
    ``S = P + G' D^-1 G``. Each block adds to the sums by itself, because ``D`` has no entries between blocks.

    References
    ----------
    Snelson and Ghahramani, "Local and global sparse Gaussian process approximations", AISTATS 2007, for the model.
    """
    with one_blas_thread():
        for tried, dtype in block_attempts(alpha, sample_weight):
            solution = _solved(rows, Y, sample_weight, tried, n_held, threads, copies, dtype)
            if solution is not None:
                return solution
    raise AssertionError("there is no last attempt")


def block_attempts(alpha: float, sample_weight: Array) -> Iterator[tuple[float, type[np.floating]]]:
    """Penalties and types to solve with, until one succeeds.

    Parameters
    ----------
    alpha : float
        Penalty.
    sample_weight : ndarray
        Positive weights: those of all rows, or those that occur.

    Yields
    ------
    alpha : float
        The penalty; larger ones in the end.
    dtype : type
        What float32 cannot solve, float64 may; what float64 cannot solve, a larger penalty may.

    Examples
    --------
    >>> attempts = block_attempts(0.5, np.ones(3))
    >>> [(alpha, dtype.__name__) for (alpha, dtype), _ in zip(attempts, range(3))]
    [(0.5, 'float32'), (0.5, 'float64'), (5.0, 'float64')]
    """
    if solves_in_single(alpha, sample_weight):
        yield alpha, np.float32
    while True:
        yield alpha, np.float64
        alpha *= _ALPHA_STEP


def solves_in_single(alpha: float, sample_weight: Array) -> bool:
    """Whether blocks are solved in float32, which takes less than half of the time.

    Parameters
    ----------
    alpha : float
        Penalty.
    sample_weight : ndarray of shape (n_rows,)
        Positive weights.

    Returns
    -------
    bool
        Where the penalty is so large that rounding changes next to nothing.
    """
    return bool(alpha >= _HARMLESS_ALPHA * sample_weight.max())


def keeps_factors(sizes: Sequence[int], n_landmarks: int, dtype: type[np.floating]) -> bool:
    """Whether blocks of these sizes keep their factors between the two passes over them.

    Parameters
    ----------
    sizes : sequence of int
        Number of rows of each block, all blocks of the table.
    n_landmarks : int
        Number of columns that they share.
    dtype : type
        Of the factors.

    Returns
    -------
    bool
        Where memory allows it. The result does not depend on it.
    """
    needed = sum(size * (size + n_landmarks) for size in sizes) * np.dtype(dtype).itemsize
    return bool(needed <= _KEPT_BYTES)


def _solved(
    rows: BlockedRows | TensorBlocks,
    Y: Array,
    sample_weight: Array,
    alpha: float,
    n_held: Sequence[int],
    threads: int,
    copies: NDArray[np.int64],
    dtype: type[np.floating],
) -> BlockSolution | None:
    sizes = [each.stop - each.start for each in rows.blocks]
    outer = 1 if isinstance(rows, TensorBlocks) else min(threads, len(sizes))
    keeps = keeps_factors(sizes, rows.n_landmarks, dtype)
    mean = np.average(Y, axis=0, weights=sample_weight)
    system: BlockSystem | TensorSystem
    if isinstance(rows, TensorBlocks):
        system = TensorSystem(rows, Y - mean, sample_weight, alpha, np.dtype(dtype).name, n_held, keeps)
    else:
        inner = max(threads // outer, 1)
        system = BlockSystem(rows, Y - mean, sample_weight, alpha, dtype, inner, n_held, keeps)
    eliminated = EliminatedBlocks.of(system, outer)
    solved = None if eliminated is None else eliminated.sums.solved(threads)
    if eliminated is None or solved is None:
        return None
    inside = eliminated.inside(solved[0], outer)
    return judged_blocks(inside, solved, mean, alpha, sample_weight, held_positions(sizes, n_held), copies)


def judged_blocks(
    inside: InsideBlocks,
    solved: tuple[Array, Floats],
    mean: Array,
    alpha: float,
    sample_weight: Array,
    held: NDArray[np.intp],
    copies: NDArray[np.int64],
) -> BlockSolution:
    """The solution with what held rows say about it.

    Parameters
    ----------
    inside : InsideBlocks
        Of all blocks.
    solved : tuple of ndarray
        What :meth:`BlockSums.solved` gives for the sums over all blocks.
    mean : ndarray of shape (n_targets,)
        What was subtracted from the targets.
    alpha : float
        Penalty.
    sample_weight : ndarray of shape (n_rows,)
        Positive weights.
    held : ndarray of shape (n_held,)
        Positions of the held rows.
    copies : ndarray of shape (n_rows,)
        Number of equal rows that each row represents.

    Returns
    -------
    BlockSolution
        The solution.
    """
    (shared, factor), local, weight = solved, inside.local, sample_weight
    ends = np.asfortranarray(inside.ends.T)
    call_blas("trsm", b"L", b"L", b"N", b"N", *ends.shape, 1.0, factor, ends)
    leverage = 1.0 - alpha * (inside.own - np.sum(ends**2, axis=0)) / weight[held]
    kept = np.maximum(1.0 - leverage / copies[held], 1e-12)
    residuals = alpha * local[held] / weight[held][:, None] / kept[:, None]
    every = np.ones(local.shape[1])
    n_effective = float(weight.sum())
    dof = max(len(local) * float(np.mean(leverage)) - 1.0, 0.0) * every
    noise = variance_around(np.sum((alpha * local) ** 2 / weight[:, None], axis=0), n_effective, dof)
    fits = (shared[1:], local, mean + shared[0], alpha, dof, noise, n_effective)
    return BlockSolution(*fits, held, residuals, inside.overlap)
