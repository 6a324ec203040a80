"""Kernel ridge regression in the dual: one Cholesky factor, and what held-out rows say about it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, get_lapack_funcs

Array = NDArray[np.float64]


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
    held_inverse : ndarray of shape (n_held, n_held)
        Block of the inverse system matrix, the intercept eliminated, for the last rows; only its lower triangle counts.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._dual import solve_dual
    >>> K, Y = np.eye(3), np.array([[0.0], [1.0], [5.0]])
    >>> solution = solve_dual(K, Y, np.ones(3), alpha=1.0, n_held=1)
    >>> solution.intercept, solution.coef.ravel()
    (array([2.]), array([-1. , -0.5,  1.5]))
    """

    coef: Array
    intercept: Array
    alpha: float
    held_inverse: Array


def solve_dual(
    K: NDArray[np.floating], Y: Array, sample_weight: Array, alpha: float, n_held: int = 0
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

    Returns
    -------
    DualSolution or None
        None when the system is not positive definite in that dtype.

    Notes
    -----
    The trailing block of the inverse needs the trailing block of the Cholesky factor alone, so held-out residuals of
    a thousand rows cost nothing next to the factor of ten thousand.
    """
    n = len(K)
    K[np.diag_indices(n)] += alpha / sample_weight
    functions: Any = get_lapack_funcs(("potrf", "potri", "potrs"), dtype=K.dtype)
    potrf, potri, potrs = functions
    factor, failed = potrf(K, lower=1, clean=0, overwrite_a=1)
    if failed:
        return None
    solved = potrs(factor, np.column_stack([np.ones(n), Y]).astype(K.dtype), lower=1)[0].astype(np.float64)
    ones, targets = solved[:, 0], solved[:, 1:]
    total = ones.sum()
    intercept = targets.sum(axis=0) / total
    held_inverse = np.array(factor[n - n_held :, n - n_held :], order="F")
    if n_held:  # of nothing, LAPACK complains on the terminal
        held_inverse, _ = potri(held_inverse, lower=1, overwrite_c=1)
    held_inverse = held_inverse.astype(np.float64)
    held_inverse -= np.outer(ones[n - n_held :], ones[n - n_held :]) / total
    return DualSolution(targets - np.outer(ones, intercept), intercept, alpha, held_inverse)


def held_out_residuals(solution: DualSolution, folds: list[NDArray[np.intp]]) -> Array | None:
    """Residuals of rows in a fit without their fold.

    Parameters
    ----------
    solution : DualSolution
        Made with `n_held` rows.
    folds : list of ndarray
        Ascending positions among the held rows, every one in one fold.

    Returns
    -------
    ndarray of shape (n_held, n_targets) or None
        The residuals; None when a fold is every row, or cannot be left out in float64.
    """
    n_held = len(solution.held_inverse)
    coef = solution.coef[len(solution.coef) - n_held :]
    residuals = np.empty_like(coef)
    for fold in folds:
        if len(fold) == len(solution.coef):
            return None
        try:
            factor = cho_factor(solution.held_inverse[np.ix_(fold, fold)], lower=True, check_finite=False)
        except LinAlgError:
            return None
        residuals[fold] = cho_solve(factor, coef[fold], check_finite=False)
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
        How many equal rows each of them stands for; one of these is left out.

    Returns
    -------
    ndarray of shape (n_held, n_targets)
        The residuals.
    """
    n_held = len(solution.held_inverse)
    residuals = solution.alpha * solution.coef[len(solution.coef) - n_held :] / sample_weight[:, None]
    leverage = 1.0 - solution.alpha * np.diag(solution.held_inverse) / sample_weight
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
    return float(np.mean(1.0 - solution.alpha * np.diag(solution.held_inverse) / sample_weight))
