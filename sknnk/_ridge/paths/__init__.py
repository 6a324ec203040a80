"""Ridge regression for many penalties on many training sets at once.

Cross-validation needs the solution without each fold, for each penalty and each number of columns. The functions of
this folder share the work between them.
"""

from .fold_moments import FoldMoments, Partition, partitions
from .fold_paths import coefficient_path, paths_without, tridiagonal_path
from .row_paths import DualPath, NestedKernel, dual_path
from .squared_errors import SquaredErrors, squared_errors_of_moments, squared_errors_of_predictions

__all__ = [
    "DualPath",
    "FoldMoments",
    "NestedKernel",
    "Partition",
    "SquaredErrors",
    "coefficient_path",
    "dual_path",
    "partitions",
    "paths_without",
    "squared_errors_of_moments",
    "squared_errors_of_predictions",
    "tridiagonal_path",
]
