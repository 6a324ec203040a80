"""The solver for many rows on a device: sums block by block, and a Cholesky factor for each penalty.

Cards factor a matrix ten or more times as fast as they find its eigenvectors, so that a window of penalties is tried
one by one. Where rounding asks for eigenvectors, the sums go to the host, and are solved there as those of NumPy are.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._compute import Array, ArraySpace, Tensor, row_blocks, tensor_rows, wide_on_host
from ..._integration import Execution, Step
from ..moments import Moments
from ..penalties import descending, gcv_of, is_one_penalty, variance_around
from ..problem import Problem, TensorColumns
from ..rounding import alpha_floor, least_choice
from .cholesky import MARGIN, MomentsSolution
from .corrections import refined
from .refinement import CONSTANT, FIRST_SHARE, LEAST_LEFT_OVER, MOST_PASSES
from .tridiagonal import LEAST_LEFT_OVER as LEAST_LEFT_OVER_IN_DOUBLE

# Columns whose products with themselves and all later ones are computed together: half of a symmetric matrix is saved.
_PANEL = 1024
# Largest error in the end, as a share of the solution: far below the rounding of rows and predictions in float32, and
# often reached by a single pass over the rows.
_LAST_SHARE = 1e-9
_SINGLE, _EPS = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)
# Coefficients, intercept, residual sums of squares, and means of the columns.
_State = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class TensorSums:
    """What rows add up to, on a device: as :class:`Moments`, but for a whole Gram matrix."""

    space: ArraySpace
    n_samples: int
    weight: float
    mean: Tensor
    target_mean: Tensor
    gram: Tensor
    cross: Tensor
    target_square: Tensor

    def on_host(self) -> Moments:
        """The same sums in NumPy."""
        # The transpose of a lower triangle in C order is an upper triangle in Fortran order.
        gram = wide_on_host(self.space.xp.tril(self.gram)).T
        vectors = (self.mean, self.target_mean, gram, self.cross, self.target_square)
        return Moments(self.n_samples, self.weight, *(wide_on_host(each) for each in vectors))

    @property
    def trace(self) -> float:
        """Sum of the eigenvalues of the Gram matrix."""
        return float(self.space.xp.linalg.trace(self.gram))

    @property
    def norm(self) -> float:
        """Root of the sum of squares of the Gram matrix, a bound of its largest eigenvalue."""
        return float(self.space.xp.sqrt(self.space.xp.sum(self.gram * self.gram)))


@dataclass(frozen=True, eq=False)
class _Fit:
    """The solution for one penalty; what is said of each target is of NumPy."""

    coef: Tensor
    dof: float
    squares: Array


def solve_on_tensors(problem: Problem, columns: TensorColumns, execution: Execution) -> MomentsSolution | Moments:
    """Sum the rows and solve on their device, float32 rows in two precisions.

    Parameters
    ----------
    problem : Problem
        Of NumPy.
    columns : TensorColumns
        Its columns on the device.
    execution : Execution
        Rows of a block, and progress.

    Returns
    -------
    MomentsSolution or Moments
        The solution, of NumPy; the sums alone where the penalty is too close to their rounding errors for a factor.
    """
    alphas, penalty = problem.penalty.unlimited(), problem.penalty
    size = min(tensor_rows(columns.n_columns, execution.batch_size), len(problem.Y))
    n_blocks = -(-len(problem.Y) // size)
    with execution.progress.part("sum-rows", n_blocks + MOST_PASSES) as done:
        rows = _Rows(problem, columns, size, done)
        if alphas is not None and columns.dtype != columns.space.wide:
            sums = rows.sums(columns.dtype)
            chosen = _best(sums, alphas, penalty.inflation, _EPS, LEAST_LEFT_OVER)
            mended = None if chosen is None else _mended(rows, sums, *chosen)
            if mended is not None:
                return mended
        sums = rows.sums(columns.space.wide)
        chosen = None
        if alphas is not None:
            chosen = _best(sums, alphas, penalty.inflation, problem.precision, LEAST_LEFT_OVER_IN_DOUBLE)
        return sums.on_host() if chosen is None else _solution(sums.on_host(), *chosen, problem.precision)


class _Rows:
    """The rows of a problem on a device."""

    def __init__(self, problem: Problem, columns: TensorColumns, size: int, done: Step) -> None:
        self.space, self.columns, self._size, self._done = columns.space, columns, size, done
        self._inputs = columns.transformed(self.space.tensor(problem.X))
        self._scale = self.space.wide_tensor(problem.feature_map.column_scale)
        self._Y, self._weight = self.space.wide_tensor(problem.Y), self.space.wide_tensor(problem.sample_weight)
        self.n_samples, self.weight = len(problem.Y), float(problem.sample_weight.sum())

    def _blocks(self, dtype: Any) -> Iterator[tuple[slice, Tensor]]:
        for rows in row_blocks(self.n_samples, self._size):
            yield rows, self.space.xp.astype(self.columns.raw_columns(self._inputs[rows, :]), dtype, copy=False)
            self._done()

    def sums(self, dtype: Any) -> TensorSums:
        """Sums of the scaled columns, of products in a dtype, about the mean."""
        xp, space, n = self.space.xp, self.space, self.columns.n_columns
        shift, target_shift = None, xp.mean(self._Y[: self._size, :], axis=0)
        root = xp.sqrt(self._weight)[:, None]
        targets = (self._Y - target_shift) * root
        beside = xp.astype(xp.concat([root, targets], axis=1), dtype, copy=False)
        gram, products = space.zeros((n, n), space.wide), space.zeros((n, beside.shape[1]), space.wide)
        for rows, block in self._blocks(dtype):
            shift = xp.mean(block, axis=0) if shift is None else shift
            block -= shift
            block *= beside[rows, :1]
            _add_products(space, gram, block)
            products += xp.astype(block.T @ beside[rows, :], space.wide, copy=False)
        delta, target_delta = products[:, 0] / self.weight, xp.sum(root * targets, axis=0) / self.weight
        gram = xp.triu(gram) + xp.triu(gram, k=1).T - self.weight * delta[:, None] * delta[None, :]
        cross = products[:, 1:] - self.weight * delta[:, None] * target_delta[None, :]
        square = xp.clip(xp.sum(targets * targets, axis=0) - self.weight * target_delta**2, 0.0, None)
        scale, mean = self._scale, xp.astype(shift, space.wide, copy=False) + delta
        sizes = (self.n_samples, self.weight, scale * mean, target_shift + target_delta)
        return TensorSums(space, *sizes, gram * scale[:, None] * scale[None, :], cross * scale[:, None], square)

    def residual_products(self, coef: Tensor, intercept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Products of the centred columns with residuals, centred squares of these, and the means of the columns."""
        xp, wide = self.space.xp, self.space.wide
        scaled, total, parts = self._scale[:, None] * coef, 0.0, []
        for rows, block in self._blocks(wide):
            parts.append(self._Y[rows, :] - intercept - block @ scaled)
            weight = self._weight[rows][:, None]
            total = total + block.T @ xp.concat([parts[-1] * weight, weight], axis=1)
        residuals, products = xp.concat(parts, axis=0), self._scale[:, None] * total
        sums = xp.sum(self._weight[:, None] * residuals, axis=0)
        squares = xp.sum(self._weight[:, None] * residuals**2, axis=0) - sums**2 / self.weight
        mean = products[:, -1] / self.weight
        return products[:, :-1] - mean[:, None] * sums[None, :], squares, mean


