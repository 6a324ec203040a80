"""Scalable neural network kernels for scikit-learn: networks that bundle into one closed-form matrix."""

from importlib.metadata import version as _version

from ._arc_cosine_sampler import ArcCosineSampler
from ._classifier import BundledNetworkClassifier
from ._classifier_cv import BundledNetworkClassifierCV
from ._estimation_errors import estimation_error_bound, estimation_variance
from ._regressor import BundledNetworkRegressor
from ._regressor_cv import BundledNetworkRegressorCV
from ._samplers import URFSampler

__version__ = _version("sknnk")

__all__ = [
    "ArcCosineSampler",
    "BundledNetworkClassifier",
    "BundledNetworkClassifierCV",
    "BundledNetworkRegressor",
    "BundledNetworkRegressorCV",
    "URFSampler",
    "estimation_error_bound",
    "estimation_variance",
]
