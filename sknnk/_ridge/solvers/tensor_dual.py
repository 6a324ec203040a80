"""Kernel ridge regression in the dual on a device: one Cholesky factor of the kernel of all rows."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np

from ..._compute import Array, ArraySpace, Tensor, on_host, row_blocks, tensor_rows, wide_on_host
from .corrections import refined
from .dual import FIRST_SHARE, LAST_SHARE, MOST_PASSES, DualSolution, right_sides, with_intercept


@runtime_checkable
class TensorRows(Protocol):
    """Rows on a device, whose kernel with each other can be computed."""

    space: ArraySpace
    n_rows: int

    def kernel_tensor(self, rows: slice, columns: slice, precision: str) -> Tensor:
        """The kernel of some rows with others, of shape (n_rows, n_columns), in new memory."""


def solve_dual_on_tensors(
    rows: TensorRows,
    Y: Array,
    sample_weight: Array,
    alpha: float,
    n_held: int = 0,
    in_two_precisions: bool = False,
) -> DualSolution | None:
    """Solve kernel ridge regression with an intercept where the rows are.

    Parameters
    ----------
    rows : TensorRows
        The rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alpha : float
        Positive penalty.
    n_held : int, default=0
        Number of rows at the end for which held-out residuals can be asked.
    in_two_precisions : bool, default=False
        Whether the factor is float32, which a card has ten or more times as fast, and corrected in float64.

    Returns
    -------
    DualSolution or None
        Of NumPy, as :func:`solve_dual` and :func:`solve_dual_in_two_precisions` give it.
    """
    space, n = rows.space, rows.n_rows
    K = space.zeros((n, n), space.wide)
    for some in row_blocks(n, tensor_rows(n)):
        K[some, :] = rows.kernel_tensor(some, slice(0, n), "float64")
    ridge, right = space.wide_tensor(alpha / sample_weight), space.wide_tensor(right_sides(Y))
    dtype = space.dtype("float32") if in_two_precisions else space.wide
    # A copy in float32, or the kernel itself, which nothing else needs then.
    system = space.xp.astype(K, dtype, copy=in_two_precisions)
    factor = space.cholesky(space.with_diagonal(system, space.xp.astype(ridge, dtype), in_place=True))
    if factor is None:
        return None
    solved = _solved(space, factor, right)
    if in_two_precisions:
        solved = _corrected(space, factor, K, ridge, right, solved)
        if solved is None:
            return None
    start = n - n_held
    unit = space.xp.eye(n_held, dtype=dtype, device=space.device)
    held_root = np.asfortranarray(on_host(space.solve_lower(factor[start:, start:], unit)))
    return with_intercept(wide_on_host(solved), held_root, alpha)


def _solved(space: ArraySpace, factor: Tensor, right: Tensor) -> Tensor:
    """Solutions in the precision of the factor, as numbers of the highest precision."""
    return space.xp.astype(space.solve_factored(factor, space.xp.astype(right, factor.dtype)), space.wide)


def _corrected(
    space: ArraySpace, factor: Tensor, K: Tensor, ridge: Tensor, right: Tensor, solved: Tensor
) -> Tensor | None:
    """Solutions of float64 from those of a float32 factor."""

    def lengths(vectors: Tensor) -> Array:
        return np.sqrt(wide_on_host(space.xp.sum(vectors * vectors, axis=0)))

    def correction(solved: Tensor) -> tuple[float, Callable[[], Tensor]]:
        step = _solved(space, factor, right - K @ solved - ridge[:, None] * solved)
        whole = lengths(solved)
        return float(np.max(lengths(step) / np.where(whole > 0.0, whole, 1.0))), lambda: solved + step

    return refined(solved, correction, FIRST_SHARE, LAST_SHARE, MOST_PASSES)
