"""Networks whose columns are kernels with rows of the table: with all of them, or with landmarks."""

from dataclasses import replace
from typing import Any

import numpy as np

from .._compute import Array, Indices, machine_memory
from .._data import Dataset, dense_inputs, multiplicities
from .._features import KernelMap, SymmetricKernel, landmark_map
from .._integration import Execution
from .._kernel_learning import EXACT_ROWS, N_LANDMARKS, SAMPLE_ROWS, KernelTask, prepare_kernel
from .._kernels import Kernel
from .._ridge import Penalty, check_memory, solve_exactly, solve_moments
from .fitted import FittedNetwork, NetworkChoice
from .held_out import HELD_ROWS, HeldOutRows, row_keys
from .row_sums import summed_rows, summing_steps
from .specification import NetworkSpec
from .targets import ClassTargets, NumericTargets


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
    {"random", "landmarks"}
        Landmarks where nothing asks for random columns and the rows are few enough to be compared.
    """
    if spec.feature_map != "auto":
        return spec.feature_map
    return "landmarks" if spec.allows_kernel_columns(data.X, penalty) and _can_all_be_centres(data) else "random"


def _can_all_be_centres(data: Dataset) -> bool:
    """Whether there are few distinct rows: repeating rows must not change the choice."""
    if EXACT_ROWS < len(data) <= SAMPLE_ROWS:
        return len(np.unique(np.column_stack([data.X, data.Y]), axis=0)) <= EXACT_ROWS
    return len(data) <= EXACT_ROWS


def fit_kernel_network(
    spec: NetworkSpec,
    data: Dataset,
    targets: NumericTargets | ClassTargets,
    penalty: Penalty,
    execution: Execution,
    seed: int | None = None,
) -> FittedNetwork:
    """Fit with all rows as centres and one factorisation, or with landmarks and sums over the rows.

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
    scaled, learns = data.in_units(units), "agop" in spec.learning
    task = prepare_kernel(
        scaled.X,
        scaled.Y,
        scaled.sample_weight,
        spec.kernel,
        None if penalty.candidates is None else penalty.candidates[:, 0].tolist(),
        spec.input_transform,
        learns,
        seed,
        execution.threads,
        execution.progress,
        spec.learned_gain,
    )
    n_centres = _n_centres(spec, task)
    choice = _choice_of(task, n_centres, seed, learns)
    if n_centres == len(task.X) and task.complete:
        size = (len(data), spec.n_components)
        return _fitted_exactly(task, choice, units, targets, *size, data.X.dtype, execution, data.weight_unit)
    # A sample of the rows gives landmarks; sums over all rows are what is solved.
    check_memory(spec.n_components, (n_centres,), spec.n_linked(data.X.shape[1]), data.X.shape, "primal")
    feature_map = landmark_map(task.input_map, task.choice.best.kernels, task.X[:n_centres])
    centred = replace(penalty, centre=np.full(data.n_targets, task.choice.best.alpha))
    with execution.progress.part("sum-rows", summing_steps(len(data), n_centres, execution)) as done:
        sums = summed_rows(feature_map, scaled, replace(execution, progress=done))
    solution = solve_moments(sums, centred, float(np.finfo(data.X.dtype).eps))
    parts = (feature_map, solution, units, replace(choice, centre=centred.centre), targets)
    held_out = HeldOutRows.sample(scaled, seed)
    own = (len(data), data.X.dtype, "primal")
    return FittedNetwork(*parts, *own, held_out=held_out, weight_unit=data.weight_unit)


def _n_centres(spec: NetworkSpec, task: KernelTask) -> int:
    """Number of centres: `n_components` if it is a number, else all distinct rows when there are few."""
    n_distinct = len(task.X)
    if not isinstance(spec.n_components, str):
        return min(spec.layer_sizes(1.0)[0], n_distinct)
    return n_distinct if task.complete and n_distinct <= EXACT_ROWS else min(N_LANDMARKS, n_distinct)


def _choice_of(task: KernelTask, n_centres: int, seed: int, learns: bool) -> NetworkChoice:
    kernels = task.choice.best.kernels
    history = [(fit.kernels, fit.n_rows, fit.n_rows, fit.error) for fit in task.choice.history]
    return NetworkChoice(
        *((n_centres,), kernels[0].activation, None, kernels[0].frequencies, 1.0 / kernels[0].column_scales),
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
    """Solve again with more centres; kernel, penalty and input transform stay those of the first rows.

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
        If these are too many, or memory does not suffice.
    """
    earlier = fitted.kernel_rows
    assert earlier is not None
    inputs = dense_inputs(earlier.input_map, data.X)
    n_rows = len(earlier.X) + len(inputs)
    if n_rows > EXACT_ROWS:
        raise ValueError(
            f"partial_fit would bring the exact feature map to {n_rows} rows, and it takes {EXACT_ROWS}; start a "
            "new network with feature_map='random'."
        )
    order = _held_last(fitted.choice.seed, len(earlier.X), len(inputs))
    task = replace(
        earlier,
        X=np.vstack([earlier.X, inputs])[order],
        Y=np.vstack([earlier.Y, data.in_units(fitted.target_units).Y])[order],
        sample_weight=np.concatenate([earlier.sample_weight, data.sample_weight])[order],
    )
    choice = replace(fitted.choice, n_components=(n_rows,))
    size = (fitted.n_samples + len(data), n_rows)
    parts = (task, choice, fitted.target_units, targets)
    return _fitted_exactly(*parts, *size, data.X.dtype, execution, fitted.weight_unit)


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
    asked: object,
    dtype: Any,
    execution: Execution,
    weight_unit: float,
) -> FittedNetwork:
    """Solve with one column for each distinct row."""
    n_rows, n_held = len(task.X), min(HELD_ROWS, len(task.X))
    _check_exact_memory(asked, n_rows)
    kernels, alpha = task.choice.best.kernels, task.choice.best.alpha
    with execution.progress.part("solve", 1) as done:
        rows, copies = SymmetricKernel(kernels, task.X), multiplicities(task.sample_weight)[n_rows - n_held :]
        solution = solve_exactly(rows, task.Y, task.sample_weight, alpha, n_held, execution.threads, copies=copies)
        done()
    held = slice(n_rows - n_held, n_rows)
    held_out = HeldOutRows(task.X[held], task.Y[held], task.sample_weight[held], solution.held_residuals)
    feature_map = KernelMap(task.input_map, kernels, task.X)
    parts = (feature_map, solution, units, choice, targets)
    fitted = FittedNetwork(*parts, n_samples, dtype, "dual", held_out=held_out, kernel_rows=task)
    return replace(fitted, weight_unit=weight_unit)


def _check_exact_memory(asked: object, n_rows: int) -> None:
    """Refuse a kernel matrix that cannot fit, before an allocation brings the machine down."""
    # The whole matrix in float64; or half of it in float64, and a factor in float32.
    size, available = 8.0 * n_rows**2, machine_memory()
    if size > available:
        raise ValueError(
            f"n_components={asked!r} asks for the exact feature map of {n_rows} rows, whose kernel "
            f"matrix needs {1e-9 * size:.0f} GB, and the machine has {1e-9 * available:.0f} GB; use fewer "
            "n_components."
        )
