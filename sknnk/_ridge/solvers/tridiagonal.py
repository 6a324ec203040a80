"""Ridge regression for the best of several penalties, in a third of the time of eigenvectors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..._compute import Array, blas_threads_for
from ..moments import Moments
from ..penalties import choose_alpha, effective_dof, noise_variance
from ..rounding import alpha_floor, known_rank, least_choice
from .cholesky import MomentsSolution
from .tridiagonal_form import Tridiagonal

# Least share of the variance that a fit must leave over. Below it, rounding of a difference of squares hides it.
LEAST_LEFT_OVER = 1e-6


@dataclass(frozen=True, eq=False)
class TridiagonalMoments:
    """Moments with their Gram matrix as a tridiagonal one: a `PenalisedSystem`, solved for any penalty.

    Parameters
    ----------
    moments : Moments
        Of features and targets.
    form : Tridiagonal
        Of their Gram matrix.
    rotated_cross : ndarray of shape (n_columns, n_targets)
        Products of features and targets in the basis of the form.
    eigenvalues : ndarray of shape (n_columns,)
        Of the Gram matrix, non-negative, decreasing.
    precision : float
        Relative precision of the feature values.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.solvers.tridiagonal import TridiagonalMoments
    >>> x = np.arange(10.0)[:, None]
    >>> system = TridiagonalMoments.of(Moments.from_block(x, 2.0 * x), 2e-16)
    >>> system.rank, system.solve(system.moments.cross, np.array([82.5])).ravel()
    (1, array([1.]))
    """

    moments: Moments
    form: Tridiagonal
    rotated_cross: Array
    eigenvalues: Array
    precision: float

    @classmethod
    def of(cls, moments: Moments, precision: float) -> "TridiagonalMoments":
        """Bring the Gram matrix to this form.

        Parameters
        ----------
        moments : Moments
            Of features and targets; left as they are.
        precision : float
            Relative precision of the feature values.

        Returns
        -------
        TridiagonalMoments
            The system.
        """
        with blas_threads_for(moments.mean.size):
            # Moments hold the upper triangle, and the lower one is read: hence the transpose.
            form = Tridiagonal.of(np.array(moments.gram.T, order="F"))
        eigenvalues = np.maximum(form.eigenvalues()[::-1], 0.0)
        return cls(moments, form, form.rotated(moments.cross), eigenvalues, precision)

    @property
    def rank(self) -> int:
        """Number of eigenvalues above the rounding error of the Gram matrix."""
        return known_rank(self.eigenvalues, self.precision)

    @property
    def target_mean(self) -> Array:
        """Mean of each target."""
        return self.moments.target_mean

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, whose unit is one row."""
        return self.moments.n_effective

    @property
    def least_choice(self) -> float:
        """Smallest penalty that an automatic choice tries, and that this form can solve."""
        return least_choice(self.eigenvalues, alpha_floor(self.eigenvalues, self.eigenvalues.size, self.precision))

    def residual_squares(self, alphas: Array) -> Array:
        """Weighted sums of squared training residuals.

        Parameters
        ----------
        alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
            Penalties, common to all targets or one column per target.

        Returns
        -------
        ndarray of shape (n_alphas, n_targets)
            The sums of squares.
        """
        squares = np.empty((len(alphas), self.target_mean.size))
        for square, alpha in zip(squares, alphas, strict=True):
            coef = self._rotated_solution(self.rotated_cross, alpha)
            square[:] = self.moments.target_square - np.sum(coef * (self.rotated_cross + alpha * coef), axis=0)
        return np.maximum(squares, 0.0)

    def solve(self, right_side: Array, alpha: Array) -> Array:
        """Solve ``(G + alpha I) X = B`` for one penalty per target.

        Parameters
        ----------
        right_side : ndarray of shape (n_columns, n_targets)
            ``B``.
        alpha : ndarray of shape (n_targets,)
            Penalties, from `least_choice` on.

        Returns
        -------
        ndarray of shape (n_columns, n_targets)
            ``X``.
        """
        return self.form.rotated(self._rotated_solution(self.form.rotated(right_side), alpha), back=True)

    def _rotated_solution(self, rotated: Array, alpha: Array) -> Array:
        solution = np.empty_like(rotated)
        each = np.broadcast_to(alpha, rotated.shape[1])
        for value in np.unique(each):
            solved = self.form.solve(rotated[:, each == value], float(value))
            solution[:, each == value] = np.nan if solved is None else solved
        return solution


def best_of_several(
    moments: Moments,
    candidates: Callable[[TridiagonalMoments], Array],
    inflation: float,
    precision: float,
    least_left_over: float = LEAST_LEFT_OVER,
) -> tuple[TridiagonalMoments, Array] | None:
    """Choose the penalty of each target.

    Parameters
    ----------
    moments : Moments
        Of the scaled features and the targets.
    candidates : callable
        ``candidates(system)`` gives the penalties to choose from, of shape (n_alphas, 1) or (n_alphas, n_targets).
    inflation : float
        Factor of the degrees of freedom in generalised cross-validation.
    precision : float
        Relative precision of the feature values.
    least_left_over : float, optional
        Share of the variance of a target that the fit has to leave over.

    Returns
    -------
    (system, alpha), or None
        The system, and the penalties of shape (n_targets,). None where eigenvectors are more exact: if a penalty is too
        close to the rounding error of the Gram matrix, or the fit too close to the targets.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(10.0)[:, None]
    >>> moments = Moments.from_block(x, x % 3.0)
    >>> best_of_several(moments, lambda system: np.array([[1.0], [100.0]]), 1.0, 2e-16)[1]
    array([100.])
    >>> best_of_several(moments, lambda system: np.array([[0.0], [100.0]]), 1.0, 2e-16) is None
    True
    """
    system = TridiagonalMoments.of(moments, precision)
    alphas = candidates(system)
    if np.min(alphas) < system.least_choice:
        return None
    alpha = choose_alpha(system, alphas, inflation)
    left_over = system.residual_squares(alpha[None, :])[0]
    return (system, alpha) if np.all(left_over >= least_left_over * moments.target_square) else None


def solved_for_best(
    moments: Moments, candidates: Callable[[TridiagonalMoments], Array], inflation: float, precision: float
) -> MomentsSolution | None:
    """Choose the penalty of each target, and solve for it.

    Parameters
    ----------
    moments, candidates, inflation, precision
        As in :func:`best_of_several`.

    Returns
    -------
    MomentsSolution or None
        None where that gives none.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(10.0)[:, None]
    >>> solved_for_best(Moments.from_block(x, x % 3.0), lambda system: np.array([[1.0]]), 1.0, 2e-16).alpha
    array([1.])
    """
    chosen = best_of_several(moments, candidates, inflation, precision)
    if chosen is None:
        return None
    system, alpha = chosen
    coef, dof = system.solve(moments.cross, alpha), effective_dof(system, alpha)
    return MomentsSolution(moments, alpha, precision, coef, dof, noise_variance(system, alpha))
