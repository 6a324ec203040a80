"""Spectra for estimating a layer: chosen so that bias and variance of the estimator fall together.

An estimate of ``exp(i omega z)`` by random features has a variance that grows exponentially with ``omega``. The
spectrum that is best for approximation (see `_spectra`) is therefore the worst for estimation: that of a function with
a corner has an estimator of infinite variance. Here the sum of cosines is fitted under the price of its own variance,
after universal random features (Sehanobish et al., ICLR 2024, arXiv 2310.13225, section 3).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import median_filter

from ..._compute import Array, Complexes, Indices
from ..._kernels import EXTENDED_ACTIVATIONS, SINGLE_FREQUENCY, activation_values, spectrum_of
from .variance import Split, balanced_split, largest_variance, log_second_moment_bound

# Frequencies pi k / (4 half_width): fine enough that a finer grid lowers the error by less than a per cent.
_N_FREQUENCIES = 96
_N_POINTS = 601
_N_DENSE = 20_001
_STEPS = 40
_NEGLIGIBLE = 1e-6
_LOG_PRICE_LIMIT = 600.0


@dataclass(frozen=True, eq=False)
class UnbiasedSpectrum:
    """``constant + slope z + Re sum_k amplitudes[k] exp(i frequencies[k] z)``, and how often each term is drawn.

    Attributes
    ----------
    frequencies : ndarray of shape (n_terms,)
        Positive and increasing.
    amplitudes : ndarray of shape (n_terms,), complex
        Amplitude of each frequency.
    counts : ndarray of shape (n_terms,), int
        Number of directions of each frequency, at least one.
    constant, slope : float
        Terms that are represented exactly.
    half_width : float
        The interval ``[-half_width, half_width]`` of the fit.
    max_error : float
        Bias: an upper bound of the distance to the activation on that interval, measured on a dense grid and rounded
        up.
    variance_bound : float
        Upper bound of the variance of an estimate with independent directions, for all arguments in range.
    relative_error : float
        Root of the mean squared bias plus the variance bound, in units of the activation's standard deviation.

    Examples
    --------
    >>> fitted = fit_unbiased_spectrum("tanh", 1.5, lambda omega: 2.0 * omega, n_directions=100)
    >>> bool(abs(fitted(1.0) - np.tanh(1.0)) <= fitted.max_error)
    True
    """

    name: str
    frequencies: Array = field(repr=False)
    amplitudes: Complexes = field(repr=False)
    counts: Indices = field(repr=False)
    constant: float
    slope: float
    half_width: float
    max_error: float
    variance_bound: float
    relative_error: float

    def __post_init__(self) -> None:
        """Freeze the arrays too."""
        for array in (self.frequencies, self.amplitudes, self.counts):
            array.setflags(write=False)

    def __call__(self, z: ArrayLike) -> Array:
        """Evaluate the series, which is what the estimator is unbiased for."""
        z = np.asarray(z, dtype=np.float64)
        total = self.constant + self.slope * z
        for omega, a in zip(self.frequencies, self.amplitudes, strict=True):
            total = total + a.real * np.cos(omega * z) - a.imag * np.sin(omega * z)
        return total


def fit_unbiased_spectrum(
    activation: str | Callable[..., Any],
    half_width: float,
    log_second_moment: Callable[[Array], Array],
    n_directions: int,
    *,
    slope: bool = False,
) -> UnbiasedSpectrum:
    """Spectrum of least expected squared error for a number of directions.

    It minimises the mean over the interval of ``(f - series)^2`` plus ``(sum_k |a_k| sqrt(v_k))^2 / n_directions``,
    the variance bound of the best allocation of directions, where ``v_k`` bounds the second moment of one direction.
    The sum of absolute values makes the series sparse; it is minimised by reweighted least squares, each step in closed
    form. Then the allocation is rounded to whole directions and the amplitudes are fitted once more for it.

    Parameters
    ----------
    activation : str or callable
        As for :func:`spectrum_of`.
    half_width : float
        Largest argument, positive.
    log_second_moment : callable
        Gives ``log v_k`` for frequencies.
    n_directions : int
        Number of directions to share among the frequencies; zero leaves the terms that cost none.
    slope : bool, default=False
        Whether a linear term is represented exactly, next to the constant.

    Returns
    -------
    UnbiasedSpectrum
        The fit. A sine and a cosine keep their own frequency, without bias.

    Examples
    --------
    >>> log_price = lambda omega: 2.0 * omega
    >>> errors = [fit_unbiased_spectrum("relu", 1.0, log_price, n).relative_error for n in (10, 100, 1000)]
    >>> errors == sorted(errors, reverse=True)
    True
    """
    name, function = named_function(activation)
    z: Array = np.linspace(-half_width, half_width, _N_POINTS)
    values = activation_values(function, z)
    frequencies: Array
    if isinstance(activation, str) and name in SINGLE_FREQUENCY and n_directions:
        frequencies, counts = np.ones(1), np.array([n_directions])
        amplitudes, free = np.array([SINGLE_FREQUENCY[name]], dtype=np.complex128), np.zeros(2)
        variance = expected_square = float(_prices(log_second_moment, frequencies)[0] ** 2) / n_directions
    else:
        grid: Array = np.arange(1.0, _N_FREQUENCIES + 1.0) * (0.25 * np.pi / half_width)
        fit = _PricedFit(z, values, grid, _prices(log_second_moment, grid), slope)
        kept, counts, theta, expected_square = _allocated(fit, n_directions)
        free, waves = np.append(theta[: 1 + slope], 0.0)[:2], theta[1 + slope :].reshape(2, -1)
        frequencies, amplitudes = grid[kept], (waves[0] - 1j * waves[1]) / fit.prices[kept]
        variance = float(np.sum(np.sum(waves**2, axis=0) / counts))
    spread = float(values.std())
    relative = float(expected_square**0.5) / spread if spread else 0.0
    fixed = (float(free[0]), float(free[1]), half_width)
    series = UnbiasedSpectrum(name, frequencies, amplitudes, counts, *fixed, 0.0, _rounded_up(variance), relative)
    return replace(series, max_error=_largest_error(function, series))


def layer_spectrum(
    activation: str | Callable[..., Any],
    n_components: int,
    n_features: int,
    oscillating_norm: float,
    growing_norm: float,
    half_width: float,
) -> UnbiasedSpectrum:
    """Spectrum for estimating a layer with a number of columns, the constant among them.

    Parameters
    ----------
    activation : str or callable
        As for :func:`spectrum_of`.
    n_components : int
        Number of columns.
    n_features : int
        Number of inputs. A linear term takes as many columns; it is used where it pays.
    oscillating_norm, growing_norm : float
        Largest norms of the two sides, as in :func:`balanced_split`.
    half_width : float
        Largest argument of the activation.

    Returns
    -------
    UnbiasedSpectrum
        That of the lower expected squared error.

    Examples
    --------
    >>> wide, narrow = (layer_spectrum("relu", m, 4, 1.0, 1.0, 1.5) for m in (1000, 100))
    >>> wide.variance_bound < narrow.variance_bound and wide.max_error < narrow.max_error
    True
    """
    plan = (n_components, n_features, oscillating_norm, growing_norm, half_width)
    # The fit takes tens of milliseconds and depends on no random state, so that seeds can share it.
    return _named_layer_spectrum(activation, *plan) if isinstance(activation, str) else _best_fit(activation, *plan)


def _best_fit(
    activation: str | Callable[..., Any],
    n_components: int,
    n_features: int,
    oscillating_norm: float,
    growing_norm: float,
    half_width: float,
) -> UnbiasedSpectrum:
    def log_second_moment(frequencies: Array) -> Array:
        split = balanced_split(frequencies, oscillating_norm, growing_norm, n_features)
        return log_second_moment_bound(split, oscillating_norm, growing_norm, n_features)

    def fit(slope: bool) -> UnbiasedSpectrum:
        n_directions = (n_components - 1 - slope * n_features) // 2
        return fit_unbiased_spectrum(activation, half_width, log_second_moment, n_directions, slope=slope)

    fits = [fit(slope) for slope in (False, True) if n_components > slope * n_features]
    best = min(fits, key=lambda fitted: fitted.relative_error)
    return _with_tight_bound(best, (oscillating_norm, growing_norm), n_features)


def _with_tight_bound(series: UnbiasedSpectrum, norms: tuple[float, float], n_features: int) -> UnbiasedSpectrum:
    """The variance bound that knows the amplitudes; the spectrum is fitted under one that depends on frequencies."""
    # What is left of the largest argument beside the largest product.
    largest_bias = max(0.0, series.half_width - norms[0] * norms[1])
    total = 0.0
    for omega, amplitude, count in zip(series.frequencies, series.amplitudes, series.counts, strict=True):
        split = Split(*(each[0] for each in balanced_split([omega], *norms, n_features)))
        total += largest_variance(split, amplitude, norms, omega * largest_bias, n_features) / count
    return replace(series, variance_bound=min(_rounded_up(total), series.variance_bound))


_named_layer_spectrum = lru_cache(maxsize=32)(_best_fit)


@dataclass(frozen=True, eq=False)
class _PricedFit:
    """Least squares in amplitudes times prices, so that the variance is a plain sum of squares."""

    z: Array
    values: Array
    frequencies: Array
    prices: Array
    slope: bool

    def design(self, kept: Indices) -> Array:
        """Columns: the free terms, then cosines, then sines, divided by their prices."""
        free = np.stack([np.ones_like(self.z), self.z])[: 1 + self.slope]
        phases = np.multiply.outer(self.frequencies[kept], self.z)
        price = self.prices[kept, None]
        return np.vstack([free, np.cos(phases) / price, np.sin(phases) / price]).T

    def solve(self, kept: Indices, penalties: Array) -> tuple[Array, Array, float]:
        """Coefficients, the size of each frequency, and the penalised mean square."""
        design, n_free = self.design(kept), 1 + self.slope
        diagonal = np.concatenate([np.zeros(n_free), penalties, penalties])
        gram = design.T @ design / self.z.size + np.diag(diagonal)
        theta: Array = np.asarray(np.linalg.solve(gram, design.T @ self.values / self.z.size), dtype=np.float64)
        sizes: Array = np.hypot(*theta[n_free:].reshape(2, -1))
        return theta, sizes, float(np.mean((self.values - design @ theta) ** 2) + diagonal @ theta**2)


def _allocated(fit: _PricedFit, n_directions: int) -> tuple[Indices, Indices, Array, float]:
    """Frequencies kept, whole numbers of directions, coefficients, and the penalised mean square."""
    kept = np.arange(fit.frequencies.size if n_directions else 0)
    shares = np.full(kept.size, 1.0 / max(kept.size, 1))
    for _ in range(_STEPS if n_directions else 0):
        _, sizes, _ = fit.solve(kept, 1.0 / (n_directions * shares))
        # Frequencies on their way to zero are dropped early: what is left is a handful.
        alive = sizes > _NEGLIGIBLE * np.max(sizes, initial=0.0)
        kept, shares = kept[alive], sizes[alive] / np.sum(sizes[alive])
    largest = np.sort(np.argsort(-shares, kind="stable")[:n_directions])
    kept, shares = kept[largest], shares[largest] / np.sum(shares[largest])
    kept, shares = kept[shares * n_directions >= 0.5], shares[shares * n_directions >= 0.5]
    counts = _whole_numbers(shares, n_directions)
    theta, _, expected_square = fit.solve(kept, 1.0 / counts)
    return kept, counts, theta, expected_square


def _whole_numbers(shares: Array, total: int) -> Indices:
    """Round shares to positive whole numbers with the given sum; there are at most as many shares."""
    if not shares.size:
        return np.zeros(0, dtype=np.intp)
    spare = total - shares.size
    quota = spare * shares / shares.sum()
    counts: Indices = np.floor(quota).astype(np.intp)
    counts[np.argsort(counts - quota, kind="stable")[: spare - counts.sum()]] += 1
    return np.asarray(counts + 1)


def _prices(log_second_moment: Callable[[Array], Array], frequencies: Array) -> Array:
    """Root of the second moment of one direction, kept finite: such a frequency is never worth it."""
    return np.asarray(np.exp(0.5 * np.minimum(log_second_moment(frequencies), _LOG_PRICE_LIMIT)))


def named_function(activation: str | Callable[..., Any]) -> tuple[str, Callable[..., Any]]:
    """The activation itself, where a spectrum may only approximate it.

    Parameters
    ----------
    activation : str or callable
        As for :func:`spectrum_of`.

    Returns
    -------
    name : str
        Its name.
    function : callable
        Exact, not a series.

    Examples
    --------
    >>> name, relu = named_function("relu")
    >>> name, relu(np.array([-1.0, 2.0])).tolist()
    ('relu', [0.0, 2.0])
    """
    if callable(activation):
        return getattr(activation, "__name__", type(activation).__name__), activation
    return activation, EXTENDED_ACTIVATIONS.get(activation) or spectrum_of(activation)


def _largest_error(function: Callable[..., Any], series: UnbiasedSpectrum) -> float:
    """Upper bound of the error on the interval."""
    z = np.linspace(-series.half_width, series.half_width, _N_DENSE)
    error = series(z) - activation_values(function, z)
    # Between two points the error can exceed both by half of how much it moves there. A lone jump is no such movement:
    # on both sides of it the points of the grid see the whole error.
    steps = median_filter(np.abs(np.diff(error)), 5, mode="nearest")
    return _rounded_up(float(np.abs(error).max() + 0.5 * steps.max()))


def _rounded_up(value: float) -> float:
    """Up to the next number of four digits, so that no rounding makes a bound false."""
    if value == 0.0 or not np.isfinite(value):
        return value
    unit = 10.0 ** (np.floor(np.log10(value)) - 3)
    return float(f"{np.ceil(value / unit + 1e-9) * unit:.4g}")
