"""Functions of every partition, gathered or summed, as Dask tasks with few results in memory at one time."""

from collections.abc import Callable, Sequence
from operator import add
from typing import Any
from uuid import uuid4

import dask.threaded
import distributed
from dask._task_spec import DataNode, GraphNode, Task, TaskRef
from dask.base import get_scheduler
from dask.system import CPU_COUNT
from threadpoolctl import threadpool_limits

from ._partitions import Table

# Number of lanes for each thread of the cluster. While the sum of one lane travels, its thread works on another one.
_LANES_PER_THREAD = 2


def each_partition(
    name: str, table: Table, function: Callable[..., Any], shared: Any, own: Sequence[Any] | None = None
) -> list[Any]:
    """Call a function for every partition and gather what it returns.

    Parameters
    ----------
    name : str
        What the tasks are called on Dask's dashboard.
    table : Table
        The partitions.
    function : callable
        ``function(shared, own value, X, y[, sample_weight])``; a ValueError is raised again with the number of
        the partition.
    shared : object
        First argument of every call, sent to each worker once.
    own : sequence, optional
        Second argument of each call; partitions with None there are left out, and their result is None. The number of
        the partition by default.

    Returns
    -------
    list
        The results, in the order of the partitions.
    """
    values = range(len(table.keys)) if own is None else own
    numbers = [i for i, value in enumerate(values) if value is not None]
    name = f"{name}-{uuid4().hex}"
    tasks = partition_tasks(name, table, numbers, function, shared, values)
    results: list[Any] = [None] * len(table.keys)
    for i, result in zip(numbers, computed(tasks, [(name, i) for i in numbers]), strict=True):
        results[i] = result
    return results


def partition_sum(name: str, table: Table, function: Callable[..., Any], shared: Any) -> Any:
    """Sum of a function over all partitions, with few terms of the sum in memory at one time.

    Partitions are distributed over lanes, two for each thread of the cluster. A lane adds up its partitions one after
    the other. It starts the next partition only when the one before has been added. At the end a binary tree adds up
    the lanes.
    So at most three terms for each lane exist at one time, for any order of the scheduler: the sum so far, the next
    term, and their sum. The next partition of a lane waits for a token, not for the sum itself. So a partition is
    evaluated
    where its rows are, and a term travels at most once.

    Parameters
    ----------
    name : str
        What the tasks are called on Dask's dashboard.
    table : Table
        The partitions, at least one.
    function : callable
        ``function(shared, partition number, X, y[, sample_weight])``; a ValueError is raised again with the number.
    shared : object
        First argument of every call, sent to each worker once.

    Returns
    -------
    object
        The sum.
    """
    name = f"{name}-{uuid4().hex}"
    tasks, total = summing_tasks(name, table, function, shared, lane_count())
    return computed(tasks, [total])[0]


def lane_count() -> int:
    """Number of sums that are built side by side.

    Returns
    -------
    int
        At least one.
    """
    try:
        threads = sum(distributed.default_client().nthreads().values())
    except ValueError:  # There is no client, and the work is done by threads of this process.
        threads = CPU_COUNT
    return _LANES_PER_THREAD * max(int(threads), 1)


def summing_tasks(
    name: str, table: Table, function: Callable[..., Any], shared: Any, n_lanes: int
) -> tuple[dict[Any, GraphNode], Any]:
    """Tasks of a sum over all partitions.

    Parameters
    ----------
    name : str
        Unique name of the terms.
    table : Table
        The partitions, at least one.
    function, shared
        As in :func:`partition_sum`.
    n_lanes : int
        Number of sums that are built side by side.

    Returns
    -------
    tasks : dict
        All of them.
    key : object
        That of the sum.
    """
    numbers = range(len(table.keys))
    tokens: dict[int, Any] = {}
    tasks: dict[Any, GraphNode] = {}
    totals: list[Any] = []
    for first in numbers[:n_lanes]:
        total: Any = (name, first)
        for i in numbers[first + n_lanes :: n_lanes]:
            token, merged = (f"token-{name}", i), (f"sum-{name}", i)
            tasks[token] = Task(token, _nothing, TaskRef(total))
            tasks[merged] = Task(merged, add, TaskRef(total), TaskRef((name, i)))
            tokens[i], total = token, merged
        totals.append(total)
    joined, key = tree_tasks(name, totals, add)
    return tasks | joined | partition_tasks(name, table, numbers, function, shared, numbers, tokens), key


