"""Raw tables of a search: encoded once without a look at the targets, or for each training set with its own."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn.base import BaseEstimator

from .._data import TableEncoder, fit_table_encoder
from .._networks import CheckedRows, checked_rows

FitTable = Callable[..., tuple[TableEncoder, Any]]


def encoded_rows(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, target_checks: dict[str, Any] | None = None
) -> tuple[dict[str, Any], CheckedRows, FitTable | None]:
    """Validate rows, and turn them into the numbers that all candidates take.

    Parameters
    ----------
    estimator : estimator
        With ``preprocessing="fold"``, rows are not encoded here.
    X, y, sample_weight, target_checks
        As :func:`checked_rows` takes them.

    Returns
    -------
    description : dict of str to object
        As there, and what encodes further rows.
    rows : CheckedRows
        The rows, encoded unless each training set encodes them.
    fit_table : callable or None
        ``fit_table(X, sample_weight, Y, seed)`` is :func:`fit_table_encoder` for such rows; None where they are
        encoded.

    Raises
    ------
    ValueError
        As there, and if a category has so many values that the targets would have to say what they mean, which all
        rows may not do.
    """
    description, rows = checked_rows(estimator, X, y, sample_weight, target_checks)
    used = rows.sample_weight > 0.0
    if not used.any():
        return description, rows, None  # refused later, with the splits
    if estimator.preprocessing == "fold":
        return description, rows, partial(fit_table_encoder, rows.reader)
    seen, weight = (rows.X, rows.sample_weight) if used.all() else (rows.X[used], rows.sample_weight[used])
    table, _ = fit_table_encoder(rows.reader, seen, weight, None, None)
    return {**description, "_table": table}, rows._replace(X=table(rows.X)), None
