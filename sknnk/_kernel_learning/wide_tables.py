"""Tables with so many columns that axes and product kernels are left out, and rows are compared in their own space."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._compute import Array, Indices

# Up to this many columns, everything is tried. With more there are far more axes than rows that could tell them apart,
# their matrix alone would take longer than everything else, and a product over so many columns hardly differs from an
# isotropic kernel.
_MOST_COLUMNS = 1000
# Length scales of more columns need at least one row for so many of them, and take too long for more than the second.
_COLUMNS_OF_A_ROW, _MOST_LEARNED_COLUMNS = 5, 5000


def is_wide(n_features: int) -> bool:
    """Whether axes, product kernels and frequencies drawn again are left out, where nobody asks for them.

    Parameters
    ----------
    n_features : int
        Columns of the table.

    Returns
    -------
    bool
        True for more than a thousand.

    Examples
    --------
    >>> is_wide(1000), is_wide(20_000)
    (False, True)
    """
    return n_features > _MOST_COLUMNS


def learns_columns(n_samples: int, n_features: int) -> bool:
    """Whether each column can have a length scale of its own.

    Parameters
    ----------
    n_samples, n_features : int
        Rows and columns.

    Returns
    -------
    bool
        False where slopes along all columns would take too long, or would be noise.

    Examples
    --------
    >>> learns_columns(50, 1000), learns_columns(1000, 2000), learns_columns(100, 20_000)
    (True, True, False)
    """
    return not is_wide(n_features) or n_features <= min(_COLUMNS_OF_A_ROW * n_samples, _MOST_LEARNED_COLUMNS)


def sees_distances_alone(
    families: Sequence[tuple[Any, str]], length_scale: Any, learn_features: bool, shape: tuple[int, int]
) -> bool:
    """Whether a search can compare rows in the space that they span, as it asks for nothing but their distances.

    Parameters
    ----------
    families : sequence of tuple
        Activation and coupling of each family of kernels.
    length_scale : float, ndarray of shape (n_features,) or None
        Fixed length scales.
    learn_features : bool
        Whether length scales of the columns are learned.
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    bool
        True for isotropic kernels with one length scale for all columns of a wide table with fewer rows than columns.

    Examples
    --------
    >>> sees_distances_alone([("gaussian", "isotropic")], None, False, (1000, 20_000))
    True
    """
    isotropic = all(coupling == "isotropic" for _, coupling in families)
    return isotropic and np.ndim(length_scale) == 0 and not learn_features and is_wide(shape[1]) and shape[0] < shape[1]


def row_coordinates(X: Any, groups: Indices | None = None) -> Array:
    """Rows in an orthonormal basis of the space that they span, for methods that see dot products alone.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows, fewer than columns.
    groups : ndarray of shape (n_samples,), optional
        Equal for equal rows, which then have exactly equal coordinates.

    Returns
    -------
    ndarray of shape (n_samples, n_groups)
        Rows with the same distances and dot products.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(3, 50))
    >>> coordinates = row_coordinates(X)
    >>> coordinates.shape, bool(np.allclose(coordinates @ coordinates.T, X @ X.T))
    ((3, 3), True)
    """
    if groups is not None:
        _, first, position = np.unique(groups, return_index=True, return_inverse=True)
        return row_coordinates(X[first])[position]
    largest = float(abs(X).max()) or 1.0
    products = np.zeros((X.shape[0], X.shape[0]))
    for start in range(0, X.shape[1], _MOST_COLUMNS):
        block = X[:, start : start + _MOST_COLUMNS] / largest
        block = np.asarray(block if isinstance(X, np.ndarray) else block.toarray(), dtype=np.float64)
        products += block @ block.T
    squares, axes = np.linalg.eigh(products)
    coordinates: Array = axes * (np.sqrt(np.maximum(squares, 0.0)) * largest)
    return coordinates
