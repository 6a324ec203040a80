"""From rows to a fitted network."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._compute import Array, ArraySpace
from .._data import Dataset
from .._features import BlockMap, KernelMap, RandomMap
from .._integration import Execution
from .._kernel_learning import prepare_layers
from .._ridge import (
    Moments,
    Penalty,
    Problem,
    Solution,
    check_memory,
    choose_solver,
    solve,
    solve_moments,
)
from .choice import NetworkChoice
from .fitted import FittedNetwork
from .held_out import HeldOutRows
from .kernel_fitting import chosen_map, fit_kernel_network
from .row_sums import columns_on_device
from .specification import NetworkSpec
from .targets import ClassTargets, NumericTargets
from .tensor_rows import refuse_tensors


@dataclass(frozen=True, eq=False)
class PreparedNetwork:
    """What all rows of a network with random columns share, before anything is solved.

    Parameters
    ----------
    feature_map : RandomMap, KernelMap or BlockMap
        The columns.
    choice : NetworkChoice
        How they were chosen.
    target_units : ndarray of shape (n_targets,)
        Powers of two by which targets are divided.
    penalty : Penalty
        Penalties to choose from.
    weight_unit : float
        Weight of one row, by which weights and penalties are divided.
    """

    feature_map: RandomMap | KernelMap | BlockMap
    choice: NetworkChoice
    target_units: Array
    penalty: Penalty
    weight_unit: float = 1.0

    def completed(
        self, solution: Solution, targets: NumericTargets | ClassTargets, dtype: Any, solver: str, **optional: Any
    ) -> FittedNetwork:
        """The network with a solution for its columns; `optional` are further fields of `FittedNetwork`."""
        parts = (self.feature_map, solution, self.target_units, self.choice, targets)
        return FittedNetwork(*parts, solution.n_samples, dtype, solver, weight_unit=self.weight_unit, **optional)


def fit_network(
    spec: NetworkSpec, data: Dataset, targets: NumericTargets | ClassTargets, execution: Execution
) -> FittedNetwork:
    """Fit a network to rows.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    data : Dataset
        Rows of positive weight.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    execution : Execution
        Threads, blocks and progress.

    Returns
    -------
    FittedNetwork
        The network.

    Raises
    ------
    ValueError
        If a parameter does not fit the rows, or memory does not suffice.
    """
    penalty = spec.penalty(data.n_targets, data.weight_unit)
    if chosen_map(spec, data, penalty) == "kernel":
        return fit_kernel_network(spec, data, targets, penalty, execution)
    sizes = spec.layer_sizes(float(data.sample_weight.sum()))
    solver, costs = _chosen_solver(spec, sizes, data.X.shape, penalty, execution.space)
    prepared = prepare_network(spec, data.in_units(data.units), data.units, sizes, penalty, execution)
    prepared.feature_map.check_range(data.X)
    scaled = data.in_units(data.units)
    problem = Problem(
        *(prepared.feature_map, scaled.X, scaled.Y, scaled.sample_weight, prepared.penalty),
        *(spec.tol, spec.max_iter, prepared.choice.seed),
        tensors=columns_on_device(prepared.feature_map, data.X.dtype, execution) if solver == "primal" else None,
    )
    solution = solve(problem, solver, execution)
    held_out = HeldOutRows.sample(scaled, prepared.choice.seed)
    return prepared.completed(solution, targets, data.X.dtype, solver, solver_costs=costs, held_out=held_out)


def prepare_network(
    spec: NetworkSpec,
    data: Dataset,
    target_units: Array,
    sizes: tuple[int, ...],
    penalty: Penalty,
    execution: Execution,
    seed: int | None = None,
) -> PreparedNetwork:
    """Choose what is automatic on a sample of the rows, and draw the layers.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    data : Dataset
        Rows, with targets in their units; only ``data.X[positions]`` and its like are used.
    target_units : ndarray of shape (n_targets,)
        The units.
    sizes : tuple of int
        Columns of every layer.
    penalty : Penalty
        As the user gave it.
    execution : Execution
        Threads, blocks and progress.
    seed : int, optional
        Where it was drawn already.

    Returns
    -------
    PreparedNetwork
        Ready to be solved.
    """
    seed = spec.seed() if seed is None else seed
    plan = (spec.kernel, sizes, spec.input_transform, spec.direct_link, seed)
    feature_map, found = prepare_layers(
        *(data.X, data.Y, data.sample_weight, *plan),
        penalty_given=penalty.candidates is not None,
        threads=execution.threads,
        learning=spec.learning_of(data.X.shape[1]),
        progress=execution.progress,
        common_unit=spec.has_classes,
    )
    activation, directions, frequencies, length_scale = found.candidate.parameters
    kernel = (activation, directions, frequencies, length_scale)
    choice = NetworkChoice(sizes, *kernel, found.input_transform, found.history, found.alpha, seed)
    return PreparedNetwork(feature_map, choice, target_units, replace(penalty, centre=found.alpha), data.weight_unit)


def solved_sums(
    prepared: PreparedNetwork,
    sums: Moments,
    targets: NumericTargets | ClassTargets,
    dtype: Any,
    keep_sums: bool = False,
    **optional: Any,
) -> FittedNetwork:
    """Solve for the output matrix from sums over the rows.

    Parameters
    ----------
    prepared : PreparedNetwork
        The columns.
    sums : Moments
        Of the raw columns.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    dtype : dtype
        Of the rows.
    keep_sums : bool, default=False
        Whether the network keeps them, for further rows.
    **optional
        Further fields of `FittedNetwork`.

    Returns
    -------
    FittedNetwork
        The network.
    """
    scaled, precision = sums.scaled(prepared.feature_map.column_scale), float(np.finfo(dtype).eps)
    solution = solve_moments(scaled, prepared.penalty, precision)
    if keep_sums:
        optional["sums"] = sums
    return prepared.completed(solution, targets, dtype, "primal", **optional)


def _chosen_solver(
    spec: NetworkSpec,
    sizes: tuple[int, ...],
    shape: tuple[int, int],
    penalty: Penalty,
    space: ArraySpace | None,
) -> tuple[str, dict[str, float]]:
    """The solver that the user named, or the cheapest that can solve the problem; and the cost of each."""
    n_linked = spec.n_linked(shape[1])
    solver, costs = choose_solver(spec.solver, shape[0], sizes[-1] + n_linked, shape[1], penalty, spec.tol, spec.alpha)
    if solver == "cg" and space is not None:
        if spec.solver == "cg":
            refuse_tensors(space, "solver='cg'")
        solver = "primal"
    check_memory(spec.n_components, sizes, n_linked, shape, solver)
    return solver, costs
