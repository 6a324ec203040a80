"""Ways to solve a ridge regression, one file each.

Each solver takes sums or rows and a penalty and returns a solution with coefficients, degrees of freedom and noise.
"""

from .block_sums import BlockSums, EliminatedBlocks, InsideBlocks, held_positions
from .block_system import BlockSystem
from .blocks import BlockSolution, block_attempts, judged_blocks, keeps_factors, solve_blocks, solves_in_single
from .by_rows import ByRows
from .conjugate_directions import conjugate_gradients
from .dual import DualSolution, held_out_residuals, solve_dual
from .eigen import RidgeSystem, coefficients, decompose, decompose_rows, prediction_path, solve_system
from .exact import ExactSolution, KernelRows, solve_exactly
from .iterative import ConjugateGradients
from .primal import Primal, solve_moments
from .tensor_posterior import tensor_variance
from .tridiagonal_form import shifted_solutions

__all__ = [
    "BlockSolution",
    "BlockSums",
    "BlockSystem",
    "ByRows",
    "ConjugateGradients",
    "DualSolution",
    "EliminatedBlocks",
    "ExactSolution",
    "InsideBlocks",
    "KernelRows",
    "Primal",
    "RidgeSystem",
    "block_attempts",
    "coefficients",
    "conjugate_gradients",
    "decompose",
    "decompose_rows",
    "held_out_residuals",
    "held_positions",
    "judged_blocks",
    "keeps_factors",
    "prediction_path",
    "shifted_solutions",
    "solve_blocks",
    "solve_dual",
    "solve_exactly",
    "solve_moments",
    "solve_system",
    "solves_in_single",
    "tensor_variance",
]
