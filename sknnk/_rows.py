"""Training rows before anything is learned from them: weights of zero, and units of the targets."""

from typing import Any

import numpy as np


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
