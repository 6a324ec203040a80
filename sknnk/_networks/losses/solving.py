"""Repeated weighted solutions with all rows, by the solver of their columns."""

from dataclasses import dataclass, replace

import numpy as np

from ..._compute import Array
from ..._data import Dataset, dense_inputs, multiplicities
from ..._features import (
    BlockMap,
    KernelMap,
    RandomMap,
    SymmetricKernel,
    blocked_kernel,
    landmark_map,
    single_is_harmless,
)
from ..._integration import Execution
from ..._kernel_learning import KernelTask
from ..._kernels import numeric_length_scale
from ..._losses import Loss, Minimum, State, minimised, working_system
from ..._ridge import BareSolution, check_memory, solves_in_single
from ..block_fitting import held_in_blocks, refined_in_blocks, with_all_rows
from ..choice import NetworkChoice
from ..held_out import HELD_ROWS, HeldOutRows, held_rows
from ..kernel_fitting import check_exact_memory, choice_of
from ..kernel_plans import KernelPlan, planned
from ..specification import NetworkSpec
from ..targets import ClassTargets, NumericTargets
from .recipes import Recipe, weighted_quantile
from .rows import BlockedRows, ColumnsHere, ExactRows, LeftOut, RowColumns, SummedRows
from .samples import Learned, LearnedKernel
from .targets import LossTargets

# Weighted solutions at most, and the relative decrease of the objective at which they end.
_MOST_STEPS, _TOLERANCE = 12, 1e-5


@dataclass(frozen=True, eq=False)
class Job:
    """Outputs that are found together: all classes, or one output of the others.

    Parameters
    ----------
    recipe : Recipe
        Name of the loss.
    targets : slice
        Which columns of the targets.
    loss : Loss
        The loss.
    alpha : float
        Its penalty.
    """

    recipe: Recipe
    targets: slice
    loss: Loss
    alpha: float


@dataclass(frozen=True, eq=False)
class Minima:
    """The solutions of all jobs, for the same rows.

    Parameters
    ----------
    jobs : list of Job
        The losses.
    found : list of Minimum
        Their solutions.
    left_out : list of LeftOut
        What these would be without some rows.
    Y, sample_weight : ndarray
        Targets and weights of the rows.
    """

    jobs: list[Job]
    found: list[Minimum]
    left_out: list[LeftOut]
    Y: Array
    sample_weight: Array

    @property
    def values(self) -> Array:
        """Outputs for the rows."""
        return np.hstack([each.state.values for each in self.found])

    @property
    def coef(self) -> Array:
        """Coefficients of all outputs."""
        return np.hstack([each.state.coef for each in self.found])

    @property
    def noise(self) -> Array:
        """Variance of the working targets around the outputs; for squares that of the targets."""
        numbers, weight = [], self.sample_weight
        for job, found in zip(self.jobs, self.found, strict=True):
            Y, values = self.Y[:, job.targets], found.state.values
            slopes = np.mean(job.loss.gradient(Y, values) ** 2, axis=1)
            curvature = working_system(job.loss, Y, values)[1]
            numbers.append(float(weight @ slopes) * float(weight.sum()) / float(weight @ curvature) ** 2)
        return self._per_output(numbers)

    def solution(self, coef: Array) -> BareSolution:
        """The numbers of the solution, with coefficients of the columns of a map."""
        intercept = np.concatenate([each.state.intercept for each in self.found])
        alpha = self._per_output([each.alpha for each in self.found])
        dof = self._per_output([each.dof for each in self.left_out])
        n_iter = max(each.n_steps for each in self.found)
        fits = (coef, intercept, alpha, dof, self.noise)
        return BareSolution(*fits, len(self.Y), float(self.sample_weight.sum()), n_iter)

    def _per_output(self, numbers: list[float]) -> Array:
        return np.repeat(numbers, [each.state.values.shape[1] for each in self.found])


