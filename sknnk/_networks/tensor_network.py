"""A fitted network on a device: predictions of rows that are tensors, in blocks."""

from collections.abc import Callable
from typing import Any

from .._compute import Array, ArraySpace, Tensor, row_blocks, tensor_rows
from .._features import BlockMap, KernelMap, RandomMap, tensor_map
from .._kernel_learning import Trend
from .._kernels import TensorKernels
from .._ridge import Solution, tensor_variance
from .intervals import ResidualSpread


class TensorNetwork:
    """Copies of what predictions need, on a device.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    precision : {"float64", "float32"}
        Of the rows, and of what is predicted.
    feature_map : RandomMap, KernelMap or BlockMap
        Of NumPy.
    solution : Solution
        Output matrix for the scaled columns.
    target_units : ndarray of shape (n_targets,)
        By which targets were divided.
    trend : Trend, optional
        A line beside the columns.
    """

    def __init__(
        self,
        space: ArraySpace,
        precision: str,
        feature_map: RandomMap | KernelMap | BlockMap,
        solution: Solution,
        target_units: Array,
        trend: Trend | None = None,
    ) -> None:
        self._space, self._dtype, self._solution = space, space.dtype(precision), solution
        self._map, self._scale = tensor_map(feature_map, space, precision), space.wide_tensor(feature_map.column_scale)
        self._weights = space.wide_tensor(solution.coef * target_units * feature_map.column_scale[:, None])
        self._intercept, self._units = space.wide_tensor(solution.intercept * target_units), target_units
        self._variance: Any = NotImplemented  # worked out when it is first asked for
        self._trend = (
            None if trend is None else [space.wide_tensor(each) for each in (trend.centre, trend.coef, trend.root)]
        )

    def check_range(self, X: Tensor) -> None:
        """Refuse rows whose projections overflow."""
        self._map.check_range(X)

    def columns(self, X: Tensor, batch_size: int | None) -> Tensor:
        """Scaled columns of rows, of shape (n_samples, n_columns)."""
        xp = self._space.xp

        def evaluate(rows: Tensor) -> Tensor:
            raw = self._map.raw_columns(rows)
            return raw * xp.astype(self._scale, raw.dtype, copy=False)

        return self._by_blocks(evaluate, self._map.transformed(X), self._map.n_columns, batch_size)

    def scores(self, X: Tensor, batch_size: int | None) -> Tensor:
        """Output of the network, of shape (n_samples, n_targets)."""
        xp = self._space.xp

        def evaluate(rows: Tensor) -> Tensor:
            products = self._map.scores(rows, self._weights)
            return products + xp.astype(self._intercept, products.dtype, copy=False)

        scores = self._by_blocks(evaluate, self._map.transformed(X), self._map.score_width, batch_size)
        if self._trend is None:
            return scores
        centre, coef, _ = self._trend
        line = ((xp.astype(X, self._space.wide) - centre) @ coef) * self._space.wide_tensor(self._units)
        return scores + xp.astype(line, scores.dtype)

    def growth(self, X: Tensor) -> Tensor | float:
        """By what standard deviations grow because a line is estimated, of shape (n_samples, 1)."""
        if self._trend is None:
            return 1.0
        xp, (centre, _, root) = self._space.xp, self._trend
        lengths = ((xp.astype(X, self._space.wide) - centre) @ root) ** 2
        return xp.sqrt(1.0 + xp.sum(lengths, axis=1, keepdims=True))

    @property
    def variance(self) -> Callable[[Tensor], Tensor] | None:
        """Variance of predictions, from scaled columns; None where no factor is kept."""
        if self._variance is NotImplemented:
            self._variance = tensor_variance(self._solution, self._space)
        return self._variance

    def posterior_deviation(self, X: Tensor, batch_size: int | None) -> Tensor:
        """Standard deviation of new targets, of shape (n_samples, n_targets), from `variance`."""
        xp, space, variance = self._space.xp, self._space, self.variance
        assert variance is not None
        noise = space.wide_tensor(self._solution.noise * self._units**2)

        def evaluate(rows: Tensor) -> Tensor:
            columns = xp.astype(self._map.raw_columns(rows), space.wide) * self._scale
            return variance(columns)

        inputs = self._map.transformed(X)
        variances = self._by_blocks(evaluate, inputs, self._map.n_columns, batch_size, space.wide)
        return xp.astype(xp.sqrt(noise * (self.growth(X) ** 2 + variances)), self._dtype)

    def residual_size(self, X: Tensor, spread: ResidualSpread, batch_size: int | None) -> Tensor:
        """Typical size of residuals of rows, of shape (n_samples, n_targets), in the highest precision."""
        xp, space = self._space.xp, self._space
        kernels = TensorKernels(space, spread.kernels, "float64")
        centres = kernels.coordinates(space.wide_tensor(spread.centres))
        coef, intercept = space.wide_tensor(spread.coef), space.wide_tensor(spread.intercept)

        def evaluate(rows: Tensor) -> Tensor:
            return xp.exp(kernels.values(kernels.coordinates(rows), centres) @ coef + intercept)

        inputs = self._map.inputs(xp.astype(X, space.wide))
        return self._by_blocks(evaluate, inputs, len(spread.centres), batch_size, space.wide) * self.growth(X)

    def residual_deviation(self, X: Tensor, spread: ResidualSpread, batch_size: int | None) -> Tensor:
        """Standard deviation of new targets from residuals of rows that were left out."""
        xp, size = self._space.xp, self.residual_size(X, spread, batch_size)
        parts = (self._space.wide_tensor(each * self._units) for each in spread.deviation_parts)
        own, common = parts
        return xp.astype(xp.sqrt((size * own) ** 2 + common**2), self._dtype)

    def half_width(self, X: Tensor, spread: ResidualSpread, quantile: Array, batch_size: int | None) -> Tensor:
        """Half the width of intervals, for a multiple of the size of residuals."""
        widths = self.residual_size(X, spread, batch_size) * self._space.wide_tensor(quantile * self._units)
        return self._space.xp.astype(widths, self._dtype)

    def _by_blocks(
        self,
        function: Callable[[Tensor], Tensor],
        inputs: Tensor,
        n_columns: int,
        batch_size: int | None,
        dtype: Any = None,
    ) -> Tensor:
        """What a function gives for blocks of transformed rows, in the dtype of the rows."""
        xp, dtype = self._space.xp, self._dtype if dtype is None else dtype
        blocks = row_blocks(inputs.shape[0], tensor_rows(n_columns, batch_size))
        parts = [xp.astype(function(inputs[rows, :]), dtype, copy=False) for rows in blocks]
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=0)


def precision_of(space: ArraySpace, X: Tensor) -> str:
    """Name of the dtype of rows.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    X : tensor
        Validated rows.

    Returns
    -------
    {"float64", "float32"}
        The name.
    """
    return "float32" if X.dtype == space.xp.float32 else "float64"
