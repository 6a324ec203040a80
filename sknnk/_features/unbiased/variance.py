"""Variance and tails of one term of the unbiased estimator, in closed form.

For one frequency ``omega`` and one direction ``g ~ N(0, I_d)`` the estimator of ``Re c exp(i omega w.x)`` is

``Z = Re(c cosh(B g.(s v + i kappa u))) D exp(2 A |g|^2 + kappa^2 |u|^2 / 2 - s^2 |v|^2 / 2)``,

the mean over ``g`` and ``-g`` of a generalised exponential feature, with ``s kappa = omega``, ``B^2 = 1 - 4A`` and
``D = (1 - 4A)^(d/2)``. One of ``x`` and ``w`` is ``u``, whose factor *oscillates*; the other is ``v``, whose factor
*grows*. The damping is written ``q = 1 - 8A >= 1`` here, so that ``B^2 = (1 + q) / 2``. Derivations are in
``doc/theory.md``.

References
----------
Likhosherstov et al., "Chefs' random tables: non-trigonometric random features", NeurIPS 2022, section 3 (generalised
exponential features); Sehanobish et al., ICLR 2024, arXiv 2310.13225, section 3 (universal random features).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..._compute import Array

_NEWTON_STEPS = 60
# Norms, angles and biases of the grid on which the largest variance is sought.
_GRID = (9, 9, 33, 17)


class Split(NamedTuple):
    """How each frequency is shared between the two factors; arrays of the shape of the frequencies."""

    oscillation: Array
    """``kappa``, the coefficient of the oscillating side."""
    growth: Array
    """``s``, the coefficient of the growing side."""
    damping: Array
    """``q = 1 - 8A``."""


def balanced_split(frequencies: ArrayLike, oscillating_norm: float, growing_norm: float, n_features: int) -> Split:
    """Split and damping of least second moment ``E |Phi Psi|^2`` at the largest norms.

    Parameters
    ----------
    frequencies : array-like of shape (n_terms,)
        Positive frequencies ``omega``.
    oscillating_norm, growing_norm : float
        Largest Euclidean norm on either side, positive.
    n_features : int
        Number of input coordinates, ``d``.

    Returns
    -------
    Split
        With ``R`` the product of the norms: ``s^2 growing_norm^2 = t omega R``, ``kappa^2 oscillating_norm^2 = omega
        R / t``, ``q = t^2``, where ``t >= 1`` solves ``d t (t^2 - 1) = 2 omega R (1 + t^2)``.

    Examples
    --------
    >>> split = balanced_split([2.0], 1.0, 3.0, 8)
    >>> float(split.oscillation[0] * split.growth[0])
    2.0
    >>> bool(split.damping[0] > 1.0)
    True
    """
    omega = np.asarray(frequencies, dtype=np.float64)
    reach = omega * (oscillating_norm * growing_norm)
    pull = 2.0 * reach / n_features
    # Newton from the right of the only root above one, where the cubic is convex: monotone.
    t = 1.0 + 2.0 * pull
    for _ in range(_NEWTON_STEPS):
        # Divided by t^2, so that nothing overflows.
        t = t - (t - 1.0 / t - pull * (1.0 + 1.0 / t**2)) / (3.0 - 1.0 / t**2 - 2.0 * pull / t)
    return Split(np.sqrt(reach / t) / oscillating_norm, np.sqrt(reach * t) / growing_norm, t * t)


def log_second_moment_bound(split: Split, oscillating_norm: float, growing_norm: float, n_features: int) -> Array:
    """Logarithm of a bound of ``E Z^2`` for ``|c| = 1`` that holds for all vectors up to the given norms.

    Parameters
    ----------
    split : Split
        As :func:`balanced_split` gives it.
    oscillating_norm, growing_norm : float
        Largest norms.
    n_features : int
        Number of input coordinates.

    Returns
    -------
    ndarray of shape (n_terms,)
        ``d log((1 + q) / (2 sqrt(q))) + log max(1, (exp(-a) + exp(a / q)) / 2) + log((exp(b) + exp(-b / q)) / 2)`` with
        ``a = s^2 growing_norm^2``, ``b = kappa^2 oscillating_norm^2``.

    Examples
    --------
    >>> split = Split(np.ones(1), np.ones(1), np.ones(1))
    >>> float(np.exp(log_second_moment_bound(split, 1.0, 1.0, 3))[0])  # cosh(1)^2
    2.381...
    """
    q = split.damping
    a, b = (split.growth * growing_norm) ** 2, (split.oscillation * oscillating_norm) ** 2
    growing = np.maximum(0.0, np.logaddexp(-a, a / q) - np.log(2.0))
    return np.asarray(_log_damping_cost(q, n_features) + growing + np.logaddexp(b, -b / q) - np.log(2.0))


def term_variance(
    split: Split,
    amplitudes: ArrayLike,
    oscillating_square: ArrayLike,
    growing_square: ArrayLike,
    product: ArrayLike,
    n_features: int,
) -> Array:
    """Variance of ``Z`` for one direction, exactly.

    Parameters
    ----------
    split : Split
        Arrays or numbers that broadcast with the rest.
    amplitudes : array-like, complex
        ``c``: the amplitude of the frequency, with the phase of the bias.
    oscillating_square, growing_square, product : array-like
        ``|u|^2``, ``|v|^2`` and ``w.x``.
    n_features : int
        Number of input coordinates.

    Returns
    -------
    ndarray
        Broadcast shape. Infinite where it overflows.

    Examples
    --------
    >>> split = balanced_split(1.0, 1.0, 1.0, 8)
    >>> float(term_variance(split, 1.0, 0.0, 0.0, 0.0, 8))  # nothing but the damping, exp(2 A |g|^2), is random
    0.184...
    """
    kappa, s, q = split
    c, theta = np.asarray(amplitudes), kappa * s * np.asarray(product)
    a, b = s * s * np.asarray(growing_square), kappa * kappa * np.asarray(oscillating_square)
    cost = _log_damping_cost(q, n_features) - np.log(4.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # Sums of exponents first: factors of their own would overflow and vanish where the product does neither.
        modulus = np.exp(cost + b + a / q) + np.exp(cost - a - b / q)
        phase = np.exp(cost + b - a) + np.exp(cost + (a - b) / q) * np.exp(2j * (1.0 + 1.0 / q) * theta)
        second = np.abs(c) ** 2 * modulus + (c * c * phase).real
        variance = second - (c * np.exp(1j * theta)).real ** 2
    return np.asarray(np.where(np.isnan(variance), np.inf, np.maximum(variance, 0.0)))


def largest_variance(
    split: Split, amplitude: complex, norms: tuple[float, float], largest_phase: float, n_features: int
) -> float:
    """Upper bound of the variance of one term over all vectors and biases in range.

    Parameters
    ----------
    split : Split
        Of one frequency, numbers.
    amplitude : complex
        Amplitude of the frequency.
    norms : tuple of float
        Largest norms of the oscillating and the growing side.
    largest_phase : float
        Largest bias times the frequency.
    n_features : int
        Number of input coordinates.

    Returns
    -------
    float
        The largest :func:`term_variance` on a grid of norms, angles and biases and what it can gain between the points
        of the grid, or the bound that :func:`log_second_moment_bound` gives, whichever is less.

    Examples
    --------
    >>> split = Split(1.0, 1.0, 1.0)
    >>> bound = float(np.exp(log_second_moment_bound(split, 1.0, 1.0, 3)))
    >>> round(largest_variance(split, -1j, (1.0, 1.0), 0.5, 3) / bound, 2)  # that of a sine
    0.78
    """
    first, second, cosine, turn = np.ix_(*(np.linspace(0.0, 1.0, n) for n in _GRID))
    u, v, cosine, turn = first * norms[0], second * norms[1], 2.0 * cosine - 1.0, 2.0 * turn - 1.0
    c = amplitude * np.exp(1j * largest_phase * turn)
    variance = term_variance(split, c, u * u, v * v, u * v * cosine, n_features)
    # A maximum between two points exceeds them by at most an eighth of the second difference along each axis.
    with np.errstate(invalid="ignore"):
        gap = sum(np.abs(np.diff(variance, n=2, axis=axis)).max() for axis in range(variance.ndim)) / 8.0
        bound = abs(amplitude) ** 2 * np.exp(log_second_moment_bound(split, *norms, n_features))
    return float(np.fmin(variance.max() + gap, bound))


def log_largest_value(split: Split, oscillating_norm: float, growing_norm: float, n_features: int) -> Array:
    """Logarithm of a bound of ``|Z|`` itself, for ``|c| = 1``; infinite without damping.

    Parameters
    ----------
    split : Split
        As :func:`balanced_split` gives it.
    oscillating_norm, growing_norm : float
        Largest norms.
    n_features : int
        Number of input coordinates.

    Returns
    -------
    ndarray of shape (n_terms,)
        ``d/2 log((1 + q) / 2) + b / 2 + a / (q - 1)``: a damped feature is bounded, whatever the direction.

    Examples
    --------
    >>> log_largest_value(Split(np.ones(1), np.ones(1), np.ones(1)), 1.0, 1.0, 3)
    array([inf])
    """
    q = split.damping
    a, b = (split.growth * growing_norm) ** 2, (split.oscillation * oscillating_norm) ** 2
    # max over |g| of 2A|g|^2 + B s |v| |g| is (1 + q) / (2 (q - 1)) a; less a/2 of the normalisation it is a/(q - 1).
    excess = np.divide(a, q - 1.0, out=np.full_like(a, np.inf), where=q > 1.0)
    return np.asarray(0.5 * n_features * np.log(0.5 * (1.0 + q)) + 0.5 * b + excess)


def bernstein_quantile(variance: ArrayLike, largest: ArrayLike, confidence: float) -> Array:
    """Deviation that a sum of independent centred terms exceeds with probability ``1 - confidence`` at most.

    Parameters
    ----------
    variance : array-like
        Variance of the sum.
    largest : array-like
        Bound on the absolute value of each term; infinite if there is none.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    ndarray
        The smaller of the quantiles of Bernstein's and Chebyshev's inequalities. With ``m`` terms that share a sum both
        arguments fall as ``1 / m``, and so the deviation falls as ``1 / sqrt(m)``.

    References
    ----------
    Boucheron, Lugosi and Massart, "Concentration inequalities", 2013, section 2.8.

    Examples
    --------
    >>> round(float(bernstein_quantile(0.01, 0.0, 0.95)), 3), round(float(bernstein_quantile(0.01, np.inf, 0.95)), 3)
    (0.272, 0.447)
    """
    variance, largest = np.asarray(variance, dtype=np.float64), np.asarray(largest, dtype=np.float64)
    log_risk = np.log(2.0 / (1.0 - confidence))
    with np.errstate(over="ignore", invalid="ignore"):
        half = largest * log_risk / 3.0
        bernstein = half + np.sqrt(half * half + 2.0 * variance * log_risk)
    return np.asarray(np.fmin(bernstein, np.sqrt(variance / (1.0 - confidence))))


def _log_damping_cost(q: Array, n_features: int) -> Array:
    """Price of the damping alone: the logarithm of ``D^2 E exp(4 A |g|^2)``."""
    return np.asarray(n_features * (np.log(0.5 * (1.0 + q)) - 0.5 * np.log(q)))
