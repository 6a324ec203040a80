"""Outputs of a network, from its columns and its output matrix."""

from typing import Any, Protocol

import numpy as np

from .._compute import Floats, scratch


class _Columns(Protocol):
    def raw_columns(self, X: Any, out: Floats | None = None) -> Floats: ...


def column_products(feature_map: _Columns, X: Any, weights: Floats, out: Floats) -> None:
    """Write products of the raw columns of rows and an output matrix to an array.

    Parameters
    ----------
    feature_map : object
        Has the columns.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Validated raw inputs.
    weights : ndarray of shape (n_columns, n_targets)
        Output matrix for the raw columns.
    out : ndarray of shape (n_samples, n_targets)
        Receives the products.
    """
    columns = scratch("columns", (X.shape[0], len(weights)), weights.dtype)
    feature_map.raw_columns(X, columns)
    np.matmul(columns, weights, out=out, casting="same_kind")
