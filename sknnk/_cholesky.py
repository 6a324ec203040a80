"""Ridge regression for one penalty that is given: a Cholesky factor, a tenth of the time of the eigenvectors."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri

from ._moments import Moments
from ._ridge import RidgeSystem, decompose

Array = NDArray[np.float64]

# Below so many columns eigenvectors take less time than the sums of products, and give deviations, other penalties and
# calibration at once.
_LEAST_COLUMNS = 4096
# Rows for each column from which on the fit takes long anyway and is made as short as can be.
_MANY_ROWS = 25
# How many times the rounding error of the Gram matrix a penalty must be for its eigenvalues not to matter one by one.
_MARGIN = 1e3
_EPS = float(np.finfo(np.float64).eps)
# As in the ridge system: how far rounding of the features may move a prediction, in deviations of the targets.
_MAX_ROUNDING = 1e-3


@dataclass(eq=False)
class PenalisedMoments:
    """Moments with the solution for one penalty, diagonalised only if someone asks.

    Parameters
    ----------
    moments : Moments
        Of the scaled features and the targets.
    alpha : float
        The penalty, common to all targets.
    precision : float
        Relative precision of the feature values.
    coef : ndarray of shape (n_columns, n_targets)
        The output matrix.
    dof : float
        Effective degrees of freedom of the features.
    noise : ndarray of shape (n_targets,)
        Estimated variance of the targets around the fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._moments import Moments
    >>> F = np.random.default_rng(0).normal(size=(50, 3))
    >>> solved = penalised_solution(Moments.from_block(F, F @ np.ones((3, 1))), 1e-6, 2e-16)
    >>> solved.coef.round(3).ravel(), round(solved.dof, 3)
    (array([1., 1., 1.]), 3.0)
    """

    moments: Moments
    alpha: float
    precision: float
    coef: Array
    dof: float
    noise: Array

    @property
    def mean(self) -> Array:
        """Weighted mean of the features."""
        return self.moments.mean

    @property
    def target_mean(self) -> Array:
        """Weighted mean of the targets."""
        return self.moments.target_mean

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return self.moments.n_samples

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, or the number of rows if that is larger."""
        return max(self.moments.weight, float(self.moments.n_samples))

    @cached_property
    def diagonal(self) -> RidgeSystem:
        """The same problem in the eigenbasis of its Gram matrix."""
        return decompose(self.moments, self.precision)


def are_many(n_samples: int, n_columns: int) -> bool:
    """Whether sums over the rows take so long that the solution leaves out what nobody may ask for.

    Parameters
    ----------
    n_samples, n_columns : int
        Rows and columns.

    Returns
    -------
    bool
        From 25 rows for each column on.

    Examples
    --------
    >>> are_many(100_000, 2000), are_many(16_000, 2048)
    (True, False)
    """
    return n_samples >= _MANY_ROWS * n_columns


def is_one_penalty(alphas: Array | None) -> TypeGuard[Array]:
    """Whether there is nothing to choose.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets), optional
        The penalties to choose from.

    Returns
    -------
    bool
        For a single penalty, common to all targets.

    Examples
    --------
    >>> is_one_penalty(np.array([[0.1, 0.1]])), is_one_penalty(np.array([[0.1, 0.2]])), is_one_penalty(None)
    (True, False, False)
    """
    return alphas is not None and len(alphas) == 1 and bool(np.all(alphas == alphas[0, 0]))


def factored(moments: Moments, alphas: Array | None, precision: float) -> PenalisedMoments | None:
    """Solve by a factor, where that is the better way.

    Parameters
    ----------
    moments : Moments
        Of the scaled features and the targets.
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets), optional
        The penalties to choose from.
    precision : float
        Relative precision of the feature values.

    Returns
    -------
    PenalisedMoments or None
        None for few columns and rows, when there is not one penalty for all targets, and where
        :func:`penalised_solution` has none.
    """
    few = moments.mean.size < _LEAST_COLUMNS and not are_many(moments.n_samples, moments.mean.size)
    if few or not is_one_penalty(alphas):
        return None
    return penalised_solution(moments, float(alphas[0, 0]), precision)


def penalised_solution(moments: Moments, alpha: float, precision: float) -> PenalisedMoments | None:
    """Solve for one penalty by the Cholesky factor of the penalised Gram matrix.

    Parameters
    ----------
    moments : Moments
        Of the scaled features and the targets.
    alpha : float
        The penalty.
    precision : float
        Relative precision of the feature values.

    Returns
    -------
    PenalisedMoments or None
        None when the penalty is too close to the rounding error of the Gram matrix for a factor to be trusted.

    References
    ----------
    Golub and Van Loan, "Matrix computations", 4th edition 2013, sections 4.2 and 5.3.
    """
    trace, n_columns = float(np.trace(moments.gram)), moments.mean.size
    # The largest eigenvalue is at most the trace, so that this is above the floor that eigenvalues would give.
    rounding = trace * max(n_columns * _EPS, (0.5 * precision / _MAX_ROUNDING) ** 2)
    if not alpha > _MARGIN * rounding:
        return None
    factor = penalised_factor(moments.gram, alpha)
    coef, _ = dpotrs(factor, moments.cross, lower=0)
    # tr (G + alpha I)^-1 is the sum of squares of the inverse factor.
    inverse, _ = dtrtri(factor, lower=0, overwrite_c=1)
    dof = n_columns - alpha * _upper_square(inverse)
    n_effective = max(moments.weight, float(moments.n_samples))
    # At the minimum of the penalised sum, so that errors of the solution enter it squared.
    squares = moments.target_square - np.sum(coef * (moments.cross + alpha * coef), axis=0)
    noise = variance_around(np.maximum(squares, 0.0), n_effective, dof)
    return PenalisedMoments(moments, alpha, precision, coef, dof, noise)


def variance_around(squares: Array, n_effective: float, dof: float) -> Array:
    """Estimated variance of the targets around a fit.

    Parameters
    ----------
    squares : ndarray of shape (n_targets,)
        Residual sums of squares.
    n_effective : float
        Number of observations.
    dof : float
        Effective degrees of freedom of the features.

    Returns
    -------
    ndarray of shape (n_targets,)
        Zero where no degree of freedom is left.

    Examples
    --------
    >>> variance_around(np.array([12.0]), 10.0, 5.0), variance_around(np.array([12.0]), 10.0, 9.0)
    (array([3.]), array([0.]))
    """
    free = n_effective - 1.0 - dof
    return squares / free if free > 0.0 else np.zeros_like(squares)


def penalised_factor(gram: Array, alpha: float) -> Array:
    """Upper Cholesky factor of a penalised Gram matrix.

    Parameters
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        Its upper triangle.
    alpha : float
        The penalty.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        The factor; what lies below its diagonal may be anything.

    Raises
    ------
    LinAlgError
        If the matrix is not positive definite.

    Examples
    --------
    >>> np.triu(penalised_factor(np.array([[3.0, 2.0], [0.0, 4.0]]), 1.0))
    array([[2., 1.],
           [0., 2.]])
    """
    penalised = gram.copy(order="F")
    penalised[np.diag_indices(len(gram))] += alpha
    factor, failed = dpotrf(penalised, lower=0, overwrite_a=1, clean=0)
    if failed:
        raise LinAlgError("a penalised Gram matrix is not positive definite; are there infinite targets or features?")
    return np.asarray(factor)


def _upper_square(matrix: Array) -> float:
    """Sum of squares of the upper triangle; what lies below it may be anything."""
    return float(sum(np.dot(matrix[: j + 1, j], matrix[: j + 1, j]) for j in range(len(matrix))))
