"""Logarithmic losses of classes, encoded as targets of -1 and 1."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_softmax, softmax

from .._compute import Array
from .loss import least_of_largest


@dataclass(frozen=True)
class Logistic:
    """Minus the logarithm of the probability of the right one of two classes; the output is its logit.

    Examples
    --------
    >>> Logistic().values(np.array([[1.0], [-1.0]]), np.zeros((2, 1))).round(3)
    array([0.693, 0.693])
    """

    def values(self, Y: Array, F: Array) -> Array:
        """Loss of each row."""
        return np.asarray(np.logaddexp(0.0, -Y * F)[:, 0])

    def gradient(self, Y: Array, F: Array) -> Array:
        """Derivative in the logit."""
        return np.asarray(-Y * expit(-Y * F))

    def curvature(self, Y: Array, F: Array) -> tuple[Array, None]:
        """Product of both probabilities."""
        return np.asarray(expit(F) * expit(-F)), None

    def least_weight(self, Y: Array, F: Array) -> float:
        """A tiny share of the largest curvature."""
        return least_of_largest(self.curvature(Y, F)[0])

    def judged(self, Y: Array, F: Array) -> Array:
        """The same as `values`."""
        return self.values(Y, F)

    def means(self, F: Array) -> Array:
        """The outputs themselves."""
        return F


@dataclass(frozen=True)
class Softmax:
    """Minus the logarithm of the probability of the right class; the softmax of the outputs gives probabilities.

    Examples
    --------
    >>> Softmax().values(np.array([[1.0, -1.0, -1.0]]), np.zeros((1, 3))).round(3)
    array([1.099])
    """

    def values(self, Y: Array, F: Array) -> Array:
        """Loss of each row."""
        return np.asarray(-np.sum(np.where(Y > 0.0, log_softmax(F, axis=1), 0.0), axis=1))

    def gradient(self, Y: Array, F: Array) -> Array:
        """Probabilities minus one for the right class."""
        return np.asarray(softmax(F, axis=1) - (Y > 0.0))

    def curvature(self, Y: Array, F: Array) -> tuple[Array, Array]:
        """Diagonal and outer product of the probabilities."""
        shares = softmax(F, axis=1)
        return shares, shares

    def least_weight(self, Y: Array, F: Array) -> float:
        """A tiny share of the largest curvature."""
        return least_of_largest(self.curvature(Y, F)[0])

    def judged(self, Y: Array, F: Array) -> Array:
        """The same as `values`."""
        return self.values(Y, F)

    def means(self, F: Array) -> Array:
        """The outputs themselves."""
        return F
