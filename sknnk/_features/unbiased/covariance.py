"""Covariance of the terms of a layer's estimate whose directions are orthogonal to each other.

Independent directions have the variance that `variance` gives. Block-orthogonal ones have a covariance in addition, for
each pair within a block. It is mostly negative, and so makes the estimate better. In spherical harmonics it is a series
of a few terms. The derivation is in ``doc/notes/orthogonal_directions.md``.

References
----------
Yu et al., "Orthogonal random features", NeurIPS 2016 (the directions); Groemer, "Geometric applications of Fourier
series and spherical harmonics", 1996, section 3.4 (the Funk transform and its eigenvalues).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, hyp1f1

from ..._compute import Array, Complexes
from .variance import Split

# Terms of the series at most.
_MAX_ORDERS = 100
# The series ends after two terms in a row below this share of the sum.
_PRECISION = 1e-13


def orthogonal_covariance(
    split: Split,
    amplitudes: ArrayLike,
    oscillating_square: ArrayLike,
    growing_square: ArrayLike,
    product: ArrayLike,
    n_features: int,
    pair_weights: Array,
) -> Array:
    """Weighted sum of the covariances of ``Z`` over pairs of terms with orthogonal directions.

    Parameters
    ----------
    split : Split
        Of each term, arrays of shape (n_terms,). The damping has no part in the result.
    amplitudes : array-like of shape (n_terms, ...), complex
        ``c`` of each term.
    oscillating_square, growing_square, product : array-like
        ``|u|^2``, ``|v|^2`` and ``w.x``; they broadcast with ``amplitudes[0]``.
    n_features : int
        Number of input coordinates, two or more.
    pair_weights : ndarray of shape (n_terms, n_terms)
        Weight of the covariance of a direction of one term with an orthogonal one of another; symmetric.

    Returns
    -------
    ndarray
        Shape of ``amplitudes[0]``. Not a number where it overflows.

    Examples
    --------
    >>> split = Split(np.ones(1), np.ones(1), np.ones(1))
    >>> bool(orthogonal_covariance(split, [[1.0]], 1.0, 1.0, 0.5, 8, np.ones((1, 1)))[0] < 0.0)
    True
    """
    c = np.asarray(amplitudes, dtype=np.complex128)
    kappa, s = (each.reshape(-1, *(1,) * (c.ndim - 1)) for each in split[:2])
    u, v, theta = (np.asarray(each, dtype=np.float64) for each in (oscillating_square, growing_square, product))
    with np.errstate(over="ignore", invalid="ignore"):
        own = s * s * v - kappa * kappa * u + 2j * kappa * s * theta
        scaled = c * np.exp(0.5 * (kappa * kappa * u - s * s * v))
        growth, oscillation = s[:, None] * s * v, kappa[:, None] * kappa * u
        crossed = s[:, None] * kappa * theta
        pairs = (
            _Pairs(own, own, growth - oscillation + 1j * (crossed + crossed.swapaxes(0, 1)), n_features),
            _Pairs(own, own.conj(), growth + oscillation + 1j * (crossed.swapaxes(0, 1) - crossed), n_features),
        )
        return _summed(scaled, own, pairs, n_features, pair_weights)


class _Pairs:
    """Harmonics of even degree of all pairs of vectors, ``(z.z z'.z')^(n/2) P_n``, one degree after the other."""

    def __init__(self, first: Complexes, second: Complexes, dot: Complexes, n_features: int) -> None:
        self._squares, self._dot, self._shift = first[:, None] * second, dot, n_features - 2
        self._degree, self._now, self._before = 0, np.ones_like(self._squares), np.zeros_like(self._squares)

    def next_even(self) -> Complexes:
        """Go up by two degrees, by the recurrence of Gegenbauer polynomials that are one at one."""
        for _ in range(2):
            n, shift = self._degree, self._shift
            above = (2 * n + shift) * self._dot * self._now - n * self._squares * self._before
            # On the circle the first step has nothing to divide by.
            above = above / (n + shift) if n + shift else self._dot * self._now
            self._before, self._now, self._degree = self._now, above, n + 1
        return self._now


def _summed(
    scaled: Complexes, own: Complexes, pairs: tuple[_Pairs, _Pairs], n_features: int, pair_weights: Array
) -> Array:
    total, calm = np.zeros(np.broadcast_shapes(scaled.shape, own.shape)[1:]), 0
    for k in range(1, _MAX_ORDERS + 1):
        mean = scaled * hyp1f1(k + 0.5 * n_features, 2 * k + 0.5 * n_features, 0.5 * own)
        plain, conjugate = (each.next_even() for each in pairs)
        both = mean[:, None] * (mean * plain + mean.conj() * conjugate)
        order = 0.5 * _weight(k, n_features) * np.einsum("ij,ij...->...", pair_weights, both.real)
        total += order
        calm = calm + 1 if _largest(order) <= _PRECISION * _largest(total) else 0
        if calm == 2:
            break
    return total


def _largest(values: Array) -> float:
    """Largest modulus of what did not overflow."""
    return float(np.max(np.abs(values), where=np.isfinite(values), initial=0.0))


def _weight(k: int, n_features: int) -> float:
    """Eigenvalue times the number of harmonics of degree 2k times the squared factor of the mean over norms."""
    n, half = 2 * k, 0.5 * n_features
    log_eigenvalue = gammaln(k + 0.5) - gammaln(0.5) + gammaln(half - 0.5) - gammaln(k + half - 0.5)
    log_number = np.log(n + 2.0 * half - 2.0 + n) + gammaln(n + n_features - 2.0) - gammaln(n + 1.0)
    log_number -= gammaln(n_features - 1.0)
    log_mean = gammaln(k + half) - gammaln(n + half) - k * np.log(2.0)
    return float((-1.0) ** k * np.exp(log_eigenvalue + log_number + 2.0 * log_mean))
