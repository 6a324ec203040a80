"""A fitted network as one value: what predicts, and what it was made of."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._compute import Array, ArraySpace, block_length, is_tensor, on_host, over_threads, row_blocks, tensor_space
from .._data import Dataset, dense_inputs, images_without_row, multiplicities
from .._features import BlockMap, KernelMap, RandomMap
from .._integration import Execution
from .._kernel_learning import KernelTask, Trend
from .._ridge import ExactSolution, Moments, Solution
from .choice import NetworkChoice
from .held_out import HeldOutRows, residuals_without_row
from .importances import slope_shares
from .intervals import ResidualSpread, fit_spread
from .targets import ClassTargets, NumericTargets, scores_without_row
from .tensor_network import TensorNetwork, precision_of

# Least number of rows in a block of predictions.
_FEWEST_ROWS = 16
# The same for more columns than a kernel map has: the rows share what is done once for each column.
_FEWEST_WIDE_ROWS, _WIDE = 256, 12_000


@dataclass(frozen=True, eq=False)
class FittedNetwork:
    """Everything that a fit found.

    Parameters
    ----------
    feature_map : RandomMap, KernelMap or BlockMap
        From a row to the columns in front of the output matrix.
    solution : Solution
        Output matrix for the scaled columns, in units of the targets.
    target_units : ndarray of shape (n_targets,)
        Powers of two by which targets were divided.
    choice : NetworkChoice
        What was chosen before.
    targets : NumericTargets or ClassTargets
        What the outputs mean.
    n_samples : int
        Rows of positive weight that the fit rests on.
    dtype : {"float64", "float32"}
        Type of the rows, and so of the output matrix; a dtype is taken by its name.
    solver : str or None
        How the output matrix was found; None where it was given.
    solver_costs : dict of str to float, optional
        Predicted cost of each solver that could serve, where there was a choice.
    held_out : HeldOutRows, optional
        Rows that tell how far off predictions may be.
    sums : Moments, optional
        Of the raw columns, where `partial_fit` keeps them.
    kernel_rows : KernelTask, optional
        All rows, for a kernel with each of them.
    first_rows : Dataset, optional
        All rows as they came, while `partial_fit` has seen too few to keep to what was chosen from them.
    weight_unit : float
        What one row weighs; weights, sums and penalties are in it.
    trend : Trend, optional
        A line beside the columns, in units of the targets like the solution.
    """

    feature_map: RandomMap | KernelMap | BlockMap
    solution: Solution
    target_units: Array
    choice: NetworkChoice
    targets: NumericTargets | ClassTargets
    n_samples: int
    dtype: Any
    solver: str | None
    solver_costs: dict[str, float] | None = None
    held_out: HeldOutRows | None = None
    sums: Moments | None = None
    kernel_rows: KernelTask | None = None
    first_rows: Dataset | None = None
    weight_unit: float = 1.0
    trend: Trend | None = None

    def __post_init__(self) -> None:
        """Keep the name of the dtype, which every file format can hold."""
        object.__setattr__(self, "dtype", np.dtype(self.dtype).name)

    @cached_property
    def coef(self) -> NDArray[np.floating]:
        """Output matrix of shape (n_targets, n_columns), in units of the target and the dtype of the rows."""
        return np.asarray((self.solution.coef * self.target_units).T.astype(self.dtype))

    @cached_property
    def intercept(self) -> NDArray[np.floating]:
        """Intercepts of shape (n_targets,), in units of the target and the dtype of the rows."""
        return np.asarray((self.solution.intercept * self.target_units).astype(self.dtype))

    @property
    def noise_variance(self) -> Array:
        """Variance of the targets around the fit, of shape (n_targets,)."""
        return np.asarray(self.solution.noise * self.target_units**2)

    def columns(self, X: Any, execution: Execution) -> NDArray[np.floating]:
        """Scaled columns of validated rows, of shape (n_samples, n_columns)."""
        if is_tensor(X):
            return self._where(X).columns(X, execution.batch_size)
        columns = np.empty((X.shape[0], self.feature_map.n_columns), dtype=X.dtype)

        def evaluate(rows: slice) -> None:
            columns[rows] = self.feature_map.columns(self._precise(X[rows]))

        over_blocks(evaluate, X.shape[0], self.feature_map.n_columns, execution)
        return columns

    def scores(self, X: Any, execution: Execution) -> NDArray[np.floating]:
        """Output of the network for validated rows, of shape (n_samples, n_targets)."""
        if is_tensor(X):
            return self._where(X).scores(X, execution.batch_size)
        dtype = np.dtype(np.float64) if self.feature_map.needs_float64 else X.dtype
        coef = (self.solution.coef * self.target_units).T if self.feature_map.needs_float64 else self.coef
        weights = np.ascontiguousarray((coef * self.feature_map.column_scale).T, dtype=dtype)
        scores = np.empty((X.shape[0], weights.shape[1]), dtype=X.dtype)

        def evaluate(rows: slice) -> None:
            self.feature_map.write_scores(self._precise(X[rows]), weights, scores[rows])

        over_blocks(evaluate, X.shape[0], self.feature_map.score_width, execution)
        scores += np.asarray(self.intercept, dtype=X.dtype)
        if self.trend is not None:
            scores += (self.trend(X) * self.target_units).astype(X.dtype)
        return scores

    def on(self, space: ArraySpace, precision: str) -> TensorNetwork:
        """The same network on a device, copied there when it is first asked for."""
        key = (*space.key, precision)
        if key not in self._copies:
            parts = (self.feature_map, self.solution, self.target_units, self.trend)
            self._copies[key] = TensorNetwork(space, precision, *parts)
        return self._copies[key]

    def _where(self, X: Any) -> TensorNetwork:
        space = tensor_space(X)
        return self.on(space, precision_of(space, X))

    @cached_property
    def _copies(self) -> dict[tuple[str, str, str], TensorNetwork]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """Everything but copies on devices."""
        return {name: value for name, value in vars(self).items() if name != "_copies"}

    def _precise(self, X: Any) -> Any:
        """Rows in the dtype that their columns are computed in."""
        return X.astype(np.float64, copy=False) if self.feature_map.needs_float64 else X

    def deviation(self, X: Any, execution: Execution) -> NDArray[np.floating]:
        """Standard deviation of new targets around the prediction, of shape (n_samples, n_targets).

        It comes from the posterior or, if no factor is kept, from held-out residuals.
        """
        if self.n_samples == 1:
            message = (
                "A single training row tells nothing of the scatter of targets, so that standard deviations are zero"
            )
            warnings.warn(f"{message}; fit more rows.", UserWarning, stacklevel=3)
        if is_tensor(X):
            network, batch_size = self._where(X), execution.batch_size
            if network.variance is None:
                return network.residual_deviation(X, self.residual_spread, batch_size)
            return network.posterior_deviation(X, batch_size)
        if self.solution.variance(np.empty((0, self.feature_map.n_columns))) is None:
            deviation = self.residual_spread.deviation(self._residual_size(X, execution)) * self.target_units
            return np.asarray(deviation.astype(X.dtype, copy=False))
        variance = np.empty((X.shape[0], self.target_units.size))

        def evaluate(rows: slice) -> None:
            variance[rows] = self.solution.variance(self.feature_map.columns(self._precise(X[rows])))

        over_blocks(evaluate, X.shape[0], self.feature_map.n_columns, execution)
        growth = 1.0 if self.trend is None else self.trend.growth(X)[:, None]
        deviation = np.sqrt(self.noise_variance * (growth**2 + variance))
        return np.asarray(deviation.astype(X.dtype, copy=False))

    def interval_half_width(self, X: Any, level: float, execution: Execution) -> NDArray[np.floating]:
        """Half the width of intervals that hold new targets with a probability, of shape (n_samples, n_targets)."""
        spread = self.residual_spread
        quantile = spread.quantile(level)
        if not np.all(np.isfinite(quantile)):
            n, enough = len(spread.ratios), math.ceil(level / (1.0 - level) - 1e-9)
            warnings.warn(
                f"{n} training rows are too few for intervals of level {level}, which are infinitely wide; fit "
                f"at least {max(enough, n + 1)} rows, more where weights differ, or ask for a lower level.",
                UserWarning,
                stacklevel=4,
            )
        if is_tensor(X):
            return self._where(X).half_width(X, spread, quantile, execution.batch_size)
        widths = self._residual_size(X, execution) * quantile * self.target_units
        return np.asarray(widths.astype(X.dtype, copy=False))

    def _residual_size(self, X: Any, execution: Execution) -> Array:
        spread, sizes = self.residual_spread, np.empty((X.shape[0], self.target_units.size))

        def evaluate(rows: slice) -> None:
            sizes[rows] = spread.size(dense_inputs(self.feature_map.input_map, X[rows]))

        over_blocks(evaluate, X.shape[0], self.feature_map.n_columns, execution)
        return sizes if self.trend is None else sizes * self.trend.growth(X)[:, None]

    @cached_property
    def residual_spread(self) -> ResidualSpread:
        """Typical size of residuals as a function of the inputs, learned when it is first asked for.

        Raises
        ------
        ValueError
            If the network was not fitted to rows.
        """
        held = self.held_out_residuals()
        if held.residuals is None:
            raise AssertionError("held-out residuals are known at this point")
        return fit_spread(self.feature_map.kernels, held.X, held.residuals, held.sample_weight)

    @cached_property
    def importances(self) -> Array:
        """Shares of the input columns, in the columns of the network and in a line beside them.

        Raises
        ------
        AttributeError
            If nothing was learned, and the network was not fitted to rows.
        """
        shares = self._shares_in_columns()
        return shares if self.trend is None else self.trend.shares(shares)

    def _shares_in_columns(self) -> Array:
        """Shares in the learned length scales, else in the slopes of the fit at some rows."""
        if self.choice.importances is not None:
            return self.choice.importances
        layers = replace(self.feature_map, input_map=None)
        return slope_shares(layers, self.solution.coef, *self._rows_for_slopes())

    def _rows_for_slopes(self) -> tuple[Array, Array]:
        """Transformed rows that the network keeps, and their weights."""
        feature_map, held, task = self.feature_map, self.held_out, self.kernel_rows
        if held is not None:
            known = held.residuals is not None
            return held.X if known else dense_inputs(feature_map.input_map, held.X), held.sample_weight
        if task is not None:
            return task.X, task.sample_weight
        if isinstance(feature_map, KernelMap | BlockMap):
            return feature_map.centres, np.ones(len(feature_map.centres))
        raise AttributeError("feature_importances_ needs a fit to rows, and this network has given coefficients.")

    def held_out_residuals(self) -> HeldOutRows:
        """Some rows, transformed, with the residuals that they have in a fit without them.

        Raises
        ------
        ValueError
            If the network was not fitted to rows.
        """
        held = self.held_out
        if held is None:
            raise ValueError(
                'return_std=True and predict_interval need a fit to rows, which bundle(..., method="analytic") does '
                'without; bundle with method="calibrated", or fit the network to data.'
            )
        if held.residuals is not None:
            return replace(held, residuals=held.residuals - self._changes_without_row(held))
        columns = self.feature_map.columns(self._precise(held.X)).astype(np.float64, copy=False)
        leverage = held.unit_weights()[:, None] * np.asarray(self.solution.leverage(columns))
        residuals = held.Y - columns @ self.solution.coef - self.solution.intercept
        inputs = dense_inputs(self.feature_map.input_map, held.X)
        precision = float(np.finfo(self.dtype).eps)
        return replace(held, X=inputs, residuals=residuals_without_row(residuals, leverage, precision))

    def _changes_without_row(self, held: HeldOutRows) -> Array:
        """Changes of predictions for rows held out of an exact fit, if its input transform has not seen them either.

        Where targets have no noise, that is all there is: new rows lie between the knots, or beyond them.
        """
        changes, feature_map = np.zeros_like(held.Y), self.feature_map
        if not isinstance(self.solution, ExactSolution) or isinstance(feature_map, RandomMap):
            return changes
        if feature_map.input_map is not None:
            alone = multiplicities(held.sample_weight) == 1
            inputs = images_without_row(feature_map.input_map, held.X, feature_map.centres, alone)
            changed, columns = np.any(inputs != held.X, axis=1), replace(feature_map, input_map=None).columns
            changes[changed] = (columns(inputs[changed]) - columns(held.X[changed])) @ self.solution.coef
        return changes

    def with_probabilities(self, data: Dataset | None, execution: Execution) -> "FittedNetwork":
        """Return the same classification network with a temperature fitted on scores without the row.

        Parameters
        ----------
        data : Dataset or None
            Training rows; None for those that the fit keeps. An exact fit knows the scores of the latter already.
        execution : Execution
            Threads and blocks.

        Returns
        -------
        FittedNetwork
            Without held-out rows that have served: a fit to further rows draws its own.
        """
        targets, held = self.targets, self.held_out
        assert isinstance(targets, ClassTargets)
        if held is not None and held.residuals is not None:
            Y, weight = held.Y * self.target_units, held.sample_weight
            scores, held = (held.Y - held.residuals) * self.target_units, None
        else:
            data = data or self.held_data
            Y, weight = data.Y, data.in_weight_unit(self.weight_unit).sample_weight
            X = data.X if execution.space is None else execution.space.tensor(data.X)
            own = on_host(self.scores(X, execution)).astype(np.float64)
            scores = scores_without_row(own, Y, self.solution.dof, self.solution.n_effective)
        return replace(self, targets=targets.calibrated(*targets.labelled(scores, Y, weight)), held_out=held)

    @property
    def held_data(self) -> Dataset:
        """Rows that the fit keeps, drawn from all alike."""
        held = self.held_out
        assert held is not None
        return Dataset(held.X, held.Y * self.target_units, held.sample_weight)

    def known_rows(self, X: Any) -> Any:
        """Give rows that were validated before; None, as a network by itself remembers none."""

    def without_factor(self) -> Self:
        """Return the network without what has the size of the Gram matrix; intervals that are known stay known."""
        light = replace(self, solution=self.solution.without_factor(), sums=None, kernel_rows=None, first_rows=None)
        if "residual_spread" in vars(self):
            vars(light)["residual_spread"] = self.residual_spread
        return light

    def diagonalised(self) -> Self:
        """Return the same network, with the eigenvectors that standard deviations need worked out."""
        return replace(self, solution=self.solution.diagonalised(), sums=None)

    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the estimator."""
        kernels = isinstance(self.feature_map, KernelMap | BlockMap)
        found = {
            "output_coef_": self._per_target(self.coef),
            "intercept_": self._per_target(self.intercept),
            "samplers_": self.feature_map.samplers,
            "feature_map_": "kernel" if kernels else "random",
            **self.choice.attributes(),
            **self.targets.attributes(),
        }
        if kernels:
            found["kernels_"] = self.feature_map.kernels
        if self.trend is not None:
            found["trend_coef_"] = self._per_target((self.trend.coef * self.target_units).T)
        if isinstance(self.feature_map, BlockMap):
            kernel = self.feature_map.kernel
            found |= {"landmarks_": kernel.landmarks, "block_sizes_": np.diff(kernel.starts)}
        if self.solver is not None:
            found |= self._solution_attributes()
        return found

    def _solution_attributes(self) -> dict[str, Any]:
        """What is known of a solution that was found, not given."""
        optional = {"solver_costs_": self.solver_costs, "moments_": self.sums}
        return {
            "alpha_": self._per_target(self.solution.alpha * self.weight_unit),
            "effective_dof_": self._per_target(self.solution.dof),
            "noise_variance_": self._per_target(self.noise_variance),
            "n_samples_seen_": self.n_samples,
            "n_iter_": self.solution.n_iter,
            "solver_": self.solver,
            **{name: value for name, value in optional.items() if value is not None},
        }

    def _per_target(self, values: NDArray[Any]) -> Any:
        return values[0] if self.targets.flat else values


def over_blocks(function: Callable[[slice], None], n_samples: int, n_columns: int, execution: Execution) -> None:
    """Call a function for blocks of rows that stay in a core's cache, over threads.

    Parameters
    ----------
    function : callable
        Takes a slice of rows.
    n_samples, n_columns : int
        Rows, and columns of each.
    execution : Execution
        Threads, and the most rows of a block.
    """
    fewest = _FEWEST_ROWS if n_columns <= _WIDE else _FEWEST_WIDE_ROWS
    size = min(max(block_length(n_samples, n_columns), fewest), execution.batch_size or n_samples)
    over_threads(function, [(rows,) for rows in row_blocks(n_samples, size)], execution.threads)
