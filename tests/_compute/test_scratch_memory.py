"""Memory is used again by the thread that had it, once nothing refers to it, and by no other thread."""

import signal
import threading

import numpy as np
import pytest

from sknnk._compute import scratch_memory as scratch_module
from sknnk._compute.scratch_memory import scratch


def address(*args):
    """Where the memory of an array is that nobody keeps."""
    return scratch(*args).ctypes.data


def test_the_same_name_gives_the_same_memory_and_another_name_does_not():
    first = address("test a", (3, 4), np.float64)
    assert first == address("test a", (4, 2), np.float32)
    assert first != address("test b", (3, 4), np.float64)


@pytest.mark.parametrize(
    "part", [lambda a: a, lambda a: a[1:], lambda a: a.T[:, :2], lambda a: a.reshape(-1).view("i8")]
)
def test_memory_that_any_part_of_an_array_refers_to_is_not_given_again(part):
    kept = part(scratch("test kept", (3, 4), np.float64))
    assert not np.shares_memory(kept, scratch("test kept", (3, 4), np.float64))


def test_a_call_that_interrupts_another_one_in_its_thread_leaves_its_numbers_alone():
    def interrupt(*_):
        scratch("test signal", (1000,), np.float64)[:] = 2.0

    running = scratch("test signal", (1000,), np.float64)
    running[:] = 1.0
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert np.all(running == 1.0)


def test_a_loop_that_holds_the_last_array_while_it_asks_for_the_next_uses_two():
    places = set()
    for _ in range(10):
        array = scratch("test loop", (5,), np.float64)
        places.add(array.ctypes.data)
    assert len(places) == 2


def test_memory_grows_with_what_is_asked_for():
    scratch("test grows", (2,), np.float64)
    assert scratch("test grows", (50, 7), np.float32).shape == (50, 7)


def test_threads_do_not_share():
    mine, theirs = scratch("test threads", (8,), np.float64), []
    thread = threading.Thread(target=lambda: theirs.append(scratch("test threads", (8,), np.float64)))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, theirs[0])


def test_arrays_are_contiguous_and_aligned_in_the_dtype_asked_for():
    for dtype in (np.float32, np.float64):
        array = scratch("test aligned", (5, 3), dtype)
        assert array.dtype == dtype and array.flags.c_contiguous and array.ctypes.data % 64 == 0


def test_large_memory_is_not_kept(monkeypatch):
    monkeypatch.setattr(scratch_module, "_KEPT_BYTES", 80)
    for n_entries, kept in ((11, False), (10, True)):
        scratch(f"test {n_entries} entries", (n_entries,), "f8")
        assert (f"test {n_entries} entries" in scratch_module._shelf.buffers) is kept


def test_empty_arrays_are_allowed():
    assert scratch("test empty", (0, 3), np.float64).shape == (0, 3)
