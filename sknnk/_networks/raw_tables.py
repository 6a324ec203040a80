"""Raw tables in front of a network: what is learned from those of the fit, and what is done with later ones."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .._data import Dataset, TableEncoder, fit_table_encoder, nonfinite_placed, refuse_no_table, text_named
from .validation import CheckedRows, checks_of


def fitted_table(rows: CheckedRows, data: Dataset, seed: Callable[[], int]) -> tuple[TableEncoder, Dataset]:
    """Learn what fills gaps and encodes categories, and encode the rows.

    Parameters
    ----------
    rows : CheckedRows
        What the user gave.
    data : Dataset
        Those of positive weight, with the targets of the least squares.
    seed : callable
        Draws the seed of what is random.

    Returns
    -------
    table : TableEncoder
        For new rows.
    data : Dataset
        The encoded rows; the very same object where nothing had to be done.
    """
    table, X = fit_table_encoder(rows.reader, data.X, data.sample_weight, data.Y, seed)
    return table, data if X is data.X else replace(data, X=X)


def later_rows(table: TableEncoder | None, data: Dataset) -> tuple[TableEncoder | None, Dataset]:
    """Encode rows that are added to a fit by what was learned from its first ones.

    Parameters
    ----------
    table : TableEncoder or None
        That of the fit.
    data : Dataset
        More rows.

    Returns
    -------
    table : TableEncoder or None
        The same one.
    data : Dataset
        The encoded rows.
    """
    return table, data if table is None else replace(data, X=table(data.X))


def encoded_inputs(estimator: BaseEstimator, X: Any, table: TableEncoder | None) -> Any:
    """Validate rows to predict, and turn them into the numbers that the network takes.

    Parameters
    ----------
    estimator : estimator
        Fitted; named in messages.
    X : {array-like, DataFrame, CSR matrix} of shape (n_samples, n_features)
        What the user gave.
    table : TableEncoder or None
        That of the fit; None where every value has to be a number.

    Returns
    -------
    {ndarray, CSR array} of shape (n_samples, n_encoded)
        Finite numbers.

    Raises
    ------
    ValueError
        As scikit-learn's validation.
    """
    checks = checks_of(X, table is not None)
    reader = None if table is None else table.reader
    refuse_no_table(X, must_be_table=reader is not None)
    with nonfinite_placed(X):
        if reader is None:
            with text_named(X, "convert it as for the fit, where all columns were numbers"):
                X = validate_data(estimator, X, reset=False, **checks)
        else:
            validate_data(estimator, X, skip_check_array=True, reset=False)
            X = check_array(reader(X), estimator=estimator, **checks)
    return X if table is None else table(X)
