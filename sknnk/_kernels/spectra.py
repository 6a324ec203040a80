"""Activations seen through their frequencies: each one is a kernel, given by a one-dimensional spectrum.

A bounded feature map draws its frequency vectors from a *Gaussian scale mixture*: ``v = sigma g``, ``g``
standard normal, ``sigma >= 0`` from the scale distribution of the activation's spectrum. With one ``sigma``
per vector the features have the kernel ``kappa(|x - y|)``, ``kappa(r) = E exp(-sigma^2 r^2 / 2)``; with one
per coordinate they have the product of ``kappa(|x_i - y_i|)``. This is random Fourier features (Rahimi &
Recht 2007, section 3) with the activation choosing the density, after the universal random features of
Sehanobish et al. (arXiv 2310.13225, section 3).

The analytic activations are named after the distribution of their frequencies, not after their own shape:

============  ===================  ==========================================  ====================
name          activation ``f(z)``  scale ``sigma``                             ``kappa(r)``
============  ===================  ==========================================  ====================
``gaussian``  ``exp(-z^2 / 2)``    1                                           ``exp(-r^2 / 2)``
``laplace``   ``1 / (1 + z^2)``    Rayleigh                                    ``1 / (1 + r^2)``
``cauchy``    ``exp(-|z|)``        ``1 / |N(0, 1)|``                           ``exp(-r)``
``sech``      ``1 / cosh(z)``      root of a Brownian exit time from (-1, 1)   ``1 / cosh(r)``
============  ===================  ==========================================  ====================

In each of these rows ``f`` is the characteristic function of ``sigma g`` in one dimension, so ``kappa = f``.
Every other activation is a finite trigonometric sum on ``[-half_width, half_width]`` (see
`periodic_extension`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .._compute import Array, Complexes

ACTIVATIONS = (
    "gaussian",
    "laplace",
    "cauchy",
    "sech",
    "sin",
    "cos",
    "relu",
    "gelu",
    "silu",
    "tanh",
    "sigmoid",
    "softplus",
    "erf",
    "elu",
    "step",
)

_NEGLIGIBLE = 1e-14


class Spectrum(Protocol):
    """What the rest of the package may ask of an activation; frozen, picklable, one-dimensional."""

    @property
    def name(self) -> str:
        """The activation's name."""

    @property
    def half_width(self) -> float:
        """Series and activation agree on ``[-half_width, half_width]``; infinite where they are the same."""

    @property
    def max_error(self) -> float:
        """Largest error on a dense grid of that interval; half of any jump, however many terms."""

    @property
    def constant(self) -> float:
        """The zero-frequency term ``a_0``: it belongs to the intercept and is never sampled."""

    @property
    def l1_norm(self) -> float:
        """Sum of ``|a_k|`` over the sampled frequencies, the constant left out."""

    def __call__(self, z: ArrayLike) -> Array:
        """Evaluate the activation at an array of any shape."""

    def scales(self, u: ArrayLike) -> Array:
        """Quantiles of the scale distribution at an array of any shape with values in (0, 1)."""

    def kernel(self, r: ArrayLike) -> Array:
        """Evaluate ``kappa(r) = E exp(-sigma^2 r^2 / 2)`` at an array of any shape."""