@dataclass(frozen=True, eq=False)
class SolvedLosses:
    """Everything that was solved.

    Parameters
    ----------
    minima : Minima
        The solutions.
    feature_map : RandomMap, KernelMap or BlockMap
        The columns.
    coef : ndarray of shape (n_columns, n_outputs)
        Coefficients of the columns.
    choice : NetworkChoice
        How the columns were chosen.
    solver : str
        The solver in use.
    held_inputs : ndarray of shape (n_held, n_features)
        Transformed inputs of the held rows.
    """

    minima: Minima
    feature_map: RandomMap | KernelMap | BlockMap
    coef: Array
    choice: NetworkChoice
    solver: str
    held_inputs: Array

    def held_out(self, targets: NumericTargets | ClassTargets) -> HeldOutRows:
        """Held rows with their residuals in the units of the targets."""
        minima = self.minima
        held = minima.left_out[0].rows
        without = minima.values[held] - np.hstack([each.shift for each in minima.left_out])
        if isinstance(targets, LossTargets):
            without = targets.means(without)
        Y = np.hstack([minima.Y[held][:, job.targets] for job in minima.jobs])
        return HeldOutRows(self.held_inputs, Y, minima.sample_weight[held], Y - without)


def solved_losses(
    spec: NetworkSpec,
    learned: Learned,
    rows: Dataset,
    start: Array,
    jobs: list[Job],
    seed: int,
    execution: Execution,
) -> SolvedLosses:
    """Solve with all rows.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    learned : LearnedKernel or LearnedLayers
        The columns.
    rows : Dataset
        Distinct rows.
    start : ndarray of shape (n_samples, n_outputs)
        Outputs that steps begin with.
    jobs : list of Job
        The losses.
    seed : int
        Seed of everything random.
    execution : Execution
        Threads and progress.

    Returns
    -------
    SolvedLosses
        For all jobs.
    """
    if not isinstance(learned, LearnedKernel):
        here = ColumnsHere(learned.map_of(rows.X), rows.X, execution)
        return solved_by_sums(here, learned.choice, rows.Y, rows.sample_weight, start, jobs, seed, execution)
    plan, task = planned(spec, len(rows)), learned.task
    if plan.block_size is None:
        n_centres, shape = min(plan.n_landmarks, len(task.X)), rows.X.shape
        check_memory(spec.n_components, (n_centres,), spec.n_linked(shape[1]), shape, "primal")
        columns = landmark_map(task.input_map, task.choice.best.kernels, task.X[:n_centres])
        choice = replace(learned.choice, n_components=(n_centres,))
        here = ColumnsHere(columns, rows.X, execution)
        return solved_by_sums(here, choice, rows.Y, rows.sample_weight, start, jobs, seed, execution)
    # The outputs to begin with come along, so that they are in the same order.
    begun = with_all_rows(task, replace(rows, Y=np.hstack([rows.Y, start])), seed)
    if plan.is_exact:
        check_exact_memory(spec.n_components, len(rows))
        return _exactly(begun, learned.choice, rows.n_targets, jobs, execution)
    guided = with_all_rows(task, replace(rows, Y=learned.guide), seed)
    free_unit = numeric_length_scale(spec.length_scale, rows.X.shape[1]) is None
    refined = refined_in_blocks(guided, None, free_unit, execution)
    plan = planned(spec, len(rows), solves_in_single(refined.choice.best.alpha, rows.sample_weight))
    choice = replace(choice_of(refined, seed, "agop" in spec.learning), n_components=(plan.n_landmarks,))
    if isinstance(spec.alpha, str):
        # More rows in blocks ask for another penalty of squares, and losses follow it.
        ratio = refined.choice.best.alpha / task.choice.best.alpha
        jobs = [replace(job, alpha=ratio * job.alpha) for job in jobs]
    return _in_blocks(replace(begun, choice=refined.choice), choice, plan, rows.n_targets, jobs, execution)


def _minimised(
    rows: ExactRows | BlockedRows | SummedRows,
    Y: Array,
    start: Array,
    sample_weight: Array,
    jobs: list[Job],
    execution: Execution,
) -> Minima:
    """Repeat weighted solutions for every job."""
    minima, left_out, first = [], [], 0
    with execution.progress.part("solve", _MOST_STEPS * len(jobs)) as done:
        for job in jobs:
            own = Y[:, job.targets]
            begin = start[:, first : first + own.shape[1]]
            first += own.shape[1]
            plan = (sample_weight, job.alpha, begin, _TOLERANCE, _MOST_STEPS, done)
            found = minimised(rows, job.loss, own, *plan)
            Z, curvature = working_system(job.loss, own, found.state.values)
            left = rows.left_out(Z, sample_weight * curvature, found.alpha)
            left_out.append(left)
            minima.append(_levelled(job, found, left, own, sample_weight))
    return Minima(jobs, minima, left_out, Y, sample_weight)


