"""What rows add up to: counts, means and centred second moments, exactly additive over rows."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg.blas import dsyr, dsyrk

from .._compute import Array, Floats


@dataclass(eq=False)
class Moments:
    """Weighted moments of features and targets about their own means.

    Each object is centred on the mean of its own rows. Merging two objects corrects for the shift between their means
    (Chan, Golub and LeVeque 1983). The simpler ``F'F - n mu mu'`` would lose digits by cancellation.

    Parameters
    ----------
    n_samples : int
        Number of rows with positive weight.
    weight : float
        Sum of the sample weights.
    mean : ndarray of shape (n_columns,)
        Weighted mean of the features.
    target_mean : ndarray of shape (n_targets,)
        Weighted mean of the targets.
    gram : ndarray of shape (n_columns, n_columns), Fortran order
        Upper triangle of the centred weighted Gram matrix; the strict lower triangle is zero.
    cross : ndarray of shape (n_columns, n_targets)
        Centred weighted products of features and targets.
    target_square : ndarray of shape (n_targets,)
        Centred weighted sum of squares of each target.

    Notes
    -----
    ``a + b`` are the moments of both sets of rows, ``a - b`` those of the rows of `a` without the rows of `b`.
    All sums are float64, for features of any dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> F, Y = np.array([[0.0], [2.0], [4.0]]), np.array([[1.0], [1.0], [4.0]])
    >>> whole = Moments.from_block(F, Y)
    >>> parts = Moments.from_block(F[:1], Y[:1]) + Moments.from_block(F[1:], Y[1:])
    >>> whole.gram[0, 0].item(), parts.gram[0, 0].item()
    (8.0, 8.0)
    """

    n_samples: int
    weight: float
    mean: Array
    target_mean: Array
    gram: Array
    cross: Array
    target_square: Array

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, whose unit is one row."""
        return self.weight

    @classmethod
    def empty(cls, n_columns: int, n_targets: int) -> Self:
        """Moments of no rows at all.

        Parameters
        ----------
        n_columns, n_targets : int
            Numbers of feature columns and of targets.

        Returns
        -------
        Moments
            All zero.
        """
        gram = np.zeros((n_columns, n_columns), order="F")
        cross = np.zeros((n_columns, n_targets))
        return cls(0, 0.0, np.zeros(n_columns), np.zeros(n_targets), gram, cross, np.zeros(n_targets))

    @classmethod
    def from_block(cls, features: Floats, targets: Floats, sample_weight: Array | None = None) -> Self:
        """Moments of one block of rows.

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_columns)
            Feature rows.
        targets : ndarray of shape (n_samples, n_targets)
            Target rows.
        sample_weight : ndarray of shape (n_samples,), optional
            Non-negative weights; one each when not given.

        Returns
        -------
        Moments
            The moments of the block.
        """
        moments = cls.empty(features.shape[1], targets.shape[1])
        moments.update(features, targets, sample_weight)
        return moments

    def update(self, features: Floats, targets: Floats, sample_weight: Array | None = None) -> None:
        """Add a block of rows in place, without a temporary of the size of the Gram matrix.

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_columns)
            Feature rows; not changed.
        targets : ndarray of shape (n_samples, n_targets)
            Target rows.
        sample_weight : ndarray of shape (n_samples,), optional
            Non-negative weights; one each when not given.
        """
        n_samples, weight = len(features), float(len(features))
        if sample_weight is not None:
            n_samples, weight = int(np.count_nonzero(sample_weight)), float(np.sum(sample_weight))
        if n_samples == 0:
            return
        # An additional row accounts for the distance between the two means. So each sum needs one update only.
        pull = np.sqrt(self.weight * weight / (self.weight + weight))
        rows, mean = _centred_rows(features, sample_weight, weight, self.mean, pull)
        target_rows, target_mean = _centred_rows(targets, sample_weight, weight, self.target_mean, pull)
        # The transpose of a row-major block is column-major, so BLAS reads it in place and writes into gram itself.
        self.gram = dsyrk(1.0, rows.T, beta=1.0, c=self.gram, overwrite_c=1)
        self.cross += rows.T @ target_rows
        self.target_square += np.einsum("ij,ij->j", target_rows, target_rows)
        self._move_means(n_samples, weight, mean, target_mean)

    def _move_means(self, n_samples: int, weight: float, mean: Array, target_mean: Array) -> None:
        """Count rows that were added, or taken away if their number and weight are negative."""
        total = self.weight + weight
        self.mean = self.mean + weight / total * (mean - self.mean)
        self.target_mean = self.target_mean + weight / total * (target_mean - self.target_mean)
        self.n_samples += n_samples
        self.weight = total

    def copy(self) -> Self:
        """Return independent moments of the same rows.

        Returns
        -------
        Moments
            A deep copy.
        """
        arrays = (self.mean, self.target_mean, self.gram, self.cross, self.target_square)
        return type(self)(self.n_samples, self.weight, *(a.copy(order="F") for a in arrays))

    def _combine(self, other: Self, sign: int) -> Self:
        if self.n_samples + sign * other.n_samples <= 0 or self.weight + sign * other.weight <= 0.0:
            return self.empty(len(self.mean), len(self.target_mean))
        delta, target_delta = other.mean - self.mean, other.target_mean - self.target_mean
        factor = sign * self.weight * other.weight / (self.weight + sign * other.weight)
        result = self.copy()
        result.gram += sign * other.gram
        result.gram = dsyr(factor, delta, a=result.gram, overwrite_a=1)
        result.cross += sign * other.cross + factor * np.outer(delta, target_delta)
        result.target_square += sign * other.target_square + factor * target_delta**2
        result._move_means(sign * other.n_samples, sign * other.weight, other.mean, other.target_mean)
        return result

    def __add__(self, other: Self) -> Self:
        return self._combine(other, 1)

    def __sub__(self, other: Self) -> Self:
        result = self._combine(other, -1)
        np.maximum(result.target_square, 0.0, out=result.target_square)
        return result

    def leading(self, n_columns: int) -> Self:
        """Moments of the first columns alone: those of the smaller nested feature map.

        Parameters
        ----------
        n_columns : int
            Number of columns to keep.

        Returns
        -------
        Moments
            Independent of this object.
        """
        k = n_columns
        parts = (self.mean[:k], self.target_mean, self.gram[:k, :k], self.cross[:k], self.target_square)
        return type(self)(self.n_samples, self.weight, *(a.copy(order="F") for a in parts))

    def scaled(self, column_scale: Array) -> Self:
        """Moments of the features multiplied by a constant per column.

        Parameters
        ----------
        column_scale : ndarray of shape (n_columns,)
            The factors.

        Returns
        -------
        Moments
            Independent of this object.
        """
        result = self.copy()
        result.mean *= column_scale
        result.gram *= column_scale
        result.gram *= column_scale[:, None]
        result.cross *= column_scale[:, None]
        return result


def _centred_rows(
    values: Floats, sample_weight: Array | None, weight: float, earlier_mean: Array, pull: float
) -> tuple[Array, Array]:
    """Rows minus their mean, times the root of their weights, and a last row for the shift from the earlier mean."""
    n_samples, n_columns = values.shape
    w = np.ones(n_samples) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    mean = w @ values / weight
    rows = np.empty((n_samples + 1, n_columns))
    np.subtract(values, mean, out=rows[:-1])
    if sample_weight is not None:
        rows[:-1] *= np.sqrt(w)[:, None]
    np.multiply(pull, mean - earlier_mean, out=rows[-1])
    return rows, mean
