"""How far the estimate of a layer is from the layer: the variance exactly, and a bound that holds with confidence."""

from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._compute import Array, row_blocks
from .samplers import URFSampler, unbiased_map_of
from .unbiased import (
    Split,
    UnbiasedMap,
    bernstein_quantile,
    checked_weights,
    largest_norm,
    log_largest_value,
    orthogonal_covariance,
    term_variance,
)

# Entries of the largest array of covariances, which has one for each pair of terms, row and unit.
_COVARIANCE_ENTRIES = 2**19


def estimation_variance(sampler: URFSampler, X: Any, W: Any, b: Any = None) -> Array:
    """Variance of the estimate of a layer over random states, for each row and unit.

    Parameters
    ----------
    sampler : URFSampler
        Fitted in ``mode="unbiased"`` or ``"positive"``. The variance is exact for ``directions="gaussian"`` and
        ``"orthogonal"``; for other couplings it is that of independent directions.
    X : array-like of shape (n_samples, n_features)
        Rows.
    W : array-like of shape (n_units, n_features)
        Weights.
    b : array-like of shape (n_units,), optional
        Biases; zero when not given.

    Returns
    -------
    ndarray of shape (n_samples, n_units)
        Variance of ``sampler.transform(X) @ sampler.transform_weights(W, b).T``. With independent directions it is at
        most ``sampler.spectrum_.variance_bound`` for rows and weights in the range of the fit. Infinite where it
        overflows.

    Raises
    ------
    ValueError
        If the sampler estimates no layer.

    References
    ----------
    Derived in ``doc/theory.md``, after Likhosherstov et al., "Chefs' random tables", NeurIPS 2022, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk import URFSampler, estimation_variance
    >>> X, W = np.eye(3), np.array([[0.6, 0.8, 0.0]])
    >>> sampler = URFSampler("sin", n_components=1001, mode="unbiased", random_state=0).fit(X)
    >>> bool(np.all(estimation_variance(sampler, X, W) <= sampler.spectrum_.variance_bound))
    True
    """
    X, W, b = _checked_layer(sampler, X, W, b)
    series, variance = sampler.spectrum_, np.zeros((len(X), len(W)))
    n_terms, d = series.frequencies.size, X.shape[1]
    # A term of every direction of a frequency, with the phase of the bias.
    amplitudes = (series.amplitudes / series.counts)[:, None] * np.exp(1j * np.multiply.outer(series.frequencies, b))
    pairs, plan = _orthogonal_pairs(sampler), _plan_of(sampler)
    for rows in row_blocks(len(X), max(1, _COVARIANCE_ENTRIES // (len(W) * max(1, n_terms) ** 2))):
        oscillating, growing, product = _invariants(plan.scheme, X[rows], W)
        for k in range(n_terms):
            split = Split(*(each[k] for each in plan.split))
            one = term_variance(split, amplitudes[k], oscillating, growing, product, d)
            variance[rows] += series.counts[k] * one
        if pairs.any():
            layer = (amplitudes[:, None, :], oscillating, growing, product)
            variance[rows] += orthogonal_covariance(plan.split, *layer, d, pairs)
    # Only rounding makes a variance negative, and only overflow makes it NaN.
    return np.where(np.isnan(variance), np.inf, np.maximum(variance, 0.0))


def _invariants(scheme: str, X: Array, W: Array) -> tuple[Array, Array, Array]:
    """Squared norms of the oscillating and the growing side, and products."""
    of_rows, of_weights = np.einsum("ij,ij->i", X, X)[:, None], np.einsum("ij,ij->i", W, W)[None]
    sides = (of_rows, of_weights) if scheme == "trigonometric" else (of_weights, of_rows)
    return *sides, X @ W.T


def _plan_of(sampler: URFSampler) -> UnbiasedMap:
    """The plan of a sampler that estimates layers, which `_checked_layer` has made sure of."""
    plan = unbiased_map_of(sampler)
    assert plan is not None
    return plan


def _orthogonal_pairs(sampler: URFSampler) -> Array:
    """Number of ordered pairs of orthogonal directions, for each two terms that the two belong to."""
    terms, n_terms = _plan_of(sampler).terms, sampler.spectrum_.frequencies.size
    if sampler._coupling != "orthogonal":
        return np.zeros((n_terms, n_terms))
    members = np.zeros((terms.size // sampler.n_features_in_ + 1, n_terms))
    np.add.at(members, (np.arange(terms.size) // sampler.n_features_in_, terms), 1.0)
    return np.asarray(members.T @ members - np.diag(members.sum(axis=0)))


def estimation_error_bound(sampler: URFSampler, X: Any, W: Any, b: Any = None, *, confidence: float = 0.95) -> Array:
    """Bound that the error of an estimated layer exceeds only with small probability.

    Parameters
    ----------
    sampler : URFSampler
        Fitted in ``mode="unbiased"`` or ``"positive"``. The bound is one for ``directions="gaussian"`` and
        ``"orthogonal"``.
    X : array-like of shape (n_samples, n_features)
        Rows, no longer than those in `fit`.
    W : array-like of shape (n_units, n_features)
        Weights, no longer than `weight_norm`.
    b : array-like of shape (n_units,), optional
        Biases; zero when not given.
    confidence : float, default=0.95
        Probability, over random states, that the error of a single entry is at most the bound.

    Returns
    -------
    ndarray of shape (n_samples, n_units)
        The bias, ``sampler.spectrum_.max_error``, plus the smaller of Chebyshev's and Bernstein's bounds on the rest,
        which falls as ``1 / sqrt(n_components)``.

    Raises
    ------
    ValueError
        If the sampler estimates no layer, or the confidence is not between 0 and 1.

    References
    ----------
    Derived in ``doc/theory.md``; Boucheron, Lugosi and Massart, "Concentration inequalities", 2013, section 2.8.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk import URFSampler, estimation_error_bound
    >>> X, W = np.eye(3), np.array([[0.6, 0.8, 0.0]])
    >>> sampler = URFSampler("gelu", n_components=4000, mode="unbiased", directions="gaussian", random_state=0).fit(X)
    >>> from scipy.special import ndtr
    >>> error = sampler.transform(X) @ sampler.transform_weights(W).T - (X @ W.T) * ndtr(X @ W.T)
    >>> bool(np.all(np.abs(error) <= estimation_error_bound(sampler, X, W, confidence=0.999)))
    True
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence={confidence!r} must lie strictly between 0 and 1, e.g. 0.95.")
    variance = estimation_variance(sampler, X, W, b)
    layer, series = _plan_of(sampler), sampler.spectrum_
    X, W, b = _checked_layer(sampler, X, W, b)
    norms = (layer.input_norm, max(largest_norm(W), series.half_width / (1.5 * layer.input_norm)))
    oscillating, growing = norms if layer.scheme == "trigonometric" else norms[::-1]
    with np.errstate(over="ignore"):
        largest = (
            np.exp(log_largest_value(layer.split, oscillating, growing, X.shape[1]))
            * np.abs(series.amplitudes)
            / series.counts
        )
    # Blocks of orthogonal directions are independent of each other, as single directions are otherwise.
    block = min(X.shape[1], int(series.counts.sum())) if sampler._coupling == "orthogonal" else 1
    # A centred term is at most twice as large as a term.
    return series.max_error + bernstein_quantile(variance, 2.0 * block * np.max(largest, initial=0.0), confidence)


def _checked_layer(sampler: URFSampler, X: Any, W: Any, b: Any) -> tuple[Array, Array, Array]:
    check_is_fitted(sampler)
    if sampler._map is None:
        raise ValueError('sampler was fitted with mode="bounded" and estimates no layer; use mode="unbiased".')
    X = check_array(X, dtype=np.float64, input_name="X")
    W, b = checked_weights(W, b, sampler.n_features_in_)
    if X.shape[1] != W.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features, but the sampler was fitted to {W.shape[1]}.")
    return X, W.astype(np.float64), b.astype(np.float64)