def _add_products(space: ArraySpace, gram: Tensor, block: Tensor) -> None:
    """Add products of columns with each other to the upper triangle; below it anything may be added."""
    for panel in row_blocks(block.shape[1], _PANEL):
        products = block[:, panel].T @ block[:, panel.start :]
        gram[panel, panel.start :] += space.xp.astype(products, gram.dtype, copy=False)


def _fit(sums: TensorSums, alpha: float) -> _Fit | None:
    space, xp = sums.space, sums.space.xp
    factor = space.cholesky(space.with_diagonal(sums.gram, alpha))
    if factor is None:
        return None
    coef = space.solve_factored(factor, sums.cross)
    dof = sums.gram.shape[0] - alpha * float(_trace_of_inverse(space, factor))
    squares = wide_on_host(sums.target_square - xp.sum(coef * (sums.cross + alpha * coef), axis=0))
    return _Fit(coef, dof, np.maximum(squares, 0.0))


def _trace_of_inverse(space: ArraySpace, factor: Tensor) -> Tensor:
    """Trace of the inverse of a matrix whose Cholesky factor is given."""
    total: Any = 0.0
    for panel in row_blocks(factor.shape[0], _PANEL):
        # The inverse of the factor has zeros above: a third of the products is left.
        corner = factor[panel.start :, panel.start :]
        unit = space.xp.eye(corner.shape[0], panel.stop - panel.start, dtype=factor.dtype, device=space.device)
        total = space.xp.sum(space.solve_lower(corner, unit) ** 2) + total
    return total


