"""Rows with their targets and weights, as one value."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .rows import binary_magnitude, weighted_rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of positive weight.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Validated inputs.
    Y : ndarray of shape (n_samples, n_targets)
        Targets of the least squares.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Examples
    --------
    >>> import numpy as np
    >>> data = Dataset.of(np.eye(3), np.array([[6.0], [1.0], [9.0]]), np.array([1.0, 1.0, 0.0]))
    >>> len(data), data.units, data.in_units(data.units).Y.ravel()
    (2, array([4.]), array([1.5 , 0.25]))
    """

    X: Any
    Y: Array
    sample_weight: Array

    @classmethod
    def of(cls, X: Any, Y: Array, sample_weight: Array) -> Self:
        """Leave out rows of weight zero.

        Parameters
        ----------
        X, Y, sample_weight
            As the class has them; weights may be zero.

        Returns
        -------
        Dataset
            The rows of positive weight.

        Raises
        ------
        ValueError
            If no weight is positive.
        """
        return cls(*weighted_rows(X, Y, sample_weight))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.Y)

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return int(self.Y.shape[1])

    @property
    def units(self) -> Array:
        """Power of two next to the largest entry of each target: dividing by it changes no digit."""
        return binary_magnitude(self.Y)

    def in_units(self, units: Array) -> Self:
        """Divide the targets by their units.

        Parameters
        ----------
        units : ndarray of shape (n_targets,)
            Positive.

        Returns
        -------
        Dataset
            The same rows with scaled targets.
        """
        return replace(self, Y=self.Y / units)

    def rows(self, positions: Any) -> Self:
        """Take some of the rows.

        Parameters
        ----------
        positions : ndarray of int or bool, or slice
            Which rows.

        Returns
        -------
        Dataset
            Those rows.
        """
        return replace(self, X=self.X[positions], Y=self.Y[positions], sample_weight=self.sample_weight[positions])

    def followed_by(self, other: Self) -> Self:
        """Append rows.

        Parameters
        ----------
        other : Dataset
            With as many columns and targets.

        Returns
        -------
        Dataset
            All rows; sparse if any of them are.
        """
        pairs = ((self.Y, other.Y), (self.sample_weight, other.sample_weight))
        return type(self)(_stacked(self.X, other.X), *(np.concatenate(pair) for pair in pairs))


def _stacked(upper: Any, lower: Any) -> Any:
    if isinstance(upper, np.ndarray) and isinstance(lower, np.ndarray):
        return np.vstack([upper, lower])
    return sparse.vstack([sparse.csr_array(upper), sparse.csr_array(lower)], format="csr")
