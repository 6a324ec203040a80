"""Losses of counts and of positive numbers, whose mean is the exponential of the output."""

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from .._compute import Array
from .loss import least_of_largest

# Exponents beyond these bounds overflow.
_LARGEST = 500.0


@dataclass(frozen=True)
class Poisson:
    """Half of the Poisson deviance.

    Examples
    --------
    >>> Y, F = np.array([[0.0], [2.0]]), np.log([[1.0], [2.0]])
    >>> Poisson().values(Y, F), Poisson().means(F).ravel()
    (array([1., 0.]), array([1., 2.]))
    """

    def values(self, Y: Array, F: Array) -> Array:
        """Half of the deviance of each row."""
        return np.asarray(np.sum(xlogy(Y, Y) - Y * F - Y + self.means(F), axis=1))

    def gradient(self, Y: Array, F: Array) -> Array:
        """Mean minus target."""
        return np.asarray(self.means(F) - Y)

    def curvature(self, Y: Array, F: Array) -> tuple[Array, None]:
        """The mean."""
        return self.means(F), None

    def least_weight(self, Y: Array, F: Array) -> float:
        """A tiny share of the largest curvature."""
        return least_of_largest(self.curvature(Y, F)[0])

    def judged(self, Y: Array, F: Array) -> Array:
        """The same as `values`."""
        return self.values(Y, F)

    def means(self, F: Array) -> Array:
        """Exponential of the outputs."""
        return np.exp(np.clip(F, -_LARGEST, _LARGEST))


@dataclass(frozen=True)
class Gamma:
    """Half of the deviance of the gamma distribution: it sees ratios of targets and means alone.

    Examples
    --------
    >>> Y, F = np.array([[1.0], [2.0]]), np.log([[2.0], [2.0]])
    >>> Gamma().values(Y, F).round(3)
    array([0.193, 0.   ])
    """

    def values(self, Y: Array, F: Array) -> Array:
        """Half of the deviance of each row."""
        return np.asarray(np.sum(self._ratio(Y, F) - 1.0 - np.log(Y) + F, axis=1))

    def gradient(self, Y: Array, F: Array) -> Array:
        """One minus the ratio of target and mean."""
        return np.asarray(1.0 - self._ratio(Y, F))

    def curvature(self, Y: Array, F: Array) -> tuple[Array, None]:
        """The ratio of target and mean."""
        return self._ratio(Y, F), None

    def least_weight(self, Y: Array, F: Array) -> float:
        """A tiny share of the largest curvature."""
        return least_of_largest(self.curvature(Y, F)[0])

    def judged(self, Y: Array, F: Array) -> Array:
        """The same as `values`."""
        return self.values(Y, F)

    def means(self, F: Array) -> Array:
        """Exponential of the outputs."""
        return np.exp(np.clip(F, -_LARGEST, _LARGEST))

    def _ratio(self, Y: Array, F: Array) -> Array:
        return np.asarray(Y * np.exp(np.clip(-F, -_LARGEST, _LARGEST)))
