"""Many rows: a solution from sums in float32, corrected by residuals in float64."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg.blas import dsymm
from scipy.linalg.lapack import dpotrs

from ..._compute import Array
from ..._integration import Step, ignore_step
from ..moments import Moments
from ..penalties import effective_dof, is_one_penalty, variance_around
from .cholesky import MomentsSolution, penalised_factor, penalised_solution
from .corrections import refined
from .operator import FeatureOperator
from .tridiagonal import TridiagonalMoments, best_of_several

# Float32 halves the time of the sums and needs one more pass. This pays from this many columns on,
_LEAST_COLUMNS = 1000
# and from this many products on (rows times columns squared).
_LEAST_PRODUCTS = 1e10
# From this many rows for each column on, the sums take most of the time.
_MANY_ROWS = 25
# Least penalty, if the weights sum to one. The relative change of the Gram matrix by float32 is 6e-10 (gaussian,
# 20 inputs) to 4e-6 (cauchy, 3 inputs, a short length scale). If that is too much, corrections do not shrink.
_LEAST_ALPHA = 1e-8
# Least share of the variance that a fit must leave over. Otherwise generalised cross-validation in float32 cannot tell
# penalties apart.
LEAST_LEFT_OVER = 1e-4
# Largest number of passes over the rows for corrections.
MOST_PASSES = 5
# Largest length of the first correction, as a share of the solution. Each pass multiplies the error by it.
FIRST_SHARE = 1e-2
# Largest error in the end, as a share of the solution.
LAST_SHARE = 1e-11
_SINGLE, _EPS = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)
# Targets are constant if their deviations from the mean are below this share of the mean: that is rounding.
CONSTANT = 1e-12
# Coefficients, intercept and residual sums of squares.
_State = tuple[Array, Array, Array]
# A tolerance coarser than float32. So only the penalty and the rows decide whether float32 is used.
ANY_TOLERANCE = 1.0


def is_worth_two_precisions(alphas: Array, X: Any, n_columns: int, weight: float) -> bool:
    """Whether sums in float32 and corrections may serve and save time.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        The penalties to choose from.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    n_columns : int
        Number of columns in front of the output matrix.
    weight : float
        Sum of the weights.

    Returns
    -------
    bool
        For many dense rows in float64, and penalties that float32 does not limit.

    Examples
    --------
    >>> X = np.zeros((100_000, 1))
    >>> [is_worth_two_precisions(np.array([[alpha]]), X, 2000, 1e5) for alpha in (1.0, 1e-6)]
    [True, False]
    """
    dense = isinstance(X, np.ndarray) and X.dtype == np.float64
    long = n_columns >= _LEAST_COLUMNS and X.shape[0] * float(n_columns) ** 2 >= _LEAST_PRODUCTS
    many = X.shape[0] >= _MANY_ROWS * n_columns
    return dense and long and many and bool(np.min(alphas) >= _LEAST_ALPHA * weight)


def solution_from_coarse_sums(
    operator: FeatureOperator,
    Y: Array,
    sums: Moments,
    alphas: Array,
    candidates: Callable[[TridiagonalMoments], Array],
    inflation: float,
    done: Step = ignore_step,
) -> MomentsSolution | None:
    """The float64 solution, from sums in float32 and residuals in float64.

    This is iterative refinement. The residuals of all rows are computed in float64, and the float32 Gram matrix solves
    for a correction. The length of the first correction shows how fast further corrections shrink.

    Parameters
    ----------
    operator : FeatureOperator
        The columns of all rows, in float64.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sums : Moments
        Of the scaled columns, summed in float32.
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Positive penalties that may be chosen.
    candidates : callable
        ``candidates(system)`` gives the penalties to choose from, where there are several.
    inflation : float
        Factor of the degrees of freedom in generalised cross-validation.
    done : callable, optional
        Called after each pass.

    Returns
    -------
    MomentsSolution or None
        Its Gram matrix is float32. The products with the targets are changed so that this matrix has the float64
        solution. None if the fit is too close for float32 to compare penalties, or if corrections do not shrink.
    """
    if is_one_penalty(alphas):
        return _factored(operator, Y, sums, float(alphas[0, 0]), done)
    chosen = best_of_several(sums, candidates, inflation, _EPS, LEAST_LEFT_OVER)
    if chosen is None:
        return None
    system, alpha = chosen
    coef, dof = system.solve(sums.cross, alpha), effective_dof(system, alpha)
    return _mended(operator, Y, sums, (alpha, coef, dof), lambda gradient: system.solve(gradient, alpha), done)


def _factored(operator: FeatureOperator, Y: Array, sums: Moments, alpha: float, done: Step) -> MomentsSolution | None:
    """One penalty for all targets, by a Cholesky factor."""
    coarse = penalised_solution(sums, alpha, _EPS)
    if coarse is None:
        return None
    factor, solution = penalised_factor(sums.gram, alpha), (coarse.alpha, coarse.coef, coarse.dof)
    return _mended(operator, Y, sums, solution, lambda gradient: dpotrs(factor, gradient, lower=0)[0], done)


def _mended(
    operator: FeatureOperator,
    Y: Array,
    sums: Moments,
    solution: tuple[Array, Array, Array],
    solve: Callable[[Array], Array],
    done: Step,
) -> MomentsSolution | None:
    """The solution of float64 from that of coarse sums: penalties, coefficients and degrees of freedom."""
    alpha, coef, dof = solution
    refined = _refined(operator, Y, sums, coef, alpha, solve, done)
    if refined is None:
        return None
    coef, squares = refined
    # With these products, the float32 Gram matrix has the float64 solution. A later solution gives the same result.
    moments = replace(sums, mean=operator.mean, cross=dsymm(1.0, sums.gram, coef, lower=0) + alpha * coef)
    noise = variance_around(squares, sums.n_effective, dof)
    return MomentsSolution(moments, alpha, _SINGLE, coef, dof, noise)


def _refined(
    operator: FeatureOperator,
    Y: Array,
    sums: Moments,
    coef: Array,
    alpha: Array,
    solve: Callable[[Array], Array],
    done: Step,
) -> tuple[Array, Array] | None:
    """Coefficients of float64 and their residual sums of squares, or None where corrections do not shrink."""
    # The residuals of constant targets are rounding errors, which no correction makes smaller.
    varying = sums.target_square > sums.weight * (CONSTANT * sums.target_mean) ** 2

    def correction(state: _State) -> tuple[float, Callable[[], _State]]:
        coef, intercept, _ = state
        products, squares = operator.residual_products(Y, coef, intercept)
        done()
        gradient = products - alpha * coef
        step = solve(gradient)
        # Squared lengths in the norm of the penalised Gram matrix, that of the predictions and the penalty.
        change, length = (np.sum(pair, axis=0)[varying] for pair in (step * gradient, coef * sums.cross))
        share = np.divide(change, length, out=change.copy(), where=length > 0.0)

        def corrected() -> _State:
            # Residual squares after the correction: the Gram matrix times `step` is `gradient` minus `alpha * step`.
            left = squares - np.sum(step * (products + alpha * (coef + step)), axis=0)
            return coef + step, sums.target_mean - operator.mean @ (coef + step), left

        return float(np.sqrt(np.maximum(np.max(share, initial=0.0), 0.0))), corrected

    start = (coef, sums.target_mean - sums.mean @ coef, np.zeros_like(alpha))
    solution = refined(start, correction, FIRST_SHARE, LAST_SHARE, MOST_PASSES)
    return None if solution is None else (solution[0], np.maximum(solution[2], 0.0))
