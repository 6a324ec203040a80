"""Rows with their targets and weights, as one value."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .rows import binary_magnitude, weighted_rows
from .weight_units import in_weight_unit, weights_and_unit

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
        Positive weights, in their unit.
    weight_unit : float
        What they were divided by.

    Notes
    -----
    Everything that is automatic sees weights in the unit that :func:`weight_unit` finds, where one is a row: numbers of
    rows, of features and of degrees of freedom, penalties, temperatures and noise. A factor common to all weights so
    changes nothing that is automatic. Penalties that are given are in the unit of the user's weights, as in
    scikit-learn's ``Ridge``, and are divided by the same unit; the penalty that is found is multiplied by it.

    Examples
    --------
    >>> import numpy as np
    >>> data = Dataset.of(np.eye(3), np.array([[6.0], [1.0], [9.0]]), np.array([0.5, 1.0, 0.0]))
    >>> len(data), data.units, data.in_units(data.units).Y.ravel(), data.weight_unit, data.sample_weight
    (2, array([4.]), array([1.5 , 0.25]), 0.5, array([1., 2.]))
    """

    X: Any
    Y: Array
    sample_weight: Array
    weight_unit: float = 1.0

    @classmethod
    def of(cls, X: Any, Y: Array, sample_weight: Array) -> Self:
        """Leave out rows of weight zero, and find the unit of the weights.

        Parameters
        ----------
        X, Y, sample_weight
            As the class has them; weights may be zero, and in any unit.

        Returns
        -------
        Dataset
            The rows of positive weight.

        Raises
        ------
        ValueError
            If no weight is positive.
        """
        X, Y, sample_weight = weighted_rows(X, Y, sample_weight)
        return cls(X, Y, *weights_and_unit(X, Y, sample_weight))

    def in_weight_unit(self, unit: float) -> Self:
        """Divide the weights by another unit.

        Parameters
        ----------
        unit : float
            Positive, in the user's weights.

        Returns
        -------
        Dataset
            The same rows; the very same object where that is its unit.
        """
        if unit == self.weight_unit:
            return self
        weights = in_weight_unit(self.sample_weight, unit / self.weight_unit)
        return replace(self, sample_weight=weights, weight_unit=unit)

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
        # In the unit of the user: that of all rows may be another one than that of the first.
        weights = [each.sample_weight * each.weight_unit for each in (self, other)]
        return type(self).of(_stacked(self.X, other.X), np.concatenate([self.Y, other.Y]), np.concatenate(weights))


def _stacked(upper: Any, lower: Any) -> Any:
    if isinstance(upper, np.ndarray) and isinstance(lower, np.ndarray):
        return np.vstack([upper, lower])
    return sparse.vstack([sparse.csr_array(upper), sparse.csr_array(lower)], format="csr")
