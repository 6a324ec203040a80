"""Losses that grow like the distance itself, so that single targets far away do not decide."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from .._compute import Array

# Least weight of a row, as a share of that of the square which touches the loss at the output and lies above it: a step
# by curvature alone leaves the lines of a loss without a hold, and one by these squares is safe, but short.
_LEAST_SHARE = 0.1
# Distances below are none.
_NO_DISTANCE = 1e-9


@dataclass(frozen=True)
class Huber:
    """Half of the square up to a threshold, a line beyond, and a constant for targets out of reach.

    A line pulls at any distance. Where a small penalty lets a network go through single targets, it would go through
    wild ones too. So these are let go; steps should begin near the other targets, as the loss is then no longer convex.

    Parameters
    ----------
    threshold : float
        Distance at which the square ends.
    reach : float, default=inf
        Distance at which the line ends.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 1964; for an influence that
    ends, Hampel, "The influence curve and its role in robust estimation", JASA 1974.

    Examples
    --------
    >>> Huber(1.0).values(np.array([[0.5], [3.0]]), np.zeros((2, 1)))
    array([0.125, 2.5  ])
    """

    threshold: float
    reach: float = np.inf

    def values(self, Y: Array, F: Array) -> Array:
        """Loss of each row."""
        distance = np.minimum(np.abs(Y - F), self.reach)
        inside = np.minimum(distance, self.threshold)
        return np.asarray(np.sum(inside * (distance - 0.5 * inside), axis=1))

    def gradient(self, Y: Array, F: Array) -> Array:
        """Output minus target, cut at the threshold; zero out of reach."""
        slopes = np.clip(F - Y, -self.threshold, self.threshold)
        return np.where(np.abs(Y - F) <= self.reach, slopes, 0.0)

    def curvature(self, Y: Array, F: Array) -> tuple[Array, None]:
        """One up to the threshold, zero beyond."""
        return (np.abs(Y - F) <= self.threshold).astype(np.float64), None

    def least_weight(self, Y: Array, F: Array) -> Array:
        """A share of the weight of a square above the loss."""
        return np.asarray(_LEAST_SHARE * self.threshold / np.maximum(np.abs(Y - F), self.threshold)[:, 0])

    def judged(self, Y: Array, F: Array) -> Array:
        """The same as `values`."""
        return self.values(Y, F)

    def means(self, F: Array) -> Array:
        """The outputs themselves."""
        return F


@dataclass(frozen=True)
class Pinball:
    """The pinball loss of a quantile with a rounded kink: its mean over targets blurred by a logistic distribution.

    Parameters
    ----------
    level : float
        Share of the targets below the quantile.
    width : float
        Scale of the logistic distribution.

    References
    ----------
    He, Pan, Tan and Zhou, "Smoothed quantile regression with large-scale inference", Journal of Econometrics 2023,
    section 2.

    Examples
    --------
    >>> Pinball(0.9, 0.01).values(np.array([[1.0], [-1.0]]), np.zeros((2, 1))).round(6)
    array([0.9, 0.1])
    """

    level: float
    width: float

    def values(self, Y: Array, F: Array) -> Array:
        """Loss of each row."""
        scaled = (Y - F) / self.width
        return np.asarray(self.width * np.sum(self.level * scaled + np.logaddexp(0.0, -scaled), axis=1))

    def gradient(self, Y: Array, F: Array) -> Array:
        """Blurred share of the targets below the output, minus the level."""
        return np.asarray(expit((F - Y) / self.width) - self.level)

    def curvature(self, Y: Array, F: Array) -> tuple[Array, None]:
        """Density of the blurred target at the output."""
        scaled = (F - Y) / self.width
        return np.asarray(expit(scaled) * expit(-scaled) / self.width), None

    def least_weight(self, Y: Array, F: Array) -> Array:
        """A share of the weight of a square above the loss."""
        half = np.maximum(np.abs(Y - F)[:, 0] / (2.0 * self.width), _NO_DISTANCE)
        return np.asarray(_LEAST_SHARE * np.tanh(half) / (4.0 * self.width * half))

    def judged(self, Y: Array, F: Array) -> Array:
        """The pinball loss, with its kink."""
        distance = Y - F
        return np.asarray(np.sum(np.maximum(self.level * distance, (self.level - 1.0) * distance), axis=1))

    def means(self, F: Array) -> Array:
        """The outputs themselves."""
        return F
