"""Rows that tell how far targets lie from predictions of a fit without them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._data import Dataset, multiplicities, sampled_rows

Array = NDArray[np.float64]

# Rows that are looked at: enough for quantiles of their residuals to one percent.
HELD_ROWS = 1000


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


def residuals_without_row(residuals: Array, leverage: Array, precision: float) -> Array:
    """Residuals that rows would have in a fit without them.

    Where a fit nearly interpolates, both a residual and what its leverage leaves are small, and their ratio is not: it
    is known down to the root of the precision, where half of the digits are left.

    Parameters
    ----------
    residuals : ndarray of shape (n_held, n_targets)
        Those of the fit.
    leverage : ndarray of shape (n_held, n_targets)
        How far each row pulls its own prediction towards its target, between 0 and 1.
    precision : float
        Relative precision of the columns.

    Returns
    -------
    ndarray of shape (n_held, n_targets)
        ``residuals / (1 - leverage)``.

    Examples
    --------
    >>> residuals_without_row(np.array([[1.0]]), np.array([[0.5]]), 1e-16)
    array([[2.]])
    """
    return np.asarray(residuals / np.maximum(1.0 - leverage, precision**0.5))
