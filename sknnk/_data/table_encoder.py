"""From a table with gaps and categories to the numbers that a network takes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._compute import Array, Floats, Indices
from .category_columns import CategoryColumns, fit_category, folds_of_rows
from .frames import CATEGORY
from .table_reader import TableReader

# Rows that the middles of columns are taken from at most.
_MIDDLE_ROWS = 200_000
# Share of the rows that has to lack a number, and has to have one, for a column that says so. The rarer side of such a
# column lies far from all other rows: on tables with few gaps, or few numbers, it does more harm than good.
_LEAST_GAPS = 0.05


@dataclass(frozen=True, eq=False)
class TableEncoder:
    """What fills the gaps of a table and turns its categories into columns, as learned from the rows of a fit.

    The columns of numbers come first, in their order. A missing number becomes the middle of its column. Behind them is
    a column of zeros and ones for each column that had gaps in one row of twenty or more, and then those of the
    categories.

    Parameters
    ----------
    reader : TableReader or None
        How raw tables become a matrix. None where scikit-learn's validation does that.
    n_features : int
        Number of raw columns.
    numbers : ndarray of int
        Positions of the columns of numbers.
    middles : ndarray of shape (n_numbers,)
        Their weighted medians.
    gaps : ndarray of int
        Positions of the columns of numbers that have a column for their gaps.
    categories : tuple of CategoryColumns
        One for each column of categories.

    Examples
    --------
    >>> X = np.array([[1.0, 5.0], [3.0, np.nan], [8.0, 6.0]])
    >>> encoder, encoded = fit_table_encoder(None, X, np.ones(3), None, None)
    >>> encoded
    array([[1., 5., 0.],
           [3., 5., 1.],
           [8., 6., 0.]])
    >>> encoder(np.array([[np.nan, 4.0]])), encoder.sources
    (array([[3., 4., 0.]]), array([0, 1, 1]))
    """

    reader: TableReader | None
    n_features: int
    numbers: Indices
    middles: Array
    gaps: Indices
    categories: tuple[CategoryColumns, ...] = ()

    def __call__(self, X: Any) -> Any:
        """Encode rows.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated rows, as `reader` gives them; NaN is missing.

        Returns
        -------
        {ndarray, CSR array} of shape (n_samples, n_encoded)
            In the dtype of `X`; `X` itself where nothing has to be done.
        """
        return self._joined(X, [each(X[:, each.position]) for each in self.categories])

    def _joined(self, X: Any, categories: list[Array]) -> Any:
        if not isinstance(X, np.ndarray):
            return X
        numbers = self._filled(X if self.keeps_columns else X[:, self.numbers])
        if self.keeps_columns:
            return numbers
        return np.column_stack([numbers, np.isnan(X[:, self.gaps]), *categories]).astype(X.dtype, copy=False)

    def _filled(self, numbers: Floats) -> Floats:
        # The sum of finite numbers is no NaN, and needs no array of flags.
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isnan(np.sum(numbers)):
                return numbers
        return np.where(np.isnan(numbers), self.middles.astype(numbers.dtype), numbers)

    @property
    def keeps_columns(self) -> bool:
        """Whether encoded columns are the raw ones, with their gaps filled."""
        return not len(self.gaps) and not self.categories

    @cached_property
    def sources(self) -> Indices:
        """For each encoded column, the position of the raw column that it comes from."""
        own = [np.full(each.n_columns, each.position) for each in self.categories]
        return np.concatenate([self.numbers, self.gaps, *own]).astype(np.intp)

    def summed(self, shares: Array) -> Array:
        """Add up what belongs to the encoded columns of each raw column.

        Parameters
        ----------
        shares : ndarray of shape (n_encoded,)
            A number for each encoded column.

        Returns
        -------
        ndarray of shape (n_features,)
            One for each raw column.
        """
        if self.keeps_columns:
            return shares
        return np.bincount(self.sources, weights=shares, minlength=self.n_features).astype(np.float64)

    def names_of_columns(self, names: NDArray[Any] | None) -> NDArray[Any] | None:
        """Name of the raw column that each encoded one comes from; None where these are the raw ones without names."""
        if names is None:
            return None if self.keeps_columns else self.sources
        return names if self.keeps_columns else names[self.sources]

    def spread(self, values: Any, name: str) -> Any:
        """Give every encoded column what its raw column has.

        Parameters
        ----------
        values : object
            An array-like of shape (n_features,), or something that is none.
        name : str
            What it is called in messages.

        Returns
        -------
        object
            An ndarray of shape (n_encoded,), or `values` themselves if there is not one for each column.

        Raises
        ------
        ValueError
            If there are other columns than raw ones, and another number of values.
        """
        if self.keeps_columns or isinstance(values, str) or np.ndim(values) == 0:
            return values
        if np.shape(values) != (self.n_features,):
            raise ValueError(
                f"{name} has the shape {np.shape(values)}, and X has {self.n_features} columns; give one number, or "
                "one for each column of X."
            )
        return np.asarray(values, dtype=np.float64)[self.sources]


def fit_table_encoder(
    reader: TableReader | None, X: Any, sample_weight: Array, Y: Array | None, seed: Callable[[], int] | None
) -> tuple[TableEncoder, Any]:
    """Learn what fills gaps and turns categories into columns.

    Parameters
    ----------
    reader : TableReader or None
        What has read the table.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        The rows of a fit, as it reads them.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    Y : ndarray of shape (n_samples, n_targets) or None
        Targets of the least squares. Without them, a category of many values is refused.
    seed : callable or None
        Draws the seed of what is random; called if a category has many values.

    Returns
    -------
    encoder : TableEncoder
        For new rows.
    encoded : {ndarray, CSR array} of shape (n_samples, n_encoded)
        The rows of the fit. Where statistics of the targets take part, those of a row come from other rows.

    Raises
    ------
    ValueError
        If a category has many values, and there are no targets.
    """
    kinds = ("number",) * X.shape[1] if reader is None else reader.kinds
    is_category = np.array([kind == CATEGORY for kind in kinds], dtype=bool)
    numbers = np.flatnonzero(~is_category)
    if not isinstance(X, np.ndarray):
        return TableEncoder(reader, X.shape[1], numbers, np.zeros(len(numbers)), numbers[:0]), X
    step = -(-len(X) // _MIDDLE_ROWS)
    middles = np.array([_middle(X[::step, j], sample_weight[::step]) for j in numbers], dtype=np.float64)
    incomplete = numbers if np.isnan(np.min(X, initial=0.0)) else ()
    gaps = np.array([j for j in incomplete if _has_gaps(X[:, j])], dtype=np.intp)
    categories, encoded = [], []
    folds: NDArray[np.intp] | None = None
    for j in np.flatnonzero(is_category):
        codes, name = X[:, j].astype(np.float64), reader.names[j] if reader is not None else j
        if CategoryColumns.has_many_values(codes) and folds is None and Y is not None and seed is not None:
            folds = folds_of_rows(X, Y, np.random.default_rng(seed()))
        columns, values = fit_category(int(j), name, codes, Y, folds)
        categories.append(columns)
        encoded.append(values)
    encoder = TableEncoder(reader, X.shape[1], numbers, middles, gaps, tuple(categories))
    return encoder, encoder._joined(X, encoded)


def _middle(column: Floats, sample_weight: Array) -> float:
    """Weighted median of the values that are known; zero where there are none."""
    values, weights = np.ascontiguousarray(column), sample_weight
    missing = np.isnan(values)
    if missing.any():
        values, weights = values[~missing], weights[~missing]
    if not len(values):
        return 0.0
    same = bool(np.all(weights == weights[0]))
    return float(np.quantile(values, 0.5, weights=None if same else weights, method="inverted_cdf"))


def _has_gaps(column: Floats) -> bool:
    share = float(np.mean(np.isnan(column)))
    return _LEAST_GAPS <= share <= 1.0 - _LEAST_GAPS
