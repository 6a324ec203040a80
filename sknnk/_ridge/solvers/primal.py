"""The solver for many rows: their sums are solved by a Cholesky factor, a tridiagonal form or eigenvectors."""

from collections.abc import Callable

import numpy as np

from ..._compute import Array
from ..._integration import Execution, Step, ignore_step
from ..accumulation import accumulated_moments, n_blocks
from ..costs import Shape, evaluation
from ..moments import Moments
from ..penalties import Penalty
from ..problem import PreparedMap, Problem
from ..solution import Solution
from .cholesky import MomentsSolution, penalised_solution
from .eigen import decompose, solve_system
from .operator import FeatureOperator
from .refinement import ANY_TOLERANCE, MOST_PASSES, is_worth_two_precisions, solution_from_coarse_sums
from .tensor_sums import solve_on_tensors
from .tridiagonal import TridiagonalMoments, solved_for_best

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
        if problem.tensors is not None:
            found = solve_on_tensors(problem, problem.tensors, execution)
            return found if not isinstance(found, Moments) else solve_moments(found, problem.penalty, problem.precision)
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


def solve_in_two_precisions(
    layers: PreparedMap,
    rows: tuple[Array, Array, Array],
    alphas: Array,
    candidates: Callable[[TridiagonalMoments], Array],
    inflation: float,
    batch_size: int | None = None,
    threads: int = 1,
    done: Step = ignore_step,
) -> MomentsSolution | None:
    """Ridge regression whose Gram matrix is summed in float32 and whose solution is that of float64.

    The coarse Gram matrix solves for corrections to the residuals of all rows, computed in float64: iterative
    refinement. A correction says how much the coarse matrix was off, and so how much the next one will be.

    Parameters
    ----------
    layers : PreparedMap
        The columns.
    rows : tuple
        Inputs of shape (n_samples, n_features), targets of shape (n_samples, n_targets), positive weights.
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Positive penalties that may be chosen.
    candidates : callable
        ``candidates(system)`` gives the penalties to choose from, where there are several.
    inflation : float
        Factor of the degrees of freedom in generalised cross-validation.
    batch_size : int, optional
        Upper bound on the rows of a block.
    threads : int, default=1
        Threads that compute features.
    done : callable, optional
        Called after each block of rows and each pass.

    Returns
    -------
    MomentsSolution or None
        From sums in float32, with the products that the solution of float64 asks for. None where float32 rows have
        other features, where the fit is too close for float32 to compare penalties, and where corrections do not
        shrink.

    References
    ----------
    Higham, "Accuracy and stability of numerical algorithms", 2nd edition 2002, chapter 12.

    Examples
    --------
    >>> from sknnk import URFSampler
    >>> from sknnk._features import RandomMap
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> Y, alphas = np.sin(X[:, :1]), np.array([[0.1]])
    >>> layers = RandomMap(None, None, (URFSampler("gaussian", n_components=20, random_state=0).fit(X),))
    >>> solved = solve_in_two_precisions(layers, (X, Y, np.ones(1000)), alphas, lambda system: alphas, 1.0)
    >>> F = layers.columns(X) - layers.columns(X).mean(axis=0)
    >>> np.allclose(solved.coef, np.linalg.solve(F.T @ F + 0.1 * np.eye(20), F.T @ Y), rtol=1e-6)
    True
    """
    X, Y, sample_weight = rows
    operator = FeatureOperator.of(layers, X, sample_weight, threads)
    narrow = operator.as_precise_as_needed(alphas, ANY_TOLERANCE)
    if narrow is operator:
        return None
    raw_columns, coarse = layers.of_transformed().raw_columns, (narrow.inputs, Y, sample_weight)
    sums = accumulated_moments(raw_columns, layers.n_columns, *coarse, batch_size, threads, done, np.float32)
    return solution_from_coarse_sums(operator, Y, sums.scaled(layers.column_scale), alphas, candidates, inflation, done)
