"""The interface of a loss: what a step of Newton's method asks of it."""

from typing import Protocol

import numpy as np

from .._compute import Array

# Least weight of a row, as a share of the largest.
_LEAST_WEIGHT = 1e-6


class Loss(Protocol):
    """A loss of targets `Y` and outputs `F` of a network, both of shape (n_samples, n_outputs).

    It is convex, but for `Huber` where its line ends. Every kind is a frozen dataclass of numbers, so that it can be
    pickled.
    """

    def values(self, Y: Array, F: Array) -> Array:
        """Non-negative loss of each row, shape (n_samples,)."""

    def gradient(self, Y: Array, F: Array) -> Array:
        """Derivative in the outputs, of shape (n_samples, n_outputs)."""

    def curvature(self, Y: Array, F: Array) -> tuple[Array, Array | None]:
        """Second derivative of a row in its outputs: ``diag(d) - u u'``.

        Returns
        -------
        d : ndarray of shape (n_samples, n_outputs)
            Non-negative.
        u : ndarray of shape (n_samples, n_outputs) or None
            None where outputs do not meet.
        """

    def least_weight(self, Y: Array, F: Array) -> Array | float:
        """Least weight of each row in a step, because curvature says little where a loss is almost a line."""

    def judged(self, Y: Array, F: Array) -> Array:
        """Loss that new rows are judged by, shape (n_samples,): that of the rows without any smoothing."""

    def means(self, F: Array) -> Array:
        """Outputs in the units of the targets."""


def least_of_largest(curvature: Array) -> float:
    """Least weight of a row for a loss that is curved everywhere.

    Parameters
    ----------
    curvature : ndarray of shape (n_samples, n_outputs)
        Second derivatives of the loss.

    Returns
    -------
    float
        A tiny share of the largest of them.

    Examples
    --------
    >>> import numpy as np
    >>> least_of_largest(np.array([[2.0], [0.0]]))
    2e-06
    """
    return _LEAST_WEIGHT * float(np.max(curvature))
