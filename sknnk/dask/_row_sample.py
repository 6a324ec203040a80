"""A few rows of a table in the memory of this process, found by their positions among all rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._compute import Indices


class HeldRows:
    """An array of many rows of which only some are in memory. These are indexed by their position among all rows.

    Parameters
    ----------
    values : ndarray of shape (n_held, ...)
        The rows that are held.
    positions : ndarray of shape (n_held,) or None
        Their increasing positions among all rows; None if all are held.
    n_samples : int
        Number of all rows.

    Examples
    --------
    >>> import numpy as np
    >>> rows = HeldRows(np.array([[0.5], [7.5]]), np.array([5, 75]), n_samples=100)
    >>> rows.shape, rows[np.array([75])]
    ((100, 1), array([[7.5]]))
    """

    def __init__(self, values: NDArray[Any], positions: Indices | None, n_samples: int):
        self.values = values
        self.positions = positions
        self.shape = (n_samples, *values.shape[1:])
        self.dtype = values.dtype

    def __len__(self) -> int:
        """Return the number of all rows."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        if self.positions is None:
            return self.values[rows]
        if isinstance(rows, slice):
            raise LookupError(f"rows {rows} of {self.shape[0]} were asked for, and {len(self.values)} are held.")
        found = np.searchsorted(self.positions, rows)
        if np.any(self.positions[np.minimum(found, len(self.positions) - 1)] != rows):
            raise LookupError("rows were asked for that are not held.")
        return self.values[found]


def union_of_rows(*selections: Any) -> Indices | None:
    """Positions that are in any of several selections.

    Parameters
    ----------
    *selections : ndarray of int, slice(None) or None
        Positions, all rows, or no row.

    Returns
    -------
    ndarray of int or None
        Increasing; None for all rows.

    Examples
    --------
    >>> import numpy as np
    >>> union_of_rows(np.array([1, 4]), np.array([2, 4]), None)
    array([1, 2, 4])
    """
    if any(isinstance(selection, slice) for selection in selections):
        return None
    return np.unique(np.concatenate([selection for selection in selections if selection is not None]))


def rows_of_partitions(positions: Indices | None, lengths: Sequence[int]) -> list[Any]:
    """Which of its rows each partition has to give.

    Parameters
    ----------
    positions : ndarray of int or None
        Increasing positions among the rows of all partitions; None for all rows.
    lengths : sequence of int
        Number of rows of each partition.

    Returns
    -------
    list of ndarray of int, slice or None
        Positions within each partition; None for no row.

    Examples
    --------
    >>> import numpy as np
    >>> rows_of_partitions(np.array([1, 5]), [3, 2, 1])
    [array([1]), None, array([0])]
    """
    if positions is None:
        return [slice(None) if length else None for length in lengths]
    starts = np.cumsum([0, *lengths])
    parts = np.split(positions, np.searchsorted(positions, starts[1:-1]))
    return [part - start if part.size else None for part, start in zip(parts, starts, strict=False)]