def _best(
    sums: TensorSums, alphas: Array, inflation: float, precision: float, least_left_over: float
) -> tuple[Array, Tensor, Array, Array] | None:
    """Penalties, coefficients, degrees of freedom and residual squares of the best fits; None if rounding forbids."""
    is_one, trace = is_one_penalty(alphas), np.array([sums.trace])
    floor = alpha_floor(trace, sums.gram.shape[0], precision)
    needed = MARGIN * floor if is_one else least_choice(np.array([sums.norm]), floor)
    if not np.min(alphas) > needed:
        return None
    fits: dict[float, _Fit] = {}
    for alpha in np.unique(alphas).tolist():
        fit = _fit(sums, alpha)
        if fit is None:
            return None
        fits[alpha] = fit
    ordered = descending(alphas, sums.cross.shape[1])
    dof = np.vectorize(lambda alpha: fits[alpha].dof, otypes=[float])(ordered)
    squares = np.array([[fits[alpha].squares[t] for t, alpha in enumerate(row)] for row in ordered.tolist()])
    chosen = np.argmin(gcv_of(squares, dof, sums.weight, inflation), axis=0), np.arange(ordered.shape[1])
    if not is_one and np.any(squares[chosen] < least_left_over * wide_on_host(sums.target_square)):
        return None
    alpha = ordered[chosen]
    coef = sums.space.xp.stack([fits[value].coef[:, t] for t, value in enumerate(alpha.tolist())], axis=1)
    return alpha, coef, dof[chosen], squares[chosen]


def _solution(
    moments: Moments, alpha: Array, coef: Tensor, dof: Array, squares: Array, precision: float
) -> MomentsSolution:
    noise = variance_around(squares, moments.n_effective, dof)
    return MomentsSolution(moments, alpha, precision, wide_on_host(coef), dof, noise)


def _mended(rows: _Rows, sums: TensorSums, alpha: Array, coef: Tensor, dof: Array, _: Array) -> MomentsSolution | None:
    """The solution of float64 from that of float32 sums; see `refinement`. None where corrections do not shrink."""
    xp, penalties = sums.space.xp, sums.space.wide_tensor(alpha)
    solve = _solver(sums, alpha)
    square, target_mean = wide_on_host(sums.target_square), wide_on_host(sums.target_mean)
    varying = square > sums.weight * (CONSTANT * target_mean) ** 2

    def correction(state: _State) -> tuple[float, Callable[[], _State]]:
        coef, intercept, *_ = state
        products, squares, mean = rows.residual_products(coef, intercept)
        gradient = products - penalties * coef
        step = solve(gradient)
        pairs = (step * gradient, coef * sums.cross)
        change, length = (wide_on_host(xp.sum(pair, axis=0))[varying] for pair in pairs)
        share = np.divide(change, length, out=change.copy(), where=length > 0.0)

        def corrected() -> _State:
            left = squares - xp.sum(step * (products + penalties * (coef + step)), axis=0)
            return coef + step, sums.target_mean - mean @ (coef + step), left, mean

        return float(np.sqrt(np.maximum(np.max(share, initial=0.0), 0.0))), corrected

    start = (coef, sums.target_mean - sums.mean @ coef, sums.target_square, sums.mean)
    found = refined(start, correction, FIRST_SHARE, _LAST_SHARE, MOST_PASSES)
    if found is None:
        return None
    coef, _, left, mean = found
    # With these products, the float32 Gram matrix has the float64 solution. A later solution gives the same result.
    sums = replace(sums, mean=mean, cross=sums.gram @ coef + penalties * coef)
    return _solution(sums.on_host(), alpha, coef, dof, np.maximum(wide_on_host(left), 0.0), _SINGLE)


def _solver(sums: TensorSums, alpha: Array) -> Callable[[Tensor], Tensor]:
    """Solves with the penalised Gram matrix of each target."""
    space, values = sums.space, np.unique(alpha)
    factors = [space.cholesky(space.with_diagonal(sums.gram, value)) for value in values.tolist()]
    places = np.searchsorted(values, alpha).tolist()

    def solve(right: Tensor) -> Tensor:
        solved = [space.solve_factored(factors[place], right[:, t : t + 1]) for t, place in enumerate(places)]
        return space.xp.concat(solved, axis=1)

    return solve
