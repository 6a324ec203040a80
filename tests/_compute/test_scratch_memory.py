"""Memory is used again by the thread that had it, and by no other."""

import threading

import numpy as np

from sknnk._compute import scratch_memory as scratch_module
from sknnk._compute.scratch_memory import scratch


def test_the_same_name_gives_the_same_memory_and_another_name_does_not():
    first = scratch("test a", (3, 4), np.float64)
    assert np.shares_memory(first, scratch("test a", (4, 2), np.float32))
    assert not np.shares_memory(first, scratch("test b", (3, 4), np.float64))


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
    assert not np.shares_memory(scratch("test large", (11,), "f8"), scratch("test large", (11,), "f8"))
    assert np.shares_memory(scratch("test small", (10,), "f8"), scratch("test small", (10,), "f8"))


def test_empty_arrays_are_allowed():
    assert scratch("test empty", (0, 3), np.float64).shape == (0, 3)
