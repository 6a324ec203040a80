"""How far targets lie from predictions: widths that vary with the inputs, calibrated on held-out residuals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from .._compute import Array, one_blas_thread
from .._kernel_learning import is_wide, row_coordinates
from .._kernels import Centres, Kernel, column_deviations, kernel_matrix, spectrum_of, typical_length_scale
from .._ridge import held_out_residuals, solve_dual

# Penalties to compare.
_ALPHAS = np.logspace(-1.0, 3.0, 5)
# Factors of the length scale to compare: residuals vary more slowly than targets do.
_STRETCH = (1.0, 3.0)
# Number of folds that compare them.
_N_FOLDS = 10
# Shares of the variation of the size to compare: see `_trusted_share`.
_SHARES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
# Smallest residual, as a share of the typical one. Smaller ones are raised to it before the logarithm is taken.
_LEAST_RESIDUAL = 1e-2
# Smallest typical residual, as a share of the root mean square: where most residuals are zero, the others count.
_LEAST_TYPICAL = 1e-4
# Share of rows whose residuals follow the size of all residuals, and not that of their neighbours. Without it, one
# unusual row in thousands would cost more likelihood than all other rows gain.
_OUTLYING = 0.05
# Rows that tell as much of the size of residuals as one would whose kernel, length scales and penalty were known:
# simulated for tables of 12 to 120 rows of four kinds and one to ten columns, with either feature map.
_ROWS_PER_FREE_ROW, _ROWS_LOST = 4.8, 2.0
# Share of normal numbers within one standard deviation.
_ONE_DEVIATION = 0.6827


@dataclass(frozen=True, eq=False)
class ResidualSpread:
    """Typical size of residuals as a function of the inputs, and how residuals are distributed around it.

    Parameters
    ----------
    kernels : tuple of Kernel
        Of the smoothing.
    centres : ndarray of shape (n_held, n_features)
        Held-out rows.
    coef : ndarray of shape (n_held, n_targets)
        Coefficients of the logarithm of the size.
    intercept : ndarray of shape (n_targets,)
        Its intercept.
    ratios : ndarray of shape (n_held, n_targets)
        Absolute residuals divided by the size that the other rows predict.
    root_mean_square : ndarray of shape (n_targets,)
        Of all residuals.
    sample_weight : ndarray of shape (n_held,)
        Weights.
    """

    kernels: tuple[Kernel, ...]
    centres: Array
    coef: Array
    intercept: Array
    ratios: Array
    root_mean_square: Array
    sample_weight: Array

    def size(self, inputs: Array) -> Array:
        """Typical size of residuals of rows.

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, n_features)
            Transformed rows.

        Returns
        -------
        ndarray of shape (n_samples, n_targets)
            Positive, up to a factor that `quantile` and `deviation` know.
        """
        logarithms = np.zeros((len(inputs), self.coef.shape[1]))
        self._prepared.add_products(inputs, self.coef, logarithms)
        return np.asarray(np.exp(logarithms + self.intercept))

    @cached_property
    def _prepared(self) -> Centres:
        return Centres(self.kernels, self.centres, np.float64)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is prepared anew."""
        return {name: value for name, value in vars(self).items() if name != "_prepared"}

    def quantile(self, level: float) -> Array:
        """Multiple of the size within which residuals stay with a given probability.

        Parameters
        ----------
        level : float
            Between 0 and 1.

        Returns
        -------
        ndarray of shape (n_targets,)
            Infinite when there are too few rows for the level.
        """
        needed = level * (self.sample_weight.sum() + self.sample_weight.mean())
        quantiles = np.full(self.ratios.shape[1], np.inf)
        for t, ratios in enumerate(self.ratios.T):
            order = np.argsort(ratios, kind="stable")
            # A sum of equal weights must not miss the level by rounding.
            position = np.searchsorted(np.cumsum(self.sample_weight[order]) * (1.0 + 1e-12), needed)
            if position < len(ratios):
                quantiles[t] = ratios[order[position]]
        return optimism(len(self.ratios), level) * quantiles

    @property
    def deviation_parts(self) -> tuple[Array, Array]:
        """Factor of the size of a row, and a constant, whose root of the sum of squares is the standard deviation."""
        unit, factor = np.average(self.ratios**2, axis=0, weights=self.sample_weight), self._optimism
        return factor * np.sqrt((1.0 - _OUTLYING) * unit), factor * np.sqrt(_OUTLYING) * self.root_mean_square

    @property
    def _optimism(self) -> float:
        return optimism(len(self.ratios), _ONE_DEVIATION)

    def deviation(self, size: Array) -> Array:
        """Standard deviation of residuals, of which a few follow the size of all residuals only.

        Parameters
        ----------
        size : ndarray of shape (n_samples, n_targets)
            Of rows, as `size` gives it.

        Returns
        -------
        ndarray of shape (n_samples, n_targets)
            The deviations.
        """
        own, common = self.deviation_parts
        deviations: Array = np.hypot(own * size, common)
        return deviations


