"""Scalable neural network kernels for scikit-learn: networks that bundle into one closed-form matrix."""

from importlib.metadata import version as _version

from ._bundling import BundleReport, bundle, bundle_report
from ._cross_validation import BundledNetworkClassifierCV, BundledNetworkRegressorCV
from ._displays import FeatureCountDisplay, KernelErrorDisplay, NetworkDisplay, PredictionIntervalDisplay
from ._features import ArcCosineSampler, URFSampler, estimation_error_bound, estimation_variance
from ._integration import explain_files_of_format_1 as _explain_files_of_format_1
from ._integration import trusted_types
from ._networks import BundledNetworkClassifier, BundledNetworkRegressor, to_numpy

__version__ = _version("sknnk")
_explain_files_of_format_1()

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
    "to_numpy",
    "trusted_types",
]
