"""Blocks cover the rows once, and threads change nothing but the time."""

import multiprocessing
import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from sknnk._compute import threads as threads_module
from sknnk._compute.threads import block_length, n_threads, over_threads, row_blocks


@given(n_samples=st.integers(0, 200), batch_size=st.integers(1, 300))
def test_blocks_cover_every_row_once_and_in_order(n_samples, batch_size):
    blocks = list(row_blocks(n_samples, batch_size))
    covered = [i for rows in blocks for i in range(n_samples)[rows]]
    assert covered == list(range(n_samples))
    assert all(rows.stop - rows.start <= batch_size for rows in blocks)


def test_none_means_as_many_threads_as_compiled_code_may_use():
    with threadpool_limits(limits=1, user_api="openmp"):
        assert n_threads(None) == 1
    assert n_threads(3) == 3
    assert n_threads(-1) >= 1


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_the_order_of_the_arguments(threads):
    assert over_threads(divmod, [(i, 3) for i in range(10)], threads) == [divmod(i, 3) for i in range(10)]


def test_threads_really_run_side_by_side():
    # Each call waits for the other: one after the other would time out.
    barrier = threading.Barrier(2, timeout=20)
    over_threads(barrier.wait, [(), ()], threads=2)


def test_blas_has_one_thread_meanwhile_and_its_own_number_afterwards():
    np.ones((2, 2)) @ np.ones((2, 2))

    def blas_threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas_threads()
    inside = over_threads(blas_threads, [(), ()], threads=2)
    assert all(number == 1 for numbers in inside for number in numbers)
    assert blas_threads() == before


def test_a_failure_in_one_thread_is_raised_and_stops_the_others():
    done = []

    def work(i):
        if i == 0:
            raise ZeroDivisionError("first block")
        done.append(i)

    with pytest.raises(ZeroDivisionError, match="first block"):
        over_threads(work, [(i,) for i in range(1000)], threads=1)
    assert done == []


def test_a_failure_in_another_thread_is_raised_too():
    both = threading.Barrier(2, timeout=20)

    def work(i):
        both.wait()
        if threading.current_thread() is not threading.main_thread():
            raise ZeroDivisionError("a helper's block")

    with pytest.raises(ZeroDivisionError, match="a helper's block"):
        over_threads(work, [(0,), (1,)], threads=2)


def test_the_last_task_may_be_taken_by_another_thread_at_the_last_moment(monkeypatch):
    class NeverSeenEmpty(threads_module.deque):
        """What a thread sees that looks just before another one takes the last task."""

        def __bool__(self):
            return True

    monkeypatch.setattr(threads_module, "deque", NeverSeenEmpty)
    for threads in (1, 2, 3):
        assert over_threads(pow, [(2, i) for i in range(5)], threads) == [1, 2, 4, 8, 16]


def test_blocks_of_blocks_do_not_wait_for_each_other():
    # More calls at once than threads in the pool, each of which asks the same pool for more.
    def outer(i):
        return sum(over_threads(pow, [(i, 1), (i, 1), (i, 1)], threads=2))

    assert over_threads(outer, [(i,) for i in range(50)], threads=2) == [3 * i for i in range(50)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    over_threads(pow, [(2, 2), (2, 3)], threads=2)
    child = multiprocessing.get_context("fork").Process(target=over_threads, args=(pow, [(2, 2), (2, 3)], 2))
    child.start()
    child.join(60)
    assert child.exitcode == 0


@given(n_samples=st.integers(0, 10**7), n_columns=st.integers(0, 10**6))
def test_blocks_have_rows_and_their_length_knows_no_threads(n_samples, n_columns):
    assert 1 <= block_length(n_samples, n_columns) <= 2**20
