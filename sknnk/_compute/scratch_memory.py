"""Arrays for intermediate results: kept by each thread and used again, because fresh memory costs more than sums."""

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Beyond this size NumPy asks for large pages, with which fresh memory is cheap, and keeping it would not be.
_KEPT_BYTES = 2**22
_CACHE_LINE = 64


class _Shelf(threading.local):
    """The arrays of one thread."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[np.uint8]] = {}


_shelf = _Shelf()


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Memory for an intermediate result of the calling thread.

    Parameters
    ----------
    name : str
        What it is for. The next call of this thread with the same name may return the same memory.
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
    memory = _shelf.arrays.get(name)
    if memory is None or memory.size < n_bytes:
        memory = np.empty(n_bytes + _CACHE_LINE, dtype=np.uint8)
        memory = memory[-memory.ctypes.data % _CACHE_LINE :]
        if n_bytes <= _KEPT_BYTES:
            _shelf.arrays[name] = memory
    array: NDArray[Any] = memory[:n_bytes].view(dtype).reshape(shape)
    return array
