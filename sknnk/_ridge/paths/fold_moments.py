"""Moments of the training and test sets of any splits, each row accumulated once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..._compute import Indices
from ..moments import Moments


@dataclass(frozen=True, eq=False)
class Partition:
    """Consecutive splits, and the rows grouped by what these splits do with them.

    Parameters
    ----------
    first : int
        Position of the first of these splits.
    atoms : list of ndarray
        Disjoint groups of rows that together are all rows. No split tells two rows of a group apart.
    train, test : ndarray of shape (n_splits, n_atoms)
        How often each split has each group in its training and test set; zero or one, unless rows are repeated.
    """

    first: int
    atoms: list[Indices]
    train: Indices
    test: Indices


def partitions(n_samples: int, splits: Sequence[tuple[Indices, Indices]], max_atoms: int) -> list[Partition]:
    """Group rows by their pattern of memberships in training and test sets.

    K folds have K patterns, and splits of a time series have one more than there are splits. Repeated and random splits
    have exponentially many. They are cut into runs of consecutive splits with few patterns each.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    splits : sequence of (train, test)
        Row positions of each split.
    max_atoms : int
        Most patterns in one run, unless a single split has more.

    Returns
    -------
    list of Partition
        The runs, in order.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.array([0, 1]), np.array([2, 3])
    >>> [only] = partitions(4, [(a, b), (b, a)], max_atoms=8)
    >>> [rows.tolist() for rows in only.atoms], only.train.tolist()
    ([[2, 3], [0, 1]], [[0, 1], [1, 0]])
    """
    runs: list[tuple[int, int, Indices]] = []
    for position, (train, test) in enumerate(splits):
        own = _codes(n_samples, train, test)
        if runs:
            first, _, earlier = runs[-1]
            joint = np.unique(earlier * (own.max() + 1) + own, return_inverse=True)[1]
            if joint.max() < max_atoms:
                runs[-1] = (first, position + 1, joint)
                continue
        runs.append((position, position + 1, np.unique(own, return_inverse=True)[1]))
    return [_partition(first, splits[first:stop], pattern) for first, stop, pattern in runs]


def _codes(n_samples: int, train: Indices, test: Indices) -> Indices:
    """One number per row for how often it is in the training and in the test set."""
    in_train, in_test = (np.bincount(rows, minlength=n_samples).astype(np.intp) for rows in (train, test))
    codes: Indices = in_train * (in_test.max() + 1) + in_test
    return codes


def _partition(first: int, splits: Sequence[tuple[Indices, Indices]], pattern: Indices) -> Partition:
    order = np.argsort(pattern, kind="stable")
    atoms = np.split(order, np.flatnonzero(np.diff(pattern[order])) + 1)
    one_of_each = np.array([rows[0] for rows in atoms])
    train, test = (
        np.array([np.bincount(split[side], minlength=pattern.size)[one_of_each] for split in splits]) for side in (0, 1)
    )
    return Partition(first, atoms, train, test)


class FoldMoments:
    """Moments of every training and test set of a partition, as sums and differences.

    Parameters
    ----------
    partition : Partition
        The groups of rows.
    atoms : list of Moments
        The moments of each group.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> F = np.arange(4.0)[:, None]
    >>> a, b = np.array([0, 1]), np.array([2, 3])
    >>> [halves] = partitions(4, [(a, b), (b, a)], max_atoms=8)
    >>> folds = FoldMoments(halves, [Moments.from_block(F[rows], F[rows]) for rows in halves.atoms])
    >>> folds.train(0).mean, folds.test(0).mean, folds.total.mean
    (array([0.5]), array([2.5]), array([1.5]))
    """

    def __init__(self, partition: Partition, atoms: list[Moments]) -> None:
        self._partition, self._atoms = partition, atoms
        self.total = pooled(atoms)

    def leading(self, n_columns: int) -> "FoldMoments":
        """Moments of the first columns alone, of the same sets.

        Parameters
        ----------
        n_columns : int
            Number of columns to keep.

        Returns
        -------
        FoldMoments
            This very object when that is all columns.
        """
        if n_columns == len(self.total.mean):
            return self
        narrow = object.__new__(FoldMoments)
        narrow._partition = self._partition
        narrow._atoms = [atom.leading(n_columns) for atom in self._atoms]
        narrow.total = self.total.leading(n_columns)
        return narrow

    def train(self, split: int) -> Moments:
        """Moments of the training set of a split: a sum, or a difference where that has fewer terms."""
        times = self._partition.train[split]
        if times.max() == 1 and np.count_nonzero(times == 0) < np.count_nonzero(times):
            return self.total - self._sum(1 - times) if np.any(times == 0) else self.total
        return self._sum(times)

    def test(self, split: int) -> Moments:
        """Moments of the test set of a split."""
        return self._sum(self._partition.test[split])

    def rest(self, split: int) -> Moments | None:
        """Moments of the rows outside a training set, None where there are none or a row is repeated in it."""
        times = self._partition.train[split]
        return self._sum(1 - times) if times.max() == 1 and times.min() == 0 else None

    def _sum(self, times: Indices) -> Moments:
        terms = [atom for atom, n in zip(self._atoms, times, strict=True) for _ in range(n)]
        return pooled(terms) if terms else Moments.empty(*self.total.cross.shape)


def pooled(parts: list[Moments]) -> Moments:
    """Moments of the rows of all parts.

    Parameters
    ----------
    parts : list of Moments
        At least one.

    Returns
    -------
    Moments
        The sum of the moments of the parts and of the moments of their means. A single part is returned as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> F = np.arange(4.0)[:, None]
    >>> pooled([Moments.from_block(F[:1], F[:1]), Moments.from_block(F[1:], F[1:])]).gram
    array([[5.]])
    """
    if len(parts) == 1:
        return parts[0]
    means, target_means = (np.stack([getattr(part, name) for part in parts]) for name in ("mean", "target_mean"))
    total = Moments.from_block(means, target_means, np.array([part.weight for part in parts]))
    for part in parts:
        total.gram += part.gram
        total.cross += part.cross
        total.target_square += part.target_square
    total.n_samples = sum(part.n_samples for part in parts)
    return total
