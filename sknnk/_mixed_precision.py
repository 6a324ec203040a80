"""One given penalty on many rows: a factor from sums in float32, and residuals in float64 that mend what it misses."""

from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsymm
from scipy.linalg.lapack import dpotrs

from ._accumulation import accumulated_moments
from ._cholesky import PenalisedMoments, are_many, is_one_penalty, penalised_factor, penalised_solution
from ._layer_stack import LayerStack
from ._operator import FeatureOperator
from ._progress import Step, no_step

Array = NDArray[np.float64]

# Products of columns in all rows from which on half the time of their sums is worth two more passes.
_LEAST_PRODUCTS = 1e10
# Passes over the rows at most, the share of the solution that the first correction may be, and the share that the
# error may be in the end: each pass multiplies it by the first share.
MOST_PASSES = 3
_FIRST_SHARE, _LAST_SHARE = 1e-2, 1e-11
_SINGLE = float(np.finfo(np.float32).eps)
# Any tolerance coarser than float32: the penalty and the rows decide whether it is used.
_ANY_TOLERANCE = 1.0


def is_worth_two_precisions(alphas: Array | None, X: Any, n_columns: int) -> TypeGuard[Array]:
    """Whether :func:`solve_in_two_precisions` may serve and save time.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets), optional
        The penalties to choose from.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    n_columns : int
        Number of columns in front of the output matrix.

    Returns
    -------
    bool
        For one positive penalty, common to all targets, and many dense rows in float64.

    Examples
    --------
    >>> X = np.zeros((100_000, 1))
    >>> is_worth_two_precisions(np.array([[1.0]]), X, 2000), is_worth_two_precisions(None, X, 2000)
    (True, False)
    """
    dense = isinstance(X, np.ndarray) and X.dtype == np.float64
    many = are_many(X.shape[0], n_columns) and X.shape[0] * float(n_columns) ** 2 >= _LEAST_PRODUCTS
    return dense and many and is_one_penalty(alphas) and bool(alphas[0, 0] > 0.0)


def solve_in_two_precisions(
    layers: LayerStack,
    X: NDArray[np.float64],
    Y: Array,
    sample_weight: Array,
    alpha: float,
    batch_size: int | None = None,
    threads: int = 1,
    done: Step = no_step,
) -> PenalisedMoments | None:
    """Ridge regression whose Gram matrix is summed in float32 and whose solution is that of float64.

    The factor of the coarse Gram matrix solves for corrections to the residuals of all rows, computed in float64:
    iterative refinement. A correction says how much the coarse matrix was off, and so how much the next one will be.

    Parameters
    ----------
    layers : LayerStack
        The columns.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alpha : float
        Positive penalty.
    batch_size : int, optional
        Upper bound on the rows of a block.
    threads : int, default=1
        Threads that compute features.
    done : callable, optional
        Called after each block of rows and each pass.

    Returns
    -------
    PenalisedMoments or None
        None where float32 rows have other features, where the penalty is too small for sums in float32, and where
        corrections do not shrink.

    References
    ----------
    Higham, "Accuracy and stability of numerical algorithms", 2nd edition 2002, chapter 12.
    """
    columns, inputs = layers.unpaired(X)
    plan = (sample_weight, threads, layers.unpaired_order)
    operator = FeatureOperator(columns, layers.column_scale, inputs, *plan)
    narrow = operator.as_precise_as_needed(np.array([alpha]), _ANY_TOLERANCE)
    if narrow is operator:
        return None
    raw_columns, rows = replace(layers, input_map=None).raw_columns, (narrow.inputs, Y, sample_weight)
    sums = accumulated_moments(raw_columns, layers.n_columns, *rows, batch_size, threads, done, np.float32)
    solved = penalised_solution(sums.scaled(layers.column_scale), alpha, _SINGLE)
    refined = None if solved is None else _refined(operator, Y, solved, done)
    if solved is None or refined is None:
        return None
    coef, squares = refined
    # Whoever goes on from these sums finds the same solution.
    cross = _symmetric_product(solved.moments.gram, coef) + alpha * coef
    moments = replace(solved.moments, mean=operator.mean, cross=cross)
    free = solved.n_effective - 1.0 - solved.dof
    noise = squares / free if free > 0.0 else np.zeros_like(squares)
    return replace(solved, moments=moments, coef=coef, noise=noise)


def _refined(operator: FeatureOperator, Y: Array, solved: PenalisedMoments, done: Step) -> tuple[Array, Array] | None:
    """Coefficients of float64 and the residual sum of squares, or None where corrections do not shrink."""
    moments, alpha, coef = solved.moments, solved.alpha, solved.coef
    factor, intercept = penalised_factor(moments.gram, alpha), moments.target_mean - moments.mean @ coef
    shares: list[float] = []
    for _ in range(MOST_PASSES):
        products, squares = operator.residual_products(Y, coef, intercept)
        done()
        gradient = products - alpha * coef
        correction, _ = dpotrs(factor, gradient, lower=0)
        # Lengths in the norm of the penalised Gram matrix, that of the predictions and the penalty.
        length = np.sqrt(np.sum(coef * moments.cross)) or 1.0
        shares.append(float(np.sqrt(np.maximum(np.sum(correction * gradient), 0.0)) / length))
        if not shares[-1] <= _FIRST_SHARE ** len(shares):
            return None
        # Along the correction: its products with the Gram matrix are what is left of the gradient.
        squares = squares - np.sum(correction * (products + alpha * (coef + correction)), axis=0)
        coef = coef + correction
        intercept = moments.target_mean - operator.mean @ coef
        if shares[0] * shares[-1] <= _LAST_SHARE:
            break
    return coef, np.maximum(squares, 0.0)


def _symmetric_product(upper: Array, vectors: Array) -> Array:
    product: Array = dsymm(1.0, upper, vectors, lower=0)
    return product
