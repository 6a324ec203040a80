"""How much a fit changes along each of its columns."""

from collections.abc import Callable

import numpy as np

from .._compute import Array
from .._kernels import column_deviations

# Rows that slopes are averaged over at most: every column asks for two predictions of each.
_MOST_ROWS = 250
# Half of the step of the differences, in standard deviations of a column.
_STEP = 1e-3


def slope_shares(function: Callable[[Array], Array], inputs: Array, sample_weight: Array) -> Array:
    """Mean squared slopes of a function along its columns, in their standard deviations, as shares of their sum.

    Parameters
    ----------
    function : callable
        From rows to outputs of shape (n_samples, n_targets).
    inputs : ndarray of shape (n_samples, n_features)
        Rows to look at.
    sample_weight : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    ndarray of shape (n_features,)
        Sum to one; all the same for a constant function.

    References
    ----------
    Radhakrishnan et al., "Mechanism for feature learning in neural networks", Science 2024: the diagonal of the average
    gradient outer product.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> slope_shares(lambda rows: rows @ np.array([[2.0], [0.0], [0.0]]), X, np.ones(40)).round(9) + 0.0
    array([1., 0., 0.])
    """
    every = slice(None, None, -(-len(inputs) // _MOST_ROWS))
    rows, weight = inputs[every], sample_weight[every]
    steps, squares = _STEP * column_deviations(inputs, sample_weight), np.zeros(inputs.shape[1])
    for j in np.flatnonzero(steps):
        above, below = rows.copy(), rows.copy()
        above[:, j] += steps[j]
        below[:, j] -= steps[j]
        squares[j] = np.average(np.sum((function(above) - function(below)) ** 2, axis=1), weights=weight)
    total = squares.sum()
    return squares / total if total > 0.0 else np.full(len(squares), 1.0 / len(squares))
