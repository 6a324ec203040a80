"""Networks whose columns are kernels with rows of the table: with all of them, or with landmarks."""

from dataclasses import replace
from typing import Any

import numpy as np

from .._compute import Array, Indices, machine_memory
from .._data import SEARCH_ROWS, Dataset, dense_inputs, multiplicities
from .._features import BlockMap, KernelMap, SymmetricKernel, TensorKernelRows, landmark_map, single_is_harmless
from .._integration import Execution
from .._kernel_learning import KernelTask, Trend, found_trend, prepare_kernel
from .._kernels import Kernel, numeric_length_scale
from .._ridge import Penalty, Problem, Solution, check_memory, solve, solve_exactly, solve_moments, solves_in_single
from .block_fitting import refined_in_blocks, solved_blocks, with_all_rows
from .choice import NetworkChoice
from .fitted import FittedNetwork
from .held_out import HELD_ROWS, HeldOutRows, row_keys
from .kernel_plans import KernelPlan, planned, sizes_for
from .row_sums import columns_on_device, summed_rows, summing_steps
from .specification import NetworkSpec
from .targets import ClassTargets, NumericTargets

# Rows for each different row, from which on many repeat.
_REPEATED = 1.05


def chosen_map(spec: NetworkSpec, data: Dataset, penalty: Penalty) -> str:
    """Which columns to use.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    data : Dataset
        Rows of positive weight.
    penalty : Penalty
        As the user gave it.

    Returns
    -------
    {"random", "kernel"}
        Kernels with rows of the table where nothing asks for random columns.
    """
    if spec.feature_map != "auto":
        return spec.feature_map
    return "kernel" if spec.allows_kernel_columns(data.X, penalty) else "random"


def with_dense_rows(spec: NetworkSpec, data: Dataset, penalty: Penalty) -> Dataset:
    """Make a small sparse table dense where kernels with its rows are chosen, which are more accurate.

    Parameters
    ----------
    spec, data, penalty
        As in :func:`chosen_map`.

    Returns
    -------
    Dataset
        The very same object where it is dense already, or random columns are taken, or kernels were asked for.
    """
    stays = isinstance(data.X, np.ndarray) or spec.feature_map != "auto" or chosen_map(spec, data, penalty) != "kernel"
    return data if stays else replace(data, X=data.X.toarray())


def fit_kernel_network(
    spec: NetworkSpec,
    data: Dataset,
    targets: NumericTargets | ClassTargets,
    penalty: Penalty,
    execution: Execution,
    seed: int | None = None,
) -> FittedNetwork:
    """Fit with all rows as centres and one factorisation, with landmarks and sums over the rows, or in blocks.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    data : Dataset
        Rows of positive weight.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    penalty : Penalty
        As the user gave it.
    execution : Execution
        Threads, blocks and progress.
    seed : int, optional
        Where it was drawn already.

    Returns
    -------
    FittedNetwork
        The network.

    Raises
    ------
    ValueError
        If the parameters ask for what kernel columns do not have, or memory does not suffice.
    """
    spec.check_kernel_columns(penalty)
    seed, units = spec.seed() if seed is None else seed, data.units
    scaled = data.in_units(units)
    free = spec.direct_link and isinstance(targets, NumericTargets)
    trend = found_trend(scaled.X, scaled.Y, scaled.sample_weight) if free else None
    if trend is None:
        return _fitted_to_rest(spec, scaled, units, targets, penalty, seed, execution)
    rest = without_trend(scaled, trend)
    return replace(_fitted_to_rest(spec, rest, units, targets, penalty, seed, execution), trend=trend)


def without_trend(data: Dataset, trend: Trend | None) -> Dataset:
    """The rows with what a line leaves of their targets."""
    return data if trend is None else replace(data, Y=data.Y - trend(data.X))


def _fitted_to_rest(
    spec: NetworkSpec,
    scaled: Dataset,
    units: Array,
    targets: NumericTargets | ClassTargets,
    penalty: Penalty,
    seed: int,
    execution: Execution,
) -> FittedNetwork:
    """Fit kernels to what a line leaves, or to the targets themselves."""
    task = chosen_kernel(spec, scaled, penalty.common, seed, execution)
    return fit_chosen_kernel(spec, task, scaled, units, targets, penalty, seed, execution)


