"""The solver for many rows: their sums are solved by a Cholesky factor, a tridiagonal form or eigenvectors."""

from ..._integration import Execution
from ..accumulation import accumulated_moments, n_blocks
from ..costs import Shape, evaluation
from ..moments import Moments
from ..penalties import Penalty
from ..problem import PreparedMap, Problem
from ..solution import Solution
from .cholesky import MomentsSolution, penalised_solution
from .eigen import decompose, solve_system
from .refinement import MOST_PASSES, is_worth_two_precisions, solve_in_two_precisions
from .tridiagonal import solved_for_best

# A tridiagonal form of size n costs _TRIDIAGONAL * n**3. The unit is one operation inside a large matrix product.
_TRIDIAGONAL = 7.0
# A Cholesky factor of size n with its inverse costs _FACTOR * n**3, in the same unit.
_FACTOR = 1.0


def solve_moments(moments: Moments, penalty: Penalty, precision: float) -> Solution:
    """Choose the penalty of each target and solve for it; diagonalise only where rounding calls for it.

    Parameters
    ----------
    moments : Moments
        Of the scaled columns and the targets; left as they are, and kept.
    penalty : Penalty
        What may be chosen.
    precision : float
        Relative precision of the feature values.

    Returns
    -------
    MomentsSolution or EigenSolution
        By a Cholesky factor for one penalty, by a tridiagonal form for the best of several; by eigenvectors where the
        penalty is too close to the rounding error of the sums for either.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(10.0)[:, None]
    >>> moments = Moments.from_block(x, 2.0 * x)
    >>> for alpha in (82.5, 0.0):
    ...     solution = solve_moments(moments, Penalty(np.array([[alpha]])), 2e-16)
    ...     print(type(solution).__name__, solution.coef.ravel().round(6))
    MomentsSolution [1.]
    EigenSolution [2.]
    """
    if penalty.single is not None:
        solved = penalised_solution(moments, penalty.single, precision)
    else:
        solved = solved_for_best(moments, penalty.tried, penalty.inflation, precision)
    return solve_system(decompose(moments, precision), penalty) if solved is None else solved


class Primal:
    """Sums over the rows in one pass, and a system as large as there are columns.

    Examples
    --------
    >>> from sknnk._ridge.costs import Shape
    >>> Primal().memory(Shape(10**4, 2000, 10)) == Primal().memory(Shape(10**6, 2000, 10))
    True
    """

    needs = "any alpha"
    remedy = "or solver='cg'"

    def cost(self, shape: Shape) -> float:
        """Cost of the features, of their sums and of the solution of the system."""
        n, columns = float(shape.n_samples), float(shape.n_columns)
        return evaluation(shape) + n * columns**2 + (_FACTOR if shape.one_penalty else _TRIDIAGONAL) * columns**3

    def memory(self, shape: Shape) -> float:
        """Memory of the matrix, its tridiagonal form or its eigenvectors, and a workspace."""
        n_features = shape.n_columns - shape.n_linked + sum(shape.hidden)
        return 8.0 * (shape.n_weights + 3.0 * float(shape.n_columns) ** 2 + 64.0 * n_features)

    def accepts(self, penalty: Penalty) -> bool:
        """True."""
        return True

    def solve(self, problem: Problem, execution: Execution) -> Solution:
        """Sum in float32 and correct the result, if that saves time and rounding allows it; else sum in float64."""
        solution = _refined(problem, execution)
        if solution is not None:
            return solution
        sums = _summed(problem, execution).scaled(problem.feature_map.column_scale)
        return solve_moments(sums, problem.penalty, problem.precision)


def _summed(problem: Problem, execution: Execution) -> Moments:
    """Sums of the raw columns in float64."""
    layers, rows = problem.feature_map, (problem.X, problem.Y, problem.sample_weight)
    plan = (execution.batch_size, execution.threads)
    with execution.progress.part("sum-rows", n_blocks(len(problem.Y), layers.n_columns, execution.batch_size)) as done:
        return accumulated_moments(layers.raw_columns, layers.n_columns, *rows, *plan, done)


def _refined(problem: Problem, execution: Execution) -> MomentsSolution | None:
    """The solution in two precisions. None if it would take longer, or rounding does not allow it."""
    layers, penalty, weight = problem.feature_map, problem.penalty, float(problem.sample_weight.sum())
    alphas = penalty.unlimited()
    if alphas is None or not isinstance(layers, PreparedMap):
        return None
    if not is_worth_two_precisions(alphas, problem.X, layers.n_columns, weight):
        return None
    rows, plan = (problem.X, problem.Y, problem.sample_weight), (execution.batch_size, execution.threads)
    n_steps = n_blocks(len(problem.Y), layers.n_columns, execution.batch_size) + MOST_PASSES
    with execution.progress.part("sum-rows", n_steps) as done:
        return solve_in_two_precisions(layers, rows, alphas, penalty.tried, penalty.inflation, *plan, done)
