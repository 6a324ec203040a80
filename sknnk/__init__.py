"""Scalable neural network kernels for scikit-learn: networks that bundle into one closed-form matrix."""

from importlib.metadata import version as _version

from ._arc_cosine_sampler import ArcCosineSampler
from ._bundle_report import BundleReport, bundle_report
from ._bundling import bundle
from ._classifier import BundledNetworkClassifier
from ._classifier_cv import BundledNetworkClassifierCV
from ._displays import FeatureCountDisplay
from ._estimation_errors import estimation_error_bound, estimation_variance
from ._kernel_error_display import KernelErrorDisplay
from ._network_display import NetworkDisplay
from ._persistence import trusted_types
from ._prediction_interval_display import PredictionIntervalDisplay
from ._regressor import BundledNetworkRegressor
from ._regressor_cv import BundledNetworkRegressorCV
from ._samplers import URFSampler

__version__ = _version("sknnk")

__all__ = [
    "ArcCosineSampler",
    "BundleReport",
    "BundledNetworkClassifier",
    "BundledNetworkClassifierCV",
    "BundledNetworkRegressor",
    "BundledNetworkRegressorCV",
    "FeatureCountDisplay",
    "KernelErrorDisplay",
    "NetworkDisplay",
    "PredictionIntervalDisplay",
    "URFSampler",
    "bundle",
    "bundle_report",
    "estimation_error_bound",
    "estimation_variance",
    "trusted_types",
]