def tree_tasks(name: str, totals: list[Any], function: Callable[[Any, Any], Any]) -> tuple[dict[Any, GraphNode], Any]:
    """Tasks of a binary tree that makes one result of several.

    Parameters
    ----------
    name : str
        Unique name.
    totals : list of tuple
        Keys of the results, at least one.
    function : callable
        Makes one result of two.

    Returns
    -------
    tasks : dict
        Of the tree.
    key : tuple
        That of the one result.
    """
    tasks: dict[Any, GraphNode] = {}
    while len(totals) > 1:
        pairs = list(zip(totals[::2], totals[1::2], strict=False))
        level = [(f"tree-{name}", len(totals), i) for i in range(len(pairs))]
        tasks.update({key: Task(key, function, *map(TaskRef, pair)) for key, pair in zip(level, pairs, strict=True)})
        totals = level + totals[2 * len(pairs) :]
    return tasks, totals[0]


def _nothing(_: Any) -> None:
    """A token: a small result that exists as soon as its argument exists."""


def partition_tasks(
    name: str,
    table: Table,
    numbers: Sequence[int],
    function: Callable[..., Any],
    shared: Any,
    own: Sequence[Any],
    tokens: dict[int, Any] | None = None,
) -> dict[Any, GraphNode]:
    """One task for each partition, called ``(name, number)``, and what they need from the graph of the table.

    Work that only one partition needs becomes part of its task. So its rows are loaded where they are used, and the
    scheduler has no result of its own to move or keep.

    Parameters
    ----------
    name, table, function, shared, own
        As in :func:`each_partition`.
    numbers : sequence of int
        The partitions that are wanted.
    tokens : dict of int to object, optional
        For some partitions a task that has to be done before.

    Returns
    -------
    dict
        The tasks.
    """
    private, tasks = _private_tasks(table, numbers)
    tasks[f"shared-{name}"] = DataNode(f"shared-{name}", shared)
    for i in numbers:
        token = [TaskRef(tokens[i])] if tokens and i in tokens else [None]
        pieces = map(TaskRef, table.keys[i])
        key = (name, i)
        task = Task(key, _in_partition, i, *token, function, TaskRef(f"shared-{name}"), own[i], *pieces)
        tasks[key] = GraphNode.fuse(task, *private[i], key=key) if private[i] else task
    return tasks


def _in_partition(number: int, token: None, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        raise ValueError(f"Partition {number}: {error}") from error


def _private_tasks(table: Table, numbers: Sequence[int]) -> tuple[dict[int, list[GraphNode]], dict[Any, GraphNode]]:
    """Tasks that one partition alone depends on, and those that several do."""
    graph, owner, several = table.graph, dict[Any, int](), -1
    for i in numbers:
        waiting = list(table.keys[i])
        while waiting:
            key = waiting.pop()
            # What is not in the graph is a result that a cluster already holds.
            if key not in graph or owner.get(key) in (i, several):
                continue
            if key in owner:
                _give(several, key, graph, owner)
            else:
                owner[key] = i
                waiting.extend(graph[key].dependencies)
    private: dict[int, list[GraphNode]] = {i: [] for i in numbers}
    common = {}
    for key, i in owner.items():
        if i == several:
            common[key] = graph[key]
        else:
            private[i].append(graph[key])
    return private, common


def _give(new_owner: int, key: Any, graph: dict[Any, GraphNode], owner: dict[Any, int]) -> None:
    """Give a task, and all that it depends on, to another owner."""
    waiting = [key]
    while waiting:
        key = waiting.pop()
        if key in graph and owner.get(key) != new_owner:
            owner[key] = new_owner
            waiting.extend(graph[key].dependencies)


def computed(tasks: dict[Any, GraphNode], keys: list[Any]) -> list[Any]:
    """Results of tasks, by the scheduler that Dask would use now.

    Parameters
    ----------
    tasks : dict
        All that are needed.
    keys : list
        Those whose results are wanted.

    Returns
    -------
    list
        The results.
    """
    get = get_scheduler() or dask.threaded.get
    # Threads of this process compete with those of BLAS; a worker process has one thread for BLAS anyway.
    with threadpool_limits(limits=1, user_api="blas"):
        return list(get(tasks, keys))
