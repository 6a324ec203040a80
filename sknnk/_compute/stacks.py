"""Ranges of rows in stacks of equal length, so that one operation works on many of them."""

import numpy as np
from numpy.typing import NDArray

from .arrays import tensor_rows
from .typing import Array, Indices


def stacks_of(entries: Indices) -> list[Indices]:
    """Put ranges of rows into stacks that a device has memory for.

    Parameters
    ----------
    entries : ndarray of shape (n_ranges,)
        Size of the matrix of each range; those of a stack are made as large as the largest of them.

    Returns
    -------
    list of ndarray
        Positions of the ranges of each stack; the largest come first, so that those of a stack are of similar size.

    Examples
    --------
    >>> [each.tolist() for each in stacks_of(np.array([2**24, 2**26, 2**25, 2**24]))]
    [[1], [2, 0], [3]]
    """
    order, stacks = np.argsort(-entries, kind="stable"), []
    while len(order):
        size = tensor_rows(int(entries[order[0]]))
        stacks.append(order[:size])
        order = order[size:]
    return stacks


def stacked_rows(starts: Indices, stops: Indices) -> tuple[Indices, NDArray[np.bool_]]:
    """Positions of the rows of a stack: its ranges end together, and the first row fills up what is missing before.

    Parameters
    ----------
    starts, stops : ndarray of shape (n_ranges,)
        The first row of each range, and the one behind its last.

    Returns
    -------
    positions : ndarray of shape (n_ranges, n_longest)
        Of the rows.
    is_own : ndarray of shape (n_ranges, n_longest)
        Where the range is, and not what fills up.

    Examples
    --------
    >>> stacked_rows(np.array([0, 3]), np.array([3, 5]))[0]
    array([[0, 1, 2],
           [3, 3, 4]])
    """
    longest = int(np.max(stops - starts))
    positions = stops[:, None] + np.arange(-longest, 0)
    is_own = positions >= starts[:, None]
    return np.maximum(positions, starts[:, None]), is_own


def unstacked(stacks: list[tuple[Indices, NDArray[np.bool_], Array]], n_rows: int) -> Array:
    """Rows of stacks, in their own order.

    Parameters
    ----------
    stacks : list of tuple
        What :func:`stacked_rows` gives, and values of shape (n_ranges, n_longest, n_columns).
    n_rows : int
        Number of rows.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        The values.

    Examples
    --------
    >>> stack = stacked_rows(np.array([0, 3]), np.array([3, 5]))
    >>> unstacked([(*stack, np.arange(6.0).reshape(2, 3, 1))], 5).ravel()
    array([0., 1., 2., 4., 5.])
    """
    values = np.empty((n_rows, stacks[0][2].shape[2]))
    for positions, is_own, some in stacks:
        values[positions[is_own]] = some[is_own]
    return values
