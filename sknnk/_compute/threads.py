"""Rows in blocks, and blocks over threads."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from joblib import effective_n_jobs
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from threadpoolctl import ThreadpoolController

# Entries of a block of rows, at least and at most (measured on two cores).
_FEWEST_ENTRIES, _MOST_ENTRIES = 2**16, 2**20
# Blocks that a table is cut into, where these bounds allow it.
_BLOCKS = 16
# Columns up to which one thread factors a matrix in a few tenths of a second.
_FEW_COLUMNS = 2048


def row_blocks(n_samples: int, batch_size: int) -> Iterator[slice]:
    """Cut rows into consecutive blocks.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    batch_size : int
        Rows per block.

    Yields
    ------
    slice
        The next block.

    Examples
    --------
    >>> list(row_blocks(5, 3))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    for start in range(0, n_samples, batch_size):
        yield slice(start, min(start + batch_size, n_samples))


def block_length(n_samples: int, n_columns: int) -> int:
    """Rows of a block that one thread works on, whatever the number of threads.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    n_columns : int
        Columns of the block.

    Returns
    -------
    int
        At least one. With long blocks, threads seldom wait for the interpreter lock. With short blocks, they wait less
        for each other at the end. So rows are cut into 16 blocks, unless these would be too small or too large.

    Examples
    --------
    >>> block_length(100_000, 2048), block_length(2000, 2048), block_length(20, 2048)
    (512, 125, 32)
    """
    fewest, most = (max(1, entries // max(1, n_columns)) for entries in (_FEWEST_ENTRIES, _MOST_ENTRIES))
    return min(max(-(-n_samples // _BLOCKS), fewest), most)


def n_threads(n_jobs: int | None) -> int:
    """Number of threads to use.

    Parameters
    ----------
    n_jobs : int or None
        As in joblib; None means as many as scikit-learn's own compiled code would use, which respects
        ``OMP_NUM_THREADS``, threadpoolctl and the share of a joblib worker.

    Returns
    -------
    int
        At least one.

    Examples
    --------
    >>> n_threads(1)
    1
    """
    return int(_openmp_effective_n_threads() if n_jobs is None else effective_n_jobs(n_jobs))


def over_threads(function: Callable[..., Any], arguments: list[tuple[Any, ...]], threads: int) -> list[Any]:
    """Call a function for each tuple of arguments, over threads that do not compete with those of BLAS.

    Parameters
    ----------
    function : callable
        Spends its time in NumPy or BLAS, which let other threads run.
    arguments : list of tuple
        Positional arguments of each call.
    threads : int
        Number of threads.

    Returns
    -------
    list
        The results, in the order of `arguments`.

    Examples
    --------
    >>> over_threads(pow, [(2, 3), (3, 2)], threads=2)
    [8, 9]
    """
    if len(arguments) <= 1:
        return [function(*each) for each in arguments]
    results: list[Any] = [None] * len(arguments)
    waiting = deque(enumerate(arguments))

    def work() -> None:
        try:
            # Pop and catch IndexError: checking first would race.
            while (task := _popped(waiting)) is not None:
                position, each = task
                results[position] = function(*each)
        except BaseException:
            waiting.clear()
            raise

    # A block takes less time than a future costs, and less than the 10 ms after which joblib looks for results.
    with one_blas_thread():
        helpers = [_helpers(threads).submit(work) for _ in range(min(threads, len(arguments)) - 1)]
        try:
            work()
        finally:
            # A helper that has not begun would find nothing to do. It may also wait for this very call to end.
            started = [helper for helper in helpers if not helper.cancel()]
            wait(started)
    for helper in started:
        helper.result()
    return results


def _popped(waiting: deque[Any]) -> Any:
    """The first task that waits, or None."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


def one_blas_thread() -> AbstractContextManager[None]:
    """Context in which BLAS has one thread: for many small factorisations, whose threads would mostly wait.

    Returns
    -------
    context manager
        Contexts may be nested, and those of several threads may end in any order. The last one to end restores the
        number of threads that BLAS had before the first one.

    Examples
    --------
    >>> with one_blas_thread():
    ...     pass
    """
    return _OneBlasThread()


def blas_threads_for(n_columns: int) -> AbstractContextManager[None]:
    """Context in which BLAS has the threads that suit one factorisation.

    Parameters
    ----------
    n_columns : int
        Columns of the matrix.

    Returns
    -------
    context manager
        One thread for up to 2048 columns, which takes a few tenths of a second. Threads of BLAS spin while they wait.
        Beside another process that computes, they would take many times as long.

    Examples
    --------
    >>> with blas_threads_for(1000):
    ...     pass
    """
    return one_blas_thread() if n_columns <= _FEW_COLUMNS else nullcontext()


def blas_threads_of(threads: int) -> AbstractContextManager[None]:
    """Context in which BLAS has no more threads than a fit that may use only one.

    Parameters
    ----------
    threads : int
        Threads that the fit was given.

    Returns
    -------
    context manager
        One thread of BLAS for one thread; otherwise BLAS decides.

    Examples
    --------
    >>> with blas_threads_of(1):
    ...     pass
    """
    return one_blas_thread() if threads == 1 else nullcontext()


@cache
def _helpers(threads: int) -> ThreadPoolExecutor:
    # Threads are kept. Starting them takes as long as a small block, and new threads have no scratch memory yet.
    return ThreadPoolExecutor(threads, thread_name_prefix="sknnk")


class _Limit:
    """Keeps libraries of BLAS at one thread while it is in use.

    Parameters
    ----------
    per_thread : bool
        True for the libraries that keep a number for each Python thread, False for all others.
    """

    def __init__(self, per_thread: bool) -> None:
        self._per_thread = per_thread
        self.uses: set[object] = set()
        self._before: list[tuple[Any, int]] = []

    # A signal handler may interrupt both methods at any place, call both, and raise. So a use is known before anything
    # is changed, and forgotten after everything is restored: the handler then sees a use, and changes nothing. What a
    # library had before is kept until it is restored, and to end a use twice is the same as once.
    def enter(self, use: object) -> None:
        self.uses.add(use)
        if len(self.uses) == 1:
            for library in _blas_libraries(self._per_thread):
                number = library.get_num_threads()
                self._before.append((library, number))
                if not _is_lowered(library, number):
                    self._before.pop()

    def leave(self, use: object) -> None:
        if self.uses == {use}:
            while self._before:
                _restore(*self._before[-1])
                self._before.pop()
        self.uses.discard(use)

    def keep(self, uses: set[object]) -> None:
        """Forget all other uses: those of threads that this process does not have."""
        for use in self.uses - uses:
            self.leave(use)


def _is_lowered(library: Any, number: int | None) -> bool:
    """Whether a library had several threads and now has one: another package may have forbidden the change."""
    if number in (None, 1):
        return False
    library.set_num_threads(1)
    return bool(library.get_num_threads() == 1)


def _restore(library: Any, number: int) -> None:
    library.set_num_threads(number)
    # threadpoolctl 3.8 lets only the thread that changed the number first change it again, until it is released.
    release = getattr(library, "clear_controlling_thread", None)
    if release is not None:
        if library.get_num_threads() != number:
            release(force=True)
            library.set_num_threads(number)
        release()


class _OwnLimit(threading.local):
    """The limit of one thread, for libraries that keep a number for each."""

    def __init__(self) -> None:
        self.limit = _Limit(per_thread=True)


_own, _shared, _shared_lock = _OwnLimit(), _Limit(per_thread=False), threading.RLock()


class _OneBlasThread:
    def __enter__(self) -> None:
        self._use = use, own = object(), _own.limit
        # An interrupt may come when `__exit__` is called, before its first line: then the use ends with this object.
        self._at_last = weakref.finalize(self, _end_use, use, own)
        self._at_last.atexit = False
        own.enter(use)
        with _shared_lock:
            _shared.enter(use)

    def __exit__(self, *_: object) -> None:
        _end_use(*self._use)
        self._at_last.detach()


def _end_use(use: object, own: _Limit) -> None:
    with _shared_lock:
        _shared.leave(use)
    own.leave(use)


def _after_fork() -> None:
    """A child process has one thread: the pools are empty, and no other thread uses the limit."""
    global _shared_lock
    _helpers.cache_clear()
    _shared_lock = threading.RLock()
    _shared.keep(_own.limit.uses)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


@cache
def _threadpools() -> ThreadpoolController:
    # Kept, because finding the loaded libraries takes longer than a small block. NumPy and SciPy have loaded them all.
    return ThreadpoolController()


@cache
def _blas_libraries(per_thread: bool) -> list[Any]:
    """Libraries of BLAS; OpenBLAS with threads of OpenMP keeps a number for each Python thread."""
    libraries = [each for each in _threadpools().lib_controllers if each.user_api == "blas"]
    return [each for each in libraries if per_thread == (getattr(each, "threading_layer", None) == "openmp")]
