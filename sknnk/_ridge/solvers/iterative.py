"""The solver for very many columns: conjugate gradients in passes over the rows, without a Gram matrix."""

import math
import warnings
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..._compute import Array, Floats
from ..._integration import Execution, Step, ignore_step
from ..costs import COARSE, EIGEN, FACTOR_ALONE, FEATURE, SKETCH_ROWS, Shape, sampled_rows
from ..penalties import Penalty, effective_dof, variance_around
from ..problem import Problem
from ..solution import BareSolution
from .conjugate_directions import conjugate_gradients
from .eigen import RidgeSystem, posterior_variance
from .operator import FeatureOperator, sketched

# Iterations that divide the residual by ten. With a penalty of 0.1 it took 4. The number is higher, because other
# penalties may take more, while the time of a direct solver is certain.
_ITERATIONS = 10
# Cost of one feature in float32 inside an iteration. The unit is one operation inside a large matrix product.
_COARSE_FEATURE = 45.0
# Cost of one entry of a matrix in a product with a vector, in the same unit.
_VECTOR = 20.0


@dataclass(frozen=True, eq=False)
class IterativeSolution:
    """A solution found by iterations, and the sketch: an approximation of the system from a sample of the rows.

    Parameters
    ----------
    system : RidgeSystem
        The sketch, with the means, projections and residuals of all rows: an approximation with fewer directions.
    coef : ndarray of shape (n_columns, n_targets)
        The output matrix.
    alpha, dof, noise : ndarray of shape (n_targets,)
        Penalties, degrees of freedom of the sketch and variances around the fit.
    n_iter : int
        Passes over the rows inside the iteration.
    """

    system: RidgeSystem
    coef: Array
    alpha: Array
    dof: Array
    noise: Array
    n_iter: int

    @property
    def intercept(self) -> Array:
        """What is added to the predictions."""
        return self.system.target_mean - self.system.mean @ self.coef

    @property
    def n_samples(self) -> int:
        """Number of rows with positive weight."""
        return self.system.n_samples

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, whose unit is one row."""
        return self.system.n_effective

    def variance(self, columns: Floats) -> Array:
        """Variance of predictions in units of the noise, estimated from the sketch."""
        return posterior_variance(self.system, columns, self.alpha)

    def leverage(self, columns: Floats) -> Array:
        """Influence of a training row of weight one on its own prediction, estimated from the sketch."""
        return self.variance(columns)

    def moments(self) -> NoReturn:
        """Refuse: no sums over all rows are kept."""
        raise ValueError("solver='cg' keeps no sums that partial_fit could add to; fit with solver='primal'.")

    def without_factor(self) -> BareSolution:
        """The numbers alone."""
        return BareSolution.of(self)

    def diagonalised(self) -> "IterativeSolution":
        """Itself."""
        return self


def iterative_solution(
    operator: FeatureOperator,
    Y: Array,
    sketch: RidgeSystem,
    alpha: Array,
    tol: float,
    max_iter: int,
    seed: int = 0,
    done: Step = ignore_step,
) -> IterativeSolution:
    """Solve for given penalties without forming the Gram matrix.

    Parameters
    ----------
    operator : FeatureOperator
        The features.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sketch : RidgeSystem
        Of the same features.
    alpha : ndarray of shape (n_targets,)
        Positive penalties.
    tol, max_iter : float, int
        As in :func:`conjugate_gradients`.
    seed : int, default=0
        Draws the rows of the preconditioner.
    done : callable, optional
        Called after each pass.

    Returns
    -------
    IterativeSolution
        The solution.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` passes do not reach `tol`.
    """
    cross, target_mean, square = operator.cross(Y)
    improved = operator.approximate_inverse(alpha, sketch, np.random.default_rng(seed))
    coef, n_iter, residual = conjugate_gradients(operator.gram_product, cross, alpha, improved, tol, max_iter, done)
    if residual > tol:
        warnings.warn(
            f"max_iter={max_iter} passes left a relative residual of {residual:.1e}, above tol={tol:.1e}; "
            "raise max_iter, tol or alpha.",
            ConvergenceWarning,
            stacklevel=2,
        )
    system = _with_all_rows(sketch, operator, (cross, target_mean, square), len(Y))
    dof = effective_dof(system, alpha)
    # At the solution b'Gb = b'c - alpha b'b, so the residual sum needs no pass of its own.
    residual_square = np.maximum(square - np.sum(coef * (cross + alpha * coef), axis=0), 0.0)
    noise = variance_around(residual_square, system.n_effective, dof)
    return IterativeSolution(system, coef, alpha, dof, noise, n_iter)


def _with_all_rows(
    sketch: RidgeSystem, operator: FeatureOperator, products: tuple[Array, Array, Array], n_samples: int
) -> RidgeSystem:
    """The eigenvectors of the sketch, with the projections of all rows on them."""
    cross, target_mean, square = products
    eigenvalues, basis = sketch.eigenvalues[: sketch.rank], sketch.basis[:, : sketch.rank]
    along = basis.T @ cross
    projections = along / np.sqrt(eigenvalues)[:, None]
    outside = np.maximum(square - np.sum(projections**2, axis=0), 0.0)
    sums = (operator.mean, target_mean, n_samples, operator.weight)
    return RidgeSystem(eigenvalues, basis, along, sketch.rank, projections, outside, *sums, sketch.alpha_floor)


def solve_iteratively(*args: Any, **kwargs: Any) -> tuple[RidgeSystem, Array, Array, int]:
    """:func:`iterative_solution` as a tuple of system, coefficients, noise and passes, for callers that want that."""
    solution = iterative_solution(*args, **kwargs)
    return solution.system, solution.coef, solution.noise, solution.n_iter


class ConjugateGradients:
    """Conjugate gradients: features are computed again in every pass over the rows; no Gram matrix is formed.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.penalties import Penalty
    >>> [ConjugateGradients().accepts(Penalty(np.array(each))) for each in ([[0.1]], [[0.1], [1.0]], [[0.0]])]
    [True, False, False]
    """

    needs = "one positive alpha, or 'auto'"
    remedy = "or fewer rows"

    def cost(self, shape: Shape) -> float:
        """Cost of a sketch, a preconditioner and the passes."""
        n, columns = float(shape.n_samples), float(shape.n_columns)
        coarse = shape.tol >= COARSE
        rows, sampled = min(n, SKETCH_ROWS), sampled_rows(shape.n_samples)
        sketch = 4.0 * rows**2 * columns + EIGEN * rows**3
        order = min(sampled, columns)
        # Half as much in float32.
        factor = (0.5 if coarse else 1.0) * (sampled * columns * order + FACTOR_ALONE * order**3)
        feature = _COARSE_FEATURE if coarse else FEATURE
        each = n * columns * (feature + 2.0 * shape.n_features + 2.0 * _VECTOR)
        iterations = _ITERATIONS * max(1.0, -math.log10(shape.tol))
        return sketch + factor + (1.0 + iterations) * each

    def memory(self, shape: Shape) -> float:
        """Memory of the sketch and the preconditioner."""
        n_columns = float(shape.n_columns)
        rows = min(float(shape.n_samples), float(SKETCH_ROWS))
        sampled = float(sampled_rows(shape.n_samples))
        factor = sampled * n_columns + min(sampled, n_columns) ** 2
        return 8.0 * (shape.n_weights + 3.0 * rows**2 + 3.0 * rows * n_columns + factor)

    def accepts(self, penalty: Penalty) -> bool:
        """Whether there is one positive penalty for each target, or an automatic choice."""
        alphas = penalty.candidates
        return alphas is None or (len(alphas) == 1 and bool(np.all(alphas)))

    def solve(self, problem: Problem, execution: Execution) -> IterativeSolution:
        """Solve for the penalty given, or for one in the middle of those that a sketch of the rows allows."""
        layers, X, Y, weight = problem.feature_map, problem.X, problem.Y, problem.sample_weight
        sketch = sketched(layers.columns, X, Y, weight, np.random.default_rng(problem.seed))
        alphas = problem.penalty.candidates
        if alphas is None:
            # Without moments there is no generalised cross-validation. Take the geometric mean of the penalties it
            # would try.
            alphas = np.exp(np.mean(np.log(problem.penalty.tried(sketch)), axis=0, keepdims=True))
        alpha = np.broadcast_to(alphas[0], (Y.shape[1],)).copy()
        operator = FeatureOperator.of(layers, X, weight, execution.threads).as_precise_as_needed(alpha, problem.tol)
        with execution.progress.part("conjugate-gradients", problem.max_iter) as done:
            plan = (problem.tol, problem.max_iter, problem.seed)
            return iterative_solution(operator, Y, sketch, alpha, *plan, done)
