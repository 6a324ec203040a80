"""How well predictions explain targets, by the loss that a network minimises."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, d2_tweedie_score, r2_score

# Losses of scikit-learn's power of the mean that the variance grows with.
_POWERS = {"poisson": 1, "gamma": 2}


def explained_share(y: Any, predicted: Any, sample_weight: Any = None, *, loss: str, quantile: Any = 0.5) -> float:
    """Share of a loss that predictions explain: one for perfect ones, zero for the best constant.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    predicted : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Predictions.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    loss : str
        Name of the loss.
    quantile : float or array-like of float, default=0.5
        Level, or levels, of ``loss="quantile"``.

    Returns
    -------
    float
        R2 for squares and ``"huber"``, else D2; the mean over targets or levels.

    Examples
    --------
    >>> explained_share([0.0, 2.0, 4.0], [1.0, 2.0, 3.0], loss="absolute_error")
    0.5
    """
    if loss in ("squared_error", "huber"):
        return float(r2_score(y, predicted, sample_weight=sample_weight))
    if loss == "absolute_error":
        return float(d2_absolute_error_score(y, predicted, sample_weight=sample_weight))
    if loss in _POWERS:
        pairs = zip(_columns(y), _columns(predicted), strict=True)
        scores = [d2_tweedie_score(*each, sample_weight=sample_weight, power=_POWERS[loss]) for each in pairs]
        return float(np.mean(scores))
    if isinstance(quantile, Real):
        return float(d2_pinball_score(y, predicted, sample_weight=sample_weight, alpha=quantile))
    levels = zip(quantile, _columns(predicted), strict=True)
    scores = [d2_pinball_score(y, each, sample_weight=sample_weight, alpha=level) for level, each in levels]
    return float(np.mean(scores))


def _columns(values: Any) -> list[Any]:
    """Targets, or predictions of each."""
    matrix = np.asarray(values)
    return [matrix] if matrix.ndim == 1 else list(matrix.T)
