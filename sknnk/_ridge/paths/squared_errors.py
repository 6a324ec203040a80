"""Squared errors of linear predictors, from moments of the rows or from predictions, and the scores made of them."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dsymm
from sklearn.exceptions import UndefinedMetricWarning

from ..._compute import Array
from ..moments import Moments

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class SquaredErrors:
    """Weighted sums over the rows of one set, for several predictors at once.

    Parameters
    ----------
    residual : ndarray of shape (n_alphas, n_targets)
        Sums of squared residuals.
    rounding : ndarray of shape (n_alphas, n_targets)
        Bounds on their rounding errors.
    spread : ndarray of shape (n_targets,)
        Sums of squared differences of the targets from their mean.
    weight : float
        Sum of the weights.
    n_samples : int
        Number of rows.
    """

    residual: Array
    rounding: Array
    spread: Array
    weight: float
    n_samples: int

    def in_units(self, factors: Array) -> "SquaredErrors":
        """Errors of targets whose squares are multiplied by `factors`, shape (n_targets,)."""
        sums = (self.residual * factors, self.rounding * factors, self.spread * factors)
        return SquaredErrors(*sums, self.weight, self.n_samples)

    def mean_squared_error(self) -> Array:
        """Mean squared error per predictor, the mean over targets."""
        return np.asarray(np.mean(self.residual / self.weight, axis=1))

    def root_mean_squared_error(self) -> Array:
        """Mean over targets of the root of the mean squared error, per predictor."""
        return np.asarray(np.mean(np.sqrt(self.residual / self.weight), axis=1))

    def r2(self) -> Array:
        """Coefficient of determination per predictor, the mean over targets; as scikit-learn for constant targets."""
        if self.n_samples < 2:
            warnings.warn("R2 is not defined for fewer than two rows.", UndefinedMetricWarning, stacklevel=2)
            return np.full(len(self.residual), np.nan)
        varies = self.spread > 0.0
        share = np.divide(self.residual, self.spread, out=np.zeros_like(self.residual), where=varies)
        constant = np.where(self.residual == 0.0, 1.0, 0.0)
        return np.asarray(np.mean(np.where(varies, 1.0 - share, constant), axis=1))

    def is_precise(self, tolerance: float) -> bool:
        """Whether every sum is known to this relative precision."""
        return bool(np.all(self.rounding <= tolerance * self.residual))


def squared_errors_of_moments(moments: Moments, coef: Array, intercept: Array) -> SquaredErrors:
    """Squared errors of linear predictors without looking at the rows.

    Parameters
    ----------
    moments : Moments
        Of the rows to predict.
    coef : ndarray of shape (n_columns, n_alphas, n_targets)
        Coefficients.
    intercept : ndarray of shape (n_alphas, n_targets)
        Intercepts.

    Returns
    -------
    SquaredErrors
        The quadratic form about the means of the rows, plus the square of the mean residual. In a form about zero, this
        square would lose digits by cancellation.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> F, Y = np.array([[0.0], [1.0]]), np.array([[1.0], [4.0]])
    >>> squared_errors_of_moments(Moments.from_block(F, Y), np.ones((1, 1, 1)), np.zeros((1, 1))).residual
    array([[10.]])
    """
    flat = np.asfortranarray(coef.reshape(len(coef), -1))
    image = dsymm(1.0, moments.gram, flat).reshape(coef.shape)
    quadratic = np.einsum("dat,dat->at", coef, image)
    linear = np.einsum("dat,dt->at", coef, moments.cross)
    shift = moments.target_mean - np.einsum("dat,d->at", coef, moments.mean) - intercept
    residual = moments.target_square - 2.0 * linear + quadratic + moments.weight * shift**2
    # Bound on the rounding error of each term. It matters if coefficients are much larger than predictions.
    size, cross = np.linalg.norm(coef, axis=0), np.linalg.norm(moments.cross, axis=0)
    gram = np.trace(moments.gram)
    mean = np.abs(moments.target_mean) + size * np.linalg.norm(moments.mean) + np.abs(intercept)
    rounding = moments.target_square + 2.0 * size * cross + gram * size**2
    rounding = _EPS * (rounding + 2.0 * moments.weight * np.abs(shift) * mean)
    spread = moments.target_square
    return SquaredErrors(np.maximum(residual, 0.0), rounding, spread, moments.weight, moments.n_samples)


def squared_errors_of_predictions(Y: Array, predictions: Array, sample_weight: Array) -> SquaredErrors:
    """Squared errors from predictions of every row.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    predictions : ndarray of shape (n_samples, n_alphas, n_targets)
        Their predictions.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights with a positive sum.

    Returns
    -------
    SquaredErrors
        Precise.
    """
    residual = np.einsum("i,iat->at", sample_weight, (Y[:, None] - predictions) ** 2)
    spread = sample_weight @ (Y - np.average(Y, axis=0, weights=sample_weight)) ** 2
    return SquaredErrors(residual, np.zeros_like(residual), spread, float(sample_weight.sum()), len(Y))
