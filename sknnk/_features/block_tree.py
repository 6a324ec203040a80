"""Rows cut into blocks of neighbours of nearly equal size, by halving along directions of large spread."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._compute import Array, Indices

# Rows that a direction is found from.
_SPREAD_ROWS = 20_000
# A cut is taken if it leaves at least this share of the smaller part that was wanted; else other directions are tried.
_BALANCED = 0.5


@dataclass(frozen=True, eq=False)
class BlockTree:
    """Which block a row belongs to: a path of cuts, each at a threshold along a direction.

    Parameters
    ----------
    directions : ndarray of shape (n_cuts, n_coordinates)
        Of each cut.
    thresholds : ndarray of shape (n_cuts,)
        A row up to the threshold takes the first child.
    children : ndarray of shape (n_cuts, 2)
        The next cut, or ``~block``.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._features.block_tree import balanced_blocks
    >>> tree, blocks = balanced_blocks(np.arange(8.0)[:, None], block_size=3)
    >>> tree.n_blocks, np.bincount(blocks).tolist(), tree.block_of(np.array([[-1.0], [9.0]])).tolist()
    (3, [2, 3, 3], [0, 2])
    """

    directions: Array
    thresholds: Array
    children: Indices

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.thresholds) + 1

    def block_of(self, points: Array) -> Indices:
        """Block of each row.

        Parameters
        ----------
        points : ndarray of shape (n_rows, n_coordinates)
            Rows in the coordinates of the tree.

        Returns
        -------
        ndarray of shape (n_rows,)
            From zero on. It depends on the row alone, not on the rows beside it.
        """
        blocks = np.zeros(len(points), dtype=np.intp)
        waiting = [(0, points, np.arange(len(points)))] if len(self.thresholds) else []
        while waiting:
            cut, some, rows = waiting.pop()
            is_second = _along(some, self.directions[cut]) > self.thresholds[cut]
            for child, side in zip(self.children[cut], (~is_second, is_second), strict=True):
                part = rows[side]
                if child < 0:
                    blocks[part] = ~child
                elif len(part):
                    waiting.append((child, some[side], part))
        return blocks


def balanced_blocks(points: Array, block_size: int) -> tuple[BlockTree, Indices]:
    """Cut rows into as few blocks as have at most about a given number of rows.

    Each cut is along the first principal axis of its rows. Equal rows are never cut apart. Where many rows are equal
    along an axis, as those of one-hot columns are, the cut nearest to the middle is taken, or another axis.

    Parameters
    ----------
    points : ndarray of shape (n_rows, n_coordinates)
        Rows, at least one.
    block_size : int
        Rows of a block, at least one. Only a block that cannot be cut without large imbalance has more than twice as
        many.

    Returns
    -------
    tree : BlockTree
        The same for the same rows in the same order, whatever the number of threads.
    blocks : ndarray of shape (n_rows,)
        Block of each row, as the tree tells it.
    """
    directions: list[Array] = []
    thresholds: list[float] = []
    children: list[list[int]] = []
    blocks, n_blocks = np.empty(len(points), dtype=np.intp), 0
    # Rows go along with their positions: to pick them from the whole table at each cut would take most of the time.
    waiting = [(np.ascontiguousarray(points), np.arange(len(points)), -1, 0)]
    while waiting:
        some, rows, parent, side = waiting.pop()
        cut = _cut(some, block_size)
        here = ~n_blocks if cut is None else len(thresholds)
        if parent >= 0:
            children[parent][side] = here
        if cut is None:
            blocks[rows] = n_blocks
            n_blocks += 1
            continue
        direction, threshold, is_second = cut
        directions.append(direction)
        thresholds.append(threshold)
        children.append([0, 0])
        # The first part is on top, so that blocks are numbered from left to right.
        waiting += [(some[part], rows[part], here, child) for part, child in ((is_second, 1), (~is_second, 0))]
    shape = (len(thresholds), points.shape[1])
    tree = BlockTree(
        np.reshape(directions, shape), np.array(thresholds), np.array(children, dtype=np.intp).reshape(-1, 2)
    )
    return tree, blocks


def _cut(points: Array, block_size: int) -> tuple[Array, float, NDArray[np.bool_]] | None:
    """Direction and threshold that cut rows best, and which rows are behind; None where they are one block."""
    n = len(points)
    n_blocks = -(-n // block_size)
    if n_blocks == 1:
        return None
    wanted = round(n * (n_blocks // 2 + n_blocks % 2) / n_blocks)
    best, best_share = None, 0.0
    for direction in _axes(points):
        along = _along(points, direction)
        ordered = np.sort(along)
        place = _nearest_step(ordered, wanted)
        if place is None:
            continue
        share = min(place / wanted, (n - place) / (n - wanted))
        if share > best_share:
            middle = 0.5 * ordered[place - 1] + 0.5 * ordered[place]
            threshold = middle if middle < ordered[place] else ordered[place - 1]
            best, best_share = (direction, float(threshold), along > threshold), share
        if best_share >= _BALANCED:
            break
    return best


def _axes(points: Array) -> Iterator[Array]:
    """Principal axes, that of largest spread first; then the coordinates."""
    if not points.shape[1]:
        return
    some = points[:: -(-len(points) // _SPREAD_ROWS)]
    vectors = np.linalg.eigh(np.cov(some, rowvar=False, ddof=0).reshape(points.shape[1], -1))[1]
    for vector in vectors.T[::-1]:
        yield vector * np.sign(vector[np.argmax(np.abs(vector))])
    yield from np.eye(points.shape[1])


def _along(points: Array, direction: Array) -> Array:
    """Coordinate of each row along a direction, to the last digit the same whatever rows are beside it."""
    return np.einsum("ij,j->i", points, direction)


def _nearest_step(ordered: Array, wanted: int) -> int | None:
    """Position next to the wanted one where increasing numbers become larger; None where all are equal."""
    steps = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1
    if not len(steps):
        return None
    return int(steps[np.argmin(np.abs(steps - wanted))])
