"""How many landmarks a network with kernel columns has, and how large its blocks are."""

import math
from dataclasses import dataclass

from .._kernel_learning import EXACT_ROWS
from .specification import NetworkSpec

# Landmarks without blocks, and with blocks.
_LANDMARKS_ALONE, _LANDMARKS = 3000, 1000
# Least number of rows of a block.
_BLOCK_SIZE = 3000
# Multiplications of a fit that a table of moderate size can afford: some seconds on two cores. Larger blocks are more
# accurate, so that their size is what these allow.
_AFFORDED = 8e11
# How much longer float64 takes.
_DOUBLE_COST = 2.5


@dataclass(frozen=True)
class KernelPlan:
    """Sizes of a fit.

    Parameters
    ----------
    n_landmarks : int
        Rows that all others are compared with.
    block_size : int or None
        Rows of a block, about; None for landmarks alone.
    is_exact : bool, default=False
        Whether all rows are compared with each other.
    """

    n_landmarks: int
    block_size: int | None
    is_exact: bool = False


def planned(spec: NetworkSpec, n_rows: int, single: bool = True) -> KernelPlan:
    """Sizes that the parameters ask for, or that suit the number of rows.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    n_rows : int
        Number of distinct rows.
    single : bool, default=True
        Whether blocks are solved in float32.

    Returns
    -------
    KernelPlan
        One block is the exact kernel, whatever the landmarks.
    """
    block_size = spec.block_size
    if not isinstance(spec.n_components, str):
        n_landmarks = spec.layer_sizes(1.0)[0]
        block_size = None if block_size == "auto" else block_size
    elif block_size == "auto":
        return sizes_for(n_rows, single)
    else:
        n_landmarks = _LANDMARKS_ALONE if block_size is None else _LANDMARKS
    if (n_landmarks if block_size is None else block_size) >= n_rows:
        return _exact(n_rows)
    return KernelPlan(min(n_landmarks, n_rows), block_size)


def sizes_for(n_rows: int, single: bool = True) -> KernelPlan:
    """Sizes that suit a number of rows.

    Parameters
    ----------
    n_rows : int
        Number of distinct rows.
    single : bool, default=True
        Whether blocks are solved in float32.

    Returns
    -------
    KernelPlan
        The exact kernel for few rows. The more rows there are, the smaller the blocks, down to a size at which the cost
        is in proportion to the number of rows.

    Examples
    --------
    >>> sizes_for(5000)
    KernelPlan(n_landmarks=5000, block_size=5000, is_exact=True)
    >>> sizes_for(30_000).block_size, sizes_for(10**6).block_size
    (7402, 3000)
    """
    # A row costs m^2 / 3 + m M + M^2 multiplications, for blocks of m rows and M landmarks.
    budget = _AFFORDED if single else _AFFORDED / _DOUBLE_COST
    rest = 3.0 * (_LANDMARKS**2 - budget / n_rows)
    afforded = -1.5 * _LANDMARKS + math.sqrt(max(2.25 * _LANDMARKS**2 - rest, 0.0))
    size = max(_BLOCK_SIZE, int(afforded))
    return _exact(n_rows) if n_rows <= max(EXACT_ROWS, size) else KernelPlan(_LANDMARKS, size)


def _exact(n_rows: int) -> KernelPlan:
    return KernelPlan(n_rows, n_rows, is_exact=True)
