"""Length scales from data: how far apart rows of a table typically are, in the unit of a kernel."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from .._compute import Array
from .spectra import Spectrum

# Shorter length scales have an inverse that overflows.
_SHORTEST = 1e-307
_ALLOWED_LENGTH_SCALES = (
    "does not fit X with {} features; give one positive, finite number, or one for each feature, or leave the default. "
    f"The shortest is {_SHORTEST:g}."
)


def column_deviations(X: Any, sample_weight: Array | None = None) -> Array:
    """Weighted standard deviation of every column, safe from overflow and underflow.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights; one each when not given.

    Returns
    -------
    ndarray of shape (n_features,)
        The deviations, float64.
    """
    dense = isinstance(X, np.ndarray)
    largest = np.abs(X).max(axis=0)
    largest = np.asarray(largest if dense else largest.todense(), dtype=np.float64).ravel()
    # A column of zeros, or of numbers whose inverse overflows, is divided by the smallest normal number.
    largest = np.maximum(largest, np.finfo(np.float64).tiny)
    if dense:
        unit = X / largest
        centred = unit - np.average(unit, axis=0, weights=sample_weight)
        variances = np.average(centred**2, axis=0, weights=sample_weight)
    else:
        unit = sparse.csr_array(X.astype(np.float64) @ sparse.diags_array(1.0 / largest))
        _, variances = mean_variance_axis(unit, axis=0, weights=sample_weight)
    deviations: Array = np.sqrt(np.maximum(variances, 0.0)) * largest
    return deviations


def numeric_length_scale(length_scale: Any, n_features: int) -> Any:
    """Validate a length scale.

    Parameters
    ----------
    length_scale : str, float or array-like of shape (n_features,)
        What the user gave.
    n_features : int
        Columns of the rows that are divided by it.

    Returns
    -------
    float, ndarray of shape (n_features,) or None
        Positive and finite, in float64; None for a word such as ``"scale"`` or ``"auto"``, which is no number yet.

    Raises
    ------
    ValueError
        If it is not one positive, finite number, or one for each column.

    Examples
    --------
    >>> numeric_length_scale([1, 2], n_features=2), numeric_length_scale("scale", n_features=2)
    (array([1., 2.]), None)
    """
    if isinstance(length_scale, str):
        return None
    try:
        array = np.asarray(length_scale, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"length_scale={length_scale!r} {_ALLOWED_LENGTH_SCALES.format(n_features)}") from error
    if array.shape not in ((), (n_features,)) or not np.all((array >= _SHORTEST) & np.isfinite(array)):
        seen = f"length_scale={length_scale!r}"
        if array.ndim:
            lowest, highest = np.min(array, initial=np.inf), np.max(array, initial=-np.inf)
            seen = f"length_scale of shape {array.shape} with entries from {lowest:.3g} to {highest:.3g}"
        raise ValueError(f"{seen} {_ALLOWED_LENGTH_SCALES.format(n_features)}")
    return array if array.ndim else float(array)


def typical_length_scale(deviations: Array, spectrum: Spectrum, directions: str, coupling: str) -> float:
    """Length scale at which the kernel of two typical rows is ``1 / e``.

    Parameters
    ----------
    deviations : ndarray of shape (n_features,)
        Standard deviations of the columns.
    spectrum : Spectrum
        Gives the kernel.
    directions : str
        How directions are coupled; sparse ones see two columns on average, enlarged.
    coupling : {"isotropic", "coordinatewise"}
        Coupling of the frequencies.

    Returns
    -------
    float
        One when no column varies.
    """
    unit = float(np.max(deviations, initial=0.0))
    if unit == 0.0:
        return 1.0
    # Two independent rows differ in a column by the root of twice its variance.
    distances = np.sqrt(2.0) * deviations / unit
    total = np.sqrt(np.sum(distances**2))
    if coupling == "isotropic":
        distances = total[None]
    elif directions == "sparse" and distances.size > 2:
        distances = np.full(2, total / np.sqrt(2.0))
    return unit * _where_kernel_falls_to(np.exp(-1.0), distances, spectrum)


def _where_kernel_falls_to(level: float, distances: Array, spectrum: Spectrum) -> float:
    low, high = -8.0, 8.0 + np.log10(distances.size)
    for _ in range(60):
        middle = 0.5 * (low + high)
        if np.prod(spectrum.kernel(distances / 10.0**middle)) < level:
            low = middle
        else:
            high = middle
    return float(10.0**middle)
