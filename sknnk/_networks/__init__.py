"""The bundled networks: fit, extend, predict.

`fitting` turns rows into a `FittedNetwork`; the estimators validate, call it, publish the result, and predict from it.
"""

from .access import fitted_network, table_encoder
from .calibration import log_probabilities, probabilities
from .choice import NetworkChoice
from .class_network import ClassNetwork
from .class_weighted import ClassWeightedNetwork
from .classifier import BundledNetworkClassifier
from .estimator import BundledNetwork, as_estimator
from .fitted import FittedNetwork, over_blocks
from .fitting import PreparedNetwork, prepare_network, solved_sums
from .held_out import HeldOutRows, held_rows
from .losses import ColumnsHere, LossColumns, LossTargets, explained_share, mean_curvature
from .moving import to_numpy
from .numeric_network import NumericNetwork, check_request
from .regressor import BundledNetworkRegressor
from .row_sums import summed_rows, summing_steps
from .specification import NetworkSpec
from .targets import ClassTargets, NumericTargets, check_magnitude, scores_without_row
from .validation import CheckedRows, checked_rows, described_columns, description_of

__all__ = [
    "BundledNetwork",
    "BundledNetworkClassifier",
    "BundledNetworkRegressor",
    "CheckedRows",
    "ClassNetwork",
    "ClassTargets",
    "ClassWeightedNetwork",
    "ColumnsHere",
    "FittedNetwork",
    "HeldOutRows",
    "LossColumns",
    "LossTargets",
    "NetworkChoice",
    "NetworkSpec",
    "NumericNetwork",
    "NumericTargets",
    "PreparedNetwork",
    "as_estimator",
    "check_magnitude",
    "check_request",
    "checked_rows",
    "described_columns",
    "description_of",
    "explained_share",
    "fitted_network",
    "held_rows",
    "log_probabilities",
    "mean_curvature",
    "over_blocks",
    "prepare_network",
    "probabilities",
    "scores_without_row",
    "solved_sums",
    "summed_rows",
    "summing_steps",
    "table_encoder",
    "to_numpy",
]