def optimism(n_rows: int, level: float) -> float:
    """Factor between new residuals and those of rows left out of a fit, whose choices have seen these rows.

    Kernel, length scales, penalty and the sizes themselves were chosen by the rows that are left out in turn, so that
    these tell less of new rows than as many rows would that nobody had looked at.

    Parameters
    ----------
    n_rows : int
        Number of rows left out in turn.
    level : float
        Share of the residuals that a multiple of their size shall hold, between 0 and 1.

    Returns
    -------
    float
        The quantile of Student's distribution, with a degree of freedom for every five rows or so, over the normal one.

    References
    ----------
    Student, "The probable error of a mean", Biometrika 1908.

    Examples
    --------
    >>> [round(optimism(n, 0.9), 2) for n in (12, 20, 60, 300)], round(optimism(12, 0.5), 2)
    ([1.73, 1.32, 1.08, 1.02], 1.2)
    """
    free = max((n_rows - _ROWS_LOST) / _ROWS_PER_FREE_ROW, 1.0)
    quantile = 0.5 + 0.5 * level
    return float(stdtrit(free, quantile) / ndtri(quantile))


def fit_spread(kernels: Sequence[Kernel], inputs: Array, residuals: Array, sample_weight: Array) -> ResidualSpread:
    """Learn the size of residuals from those of held-out rows.

    The logarithm of absolute residuals is smoothed by kernel ridge regression; cross-validation chooses between the
    kernel of the network and one to which all columns are equal, and their width and penalty. The variation of the size
    is then shrunk to the share that makes the residuals most likely, where each residual is compared with the size that
    the other rows predict for it.

    Parameters
    ----------
    kernels : sequence of Kernel
        Of the network.
    inputs : ndarray of shape (n_held, n_features)
        Transformed rows.
    residuals : ndarray of shape (n_held, n_targets)
        Their held-out residuals.
    sample_weight : ndarray of shape (n_held,)
        Positive weights.

    Returns
    -------
    ResidualSpread
        The fitted sizes.

    References
    ----------
    Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-free predictive inference for regression", JASA 2018,
    section 5.2 (residuals scaled by their local size); Barber, Candes, Ramdas and Tibshirani, "Predictive inference
    with the jackknife+", Annals of Statistics 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._networks.intervals import fit_spread
    >>> from sknnk._kernels import Kernel
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> noise = np.random.default_rng(0).normal(size=(200, 1)) * np.exp(X)
    >>> spread = fit_spread([Kernel("gaussian", "isotropic", np.ones(1))], X, noise, np.ones(200))
    >>> small, large = spread.deviation(spread.size(X[[0, -1]])).ravel()
    >>> bool(small < 1 < large)
    True
    """
    absolute = np.abs(residuals)
    root_mean_square = np.sqrt(np.average(residuals**2, axis=0, weights=sample_weight))
    typical = np.clip(
        _median(absolute, sample_weight) / ndtri(0.75), _LEAST_TYPICAL * root_mean_square, root_mean_square
    )
    least = np.maximum(typical * _LEAST_RESIDUAL, np.finfo(np.float64).tiny)
    logarithms = np.log(np.maximum(absolute, least))
    weight = sample_weight / sample_weight.mean()
    wide, coef, intercept, left = _smoothed(kernels, inputs, logarithms, weight)
    mean = np.average(logarithms, axis=0, weights=weight)
    share = _trusted_share(residuals, logarithms - left - mean, weight)
    ratios = absolute / np.exp(mean + share * (logarithms - left - mean))
    shrunk = (share * coef, mean + share * (intercept - mean))
    return ResidualSpread(wide, inputs, *shrunk, ratios, root_mean_square, sample_weight)


