"""Many fits from one pass over the rows: feature counts and penalties by cross-validation."""

from .classifier import BundledNetworkClassifierCV
from .regressor import BundledNetworkRegressorCV

__all__ = [
    "BundledNetworkClassifierCV",
    "BundledNetworkRegressorCV",
]
