"""Sums over partitions: right, with few terms at one time, and with rows loaded where they are used."""

import gc
import threading

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask._task_spec import Task
from distributed import Client, LocalCluster

from sknnk.dask._partitions import aligned_table
from sknnk.dask._reduction import each_partition, lane_count, partition_sum, summing_tasks


def table_of(n_partitions, load=None):
    """A data frame of two rows a partition, loaded by a function of the partition's number."""
    meta = pd.DataFrame({"a": [0.0, 0.0], "y": [0.0, 0.0]})
    frame = dd.from_map(load or (lambda i: meta + i), range(n_partitions), meta=meta)
    return aligned_table(frame[["a"]], frame["y"])


def column_sum(shared, number, X, y):
    return shared * np.asarray(X).sum() + 0.0 * number


@pytest.mark.parametrize("n_lanes", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("n_partitions", [1, 2, 9])
def test_the_sum_is_that_of_all_partitions(n_lanes, n_partitions):
    tasks, total = summing_tasks("s", table_of(n_partitions), column_sum, 0.5, n_lanes)
    assert dask.get(tasks, total) == sum(range(n_partitions))


class Term:
    """A number whose instances are counted."""

    lock, alive, most = threading.Lock(), 0, 0

    def __init__(self, value):
        self.value = value
        with Term.lock:
            Term.alive += 1
            Term.most = max(Term.most, Term.alive)

    def __del__(self):
        with Term.lock:
            Term.alive -= 1

    def __add__(self, other):
        return Term(self.value + other.value)


@pytest.mark.parametrize("n_lanes", [1, 2, 4])
def test_three_terms_for_each_lane_exist_at_most(n_lanes):
    Term.most = 0
    tasks, total = summing_tasks("s", table_of(80), lambda shared, i, X, y: Term(i), None, n_lanes)
    assert dask.threaded.get(tasks, total, num_workers=8).value == sum(range(80))
    gc.collect()
    assert Term.most <= 3 * n_lanes


def test_every_partition_is_one_task_that_loads_its_own_rows():
    loads = []

    def load(i):
        loads.append(i)
        return pd.DataFrame({"a": [0.0, 0.0], "y": [0.0, 0.0]}) + i

    table = table_of(5, load)
    tasks, total = summing_tasks("s", table, column_sum, 1.0, 2)
    # The terms, what they share, and for the partitions behind the first of a lane a token and a sum; one joins lanes.
    assert len(tasks) == 5 + 1 + 2 * 3 + 1
    assert dask.get(tasks, total) == 20.0 and sorted(loads) == [0, 1, 2, 3, 4]


def test_what_several_partitions_need_is_computed_once():
    calls = []

    def centre(block):
        calls.append(len(block))
        return block.sum(axis=0, keepdims=True)

    X = da.arange(12.0, chunks=12).reshape(12, 1).rechunk((3, 1))
    centred = X - X.map_blocks(centre, chunks=((1,) * 4, (1,)), meta=np.empty((0, 0))).sum(axis=0) / 12.0
    results = each_partition("sum", aligned_table(centred, X[:, 0]), column_sum, 1.0)
    np.testing.assert_allclose(results, [-13.5, -4.5, 4.5, 13.5])
    assert len(calls) == 4


def test_only_partitions_with_a_value_of_their_own_are_visited():
    loads = []

    def load(i):
        loads.append(i)
        return pd.DataFrame({"a": [0.0, 0.0], "y": [0.0, 0.0]}) + i

    table = table_of(4, load)
    assert each_partition("part", table, lambda shared, own, X, y: own, None, [None, "u", None, "v"]) == [
        None,
        "u",
        None,
        "v",
    ]
    assert sorted(loads) == [1, 3]


def test_an_error_says_in_which_partition():
    def fail(shared, number, X, y):
        if number == 2:
            raise ValueError("something is wrong")

    with pytest.raises(ValueError, match="Partition 2: something is wrong"):
        each_partition("part", table_of(4), fail, None)


def test_tasks_have_names_that_the_dashboard_groups():
    tasks, _ = summing_tasks("partition-moments-1f", table_of(3), column_sum, 1.0, 1)
    terms = [task for task in tasks.values() if isinstance(task, Task) and task.key[0] == "partition-moments-1f"]
    assert sorted(task.key[1] for task in terms) == [0, 1, 2]


def test_lanes_follow_the_threads_of_the_cluster_and_results_that_it_holds_stay_there():
    assert lane_count() == 2 * dask.system.CPU_COUNT
    with (
        LocalCluster(n_workers=1, threads_per_worker=3, processes=False, dashboard_address=":0") as cluster,
        Client(cluster),
    ):
        assert lane_count() == 6
        X = da.arange(12.0, chunks=3).reshape(12, 1).persist()
        frame = dd.from_pandas(pd.DataFrame({"y": np.zeros(12)}), npartitions=4)["y"].persist()
        assert partition_sum("sum", aligned_table(X, frame), column_sum, 1.0) == 66.0