def fit_chosen_kernel(
    spec: NetworkSpec,
    task: KernelTask,
    scaled: Dataset,
    units: Array,
    targets: NumericTargets | ClassTargets,
    penalty: Penalty,
    seed: int,
    execution: Execution,
) -> FittedNetwork:
    """Fit with the kernel that was chosen.

    Parameters
    ----------
    task : KernelTask
        Rows and kernel.
    scaled : Dataset
        All rows, with targets in their units. If the task is complete and one block holds it, only their number, their
        columns and their type are asked for.
    units : ndarray of shape (n_targets,)
        The units.
    spec, targets, penalty, seed, execution
        As in :func:`fit_kernel_network`.

    Returns
    -------
    FittedNetwork
        The network.
    """
    learns, alphas = "agop" in spec.learning, penalty.common
    choice = choice_of(task, seed, learns)
    n_rows = len(task.X) if task.complete else len(scaled)
    plan = planned(spec, n_rows)
    common = (units, targets, len(scaled), scaled.X.dtype, scaled.weight_unit)
    if plan.block_size is None:
        return _fitted_to_landmarks(spec, task, choice, plan.n_landmarks, scaled, targets, penalty, units, execution)
    every = task if task.complete else with_all_rows(task, scaled, seed, execution.space)
    if not plan.is_exact or (n_rows > SEARCH_ROWS and not _repeats_rows(every.sample_weight)):
        free_unit = numeric_length_scale(spec.length_scale, scaled.X.shape[1]) is None
        every = refined_in_blocks(every, alphas, free_unit, execution)
        choice = choice_of(every, seed, learns)
    if plan.is_exact:
        return _fitted_exactly(every, replace(choice, n_components=(n_rows,)), *common, spec.n_components, execution)
    plan = planned(spec, n_rows, solves_in_single(every.choice.best.alpha, every.sample_weight))
    blocks = solved_blocks(every, plan, execution)
    return blocks.network(choice, *common)


def chosen_kernel(
    spec: NetworkSpec, scaled: Dataset, alphas: list[float] | None, seed: int, execution: Execution
) -> KernelTask:
    """Choose the kernel by squares.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    scaled : Dataset
        Rows, with targets in their units.
    alphas : list of float or None
        Penalties to choose from.
    seed : int
        Seed of everything random.
    execution : Execution
        Threads and progress.

    Returns
    -------
    KernelTask
        Rows and kernel.
    """
    return prepare_kernel(
        *(scaled.X, scaled.Y, scaled.sample_weight, spec.kernel, alphas, spec.input_transform),
        *("agop" in spec.learning, seed, execution.threads, execution.progress, spec.learned_gain),
        common_unit=spec.has_classes,
    )


def _fitted_to_landmarks(
    spec: NetworkSpec,
    task: KernelTask,
    choice: NetworkChoice,
    n_landmarks: int,
    scaled: Dataset,
    targets: NumericTargets | ClassTargets,
    penalty: Penalty,
    units: Array,
    execution: Execution,
) -> FittedNetwork:
    """Solve with landmarks alone: a sample of the rows gives them, and sums over all rows are what is solved."""
    feature_map, own, centred = landmark_columns(spec, task, choice, n_landmarks, scaled.X.shape, penalty)
    solution = _solved_sums(feature_map, scaled, centred, execution)
    held_out = HeldOutRows.sample(scaled, choice.seed)
    parts = (feature_map, solution, units, own, targets, len(scaled), scaled.X.dtype, "primal")
    return FittedNetwork(*parts, held_out=held_out, weight_unit=scaled.weight_unit)


def landmark_columns(
    spec: NetworkSpec,
    task: KernelTask,
    choice: NetworkChoice,
    n_landmarks: int,
    shape: tuple[int, int],
    penalty: Penalty,
) -> tuple[KernelMap, NetworkChoice, Penalty]:
    """Columns of landmarks alone, the choice that names them, and the penalty around the one that was found.

    Parameters
    ----------
    spec, task, choice, penalty
        As in :func:`fit_chosen_kernel`.
    n_landmarks : int
        Number of landmarks; fewer where the task has fewer rows.
    shape : tuple of int
        Of all rows.
    """
    n_centres = min(n_landmarks, len(task.X))
    check_memory(spec.n_components, (n_centres,), spec.n_linked(shape[1]), shape, "primal")
    feature_map = landmark_map(task.input_map, task.choice.best.kernels, task.X[:n_centres])
    centred = replace(penalty, centre=np.full(task.Y.shape[1], task.choice.best.alpha))
    return feature_map, replace(choice, n_components=(n_centres,), centre=centred.centre), centred


def _solved_sums(feature_map: KernelMap, scaled: Dataset, penalty: Penalty, execution: Execution) -> Solution:
    """The solution from sums over all rows."""
    columns = columns_on_device(feature_map, scaled.X.dtype, execution)
    if columns is not None:
        problem = Problem(feature_map, scaled.X, scaled.Y, scaled.sample_weight, penalty, tensors=columns)
        return solve(problem, "primal", execution)
    with execution.progress.part("sum-rows", summing_steps(len(scaled), feature_map.n_columns, execution)) as done:
        sums = summed_rows(feature_map, scaled, replace(execution, progress=done))
    return solve_moments(sums, penalty, float(np.finfo(scaled.X.dtype).eps))


def _repeats_rows(sample_weight: Array) -> bool:
    """Whether many rows repeat others; blocks of different rows do not see what is gained by remembering these."""
    return float(multiplicities(sample_weight).sum()) > _REPEATED * len(sample_weight)


def choice_of(task: KernelTask, seed: int, learns: bool) -> NetworkChoice:
    """What was chosen, as a fitted network has it."""
    kernels = task.choice.best.kernels
    history = [(fit.kernels, fit.n_rows, fit.n_rows, fit.error) for fit in task.choice.history]
    return NetworkChoice(
        *((len(task.X),), kernels[0].activation, None, kernels[0].frequencies, 1.0 / kernels[0].column_scales),
        *(task.input_transform, history, None, seed, _importances(kernels) if learns else None),
    )


