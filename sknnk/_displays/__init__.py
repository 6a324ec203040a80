"""Figures of fitted estimators, made from public attributes; Matplotlib is loaded when something is drawn.

A new display is one new file.
"""

from .feature_count import FeatureCountDisplay
from .kernel_error import KernelErrorDisplay
from .network import NetworkDisplay
from .prediction_interval import PredictionIntervalDisplay

__all__ = [
    "FeatureCountDisplay",
    "KernelErrorDisplay",
    "NetworkDisplay",
    "PredictionIntervalDisplay",
]
