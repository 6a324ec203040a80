import numpy as np
import pytest
from scipy import sparse

from sknnk._data.quantiles import fit_quantile_map
from sknnk._features.kernel_map import KernelMap, landmark_map
from sknnk._kernels.kernels import Kernel, kernel_matrix

KERNELS = (Kernel("gaussian", "isotropic", np.full(3, 0.5)), Kernel("cauchy", "coordinatewise", np.ones(3), 0.3))
X = np.random.default_rng(0).normal(size=(30, 3))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("transformed", [False, True])
def test_columns_are_kernels_of_transformed_rows_with_the_centres(kind, dtype, transformed):
    input_map = fit_quantile_map(X.T) if transformed else None
    rows = X.astype(dtype)
    inputs = input_map(rows, np.empty_like(rows)).astype(np.float64) if transformed else rows.astype(np.float64)
    exact = KernelMap(input_map, KERNELS, inputs[:7])
    columns = exact.columns(kind(rows))
    assert columns.dtype == dtype and columns.shape == (30, exact.n_columns) == (30, 7)
    np.testing.assert_allclose(
        columns, kernel_matrix(KERNELS, inputs, inputs[:7]), rtol=8.0 * np.finfo(dtype).eps, atol=1e-12
    )


@pytest.mark.parametrize("n_centres", [1, 7, 30])
def test_products_of_landmark_columns_are_the_kernel_projected_on_the_landmarks(n_centres):
    centres = X[:n_centres]
    columns = landmark_map(None, KERNELS, centres).columns(X)
    between, among = kernel_matrix(KERNELS, X, centres), kernel_matrix(KERNELS, centres, centres)
    np.testing.assert_allclose(columns @ columns.T, between @ np.linalg.solve(among, between.T), atol=1e-6)


def test_landmarks_that_are_equal_are_kept_apart():
    columns = landmark_map(None, KERNELS, np.repeat(X[:2], 2, axis=0)).columns(X)
    assert columns.shape == (30, 4) and np.all(np.isfinite(columns))
