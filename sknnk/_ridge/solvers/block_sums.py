"""What blocks of rows add up to, and what is solved inside them once the sums over all blocks are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..._compute import Array, Floats, cholesky_in_place, over_threads, row_blocks, solve_factored
from .block_system import BlockSystem, EliminatedBlock
from .tensor_blocks import TensorSystem

# Blocks whose sums are added up together. It is fixed, so that sums do not depend on the number of threads.
_TOGETHER = 4


@dataclass(frozen=True, eq=False)
class BlockSums:
    """What blocks add up to: products of whitened columns with each other and with whitened targets.

    Parameters
    ----------
    gram : ndarray of shape (1 + n_landmarks, 1 + n_landmarks)
        Of ones and the shared columns.
    cross : ndarray of shape (1 + n_landmarks, n_targets)
        Of these and the targets.

    Examples
    --------
    >>> sums = BlockSums(np.eye(2), np.ones((2, 1))) + BlockSums(np.eye(2), np.ones((2, 1)))
    >>> sums.gram.trace(), sums.cross.ravel()
    (np.float64(4.0), array([2., 2.]))
    """

    gram: Array
    cross: Array

    def __add__(self, other: Self) -> "BlockSums":
        return BlockSums(self.gram + other.gram, self.cross + other.cross)

    def solved(self, threads: int) -> tuple[Array, Floats] | None:
        """Coefficients of ones and shared columns, and the factor that gave them; None where it does not exist."""
        factor = np.array(self.gram, order="F")
        factor[np.diag_indices(len(factor))] += np.concatenate([[0.0], np.ones(len(factor) - 1)])
        return (solve_factored(factor, self.cross), factor) if cholesky_in_place(factor, threads) else None


class InsideBlocks(NamedTuple):
    """What is known of some blocks at the end of a fit.

    Parameters
    ----------
    local : ndarray of shape (n_rows, n_targets)
        Coefficients of the kernel inside the blocks.
    overlap : ndarray of shape (n_blocks, n_landmarks, n_targets)
        Their products with the shared columns of each block.
    own : ndarray of shape (n_held,)
        Diagonal of the inverse of the blocks, for the held rows.
    ends : ndarray of shape (n_held, 1 + n_landmarks)
        Products of that inverse with ones and shared columns, for the held rows.
    """

    local: Array
    overlap: Array
    own: Array
    ends: Array


@dataclass(frozen=True, eq=False)
class EliminatedBlocks:
    """Some blocks of a table, wherever they are: what they add to the sums over all blocks, and what stays with them.

    Parameters
    ----------
    system : BlockSystem or TensorSystem
        The blocks.
    sums : BlockSums
        Over them.
    parts : list of EliminatedBlock
        What each keeps.
    """

    system: BlockSystem | TensorSystem
    sums: BlockSums
    parts: list[EliminatedBlock]

    @classmethod
    def of(cls, system: BlockSystem | TensorSystem, threads: int) -> Self | None:
        """Eliminate the rows of each block; None if one is not positive definite."""
        found = system.summed() if isinstance(system, TensorSystem) else _summed(system, threads)
        return None if found is None else cls(system, BlockSums(*found[:2]), found[2])

    def inside(self, shared: Array, threads: int) -> InsideBlocks:
        """Solve inside the blocks, with the coefficients of ones and shared columns."""
        if isinstance(self.system, TensorSystem):
            local, overlap = self.system.coefficients(self.parts, shared)
        else:
            arguments = [(block, part.kept, shared) for block, part in enumerate(self.parts)]
            found, products = zip(*over_threads(self.system.local, arguments, threads), strict=True)
            local, overlap = np.concatenate(found), np.stack(products)
        own = np.concatenate([np.sum(part.root**2, axis=0) for part in self.parts])
        return InsideBlocks(local, overlap, own, np.concatenate([part.ends for part in self.parts]))


def _summed(system: BlockSystem, threads: int) -> tuple[Array, Array, list[EliminatedBlock]] | None:
    """Sums over all blocks, and what each block keeps of its elimination."""
    n_shared, parts = system.rows.n_landmarks + 1, []
    gram, cross = np.zeros((n_shared, n_shared)), np.zeros((n_shared, system.Y.shape[1]))
    for some in row_blocks(len(system.rows.blocks), _TOGETHER):
        found = over_threads(system.eliminated, [(block,) for block in range(some.start, some.stop)], threads)
        for part in found:
            if part is None:
                return None
            gram += part.gram
            cross += part.cross
            parts.append(EliminatedBlock(np.empty(0), np.empty(0), part.root, part.ends, part.kept))
    return gram, cross, parts


def held_positions(sizes: Sequence[int], n_held: Sequence[int]) -> NDArray[np.intp]:
    """Positions of the held rows among all rows.

    Parameters
    ----------
    sizes, n_held : sequence of int
        Number of rows of each block, and of held rows at its end.

    Returns
    -------
    ndarray of shape (sum of n_held,)
        Increasing.

    Examples
    --------
    >>> held_positions([3, 2], [1, 2])
    array([2, 3, 4])
    """
    stops = np.cumsum(sizes)
    return np.concatenate([np.arange(stop - n, stop) for stop, n in zip(stops, n_held, strict=True)])
