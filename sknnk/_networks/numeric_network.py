"""What networks for numbers share with no others: the loss, and the score that goes with it."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions

from .._compute import on_host, stacked
from .._data import Dataset
from .estimator import BundledNetwork
from .fitted import FittedNetwork
from .losses import LossTargets, explained_share
from .targets import ClassTargets, NumericTargets
from .validation import CheckedRows


def adds_up(estimator: Any) -> bool:
    """Whether more rows can be added to a network.

    Parameters
    ----------
    estimator : BundledNetwork
        With a parameter `loss`.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AttributeError
        For other losses than squares.
    """
    if estimator.loss not in ("squared_error", "squared"):
        raise AttributeError(
            f"partial_fit is not available with loss={estimator.loss!r}, whose weights of all rows change with each of "
            "them; call fit with all rows, or leave the loss at squares."
        )
    return True


def check_level(name: str, level: Any) -> None:
    """Refuse what is no confidence level.

    Parameters
    ----------
    name : str
        What the user calls the level.
    level : object
        What the user gave.

    Raises
    ------
    ValueError
        If it is no number strictly between 0 and 1.
    """
    if isinstance(level, bool) or not isinstance(level, Real) or not 0.0 < float(level) < 1.0:
        raise ValueError(f"{name}={level!r} must lie between 0 and 1, e.g. 0.9.")


def check_request(return_std: bool, return_interval: Any) -> None:
    """Refuse a request for more than one thing beside predictions.

    Parameters
    ----------
    return_std : bool
        Whether standard deviations are asked for.
    return_interval : float or None
        Level of the intervals that are asked for.

    Raises
    ------
    ValueError
        If both are asked for, or the level is none.
    """
    if return_interval is None:
        return
    check_level("return_interval", return_interval)
    if return_std:
        raise ValueError(
            f"return_std={return_std!r} and return_interval={return_interval!r} exclude each other: predict returns "
            "one of them beside the predictions. Leave one out, and call predict again for it."
        )


class NumericNetwork(RegressorMixin, BundledNetwork):
    """The parameters of a network for numbers."""

    _parameter_constraints: dict = {
        **BundledNetwork._parameter_constraints,
        "loss": [StrOptions({"squared_error", "huber", "absolute_error", "quantile", "poisson", "gamma"})],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
    }
    _target_checks: dict = {"multi_output": True, "y_numeric": True}

    def __init__(
        self,
        n_components="auto",
        *,
        loss="squared_error",
        quantile=0.5,
        activation="auto",
        length_scale="auto",
        directions="auto",
        frequencies="auto",
        alpha="auto",
        solver="auto",
        tol=1e-4,
        max_iter=200,
        feature_map="auto",
        block_size="auto",
        feature_learning="auto",
        input_transform="auto",
        direct_link=True,
        categorical_features="from_dtype",
        batch_size="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        kernel = {"activation": activation, "length_scale": length_scale, "directions": directions}
        system = {"alpha": alpha, "solver": solver, "tol": tol, "max_iter": max_iter, "block_size": block_size}
        learned = {"frequencies": frequencies, "feature_map": feature_map, "feature_learning": feature_learning}
        inputs = {"input_transform": input_transform, "direct_link": direct_link}
        inputs["categorical_features"] = categorical_features
        running = {"batch_size": batch_size, "n_jobs": n_jobs, "random_state": random_state, "verbose": verbose}
        super().__init__(n_components, **kernel, **system, **learned, **inputs, **running)
        self.loss = loss
        self.quantile = quantile

    def _encoded(
        self, targets: NumericTargets | ClassTargets | None, rows: CheckedRows, **known: Any
    ) -> tuple[NumericTargets, Dataset]:
        if self.loss != "squared_error":
            targets = LossTargets.for_loss(rows.y, rows.X.dtype, self.loss, self.quantile)
        elif not isinstance(targets, NumericTargets):
            targets = NumericTargets.of(rows.y, rows.X.dtype)
        return targets, Dataset.of(rows.X, targets.encode(rows.y, rows.X.dtype), rows.sample_weight)

    def _means(self, X: Any, method: str) -> tuple[FittedNetwork, NumericTargets, Any, NDArray[Any]]:
        """Validated rows, what they were validated for, and predictions with an axis of the outputs."""
        fitted, X = self._fitted_for(X, method)
        targets = fitted.targets
        assert isinstance(targets, NumericTargets)
        return fitted, targets, X, targets.means(fitted.scores(X, self._execution()))

    def predict_interval(self, X: Any, confidence_level: float = 0.9) -> np.ndarray:
        """Predict intervals that contain new targets with about a given probability.

        Up to a thousand training rows are predicted as if each of them had been left out of the fit. From their
        residuals, the typical size of a residual is learned as a function of the inputs. Each residual is divided by
        its typical size. The half width of an interval is a quantile of these ratios times the typical size at the row.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        confidence_level : float, default=0.9
            Share of new targets that should lie inside, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper ends, in units of the target; infinite, with a warning, where there were too few rows.

        Raises
        ------
        ValueError
            If `confidence_level` is not between 0 and 1, or as `predict` with ``return_std=True``.

        Notes
        -----
        The level holds on average over new rows that come from the distribution of the training rows. This was
        measured; it is not guaranteed.

        References
        ----------
        Barber, Candes, Ramdas and Tibshirani, "Predictive inference with the jackknife+", Annals of Statistics 2021.
        """
        check_level("confidence_level", confidence_level)
        return self._interval(*self._means(X, "predict_interval"), confidence_level)

    def _interval(
        self, fitted: FittedNetwork, targets: NumericTargets, X: Any, mean: NDArray[Any], level: float
    ) -> NDArray[Any]:
        """Ends of the intervals around predictions of validated rows."""
        targets.check_intervals()
        half = fitted.interval_half_width(X, level, self._execution())
        return targets.decode(targets.within_range(stacked([mean - half, mean + half])))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score predictions by the loss: one for perfect predictions, zero for the best constant.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        float
            R2 for squares and ``"huber"``, else the explained share of the deviance (D2), as scikit-learn's
            ``d2_tweedie_score``, ``d2_pinball_score`` and ``d2_absolute_error_score``. It is the mean over targets or
            quantiles.
        """
        y, predicted, sample_weight = (on_host(each) for each in (y, self.predict(X), sample_weight))
        return explained_share(y, predicted, sample_weight, loss=self.loss, quantile=self.quantile)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss in ("poisson", "gamma")
        return tags
