"""Training rows before anything is learned from them: weights, repeated rows, and units of the targets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .._compute import Array, Indices

# Up to this many entries, looking at each costs less than a call of a validation function.
_FEW_ENTRIES = 2**12
# Rows that the search for a kernel looks at. A weight of more copies than this is not read as copies.
SEARCH_ROWS = 3000
# Columns that are sorted by at the same time.
_COMPARED_TOGETHER = 8
# Largest share of all weights that one row has in a choice.
_LARGEST_SAY = 0.1
_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def is_valid_already(X: Any, n_features: int | None) -> bool:
    """Whether validation would return the very same rows, told without its overhead.

    Parameters
    ----------
    X : object
        What a user passed.
    n_features : int or None
        Number of columns in the fit; None when there is more to check.

    Returns
    -------
    bool
        True for a few rows in an array of finite floating-point numbers; False says nothing.

    Examples
    --------
    >>> import numpy as np
    >>> is_valid_already(np.zeros((1, 3)), 3), is_valid_already([[0.0, 0.0, 0.0]], 3)
    (True, False)
    """
    if type(X) is not np.ndarray or X.ndim != 2 or X.dtype not in _FLOATS:
        return False
    return X.shape[1] == n_features and 0 < X.size <= _FEW_ENTRIES and bool(np.isfinite(X).all())


def weighted_rows(X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
    """Leave out rows of weight zero.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    Y : ndarray of shape (n_samples, ...)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights.

    Returns
    -------
    X, Y, sample_weight
        The rows of positive weight; the very same objects when that is all of them.

    Raises
    ------
    ValueError
        If no weight is positive.
    """
    seen = sample_weight > 0.0
    if seen.all():
        return X, Y, sample_weight
    if not seen.any():
        raise ValueError("sample_weight, or its product with class_weight, is zero for every row; make one positive.")
    return X[seen], Y[seen], sample_weight[seen]


def binary_magnitude(Y: np.ndarray) -> np.ndarray:
    """Largest power of two up to the largest entry of each column. Dividing by it changes no digit and avoids overflow.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_targets)
        Targets.

    Returns
    -------
    ndarray of shape (n_targets,)
        One for columns of zeros.
    """
    largest = np.max(np.abs(Y), axis=0)
    magnitude: np.ndarray = np.exp2(np.floor(np.log2(largest, where=largest > 0.0, out=np.zeros_like(largest))))
    return magnitude


def unit_rows(
    X: NDArray[Any], Y: Array, sample_weight: Array, rng: np.random.Generator, size: int = SEARCH_ROWS
) -> tuple[NDArray[Any], Array, Array]:
    """Draw rows for the search, with a repeated row drawn as often as it stands in the table.

    Where all weights are multiples of the smallest, a row of twice the smallest weight counts as two rows, and both can
    be drawn. If rows of the table repeat, held-out error then rewards a fit that remembers rows, as it should. A table
    in which every row stands twice counts as the table without the copies.

    Parameters
    ----------
    X, Y, sample_weight : ndarray
        Distinct rows or their positions, their targets and total weights.
    rng : numpy.random.Generator
        Draws the rows.
    size : int
        Rows to draw at most.

    Returns
    -------
    X, Y, sample_weight : ndarray
        The rows drawn, in random order.
    """
    copies = multiplicities(sample_weight)
    ends = np.cumsum(copies)
    drawn = rng.permutation(rng.choice(int(ends[-1]), min(int(ends[-1]), size), replace=False))
    rows = np.searchsorted(ends, drawn, side="right")
    return X[rows], Y[rows], sample_weight[rows] / copies[rows]


def with_a_say(sample_weight: Array) -> Array:
    """Weights for a choice by held-out errors, in which no row has more than a tenth of the say.

    The error of one heavy row says nothing of kernels and penalties for all others.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,)
        Positive weights of distinct rows.

    Returns
    -------
    ndarray of shape (n_samples,)
        The weights; those of heavier rows are at most a tenth of all, or of fewer than twenty rows twice the mean, and
        a multiple of the least: where weights stand for copies, these do, too.

    Examples
    --------
    >>> with_a_say(np.array([1e9, *np.ones(27)])).tolist()[:2], with_a_say(np.array([3.0, 1.0, 1.0, 1.0])).tolist()
    ([3.0, 1.0], [3.0, 1.0, 1.0, 1.0])
    """
    share = min(max(_LARGEST_SAY, 2.0 / len(sample_weight)), 1.0)
    heaviest, n_heavy = np.sort(sample_weight)[::-1], 0
    while heaviest[n_heavy] > (bound := share * heaviest[n_heavy:].sum() / (1.0 - share * n_heavy)):
        n_heavy += 1
    if n_heavy == 0:
        return sample_weight
    least = heaviest[-1]
    say: Array = np.minimum(sample_weight, max(np.floor(bound / least), 1.0) * least)
    return say


def multiplicities(sample_weight: Array) -> NDArray[np.int64]:
    """Numbers of equal rows that weights stand for.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Returns
    -------
    ndarray of shape (n_samples,)
        Multiples of the smallest weight, or ones when the weights are no such multiples.

    Examples
    --------
    >>> multiplicities(np.array([0.5, 1.0, 0.5])), multiplicities(np.array([0.5, 0.7]))
    (array([1, 2, 1]), array([1, 1]))
    """
    with np.errstate(over="ignore"):  # a ratio beyond float64 is also beyond the bound
        ratio = sample_weight / sample_weight.min()
    if ratio.max() > SEARCH_ROWS + 0.5:
        return np.ones(len(ratio), dtype=np.int64)
    copies: NDArray[np.int64] = np.rint(ratio).astype(np.int64)
    return copies if np.all(np.abs(ratio - copies) <= 1e-9 * ratio) else np.ones_like(copies)


def distinct_rows(X: Any, Y: Array, sample_weight: Array) -> tuple[Any, Array, Array, Indices]:
    """Merge repeated rows into weights and sort them.

    What is chosen from the result depends neither on the order of the rows, nor on whether a row was repeated or given
    an integer weight. Copies of an input row share a group, so that they are never on both sides of a fold. Rows are
    sorted by their columns. These are ordered by their products with the targets, so that the order of the columns in
    the table does not matter either.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Inputs.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Weights.

    Returns
    -------
    X, Y, sample_weight : ndarray
        The distinct rows, sorted.
    groups : ndarray of shape (n_distinct,)
        Equal for rows with equal inputs.
    """
    _, first, _ = _sorted_rows(X, Y)
    columns = _column_order(X[first], Y[first])
    rows, first, position = _sorted_rows(X, Y, columns)
    weights = np.asarray(np.bincount(position, weights=sample_weight), dtype=np.float64)
    return X[first], rows[:, 1:], weights, rows[:, 0].astype(np.intp)


def _sorted_rows(X: Any, Y: Array, columns: Any = slice(None)) -> tuple[Array, Indices, Indices]:
    """Distinct rows of ranks of inputs beside targets, in order; the first place of each; which of them each row is."""
    dense = isinstance(X, np.ndarray)
    ranks = places_of_equals(X, np.arange(X.shape[1])[columns])[1] if dense else _sparse_row_ranks(X[:, columns])
    keys = np.column_stack([ranks, Y])
    first, position = places_of_equals(keys)
    return keys[first], first, position


def places_of_equals(rows: Array, columns: Indices | None = None) -> tuple[Indices, Indices]:
    """Find equal rows.

    NumPy has the same in `unique`, but along an axis that runs code in Python for each comparison of arrays, where an
    interrupt comes out as a TypeError.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_columns)
        Numbers without NaN; at least one row and one column.
    columns : ndarray of int, optional
        The columns to look at, in this order; all of them by default.

    Returns
    -------
    first : ndarray of int of shape (n_distinct,)
        Where each distinct row stands first. The rows there are in increasing order: by the first column, equal ones
        by the second, and so on.
    position : ndarray of int of shape (n_samples,)
        Which of them each row is.

    Examples
    --------
    >>> import numpy as np
    >>> places_of_equals(np.array([[2.0, 1.0], [1.0, 3.0], [2.0, 1.0]]))
    (array([1, 0]), array([1, 0, 1]))
    """
    columns = np.arange(rows.shape[1]) if columns is None else columns
    position, first = np.zeros(len(rows), dtype=np.intp), np.zeros(1, dtype=np.intp)
    for start in range(0, len(columns), _COMPARED_TOGETHER):
        block = rows[:, columns[start : start + _COMPARED_TOGETHER]]
        order = np.lexsort((*block.T[::-1], position))
        ordered, is_new = block[order], np.diff(position[order], prepend=-1) > 0
        is_new[1:] |= np.any(ordered[1:] != ordered[:-1], axis=1)
        position[order], first = np.cumsum(is_new) - 1, order[is_new]
        if len(first) == len(rows):  # the first few columns of a wide table tell them apart
            break
    return first, position


def _column_order(X: Any, Y: Array) -> Indices:
    """Columns by their products with the targets, in their own units."""
    # With centred targets, two classes give the same order whether they have one column or two.
    targets = (Y - Y.mean(axis=0)) @ np.arange(1.0, Y.shape[1] + 1.0)
    with np.errstate(all="ignore"):  # of columns of zeros, or beyond all bounds: they come last
        shares = np.ravel(X.T @ targets) / np.ravel(abs(X).sum(axis=0)) / np.max(np.abs(targets))
    # Rounded, because the order of the rows would decide between equal columns. Of these the first column comes first.
    return np.argsort(np.round(shares, 9), kind="stable")


def _sparse_row_ranks(X: Any) -> Indices:
    """Ranks among the distinct rows of the dense array. They do not depend on how zeros are stored."""
    X = sparse.csr_array(X, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    sign = np.sign(X.data)
    # Where two rows first differ, an entry is compared with the zeros of the other row: the earlier it is, the further
    # it lies from them.
    fields = (X.data, -sign * X.indices, sign)
    order = np.lexsort(fields)
    is_new = np.any([np.diff(field[order], prepend=field[order][:1]) != 0.0 for field in fields], axis=0)
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.cumsum(is_new)
    end_of_row = np.max(rank[sign < 0.0], initial=-1) + 1
    words = np.insert(rank + (sign > 0.0), X.indptr[1:], end_of_row).astype(">i8").tobytes()
    ends = 8 * (X.indptr[1:] + np.arange(1, X.shape[0] + 1))
    keys = np.empty(X.shape[0], dtype=object)
    keys[:] = [words[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return np.unique(keys, return_inverse=True)[1]
