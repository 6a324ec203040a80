"""Validation of rows by scikit-learn, which leaves the estimator unchanged."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, validate_data

from .._integration import draft_of

DTYPES = [np.float64, np.float32]
# Attributes that tell which columns an estimator was fitted to.
DESCRIPTION = ("n_features_in_", "feature_names_in_")


class CheckedRows(NamedTuple):
    """Rows as scikit-learn has validated them.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Inputs.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights.
    """

    X: Any
    y: Any
    sample_weight: np.ndarray


def checked_rows(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    target_checks: dict[str, Any] | None = None,
    reset: bool = True,
) -> tuple[dict[str, Any], CheckedRows]:
    """Validate training rows; the estimator stays as it is.

    Parameters
    ----------
    estimator : estimator
        Named in messages; its earlier rows say which columns to expect.
    X, y, sample_weight
        What the user gave.
    target_checks : dict, optional
        Further arguments of scikit-learn's ``validate_data``.
    reset : bool, default=True
        Whether these are the first rows of a fit.

    Returns
    -------
    description : dict of str to object
        `n_features_in_` and perhaps `feature_names_in_`.
    rows : CheckedRows
        The rows.

    Raises
    ------
    ValueError
        As scikit-learn's validation.
    """
    described = draft_of(estimator)
    checks = {"accept_sparse": "csr", "dtype": DTYPES, "reset": reset, **(target_checks or {})}
    X, y = validate_data(described, X, y, **checks)
    description = description_of(described)
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return description, CheckedRows(X, y, weight)


def described_columns(estimator: BaseEstimator, X: Any, reset: bool) -> dict[str, Any]:
    """Look at number and names of columns alone; the estimator stays as it is.

    Parameters
    ----------
    estimator : estimator
        Its earlier rows say which columns to expect.
    X : {ndarray, DataFrame} of shape (n_samples, n_features)
        Rows, perhaps none.
    reset : bool
        Whether these are the first rows of a fit.

    Returns
    -------
    dict of str to object
        `n_features_in_` and perhaps `feature_names_in_`.
    """
    described = draft_of(estimator)
    validate_data(described, X, skip_check_array=True, reset=reset)
    return description_of(described)


def description_of(estimator: BaseEstimator) -> dict[str, Any]:
    """Number and names of the columns that an estimator was fitted to.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    dict of str to object
        `n_features_in_` and perhaps `feature_names_in_`.
    """
    return {name: getattr(estimator, name) for name in DESCRIPTION if hasattr(estimator, name)}
