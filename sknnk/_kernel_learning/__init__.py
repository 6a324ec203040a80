"""The kernel, its length scales, its axes and the random frequencies, learned from a sample of the rows.

Candidates are compared on rows that are held out. Every fit on the way is a closed form.
"""

from .block_refinement import refined_on_blocks
from .kernel_features import EXACT_ROWS, SAMPLE_ROWS, KernelTask, prepare_kernel
from .random_features import layer_sizes, prepare_layers, rows_looked_at
from .search import MIN_ROWS
from .successive_halving import Choice, candidates, cross_validated_errors, halving_search
from .trend import Trend, found_trend
from .wide_tables import is_wide, row_coordinates

__all__ = [
    "EXACT_ROWS",
    "MIN_ROWS",
    "SAMPLE_ROWS",
    "Choice",
    "KernelTask",
    "Trend",
    "candidates",
    "cross_validated_errors",
    "found_trend",
    "halving_search",
    "is_wide",
    "layer_sizes",
    "prepare_kernel",
    "prepare_layers",
    "refined_on_blocks",
    "row_coordinates",
    "rows_looked_at",
]
