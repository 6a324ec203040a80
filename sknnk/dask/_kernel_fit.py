"""Fits of kernel columns to a Dask table: landmarks, and blocks of neighbours that are solved where their rows are."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._data import Dataset, in_weight_unit, multiplicities
from .._kernel_learning import SAMPLE_ROWS, KernelTask, Trend, found_trend, rows_looked_at
from .._kernels import numeric_length_scale
from .._networks import (
    REFINED_SIZE,
    FittedNetwork,
    KernelPlan,
    NumericTargets,
    PreparedNetwork,
    SolvedBlocks,
    blocks_of_sample,
    choice_of,
    chosen_kernel,
    fit_chosen_kernel,
    judging_blocks,
    landmark_columns,
    largest_held_key,
    planned,
    refined_in_blocks,
    refined_with,
)
from .._ridge import InsideBlocks, block_attempts, held_positions, judged_blocks, keeps_factors, solves_in_single
from ._block_groups import BlockGroup, BlockJob, BlockPlaces, BlockRows, solved_groups
from ._reduction import each_partition, lane_count
from ._row_sample import HeldRows
from ._table_fit import TableFit


def fit_kernels(fit: TableFit, more_rows: Any) -> tuple[FittedNetwork, Dataset]:
    """Fit kernels with rows of the table.

    Kernel, landmarks and the tree of the blocks come from a sample of at most 50,000 rows. Up to that many rows they
    are those of one machine.

    Parameters
    ----------
    fit : TableFit
        The table, and what is known of it.
    more_rows : callable
        Of the number of rows and the seed: positions that the sample shall have, too.

    Returns
    -------
    network : FittedNetwork
        The network.
    sample : Dataset
        The rows that were looked at; targets are what a line leaves of them.

    Raises
    ------
    ValueError
        If the parameters ask for what kernel columns do not have, or for one block of too many rows.
    """
    spec, n_samples = fit.spec, fit.shape[0]
    spec.check_kernel_columns(fit.penalty)
    looked_at = rows_looked_at(n_samples, spec.input_transform, fit.seed, with_kernels=True)
    trend, sample = _line_and_rest(fit, fit.sample(*looked_at, more_rows(n_samples, fit.seed)))
    fit = replace(fit, coding=replace(fit.coding, trend=trend))
    task = chosen_kernel(spec, sample, fit.penalty.common, fit.seed, fit.here)
    plan = planned(spec, len(task.X) if task.complete else n_samples)
    if plan.block_size is None:
        fitted = _fitted_to_landmarks(fit, task, plan.n_landmarks, sample)
    elif plan.is_exact:
        fitted = _fitted_in_one_block(fit, task, sample)
    else:
        fitted = _fitted_in_blocks(fit, task)
    return replace(fitted, trend=trend), sample


def _line_and_rest(fit: TableFit, sample: Dataset) -> tuple[Trend | None, Dataset]:
    """A line along columns that drift in the order of the table, seen in the sample, and what it leaves."""
    X: Any = sample.X
    Y: Any = sample.Y
    sample_weight: Any = sample.sample_weight
    if not (fit.spec.direct_link and isinstance(fit.coding.targets, NumericTargets)):
        return None, sample
    trend = found_trend(X.values, Y.values, sample_weight.values)
    if trend is None:
        return None, sample
    rest: Any = HeldRows(Y.values - trend(X.values), Y.positions, len(Y))
    return trend, replace(sample, Y=rest)


def _fitted_to_landmarks(fit: TableFit, task: KernelTask, n_landmarks: int, sample: Dataset) -> FittedNetwork:
    choice = choice_of(task, fit.seed, "agop" in fit.spec.learning)
    feature_map, choice, penalty = landmark_columns(fit.spec, task, choice, n_landmarks, fit.shape, fit.penalty)
    prepared = PreparedNetwork(feature_map, choice, fit.coding.units, penalty, fit.coding.weight_unit)
    return fit.solved(prepared, sample)


def _fitted_in_one_block(fit: TableFit, task: KernelTask, sample: Dataset) -> FittedNetwork:
    """Compare all rows with each other in this process, as one machine does: the sample holds all of them."""
    if not task.complete:
        raise ValueError(
            f"block_size={fit.spec.block_size!r} asks for one block of all {fit.shape[0]} rows, and Dask networks "
            f"compare at most {SAMPLE_ROWS} rows in one block; use a smaller block_size, or 'auto'."
        )
    coding, spec = fit.coding, fit.spec
    return fit_chosen_kernel(spec, task, sample, coding.units, coding.targets, fit.penalty, fit.seed, fit.here)


def _fitted_in_blocks(fit: TableFit, task: KernelTask) -> FittedNetwork:
    n_samples, coding = fit.shape[0], fit.coding
    firsts = [
        first if n else None for first, n in zip(np.cumsum([0, *fit.lengths]).tolist(), fit.lengths, strict=False)
    ]
    task = _refined(fit, task, firsts)
    weights, alpha = in_weight_unit(fit.weights.values, coding.weight_unit), task.choice.best.alpha
    n_rows = len(task.X) if task.complete else n_samples
    plan = planned(fit.spec, n_rows, solves_in_single(alpha, weights))
    assert plan.block_size is not None
    landmarks = task.X[: plan.n_landmarks]
    tree, _ = blocks_of_sample(task, plan.block_size, n_rows)
    places = BlockPlaces(coding, task.input_map, task.choice.best.kernels, tree, fit.seed)
    # Any numbers near the mean of the targets will do; these do not depend on the partitions.
    mean = np.average(task.Y, axis=0, weights=task.sample_weight)
    known = (places, landmarks, plan.block_size, largest_held_key(n_samples, fit.seed), mean)
    sizes = [-(-n_samples // tree.n_blocks)] * tree.n_blocks
    jobs = (
        BlockJob(*known, tried, dtype, keeps_factors(sizes, len(landmarks), dtype), fit.threads)
        for tried, dtype in block_attempts(alpha, weights)
    )
    solved = _solved(fit, task, replace(plan, n_landmarks=len(landmarks)), jobs, firsts)
    choice = choice_of(task, fit.seed, "agop" in fit.spec.learning)
    return solved.network(choice, coding.units, coding.targets, n_samples, fit.table.layout.dtype, coding.weight_unit)


def _solved(
    fit: TableFit, task: KernelTask, plan: KernelPlan, jobs: Iterable[BlockJob], firsts: Sequence[int | None]
) -> SolvedBlocks:
    """The first of several attempts that succeeds."""
    for job in jobs:
        found = solved_groups(fit.table, job, firsts, min(lane_count(), job.places.tree.n_blocks))
        if found is not None:
            return _together(job, task, plan, *found)
    raise AssertionError("there is no last attempt")


def _refined(fit: TableFit, task: KernelTask, firsts: Sequence[int | None]) -> KernelTask:
    """The task with penalty and unit of length chosen again, where rows are as dense as in the whole table."""
    alphas = fit.penalty.common
    free_unit = numeric_length_scale(fit.spec.length_scale, fit.shape[1]) is None
    if task.complete:
        return refined_in_blocks(task, alphas, free_unit, fit.here)
    tree, _ = blocks_of_sample(task, REFINED_SIZE, fit.shape[0])
    places = BlockPlaces(fit.coding, task.input_map, task.choice.best.kernels, tree, fit.seed)
    chosen = judging_blocks(tree.n_blocks)
    pieces = each_partition("rows-of-some-blocks", fit.table, _rows_of_blocks, (places, chosen), firsts)
    rows = BlockRows.together([piece for piece in pieces if piece is not None])
    blocks = [rows.taken(np.flatnonzero(rows.blocks == block)[:REFINED_SIZE])[:3] for block in chosen]
    return refined_with(task, blocks, alphas, free_unit, fit.here)


def _rows_of_blocks(shared: tuple[BlockPlaces, Any], first: int, *pieces: Any) -> BlockRows:
    """Rows of one partition that are in the chosen blocks; of a block no more than all partitions together give."""
    places, chosen = shared
    rows = BlockRows.together([places.rows(first, *pieces)])
    return rows.taken(np.concatenate([np.flatnonzero(rows.blocks == block)[:REFINED_SIZE] for block in chosen]))


def _together(
    job: BlockJob, task: KernelTask, plan: KernelPlan, groups: Sequence[BlockGroup], solved: Any
) -> SolvedBlocks:
    """The solution of all groups as that of one machine."""
    X, Y, sample_weight = (np.concatenate(each) for each in list(zip(*(g.rows for g in groups), strict=True))[:3])
    sizes = np.concatenate([group.sizes for group in groups])
    n_held = np.concatenate([group.n_held for group in groups])
    inside = InsideBlocks(*map(np.concatenate, zip(*(group.inside or () for group in groups), strict=True)))
    held, copies = held_positions(sizes.tolist(), n_held.tolist()), multiplicities(sample_weight)
    solution = judged_blocks(inside, solved, job.mean, job.alpha, sample_weight, held, copies)
    kernel = job.kernel(X, sizes)
    rows = replace(task, X=kernel.rows, Y=Y, sample_weight=sample_weight, complete=True)
    return SolvedBlocks(rows, kernel, solution, plan)
