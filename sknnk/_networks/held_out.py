"""Rows that tell how far targets lie from predictions of a fit without them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from .._compute import Array, Indices
from .._data import Dataset, multiplicities

# Number of rows to hold out. They give quantiles of their residuals to one percent.
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
    keys : ndarray of shape (n_held,), optional
        Those of `row_keys`: no row of the fit has a smaller one. With them, rows that come later can take part.
    """

    X: Any
    Y: Array
    sample_weight: Array
    residuals: Array | None = None
    keys: Array | None = None

    @classmethod
    def sample(cls, data: Dataset, seed: int) -> Self:
        """Draw rows to be looked at later.

        Parameters
        ----------
        data : Dataset
            All rows, targets in units of the solver.
        seed : int
            Seed of the fit.

        Returns
        -------
        HeldOutRows
            Up to a thousand of them, without residuals.
        """
        # Positions, not a slice: a view of the caller's array would change with it.
        positions = np.arange(len(data))[held_rows(len(data), seed)]
        rows = data.rows(positions)
        return cls(rows.X, rows.Y, rows.sample_weight, keys=row_keys(seed, 0, len(data))[positions])

    def joined(self, data: Dataset, n_before: int, seed: int) -> "HeldOutRows":
        """Draw from more rows, so that every row of the fit has had the same chance.

        Parameters
        ----------
        data : Dataset
            The new rows, targets in units of the solver.
        n_before : int
            Number of rows of the fit before.
        seed : int
            Seed of the fit.

        Returns
        -------
        HeldOutRows
            What `sample` draws from all rows at once.
        """
        assert self.keys is not None
        keys = np.concatenate([self.keys, row_keys(seed, n_before, len(data))])
        positions = _least(keys)
        old = positions < len(self.keys)
        own = Dataset(self.X, self.Y, self.sample_weight).rows(positions[old])
        rows = own.followed_by(data.rows(positions[~old] - len(self.keys)))
        return HeldOutRows(rows.X, rows.Y, rows.sample_weight, keys=keys[positions])

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
    return slice(None) if n_samples <= HELD_ROWS else _least(row_keys(seed, 0, n_samples))


def largest_held_key(n_samples: int, seed: int) -> float:
    """The key up to which a row is held out.

    Parameters
    ----------
    n_samples : int
        Number of rows of the fit.
    seed : int
        Seed of the fit.

    Returns
    -------
    float
        That of the last row that :func:`held_rows` takes.

    Examples
    --------
    >>> int(np.sum(row_keys(0, 0, 5000) <= largest_held_key(5000, 0)))
    1000
    """
    keys = row_keys(seed, 0, n_samples)
    return float(keys.max() if n_samples <= HELD_ROWS else np.partition(keys, HELD_ROWS - 1)[HELD_ROWS - 1])


def row_keys(seed: int, n_before: int, n_samples: int) -> Array:
    """Random numbers of rows, by which it is decided which of them are remembered.

    Parameters
    ----------
    seed : int
        Seed of the fit.
    n_before : int
        Number of rows of the fit before these.
    n_samples : int
        Number of these rows.

    Returns
    -------
    ndarray of shape (n_samples,)
        Between 0 and 1. A row has the same in whatever chunk it comes.

    References
    ----------
    Vitter, "Random sampling with a reservoir", ACM Transactions on Mathematical Software 1985, section 1, for the
    sample; here by the least of independent keys, which needs no order of the rows.

    Examples
    --------
    >>> bool(row_keys(0, 7, 3)[0] == row_keys(0, 0, 10)[7])
    True
    """
    return np.random.Generator(np.random.PCG64(seed).advance(n_before)).random(n_samples)


def _least(keys: Array) -> Indices:
    """Increasing positions of the smallest keys."""
    if len(keys) <= HELD_ROWS:
        return np.arange(len(keys))
    return np.flatnonzero(keys <= np.partition(keys, HELD_ROWS - 1)[HELD_ROWS - 1])[:HELD_ROWS]


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
