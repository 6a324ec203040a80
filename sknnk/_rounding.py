"""What rounding asks of a penalty."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
# How far, in standard deviations of the targets, rounding of the features may move a prediction.
_MAX_ROUNDING = 1e-3


def alpha_floor(eigenvalues: Array, size: int, precision: float) -> float:
    """Least penalty that rounding allows.

    It covers the error of the eigenvalues, and keeps the rounding of a row of features, times coefficients of norm
    ``|y| / (2 sqrt(alpha))`` at most, below `_MAX_ROUNDING`. The rounding of features enters squared, for the sums are
    float64: float32 rows do not call for a smoother fit.

    Parameters
    ----------
    eigenvalues : ndarray of shape (n_vectors,)
        Of the Gram matrix, or their sum alone for an upper bound.
    size : int
        Length of its longer side.
    precision : float
        Relative precision of the feature values.

    Returns
    -------
    float
        Positive.

    Examples
    --------
    >>> bool(alpha_floor(np.array([1.0]), 10, 0.0) == 10 * np.finfo(np.float64).eps)
    True
    """
    matrix_error = np.max(eigenvalues, initial=0.0) * size * _EPS
    feature_error = np.sum(eigenvalues) * (0.5 * precision / _MAX_ROUNDING) ** 2
    # A system without any variance gets some penalty too.
    return float(max(matrix_error, feature_error, np.finfo(np.float64).tiny)) if np.any(eigenvalues) else _EPS
