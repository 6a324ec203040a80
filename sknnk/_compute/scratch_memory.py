"""Arrays for intermediate results: kept by each thread and used again, because fresh memory costs more than sums."""

import math
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bytes. For larger arrays NumPy asks for large pages, with which fresh memory is cheap; they are not kept.
_KEPT_BYTES = 2**22
# Arrays that a thread keeps for one name: a loop asks for the next one while it still holds the last one.
_KEPT_ARRAYS = 2
_CACHE_LINE = 64


class _Buffer:
    """Memory that is lent to one array at a time."""

    def __init__(self, n_bytes: int) -> None:
        # Not an array: NumPy would let a part of the lent array refer to that array instead of the lent one.
        self.memory = bytearray(n_bytes + _CACHE_LINE)
        self.n_bytes, self.start = n_bytes, _padding(np.frombuffer(self.memory, dtype=np.uint8))
        self.lent: Any = _nobody

    def lend(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        array: NDArray[Any] = np.ndarray(shape, dtype, self.memory, self.start)
        self.lent = weakref.ref(array)
        return array


def _padding(memory: NDArray[np.uint8]) -> int:
    """Bytes in front of the next cache line."""
    return -memory.ctypes.data % _CACHE_LINE


def _nobody() -> None:
    """What a buffer that was never lent says of its array."""


class _Shelf(threading.local):
    """The buffers of one thread."""

    def __init__(self) -> None:
        self.buffers: dict[str, list[_Buffer]] = {}


_shelf = _Shelf()


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Memory for an intermediate result of the calling thread.

    Memory is used again once no array refers to it any more. So a call that interrupts another one in the same thread,
    as from a signal handler, gets memory of its own.

    Parameters
    ----------
    name : str
        What it is for. Calls of one thread with the same name share memory, one after the other.
    shape : tuple of int
        Shape of the array.
    dtype : dtype
        Its dtype.

    Returns
    -------
    ndarray of this shape
        C-contiguous, not initialised, and aligned to a cache line.

    Examples
    --------
    >>> from sknnk._compute.scratch_memory import scratch
    >>> scratch("phases", (2, 3), "f8").shape
    (2, 3)
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    for buffer in _shelf.buffers.get(name, ()):
        if buffer.n_bytes >= n_bytes and buffer.lent() is None:
            return buffer.lend(shape, dtype)
    if n_bytes > _KEPT_BYTES:
        memory = np.empty(n_bytes + _CACHE_LINE, dtype=np.uint8)
        array: NDArray[Any] = memory[_padding(memory) :][:n_bytes].view(dtype).reshape(shape)
        return array
    # What nothing refers to was too small. Of arrays that are in use, the oldest is no longer kept.
    in_use = [each for each in _shelf.buffers.get(name, ()) if each.lent() is not None]
    buffer = _Buffer(n_bytes)
    _shelf.buffers[name] = [buffer, *in_use][:_KEPT_ARRAYS]
    return buffer.lend(shape, dtype)
