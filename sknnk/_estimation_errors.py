"""How far the estimate of a layer is from the layer: the variance exactly, and a bound that holds with confidence."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from ._estimation_theory import bernstein_quantile, log_largest_value, orthogonality_factor, term_variance
from ._layer_weights import checked_weights, largest_norm
from ._samplers import URFSampler

Floats = NDArray[np.float64]


def estimation_variance(sampler: URFSampler, X: Any, W: Any, b: Any = None) -> Floats:
    """Variance of the estimate of a layer over random states, for independent directions.

    Parameters
    ----------
    sampler : URFSampler
        Fitted in ``mode="unbiased"`` or ``"positive"``. The variance is exact for ``directions="gaussian"``; coupled
        directions are there to lower it.
    X : array-like of shape (n_samples, n_features)
        Rows.
    W : array-like of shape (n_units, n_features)
        Weights.
    b : array-like of shape (n_units,), optional
        Biases; zero when not given.

    Returns
    -------
    ndarray of shape (n_samples, n_units)
        Variance of ``sampler.transform(X) @ sampler.transform_weights(W, b).T``; at most
        ``sampler.spectrum_.variance_bound`` for rows and weights in the range of the fit.

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
    layer, series = sampler._map, sampler.spectrum_
    of_rows, of_weights = np.einsum("ij,ij->i", X, X)[:, None], np.einsum("ij,ij->i", W, W)
    oscillating, growing = (of_rows, of_weights) if layer.scheme == "trigonometric" else (of_weights, of_rows)
    product, variance = X @ W.T, np.zeros((len(X), len(W)))
    for k, omega in enumerate(series.frequencies):
        split = type(layer.split)(*(each[k] for each in layer.split))
        amplitudes = series.amplitudes[k] * np.exp(1j * omega * b)
        one = term_variance(split, amplitudes, oscillating, growing, product, X.shape[1])
        variance += one / series.counts[k]
    return variance


def estimation_variance_bound(sampler: URFSampler, X: Any, W: Any, b: Any = None) -> Floats:
    """Upper bound of the variance of the estimate of a layer over random states, for each row and unit.

    Parameters
    ----------
    sampler : URFSampler
        Fitted in ``mode="unbiased"`` or ``"positive"`` with ``directions="gaussian"`` or ``"orthogonal"``.
    X : array-like of shape (n_samples, n_features)
        Rows, of any norm.
    W : array-like of shape (n_units, n_features)
        Weights, of any norm.
    b : array-like of shape (n_units,), optional
        Biases; zero when not given.

    Returns
    -------
    ndarray of shape (n_samples, n_units)
        For independent directions :func:`estimation_variance`, which is exact. For orthogonal ones that times
        ``1 + 3 / (n_features + 1)``; as a rule the variance is below :func:`estimation_variance` even so.

    Raises
    ------
    ValueError
        If the sampler estimates no layer, or was fitted with another coupling, for which no bound is known.

    See Also
    --------
    estimation_variance : Without the allowance for orthogonal directions, for any coupling.

    References
    ----------
    Derived in ``doc/theory.md``; the eigenvalues are those of the Funk transform, see Groemer, "Geometric applications
    of Fourier series and spherical harmonics", 1996, section 3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk import URFSampler, estimation_variance_bound
    >>> X, W = np.eye(3), np.array([[0.6, 0.8, 0.0]])
    >>> sampler = URFSampler("sin", n_components=1001, mode="unbiased")
    >>> draws = [sampler.set_params(random_state=seed).fit(X) for seed in range(50)]
    >>> values = [sampler.transform(X) @ sampler.transform_weights(W).T for sampler in draws]
    >>> bool(np.all(np.var(values, axis=0) <= estimation_variance_bound(sampler, X, W)))
    True
    """
    variance = estimation_variance(sampler, X, W, b)
    if sampler._coupling not in ("gaussian", "orthogonal"):
        raise ValueError(
            f"sampler was fitted with directions={sampler._coupling!r}, for which no bound of the variance is known; "
            'fit with directions="orthogonal" or "gaussian", or see estimation_variance for independent directions.'
        )
    return variance * (orthogonality_factor(sampler.n_features_in_) if sampler._coupling == "orthogonal" else 1.0)


def estimation_error_bound(sampler: URFSampler, X: Any, W: Any, b: Any = None, *, confidence: float = 0.95) -> Floats:
    """Error of the estimate of a layer that is exceeded with small probability, for independent directions.

    Parameters
    ----------
    sampler : URFSampler
        Fitted in ``mode="unbiased"`` or ``"positive"``.
    X : array-like of shape (n_samples, n_features)
        Rows, no longer than those in `fit`.
    W : array-like of shape (n_units, n_features)
        Weights, no longer than `weight_norm`.
    b : array-like of shape (n_units,), optional
        Biases; zero when not given.
    confidence : float, default=0.95
        Probability, over random states, that the error of any one entry is at most the bound.

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
    layer, series = sampler._map, sampler.spectrum_
    X, W, b = _checked_layer(sampler, X, W, b)
    norms = (layer.input_norm, max(largest_norm(W), series.half_width / (1.5 * layer.input_norm)))
    sides = norms if layer.scheme == "trigonometric" else norms[::-1]
    with np.errstate(over="ignore"):
        largest = np.exp(log_largest_value(layer.split, *sides, X.shape[1])) * np.abs(series.amplitudes) / series.counts
    # A centred term is at most twice as large as a term.
    return series.max_error + bernstein_quantile(variance, 2.0 * np.max(largest, initial=0.0), confidence)


def _checked_layer(sampler: URFSampler, X: Any, W: Any, b: Any) -> tuple[Floats, Floats, Floats]:
    check_is_fitted(sampler)
    if sampler._map is None:
        raise ValueError('sampler was fitted with mode="bounded" and estimates no layer; use mode="unbiased".')
    X = check_array(X, dtype=np.float64, input_name="X")
    W, b = checked_weights(W, b, sampler.n_features_in_)
    if X.shape[1] != W.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features, but the sampler was fitted to {W.shape[1]}.")
    return X, W.astype(np.float64), b.astype(np.float64)
