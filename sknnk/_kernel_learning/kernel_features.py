"""Bundled layers without random numbers: their columns are kernels with rows of the table, all of them or landmarks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._compute import one_blas_thread
from .._data import (
    QuantileMap,
    dense_inputs,
    distinct_rows,
    fitted_input_maps,
    multiplicities,
    possible_transforms,
    sampled_rows,
    unit_rows,
)
from .._features import Candidate, KernelMap
from .._integration import NO_PROGRESS, Task
from .._kernels import numeric_length_scale, symmetric_kernel_blocks, symmetric_kernel_matrix
from .._ridge import DualSolution, leave_one_out, mean_leverage, solve_dual, solve_dual_in_two_precisions
from .search import MIN_ROWS, KernelChoice, kernel_families, kernels_tried, search_kernel
from .trials import SearchTask

Array = NDArray[np.float64]

# Rows up to which the kernel matrix is factored whole, and landmarks beyond; rows held back to judge the fit.
EXACT_ROWS = 12_000
N_LANDMARKS = 3000
_HELD_ROWS = 1000
# Rows among which landmarks and the kernel are looked for, and the share of the diagonal that keeps landmarks apart.
SAMPLE_ROWS = 50_000
# Rows and penalties, for kernels of value one, from which on a factor in float32 and its corrections take less time
# than one in float64 and say the same of rows that are left out.
_MANY_ROWS, _HARMLESS_ALPHA = 4000, 3e-3
_ALPHA_STEP = 10.0


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows with what a fit without them says.

    Parameters
    ----------
    inputs : ndarray of shape (n_held, n_features)
        Transformed rows.
    targets : ndarray of shape (n_held, n_targets)
        Their targets.
    residuals : ndarray of shape (n_held, n_targets)
        Targets minus the predictions of a fit without the row.
    sample_weight : ndarray of shape (n_held,)
        Weights.
    """

    inputs: Array
    targets: Array
    residuals: Array
    sample_weight: Array


@dataclass(frozen=True, eq=False)
class ExactFit:
    """The solution with one column per distinct row.

    Parameters
    ----------
    solution : DualSolution
        Coefficients and intercept.
    effective_dof : float
        Degrees of freedom, the intercept not counted; from the leverages of the held rows.
    noise_variance : ndarray of shape (n_targets,)
        Variance of the targets around the fit.
    held_out : HeldOut
        Up to a thousand rows, drawn at random.
    """

    solution: DualSolution
    effective_dof: float
    noise_variance: Array
    held_out: HeldOut


@dataclass(frozen=True, eq=False)
class KernelTask:
    """Distinct transformed rows in random order, and the kernel chosen for them.

    Parameters
    ----------
    input_map : QuantileMap or None
        Transform of the inputs.
    X, Y, sample_weight : ndarray
        The rows.
    choice : KernelChoice
        The kernel and its penalty.
    complete : bool
        Whether these are all rows of the table, not a sample of them.
    input_transform : {"quantile", "robust", None}
        Which transform it is.
    """

    input_map: QuantileMap | None
    X: Array
    Y: Array
    sample_weight: Array
    choice: KernelChoice
    complete: bool
    input_transform: str | None = None