@dataclass(frozen=True)
class AnalyticSpectrum:
    """A spectrum in closed form, looked up by its name; see the table of this module.

    Examples
    --------
    >>> laplace = spectrum_of("laplace")
    >>> float(laplace(2.0)), float(laplace.kernel(2.0))
    (0.2, 0.2)
    """

    name: str
    half_width: float = field(default=math.inf, repr=False)
    max_error: float = field(default=0.0, repr=False)
    l1_norm: float = field(default=1.0, repr=False)
    constant: float = field(default=0.0, repr=False)

    def __call__(self, z: ArrayLike) -> Array:
        """Evaluate the activation, which in closed form is its own kernel."""
        return self.kernel(z)

    def scales(self, u: ArrayLike) -> Array:
        """Quantiles of the scale distribution at ``u`` in (0, 1)."""
        return _ANALYTIC[self.name][1](np.asarray(u, dtype=np.float64))

    def kernel(self, r: ArrayLike) -> Array:
        """Evaluate ``kappa`` at ``r``."""
        return _ANALYTIC[self.name][0](np.asarray(r, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class SeriesSpectrum:
    """A finite trigonometric sum, ``f(z) = constant + Re sum_k amplitudes[k] exp(i frequencies[k] z)``.

    Attributes
    ----------
    frequencies : ndarray of shape (n_terms,)
        Strictly positive and increasing.
    amplitudes : ndarray of shape (n_terms,), complex
        One-sided amplitudes; the scale ``frequencies[k]`` has probability ``|amplitudes[k]| / l1_norm``.

    Examples
    --------
    >>> tanh = spectrum_of("tanh")
    >>> tanh.max_error < 1e-13
    True
    >>> bool(abs(tanh(0.5) - np.tanh(0.5)) < 1e-13)
    True
    """

    name: str
    frequencies: Array = field(repr=False)
    amplitudes: Complexes = field(repr=False)
    constant: float = 0.0
    half_width: float = math.inf
    max_error: float = 0.0

    def __post_init__(self) -> None:
        """Freeze the arrays too: named spectra are shared by everybody who asks for them."""
        self.frequencies.setflags(write=False)
        self.amplitudes.setflags(write=False)

    @property
    def l1_norm(self) -> float:
        """Sum of ``|a_k|`` over the sampled frequencies, the constant left out."""
        return float(np.abs(self.amplitudes).sum())

    def __call__(self, z: ArrayLike) -> Array:
        """Evaluate the series at ``z``, one term at a time so that memory stays that of ``z``."""
        z = np.asarray(z, dtype=np.float64)
        total = np.full(z.shape, self.constant)
        for w, a in zip(self.frequencies, self.amplitudes, strict=True):
            total += a.real * np.cos(w * z) - a.imag * np.sin(w * z)
        return total

    def scales(self, u: ArrayLike) -> Array:
        """Quantiles of the discrete scale distribution: the first frequency with cumulated weight ``u``."""
        cumulated = np.cumsum(np.abs(self.amplitudes))
        # The last sum divided by itself is exactly 1, so that no u below 1 falls off the end.
        return self.frequencies[np.searchsorted(cumulated / cumulated[-1], np.asarray(u, dtype=np.float64))]

    @np.errstate(over="ignore")
    def kernel(self, r: ArrayLike) -> Array:
        """Evaluate ``kappa`` at ``r``, a mixture of Gaussians with the weights of the frequencies."""
        half_square = -0.5 * np.square(np.asarray(r, dtype=np.float64))
        total = np.zeros(half_square.shape)
        for w, weight in zip(self.frequencies, np.abs(self.amplitudes) / self.l1_norm, strict=True):
            total += weight * np.exp(w * w * half_square)
        return total


def spectrum_of(activation: str | Callable[..., Any]) -> Spectrum:
    """Spectrum of an activation, given by name or as a vectorised callable.

    Parameters
    ----------
    activation : str or callable
        One of `ACTIVATIONS`, or ``f(z) -> array`` of the same shape, real and finite on the interval that
        `periodic_extension` asks for. The callable itself is not kept, so the result can be pickled.

    Returns
    -------
    Spectrum
        Named ones are built once and shared.

    Examples
    --------
    >>> spectrum_of("cauchy")
    AnalyticSpectrum(name='cauchy')
    >>> float(spectrum_of(lambda z: np.tanh(z) + 3.0).constant)
    3.0
    """
    if isinstance(activation, str):
        return _named_spectrum(activation)
    if callable(activation):
        return periodic_extension(activation, getattr(activation, "__name__", type(activation).__name__))
    raise TypeError(f"activation={activation!r} is neither a name nor a callable; {_REMEDY}")


def periodic_extension(
    function: Callable[..., Any], name: str, *, n_terms: int = 128, half_width: float = 4.0
) -> SeriesSpectrum:
    """Trigonometric sum equal to a function on ``[-half_width, half_width]``.

    Outside that interval the function is blended into its own copy shifted by one period, ``4 half_width``,
    with an infinitely smooth partition of unity; what comes out is periodic and as smooth as the function, so
    its Fourier series converges faster than any power for a smooth one, and as 1/n_terms for one with a
    corner.

    Parameters
    ----------
    function : callable
        Called with arrays of values in ``[-4 half_width, 4 half_width)``.
    name : str
        Name given to the result.
    n_terms : int, default=128
        Highest multiple of the basic frequency ``2 pi / (4 half_width)``; negligible terms are dropped.
    half_width : float, default=4.0
        Half of the interval on which the series stands for the function.

    Returns
    -------
    SeriesSpectrum
        With `max_error` measured between the points of the transform.

    Examples
    --------
    >>> coarse = periodic_extension(np.abs, "abs", n_terms=32)
    >>> fine = periodic_extension(np.abs, "abs", n_terms=64)
    >>> round(coarse.max_error / fine.max_error, 1)
    2.0
    """
    amplitudes = _fourier_amplitudes(function, n_terms, half_width)
    frequencies = np.arange(n_terms + 1) * (0.5 * np.pi / half_width)
    kept = np.abs(amplitudes) > _NEGLIGIBLE * np.abs(amplitudes[1:]).max()
    kept[0] = False
    series = SeriesSpectrum(name, frequencies[kept], amplitudes[kept], float(amplitudes[0].real), float(half_width))
    grid = np.linspace(-half_width, half_width, 4001)
    return replace(series, max_error=float(np.abs(series(grid) - activation_values(function, grid)).max()))


@cache
def _named_spectrum(name: str) -> Spectrum:
    if name in _ANALYTIC:
        return AnalyticSpectrum(name)
    if name in SINGLE_FREQUENCY:
        return SeriesSpectrum(name, np.array([1.0]), np.array([SINGLE_FREQUENCY[name]]))
    if name in EXTENDED_ACTIVATIONS:
        return periodic_extension(EXTENDED_ACTIVATIONS[name], name)
    raise ValueError(f"activation={name!r} is not known; {_REMEDY}")


def _fourier_amplitudes(function: Callable[..., Any], n_terms: int, half_width: float) -> Complexes:
    """One-sided amplitudes, shape (n_terms + 1,), of the blended function."""
    n_points = 64 * n_terms
    position = np.arange(n_points) / n_points
    period = 4.0 * half_width
    weight = _partition_of_unity(position)
    both = activation_values(function, period * np.concatenate([position - 1.0, position]))
    values = (1.0 - weight) * both[:n_points] + weight * both[n_points:]
    amplitudes = np.fft.rfft(values, norm="forward")[: n_terms + 1]
    amplitudes[1:] *= 2.0
    if not np.abs(amplitudes[1:]).max() > _NEGLIGIBLE * np.abs(values).max():
        raise ValueError(
            f"activation={function!r} is constant on [{-half_width:g}, {half_width:g}] and has no non-zero "
            "frequency; a layer needs an activation that varies with its argument."
        )
    return amplitudes


def _partition_of_unity(position: Array) -> Array:
    """Weight of the unshifted copy: 1 up to a quarter of the period, 0 from three quarters on."""
    # Between a step that is too sharp and one whose tails are cut off, 4 gives the fewest terms for 1e-14.
    t = np.clip(4.0 * position - 2.0, -1.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.asarray(0.5 * special.erfc(4.0 * t / np.sqrt(1.0 - t * t)))


def activation_values(function: Callable[..., Any], z: Array) -> Array:
    """Values of a user's callable, or an error that says what it did wrong.

    Parameters
    ----------
    function, z : callable, ndarray of shape (n_points,)
        An activation, and arguments in order.

    Returns
    -------
    ndarray of shape (n_points,)
        Values.
    """
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(function(z))
    except Exception as error:
        raise ValueError(
            f"activation={function!r} raised {type(error).__name__} ({error}) for a float64 array of shape "
            f"{z.shape}; pass a vectorised function f(z) -> array, such as numpy.tanh."
        ) from error
    if values.dtype.kind not in "biuf":
        raise TypeError(f"activation={function!r} returned dtype {values.dtype}; it must return real numbers.")
    if values.shape != z.shape:
        raise ValueError(
            f"activation={function!r} returned shape {values.shape} for an array of shape {z.shape}; "
            "it must act on each element and keep the shape."
        )
    if not np.isfinite(values).all():
        worst = z[~np.isfinite(values)][0]
        raise ValueError(
            f"activation={function!r} returned a non-finite value at z={worst:g}; it must be finite on "
            f"[{z[0]:g}, {z[-1]:g}]: clip its argument, or its value."
        )
    return values.astype(np.float64)


@np.errstate(over="ignore")
def _gaussian(z: Array) -> Array:
    return np.exp(-0.5 * np.square(z))


@np.errstate(over="ignore")
def _inverse_quadratic(z: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.square(z)))


def _exponential(z: Array) -> Array:
    return np.exp(-np.abs(z))


def _sech(z: Array) -> Array:
    # 1 / cosh(z) without its overflow.
    e = np.exp(-np.abs(z))
    return np.asarray(2.0 * e / (1.0 + e * e))


def _inverse_normal_scales(u: Array) -> Array:
    """Quantiles of ``1 / |N(0, 1)|``, whose square has the Laplace transform ``exp(-sqrt(2 s))`` (Levy)."""
    return np.asarray(-1.0 / special.ndtri(0.5 * u))


def _rayleigh_scales(u: Array) -> Array:
    """Quantiles whose square is exponential with mean 2, with Laplace transform ``1 / (1 + 2 s)``."""
    return np.sqrt(-2.0 * np.log1p(-u))


def _exit_time_scales(u: Array) -> Array:
    """Quantiles of the root of T, the exit time of Brownian motion from (-1, 1).

    ``E exp(-s T) = 1 / cosh(sqrt(2 s))``, and the distribution function of T has two theta series (Biane,
    Pitman & Yor 2001, section 3.3), dual around ``t = 2 / pi``. Even there the first term outweighs the
    others a hundred times, so the equation is solved for the first term with the others taken from the step
    before: every step gains more than two digits.
    """
    # Early exits, in x = 1 / sqrt(2 t): u / 2 = erfc(x) - erfc(3 x) + erfc(5 x) - ...
    target = 0.5 * np.minimum(u, _EXIT_SPLIT)
    x = special.erfcinv(target)
    for _ in range(8):
        x = special.erfcinv(target + special.erfc(3.0 * x) - special.erfc(5.0 * x))
    # Late exits, in q = exp(-pi^2 t / 8): pi (1 - u) / 4 = q - q^9 / 3 + q^25 / 5 - ...
    target = 0.25 * np.pi * (1.0 - np.maximum(u, _EXIT_SPLIT))
    q = target
    for _ in range(8):
        q = target + q**9 / 3.0 - q**25 / 5.0
    return np.asarray(np.where(u < _EXIT_SPLIT, math.sqrt(0.5) / x, np.sqrt(-8.0 * np.log(q)) / np.pi))


_REMEDY = f"use one of {', '.join(ACTIVATIONS)}, or a vectorised callable f(z) -> array."
# The distribution function of the exit time at t = 2 / pi, where its two series converge equally fast.
_EXIT_SPLIT = 1.0 - (4.0 / np.pi) * sum(
    (-1) ** k * math.exp(-((2 * k + 1) ** 2) * np.pi / 4.0) / (2 * k + 1) for k in range(4)
)
_ANALYTIC: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "gaussian": (_gaussian, np.ones_like),
    "laplace": (_inverse_quadratic, _rayleigh_scales),
    "cauchy": (_exponential, _inverse_normal_scales),
    "sech": (_sech, _exit_time_scales),
}
SINGLE_FREQUENCY = {"sin": -1j, "cos": 1.0 + 0.0j}
EXTENDED_ACTIVATIONS: dict[str, Callable[[Array], Any]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "softplus": lambda z: np.logaddexp(0.0, z),
    "erf": special.erf,
    "elu": lambda z: np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0))),
    "step": lambda z: np.heaviside(z, 0.5),
}
