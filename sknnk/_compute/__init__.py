"""What every numerical part stands on: threads, memory, BLAS and the types of arrays.

Nothing here knows what a row, a kernel or a network is. A function of this folder takes arrays and numbers, and makes
an operation run over threads, in little memory, by a routine of BLAS and LAPACK, or on tensors of another library.
"""

from .arrays import (
    ArraySpace,
    interpolated,
    is_tensor,
    largest_in,
    on_host,
    softmax,
    space_of,
    stacked,
    tensor_rows,
    tensor_space,
    wide_on_host,
)
from .blas import call_blas
from .memory import machine_memory, refuse_beyond_memory
from .scratch_memory import scratch
from .stacks import stacked_rows, stacks_of, unstacked
from .threads import (
    blas_threads_for,
    blas_threads_of,
    block_length,
    n_threads,
    one_blas_thread,
    over_threads,
    row_blocks,
)
from .tiled_cholesky import cholesky_in_place, invert_in_place, solve_factored
from .typing import Array, Complexes, Floats, Indices, Tensor

__all__ = [
    "Array",
    "ArraySpace",
    "Complexes",
    "Floats",
    "Indices",
    "Tensor",
    "blas_threads_for",
    "blas_threads_of",
    "block_length",
    "call_blas",
    "cholesky_in_place",
    "interpolated",
    "invert_in_place",
    "is_tensor",
    "largest_in",
    "machine_memory",
    "n_threads",
    "on_host",
    "one_blas_thread",
    "over_threads",
    "refuse_beyond_memory",
    "row_blocks",
    "scratch",
    "softmax",
    "solve_factored",
    "space_of",
    "stacked",
    "stacked_rows",
    "stacks_of",
    "tensor_rows",
    "tensor_space",
    "unstacked",
    "wide_on_host",
]
