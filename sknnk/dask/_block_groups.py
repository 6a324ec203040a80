"""Rows of a Dask table that go to their blocks once, and the solution of blocks where their rows are, as Dask tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import getitem
from typing import Any, NamedTuple, Self
from uuid import uuid4

import numpy as np
from dask._task_spec import DataNode, GraphNode, Task, TaskRef
from dask.sizeof import sizeof

from .._compute import Array, Floats, Indices
from .._data import QuantileMap, dense_inputs
from .._features import BlockedKernel, BlockTree
from .._kernels import Kernel, in_coordinates
from .._networks import row_keys
from .._ridge import BlockSums, BlockSystem, EliminatedBlocks, InsideBlocks
from ._partitions import Table
from ._reduction import computed, partition_tasks, tree_tasks
from ._table_fit import Coding


class BlockRows(NamedTuple):
    """Rows with the blocks that they belong to.

    Parameters
    ----------
    X, Y, sample_weight : ndarray
        Transformed inputs, targets and weights.
    keys : ndarray of shape (n_rows,)
        Random numbers that order the rows of a block; those of :func:`sknnk._networks.row_keys`.
    blocks : ndarray of shape (n_rows,)
        Numbers of the blocks.
    """

    X: Array
    Y: Array
    sample_weight: Array
    keys: Array
    blocks: Indices

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Rows of several partitions: those of a block side by side, in an order that does not depend on these."""
        joined = cls(*map(np.concatenate, zip(*parts, strict=True)))
        return joined.taken(np.lexsort((-joined.keys, joined.blocks)))

    def taken(self, rows: Any) -> Self:
        """Some of the rows, in new memory."""
        return type(self)(*(each[rows] for each in self))


@dataclass(frozen=True, eq=False)
class BlockPlaces:
    """Where the rows of a table go.

    Parameters
    ----------
    coding : Coding
        What pieces of the table mean.
    input_map : QuantileMap or None
        Transform of the inputs.
    kernels : tuple of Kernel
        Summands of the kernel; blocks are cut in the coordinates of the first.
    tree : BlockTree
        The blocks.
    seed : int
        Of the order of the rows inside a block.
    """

    coding: Coding
    input_map: QuantileMap | None
    kernels: tuple[Kernel, ...]
    tree: BlockTree
    seed: int

    def rows(self, first: int, *pieces: Any) -> BlockRows:
        """The rows of one partition, the first of which is at this position among all of positive weight."""
        X, Y, sample_weight = self.coding.used_rows(*pieces)
        inputs = np.asarray(dense_inputs(self.input_map, X.astype(np.float64, copy=False)))
        blocks = self.tree.block_of(in_coordinates(self.kernels[0], inputs))
        return BlockRows(inputs, Y, sample_weight, row_keys(self.seed, first, len(inputs)), blocks)


@dataclass(frozen=True, eq=False)
class BlockJob:
    """All that is known of a fit in blocks before its rows are at their places.

    Parameters
    ----------
    places : BlockPlaces
        Where rows go.
    landmarks : ndarray of shape (n_landmarks, n_features)
        Transformed rows that all others are compared with.
    block_size : int
        Rows of a block that were asked for.
    held_key : float
        Rows with a key up to that are held out.
    mean : ndarray of shape (n_targets,)
        What is subtracted from the targets.
    alpha : float
        Penalty.
    dtype : type
        Of the factors.
    keeps : bool
        Whether workers keep these until the sums of all blocks are known.
    threads : int
        Of a task.
    """

    places: BlockPlaces
    landmarks: Array
    block_size: int
    held_key: float
    mean: Array
    alpha: float
    dtype: type[np.floating]
    keeps: bool
    threads: int

    def kernel(self, X: Array, sizes: Indices) -> BlockedKernel:
        """The kernel of some blocks, whose sizes are these."""
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return BlockedKernel(self.places.kernels, X, starts, self.landmarks, self.places.tree, self.block_size)


class BlockGroup(NamedTuple):
    """Some blocks that are next to each other, at the place where they are solved.

    Parameters
    ----------
    rows : BlockRows
        Their rows.
    sizes, n_held : ndarray of shape (n_blocks,)
        Number of rows of each block, and of those that are held out.
    eliminated : EliminatedBlocks or None
        What the blocks add to the sums; None where that cannot be computed, or is not needed any more.
    inside : InsideBlocks or None
        What is solved inside the blocks.
    """

    rows: BlockRows
    sizes: Indices
    n_held: Indices
    eliminated: EliminatedBlocks | None = None
    inside: InsideBlocks | None = None


@sizeof.register(BlockSums)
def _size_of_sums(sums: BlockSums) -> int:
    """Size in bytes, from which the scheduler of Dask knows how much it would move."""
    return int(sums.gram.nbytes + sums.cross.nbytes)


@sizeof.register(EliminatedBlocks)
def _size_of_eliminated(eliminated: EliminatedBlocks) -> int:
    kept = [array for part in eliminated.parts for array in (part.root, part.ends, *(part.kept or ()))]
    return int(_size_of_sums(eliminated.sums) + sum(array.nbytes for array in kept))


