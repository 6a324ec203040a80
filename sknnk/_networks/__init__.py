"""The bundled networks: fit, extend, predict.

`fitting` turns rows into a `FittedNetwork`; the estimators validate, call it, publish the result, and predict from it.
"""

from .access import fitted_network, table_encoder
from .block_fitting import (
    REFINED_SIZE,
    SolvedBlocks,
    blocks_of_sample,
    judging_blocks,
    refined_in_blocks,
    refined_with,
)
from .calibration import log_probabilities, probabilities
from .choice import NetworkChoice
from .class_weighted import ClassWeightedNetwork
from .classifier import BundledNetworkClassifier
from .estimator import BundledNetwork, as_estimator
from .fitted import FittedNetwork, over_blocks
from .fitting import PreparedNetwork, prepare_network, solved_sums
from .held_out import HeldOutRows, held_rows, largest_held_key, row_keys
from .kernel_fitting import choice_of, chosen_kernel, fit_chosen_kernel, landmark_columns
from .kernel_plans import KernelPlan, planned
from .loss_targets import LossTargets
from .moving import to_numpy
from .numeric_network import check_request
from .regressor import BundledNetworkRegressor
from .row_sums import summed_rows, summing_steps
from .specification import NetworkSpec
from .targets import ClassTargets, NumericTargets, check_magnitude, scores_without_row
from .validation import CheckedRows, checked_rows, described_columns, description_of

__all__ = [
    "REFINED_SIZE",
    "BundledNetwork",
    "BundledNetworkClassifier",
    "BundledNetworkRegressor",
    "CheckedRows",
    "ClassTargets",
    "ClassWeightedNetwork",
    "FittedNetwork",
    "HeldOutRows",
    "KernelPlan",
    "LossTargets",
    "NetworkChoice",
    "NetworkSpec",
    "NumericTargets",
    "PreparedNetwork",
    "SolvedBlocks",
    "as_estimator",
    "blocks_of_sample",
    "check_magnitude",
    "check_request",
    "checked_rows",
    "choice_of",
    "chosen_kernel",
    "described_columns",
    "description_of",
    "fit_chosen_kernel",
    "fitted_network",
    "held_rows",
    "judging_blocks",
    "landmark_columns",
    "largest_held_key",
    "log_probabilities",
    "over_blocks",
    "planned",
    "prepare_network",
    "probabilities",
    "refined_in_blocks",
    "refined_with",
    "row_keys",
    "scores_without_row",
    "solved_sums",
    "summed_rows",
    "summing_steps",
    "table_encoder",
    "to_numpy",
]
