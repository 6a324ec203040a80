"""Kernels with rows of a table as columns, and the kernel of all pairs of rows."""

import numpy as np
import pytest
from scipy import sparse

from sknnk._data.inputs import dense_inputs
from sknnk._data.quantiles import fit_quantile_map
from sknnk._features.kernel_map import KernelMap, SymmetricKernel, landmark_map
from sknnk._kernels import Kernel, kernel_matrix

N = 40
SCALES = np.array([1.5, 0.7, 0.1])
KERNELS = (Kernel("gaussian", "isotropic", SCALES), Kernel("cauchy", "coordinatewise", SCALES[::-1].copy()))
TRANSFORMS = ["quantile", None]


def table(dtype=np.float64):
    """Inputs with zeros and a constant column."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3)) * (rng.random((N, 3)) < 0.9)
    X[:, 2] = 0.5
    return X.astype(dtype)


def input_map(X, transform):
    return fit_quantile_map(X.T, np.ones(N)) if transform else None


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_exact_columns_are_kernels_with_the_rows(transform, kind, dtype):
    X = table(dtype)
    fitted = input_map(X, transform)
    inputs = dense_inputs(fitted, X)
    centres = inputs[::-1].astype(float)
    layers = KernelMap(fitted, KERNELS, centres)
    columns = layers.columns(kind(X))
    assert columns.dtype == dtype and columns.shape == (N, layers.n_columns)
    np.testing.assert_allclose(columns, kernel_matrix(KERNELS, inputs, centres), rtol=4.0 * np.finfo(dtype).eps)
    out = np.empty_like(columns)
    assert layers.raw_columns(kind(X), out=out) is out and np.array_equal(out, columns)
    assert np.array_equal(layers.column_scale, np.ones(N))
    assert (layers.samplers, layers.link_scale, layers.n_linked) == ((), None, 0)
    layers.check_range(np.full((1, 3), 1e300))


@pytest.mark.parametrize("n_components", [1, 12, N])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_landmark_columns_are_the_kernel_projected_on_the_landmarks(n_components, dtype):
    X = table(dtype)
    rows = X.astype(float)
    centres = rows[:n_components]
    columns = landmark_map(None, KERNELS, centres).columns(X)
    assert columns.dtype == dtype and columns.shape == (N, n_components)
    K, across = kernel_matrix(KERNELS, centres, centres), kernel_matrix(KERNELS, rows, centres)
    nystrom = across @ np.linalg.solve(K + 1e-8 * K.diagonal().max() * np.eye(n_components), across.T)
    # The jitter bounds the condition number by 40 / 1e-8, and columns in single precision keep six digits.
    np.testing.assert_allclose(
        columns.astype(float) @ columns.T, nystrom, rtol=0, atol=1e-8 if dtype == np.float64 else 1e-5
    )
    if n_components == N:
        np.testing.assert_allclose(columns @ columns.T, kernel_matrix(KERNELS, rows, rows), rtol=0, atol=1e-5)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_fewer_landmarks_are_a_leading_block_of_more(transform):
    X = table()
    fitted = input_map(X, transform)
    centres = dense_inputs(fitted, X)
    few, many = (landmark_map(fitted, KERNELS, centres[:n]).columns(X) for n in (9, 25))
    # The jitter is a share of the diagonal of the kernel, which is constant.
    np.testing.assert_allclose(many[:, :9], few, rtol=0, atol=1e-9)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_kernel_of_all_pairs_is_the_same_in_blocks_and_whole_and_new_each_time(threads):
    X = table()
    rows = SymmetricKernel(KERNELS, X)
    whole = rows.matrix(threads)
    assert whole.flags.f_contiguous and whole.dtype == np.float64 and rows.n_rows == len(whole) == N
    np.testing.assert_allclose(np.tril(whole), np.tril(kernel_matrix(KERNELS, X, X)), rtol=1e-12)
    start = 0
    for block in rows.blocks(threads):
        for i, row in enumerate(block):
            np.testing.assert_allclose(row[i:], whole[start + i :, start + i], rtol=1e-12)
        start += len(block)
    assert start == N and not np.shares_memory(whole, rows.matrix(threads))


def test_landmarks_that_are_equal_are_kept_apart():
    columns = landmark_map(None, KERNELS, np.repeat(table()[:2], 2, axis=0)).columns(table())
    assert columns.shape == (N, 4) and np.all(np.isfinite(columns))