def _levelled(job: Job, found: Minimum, left: LeftOut, Y: Array, sample_weight: Array) -> Minimum:
    """A quantile with the constant at which its share of held rows lie below it, each in a fit without the row.

    The rows of a fit lie closer to a quantile than new ones, which more often are beyond it.
    """
    if job.recipe.name != "quantile":
        return found
    residuals = Y[left.rows] - found.state.values[left.rows] + left.shift
    move = weighted_quantile(residuals[:, 0], sample_weight[left.rows], job.recipe.level)
    constant = State.constant(len(found.state.coef), len(Y), np.array([move]))
    return replace(found, state=found.state.moved([constant], np.ones((1, 1))))


def solved_by_sums(
    columns: RowColumns,
    choice: NetworkChoice,
    Y: Array,
    sample_weight: Array,
    start: Array,
    jobs: list[Job],
    seed: int,
    execution: Execution,
) -> SolvedLosses:
    """Solve for random columns and landmarks: one pass over the rows for each solution, and one for its outputs.

    Parameters
    ----------
    columns : RowColumns
        The rows, wherever they are.
    choice : NetworkChoice
        How their columns were chosen.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    start : ndarray of shape (n_samples, n_outputs)
        Outputs that steps begin with.
    jobs : list of Job
        The losses.
    seed : int
        Draws the rows that are held out.
    execution : Execution
        Progress.

    Returns
    -------
    SolvedLosses
        For all jobs.
    """
    held = np.arange(len(Y))[held_rows(len(Y), seed)]
    inputs = dense_inputs(columns.feature_map.input_map, columns.rows(held))
    # What is learned from them depends on their order, which shall not be that of the partitions.
    order = np.lexsort(inputs.T)
    held, inputs = held[order], inputs[order]
    rows = SummedRows(columns, held, multiplicities(sample_weight)[held])
    found = _minimised(rows, Y, start, sample_weight, jobs, execution)
    return SolvedLosses(found, columns.feature_map, found.coef, choice, "primal", inputs)


def _exactly(
    task: KernelTask, choice: NetworkChoice, n_targets: int, jobs: list[Job], execution: Execution
) -> SolvedLosses:
    """One column for each row."""
    n_rows, n_held = len(task.X), min(HELD_ROWS, len(task.X))
    kernels = task.choice.best.kernels
    copies = multiplicities(task.sample_weight)[n_rows - n_held :]
    rows = ExactRows(SymmetricKernel(kernels, task.X), n_held, copies, execution.threads)
    Y, start = np.hsplit(task.Y, [n_targets])
    found = _minimised(rows, Y, start, task.sample_weight, jobs, execution)
    single = single_is_harmless(found.coef, found.noise, n_rows)
    columns = KernelMap(task.input_map, kernels, task.X, single=single)
    own = replace(choice, n_components=(n_rows,))
    return SolvedLosses(found, columns, found.coef, own, "dual", task.X[n_rows - n_held :])


def _in_blocks(
    task: KernelTask,
    choice: NetworkChoice,
    plan: KernelPlan,
    n_targets: int,
    jobs: list[Job],
    execution: Execution,
) -> SolvedLosses:
    """Blocks of neighbours, and landmarks that all of them share."""
    assert plan.block_size is not None
    kernel, order = blocked_kernel(task.choice.best.kernels, task.X, plan.n_landmarks, plan.block_size)
    weight = task.sample_weight[order]
    rows = BlockedRows(kernel, held_in_blocks(kernel, order), multiplicities(weight), execution.threads)
    Y, start = np.hsplit(task.Y[order], [n_targets])
    found = _minimised(rows, Y, start, weight, jobs, execution)
    shared, local, overlap = rows.parts(found.coef)
    single = single_is_harmless(local, found.noise, len(local))
    columns = BlockMap.of(task.input_map, kernel, local, overlap, single)
    coef = np.vstack([kernel.column_weights(shared), np.eye(local.shape[1])])
    return SolvedLosses(found, columns, coef, choice, "blocks", kernel.rows[found.left_out[0].rows])
