"""Ways to solve a ridge regression, one file each.

Each solver takes sums or rows and a penalty and returns a solution with coefficients, degrees of freedom and noise.
"""

from ..penalties import is_one_penalty
from .by_rows import ByRows
from .cholesky import MomentsSolution, PenalisedMoments, penalised_solution
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
    EigenSolution,
    RidgeSystem,
    coefficients,
    decompose,
    decompose_rows,
    posterior_variance,
    prediction_path,
    recovered_moments,
    solve_system,
)
from .exact import ExactSolution, KernelRows, solve_exactly
from .iterative import ConjugateGradients, IterativeSolution, iterative_solution, solve_iteratively
from .operator import FeatureOperator, sketched
from .primal import Primal, solve_moments
from .refinement import MOST_PASSES, is_worth_two_precisions, solve_in_two_precisions
from .tridiagonal import solved_for_best
from .tridiagonal_form import shifted_solutions

__all__ = [
    "MOST_PASSES",
    "ByRows",
    "ConjugateGradients",
    "DualSolution",
    "EigenSolution",
    "ExactSolution",
    "FeatureOperator",
    "IterativeSolution",
    "KernelRows",
    "MomentsSolution",
    "PenalisedMoments",
    "Primal",
    "RidgeSystem",
    "coefficients",
    "conjugate_gradients",
    "decompose",
    "decompose_rows",
    "held_out_residuals",
    "is_one_penalty",
    "is_worth_two_precisions",
    "iterative_solution",
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
    "solve_exactly",
    "solve_in_two_precisions",
    "solve_iteratively",
    "solve_moments",
    "solve_system",
    "solved_for_best",
]