def solved_groups(
    table: Table, job: BlockJob, firsts: Sequence[int | None], n_groups: int
) -> tuple[list[BlockGroup], tuple[Array, Floats]] | None:
    """Send rows to their blocks, add up what the blocks say of the landmarks, and solve inside the blocks.

    Each partition is cut by groups of blocks, and each group is put together once. Its blocks are eliminated where they
    then are, one after the other; a binary tree adds up the sums of the groups, and the solution of these sums goes
    back to the groups.

    Parameters
    ----------
    table : Table
        The partitions.
    job : BlockJob
        What all tasks know.
    firsts : sequence of int or None
        Position of the first row of each partition among all rows of positive weight; None where there are none.
    n_groups : int
        Number of groups. The result does not depend on it, except for rounding.

    Returns
    -------
    groups : list of BlockGroup
        Solved, in the order of their blocks.
    solved : tuple of ndarray
        Coefficients of ones and landmarks, and the factor that gave them.
        None instead of all that, where a system is not positive definite.
    """
    name = uuid4().hex
    edges = np.linspace(0, job.places.tree.n_blocks, n_groups + 1).round().astype(np.intp)
    tasks, groups = _group_tasks(name, table, job, firsts, edges)
    sums, inside = [], []
    for i, group in enumerate(groups):
        sums.append((f"block-sums-{name}", i))
        tasks[sums[-1]] = Task(sums[-1], _sums_of, TaskRef(group))
    tree, total = tree_tasks(name, sums, _added)
    solved = f"landmarks-{name}"
    tasks |= tree | {solved: Task(solved, _solved, TaskRef(f"job-{name}"), TaskRef(total))}
    for i, group in enumerate(groups):
        inside.append((f"inside-blocks-{name}", i))
        tasks[inside[-1]] = Task(inside[-1], _inside, TaskRef(f"job-{name}"), TaskRef(group), TaskRef(solved))
    found, *parts = computed(tasks, [solved, *inside])
    return None if found is None else (parts, found)


def _group_tasks(
    name: str, table: Table, job: BlockJob, firsts: Sequence[int | None], edges: Indices
) -> tuple[dict[Any, GraphNode], list[Any]]:
    """Tasks that put the rows of each group together and eliminate its blocks, and the keys of the groups."""
    numbers = [i for i, first in enumerate(firsts) if first is not None]
    cut, groups = f"rows-to-blocks-{name}", []
    tasks = partition_tasks(cut, table, numbers, _cut, (job.places, edges), firsts)
    tasks[f"job-{name}"] = DataNode(f"job-{name}", job)
    for group, ends in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        pieces = [(f"piece-{name}", i, group) for i in numbers]
        for piece, i in zip(pieces, numbers, strict=True):
            tasks[piece] = Task(piece, getitem, TaskRef((cut, i)), group)
        groups.append((f"block-group-{name}", group))
        tasks[groups[-1]] = Task(groups[-1], _eliminated, TaskRef(f"job-{name}"), ends, *map(TaskRef, pieces))
    return tasks, groups


def _cut(shared: tuple[BlockPlaces, Indices], first: int, *pieces: Any) -> list[BlockRows]:
    """Rows of one partition for each group."""
    places, edges = shared
    rows = places.rows(first, *pieces)
    group = np.searchsorted(edges, rows.blocks, side="right") - 1
    return [rows.taken(np.flatnonzero(group == i)) for i in range(len(edges) - 1)]


def _eliminated(job: BlockJob, ends: tuple[int, int], *pieces: BlockRows) -> BlockGroup:
    rows = BlockRows.together(pieces)
    blocks, n_blocks = rows.blocks - ends[0], ends[1] - ends[0]
    sizes = np.bincount(blocks, minlength=n_blocks)
    n_held = np.bincount(blocks[rows.keys <= job.held_key], minlength=n_blocks)
    parts = (rows.Y - job.mean, rows.sample_weight, job.alpha, job.dtype, job.threads, n_held.tolist(), job.keeps)
    system = BlockSystem(job.kernel(rows.X, sizes), *parts)
    return BlockGroup(rows, sizes, n_held, EliminatedBlocks.of(system, 1))


def _sums_of(group: BlockGroup) -> BlockSums | None:
    return None if group.eliminated is None else group.eliminated.sums


def _added(one: BlockSums | None, other: BlockSums | None) -> BlockSums | None:
    return None if one is None or other is None else one + other


def _solved(job: BlockJob, sums: BlockSums | None) -> tuple[Array, Floats] | None:
    return None if sums is None else sums.solved(job.threads)


def _inside(job: BlockJob, group: BlockGroup, solved: tuple[Array, Floats] | None) -> BlockGroup | None:
    """The group with its solution, and without what only its worker needs."""
    if solved is None or group.eliminated is None:
        return None
    return group._replace(eliminated=None, inside=group.eliminated.inside(solved[0], 1))
