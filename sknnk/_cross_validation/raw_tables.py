"""Raw tables of a search: encoded once, without a look at the targets."""

from typing import Any

from sklearn.base import BaseEstimator

from .._data import fit_table_encoder
from .._networks import CheckedRows, checked_rows


def encoded_rows(
    estimator: BaseEstimator, X: Any, y: Any, sample_weight: Any, target_checks: dict[str, Any] | None = None
) -> tuple[dict[str, Any], CheckedRows]:
    """Validate rows, and turn them into the numbers that all candidates take.

    Parameters
    ----------
    estimator, X, y, sample_weight, target_checks
        As :func:`checked_rows` takes them.

    Returns
    -------
    description : dict of str to object
        As there, and what encodes further rows.
    rows : CheckedRows
        The encoded rows.

    Raises
    ------
    ValueError
        As there, and if a category has so many values that the targets would have to say what they mean.
    """
    description, rows = checked_rows(estimator, X, y, sample_weight, target_checks)
    used = rows.sample_weight > 0.0
    seen, weight = (rows.X, rows.sample_weight) if used.all() else (rows.X[used], rows.sample_weight[used])
    if not used.any():
        return description, rows  # refused later, with the splits
    table, _ = fit_table_encoder(rows.reader, seen, weight, None, None)
    return {**description, "_table": table}, rows._replace(X=table(rows.X))
