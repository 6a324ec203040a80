"""Kernel ridge regression in the dual: one Cholesky factor, and what held-out rows say about it."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cython_lapack, get_blas_funcs, get_lapack_funcs
from scipy.linalg.blas import dsymv

Array = NDArray[np.float64]

# Corrections of a factor in float32: how many at most, the share of the solution that the first may be, and the share
# that the error may be in the end. Each multiplies the error by the first share.
_MOST_PASSES, _FIRST_SHARE, _LAST_SHARE = 5, 1e-2, 1e-10
_COPIED_COLUMNS = 256


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
        Lower triangular; its square ``R'R`` is the block of the inverse system matrix for the last rows, float32 when
        the factor was.
    held_ones : ndarray of shape (n_held,)
        What that block loses when the intercept is eliminated, as the square root of a matrix of rank one.

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
    held_root: NDArray[np.floating]
    held_ones: Array

    def inverse_block(self, rows: slice) -> Array:
        """Lower triangle of a block of the inverse system matrix, for some of the held rows."""
        root, ones = self.held_root[rows.start :, rows], self.held_ones[rows]
        # SciPy's BLAS, which made the root: threads of NumPy's would wait for cores that those of the other still hold.
        syrk: Any = get_blas_funcs("syrk", (root,))
        block: Array = syrk(1.0, root, trans=1, lower=1).astype(np.float64, copy=False)
        block -= np.outer(ones, ones)
        return block

    def inverse_diagonal(self) -> Array:
        """Diagonal of the inverse system matrix for the held rows."""
        diagonal: Array = np.einsum("ij,ij->j", self.held_root, self.held_root, dtype=np.float64) - self.held_ones**2
        return diagonal


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
    factor = _factor(K, alpha / sample_weight)
    if factor is None:
        return None
    return _with_intercept(_solve(factor, _right_sides(Y)), factor, alpha, n_held)


def solve_dual_in_two_precisions(
    K: NDArray[np.floating], Y: Array, sample_weight: Array, alpha: float, n_held: int = 0
) -> DualSolution | None:
    """Solve kernel ridge regression by a factor in float32, which takes half the time, and corrections in float64.

    Parameters
    ----------
    K : ndarray of shape (n_samples, n_samples)
        Kernel of the rows in Fortran order, float64; the lower triangle is read and left as it is.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alpha : float
        Positive penalty.
    n_held : int, default=0
        Number of rows at the end for which :func:`held_out_residuals` can be asked; the block of the inverse for them
        has the precision of float32.

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
    >>> from sknnk._dual import solve_dual_in_two_precisions
    >>> K = np.asfortranarray([[1.0, 0.5], [0.5, 1.0]])
    >>> solution = solve_dual_in_two_precisions(K, np.array([[1.0], [2.0]]), np.ones(2), alpha=0.1)
    >>> np.round(solution.intercept + K @ solution.coef, 12).ravel()
    array([1.08333333, 1.91666667])
    """
    ridge, right = alpha / sample_weight, _right_sides(Y)
    if not float(ridge.max()) < float(np.finfo(np.float32).max):
        return None
    factor = _factor(_rounded(K), ridge)
    if factor is None:
        return None
    solved = _solve(factor, right)
    shares: list[float] = []
    for _ in range(_MOST_PASSES):
        products = np.column_stack([dsymv(1.0, K, column, lower=1) for column in solved.T])
        correction = _solve(factor, right - products - ridge[:, None] * solved)
        lengths = np.linalg.norm(solved, axis=0)
        with np.errstate(invalid="ignore"):
            shares.append(float(np.max(np.linalg.norm(correction, axis=0) / np.where(lengths > 0.0, lengths, 1.0))))
        if not shares[-1] <= _FIRST_SHARE ** len(shares):
            return None
        solved += correction
        if shares[0] * shares[-1] <= _LAST_SHARE:
            break
    return _with_intercept(solved, factor, alpha, n_held)


def _rounded(K: NDArray[np.floating]) -> NDArray[np.float32]:
    """The lower triangle in float32; far above the diagonal there is whatever was in memory."""
    n = len(K)
    rounded = np.empty((n, n), dtype=np.float32, order="F")
    for start in range(0, n, _COPIED_COLUMNS):
        columns = slice(start, start + _COPIED_COLUMNS)
        rounded[start:, columns] = K[start:, columns]
    return rounded


def _factor(K: NDArray[np.floating], ridge: Array) -> NDArray[np.floating] | None:
    """Lower Cholesky factor of the system, in the memory of the kernel where that has Fortran order."""
    factor = np.asfortranarray(K)
    factor[np.diag_indices(len(factor))] += ridge
    return factor if _on_lower_triangle("potrf", factor, b"L") == 0 else None


def _right_sides(Y: Array) -> Array:
    return np.column_stack([np.ones(len(Y)), Y])


def _solve(factor: NDArray[np.floating], right: Array) -> Array:
    potrs: Any = get_lapack_funcs("potrs", (factor,))
    solved: Array = potrs(factor, right.astype(factor.dtype), lower=1)[0].astype(np.float64)
    return solved


def _with_intercept(solved: Array, factor: NDArray[np.floating], alpha: float, n_held: int) -> DualSolution:
    """The solution, from those for ones and for the targets alone."""
    n, ones, targets = len(factor), solved[:, 0], solved[:, 1:]
    total = ones.sum()
    intercept = targets.sum(axis=0) / total
    held_root = np.triu(factor[n - n_held :, n - n_held :].T).T
    if n_held:  # of nothing, LAPACK complains on the terminal
        _on_lower_triangle("trtri", held_root, b"L", b"N")
    held_ones = ones[n - n_held :] / np.sqrt(total)
    return DualSolution(targets - np.outer(ones, intercept), intercept, alpha, held_root, held_ones)


def held_out_residuals(solution: DualSolution, n_folds: int) -> Array | None:
    """Residuals of rows in a fit without their fold.

    Parameters
    ----------
    solution : DualSolution
        Made with `n_held` rows.
    n_folds : int
        Number of folds; each takes every so manieth of the held rows.

    Returns
    -------
    ndarray of shape (n_held, n_targets) or None
        The residuals; None when a fold is every row, or cannot be left out in float64.
    """
    n_held = len(solution.held_ones)
    coef = solution.coef[len(solution.coef) - n_held :]
    residuals = np.empty_like(coef)
    n_folds = min(n_folds, n_held)
    if n_folds == 1 and n_held == len(solution.coef):
        return None
    for first in range(n_folds):
        fold = slice(first, n_held, n_folds)
        try:
            factor = cho_factor(solution.inverse_block(fold), lower=True, overwrite_a=True, check_finite=False)
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


def _on_lower_triangle(name: str, A: NDArray[np.floating], *flags: bytes) -> int:
    """Call LAPACK for a square matrix in Fortran order, in its memory, without the interpreter lock.

    SciPy's own wrappers hold it, and kernels that are tried at the same time would wait for each other.
    """
    n, info = ctypes.c_int(len(A)), ctypes.c_int(0)
    letters = [ctypes.byref(ctypes.c_char(flag)) for flag in flags]
    order = ctypes.byref(n)
    function = _LAPACK["sd"[A.dtype == np.float64] + name]
    function(*letters, order, ctypes.c_void_p(A.ctypes.data), order, ctypes.byref(info))
    return info.value


def _lapack_function(name: str) -> Callable[..., Any]:
    """A function of SciPy's public interface to LAPACK for Cython, as ctypes calls it."""
    functions: Any = cython_lapack.__pyx_capi__
    capsule, interface = functions[name], ctypes.pythonapi
    interface.PyCapsule_GetName.restype, interface.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    interface.PyCapsule_GetPointer.restype = ctypes.c_void_p
    interface.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    signature = interface.PyCapsule_GetName(capsule)
    address = interface.PyCapsule_GetPointer(capsule, signature)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (signature.count(b",") + 1))(address)


_LAPACK = {name: _lapack_function(name) for name in ("spotrf", "dpotrf", "strtri", "dtrtri")}
