"""Kernel ridge regression with landmarks that all rows share, and an exact solution inside blocks of rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._compute import (
    Array,
    Floats,
    call_blas,
    cholesky_in_place,
    one_blas_thread,
    over_threads,
    row_blocks,
    solve_factored,
)
from ..penalties import variance_around
from .block_system import BlockedRows, BlockSystem, EliminatedBlock
from .tensor_blocks import TensorBlocks, TensorSystem

# Blocks whose sums are added up together. It is fixed, so that sums do not depend on the number of threads.
_TOGETHER = 4
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
    single = solves_in_single(alpha, sample_weight)
    with one_blas_thread():
        solution = None
        while solution is None:
            dtype: type[np.floating] = np.float32 if single else np.float64
            solution = _solved(rows, Y, sample_weight, alpha, n_held, threads, copies, dtype)
            # What float32 cannot solve, float64 may; what float64 cannot solve, a larger penalty may.
            alpha *= 1.0 if single else _ALPHA_STEP
            single = False
    return solution


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
    needed = sum(size * (size + rows.n_landmarks) for size in sizes) * np.dtype(dtype).itemsize
    mean = np.average(Y, axis=0, weights=sample_weight)
    system: BlockSystem | TensorSystem
    if isinstance(rows, TensorBlocks):
        plan = (alpha, np.dtype(dtype).name, n_held, needed <= _KEPT_BYTES)
        system = TensorSystem(rows, Y - mean, sample_weight, *plan)
    else:
        inner = max(threads // outer, 1)
        system = BlockSystem(rows, Y - mean, sample_weight, alpha, dtype, inner, n_held, needed <= _KEPT_BYTES)
    found = _summed(system, outer)
    if found is None:
        return None
    gram, cross, parts = found
    gram[np.diag_indices(len(gram))] += np.concatenate([[0.0], np.ones(rows.n_landmarks)])
    factor = np.asfortranarray(gram)
    if not cholesky_in_place(factor, threads):
        return None
    shared = solve_factored(factor, cross)
    return _judged(system, parts, factor, (shared, *_inside(system, parts, shared, outer)), mean, copies)


def _summed(system: BlockSystem | TensorSystem, threads: int) -> tuple[Array, Array, list[EliminatedBlock]] | None:
    """Sums over all blocks, and what each block keeps of its elimination."""
    if isinstance(system, TensorSystem):
        return system.summed()
    n_shared, parts = system.rows.n_landmarks + 1, []
    gram, cross = np.zeros((n_shared, n_shared)), np.zeros((n_shared, system.Y.shape[1]))
    for some in row_blocks(len(system.rows.blocks), _TOGETHER):
        found = over_threads(system.eliminated, [(block,) for block in range(some.start, some.stop)], threads)
        for part in found:
            if part is None:
                return None
            gram += part.gram
            cross += part.cross
            parts.append(EliminatedBlock(np.empty(0), np.empty(0), part.root, part.ends, part.kept))
    return gram, cross, parts


def _inside(
    system: BlockSystem | TensorSystem, parts: list[EliminatedBlock], shared: Array, threads: int
) -> tuple[Array, Array]:
    """Coefficients of the kernel inside the blocks, and their products with the shared columns of each block."""
    if isinstance(system, TensorSystem):
        return system.coefficients(parts, shared)
    arguments = [(block, part.kept, shared) for block, part in enumerate(parts)]
    local, overlap = zip(*over_threads(system.local, arguments, threads), strict=True)
    return np.concatenate(local), np.stack(overlap)


def _judged(
    system: BlockSystem | TensorSystem,
    parts: list[EliminatedBlock],
    factor: Floats,
    coefficients: tuple[Array, Array, Array],
    mean: Array,
    copies: NDArray[np.int64],
) -> BlockSolution:
    """The solution with what held rows say about it; coefficients are shared and local ones, and their overlap."""
    shared, local, overlap = coefficients
    alpha, weight = system.alpha, system.sample_weight
    stops = [each.stop for each in system.rows.blocks]
    held = np.concatenate([np.arange(stop - n, stop) for stop, n in zip(stops, system.held, strict=True)])
    own = np.concatenate([np.sum(part.root**2, axis=0) for part in parts])
    ends = np.asfortranarray(np.concatenate([part.ends for part in parts]).T)
    call_blas("trsm", b"L", b"L", b"N", b"N", *ends.shape, 1.0, factor, ends)
    leverage = 1.0 - alpha * (own - np.sum(ends**2, axis=0)) / weight[held]
    kept = np.maximum(1.0 - leverage / copies[held], 1e-12)
    residuals = alpha * local[held] / weight[held][:, None] / kept[:, None]
    every = np.ones(local.shape[1])
    n_effective = float(weight.sum())
    dof = max(len(local) * float(np.mean(leverage)) - 1.0, 0.0) * every
    noise = variance_around(np.sum((alpha * local) ** 2 / weight[:, None], axis=0), n_effective, dof)
    fits = (shared[1:], local, mean + shared[0], alpha, dof, noise, n_effective)
    return BlockSolution(*fits, held, residuals, overlap)
