"""The solver for fewer rows than columns: the products of the rows with each other are diagonalised."""

from ..._integration import Execution
from ..costs import EIGEN, Shape, evaluation
from ..penalties import Penalty
from ..problem import Problem
from .eigen import EigenSolution, decompose_rows, solve_system


class ByRows:
    """The dual problem, whose matrix has as many rows and columns as the table has rows.

    Examples
    --------
    >>> from sknnk._ridge.costs import Shape
    >>> ByRows().memory(Shape(100, 2000, 10)) < ByRows().memory(Shape(10_000, 2000, 10))
    True
    """

    needs = "any alpha"
    remedy = "or solver='primal'"

    def cost(self, shape: Shape) -> float:
        """Cost of the features, of two products with them, and of the eigenvectors."""
        n, columns = float(shape.n_samples), float(shape.n_columns)
        return evaluation(shape) + 3.0 * n**2 * columns + EIGEN * n**3

    def memory(self, shape: Shape) -> float:
        """Memory of the matrix, its eigenvectors, a workspace, and two copies of the features."""
        n_samples, n_columns = float(shape.n_samples), float(shape.n_columns)
        return 8.0 * (shape.n_weights + 3.0 * n_samples**2 + 2.0 * n_samples * (n_columns + sum(shape.hidden)))

    def accepts(self, penalty: Penalty) -> bool:
        """True."""
        return True

    def solve(self, problem: Problem, execution: Execution) -> EigenSolution:
        """Diagonalise the products of the rows, and choose the penalty."""
        columns = problem.feature_map.columns(problem.X)
        system = decompose_rows(columns, problem.Y, problem.sample_weight, problem.precision)
        return solve_system(system, problem.penalty)
