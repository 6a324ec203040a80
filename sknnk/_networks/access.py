"""What is read off a fitted estimator: the network, and what encodes its rows."""

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._data import TableEncoder
from .fitted import FittedNetwork


def fitted_network(estimator: BaseEstimator) -> FittedNetwork:
    """Give what `fit` found, as one value that no later fit changes.

    Parameters
    ----------
    estimator : BundledNetwork
        A network.

    Returns
    -------
    FittedNetwork
        Of the latest fit.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If no fit has come to its end.
    """
    check_is_fitted(estimator)
    fitted: FittedNetwork = vars(estimator)["_fitted"]
    return fitted


def table_encoder(estimator: BaseEstimator) -> TableEncoder | None:
    """Give what turns the rows that a network is given into the numbers that it takes.

    Parameters
    ----------
    estimator : BundledNetwork
        Fitted.

    Returns
    -------
    TableEncoder or None
        None for a network that was not fitted to rows, or whose rows hold numbers alone.
    """
    found: TableEncoder | None = vars(estimator).get("_table")
    return found
