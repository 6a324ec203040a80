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
_REFINED_SIZE, _REFINED_BLOCKS = 1500, 4


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
    tree, blocks = balanced_blocks(in_coordinates(task.choice.best.kernels[0], task.X), _REFINED_SIZE)
    chosen = np.linspace(0, tree.n_blocks - 1, min(_REFINED_BLOCKS, tree.n_blocks) + 2).round().astype(int)[1:-1]
    some = [np.flatnonzero(blocks == block)[:_REFINED_SIZE] for block in np.unique(chosen)]
    with execution.progress.part("refine-kernel", 5) as done:
        return refined_on_blocks(task, some, alphas, free_unit, execution.threads, done)


def held_in_blocks(kernel: BlockedKernel, order: Indices) -> list[int]:
    """How many of the last rows of all are in each block."""
    is_held = order >= len(order) - min(HELD_ROWS, len(order))
    return [int(np.count_nonzero(is_held[rows])) for rows in kernel.blocks]
