"""What every numerical part stands on: threads, memory, BLAS and the types of arrays.

Nothing here knows what a row, a kernel or a network is. A function of this folder takes arrays and numbers, and makes
an operation run over threads, in little memory, or by a routine of BLAS and LAPACK.
"""

from .blas import blas
from .memory import machine_memory, refuse_beyond_memory
from .scratch_memory import scratch
from .threads import blas_threads_for, block_length, n_threads, one_blas_thread, over_threads, row_blocks
from .tiled_cholesky import cholesky_in_place, invert_in_place, solve_factored
from .typing import Array, Complexes, Floats, Indices

__all__ = [
    "Array",
    "Complexes",
    "Floats",
    "Indices",
    "blas",
    "blas_threads_for",
    "block_length",
    "cholesky_in_place",
    "invert_in_place",
    "machine_memory",
    "n_threads",
    "one_blas_thread",
    "over_threads",
    "refuse_beyond_memory",
    "row_blocks",
    "scratch",
    "solve_factored",
]
