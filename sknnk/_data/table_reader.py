"""A raw table as a matrix: one column of numbers, or of numbers that stand for categories, for each of its columns."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import check_array
from sklearn.utils.validation import _check_categorical_features

from .._compute import Floats, Indices
from .frames import CATEGORY, FLAG, NUMBER, ORDER, RawColumn, is_frame, is_numeric_frame, raw_columns, refuse_text
from .text_columns import warn_of_texts

# What a category that the fit has not seen is read as; a missing one is NaN.
UNSEEN = -1


@dataclass(frozen=True, eq=False)
class TableReader:
    """How the columns of a raw table become numbers.

    Parameters
    ----------
    names : tuple
        Names of the columns, or their positions.
    kinds : tuple of {"number", "flag", "order", "category"}
        What each column holds.
    named : ndarray of bool of shape (n_features,) or None
        Columns that are categories whatever their type.
    codes, ranks : OrdinalEncoder or None
        Numbers of the categories without and with an order; None where no column has any.

    Examples
    --------
    >>> X = np.array([["red", 1.5], ["blue", 2.5], [None, 3.5]], dtype=object)
    >>> reader = TableReader.of(X, [0])
    >>> reader(X)
    array([[1. , 1.5],
           [0. , 2.5],
           [nan, 3.5]])
    """

    names: tuple[Any, ...]
    kinds: tuple[str, ...]
    named: NDArray[np.bool_] | None
    codes: OrdinalEncoder | None
    ranks: OrdinalEncoder | None

    @classmethod
    def of(cls, X: Any, categorical_features: Any) -> Self | None:
        """Look at the columns of a first table.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            The table.
        categorical_features : "from_dtype", array-like or None
            As in :class:`sknnk.BundledNetworkRegressor`.

        Returns
        -------
        TableReader or None
            None where scikit-learn's validation reads the table: arrays, and data frames of numbers.

        Raises
        ------
        TypeError, ValueError
            If a column is of no use as it is, or `categorical_features` names no columns.
        """
        from_dtype = isinstance(categorical_features, str) and categorical_features == "from_dtype"
        if categorical_features is None or from_dtype:
            if not is_frame(X) or is_numeric_frame(X):
                return None
            if categorical_features is None:
                refuse_text(X, "set categorical_features='from_dtype', or turn them into numbers")
                return None
            named = None
        else:
            X = X if is_frame(X) else _as_array(X)
            named = _named_columns(X, categorical_features)
            if named is None:
                return cls.of(X, None)
        if not X.shape[0]:
            raise ValueError(f"Found array with 0 sample(s) (shape={tuple(X.shape)}) while a minimum of 1 is required.")
        columns = list(raw_columns(X, named))
        names, kinds = tuple(column.name for column in columns), tuple(column.kind for column in columns)
        if named is not None:
            _check_named(columns, named)
        categories = [column for column in columns if column.kind == CATEGORY]
        for column in categories if named is None else ():
            warn_of_texts(column.name, column.values)
        ordered = [column for column in columns if column.kind == ORDER]
        settings = {"handle_unknown": "use_encoded_value"}
        codes = OrdinalEncoder(**settings, unknown_value=UNSEEN)
        levels = [np.array(column.levels, dtype=object) for column in ordered]
        ranks = OrdinalEncoder(categories=levels, **settings, unknown_value=np.nan)
        return cls(
            names,
            kinds,
            named,
            codes.fit(_side_by_side(categories)) if categories else None,
            ranks.fit(_side_by_side(ordered)) if ordered else None,
        )

    def __call__(self, X: Any) -> Floats:
        """Read rows.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Rows, with the columns of the first table.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            float32 where all numbers are, else float64. NaN is missing.

        Raises
        ------
        TypeError
            If a column holds other things than it did.
        """
        X = X if is_frame(X) else _as_array(X)
        columns = [self._as_before(j, column) for j, column in enumerate(raw_columns(X, self.named))]
        types = {column.values.dtype for column in columns if column.kind == NUMBER}
        dtype = np.float32 if types == {np.dtype(np.float32)} else np.float64
        values = np.empty((X.shape[0], len(columns)), dtype=dtype)
        for j, column in enumerate(columns):
            if column.kind in (NUMBER, FLAG):
                values[:, j] = column.values
        for kind, encoder in ((CATEGORY, self.codes), (ORDER, self.ranks)):
            if encoder is not None:
                positions = self.positions(kind)
                values[:, positions] = encoder.transform(_side_by_side([columns[j] for j in positions]))
        return values

    def positions(self, *kinds: str) -> Indices:
        """Positions of the columns of some kinds."""
        return np.flatnonzero([kind in kinds for kind in self.kinds])

    def _as_before(self, j: int, column: RawColumn) -> RawColumn:
        """The column as one of the kind that it was; ValueError where it cannot be."""
        kind, values = self.kinds[j], column.values
        if kind in (NUMBER, FLAG):
            if column.kind in (NUMBER, FLAG):
                return column._replace(kind=kind)
            if np.all(values != values):
                return RawColumn(column.name, kind, values.astype(np.float64))
            raise TypeError(_changed(column, "numbers"))
        objects = values if values.dtype == object else values.astype(np.float64).astype(object)
        seen = [value for value in objects if value == value]
        text = self._holds_text(j)
        if seen and text is not None and isinstance(seen[0], str) != text:
            raise TypeError(_changed(column, "text" if text else "categories that are numbers"))
        return RawColumn(column.name, kind, objects)

    def _holds_text(self, j: int) -> bool | None:
        """Whether the categories of a column are text; None where all were missing."""
        kind = self.kinds[j]
        encoder = self.codes if kind == CATEGORY else self.ranks
        assert encoder is not None
        categories = encoder.categories_[int(np.searchsorted(self.positions(kind), j))]
        known = [value for value in categories if value == value]
        return isinstance(known[0], str) if known else None


def _as_array(X: Any) -> NDArray[Any]:
    array: NDArray[Any] = check_array(X, dtype=None, ensure_all_finite=False, ensure_min_samples=0)
    return array


def _named_columns(X: Any, categorical_features: Any) -> NDArray[np.bool_] | None:
    try:
        mask: NDArray[np.bool_] | None = _check_categorical_features(X, categorical_features)
    except ValueError as error:
        if "integer indices" not in str(error):
            raise
        raise ValueError(
            f"categorical_features={categorical_features!r} holds positions that X does not have; its columns are 0 to "
            f"{X.shape[1] - 1}."
        ) from error
    return mask


def _side_by_side(columns: list[RawColumn]) -> NDArray[Any]:
    return np.column_stack([np.asarray(column.values, dtype=object) for column in columns])


def _check_named(columns: list[RawColumn], named: NDArray[np.bool_]) -> None:
    """Refuse text in a column that is not among the categories that the user named."""
    for column, is_category in zip(columns, named, strict=True):
        if not is_category and column.kind in (CATEGORY, ORDER):
            raise ValueError(
                f"column {column.name!r} of X holds text or categories, and is not in categorical_features; add it, or "
                "set categorical_features='from_dtype'."
            )


def _changed(column: RawColumn, expected: str) -> str:
    example = next(value for value in column.values.tolist() if value == value)
    return f"column {column.name!r} of X held {expected} in fit, and holds {example!r} now; convert it as for the fit."
