"""A category as columns: coordinates of its values, and for many values what the targets say of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from .._compute import Array, Floats, Indices
from .rows import places_of_equals

# Up to this many values, each has a coordinate of its own.
FEW_VALUES = 40
# Share of the rows that a value must have for a coordinate of its own; rarer ones share one.
_LEAST_SHARE = 0.005
# The same for values of which there are many, as a number of rows. Statistics alone do not tell where a value changes
# the slope along another column: there, coordinates from 20 rows on left an error of 0.52, those from 10 on 0.12.
_LEAST_ROWS = 10
# Distances cost time for each coordinate. Rarer values than the share have coordinates up to this many numbers in all:
# of 372 dates in 12,000 rows, few have the share, and without the others the error was a twentieth larger.
_AFFORDED_NUMBERS = 4_000_000
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class CategoryColumns:
    """The columns of one category.

    Parameters
    ----------
    position : int
        Position of its column in the table.
    coordinates : OneHotEncoder or None
        One column for each frequent value, and one for all rare ones; a single column for two values. None where no
        value is frequent.
    statistics : tuple of TargetEncoder
        For many values, one for each target.
    counts : ndarray of shape (n_values + 1,) or None
        For many values, the number of rows of each; the last one is that of rows without a value.
    """

    position: int
    coordinates: OneHotEncoder | None
    statistics: tuple[TargetEncoder, ...] = ()
    counts: Array | None = None

    @staticmethod
    def has_many_values(codes: Array) -> bool:
        """Whether there are too many values for one coordinate each."""
        return len(np.unique(codes)) > FEW_VALUES

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.statistics) + (self.counts is not None) + self._n_coordinates

    @property
    def _n_coordinates(self) -> int:
        if self.coordinates is None:
            return 0
        n_values = len(self.coordinates.get_feature_names_out())
        return 1 if n_values == 2 else n_values

    def __call__(self, codes: Floats) -> Array:
        """Give the columns of new rows.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,)
            Numbers of the values; NaN is missing, and negative numbers are values that the fit has not seen.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The columns.
        """
        known: Array = np.asarray(codes, dtype=np.float64)
        return self.joined(known, [each.transform(known[:, None]) for each in self.statistics])

    def joined(self, codes: Array, statistics: list[Array]) -> Array:
        """The columns of rows whose statistics of the targets are known."""
        parts = list(statistics)
        if self.counts is not None:
            parts.append(np.log1p(self._counts_of(codes))[:, None])
        if self.coordinates is not None:
            parts.append(_coordinates_of(self.coordinates, codes))
        return np.hstack(parts)

    def _counts_of(self, codes: Array) -> Array:
        assert self.counts is not None
        last = len(self.counts) - 1
        # The last count is that of missing values; those that the rows of the fit do not hold have none.
        unseen = (codes < 0.0) | (codes >= last)
        places = np.where(np.isnan(codes) | unseen, last, codes).astype(np.intp)
        return np.asarray(np.where(unseen, 0.0, self.counts[places]))


def fit_category(
    position: int, name: Any, codes: Array, Y: Array | None, folds: NDArray[np.intp] | None
) -> tuple[CategoryColumns, Array]:
    """Learn the columns of a category.

    Parameters
    ----------
    position : int
        Position of its column in the table.
    name : object
        Its name, for messages.
    codes : ndarray of shape (n_samples,)
        Numbers of its values in the rows of the fit; NaN is missing.
    Y : ndarray of shape (n_samples, n_targets) or None
        Targets of these rows.
    folds : ndarray of int of shape (n_samples,) or None
        Which fold each row belongs to. Statistics of a row come from the rows of the other folds.

    Returns
    -------
    columns : CategoryColumns
        For new rows.
    values : ndarray of shape (n_samples, n_columns)
        Those of the rows of the fit.

    Raises
    ------
    ValueError
        If there are many values, and no targets.
    """
    many = CategoryColumns.has_many_values(codes)
    least = _least_rows(codes, many)
    rare = {"handle_unknown": "infrequent_if_exist", "min_frequency": least}
    coordinates = OneHotEncoder(sparse_output=False, **rare).fit(codes[:, None])
    if not many:
        columns = CategoryColumns(position, coordinates)
        return columns, columns.joined(codes, [])
    if Y is None or folds is None:
        raise ValueError(
            f"column {name!r} of X has {len(np.unique(codes))} different values, and of a category of more than "
            f"{FEW_VALUES} a network learns statistics of the targets, which preprocessing='once' would take from the "
            "test rows; set preprocessing='fold'."
        )
    statistics, values = [], []
    for y in Y.T:
        encoder = TargetEncoder(target_type="continuous", cv=PredefinedSplit(folds))
        values.append(encoder.fit_transform(codes[:, None], y))
        # The folds have served, and are as long as the table.
        statistics.append(encoder.set_params(cv=_FOLDS))
    missing = np.isnan(codes)
    counts = np.append(np.bincount(codes[~missing].astype(np.intp)), missing.sum()).astype(np.float64)
    frequent = coordinates if len(coordinates.get_feature_names_out()) > 1 else None
    columns = CategoryColumns(position, frequent, tuple(statistics), counts)
    return columns, columns.joined(codes, values)


def _least_rows(codes: Array, many: bool) -> int:
    """Rows that a value must have for a coordinate of its own."""
    share = int(np.ceil(_LEAST_SHARE * len(codes)))
    if not many:
        return max(share, 1)
    counts = np.sort(np.unique(codes, return_counts=True)[1])[::-1]
    n_afforded = _AFFORDED_NUMBERS // len(codes)
    # More rows than the first value that is not afforded: many values with equal counts are none, not all.
    more = int(counts[n_afforded]) + 1 if n_afforded < len(counts) else 1
    return max(min(share, more), _LEAST_ROWS)


def folds_of_rows(X: Floats, Y: Array, rng: np.random.Generator) -> Indices:
    """Divide rows into folds, and copies of a row with its targets into the same one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows; NaN equals NaN.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    rng : numpy.random.Generator
        Draws the folds.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        Fold of each row. It depends neither on the order of the rows nor on how often each stands in the table.
    """
    # A number that stands for missing ones, which are equal to each other.
    comparable = np.where(np.isnan(X), np.finfo(X.dtype).max, X)
    place = places_of_equals(np.column_stack([comparable, Y]))[1]
    n_distinct = int(place.max()) + 1
    folds: Indices = (rng.permutation(n_distinct) % _FOLDS)[place]
    return folds


def _coordinates_of(encoder: OneHotEncoder, codes: Array) -> Array:
    """Coordinates of values; of two values one suffices, and a value that is neither lies in the middle."""
    values = np.asarray(encoder.transform(codes[:, None]), dtype=np.float64)
    return 0.5 + 0.5 * (values[:, 1:] - values[:, :1]) if values.shape[1] == 2 else values
