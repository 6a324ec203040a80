"""Sums over rows for the columns of a network."""

from typing import Any

import numpy as np

from .._data import Dataset
from .._features import BlockMap, KernelMap, RandomMap, TensorMap, tensor_map
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


def columns_on_device(
    feature_map: RandomMap | KernelMap | BlockMap, dtype: Any, execution: Execution
) -> TensorMap | None:
    """The columns of a network where the execution wants them.

    Parameters
    ----------
    feature_map : RandomMap, KernelMap or BlockMap
        The columns.
    dtype : dtype
        Of the rows.
    execution : Execution
        Says on which device.

    Returns
    -------
    TensorMap or None
        None for rows in NumPy.
    """
    return None if execution.space is None else tensor_map(feature_map, execution.space, np.dtype(dtype).name)


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
