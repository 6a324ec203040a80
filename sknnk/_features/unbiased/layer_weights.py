"""Weights and biases of a layer: validation, and how long they are."""

from typing import Any

import numpy as np
from sklearn.utils import check_array

from ..._compute import Floats


def checked_weights(W: Any, b: Any, n_features: int) -> tuple[Floats, Floats]:
    """Validate the weights and biases of a layer.

    Parameters
    ----------
    W : array-like of shape (n_units, n_features)
        Weights.
    b : array-like of shape (n_units,) or None
        Biases.
    n_features : int
        Number of inputs of the layer.

    Returns
    -------
    W, b : ndarray
        Both float64, or both float32 if `W` is; biases that were not given are zero.

    Raises
    ------
    ValueError
        If they hold NaN or infinity, or do not fit.

    Examples
    --------
    >>> checked_weights([[1.0, 2.0]], None, 2)
    (array([[1., 2.]]), array([0.]))
    """
    W = check_array(W, dtype=[np.float64, np.float32], input_name="W")
    if W.shape[1] != n_features:
        raise ValueError(f"W has {W.shape[1]} columns, but the sampler was fitted to {n_features} features.")
    if b is None:
        return W, np.zeros(len(W), dtype=W.dtype)
    b = check_array(b, dtype=W.dtype, ensure_2d=False, input_name="b")
    if b.shape != (len(W),):
        raise ValueError(f"b has shape {b.shape}; it must have one value for each of the {len(W)} rows of W.")
    return W, b


def largest_norm(X: Any) -> float:
    """Largest Euclidean norm of a row, in double precision.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.

    Returns
    -------
    float
        Zero when there are no rows.

    Examples
    --------
    >>> largest_norm(np.array([[3.0, 4.0], [1.0, 1.0]]))
    5.0
    """
    values = X if isinstance(X, np.ndarray) else X.data
    largest = float(np.max(np.abs(values), initial=0.0)) or 1.0
    # A power of two changes no digit, and keeps squares from overflowing and from vanishing. Its inverse is finite.
    unit = max(float(np.exp2(np.floor(np.log2(largest)))), float(np.finfo(np.float64).tiny))
    scaled = X.astype(np.float64) / unit
    if isinstance(X, np.ndarray):
        squares = np.einsum("ij,ij->i", scaled, scaled)
    else:
        squares = np.asarray(scaled.power(2).sum(axis=1))
    return float(np.sqrt(np.max(squares, initial=0.0))) * unit


def refuse_overflow(what: str, norm: float, dtype: Any) -> None:
    """Refuse a norm whose square overflows.

    Parameters
    ----------
    what : str
        What has this norm, for the message.
    norm : float
        The norm.
    dtype : dtype
        In which it is squared.

    Raises
    ------
    ValueError
        If it is not below half the root of the largest number, 6.7e153 in float64 and 9.2e18 in float32.

    Examples
    --------
    >>> refuse_overflow("X", 1e150, "float64")
    """
    limit = 0.5 * float(np.finfo(dtype).max) ** 0.5
    if not norm < limit:
        raise ValueError(
            f"{what} {norm:.3g}, whose square overflows {np.dtype(dtype)}; rescale it until this is below {limit:.2g}."
        )
