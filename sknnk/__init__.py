"""Scalable neural network kernels for scikit-learn: networks that bundle into one closed-form matrix."""

from importlib.metadata import version as _version

from ._classifier import BundledNetworkClassifier
from ._regressor import BundledNetworkRegressor
from ._samplers import ArcCosineSampler, URFSampler

__version__ = _version("sknnk")

__all__ = [
    "ArcCosineSampler",
    "BundledNetworkClassifier",
    "BundledNetworkRegressor",
    "URFSampler",
]
