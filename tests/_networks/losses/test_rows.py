import numpy as np
import pytest

from sknnk._features import SymmetricKernel, blocked_kernel, landmark_map
from sknnk._integration import Execution
from sknnk._kernels import Kernel
from sknnk._networks.losses.rows import BlockedRows, ColumnsHere, ExactRows, GivenKernel, SummedRows

KERNELS = (Kernel("gaussian", "isotropic", np.ones(2)),)


def rows(n=40):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    return X, np.column_stack([np.sin(X[:, 0]), X[:, 1] ** 2]), rng.uniform(0.5, 2.0, n)


def every_kind(X):
    ones = np.ones(len(X), dtype=np.int64)
    kernel, order = blocked_kernel(KERNELS, X, n_landmarks=5, block_size=len(X))
    columns = landmark_map(None, KERNELS, X)
    held = np.arange(len(X))
    yield ExactRows(SymmetricKernel(KERNELS, X), len(X), ones, 1), np.arange(len(X))
    yield BlockedRows(kernel, [len(X)], ones, 1), order
    yield SummedRows(ColumnsHere(columns, X, Execution()), held, ones), held


@pytest.mark.parametrize("which", range(3))
def test_every_kind_of_rows_solves_the_same_system(which):
    X, Z, weight = rows()
    expected = ExactRows(GivenKernel(SymmetricKernel(KERNELS, X).matrix(1)), 1, np.ones(1, dtype=np.int64), 1)
    state, alpha = expected.solve(Z, weight, 0.5)
    found, order = list(every_kind(X))[which]
    own, own_alpha = found.solve(Z[order], weight[order], 0.5)
    assert alpha == own_alpha == 0.5
    np.testing.assert_allclose(own.values, state.values[order], atol=1e-4)
    np.testing.assert_allclose(found.outputs(own.coef) + own.intercept, own.values, atol=1e-4)
    np.testing.assert_allclose(found.inner(own, own), expected.inner(state, state), rtol=1e-3)
    assert own.coef.shape == (found.n_coefficients, 2)


@pytest.mark.parametrize("which", range(3))
def test_a_row_that_is_left_out_moves_its_output_by_what_a_fit_without_it_says(which):
    X, Z, weight = rows(20)
    found, order = list(every_kind(X))[which]
    Z, weight, X = Z[order], weight[order], X[order]
    state, _ = found.solve(Z, weight, 0.5)
    left = found.left_out(Z, weight, 0.5)
    without = state.values[left.rows] - left.shift
    kernel = np.exp(-0.5 * ((X[:, None] - X) ** 2).sum(axis=2))
    for row, own in zip(left.rows[:3], without[:3], strict=True):
        others = np.delete(np.arange(len(X)), row)
        rest = ExactRows(GivenKernel(kernel[np.ix_(others, others)]), 1, np.ones(1, dtype=np.int64), 1)
        alone, _ = rest.solve(Z[others], weight[others], 0.5)
        np.testing.assert_allclose(own, kernel[row, others] @ alone.coef + alone.intercept, atol=1e-3)
    assert 0.0 < left.dof < len(X)


def test_a_given_kernel_is_not_overwritten():
    kernel = GivenKernel(np.eye(3))
    kernel.matrix(1)[:] = 5.0
    np.testing.assert_array_equal(kernel.values, np.eye(3))
    np.testing.assert_array_equal(kernel.blocks(1)[0], np.eye(3))
