"""Estimators that were fitted to tensors, as arrays of NumPy."""

from typing import Any

from sklearn.utils._array_api import _estimator_with_converted_arrays

from .._compute import on_host


def to_numpy(estimator: Any) -> Any:
    """Copy an estimator that was fitted to tensors, with arrays of NumPy in their place.

    An estimator that was fitted to tensors on a GPU predicts there. Its copy predicts from arrays of NumPy on any
    machine. It can also be pickled, saved by skops, and converted to ONNX.

    Parameters
    ----------
    estimator : estimator
        Estimator of this package or of scikit-learn, or a pipeline of them. It does not change.

    Returns
    -------
    estimator
        A fitted copy, even if there was nothing to move.

    See Also
    --------
    sklearn.config_context : Its ``array_api_dispatch=True`` is what makes estimators take tensors.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk import URFSampler, to_numpy
    >>> sampler = URFSampler(n_components=4, random_state=0).fit(np.eye(3))
    >>> to_numpy(sampler).transform(np.eye(3)).shape
    (3, 4)
    """
    return _estimator_with_converted_arrays(estimator, on_host)
