"""The choice of the penalty by generalised cross-validation, for every form of the least-squares problem."""

from dataclasses import dataclass
from typing import Protocol, TypeGuard

import numpy as np

from .._compute import Array

# Largest share of the rows that the degrees of freedom may be. Above it the fit nearly interpolates, and generalised
# cross-validation is a ratio of two vanishing numbers (the double-descent peak).
_MAX_DOF_SHARE = 0.9
# Number of penalties in the grid for each factor of ten.
_GRID_PER_DECADE = 8
# Factor of the degrees of freedom if the penalty is chosen automatically: see `gcv`.
INFLATION = 1.4
# Factors of the penalty that cross-validation on a sample found. The sample gives the order of magnitude. More rows and
# features need the same penalty or a smaller one. The window was chosen on eight tables, where the penalty of least
# test error was within a factor of ten; check it again on others.
_WINDOW = np.logspace(-1.0, 0.25, 11)[:, None]


class PenalisedSystem(Protocol):
    """A centred least-squares problem that knows its eigenvalues, and its residuals for any penalty.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.solvers.eigen import decompose
    >>> system: PenalisedSystem = decompose(Moments.from_block(np.eye(3), np.eye(3)))
    >>> system.rank
    2
    """

    @property
    def eigenvalues(self) -> Array:
        """Of the centred Gram matrix, decreasing."""

    @property
    def rank(self) -> int:
        """Number of eigenvalues above the rounding error of the Gram matrix."""

    @property
    def target_mean(self) -> Array:
        """Mean of each target."""

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, whose unit is one row."""

    @property
    def least_choice(self) -> float:
        """Smallest penalty that an automatic choice tries."""

    def residual_squares(self, alphas: Array) -> Array:
        """Sums of squared training residuals, for penalties of shape (n_alphas, 1) or (n_alphas, n_targets)."""


@dataclass(frozen=True, eq=False)
class Penalty:
    """The penalties to choose from: those that are given, or those that the problem itself determines.

    Parameters
    ----------
    candidates : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets), optional
        Non-negative penalties given by the user, common to all targets or one column per target; None for an automatic
        choice.
    centre : ndarray of shape (n_targets,), optional
        The penalty that cross-validation on a sample of the rows found. None if there was no cross-validation.

    Examples
    --------
    >>> Penalty(np.array([[0.1]])).single, Penalty(np.array([[0.1], [1.0]])).single
    (0.1, None)
    >>> Penalty().inflation, Penalty(np.array([[0.1]])).inflation
    (1.4, 1.0)
    >>> Penalty(centre=np.array([1.0])).unlimited().round(2).ravel()[[0, 4, -1]]
    array([0.1 , 0.32, 1.78])
    """

    candidates: Array | None = None
    centre: Array | None = None

    @property
    def inflation(self) -> float:
        """Factor of the degrees of freedom in generalised cross-validation."""
        return INFLATION if self.candidates is None else 1.0

    @property
    def single(self) -> float | None:
        """The one penalty common to all targets, when there is nothing to choose."""
        return float(self.candidates[0, 0]) if is_one_penalty(self.candidates) else None

    @property
    def common(self) -> list[float] | None:
        """Candidates that are common to all targets; None for an automatic choice."""
        return None if self.candidates is None else [float(alpha) for alpha in self.candidates[:, 0]]

    def tried(self, system: PenalisedSystem) -> Array:
        """Penalties to try on a problem.

        Parameters
        ----------
        system : PenalisedSystem
            The problem.

        Returns
        -------
        ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
            The candidates, if they are given. Otherwise a window around the centre, if it is known, in which smaller
            penalties are raised to the least choice of the system. Otherwise :func:`alpha_grid`.
        """
        if self.candidates is not None:
            return self.candidates
        return alpha_grid(system) if self.centre is None else np.maximum(self.centre * _WINDOW, system.least_choice)

    def unlimited(self) -> Array | None:
        """Penalties that may be tried, before a problem says which of them are too small.

        Returns
        -------
        ndarray of shape (n_alphas, 1) or (n_alphas, n_targets), or None
            Candidates or window. None if the penalties depend on the problem.
        """
        if self.candidates is not None or self.centre is None:
            return self.candidates
        return np.asarray(self.centre * _WINDOW)


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


def alpha_grid(system: PenalisedSystem) -> Array:
    """Grid of penalties, from the least choice of the system to a hundred times its largest eigenvalue.

    Parameters
    ----------
    system : PenalisedSystem
        The problem.

    Returns
    -------
    ndarray of shape (n_alphas, 1)
        Increasing, evenly spaced on a logarithmic scale.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.solvers.eigen import decompose
    >>> grid = alpha_grid(decompose(Moments.from_block(np.eye(3), np.eye(3))))
    >>> len(grid), grid[-1].round(6).item()
    (76, 100.0)
    """
    if not system.rank:
        return np.ones((1, 1))
    low, high = np.log10(system.least_choice), np.log10(100.0 * system.eigenvalues[0])
    return np.logspace(low, high, int(np.ceil((high - low) * _GRID_PER_DECADE)) + 1)[:, None]


def effective_dof(system: PenalisedSystem, alphas: float | Array) -> Array:
    """Effective degrees of freedom of the features (the intercept not counted).

    Parameters
    ----------
    system : PenalisedSystem
        The problem.
    alphas : float or ndarray of any shape
        Penalties.

    Returns
    -------
    ndarray of the shape of `alphas`
        ``sum_i lambda_i / (lambda_i + alpha)``.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.solvers.eigen import decompose
    >>> effective_dof(decompose(Moments.from_block(np.eye(3), np.eye(3))), np.array([1.0, 3.0])).round(6)
    array([1. , 0.5])
    """
    eigenvalues = system.eigenvalues[: system.rank]
    dof: Array = np.sum(eigenvalues / (eigenvalues + np.asarray(alphas)[..., None]), axis=-1)
    return dof


def gcv(system: PenalisedSystem, alphas: Array, inflation: float = 1.0) -> Array:
    """Generalised cross-validation: an estimate of the mean squared error on new rows.

    Parameters
    ----------
    system : PenalisedSystem
        The problem.
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Penalties, common to all targets or one column per target.
    inflation : float, default=1.0
        Factor of the degrees of freedom. With 1.0 the criterion sometimes prefers a fit that is much too rough, and it
        always does so if rows have unequal influence. 1.4 prevents most of this.

    Returns
    -------
    ndarray of shape (n_alphas, n_targets)
        ``n RSS / (n - 1 - inflation dof)^2``, infinite where the fit nearly interpolates.

    References
    ----------
    Golub, Heath and Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter",
    Technometrics 1979; for the inflation, Kim and Gu, "Smoothing spline Gaussian regression", JRSS B 2004, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.solvers.eigen import decompose
    >>> x = np.arange(10.0)[:, None]
    >>> gcv(decompose(Moments.from_block(x, (x % 3.0))), np.array([[1.0], [100.0]])).round(3).ravel()
    array([1.071, 0.942])
    """
    return gcv_of(system.residual_squares(alphas), effective_dof(system, alphas), system.n_effective, inflation)


def gcv_of(squares: Array, dof: Array, n_effective: float, inflation: float) -> Array:
    """Generalised cross-validation of fits whose residuals and degrees of freedom are known.

    Parameters
    ----------
    squares : ndarray of shape (n_alphas, n_targets)
        Residual sums of squares.
    dof : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Degrees of freedom, the intercept not counted.
    n_effective : float
        Number of observations.
    inflation : float
        As in :func:`gcv`.

    Returns
    -------
    ndarray of shape (n_alphas, n_targets)
        As :func:`gcv`.

    Examples
    --------
    >>> gcv_of(np.array([[9.0], [9.0]]), np.array([[4.0], [9.5]]), 11.0, 1.0).ravel()
    array([2.75,  inf])
    """
    dof = inflation * dof
    trusted = dof < _MAX_DOF_SHARE * (n_effective - 1.0)
    free = np.where(trusted, n_effective - 1.0 - dof, 1.0)
    return np.where(trusted, n_effective * squares / free**2, np.inf)


def descending(candidates: Array, n_targets: int) -> Array:
    """Penalties with a column for each target, the largest first, so that it is the first of equally good ones.

    Parameters
    ----------
    candidates : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Penalties to choose from.
    n_targets : int
        Number of targets.

    Returns
    -------
    ndarray of shape (n_alphas, n_targets)
        Sorted by column.

    Examples
    --------
    >>> descending(np.array([[1.0], [3.0]]), 2)
    array([[3., 3.],
           [1., 1.]])
    """
    return np.sort(np.broadcast_to(candidates, (len(candidates), n_targets)), axis=0)[::-1]


def choose_alpha(system: PenalisedSystem, candidates: Array, inflation: float = 1.0) -> Array:
    """Penalty of least generalised cross-validation, for each target.

    Parameters
    ----------
    system : PenalisedSystem
        The problem.
    candidates : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Penalties to choose from, common to all targets or one column per target.
    inflation : float, default=1.0
        As in :func:`gcv`.

    Returns
    -------
    ndarray of shape (n_targets,)
        The largest of the best penalties, so that targets without variance get the smoothest fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.solvers.eigen import decompose
    >>> x = np.arange(10.0)[:, None]
    >>> choose_alpha(decompose(Moments.from_block(x, (x % 3.0))), np.array([[1.0], [100.0]]))
    array([100.])
    """
    alphas = descending(candidates, system.target_mean.size)
    best = np.argmin(gcv(system, alphas, inflation), axis=0)
    chosen: Array = alphas[best, np.arange(best.size)]
    return chosen


def noise_variance(system: PenalisedSystem, alpha: Array) -> Array:
    """Estimate the variance of the targets around the fit.

    Parameters
    ----------
    system : PenalisedSystem
        The problem.
    alpha : ndarray of shape (n_targets,)
        The penalty of each target.

    Returns
    -------
    ndarray of shape (n_targets,)
        ``RSS / (n - 1 - dof)``; zero where no degree of freedom is left.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.solvers.eigen import decompose
    >>> x = np.arange(10.0)[:, None]
    >>> noise_variance(decompose(Moments.from_block(x, (x % 3.0))), np.array([1.0])).round(3)
    array([0.858])
    """
    return variance_around(system.residual_squares(alpha[None, :])[0], system.n_effective, effective_dof(system, alpha))


def variance_around(squares: Array, n_effective: float, dof: Array) -> Array:
    """Estimated variance of the targets around a fit.

    Parameters
    ----------
    squares : ndarray of shape (n_targets,)
        Residual sums of squares.
    n_effective : float
        Number of observations.
    dof : ndarray of shape (n_targets,)
        Effective degrees of freedom of the features.

    Returns
    -------
    ndarray of shape (n_targets,)
        Zero where no degree of freedom is left.

    Examples
    --------
    >>> variance_around(np.array([12.0, 12.0]), 10.0, np.array([5.0, 9.0]))
    array([3., 0.])
    """
    free = n_effective - 1.0 - dof
    return np.where(free > 0.0, squares / np.where(free > 0.0, free, 1.0), 0.0)
