"""How far targets lie from predictions: widths that vary with the inputs, calibrated on held-out residuals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ._blocks import one_blas_thread
from ._dual import held_out_residuals, solve_dual
from ._kernels import Kernel, kernel_matrix

Array = NDArray[np.float64]

_ALPHAS = np.logspace(-1.0, 3.0, 5)
# Residuals vary more slowly than targets do.
_STRETCH = (1.0, 3.0)
_N_FOLDS = 10
_SHARES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
# Residuals below this share of their root mean square are as good as none; their logarithms are cut off there.
_LEAST_RESIDUAL = 1e-2


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
    sample_weight : ndarray of shape (n_held,)
        Weights.
    """

    kernels: tuple[Kernel, ...]
    centres: Array
    coef: Array
    intercept: Array
    ratios: Array
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
        sizes: Array = np.exp(kernel_matrix(self.kernels, inputs, self.centres) @ self.coef + self.intercept)
        return sizes

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
        return quantiles

    def deviation(self) -> Array:
        """Root mean square of residuals in units of their size, shape (n_targets,)."""
        deviations: Array = np.sqrt(np.average(self.ratios**2, axis=0, weights=self.sample_weight))
        return deviations


def fit_spread(kernels: Sequence[Kernel], inputs: Array, residuals: Array, sample_weight: Array) -> ResidualSpread:
    """Learn the size of residuals from those of held-out rows.

    The logarithm of absolute residuals is smoothed by kernel ridge regression, width and penalty chosen by
    cross-validation. As much of its variation is kept as makes the residuals most likely, each of them compared with
    the size that other rows predict for it.

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
    >>> from sknnk._intervals import fit_spread
    >>> from sknnk._kernels import Kernel
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> noise = np.random.default_rng(0).normal(size=(200, 1)) * np.exp(X)
    >>> spread = fit_spread([Kernel("gaussian", "isotropic", np.ones(1))], X, noise, np.ones(200))
    >>> small, large = (spread.size(X[[0, -1]]) * spread.deviation()).ravel()
    >>> bool(small < 1 < large)
    True
    """
    absolute = np.abs(residuals)
    least = np.sqrt(np.average(residuals**2, axis=0, weights=sample_weight)) * _LEAST_RESIDUAL
    logarithms = np.log(np.maximum(absolute, np.maximum(least, np.finfo(np.float64).tiny)))
    weight = sample_weight / sample_weight.mean()
    best, best_error = None, np.inf
    for stretch in _STRETCH:
        wide = tuple(replace(kernel, scales=kernel.scales / stretch) for kernel in kernels)
        for alpha in _ALPHAS:
            with one_blas_thread():
                K = kernel_matrix(wide, inputs, inputs).copy(order="F")
                solution = solve_dual(K, logarithms, weight, float(alpha), len(inputs))
            folds = [np.arange(i, len(inputs), _N_FOLDS) for i in range(min(_N_FOLDS, len(inputs)))]
            left = None if solution is None else held_out_residuals(solution, folds)
            if solution is None or left is None:
                continue
            error = float(np.mean(np.average(left**2, axis=0, weights=weight)))
            if error < best_error:
                best, best_error = (wide, solution.coef, solution.intercept, left), error
    wide, coef, intercept, left = best or (tuple(kernels), *_constant(logarithms, weight))
    mean = np.average(logarithms, axis=0, weights=weight)
    share = _trusted_share(residuals, logarithms - left - mean, weight)
    ratios = absolute / np.exp(mean + share * (logarithms - left - mean))
    return ResidualSpread(wide, inputs, share * coef, mean + share * (intercept - mean), ratios, sample_weight)


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
