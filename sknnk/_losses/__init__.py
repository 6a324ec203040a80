"""Losses other than squares, and the repeated weighted least squares that minimise them.

A loss is a value, a gradient and a curvature for each row; `newton` sees rows through weighted solutions alone.
"""

from .counts import Gamma, Poisson
from .logistic import Logistic, Softmax
from .loss import Loss
from .newton import Minimum, WeightedRows, minimised, working_system
from .robust import Huber, Pinball
from .states import State

__all__ = [
    "Gamma",
    "Huber",
    "Logistic",
    "Loss",
    "Minimum",
    "Pinball",
    "Poisson",
    "Softmax",
    "State",
    "WeightedRows",
    "minimised",
    "working_system",
]
