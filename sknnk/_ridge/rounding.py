"""Rounding errors of a Gram matrix: which eigenvalues are certain, and which penalties hide the errors."""

import numpy as np

from .._compute import Array

_EPS = float(np.finfo(np.float64).eps)
# Largest change of a prediction by the rounding of the features, in standard deviations of the targets.
_MAX_ROUNDING = 1e-3
# Largest relative change of the coefficients by the order of the sums in the Gram matrix.
_MAX_CHANGE = 1e-8


def alpha_floor(eigenvalues: Array, size: int, precision: float) -> float:
    """Least penalty that rounding allows.

    The penalty is above the error of the eigenvalues. It also limits the norm of the coefficients, to
    ``|y| / (2 sqrt(alpha))``. The rounding error of a row of features, times this norm, stays below `_MAX_ROUNDING`.
    The rounding of features enters squared, because the sums are float64. So float32 rows do not need a smoother fit.

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
    # Features without variance need a positive penalty, too.
    return float(max(matrix_error, feature_error, np.finfo(np.float64).tiny)) if np.any(eigenvalues) else _EPS


def least_choice(eigenvalues: Array, floor: float) -> float:
    """Smallest penalty that an automatic choice tries.

    Rounding changes the eigenvalues by about the largest one times the machine epsilon. It changes the coefficients by
    this error divided by the penalty. With a smaller penalty, coefficients would depend on the size of the blocks or
    the number of machines.

    Parameters
    ----------
    eigenvalues : ndarray of shape (n_vectors,)
        Of the Gram matrix.
    floor : float
        Least penalty that rounding allows, of :func:`alpha_floor`.

    Returns
    -------
    float
        Positive.

    Examples
    --------
    >>> f"{least_choice(np.array([1.0, 0.5]), 1e-12):.1e}"
    '4.4e-08'
    """
    return max(floor, 2.0 * _EPS / _MAX_CHANGE * float(np.max(eigenvalues, initial=0.0)))


def known_rank(eigenvalues: Array, precision: float) -> int:
    """Number of eigenvalues above the rounding errors of the matrix and of the features it was made from.

    Parameters
    ----------
    eigenvalues : ndarray of shape (n_vectors,)
        Of the Gram matrix.
    precision : float
        Relative precision of the feature values.

    Returns
    -------
    int
        At most as many as there are.

    Examples
    --------
    >>> known_rank(np.array([1.0, 1e-10, 1e-20]), 0.0), known_rank(np.array([1.0, 1e-10, 1e-20]), 1e-4)
    (2, 1)
    """
    matrix_error = np.max(eigenvalues, initial=0.0) * eigenvalues.size * _EPS
    error = max(matrix_error, np.sum(eigenvalues) * precision**2, np.finfo(np.float64).tiny)
    return int(np.count_nonzero(eigenvalues > error))
