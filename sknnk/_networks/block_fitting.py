"""Networks of many rows: landmarks that all rows share, and an exact kernel inside blocks of neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._compute import Array, ArraySpace, Indices, wide_on_host
from .._data import Dataset, TensorInputs, dense_inputs, multiplicities
from .._features import (
    BlockedKernel,
    BlockMap,
    BlockTree,
    TensorBlockedRows,
    balanced_blocks,
    blocked_kernel,
    single_is_harmless,
)
from .._integration import Execution
from .._kernel_learning import KernelTask, refined_on_blocks
from .._kernels import in_coordinates
from .._ridge import BareSolution, BlockSolution, solve_blocks
from .choice import NetworkChoice
from .fitted import FittedNetwork
from .held_out import HELD_ROWS, HeldOutRows
from .kernel_plans import KernelPlan
from .targets import ClassTargets, NumericTargets

# Rows of a block, and number of blocks, on which penalty and unit of length are chosen again.
REFINED_SIZE, _REFINED_BLOCKS = 1500, 4


@dataclass(frozen=True, eq=False)
class SolvedBlocks:
    """Rows in blocks with their solution.

    Parameters
    ----------
    task : KernelTask
        The rows, sorted by block, and the kernel.
    kernel : BlockedKernel
        The same rows as the solver sees them.
    solution : BlockSolution
        What was solved.
    plan : KernelPlan
        The sizes.
    """

    task: KernelTask
    kernel: BlockedKernel
    solution: BlockSolution
    plan: KernelPlan

    @property
    def held_out(self) -> HeldOutRows:
        """Rows that are left out in turn, with their residuals."""
        held, task = self.solution.held, self.task
        parts = (task.X[held], task.Y[held], task.sample_weight[held])
        return HeldOutRows(*parts, self.solution.held_residuals)

    def network(
        self,
        choice: NetworkChoice,
        units: Array,
        targets: NumericTargets | ClassTargets,
        n_samples: int,
        dtype: Any,
        weight_unit: float,
    ) -> FittedNetwork:
        """The network of this solution."""
        solved, every = self.solution, np.ones(len(units))
        single = single_is_harmless(solved.local, solved.noise, len(self.task.X))
        feature_map = BlockMap.of(self.task.input_map, self.kernel, solved.local, solved.overlap, single)
        coef = np.vstack([self.kernel.column_weights(solved.shared), np.eye(len(units))])
        fits = (coef, solved.intercept, solved.alpha * every, solved.dof, solved.noise)
        bare = BareSolution(*fits, len(self.task.X), solved.n_effective)
        parts = (feature_map, bare, units, replace(choice, n_components=(self.plan.n_landmarks,)), targets)
        fitted = FittedNetwork(*parts, n_samples, dtype, "blocks", held_out=self.held_out, kernel_rows=self.task)
        return replace(fitted, weight_unit=weight_unit)


def solved_blocks(task: KernelTask, plan: KernelPlan, execution: Execution) -> SolvedBlocks:
    """Cut rows into blocks and solve.

    Parameters
    ----------
    task : KernelTask
        Rows in random order, and the kernel with its penalty.
    plan : KernelPlan
        The sizes.
    execution : Execution
        Threads and progress.

    Returns
    -------
    SolvedBlocks
        With the last rows held out.
    """
    best = task.choice.best
    assert plan.block_size is not None
    kernel, order = blocked_kernel(best.kernels, task.X, plan.n_landmarks, plan.block_size)
    rows = replace(task, X=kernel.rows, Y=task.Y[order], sample_weight=task.sample_weight[order])
    n_held = held_in_blocks(kernel, order)
    with execution.progress.part("solve", 1) as done:
        copies = multiplicities(rows.sample_weight)
        placed = kernel if execution.space is None else TensorBlockedRows(execution.space, kernel)
        arguments = (placed, rows.Y, rows.sample_weight, best.alpha, n_held, execution.threads)
        solution = solve_blocks(*arguments, copies=copies)
        done()
    return SolvedBlocks(rows, kernel, solution, plan)


def with_all_rows(task: KernelTask, data: Dataset, seed: int, space: ArraySpace | None = None) -> KernelTask:
    """The task of all rows of a table, where the kernel was chosen on a sample of them.

    Parameters
    ----------
    task : KernelTask
        The kernel.
    data : Dataset
        All rows, targets in units of the solver.
    seed : int
        Of their order.
    space : ArraySpace, optional
        Where rows are transformed; by default on the processor, which takes seconds for a million of them.

    Returns
    -------
    KernelTask
        Transformed rows in random order; equal ones are not merged.
    """
    order = np.random.default_rng([seed, len(data)]).permutation(len(data))
    if space is None:
        inputs = np.asarray(dense_inputs(task.input_map, data.X), dtype=np.float64)
    else:
        inputs = wide_on_host(TensorInputs(space, task.input_map)(space.tensor(data.X)))
    return replace(task, X=inputs[order], Y=data.Y[order], sample_weight=data.sample_weight[order], complete=True)


def refined_in_blocks(
    task: KernelTask, alphas: Sequence[float] | None, free_unit: bool, execution: Execution
) -> KernelTask:
    """Choose penalty and unit of length again on a few blocks of neighbours; see :func:`refined_on_blocks`."""
    tree, blocks = blocks_of_sample(task, REFINED_SIZE, len(task.X))
    chosen = [np.flatnonzero(blocks == block)[:REFINED_SIZE] for block in judging_blocks(tree.n_blocks)]
    some = [(task.X[rows], task.Y[rows], task.sample_weight[rows]) for rows in chosen]
    return refined_with(task, some, alphas, free_unit, execution)


def refined_with(
    task: KernelTask,
    blocks: Sequence[tuple[Array, Array, Array]],
    alphas: Sequence[float] | None,
    free_unit: bool,
    execution: Execution,
) -> KernelTask:
    """Choose penalty and unit of length again with the rows of these blocks, wherever they came from."""
    with execution.progress.part("refine-kernel", 5) as done:
        return refined_on_blocks(task, blocks, alphas, free_unit, execution.threads, done)


def judging_blocks(n_blocks: int) -> Indices:
    """Numbers of the blocks that choose the penalty again.

    Parameters
    ----------
    n_blocks : int
        Number of blocks of :data:`REFINED_SIZE` rows in the table.

    Returns
    -------
    ndarray of int
        A few, spread over the table.

    Examples
    --------
    >>> judging_blocks(1), judging_blocks(100)
    (array([0]), array([20, 40, 59, 79]))
    """
    ends = np.linspace(0, n_blocks - 1, min(_REFINED_BLOCKS, n_blocks) + 2)
    return np.unique(ends.round().astype(int)[1:-1])


def blocks_of_sample(task: KernelTask, block_size: int, n_rows: int) -> tuple[BlockTree, Indices]:
    """Cut a table into blocks by what is known of a sample.

    Parameters
    ----------
    task : KernelTask
        The sample, or all rows.
    block_size : int
        Rows of a block in the table.
    n_rows : int
        Number of rows of the table.

    Returns
    -------
    tree : BlockTree
        Of the whole table.
    blocks : ndarray
        Block of each row of the sample.
    """
    size = max(round(block_size * len(task.X) / n_rows), 1)
    return balanced_blocks(in_coordinates(task.choice.best.kernels[0], task.X), size)


def held_in_blocks(kernel: BlockedKernel, order: Indices) -> list[int]:
    """How many of the last rows of all are in each block."""
    is_held = order >= len(order) - min(HELD_ROWS, len(order))
    return [int(np.count_nonzero(is_held[rows])) for rows in kernel.blocks]
