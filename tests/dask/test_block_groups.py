"""Rows go to their blocks in an order that no partition changes, and what cannot be solved says so."""

import dask
import dask.array as da
import numpy as np
import pytest

from sknnk._features import balanced_blocks
from sknnk._kernels import Kernel
from sknnk._networks import NumericTargets, row_keys
from sknnk.dask._block_groups import BlockJob, BlockPlaces, BlockRows, solved_groups
from sknnk.dask._partitions import aligned_table
from sknnk.dask._table_fit import Coding

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 2)), RNG.normal(size=40)
KERNELS = (Kernel("cauchy", "isotropic", np.ones(2)),)


def job(table, alpha):
    coding = Coding(table.layout, NumericTargets(1, True), np.ones(1))
    places = BlockPlaces(coding, None, KERNELS, balanced_blocks(X, 10)[0], 0)
    return BlockJob(places, X[:5], 10, 1.0, np.zeros(1), alpha, np.float64, False, 1)


def table(chunks):
    return aligned_table(*(da.from_array(each, chunks=(chunks, *each.shape[1:])) for each in (X, Y)))


@pytest.mark.parametrize("n_groups", [1, 3, 4])
@pytest.mark.parametrize("chunks", [40, 7])
def test_every_row_is_once_in_its_block_in_the_order_of_its_key(n_groups, chunks):
    rows, firsts = table(chunks), list(range(0, 40, chunks))
    with dask.config.set(scheduler="synchronous"):
        groups, _ = solved_groups(rows, job(rows, 0.1), firsts, n_groups)
    assert (
        len(groups) == n_groups
        and [len(group.sizes) for group in groups] == {1: [4], 3: [1, 2, 1], 4: [1] * 4}[n_groups]
    )
    together = BlockRows(*map(np.concatenate, zip(*(group.rows for group in groups), strict=True)))
    blocks = balanced_blocks(X, 10)[0].block_of(X)
    order = np.lexsort((-row_keys(0, 0, 40), blocks))
    np.testing.assert_array_equal(together.blocks, blocks[order])
    np.testing.assert_array_equal(together.X, X[order])
    np.testing.assert_array_equal(together.Y[:, 0], Y[order])
    assert all(group.eliminated is None and len(group.inside.local) == group.sizes.sum() for group in groups)


def test_a_system_that_is_not_positive_definite_gives_nothing():
    rows = table(7)
    with dask.config.set(scheduler="synchronous"):
        assert solved_groups(rows, job(rows, -0.5), list(range(0, 40, 7)), 2) is None
