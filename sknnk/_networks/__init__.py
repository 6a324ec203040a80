"""The bundled networks: fit, extend, predict.

`fitting` turns rows into a `FittedNetwork`; the estimators validate, call it, publish the result, and predict from it.
"""

from .calibration import probabilities
from .classifier import BundledNetworkClassifier
from .estimator import (
    BundledNetwork,
    ClassWeightedNetwork,
    as_estimator,
    checked_rows,
    described_columns,
    description_of,
    fitted_network,
)
from .fitted import FittedNetwork, NetworkChoice, over_blocks
from .fitting import PreparedNetwork, prepare_network, solved_sums, summed_rows, summing_steps
from .held_out import HeldOutRows, held_rows
from .regressor import BundledNetworkRegressor
from .specification import NetworkSpec
from .targets import ClassTargets, NumericTargets, check_magnitude, scores_without_row

__all__ = [
    "BundledNetwork",
    "BundledNetworkClassifier",
    "BundledNetworkRegressor",
    "ClassTargets",
    "ClassWeightedNetwork",
    "FittedNetwork",
    "HeldOutRows",
    "NetworkChoice",
    "NetworkSpec",
    "NumericTargets",
    "PreparedNetwork",
    "as_estimator",
    "check_magnitude",
    "checked_rows",
    "described_columns",
    "description_of",
    "fitted_network",
    "held_rows",
    "over_blocks",
    "prepare_network",
    "probabilities",
    "scores_without_row",
    "solved_sums",
    "summed_rows",
    "summing_steps",
]
