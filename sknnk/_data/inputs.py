"""Inputs of a network: the transform of the raw columns, and samples of the rows."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from .._compute import Array, Floats
from .quantiles import QuantileMap, fit_quantile_map

# Rows that quantiles are taken from at most: enough for three digits.
_QUANTILE_ROWS = 200_000
# Share of the entries that differ from zero, below which a table is taken for counts of words and their like.
_MOSTLY_ZERO = 0.05
# Columns that have to share in the distances between rows of such tables: fewer have units of their own.
_MANY_ALIKE = 5


def fitted_input_map(
    X: Any, sample_weight: Array, input_transform: str | None, rng: np.random.Generator
) -> tuple[str | None, QuantileMap | None]:
    """Learn the transform of the inputs.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Raw inputs.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    input_transform : {"auto", "quantile", "robust", "standard", None}
        Transform asked for.
    rng : numpy.random.Generator
        Draws the rows where there are very many.

    Returns
    -------
    name : {"quantile", "robust", "standard", None}
        The first of :func:`possible_transforms` for ``"auto"``.
    input_map : QuantileMap or None
        None without a transform.
    """
    ((name, input_map),) = fitted_input_maps(X, sample_weight, input_transform, rng, first_only=True).items()
    return name, input_map


def possible_transforms(input_transform: str | None, X: Any) -> list[str | None]:
    """Transforms that agree with what the user fixed, the most robust first.

    Parameters
    ----------
    input_transform : {"auto", "quantile", "robust", "standard", None}
        Transform asked for.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Raw inputs.

    Returns
    -------
    list
        For ``"auto"``, all shapes; or, where hardly any entry differs from zero, those that leave most zeros and what
        stands between them as they are: the quantiles of a word that few texts have would put it farther away than all
        others together. There, too, columns are only taken as they are if no few of them outweigh all others.

    Examples
    --------
    >>> possible_transforms("auto", np.eye(19)), possible_transforms("auto", np.eye(21)), possible_transforms(None, [])
    (['quantile', 'robust', 'standard'], [None, 'robust'], [None])
    """
    if input_transform != "auto":
        return [input_transform]
    if not _is_mostly_zero(X):
        return ["quantile", "robust", "standard"]
    return [None, "robust"] if _effective_columns(X) >= _MANY_ALIKE else ["robust", None]


def _is_mostly_zero(X: Any) -> bool:
    entries = X if isinstance(X, np.ndarray) else X.data
    return bool(np.count_nonzero(entries) < _MOSTLY_ZERO * np.prod(X.shape, dtype=np.float64))


def _effective_columns(X: Any) -> float:
    """Number of columns that make up the distances between rows: all if their variances are equal, one if it leads."""
    X = (X if isinstance(X, np.ndarray) else sparse.csr_array(X)) / (float(abs(X).max()) or 1.0)
    with np.errstate(under="ignore"):
        squares = np.asarray((X * X).mean(axis=0), dtype=np.float64).ravel()
        variances = np.maximum(squares - np.asarray(X.mean(axis=0), dtype=np.float64).ravel() ** 2, 0.0)
        return float(variances.sum() ** 2 / (variances @ variances or 1.0))


def fitted_input_maps(
    X: Any, sample_weight: Array, input_transform: str | None, rng: np.random.Generator, first_only: bool = False
) -> dict[str | None, QuantileMap | None]:
    """Learn several transforms of the inputs from the same rows.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Raw inputs.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    input_transform : {"auto", "quantile", "robust", "standard", None}
        Transform asked for.
    rng : numpy.random.Generator
        Draws the rows where there are very many.
    first_only : bool, default=False
        Whether the first of them is enough.

    Returns
    -------
    dict of QuantileMap or None
        One for each of :func:`possible_transforms`, by its name and in their order.
    """
    if input_transform is None:
        return {None: None}
    rows = quantile_rows(X.shape[0], rng)
    known, weight = X[rows], sample_weight[rows]
    shapes = possible_transforms(input_transform, known)[: 1 if first_only else None]
    return {
        shape: None if shape is None else fit_quantile_map(dense_columns(known), weight, shape=shape)
        for shape in shapes
    }


def quantile_rows(n_samples: int, rng: np.random.Generator) -> Any:
    """Positions of the rows that the quantiles of columns are taken from.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    rng : numpy.random.Generator
        Draws the rows where there are very many.

    Returns
    -------
    slice or ndarray
        Every row, or the positions of those drawn.
    """
    return sampled_rows(n_samples, _QUANTILE_ROWS, rng)


def sampled_rows(n_samples: int, size: int, rng: np.random.Generator) -> Any:
    """Positions of at most `size` rows, in order.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    size : int
        Rows to draw at most.
    rng : numpy.random.Generator
        Asked only when there are more rows.

    Returns
    -------
    slice or ndarray
        Every row, or the positions of those drawn.
    """
    if n_samples <= size:
        return slice(None)
    return np.sort(rng.choice(n_samples, size, replace=False))


def transform_inputs(input_map: QuantileMap | None, X: Any) -> Any:
    """Apply the input transform, if there is one.

    Parameters
    ----------
    input_map : QuantileMap or None
        The transform.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Raw inputs.

    Returns
    -------
    {ndarray, CSR array} of shape (n_samples, n_features)
        A new dense array in the dtype of `X`, or `X` itself without a transform.
    """
    if input_map is None:
        return X
    dense = X if isinstance(X, np.ndarray) else X.toarray()
    return input_map(dense, np.empty(dense.shape, dtype=X.dtype))


def dense_columns(X: Any) -> Iterator[Floats]:
    """Iterate over the columns of an array, dense or sparse, one dense column at a time.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        The array.

    Yields
    ------
    ndarray of shape (n_samples,)
        The next column.
    """
    if isinstance(X, np.ndarray):
        yield from X.T
        return
    by_column = X.tocsc()
    by_column.sum_duplicates()
    for start, stop in pairwise(by_column.indptr.tolist()):
        column = np.zeros(X.shape[0], dtype=X.dtype)
        column[by_column.indices[start:stop]] = by_column.data[start:stop]
        yield column


def dense_inputs(input_map: QuantileMap | None, X: Any) -> Array:
    """Transformed rows as a dense float64 array.

    Parameters
    ----------
    input_map : QuantileMap or None
        The transform.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Raw inputs.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        The transformed rows.
    """
    dense: Array = np.asarray(X if isinstance(X, np.ndarray) else X.toarray(), dtype=np.float64)
    return dense if input_map is None else np.asarray(input_map(dense, np.empty(dense.shape)), dtype=np.float64)
