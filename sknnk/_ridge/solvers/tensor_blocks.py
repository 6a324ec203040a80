"""Blocks of rows with landmarks, eliminated on a device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..._compute import Array, ArraySpace, Tensor, on_host, wide_on_host
from .block_system import EliminatedBlock


@runtime_checkable
class TensorBlocks(Protocol):
    """Rows in blocks on a device, whose kernel values can be computed."""

    space: ArraySpace

    @property
    def blocks(self) -> list[slice]:
        """Positions of the rows of each block."""

    @property
    def n_landmarks(self) -> int:
        """Number of columns that all blocks share."""

    def shared_tensor(self, rows: slice) -> Tensor:
        """Columns of some rows whose products are the kernel between blocks, in the highest precision."""

    def kernel_tensor(self, rows: slice, columns: slice, precision: str) -> Tensor:
        """The kernel of some rows with others, in new memory."""


@dataclass(frozen=True, eq=False)
class TensorSystem:
    """What all blocks share, as `BlockSystem` of NumPy; sums over blocks and the ends of blocks come to the host."""

    rows: TensorBlocks
    Y: Array
    sample_weight: Array
    alpha: float
    precision: str
    held: Sequence[int]
    keeps: bool

    def eliminated(self, block: int) -> EliminatedBlock | None:
        """The block as sums that can be added to those of others; None if it is not positive definite."""
        factored = self.factored(block)
        if factored is None:
            return None
        space, n_shared, n_held = self.rows.space, self.rows.n_landmarks + 1, self.held[block]
        factor, whitened = factored
        wide = space.xp.astype(whitened, space.wide, copy=False)
        left, start = wide[:, :n_shared], factor.shape[0] - n_held
        unit = space.xp.eye(n_held, dtype=factor.dtype, device=space.device)
        root = space.xp.astype(space.solve_lower(factor[start:, start:], unit), space.wide)
        gram, cross = wide_on_host(left.T @ left), wide_on_host(left.T @ wide[:, n_shared:])
        ends = wide_on_host(root.T @ left[start:, :])
        return EliminatedBlock(gram, cross, wide_on_host(root), ends, factored if self.keeps else None)

    def factored(self, block: int) -> tuple[Tensor, Tensor] | None:
        """Cholesky factor of the block, and whitened columns: ones, shared columns and targets."""
        rows, space, xp = self.rows.blocks[block], self.rows.space, self.rows.space.xp
        D = self.rows.kernel_tensor(rows, rows, self.precision)
        shared = self.rows.shared_tensor(rows)
        ones = xp.ones((shared.shape[0], 1), dtype=space.wide, device=space.device)
        right = xp.astype(xp.concat([ones, shared, space.wide_tensor(self.Y[rows])], axis=1), D.dtype, copy=False)
        low = right[:, 1 : 1 + self.rows.n_landmarks]
        ridge = space.tensor(self.alpha / self.sample_weight[rows], D.dtype)
        factor = space.cholesky(space.with_diagonal(D - low @ low.T, ridge))
        return None if factor is None else (factor, space.solve_lower(factor, right))

    def local(self, block: int, known: Any, shared: Array) -> tuple[Array, Array]:
        """Coefficients of the rows of a block, given those of ones and shared columns, and what these explain of it."""
        space, xp = self.rows.space, self.rows.space.xp
        found = self.factored(block) if known is None else known
        assert found is not None
        factor, whitened = found
        wide = xp.astype(whitened, space.wide, copy=False)
        columns = wide[:, : len(shared)]
        left = wide[:, len(shared) :] - columns @ space.wide_tensor(shared)
        right = space.solve_lower(factor, xp.astype(left, factor.dtype), transposed=True)
        return np.asarray(on_host(right), dtype=np.float64), wide_on_host(columns[:, 1:].T @ left)
