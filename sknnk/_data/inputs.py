"""Inputs of a network: the transform of the raw columns, and samples of the rows."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from .._compute import Array, Floats
from .quantiles import QuantileMap, fit_quantile_map

# Rows that quantiles are taken from at most: enough for three digits.
_QUANTILE_ROWS = 200_000


def fitted_input_map(
    X: Any, sample_weight: Array, input_transform: str | None, rng: np.random.Generator
) -> QuantileMap | None:
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
    QuantileMap or None
        None without a transform; the first of :func:`possible_transforms` for ``"auto"``.
    """
    return fitted_input_maps(X, sample_weight, possible_transforms(input_transform)[:1], rng)[0]


def possible_transforms(input_transform: str | None) -> list[str | None]:
    """Transforms that agree with what the user fixed, the most robust first.

    Parameters
    ----------
    input_transform : {"auto", "quantile", "robust", "standard", None}
        Transform asked for.

    Returns
    -------
    list
        All shapes for ``"auto"``.

    Examples
    --------
    >>> possible_transforms("auto"), possible_transforms(None)
    (['quantile', 'robust', 'standard'], [None])
    """
    return ["quantile", "robust", "standard"] if input_transform == "auto" else [input_transform]


def fitted_input_maps(
    X: Any, sample_weight: Array, transforms: list[str | None], rng: np.random.Generator
) -> list[QuantileMap | None]:
    """Learn several transforms of the inputs from the same rows.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Raw inputs.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    transforms : list of {"quantile", "robust", "standard", None}
        What to learn.
    rng : numpy.random.Generator
        Draws the rows where there are very many.

    Returns
    -------
    list of QuantileMap or None
        One for each.
    """
    if transforms == [None]:
        return [None]
    rows = quantile_rows(X.shape[0], rng)

    def fitted(shape: str | None) -> QuantileMap | None:
        return None if shape is None else fit_quantile_map(dense_columns(X[rows]), sample_weight[rows], shape=shape)

    return [fitted(shape) for shape in transforms]


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
