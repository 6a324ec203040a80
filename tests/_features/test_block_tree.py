import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknnk._features.block_tree import balanced_blocks


def points(n, seed=0, n_coordinates=3):
    return np.random.default_rng(seed).normal(size=(n, n_coordinates))


@pytest.mark.parametrize("n", [1, 2, 7, 100, 1001])
@pytest.mark.parametrize("block_size", [1, 10, 333, 2000])
def test_distinct_rows_are_cut_into_blocks_of_nearly_equal_size(n, block_size):
    X = points(n)
    tree, _ = balanced_blocks(X, block_size)
    sizes = np.bincount(tree.block_of(X), minlength=tree.n_blocks)
    assert tree.n_blocks == -(-n // block_size) and sizes.min() >= 1
    assert sizes.max() <= block_size and np.ptp(sizes) <= 0.5 * block_size + 1


def test_rows_of_a_block_are_neighbours():
    X = points(2000, n_coordinates=2)
    tree, blocks = balanced_blocks(X, 100)
    np.testing.assert_array_equal(tree.block_of(X), blocks)
    inside = np.mean([X[blocks == block].var(axis=0).sum() for block in range(20)])
    assert inside < 0.2 * X.var(axis=0).sum()
    by_chance = np.random.default_rng(1).permutation(blocks)
    assert np.mean([X[by_chance == block].var(axis=0).sum() for block in range(20)]) > 0.9 * X.var(axis=0).sum()


def test_one_hot_columns_do_not_make_lopsided_blocks():
    rng = np.random.default_rng(0)
    hot = np.eye(40)[rng.integers(0, 40, 4000)] * 3.0
    X = np.hstack([hot, rng.normal(size=(4000, 2)), rng.random((4000, 1)) < 0.02])
    tree, _ = balanced_blocks(X, 500)
    sizes = np.bincount(tree.block_of(X))
    assert tree.n_blocks <= 12 and sizes.min() > 125


def test_equal_rows_share_a_block_and_what_cannot_be_cut_stays_whole():
    X = np.repeat(points(5), 200, axis=0)
    tree, _ = balanced_blocks(X, 100)
    blocks = tree.block_of(X).reshape(5, 200)
    assert tree.n_blocks == 5 and np.all(blocks == blocks[:, :1]) and len(np.unique(blocks)) == 5
    assert balanced_blocks(np.ones((50, 2)), 10)[0].n_blocks == 1
    assert balanced_blocks(np.empty((4, 0)), 2)[0].n_blocks == 1


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_the_block_of_a_row_depends_on_the_row_alone(batch):
    X, new = points(1000), points(500, seed=1)
    tree, _ = balanced_blocks(X, 50)
    together = tree.block_of(new)
    apart = np.concatenate([tree.block_of(new[i : i + batch]) for i in range(0, 500, batch)])
    assert np.array_equal(together, apart)
    assert tree.block_of(new[:0]).shape == (0,)


@given(
    seed=st.integers(0, 100),
    n=st.integers(1, 300),
    n_values=st.integers(1, 6),
    block_size=st.integers(1, 60),
    scale=st.sampled_from([1e-100, 1.0, 1e100]),
)
@settings(max_examples=60, deadline=None)
def test_rows_with_ties_of_any_scale_are_cut_where_they_differ(seed, n, n_values, block_size, scale):
    X = np.random.default_rng(seed).integers(0, n_values, (n, 2)) * scale
    tree, _ = balanced_blocks(X, block_size)
    blocks = tree.block_of(X)
    assert set(blocks.tolist()) == set(range(tree.n_blocks))
    _, groups = np.unique(X, axis=0, return_inverse=True)
    counts = np.bincount(groups.ravel())
    for block in range(tree.n_blocks):
        inside = np.unique(groups.ravel()[blocks == block])
        # A block has more rows than asked for only if its rows are equal.
        assert np.sum(blocks == block) <= block_size or len(inside) == 1
        assert np.sum(blocks == block) == counts[inside].sum()
