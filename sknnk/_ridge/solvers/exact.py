"""Kernel ridge regression with one column for each row: one factor of the kernel matrix, and held-out residuals."""

from dataclasses import dataclass
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from ..._compute import Array, Floats, one_blas_thread
from ..penalties import variance_around
from .dual import DualSolution, leave_one_out, mean_leverage, solve_dual, solve_dual_in_two_precisions
from .tensor_dual import TensorRows, solve_dual_on_tensors

# From this many rows on, a float32 factor with corrections takes less time than a float64 factor.
_MANY_ROWS = 4000
# From this penalty on, a float32 factor gives the same residuals of rows that are left out. The kernel of a row with
# itself is one, and the largest weight is one.
_HARMLESS_ALPHA = 3e-3
# Factor by which the penalty grows until float64 can solve the system.
_ALPHA_STEP = 10.0


class KernelRows(Protocol):
    """Rows whose kernel with each other can be computed. Each call returns new memory."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    def blocks(self, threads: int) -> list[Array]:
        """Upper triangle in float64, as blocks of consecutive rows. Each begins at the column of its first row."""

    def matrix(self, threads: int) -> Floats:
        """The lower triangle, in Fortran order, which the solver may overwrite."""


@dataclass(frozen=True, eq=False)
class ExactSolution:
    """The solution with one column per row.

    Parameters
    ----------
    coef : ndarray of shape (n_rows, n_targets)
        Dual coefficients, which are those of the kernels with the rows.
    intercept : ndarray of shape (n_targets,)
        What is added to the predictions.
    alpha : ndarray of shape (n_targets,)
        The penalty, which is the same for every target. It is larger than the given one if float64 needs that.
    dof : ndarray of shape (n_targets,)
        Degrees of freedom, the intercept not counted. They are estimated from the leverages of the held rows.
    noise : ndarray of shape (n_targets,)
        Variance of the targets around the fit.
    n_effective : float
        Number of observations.
    held_residuals : ndarray of shape (n_held, n_targets)
        Residuals of the last rows in a fit without them.
    """

    coef: Array
    intercept: Array
    alpha: Array
    dof: Array
    noise: Array
    n_effective: float
    held_residuals: Array
    n_iter = 1

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return len(self.coef)

    def variance(self, columns: Floats) -> None:
        """None: the factor is as large as the kernel matrix, and is not kept."""

    def leverage(self, columns: Floats) -> None:
        """None: no factor is kept."""

    def moments(self) -> NoReturn:
        """Refuse: more rows would mean more columns."""
        raise ValueError(
            "a solution with one column per row keeps no sums that partial_fit could add to; solve again for all rows, "
            "or fit with feature_map='random'."
        )

    def without_factor(self) -> "ExactSolution":
        """Itself."""
        return self

    def diagonalised(self) -> "ExactSolution":
        """Itself."""
        return self


def solve_exactly(
    rows: KernelRows | TensorRows,
    Y: Array,
    sample_weight: Array,
    alpha: float,
    n_held: int,
    threads: int,
    *,
    copies: NDArray[np.int64],
) -> ExactSolution:
    """Solve kernel ridge regression for a penalty, or for the next larger one that float64 can solve.

    Parameters
    ----------
    rows : KernelRows or TensorRows
        Distinct rows in random order; on a device, they are solved there.
    Y : ndarray of shape (n_rows, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_rows,)
        Positive weights.
    alpha : float
        Positive penalty.
    n_held : int
        Number of rows at the end whose held-out residuals are computed, at least one.
    threads : int
        Threads over blocks of the kernel matrix and of its factor.
    copies : ndarray of shape (n_held,)
        Number of equal rows that each of the held rows represents. One of these is left out.

    Returns
    -------
    ExactSolution
        The solution.

    Examples
    --------
    >>> import numpy as np
    >>> class Rows:
    ...     n_rows = 3
    ...     def matrix(self, threads):
    ...         return np.eye(3, order="F")
    >>> Y, ones = np.array([[0.0], [1.0], [5.0]]), np.ones(3)
    >>> solution = solve_exactly(Rows(), Y, ones, 1.0, 1, 1, copies=np.ones(1, dtype=np.int64))
    >>> solution.intercept, solution.coef.ravel(), solution.held_residuals
    (array([2.]), array([-1. , -0.5,  1.5]), array([[4.5]]))
    """
    n = rows.n_rows
    with one_blas_thread():
        solution = _solved(rows, Y, sample_weight, alpha, n_held, threads)
    weight = sample_weight[n - n_held :]
    residuals = leave_one_out(solution, weight, copies)
    dof = max(n * mean_leverage(solution, weight) - 1.0, 0.0)
    squares = np.sum((solution.alpha * solution.coef) ** 2 / sample_weight[:, None], axis=0)
    n_effective, every = float(sample_weight.sum()), np.ones(Y.shape[1])
    noise = variance_around(squares, n_effective, dof * every)
    fits = (solution.coef, solution.intercept, solution.alpha * every, dof * every, noise)
    return ExactSolution(*fits, n_effective, residuals)


def _solved(
    rows: KernelRows | TensorRows, Y: Array, sample_weight: Array, alpha: float, n_held: int, threads: int
) -> DualSolution:
    solution = None
    if rows.n_rows >= _MANY_ROWS and alpha >= _HARMLESS_ALPHA * sample_weight.max():
        if isinstance(rows, TensorRows):
            solution = solve_dual_on_tensors(rows, Y, sample_weight, alpha, n_held, in_two_precisions=True)
        else:
            solution = solve_dual_in_two_precisions(rows.blocks(threads), Y, sample_weight, alpha, n_held, threads)
    while solution is None:
        if isinstance(rows, TensorRows):
            solution = solve_dual_on_tensors(rows, Y, sample_weight, alpha, n_held)
        else:
            solution = solve_dual(rows.matrix(threads), Y, sample_weight, alpha, n_held, threads)
        alpha *= _ALPHA_STEP
    return solution
