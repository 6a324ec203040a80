"""Blocks of rows with landmarks, eliminated one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..._compute import Array, Floats, call_blas, cholesky_in_place, invert_in_place


class BlockedRows(Protocol):
    """Rows in blocks, whose kernel values can be computed."""

    @property
    def blocks(self) -> list[slice]:
        """Positions of the rows of each block."""

    @property
    def n_landmarks(self) -> int:
        """Number of columns that all blocks share."""

    def shared_columns(self, rows: slice) -> Array:
        """Columns of some rows whose products are the kernel between blocks, in Fortran order and new memory."""

    def among(self, rows: slice, dtype: type[np.floating], threads: int) -> Floats:
        """Lower triangle of the kernel among the rows of a block, in Fortran order and new memory."""


@dataclass(frozen=True, eq=False)
class EliminatedBlock:
    """A block after elimination: with ``D = C C'``, the columns of ones, shared columns and targets become ``C^-1 G``.

    `root` is the end of ``C^-1``, so that ``root' root`` is the block of ``D^-1`` for the held rows; `ends` are the
    rows of ``D^-1 G`` for them.
    """

    gram: Array
    cross: Array
    root: Array
    ends: Array
    kept: tuple[Any, Any] | None


@dataclass(frozen=True, eq=False)
class BlockSystem:
    """What all blocks share."""

    rows: BlockedRows
    Y: Array
    sample_weight: Array
    alpha: float
    dtype: type[np.floating]
    threads: int
    held: Sequence[int]
    keeps: bool

    def eliminated(self, block: int) -> EliminatedBlock | None:
        """The block as sums that can be added to those of others; None if it is not positive definite."""
        factored = self.factored(block)
        if factored is None:
            return None
        factor, whitened = factored
        n_shared, n_held = self.rows.n_landmarks + 1, self.held[block]
        wide = whitened.astype(np.float64, copy=False)
        left = wide[:, :n_shared]
        root = np.triu(factor[len(factor) - n_held :, len(factor) - n_held :].T).T.astype(np.float64, order="F")
        invert_in_place(root)
        ends = root.T @ left[len(left) - n_held :]
        kept = (factor, whitened) if self.keeps else None
        return EliminatedBlock(left.T @ left, left.T @ wide[:, n_shared:], root, ends, kept)

    def factored(self, block: int) -> tuple[Floats, Floats] | None:
        """Cholesky factor of the block, and whitened columns: ones, shared columns and targets."""
        rows = self.rows.blocks[block]
        shared = self.rows.shared_columns(rows)
        D = self.rows.among(rows, self.dtype, self.threads)
        right = np.empty((len(D), 1 + shared.shape[1] + self.Y.shape[1]), dtype=self.dtype, order="F")
        right[:, 0] = 1.0
        right[:, 1 : 1 + shared.shape[1]] = shared
        right[:, 1 + shared.shape[1] :] = self.Y[rows]
        if shared.shape[1]:
            low = right[:, 1 : 1 + shared.shape[1]]
            call_blas("syrk", b"L", b"N", *low.shape, -1.0, low, 1.0, D)
        D[np.diag_indices(len(D))] += self.alpha / self.sample_weight[rows]
        if not cholesky_in_place(D, self.threads):
            return None
        call_blas("trsm", b"L", b"L", b"N", b"N", *right.shape, 1.0, D, right)
        return D, right

    def local(self, block: int, known: tuple[Floats, Floats] | None, shared: Array) -> tuple[Array, Array]:
        """Coefficients of the rows of a block, given those of ones and shared columns, and what these explain of it."""
        factor, whitened = known or self._factored_again(block)
        columns = whitened[:, : len(shared)].astype(np.float64)
        left = whitened[:, len(shared) :].astype(np.float64) - columns @ shared
        right = np.asfortranarray(left.astype(factor.dtype))
        call_blas("trsm", b"L", b"L", b"T", b"N", *right.shape, 1.0, factor, right)
        return right.astype(np.float64), columns[:, 1:].T @ left

    def _factored_again(self, block: int) -> tuple[Floats, Floats]:
        factored = self.factored(block)
        assert factored is not None
        return factored
