"""Blocks of rows with landmarks, eliminated on a device: many blocks of similar size at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..._compute import (
    Array,
    ArraySpace,
    Indices,
    Tensor,
    on_host,
    stacked_rows,
    stacks_of,
    unstacked,
    wide_on_host,
)
from .block_system import EliminatedBlock


@runtime_checkable
class TensorBlocks(Protocol):
    """Rows in blocks on a device, whose kernel values can be computed for stacks of blocks."""

    space: ArraySpace

    @property
    def blocks(self) -> list[slice]:
        """Positions of the rows of each block."""

    @property
    def n_landmarks(self) -> int:
        """Number of columns that all blocks share."""

    def shared_tensor(self, positions: Tensor) -> Tensor:
        """Columns of rows whose products are the kernel between blocks, in the highest precision.

        Of shape (n_blocks, n_rows, n_landmarks), for positions of shape (n_blocks, n_rows).
        """

    def among_tensor(self, positions: Tensor, precision: str) -> Tensor:
        """The kernel among the rows of each block, of shape (n_blocks, n_rows, n_rows), in new memory."""


@dataclass(frozen=True, eq=False)
class TensorSystem:
    """What all blocks share, as `BlockSystem` of NumPy. A stack of blocks stays on the device until it is eliminated.

    Shorter blocks of a stack begin with rows that change nothing: they have no kernel with others, and no columns.
    """

    rows: TensorBlocks
    Y: Array
    sample_weight: Array
    alpha: float
    precision: str
    held: Sequence[int]
    keeps: bool

    @cached_property
    def _stacks(self) -> list[Indices]:
        return stacks_of((self._ends[1] - self._ends[0]) ** 2)

    @cached_property
    def _ends(self) -> tuple[Indices, Indices]:
        starts, stops = zip(*((each.start, each.stop) for each in self.rows.blocks), strict=True)
        return np.array(starts, dtype=np.intp), np.array(stops, dtype=np.intp)

    def _positions(self, stack: Indices) -> tuple[Indices, Any]:
        return stacked_rows(*(ends[stack] for ends in self._ends))

    def summed(self) -> tuple[Array, Array, list[EliminatedBlock]] | None:
        """Sums over all blocks, and what each of them keeps; None if one is not positive definite.

        What a block keeps is that of its stack.
        """
        space, n_shared, parts = self.rows.space, self.rows.n_landmarks + 1, {}
        total: Any = 0.0
        for stack in self._stacks:
            factored = self._factored(stack)
            if factored is None:
                return None
            factor, whitened = factored
            wide = space.xp.astype(whitened, space.wide, copy=False)
            flat = space.xp.reshape(wide, (-1, wide.shape[2]))
            total = flat[:, :n_shared].T @ flat + total
            roots, ends = self._held(factor, wide[:, :, :n_shared], max(self.held[block] for block in stack))
            kept = factored if self.keeps else None
            for block, root, end in zip(stack.tolist(), roots, ends, strict=True):
                first = len(root) - self.held[block]
                own = (root[first:, first:], end[first:])
                parts[block] = EliminatedBlock(np.empty(0), np.empty(0), *own, kept)
        sums = wide_on_host(total)
        return sums[:, :n_shared], sums[:, n_shared:], [parts[block] for block in range(len(parts))]

    def _held(self, factor: Tensor, left: Tensor, n_held: int) -> tuple[Array, Array]:
        """Ends of the inverse factors, and the last rows of ``D^-1 G``, for as many rows of each block."""
        space, start = self.rows.space, factor.shape[1] - n_held
        unit = space.xp.eye(n_held, dtype=factor.dtype, device=space.device)
        units = space.xp.broadcast_to(unit, (factor.shape[0], n_held, n_held))
        root = space.xp.astype(space.solve_lower(factor[:, start:, start:], units), space.wide)
        return wide_on_host(root), wide_on_host(space.xp.matrix_transpose(root) @ left[:, start:, :])

    def _factored(self, stack: Indices) -> tuple[Tensor, Tensor] | None:
        """Cholesky factors of the blocks of a stack, and whitened columns: ones, shared columns and targets."""
        space, xp = self.rows.space, self.rows.space.xp
        positions, is_own = self._positions(stack)
        places, own = space.tensor(positions), None if is_own.all() else space.wide_tensor(is_own)[:, :, None]
        D = self.rows.among_tensor(places, self.precision)
        shared = self.rows.shared_tensor(places)
        ones = xp.ones((*places.shape, 1), dtype=space.wide, device=space.device)
        right = xp.concat([ones, shared, space.wide_tensor(self.Y[positions])], axis=2)
        right = xp.astype(right if own is None else right * own, D.dtype, copy=False)
        low = right[:, :, 1 : 1 + self.rows.n_landmarks]
        if own is not None:
            own = xp.astype(own, D.dtype)
            D *= own
            D *= xp.matrix_transpose(own)
        D -= low @ xp.matrix_transpose(low)
        ridge = space.tensor(np.where(is_own, self.alpha / self.sample_weight[positions], 1.0), D.dtype)
        factor = space.cholesky(space.with_diagonal(D, ridge, in_place=True))
        return None if factor is None else (factor, space.solve_lower(factor, right))

    def coefficients(self, parts: Sequence[EliminatedBlock], shared: Array) -> tuple[Array, Array]:
        """Coefficients of all rows, given those of ones and shared columns, and what these explain of each block.

        Parameters
        ----------
        parts : sequence of EliminatedBlock
            From `summed`.
        shared : ndarray of shape (n_landmarks + 1, n_targets)
            The coefficients.

        Returns
        -------
        local : ndarray of shape (n_rows, n_targets)
            Of the kernel inside the blocks.
        overlap : ndarray of shape (n_blocks, n_landmarks, n_targets)
            Products of the shared columns of each block and the coefficients.
        """
        space, xp, n_shared, found = self.rows.space, self.rows.space.xp, len(shared), []
        overlap, known = np.empty((len(parts), n_shared - 1, shared.shape[1])), space.wide_tensor(shared)
        for stack in self._stacks:
            factored = parts[stack[0]].kept or self._factored(stack)
            assert factored is not None
            factor, whitened = factored
            wide = xp.astype(whitened, space.wide, copy=False)
            columns = wide[:, :, :n_shared]
            left = wide[:, :, n_shared:] - columns @ known
            right = space.solve_lower(factor, xp.astype(left, factor.dtype), transposed=True)
            found.append((*self._positions(stack), np.asarray(on_host(right), dtype=np.float64)))
            overlap[stack] = wide_on_host(xp.matrix_transpose(columns[:, :, 1:]) @ left)
        return unstacked(found, len(self.Y)), overlap
