"""The unit of sample weights: what one row counts, found from the weights themselves."""

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .._compute import Array

Words = NDArray[np.uint64]

# Weights are read as numbers of equal rows up to a million of them; above, no table had been written out like that.
_MOST_COPIES = 1e6
_SAME = 1e-9
# Weights beyond, and below its inverse, are cut off there.
_MOST = float(np.finfo(np.float64).max) ** 0.25
# Odd constants of the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), and what words start from.
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SEED = np.uint64(0x9E3779B97F4A7C15)


def weight_unit(X: Any, Y: Array, sample_weight: Array) -> float:
    """Weight that counts as one row.

    Equal rows count together. Where the weights of the distinct rows are multiples of the least of them, that is the
    unit: a row of twice the least weight is a row that stands twice. Other weights are no numbers of rows, and their
    mean is the unit, so that there are as many observations as distinct rows. Thereby neither a factor common to all
    weights nor writing a whole table out several times changes what weights in this unit are, and an integer weight is
    a repetition.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Inputs.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Returns
    -------
    float
        Positive.

    Examples
    --------
    >>> X, Y = np.array([[0.0], [1.0], [1.0]]), np.zeros((3, 1))
    >>> weight_unit(X, Y, np.array([2.0, 1.0, 1.0])), weight_unit(X, Y, np.array([1.0, 1.0, 0.5]))
    (2.0, 1.25)
    """
    return weights_and_unit(X, Y, sample_weight)[1]


def weights_and_unit(X: Any, Y: Array, sample_weight: Array) -> tuple[Array, float]:
    """Weights in their unit, and the unit: see :func:`weight_unit`.

    Parameters
    ----------
    X, Y, sample_weight
        As there.

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        At most a million times as large, and as small, as that of the median distinct row. Beyond, a heavy row would
        hide all others behind its rounding, and a light one asks for penalties that do not exist.
    unit : float
        What they were divided by.

    Examples
    --------
    >>> weights_and_unit(np.arange(3.0)[:, None], np.zeros((3, 1)), np.array([1e25, 2e25, 3e25]))
    (array([1., 2., 3.]), 1e+25)
    """
    if _one_row_counts(X, Y, sample_weight):
        return np.ones(len(sample_weight)), float(sample_weight[0])
    # A power of two, so that no digit changes.
    middle = len(sample_weight) // 2
    magnitude = np.exp2(np.floor(np.log2(np.partition(sample_weight, middle)[middle])))
    with np.errstate(over="ignore", under="ignore"):
        weights = np.minimum(sample_weight / magnitude, _MOST)
    place = np.unique(_row_words(X, Y), return_inverse=True)[1].ravel()
    totals = np.bincount(place, weights=weights).astype(np.float64)
    if _are_copies(totals, float(totals.min())):
        unit = float(totals.min())
    else:
        bounds = float(np.median(totals)) * np.array([1.0 / _MOST_COPIES, _MOST_COPIES])
        weights, unit = np.clip(weights, *bounds), float(np.clip(totals, *bounds).mean())
    return in_weight_unit(weights, unit), float(unit * magnitude)


def _one_row_counts(X: Any, Y: Array, sample_weight: Array) -> bool:
    """Whether weights are equal, and some row has no equal, so that its weight is the unit: a look at few numbers."""
    if len(sample_weight) > _MOST_COPIES or np.any(sample_weight != sample_weight[0]):
        return False
    columns = chain(Y.T, () if sparse.issparse(X) else X.T)
    return any(np.count_nonzero(column == np.max(column)) == 1 for column in columns)


def unit_of_counts(weights: Array, counts: NDArray[Any]) -> float:
    """Weight that counts as one row, where it is known how many rows have each weight.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Positive weights of distinct rows.
    counts : ndarray of shape (n,)
        Numbers of rows.

    Returns
    -------
    float
        As :func:`weight_unit`.

    Examples
    --------
    >>> unit_of_counts(np.array([2.0, 4.0]), np.array([3, 1])), unit_of_counts(np.array([2.0, 3.0]), np.array([3, 1]))
    (2.0, 2.25)
    """
    least = float(weights.min())
    return least if _are_copies(weights, least) else float(np.average(weights, weights=counts))


def _are_copies(weights: Array, unit: float) -> bool:
    """Whether weights stand for whole numbers of rows of a given weight, and for no more than a million."""
    with np.errstate(over="ignore", divide="ignore"):  # a ratio beyond float64 is also beyond the bound
        ratio = weights / unit
    return bool(np.all(ratio <= _MOST_COPIES) and np.all(np.abs(ratio - np.rint(ratio)) <= _SAME * ratio))


def in_weight_unit(sample_weight: Array, unit: float) -> Array:
    """Weights divided by their unit: exactly whole where they stand for copies.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,)
        Weights.
    unit : float
        What one row counts.

    Returns
    -------
    ndarray of shape (n_samples,)
        Within bounds, so that penalties divided by weights, and squares of either, are finite; zeros stay zeros.

    Examples
    --------
    >>> in_weight_unit(np.array([3e-12, 1e-12]), 1e-12)
    array([3., 1.])
    """
    with np.errstate(over="ignore", under="ignore"):
        weights = np.where(sample_weight > 0.0, np.clip(sample_weight / unit, 1.0 / _MOST, _MOST), 0.0)
    return np.asarray(np.rint(weights)) if _are_copies(weights, 1.0) else weights


def _row_words(X: Any, Y: Array) -> Words:
    """Words of 64 bits, equal for equal rows; different rows share one by chance alone."""
    words = _sparse_words(X) if sparse.issparse(X) else _mixed_columns(np.full(len(Y), _SEED), X)
    return _mixed_columns(words, Y)


def _mixed_columns(words: Words, columns: NDArray[np.floating]) -> Words:
    for column in columns.T:
        words = _mixed(words ^ _bits(column))
    return words


def _sparse_words(X: Any) -> Words:
    """The sum of the words of the entries, each of which knows its column; zeros have none, stored or not."""
    X = sparse.csr_array(X, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    entries = _mixed(_mixed(X.indices.astype(np.uint64) + _SEED) ^ _bits(X.data))
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(entries, dtype=np.uint64)])
    return np.asarray(sums[X.indptr[1:]] - sums[X.indptr[:-1]])


def _bits(values: NDArray[np.floating]) -> Words:
    # Adding zero makes one zero of two.
    return np.asarray(np.asarray(values + 0.0, dtype=np.float64).view(np.uint64))


def _mixed(words: Words) -> Words:
    """One to one, so that columns differ in their words wherever they differ."""
    words = (words ^ (words >> np.uint64(30))) * _FACTORS[0]
    words = (words ^ (words >> np.uint64(27))) * _FACTORS[1]
    return words ^ (words >> np.uint64(31))