def _importances(kernels: tuple[Kernel, ...]) -> Array:
    """Shares of the columns in the squared inverse length scales, averaged over kernels."""
    scales = [kernel.column_scales for kernel in kernels]
    squares = [(each / each.max()) ** 2 for each in scales]
    return np.asarray(np.mean([each / each.sum() for each in squares], axis=0))


def extend_kernel_network(
    fitted: FittedNetwork, data: Dataset, targets: NumericTargets | ClassTargets, execution: Execution
) -> FittedNetwork:
    """Solve again with more rows; kernel, penalty, input transform and landmarks stay those of the first rows.

    New rows go to the blocks of their neighbours, and all blocks are solved again. Rows of which there were few enough
    for the exact map get landmarks and blocks when they become too many.

    Parameters
    ----------
    fitted : FittedNetwork
        With all its rows as centres.
    data : Dataset
        More rows.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    execution : Execution
        Threads, blocks and progress.

    Returns
    -------
    FittedNetwork
        The network of all rows.

    Raises
    ------
    ValueError
        If memory does not suffice.
    """
    earlier = fitted.kernel_rows
    assert earlier is not None
    inputs = dense_inputs(earlier.input_map, data.X)
    n_rows = len(earlier.X) + len(inputs)
    order = _held_last(fitted.choice.seed, len(earlier.X), len(inputs))
    targets_left = without_trend(data.in_units(fitted.target_units), fitted.trend).Y
    task = replace(
        earlier,
        X=np.vstack([earlier.X, inputs])[order],
        Y=np.vstack([earlier.Y, targets_left])[order],
        sample_weight=np.concatenate([earlier.sample_weight, data.sample_weight])[order],
    )
    common = (fitted.target_units, targets, fitted.n_samples + len(data), data.X.dtype, fitted.weight_unit)
    feature_map = fitted.feature_map
    if isinstance(feature_map, BlockMap):
        sizes = KernelPlan(feature_map.kernel.n_landmarks, feature_map.kernel.block_size)
    else:
        sizes = sizes_for(n_rows)
    if not sizes.is_exact:
        extended = solved_blocks(task, sizes, execution).network(fitted.choice, *common)
    else:
        choice = replace(fitted.choice, n_components=(n_rows,))
        extended = _fitted_exactly(task, choice, *common, n_rows, execution)
    return replace(extended, trend=fitted.trend)


def _held_last(seed: int, n_before: int, n_new: int) -> Indices:
    """An order of old and new rows whose last ones are drawn from all alike; the old ones are in such an order."""
    old, new = np.sort(row_keys(seed, 0, n_before))[::-1], row_keys(seed, n_before, n_new)
    return np.argsort(-np.concatenate([old, new]), kind="stable")


def _fitted_exactly(
    task: KernelTask,
    choice: NetworkChoice,
    units: Array,
    targets: NumericTargets | ClassTargets,
    n_samples: int,
    dtype: Any,
    weight_unit: float,
    asked: object,
    execution: Execution,
) -> FittedNetwork:
    """Solve with one column for each distinct row."""
    n_rows, n_held = len(task.X), min(HELD_ROWS, len(task.X))
    check_exact_memory(asked, n_rows)
    kernels, alpha = task.choice.best.kernels, task.choice.best.alpha
    with execution.progress.part("solve", 1) as done:
        copies = multiplicities(task.sample_weight)[n_rows - n_held :]
        rows = _rows_to_solve(kernels, task.X, execution)
        solution = solve_exactly(rows, task.Y, task.sample_weight, alpha, n_held, execution.threads, copies=copies)
        done()
    held = slice(n_rows - n_held, n_rows)
    held_out = HeldOutRows(task.X[held], task.Y[held], task.sample_weight[held], solution.held_residuals)
    single = single_is_harmless(solution.coef, solution.noise, n_rows)
    feature_map = KernelMap(task.input_map, kernels, task.X, single=single)
    parts = (feature_map, solution, units, choice, targets)
    fitted = FittedNetwork(*parts, n_samples, dtype, "dual", held_out=held_out, kernel_rows=task)
    return replace(fitted, weight_unit=weight_unit)


def _rows_to_solve(
    kernels: tuple[Kernel, ...], rows: Array, execution: Execution
) -> SymmetricKernel | TensorKernelRows:
    """All rows, where their kernel matrix shall be factored."""
    if execution.space is None:
        return SymmetricKernel(kernels, rows)
    return TensorKernelRows(execution.space, kernels, rows)


def check_exact_memory(asked: object, n_rows: int) -> None:
    """Refuse a kernel matrix that cannot fit, before an allocation brings the machine down."""
    # The whole matrix in float64; or half of it in float64, and a factor in float32.
    size, available = 8.0 * n_rows**2, machine_memory()
    if size > available:
        raise ValueError(
            f"n_components={asked!r} asks for the exact feature map of {n_rows} rows, whose kernel "
            f"matrix needs {1e-9 * size:.0f} GB, and the machine has {1e-9 * available:.0f} GB; use fewer "
            "n_components."
        )
