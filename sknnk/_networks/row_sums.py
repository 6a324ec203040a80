"""Sums over rows for the columns of a network."""

import numpy as np

from .._data import Dataset
from .._features import BlockMap, KernelMap, RandomMap
from .._integration import Execution
from .._ridge import Moments, accumulated_moments, n_blocks


def summed_rows(feature_map: RandomMap | KernelMap | BlockMap, data: Dataset, execution: Execution) -> Moments:
    """Sums of the raw columns of rows.

    Parameters
    ----------
    feature_map : RandomMap
        The columns.
    data : Dataset
        Rows, with targets in their units.
    execution : Execution
        Threads and blocks.

    Returns
    -------
    Moments
        Of the raw columns.
    """
    columns = (feature_map.raw_columns, feature_map.n_columns)
    return accumulated_moments(
        *(*columns, data.X, data.Y, data.sample_weight, execution.batch_size, execution.threads, execution.progress),
        widen=feature_map.needs_float64 and data.X.dtype != np.float64,
    )


def summing_steps(n_samples: int, n_columns: int, execution: Execution) -> int:
    """Count the blocks that :func:`summed_rows` cuts rows into, which are the steps of its progress.

    Parameters
    ----------
    n_samples, n_columns : int
        Rows, and columns of each.
    execution : Execution
        Says the most rows of a block.

    Returns
    -------
    int
        Their number.

    Examples
    --------
    >>> summing_steps(1025, 2048, Execution())
    2
    """
    return n_blocks(n_samples, n_columns, execution.batch_size)
