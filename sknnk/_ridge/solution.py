"""The interface of all solutions, and the two kinds of solutions that no solver returns."""

from dataclasses import dataclass
from typing import NoReturn, Protocol

import numpy as np

from .._compute import Array, Floats
from .moments import Moments


class Solution(Protocol):
    """A solved ridge regression: ``columns @ coef + intercept`` predicts the targets.

    Every kind is a frozen dataclass of arrays, numbers and `Moments` or a `RidgeSystem`, so that it can be pickled.
    """

    @property
    def coef(self) -> Array:
        """Output matrix of shape (n_columns, n_targets), for the scaled columns, float64."""

    @property
    def intercept(self) -> Array:
        """What is added, shape (n_targets,)."""

    @property
    def alpha(self) -> Array:
        """Penalty of each target, shape (n_targets,)."""

    @property
    def dof(self) -> Array:
        """Effective degrees of freedom of each target, the intercept not counted, shape (n_targets,)."""

    @property
    def noise(self) -> Array:
        """Estimated variance of each target around the fit, shape (n_targets,)."""

    @property
    def n_samples(self) -> int:
        """Number of rows with positive weight."""

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, whose unit is one row."""

    @property
    def n_iter(self) -> int:
        """Passes over the rows of an iterative solver; one of the others."""

    def variance(self, columns: Floats) -> Array | None:
        """Variance of predictions in Bayesian ridge regression, in units of the noise variance.

        Parameters
        ----------
        columns : ndarray of shape (n_samples, n_columns)
            Scaled columns of rows.

        Returns
        -------
        ndarray of shape (n_samples, n_targets), or None
            None where no factor of the system is kept.
        """

    def leverage(self, columns: Floats) -> Array | None:
        """Influence of a training row of weight one on its own prediction. It is proportional to the weight.

        Parameters
        ----------
        columns : ndarray of shape (n_samples, n_columns)
            Scaled columns of rows of the fit.

        Returns
        -------
        ndarray of shape (n_samples, n_targets), or None
            None where `variance` is None.
        """

    def moments(self) -> Moments:
        """Sums of the scaled columns, to which more rows can be added.

        Returns
        -------
        Moments
            Not to be changed.

        Raises
        ------
        ValueError
            If no such sums are kept.
        """

    def without_factor(self) -> "Solution":
        """The same numbers without arrays of the size of the Gram matrix. No rows can be added to it.

        Returns
        -------
        Solution
            One whose `variance` is None.
        """

    def diagonalised(self) -> "Solution":
        """The same solution with its eigenvectors, so that workers that receive it do not compute them again.

        Returns
        -------
        Solution
            Itself where there is nothing to do.
        """


@dataclass(frozen=True, eq=False)
class BareSolution:
    """The numbers of a solution, without the system it solves.

    Parameters
    ----------
    coef, intercept, alpha, dof, noise, n_samples, n_effective, n_iter
        As in :class:`Solution`.

    Examples
    --------
    >>> bare = BareSolution.of(GivenSolution(np.ones((3, 1)), np.zeros(1)))
    >>> bare.coef.shape, bare.variance(np.ones((1, 3))) is None
    ((3, 1), True)
    """

    coef: Array
    intercept: Array
    alpha: Array
    dof: Array
    noise: Array
    n_samples: int
    n_effective: float
    n_iter: int = 1

    @classmethod
    def of(cls, solution: Solution) -> "BareSolution":
        """Leave out everything else.

        Parameters
        ----------
        solution : Solution
            Any.

        Returns
        -------
        BareSolution
            The same numbers.
        """
        fits = (solution.coef, solution.intercept, solution.alpha, solution.dof, solution.noise)
        return cls(*fits, solution.n_samples, solution.n_effective, solution.n_iter)

    def variance(self, columns: Floats) -> None:
        """None: no factor is kept."""

    def leverage(self, columns: Floats) -> None:
        """None: no factor is kept."""

    def moments(self) -> NoReturn:
        """Refuse: no sums are kept."""
        raise ValueError(
            "this solution keeps no sums that partial_fit could add to, as they were left out to save memory; extend "
            "the solution it was made from."
        )

    def without_factor(self) -> "BareSolution":
        """Itself."""
        return self

    def diagonalised(self) -> "BareSolution":
        """Itself."""
        return self


@dataclass(frozen=True, eq=False)
class GivenSolution:
    """An output matrix that was given: nothing was solved, so there is no penalty, no noise and no row.

    Parameters
    ----------
    coef : ndarray of shape (n_columns, n_targets)
        For the scaled columns.
    intercept : ndarray of shape (n_targets,)
        What is added.

    Examples
    --------
    >>> given = GivenSolution(np.ones((3, 2)), np.zeros(2))
    >>> given.alpha, given.noise, given.n_samples
    (array([nan, nan]), array([nan, nan]), 0)
    """

    coef: Array
    intercept: Array

    @property
    def alpha(self) -> Array:
        """Not a number, for every target."""
        return np.full(len(self.intercept), np.nan)

    @property
    def dof(self) -> Array:
        """Not a number, for every target."""
        return np.full(len(self.intercept), np.nan)

    @property
    def noise(self) -> Array:
        """Not a number, for every target."""
        return np.full(len(self.intercept), np.nan)

    @property
    def n_samples(self) -> int:
        """Zero."""
        return 0

    @property
    def n_effective(self) -> float:
        """Zero."""
        return 0.0

    @property
    def n_iter(self) -> int:
        """Zero."""
        return 0

    def variance(self, columns: Floats) -> None:
        """None: no factor is kept."""

    def leverage(self, columns: Floats) -> None:
        """None: no factor is kept."""

    def moments(self) -> NoReturn:
        """Refuse: there are no rows."""
        raise ValueError(
            "coefficients that were given come from no rows, so there are no sums that partial_fit could add to; fit "
            "a new network."
        )

    def without_factor(self) -> "GivenSolution":
        """Itself."""
        return self

    def diagonalised(self) -> "GivenSolution":
        """Itself."""
        return self
