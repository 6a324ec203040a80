"""Ridge regression for one given penalty by a Cholesky factor, which takes a tenth of the time of eigenvectors."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri

from ..._compute import Array, Floats, blas_threads_for
from ..moments import Moments
from ..penalties import variance_around
from ..solution import BareSolution
from .eigen import RidgeSystem, decompose, posterior_variance

# A penalty must be this many times the rounding error of the Gram matrix. Single eigenvalues then do not matter.
MARGIN = 1e3
_EPS = float(np.finfo(np.float64).eps)
# Largest change of a prediction by the rounding of the features, in standard deviations of the targets: as in
# `rounding`.
_MAX_ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class MomentsSolution:
    """Sums with the solution for one penalty of each target. They are diagonalised only if eigenvectors are needed.

    Parameters
    ----------
    sums : Moments
        Of the scaled features and the targets.
    alpha : ndarray of shape (n_targets,)
        The penalties.
    precision : float
        Relative precision of the feature values.
    coef : ndarray of shape (n_columns, n_targets)
        The output matrix.
    dof : ndarray of shape (n_targets,)
        Effective degrees of freedom of the features.
    noise : ndarray of shape (n_targets,)
        Estimated variance of the targets around the fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> F = np.random.default_rng(0).normal(size=(50, 3))
    >>> solved = penalised_solution(Moments.from_block(F, F @ np.ones((3, 1))), 1e-6, 2e-16)
    >>> solved.coef.round(3).ravel(), solved.dof.round(3)
    (array([1., 1., 1.]), array([3.]))
    """

    sums: Moments
    alpha: Array
    precision: float
    coef: Array
    dof: Array
    noise: Array
    n_iter = 1

    @property
    def mean(self) -> Array:
        """Weighted mean of the features."""
        return self.sums.mean

    @property
    def target_mean(self) -> Array:
        """Weighted mean of the targets."""
        return self.sums.target_mean

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return self.sums.n_samples

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, whose unit is one row."""
        return self.sums.n_effective

    @cached_property
    def diagonal(self) -> RidgeSystem:
        """The same problem in the eigenbasis of its Gram matrix."""
        return decompose(self.sums, self.precision)

    @property
    def intercept(self) -> Array:
        """What is added to the predictions."""
        return self.target_mean - self.mean @ self.coef

    def variance(self, columns: Floats) -> Array:
        """Variance of predictions in units of the noise: :func:`posterior_variance`."""
        return posterior_variance(self.diagonal, columns, self.alpha)

    def leverage(self, columns: Floats) -> Array:
        """Share of a training row of weight one in its own prediction, by a factor for each penalty."""
        alphas, places = np.unique(self.alpha, return_inverse=True)
        return np.stack([_row_leverage(self.sums, float(alpha), columns) for alpha in alphas], axis=1)[:, places]

    def moments(self) -> Moments:
        """Sums of the scaled columns; not to be changed."""
        return self.sums

    def without_factor(self) -> BareSolution:
        """The numbers alone."""
        return BareSolution.of(self)

    def diagonalised(self) -> "MomentsSolution":
        """Itself, with `diagonal` computed."""
        _ = self.diagonal
        return self


# Its name until the networks take solutions as they come.


def penalised_solution(moments: Moments, alpha: float, precision: float) -> MomentsSolution | None:
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
    MomentsSolution or None
        None when the penalty is too close to the rounding error of the Gram matrix for a factor to be trusted.

    References
    ----------
    Golub and Van Loan, "Matrix computations", 4th edition 2013, sections 4.2 and 5.3.
    """
    trace, n_columns = float(np.trace(moments.gram)), moments.mean.size
    # The largest eigenvalue is at most the trace. So this bound is above the floor that eigenvalues would give.
    rounding = trace * max(n_columns * _EPS, (0.5 * precision / _MAX_ROUNDING) ** 2)
    if not alpha > MARGIN * rounding:
        return None
    factor = penalised_factor(moments.gram, alpha)
    coef, _ = dpotrs(factor, moments.cross, lower=0)
    with blas_threads_for(n_columns):
        # tr (G + alpha I)^-1 is the sum of squares of the inverse factor.
        inverse, _ = dtrtri(factor, lower=0, overwrite_c=1)
    every = np.full(moments.target_mean.size, alpha)
    dof = np.full(every.size, n_columns - alpha * _upper_square(inverse))
    # The solution minimises this penalised sum. So a small error of the solution changes the sum by its square only.
    squares = moments.target_square - np.sum(coef * (moments.cross + alpha * coef), axis=0)
    noise = variance_around(np.maximum(squares, 0.0), moments.n_effective, dof)
    return MomentsSolution(moments, every, precision, coef, dof, noise)


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
    with blas_threads_for(len(gram)):
        factor, failed = dpotrf(penalised, lower=0, overwrite_a=1, clean=0)
    if failed:
        raise LinAlgError("a penalised Gram matrix is not positive definite; are there infinite targets or features?")
    return np.asarray(factor)


def _row_leverage(moments: Moments, alpha: float, columns: Floats) -> Array:
    """Influence of training rows of weight one on their own prediction, of shape (n_samples,), by one factor."""
    factor = penalised_factor(moments.gram, alpha)
    whitened = solve_triangular(factor, (columns - moments.mean).T, trans="T", check_finite=False)
    return np.asarray(np.einsum("ij,ij->j", whitened, whitened) + 1.0 / moments.n_effective)


def _upper_square(matrix: Array) -> float:
    """Sum of squares of the upper triangle; what lies below it may be anything."""
    return float(sum(np.dot(matrix[: j + 1, j], matrix[: j + 1, j]) for j in range(len(matrix))))
