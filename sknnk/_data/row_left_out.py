"""Where an input transform would send a row if it had been learned without that row."""

import numpy as np
from numpy.typing import NDArray

from .._compute import Array
from .quantiles import QuantileMap


def images_without_row(input_map: QuantileMap, rows: Array, every: Array, alone: NDArray[np.bool_]) -> Array:
    """Images of rows under a transform that has not seen the row.

    A row that alone has the largest or smallest value of a column would be cut off at the next one. A row whose value
    is a knot would lie on the line between the neighbouring knots. All other effects of a single row are of the order
    of one over the number of rows for all rows alike, and are left out.

    Parameters
    ----------
    input_map : QuantileMap
        Learned from all rows.
    rows : ndarray of shape (n_held, n_features)
        Images of some rows.
    every : ndarray of shape (n_samples, n_features)
        Images of all different rows.
    alone : ndarray of shape (n_held,)
        Whether a row stands for itself alone. Of several equal ones, others would be left.

    Returns
    -------
    ndarray of shape (n_held, n_features)
        The images.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0]])
    >>> squares = QuantileMap((X.ravel(),), (X.ravel() ** 2,))
    >>> images_without_row(squares, X**2, X**2, np.ones(4, dtype=bool)).ravel()
    array([ 1.,  2., 12.,  4.])
    """
    images = rows.copy()
    for j, (knots, scores) in enumerate(zip(input_map.knots, input_map.scores, strict=True)):
        values, counts = np.unique(every[:, j], return_counts=True)
        if len(values) < 2:
            continue
        own = rows[:, j]
        once = alone & (counts[np.minimum(np.searchsorted(values, own), len(values) - 1)] == 1)
        place = np.minimum(np.searchsorted(scores, own), len(scores) - 1)
        at_knot = once & (scores[place] == own) & (place > 0) & (place < len(scores) - 1)
        images[at_knot, j] = _between_neighbours(knots, scores)[place[at_knot]]
        images[once & (own == values[0]), j] = values[1]
        images[once & (own == values[-1]), j] = values[-2]
    return images


def _between_neighbours(knots: Array, scores: Array) -> Array:
    """For each inner knot, the score that the line between its neighbours has there."""
    between = scores.copy()
    share = (knots[1:-1] - knots[:-2]) / (knots[2:] - knots[:-2])
    between[1:-1] = scores[:-2] + share * (scores[2:] - scores[:-2])
    return between
