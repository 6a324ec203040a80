"""Maps from rows to columns: random features, kernels with landmarks, and the transformers made of them.

A map takes transformed rows and returns the columns (Phi) in front of the output matrix. It never solves anything. A
new coupling of random directions goes to `directions`.
"""

from .arc_cosine import ArcCosineSampler, degree_of
from .block_map import BlockedKernel, BlockMap, blocked_kernel
from .block_tree import BlockTree, balanced_blocks
from .directions import COUPLINGS, DIRECTIONS, frequencies
from .estimation_errors import estimation_error_bound, estimation_variance
from .fourier import feature_scale
from .kernel_map import KernelMap, SymmetricKernel, landmark_map, single_is_harmless
from .layer_spec import Candidate
from .random_map import RandomMap, build_samplers, own_frequencies, with_frequencies
from .samplers import URFSampler, unbiased_map_of
from .tensor_maps import TensorBlockedRows, TensorKernelRows, TensorMap, tensor_map
from .transformer import n_columns_of
from .unbiased import largest_norm, named_function

__all__ = [
    "COUPLINGS",
    "DIRECTIONS",
    "ArcCosineSampler",
    "BlockMap",
    "BlockTree",
    "BlockedKernel",
    "Candidate",
    "KernelMap",
    "RandomMap",
    "SymmetricKernel",
    "TensorBlockedRows",
    "TensorKernelRows",
    "TensorMap",
    "URFSampler",
    "balanced_blocks",
    "blocked_kernel",
    "build_samplers",
    "degree_of",
    "estimation_error_bound",
    "estimation_variance",
    "feature_scale",
    "frequencies",
    "landmark_map",
    "largest_norm",
    "n_columns_of",
    "named_function",
    "own_frequencies",
    "single_is_harmless",
    "tensor_map",
    "unbiased_map_of",
    "with_frequencies",
]
