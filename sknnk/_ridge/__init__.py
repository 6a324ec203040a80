"""What rows add up to, and the ridge regression that these sums solve.

Sums over rows (`moments`) never see an input row again; solvers never see a network. A new way to solve is one file in
`solvers`; all penalties on all folds of a cross-validation are in `paths`.
"""

from .accumulation import accumulated_moments, n_blocks
from .moments import Moments
from .paths import (
    DualPath,
    FoldMoments,
    NestedKernel,
    Partition,
    SquaredErrors,
    coefficient_path,
    dual_path,
    partitions,
    paths_without,
    squared_errors_of_moments,
    squared_errors_of_predictions,
    tridiagonal_path,
)
from .penalties import INFLATION, PenalisedSystem, Penalty, alpha_grid, gcv
from .problem import Problem
from .solution import BareSolution, GivenSolution, Solution
from .solvers import (
    BlockSolution,
    DualSolution,
    ExactSolution,
    KernelRows,
    RidgeSystem,
    coefficients,
    decompose,
    decompose_rows,
    held_out_residuals,
    prediction_path,
    solve_blocks,
    solve_dual,
    solve_exactly,
    solve_moments,
    solve_system,
    solves_in_single,
    tensor_variance,
)
from .solving import check_memory, choose_solver, predicted_costs, solve

__all__ = [
    "INFLATION",
    "BareSolution",
    "BlockSolution",
    "DualPath",
    "DualSolution",
    "ExactSolution",
    "FoldMoments",
    "GivenSolution",
    "KernelRows",
    "Moments",
    "NestedKernel",
    "Partition",
    "PenalisedSystem",
    "Penalty",
    "Problem",
    "RidgeSystem",
    "Solution",
    "SquaredErrors",
    "accumulated_moments",
    "alpha_grid",
    "check_memory",
    "choose_solver",
    "coefficient_path",
    "coefficients",
    "decompose",
    "decompose_rows",
    "dual_path",
    "gcv",
    "held_out_residuals",
    "n_blocks",
    "partitions",
    "paths_without",
    "predicted_costs",
    "prediction_path",
    "solve",
    "solve_blocks",
    "solve_dual",
    "solve_exactly",
    "solve_moments",
    "solve_system",
    "solves_in_single",
    "squared_errors_of_moments",
    "squared_errors_of_predictions",
    "tensor_variance",
    "tridiagonal_path",
]
