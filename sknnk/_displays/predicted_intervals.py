"""What a fitted regressor says of rows: predictions and intervals of one target; and a column to set them against."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._compute import Array
from .pipelines import last_estimator, transformed_rows


class PredictedIntervals(NamedTuple):
    """Predictions of one target.

    Parameters
    ----------
    name : str
        Class of the regressor.
    y_true : array-like of shape (n_samples,) or None
        Measured values.
    y_pred : ndarray of shape (n_samples,)
        Predictions.
    intervals : ndarray of shape (n_levels, n_samples, 2)
        Lower and upper ends.
    """

    name: str
    y_true: Any
    y_pred: Array
    intervals: Array


def predicted_intervals(estimator: Any, X: Any, y: Any, levels: Array, target: int | None) -> PredictedIntervals:
    """Predict rows, with intervals.

    Parameters
    ----------
    estimator : estimator
        A regressor with a method `predict_interval`, a pipeline that ends in one, or a search over either.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_targets) or None
        Measured values.
    levels : ndarray of shape (n_levels,)
        Confidence levels.
    target : int or None
        Which of several targets.

    Returns
    -------
    PredictedIntervals
        Those of one target.

    Raises
    ------
    TypeError
        If `estimator` is no regressor with intervals.
    ValueError
        If there are several targets and `target` is none of them.
    """
    network, steps = last_estimator(estimator)
    name = type(network).__name__
    if not is_regressor(network) or not hasattr(network, "predict_interval"):
        remedy = (
            "of a classifier, draw sklearn.calibration.CalibrationDisplay"
            if hasattr(network, "classes_") or hasattr(network, "predict_proba")
            else "pass intervals of another origin to PredictionIntervalDisplay.from_predictions"
        )
        raise TypeError(f"estimator is a {name}, not a regressor with predict_interval; {remedy}.")
    check_is_fitted(network)
    rows = transformed_rows(steps, X)
    y_pred = np.asarray(network.predict(rows), dtype=np.float64)
    ends = [network.predict_interval(rows, confidence_level=float(level)) for level in levels]
    intervals = np.stack(ends).astype(np.float64)
    if y_pred.ndim == 1:
        return PredictedIntervals(name, y, y_pred, intervals)
    if target is None or not 0 <= target < y_pred.shape[1]:
        raise ValueError(
            f"target={target!r}: the regressor has {y_pred.shape[1]} targets; name one of them by its position, "
            "counted from 0."
        )
    y = None if y is None else y.iloc[:, target] if hasattr(y, "iloc") else np.asarray(y)[:, target]
    return PredictedIntervals(name, y, y_pred[:, target], intervals[:, :, target])


def one_column(X: Any, feature: int | str) -> tuple[Array, str, bool]:
    """A column of the inputs.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows.
    feature : int or str
        Position of the column, or its name in a data frame.

    Returns
    -------
    values : ndarray of shape (n_samples,)
        The column.
    name : str
        Its name.
    alone : bool
        Whether it is the only one.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    names = [str(name) for name in getattr(X, "columns", [])]
    if isinstance(feature, str) and feature not in names:
        raise ValueError(f"feature={feature!r} is not a column of X" + (f", which has {names}." if names else "."))
    n_columns = len(names) or np.shape(X)[1]
    place = names.index(feature) if isinstance(feature, str) else feature
    if not -n_columns <= place < n_columns:
        raise ValueError(f"feature={feature!r} must be a position among the {n_columns} columns of X.")
    values: Any = X[X.columns[place]] if names else check_array(X, accept_sparse="csc", input_name="X")[:, [place]]
    dense = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return dense.ravel().astype(np.float64), names[place] if names else f"Column {place}", n_columns == 1
