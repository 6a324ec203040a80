"""How many landmarks a network with kernel columns has, and how large its blocks are."""

from dataclasses import dataclass

from .._kernel_learning import EXACT_ROWS
from .specification import NetworkSpec

# Landmarks without blocks; and landmarks and rows of a block, where there are blocks.
_LANDMARKS_ALONE = 3000
_LANDMARKS, _BLOCK_SIZE = 1000, 3000


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


def planned(spec: NetworkSpec, n_rows: int) -> KernelPlan:
    """Sizes that the parameters ask for, or that suit the number of rows.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    n_rows : int
        Number of distinct rows.

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
        return sizes_for(n_rows)
    else:
        n_landmarks = _LANDMARKS_ALONE if block_size is None else _LANDMARKS
    if (n_landmarks if block_size is None else block_size) >= n_rows:
        return _exact(n_rows)
    return KernelPlan(min(n_landmarks, n_rows), block_size)


def sizes_for(n_rows: int) -> KernelPlan:
    """Sizes that suit a number of rows.

    Parameters
    ----------
    n_rows : int
        Number of distinct rows.

    Returns
    -------
    KernelPlan
        The exact kernel for few rows; a cost in proportion to their number for many.

    Examples
    --------
    >>> sizes_for(5000)
    KernelPlan(n_landmarks=5000, block_size=5000, is_exact=True)
    >>> sizes_for(10**6)
    KernelPlan(n_landmarks=1000, block_size=3000, is_exact=False)
    """
    return _exact(n_rows) if n_rows <= EXACT_ROWS else KernelPlan(_LANDMARKS, _BLOCK_SIZE)


def _exact(n_rows: int) -> KernelPlan:
    return KernelPlan(n_rows, n_rows, is_exact=True)
