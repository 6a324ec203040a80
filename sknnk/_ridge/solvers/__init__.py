"""Ways to solve a ridge regression, one file each.

Each solver takes sums or rows and a penalty and returns a solution with coefficients, degrees of freedom and noise.
"""

from .cholesky import PenalisedMoments, is_one_penalty, penalised_solution
from .conjugate_gradients import conjugate_gradients
from .dual import (
    DualSolution,
    held_out_residuals,
    leave_one_out,
    mean_leverage,
    solve_dual,
    solve_dual_in_two_precisions,
)
from .eigen import (
    RidgeSystem,
    coefficients,
    decompose,
    decompose_rows,
    posterior_variance,
    prediction_path,
    recovered_moments,
)
from .operator import FeatureOperator, sketched, solve_iteratively
from .refinement import MOST_PASSES, is_worth_two_precisions, solve_in_two_precisions
from .tridiagonal import solved_for_best
from .tridiagonal_form import shifted_solutions

__all__ = [
    "MOST_PASSES",
    "DualSolution",
    "FeatureOperator",
    "PenalisedMoments",
    "RidgeSystem",
    "coefficients",
    "conjugate_gradients",
    "decompose",
    "decompose_rows",
    "held_out_residuals",
    "is_one_penalty",
    "is_worth_two_precisions",
    "leave_one_out",
    "mean_leverage",
    "penalised_solution",
    "posterior_variance",
    "prediction_path",
    "recovered_moments",
    "shifted_solutions",
    "sketched",
    "solve_dual",
    "solve_dual_in_two_precisions",
    "solve_in_two_precisions",
    "solve_iteratively",
    "solved_for_best",
]
