"""Kernel ridge regression in the dual: one Cholesky factor, and what held-out rows say about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..._compute import Array, Floats, call_blas, cholesky_in_place, invert_in_place, over_threads, solve_factored
from .corrections import refined

# Largest number of corrections of a solution that comes from a float32 factor.
MOST_PASSES = 5
# Largest length of the first correction, as a share of the solution. Each correction multiplies the error by it.
FIRST_SHARE = 1e-2
# Largest error in the end, as a share of the solution.
LAST_SHARE = 1e-10
# Number of parts of the rows that are summed separately. It is fixed, so sums do not depend on the number of threads.
_PARTS = 8


@dataclass(frozen=True, eq=False)
class DualSolution:
    """The solution of ``(K + alpha W^-1) c + 1 b' = Y``, ``1' c = 0``, and how it would change without some rows.

    Parameters
    ----------
    coef : ndarray of shape (n_samples, n_targets)
        Dual coefficients ``c``.
    intercept : ndarray of shape (n_targets,)
        The unpenalised ``b``.
    alpha : float
        The penalty.
    held_root : ndarray of shape (n_held, n_held)
        A lower triangular matrix ``R``: ``R'R`` is the block of the inverse system matrix for the last rows, before the
        intercept is eliminated. It is float32 if the factor is float32.
    held_ones : ndarray of shape (n_held,)
        A vector ``v``: the elimination of the intercept subtracts ``v v'`` from that block.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.solvers.dual import solve_dual
    >>> K, Y = np.eye(3), np.array([[0.0], [1.0], [5.0]])
    >>> solution = solve_dual(K, Y, np.ones(3), alpha=1.0, n_held=1)
    >>> solution.intercept, solution.coef.ravel()
    (array([2.]), array([-1. , -0.5,  1.5]))
    """

    coef: Array
    intercept: Array
    alpha: float
    held_root: Floats
    held_ones: Array

    def inverse_block(self, rows: slice) -> Array:
        """Lower triangle of a block of the inverse system matrix, for some of the held rows."""
        root, ones = np.asfortranarray(self.held_root[rows.start :, rows]), self.held_ones[rows]
        block = np.zeros((len(ones), len(ones)), dtype=root.dtype, order="F")
        call_blas("syrk", b"L", b"T", len(ones), len(root), 1.0, root, 0.0, block)
        inverse: Array = block.astype(np.float64, copy=False)
        inverse -= np.outer(ones, ones)
        return inverse

    def inverse_diagonal(self) -> Array:
        """Diagonal of the inverse system matrix for the held rows."""
        diagonal: Array = np.einsum("ij,ij->j", self.held_root, self.held_root, dtype=np.float64) - self.held_ones**2
        return diagonal


def solve_dual(
    K: Floats, Y: Array, sample_weight: Array, alpha: float, n_held: int = 0, threads: int = 1
) -> DualSolution | None:
    """Solve kernel ridge regression with an intercept.

    Parameters
    ----------
    K : ndarray of shape (n_samples, n_samples)
        Kernel of the rows, of which the lower triangle is read, in the dtype of the factor. In Fortran order it is
        overwritten.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alpha : float
        Positive penalty.
    n_held : int, default=0
        Number of rows at the end for which :func:`held_out_residuals` can be asked.
    threads : int, default=1
        Threads of the factorisation.

    Returns
    -------
    DualSolution or None
        None when the system is not positive definite in that dtype.

    Notes
    -----
    The last block of the inverse needs only the last block of the Cholesky factor. So held-out residuals of a thousand
    rows cost almost nothing compared with the factor of ten thousand rows.
    """
    factor = np.asfortranarray(K)
    if not _factored(factor, alpha / sample_weight, threads):
        return None
    return with_intercept(solve_factored(factor, right_sides(Y)), _held_root(factor, n_held), alpha)


def solve_dual_in_two_precisions(
    blocks: Sequence[Array], Y: Array, sample_weight: Array, alpha: float, n_held: int = 0, threads: int = 1
) -> DualSolution | None:
    """Solve kernel ridge regression by a factor in float32, which takes half the time, and corrections in float64.

    Parameters
    ----------
    blocks : sequence of ndarray of shape (n_rows, n_remaining)
        Kernel of the rows in float64, as blocks of consecutive rows. Each block begins at the column of its first row:
        only the upper triangle is given.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alpha : float
        Positive penalty.
    n_held : int, default=0
        Number of rows at the end for which :func:`held_out_residuals` can be asked; the block of the inverse for them
        has the precision of float32.
    threads : int, default=1
        Threads of the factorisation and of products with the kernel.

    Returns
    -------
    DualSolution or None
        With coefficients of float64. None where the system is not positive definite in float32, or so nearly singular
        that corrections do not shrink quickly.

    References
    ----------
    Higham, "Accuracy and stability of numerical algorithms", 2nd edition 2002, chapter 12.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.solvers.dual import solve_dual_in_two_precisions
    >>> K = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> solution = solve_dual_in_two_precisions([K[:1], K[1:, 1:]], np.array([[1.0], [2.0]]), np.ones(2), alpha=0.1)
    >>> np.round(solution.intercept + K @ solution.coef, 12).ravel()
    array([1.08333333, 1.91666667])
    """
    ridge, right = alpha / sample_weight, right_sides(Y)
    if not float(ridge.max()) < float(np.finfo(np.float32).max):
        return None
    placed = list(zip(np.cumsum([0, *map(len, blocks)]).tolist(), blocks, strict=False))
    factor = _rounded(placed, len(Y), threads)
    if not _factored(factor, ridge, threads):
        return None

    def correction(solved: Array) -> tuple[float, Callable[[], Array]]:
        step = solve_factored(factor, right - _product(placed, solved, threads) - ridge[:, None] * solved)
        lengths = np.linalg.norm(solved, axis=0)
        with np.errstate(invalid="ignore"):
            share = float(np.max(np.linalg.norm(step, axis=0) / np.where(lengths > 0.0, lengths, 1.0)))
        return share, lambda: solved + step

    solved = refined(solve_factored(factor, right), correction, FIRST_SHARE, LAST_SHARE, MOST_PASSES)
    return None if solved is None else with_intercept(solved, _held_root(factor, n_held), alpha)


def _rounded(placed: Sequence[tuple[int, Array]], n: int, threads: int) -> NDArray[np.float32]:
    """The lower triangle in float32. Entries far above the diagonal are not set."""
    rounded = np.empty((n, n), dtype=np.float32, order="F")

    def fill(start: int, block: Array) -> None:
        rounded.T[start : start + len(block), start:] = block

    over_threads(fill, list(placed), threads)
    return rounded


def _product(placed: Sequence[tuple[int, Array]], x: Array, threads: int) -> Array:
    """A symmetric matrix, given by blocks of its upper triangle, times some columns."""

    def part(first: int) -> Array:
        total = np.zeros_like(x)
        for start, block in placed[first::_PARTS]:
            stop = start + len(block)
            total[start:stop] += block @ x[start:]
            total[stop:] += block[:, len(block) :].T @ x[start:stop]
        return total

    total: Array = np.sum(over_threads(part, [(first,) for first in range(_PARTS)], threads), axis=0)
    return total


def _factored(K: Floats, ridge: Array, threads: int) -> bool:
    """Whether the system is positive definite. If so, its Cholesky factor replaces the kernel in memory."""
    K[np.diag_indices(len(K))] += ridge
    return cholesky_in_place(K, threads)


def right_sides(Y: Array) -> Array:
    """Columns that the system is solved for: one for the intercept, and the targets.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_targets)
        Targets.

    Returns
    -------
    ndarray of shape (n_samples, 1 + n_targets)
        The first column is one.
    """
    return np.column_stack([np.ones(len(Y)), Y])


def _held_root(factor: Floats, n_held: int) -> Floats:
    """Inverse of the end of a lower factor."""
    start = len(factor) - n_held
    root = np.triu(factor[start:, start:].T).T
    invert_in_place(root)
    return root


def with_intercept(solved: Array, held_root: Floats, alpha: float) -> DualSolution:
    """The solution with an intercept.

    Parameters
    ----------
    solved : ndarray of shape (n_samples, 1 + n_targets)
        Solutions for a column of ones and for the targets.
    held_root : ndarray of shape (n_held, n_held)
        Inverse of the end of the lower Cholesky factor.
    alpha : float
        The penalty.

    Returns
    -------
    DualSolution
        The solution.
    """
    ones, targets = solved[:, 0], solved[:, 1:]
    total = ones.sum()
    intercept = targets.sum(axis=0) / total
    held_ones = ones[len(ones) - len(held_root) :] / np.sqrt(total)
    return DualSolution(targets - np.outer(ones, intercept), intercept, alpha, held_root, held_ones)


def held_out_residuals(solution: DualSolution, n_folds: int) -> Array | None:
    """Residuals of rows in a fit without their fold.

    Parameters
    ----------
    solution : DualSolution
        Made with `n_held` rows.
    n_folds : int
        Number of folds. Fold k holds the held rows k, k + n_folds, ...

    Returns
    -------
    ndarray of shape (n_held, n_targets) or None
        The residuals. None if a fold holds all rows, or if rounding makes its block of the inverse indefinite.
    """
    n_held = len(solution.held_ones)
    coef = solution.coef[len(solution.coef) - n_held :]
    residuals = np.empty_like(coef)
    n_folds = min(n_folds, n_held)
    if n_folds == 1 and n_held == len(solution.coef):
        return None
    for first in range(n_folds):
        fold = slice(first, n_held, n_folds)
        factor = solution.inverse_block(fold)
        if not cholesky_in_place(factor):
            return None
        residuals[fold] = solve_factored(factor, coef[fold])
    return residuals


def leave_one_out(solution: DualSolution, sample_weight: Array, copies: NDArray[np.int64]) -> Array:
    """Residuals of held rows in a fit without one copy of them.

    Parameters
    ----------
    solution : DualSolution
        Made with `n_held` rows.
    sample_weight : ndarray of shape (n_held,)
        Their weights.
    copies : ndarray of shape (n_held,)
        Number of equal rows that each of them represents. One of these is left out.

    Returns
    -------
    ndarray of shape (n_held, n_targets)
        The residuals.
    """
    n_held = len(solution.held_ones)
    residuals = solution.alpha * solution.coef[len(solution.coef) - n_held :] / sample_weight[:, None]
    leverage = 1.0 - solution.alpha * solution.inverse_diagonal() / sample_weight
    kept: Array = np.maximum(1.0 - leverage / copies, 1e-12)
    return residuals / kept[:, None]


def mean_leverage(solution: DualSolution, sample_weight: Array) -> float:
    """Mean leverage of the held rows, the intercept included.

    Parameters
    ----------
    solution : DualSolution
        Made with `n_held` rows.
    sample_weight : ndarray of shape (n_held,)
        Their weights.

    Returns
    -------
    float
        Between 0 and 1.
    """
    return float(np.mean(1.0 - solution.alpha * solution.inverse_diagonal() / sample_weight))
