"""Training rows before anything is learned from them: weights of zero, and units of the targets."""

from typing import Any

import numpy as np

# Rows with so few entries that looking at each costs less than a call of a validation function.
_FEW_ENTRIES = 2**12
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
    """Power of two next to the largest entry of each column; dividing by it changes no digit and avoids overflow.

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
