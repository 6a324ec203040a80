import pickle

import numpy as np
import pytest

from sknnk._features import BlockMap, blocked_kernel
from sknnk._kernels import Kernel, kernel_matrix

KERNELS = (Kernel("cauchy", "isotropic", np.ones(3)),)


def rows(n=90, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def blocks(n_landmarks=12, block_size=30):
    return blocked_kernel(KERNELS, rows(), n_landmarks, block_size)


def test_rows_are_sorted_by_block_and_the_first_ones_are_landmarks():
    kernel, order = blocks()
    assert np.array_equal(kernel.rows, rows()[order]) and np.array_equal(kernel.landmarks, rows()[:12])
    assert [rows.stop - rows.start for rows in kernel.blocks] == [30, 30, 30]
    for each in kernel.blocks:
        assert np.all(np.diff(order[each]) > 0)


def test_products_of_shared_columns_are_the_kernel_through_the_landmarks():
    kernel, _ = blocks()
    first, last = (kernel.shared_columns(rows) for rows in (kernel.blocks[0], kernel.blocks[2]))
    cross = kernel_matrix(KERNELS, kernel.rows, kernel.landmarks)
    among = kernel_matrix(KERNELS, kernel.landmarks, kernel.landmarks) + 1e-8 * np.eye(12)
    expected = cross[kernel.blocks[0]] @ np.linalg.solve(among, cross[kernel.blocks[2]].T)
    np.testing.assert_allclose(first @ last.T, expected, rtol=1e-8, atol=1e-10)
    coef = rows(12, seed=3)
    np.testing.assert_allclose(cross @ kernel.column_weights(coef), kernel.shared_columns(slice(None)) @ coef)


@pytest.mark.parametrize("n_landmarks", [0, 12])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_are_kernels_with_landmarks_and_what_the_own_block_adds(n_landmarks, dtype):
    kernel, _ = blocks(n_landmarks)
    local, new = rows(seed=1)[:, :2], rows(40, seed=2)
    overlap = np.stack([kernel.shared_columns(each).T @ local[each] for each in kernel.blocks])
    columns = BlockMap.of(None, kernel, local, overlap).columns(new.astype(dtype))
    assert columns.dtype == dtype and columns.shape == (40, n_landmarks + 2)
    near = kernel_matrix(KERNELS, new, kernel.rows)
    shared = kernel_matrix(KERNELS, new, kernel.landmarks)
    low = np.zeros_like(near)
    if n_landmarks:
        weights = kernel.column_weights(kernel.shared_columns(slice(None)).T)
        low = shared @ weights
    own = np.repeat(np.arange(3), 30) == kernel.tree.block_of(new)[:, None]
    expected = np.hstack([shared, np.where(own, near - low, 0.0) @ local])
    np.testing.assert_allclose(columns, expected, rtol=1e-5, atol=1e-6 if dtype == np.float32 else 1e-9)


def test_outputs_are_sums_of_kernels_with_the_landmarks_and_the_own_block():
    kernel, _ = blocks()
    local, new, weights = rows(seed=1)[:, :2], rows(40, seed=2), np.random.default_rng(3).normal(size=(14, 3))
    overlap = np.stack([kernel.shared_columns(each).T @ local[each] for each in kernel.blocks])
    mapped = BlockMap.of(None, kernel, local, overlap)
    sums = np.full((40, 3), np.nan)
    for positions, centres, coef in mapped.kernel_sums(new, weights):
        sums[positions] = kernel_matrix(KERNELS, new[positions], centres) @ coef
    np.testing.assert_allclose(sums, mapped.columns(new) @ weights, rtol=1e-9, atol=1e-10)


def test_a_pickle_leaves_out_what_can_be_computed_anew():
    kernel, _ = blocks()
    mapped = BlockMap.of(None, kernel, rows()[:, :1], np.zeros((3, 12, 1)))
    before = mapped.columns(rows(5))
    text = pickle.dumps(mapped)
    assert len(text) < 8 * (90 * 4 + 12 * 3 + 36) + 4000
    np.testing.assert_allclose(pickle.loads(text).columns(rows(5)), before, rtol=1e-14)
