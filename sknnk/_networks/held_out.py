"""Rows that tell how far targets lie from predictions of a fit without them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from .._compute import Array
from .._data import Dataset, multiplicities, sampled_rows

# Number of rows to hold out. They give quantiles of their residuals to one percent.
HELD_ROWS = 1000
# Least value of one minus the leverage. A row with less determines its own prediction.
_LEAST_FREE = 1e-3


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """Some training rows, and the residuals that they have in a fit without them.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_held, n_features)
        Raw inputs, or transformed ones where `residuals` are known.
    Y : ndarray of shape (n_held, n_targets)
        Targets in units of the solver.
    sample_weight : ndarray of shape (n_held,)
        Weights.
    residuals : ndarray of shape (n_held, n_targets), optional
        Targets minus predictions without the row; None where they are worked out when somebody asks.
    """

    X: Any
    Y: Array
    sample_weight: Array
    residuals: Array | None = None

    @classmethod
    def sample(cls, data: Dataset, seed: int) -> Self:
        """Draw rows to be looked at later.

        Parameters
        ----------
        data : Dataset
            All rows.
        seed : int
            Seed of the fit.

        Returns
        -------
        HeldOutRows
            Up to a thousand of them, without residuals.
        """
        rows = data.rows(held_rows(len(data), seed))
        return cls(rows.X, rows.Y, rows.sample_weight)

    def unit_weights(self) -> Array:
        """Weight of one copy of each row, where a weight stands for equal rows."""
        return np.asarray(self.sample_weight / multiplicities(self.sample_weight))


def held_rows(n_samples: int, seed: int) -> Any:
    """Positions of the rows that :meth:`HeldOutRows.sample` takes.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    seed : int
        Seed of the fit.

    Returns
    -------
    ndarray of int or slice
        Increasing positions.

    Examples
    --------
    >>> held_rows(5, seed=0)
    slice(None, None, None)
    """
    return sampled_rows(n_samples, HELD_ROWS, np.random.default_rng(seed))


def residuals_without_row(residuals: Array, leverage: Array) -> Array:
    """Residuals that rows would have in a fit without them.

    Parameters
    ----------
    residuals : ndarray of shape (n_held, n_targets)
        Those of the fit.
    leverage : ndarray of shape (n_held, n_targets)
        How far each row pulls its own prediction towards its target, between 0 and 1.

    Returns
    -------
    ndarray of shape (n_held, n_targets)
        ``residuals / (1 - leverage)``.

    Examples
    --------
    >>> residuals_without_row(np.array([[1.0]]), np.array([[0.5]]))
    array([[2.]])
    """
    return np.asarray(residuals / np.maximum(1.0 - leverage, _LEAST_FREE))
