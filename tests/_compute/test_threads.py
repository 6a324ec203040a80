"""Blocks cover the rows once, and threads change nothing but the time."""

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from sknnk._compute import threads as threads_module
from sknnk._compute.threads import block_length, n_threads, one_blas_thread, over_threads, row_blocks


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

    before = blas_threads()
    inside = over_threads(blas_threads, [(), ()], threads=2)
    assert all(number == 1 for numbers in inside for number in numbers)
    assert blas_threads() == before


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture
def two_blas_threads():
    with threadpool_limits(limits=2, user_api="blas"):
        if 2 not in blas_threads():
            pytest.skip("BLAS of this machine has one thread")
        # What this context owns, other threads may not change: as if it had been left to the environment.
        for library in threads_module._threadpools().lib_controllers:
            getattr(library, "clear_controlling_thread", lambda: None)()
        yield blas_threads()


@pytest.mark.parametrize("seed", range(5))
def test_limits_of_many_threads_end_in_any_order_and_the_last_one_restores(two_blas_threads, seed):
    rng = np.random.default_rng(seed)
    n_threads = 8
    inside, leave = threading.Barrier(n_threads + 1, timeout=20), [threading.Event() for _ in range(n_threads)]
    seen = []

    def work(i):
        with one_blas_thread(), one_blas_thread():
            inside.wait()
            leave[i].wait(20)
            seen.append(blas_threads())

    workers = [threading.Thread(target=work, args=(i,)) for i in range(n_threads)]
    for worker in workers:
        worker.start()
    inside.wait()
    for i in rng.permutation(n_threads):
        leave[i].set()
        workers[i].join()
    assert len(seen) == n_threads and all(number == 1 for numbers in seen for number in numbers)
    assert blas_threads() == two_blas_threads


def test_limits_of_threads_that_race_are_restored(two_blas_threads):
    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(80):
            try:
                with one_blas_thread():
                    assert set(blas_threads()) == {1}
                    if rng.random() < 0.3:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                pass
        return True

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(6)))
    assert blas_threads() == two_blas_threads


def test_a_failure_inside_a_limit_restores_the_threads(two_blas_threads):
    with pytest.raises(ZeroDivisionError), one_blas_thread(), one_blas_thread():
        raise ZeroDivisionError
    assert blas_threads() == two_blas_threads


def test_a_limit_inside_that_of_another_package_leaves_it_alone(two_blas_threads):
    with threadpool_limits(limits=1, user_api="blas"):
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == two_blas_threads


def test_a_library_that_keeps_a_number_for_each_thread_is_limited_in_each(monkeypatch):
    class Library(threading.local):
        user_api, threading_layer, number = "blas", "openmp", 4

        def get_num_threads(self):
            return self.number

        def set_num_threads(self, number):
            self.number = number

    library, both, seen = Library(), threading.Barrier(2, timeout=20), []
    monkeypatch.setattr(threads_module, "_blas_libraries", lambda per_thread: [library] if per_thread else [])

    def work(order):
        with one_blas_thread():
            both.wait()
            seen.append(library.number)
            if order:
                both.wait()
        if not order:
            both.wait()
        seen.append(library.number)

    workers = [threading.Thread(target=work, args=(order,)) for order in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(seen) == [1, 1, 4, 4]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_forked_while_another_thread_limits_blas_is_not_limited(two_blas_threads):
    inside, leave = threading.Event(), threading.Event()

    def work():
        with one_blas_thread():
            inside.set()
            leave.wait(20)

    worker = threading.Thread(target=work)
    worker.start()
    inside.wait(20)
    child = multiprocessing.get_context("fork").Process(target=_exits_if_equal, args=(two_blas_threads,))
    child.start()
    child.join(60)
    leave.set()
    worker.join()
    assert child.exitcode == 0


def _exits_if_equal(expected):
    with one_blas_thread():
        inside = set(blas_threads())
    sys.exit(0 if blas_threads() == expected and inside == {1} else 1)


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


def test_uses_end_wherever_they_are_interrupted():
    def interrupted_at(position):
        count = 0

        def raising(frame, event, argument):
            nonlocal count
            if event == "call" and frame.f_code.co_filename == threads_module.__file__:
                count += 1
                if count == position:
                    sys.setprofile(None)
                    raise KeyboardInterrupt

        sys.setprofile(raising)
        try:
            with one_blas_thread(), one_blas_thread():
                pass
        finally:
            sys.setprofile(None)
        return count

    n_calls = interrupted_at(None)
    assert n_calls > 8
    for position in range(1, n_calls + 1):
        with pytest.raises(KeyboardInterrupt):
            interrupted_at(position)
        assert not threads_module._shared.uses and not threads_module._own.limit.uses, position
