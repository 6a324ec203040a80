"""The bundled networks: fit, extend, predict.

`fitting` turns rows into a `FittedNetwork`; the estimators validate, call it, publish the result, and predict from it.
"""

from .classifier import BundledNetworkClassifier
from .estimator import BundledNetwork
from .regressor import BundledNetworkRegressor, _check_magnitude

__all__ = [
    "BundledNetwork",
    "BundledNetworkClassifier",
    "BundledNetworkRegressor",
    "_check_magnitude",
]