def prepare_kernel(
    X: Any,
    Y: Array,
    sample_weight: Array,
    kernel: Candidate,
    alphas: Any,
    input_transform: str | None,
    learn_features: bool,
    seed: int,
    threads: int,
    progress: Task = NO_PROGRESS,
    learned_gain: float = 0.0,
) -> KernelTask:
    """Transform the rows, merge equal ones and choose the kernel on a sample of them.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Training rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    kernel : Candidate
        What the user fixed; every other entry is ``"auto"``. Directions do not matter.
    alphas : sequence of float or None
        Penalties to choose from.
    input_transform : {"auto", "quantile", "robust", None}
        Transform of the inputs.
    learn_features : bool
        Whether length scales of the columns, and axes, are learned.
    seed : int
        Seed of everything random.
    threads : int
        Threads of the search.
    progress : Task, optional
        The fit, of which the choice is a part.
    learned_gain : float, default=0.0
        Share of the error that learned length scales must gain over equal ones.

    Returns
    -------
    KernelTask
        Rows and kernel.
    """
    row_rng, order_rng, search_rng = np.random.default_rng(seed).spawn(3)
    families, transforms = kernel_families(kernel.activation, kernel.frequencies), possible_transforms(input_transform)
    length_scale = numeric_length_scale(kernel.length_scale, X.shape[1])
    if length_scale is not None:
        transforms = transforms[:1]  # in whose unit it is given
    maps = fitted_input_maps(X, sample_weight, transforms, row_rng)
    rows = sampled_rows(X.shape[0], max(SAMPLE_ROWS, EXACT_ROWS), row_rng)
    raw = X[rows] if isinstance(X, np.ndarray) else X[rows].toarray()
    # Transformed or not, rows are the same and in the same order.
    inputs, targets, weight, _ = distinct_rows(raw, Y[rows], sample_weight[rows])
    drawn = unit_rows(inputs, targets, weight, search_rng)
    if len(inputs) < MIN_ROWS:
        families, learn_features, maps = families[:1], False, maps[:1]
    n_tried = kernels_tried(len(families), length_scale is None, learn_features, n_inputs=len(maps))
    with progress.part("choose-kernel", n_tried) as done:
        tasks = [SearchTask.of(dense_inputs(each, drawn[0]), *drawn[1:], alphas, threads, done) for each in maps]
        # Many small factorisations: threads of BLAS would mostly wait for each other, and spin while they do.
        with one_blas_thread():
            choice = search_kernel(tasks, families, length_scale, learn_features, search_rng, learned_gain)
    order, input_map, chosen = order_rng.permutation(len(inputs)), maps[choice.place], transforms[choice.place]
    inputs = dense_inputs(input_map, inputs[order])
    return KernelTask(input_map, inputs, targets[order], weight[order], choice, isinstance(rows, slice), chosen)


def fit_exact(task: KernelTask, threads: int) -> tuple[KernelMap, ExactFit]:
    """Solve with one column per distinct row.

    Parameters
    ----------
    task : KernelTask
        Rows and kernel.
    threads : int
        Threads over blocks of the kernel matrix.

    Returns
    -------
    layers : KernelMap
        The columns.
    fit : ExactFit
        The solution; its penalty is larger than the chosen one where float64 asks for that.
    """
    n, n_held = len(task.X), min(_HELD_ROWS, len(task.X))
    with one_blas_thread():
        solution = _solved(task, n_held, threads)
    held = slice(n - n_held, n)
    weight, copies = task.sample_weight[held], multiplicities(task.sample_weight)[held]
    held_out = HeldOut(task.X[held], task.Y[held], leave_one_out(solution, weight, copies), weight)
    dof = max(n * mean_leverage(solution, weight) - 1.0, 0.0)
    squares = np.sum((solution.alpha * solution.coef) ** 2 / task.sample_weight[:, None], axis=0)
    free = max(float(task.sample_weight.sum()), float(n)) - 1.0 - dof
    noise = squares / free if free > 0.0 else np.zeros_like(squares)
    stack = KernelMap(task.input_map, task.choice.best.kernels, task.X)
    return stack, ExactFit(solution, dof, noise, held_out)


def _solved(task: KernelTask, n_held: int, threads: int) -> DualSolution:
    """The solution at the chosen penalty, or at the next one that float64 can do."""
    n, kernels, alpha, solution = len(task.X), task.choice.best.kernels, task.choice.best.alpha, None
    if n >= _MANY_ROWS and alpha >= _HARMLESS_ALPHA * task.sample_weight.max():
        blocks = symmetric_kernel_blocks(kernels, task.X, threads)
        solution = solve_dual_in_two_precisions(blocks, task.Y, task.sample_weight, alpha, n_held, threads)
        del blocks
    while solution is None:
        solution = solve_dual(
            symmetric_kernel_matrix(kernels, task.X, threads), task.Y, task.sample_weight, alpha, n_held, threads
        )
        alpha *= _ALPHA_STEP
    return solution
