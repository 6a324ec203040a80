"""Validation of rows by scikit-learn, which leaves the estimator unchanged."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_X_y
from sklearn.utils.validation import _check_sample_weight, validate_data

from .._compute import ArraySpace, on_host, space_of
from .._data import TableReader, nonfinite_placed, refuse_no_table, refuse_targets, text_named
from .._integration import draft_of
from .tensor_rows import check_takes_tensors

DTYPES = [np.float64, np.float32]
# What to do about text in an array.
_TEXT_REMEDY = (
    "add the positions of categories to categorical_features, pass a data frame, or turn the text into numbers"
)
# Attributes that tell which columns an estimator was fitted to, and how their values become numbers.
DESCRIPTION = ("n_features_in_", "feature_names_in_", "_table")


class CheckedRows(NamedTuple):
    """Rows as scikit-learn has validated them.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Inputs; NaN is missing, and categories are numbers.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights.
    reader : TableReader or None
        What has read the inputs, where they are no matrix.
    space : ArraySpace or None
        Where the inputs came from, if they are tensors; the rows themselves are of NumPy, and follow them nowhere.
    """

    X: Any
    y: Any
    sample_weight: np.ndarray
    reader: TableReader | None = None
    space: ArraySpace | None = None


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
    space = space_of(X)
    if space is not None:
        check_takes_tensors(estimator, space)
        X = on_host(X)
    y, sample_weight = on_host(y), on_host(sample_weight)
    if reset:
        vars(described).pop("_table", None)
    table = vars(described).get("_table")
    refuse_no_table(X)
    refuse_targets(y, (target_checks or {}).get("y_numeric", False), type(estimator).__name__)
    reader = TableReader.of(X, estimator.categorical_features) if reset else table and table.reader
    checks = {**checks_of(X, space is None and (reset or table is not None)), **(target_checks or {})}
    with nonfinite_placed(X, y):
        if reader is None:
            with text_named(X, _TEXT_REMEDY):
                X, y = validate_data(described, X, y, reset=reset, **checks)
        else:
            refuse_no_table(X, must_be_table=True)
            validate_data(described, X, skip_check_array=True, reset=reset)
            X, y = check_X_y(reader(X), y, estimator=described, **checks)
    description = description_of(described)
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return description, CheckedRows(X, y, weight, reader, space)


def checks_of(X: Any, allow_missing: bool) -> dict[str, Any]:
    """What scikit-learn checks of inputs.

    Parameters
    ----------
    X : object
        What the user gave.
    allow_missing : bool
        Whether there is something to put in the place of missing numbers; never for those that a sparse matrix stores.

    Returns
    -------
    dict of str to object
        Arguments of ``check_array``.
    """
    finite = "allow-nan" if allow_missing and not issparse(X) else True
    return {"accept_sparse": "csr", "dtype": DTYPES, "ensure_all_finite": finite}


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
        `n_features_in_`, and perhaps `feature_names_in_` and what encodes the columns.
    """
    return {name: getattr(estimator, name) for name in DESCRIPTION if hasattr(estimator, name)}
