"""Maps from rows to columns: random features, kernels with landmarks, and the transformers made of them.

A map takes transformed rows and returns the columns (Phi) in front of the output matrix. It never solves anything. A
new coupling of random directions goes to `directions`.
"""

from .arc_cosine import ArcCosineSampler
from .directions import COUPLINGS, DIRECTIONS, frequencies
from .estimation_errors import estimation_error_bound, estimation_variance
from .fourier import feature_scale
from .kernel_map import KernelMap, SymmetricKernel, landmark_map
from .layer_spec import Candidate
from .random_map import RandomMap, build_samplers, own_frequencies, with_frequencies
from .samplers import URFSampler
from .unbiased import largest_norm, named_function

__all__ = [
    "COUPLINGS",
    "DIRECTIONS",
    "ArcCosineSampler",
    "Candidate",
    "KernelMap",
    "RandomMap",
    "SymmetricKernel",
    "URFSampler",
    "build_samplers",
    "estimation_error_bound",
    "estimation_variance",
    "feature_scale",
    "frequencies",
    "landmark_map",
    "largest_norm",
    "named_function",
    "own_frequencies",
    "with_frequencies",
]