def _median(absolute: Array, sample_weight: Array) -> Array:
    """Weighted median of each column: a few rows far outside the others do not move it."""
    order = np.argsort(absolute, axis=0)
    reached = np.cumsum(sample_weight[order], axis=0)
    middle = np.argmax(reached >= 0.5 * reached[-1], axis=0)
    medians: Array = np.take_along_axis(absolute, order, axis=0)[middle, np.arange(absolute.shape[1])]
    return medians


def _smoothed(
    kernels: Sequence[Kernel], inputs: Array, logarithms: Array, weight: Array
) -> tuple[tuple[Kernel, ...], Array, Array, Array]:
    """Kernels, coefficients, intercept and left-out residuals of the best smoothing."""
    typical = typical_length_scale(column_deviations(inputs, weight), spectrum_of("gaussian"), "gaussian", "isotropic")
    # Noise may depend on columns that the targets do not depend on, and that the network has learned to ignore.
    equal = Kernel("gaussian", "isotropic", np.full(inputs.shape[1], 1.0 / typical))
    best, best_error = (tuple(kernels), *_constant(logarithms, weight)), np.inf
    widths = product((tuple(kernels), (equal,)), _STRETCH)
    options = [tuple(replace(kernel, scales=kernel.scales / stretch) for kernel in same) for same, stretch in widths]
    for wide, values, alpha in _each_penalty(options, inputs):
        with one_blas_thread():
            solution = solve_dual(values.copy(order="F"), logarithms, weight, alpha, len(inputs))
            left = None if solution is None else held_out_residuals(solution, _N_FOLDS)
        if solution is None or left is None:
            continue
        error = float(np.mean(np.average(left**2, axis=0, weights=weight)))
        if error < best_error:
            best, best_error = (wide, solution.coef, solution.intercept, left), error
    return best


def _each_penalty(
    options: Sequence[tuple[Kernel, ...]], inputs: Array
) -> Iterator[tuple[tuple[Kernel, ...], Array, float]]:
    """Every option with its values among the rows, which are computed once, and every penalty."""
    with one_blas_thread():
        compared, rows = _compared_rows(options, inputs)
    for kernels, same in zip(options, compared, strict=True):
        with one_blas_thread():
            values = kernel_matrix(same, rows, rows)
        for alpha in _ALPHAS:
            yield kernels, values, float(alpha)


def _compared_rows(options: Sequence[tuple[Kernel, ...]], inputs: Array) -> tuple[Sequence[tuple[Kernel, ...]], Array]:
    """Kernels and rows with the same values: of many equal columns, coordinates in the space of fewer rows."""
    n_rows, n_features = inputs.shape
    equal = all(
        kernel.frequencies == "isotropic" and kernel.projection is None and np.ptp(kernel.scales) == 0.0
        for kernels in options
        for kernel in kernels
    )
    if not (equal and is_wide(n_features) and n_rows < n_features):
        return options, inputs
    shorter = [tuple(replace(kernel, scales=kernel.scales[:n_rows]) for kernel in kernels) for kernels in options]
    return shorter, row_coordinates(inputs)


def _trusted_share(residuals: Array, deviations: Array, weight: Array) -> Array:
    """Share of the variation of the logarithmic size that makes held-out residuals most likely, for each target.

    Residuals of nearly zero have logarithms far away from all others, and what is learned from them varies too much.
    """
    losses = []
    for share in _SHARES:
        size = np.exp(share * deviations)
        variance = np.average((residuals / size) ** 2, axis=0, weights=weight)
        logarithm = np.log(np.maximum(variance, np.finfo(np.float64).tiny))
        losses.append(0.5 * logarithm + share * np.average(deviations, axis=0, weights=weight))
    shares: Array = _SHARES[np.argmin(losses, axis=0)]
    return shares


def _constant(logarithms: Array, weight: Array) -> tuple[Array, Array, Array]:
    mean = np.average(logarithms, axis=0, weights=weight)
    return np.zeros_like(logarithms), mean, logarithms - mean
