"""Rows that are tensors, in front of a network: what is validated and refused, and attributes that become tensors."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils._array_api import check_same_namespace
from sklearn.utils.validation import validate_data

from .._compute import ArraySpace, Tensor, space_of
from .._features import URFSampler
from .fitted import FittedNetwork
from .tensor_network import precision_of


def check_takes_tensors(estimator: BaseEstimator, space: ArraySpace) -> None:
    """Refuse tensors for estimators that have no code for them.

    Parameters
    ----------
    estimator : estimator
        What shall be fitted.
    space : ArraySpace
        Where its rows are.

    Raises
    ------
    ValueError
        With what to do.
    """
    if not get_tags(estimator).array_api_support:
        library = space.key[0].split(".")[-1]
        raise ValueError(
            f"{type(estimator).__name__} takes arrays of NumPy, and X is a tensor of {library}; pass X as an array of "
            "NumPy, or use BundledNetworkRegressor or BundledNetworkClassifier."
        )
    if getattr(estimator, "categorical_features", None) not in ("from_dtype", None):
        raise ValueError(
            f"categorical_features={estimator.categorical_features!r} needs an array of NumPy or a data frame; encode "
            "categories as numbers before X becomes a tensor."
        )


def refuse_tensors(space: ArraySpace | None, what: str) -> None:
    """Refuse tensors where something has no code for them.

    Parameters
    ----------
    space : ArraySpace or None
        Where the rows are; nothing is refused for None.
    what : str
        What was asked for, as an error says it.

    Raises
    ------
    ValueError
        With what to do.
    """
    if space is not None:
        raise ValueError(f"{what} runs on arrays of NumPy alone, and X is a tensor; pass X as an array of NumPy.")


def same_space(X: Any, estimator: BaseEstimator, method: str) -> ArraySpace | None:
    """Where rows to predict are, which has to be where the network is.

    Parameters
    ----------
    X : object
        What the user gave.
    estimator : BundledNetwork
        Fitted.
    method : str
        Name of the method, for the message.

    Returns
    -------
    ArraySpace or None
        None for NumPy, and without scikit-learn's ``array_api_dispatch``.

    Raises
    ------
    ValueError
        If rows and network are not in one library and on one device.
    """
    check_same_namespace(X, estimator, attribute="output_coef_", method=method)
    return space_of(X)


def tensor_rows_of(estimator: BaseEstimator, X: Tensor, fitted: FittedNetwork, space: ArraySpace) -> Tensor:
    """Validate rows to predict.

    Parameters
    ----------
    estimator : BundledNetwork
        Fitted; named in messages.
    X : tensor of shape (n_samples, n_features)
        What the user gave.
    fitted : FittedNetwork
        The network.
    space : ArraySpace
        Where the rows are.

    Returns
    -------
    tensor of shape (n_samples, n_features)
        Finite numbers.

    Raises
    ------
    ValueError
        As scikit-learn's validation, and if a projection would overflow.
    """
    X = validate_data(estimator, X, dtype=[space.wide, space.xp.float32], reset=False)
    fitted.on(space, precision_of(space, X)).check_range(X)
    return X


def placed_attributes(attributes: dict[str, Any], space: ArraySpace | None) -> dict[str, Any]:
    """Fitted attributes whose arrays are on a device.

    Parameters
    ----------
    attributes : dict of str to object
        Of NumPy.
    space : ArraySpace or None
        The device; None leaves everything as it is.

    Returns
    -------
    dict of str to object
        Numbers become tensors; labels that are no numbers stay in NumPy.
    """
    if space is None:
        return attributes

    def placed(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
            return space.tensor(value)
        if isinstance(value, tuple):
            return tuple(map(placed, value))
        return value.__sklearn_array_api_convert__(space.tensor) if isinstance(value, URFSampler) else value

    return {name: placed(value) for name, value in attributes.items()}
