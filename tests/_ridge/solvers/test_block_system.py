import numpy as np
import pytest

from sknnk._features import blocked_kernel
from sknnk._kernels import Kernel, kernel_matrix
from sknnk._ridge.solvers.block_system import BlockSystem

KERNELS = (Kernel("cauchy", "isotropic", np.ones(2)),)
rng = np.random.default_rng(0)
X, Y, WEIGHT = rng.normal(size=(30, 2)), rng.normal(size=(30, 1)), rng.uniform(0.5, 2.0, 30)


def system(alpha=0.1):
    kernel, _ = blocked_kernel(KERNELS, X, n_landmarks=4, block_size=15)
    return BlockSystem(kernel, Y, WEIGHT, alpha, np.float64, 1, [3, 3], True)


@pytest.mark.parametrize("block", [0, 1])
def test_an_eliminated_block_is_what_its_inverse_makes_of_its_columns(block):
    own = system()
    rows, part = own.rows.blocks[block], own.eliminated(block)
    shared = own.rows.shared_columns(rows)
    D = kernel_matrix(KERNELS, own.rows.rows[rows], own.rows.rows[rows]) - shared @ shared.T
    inverse = np.linalg.inv(D + np.diag(0.1 / WEIGHT[rows]))
    G = np.hstack([np.ones((len(D), 1)), shared])
    np.testing.assert_allclose(part.gram, G.T @ inverse @ G, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(part.cross, G.T @ inverse @ Y[rows], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(part.root.T @ part.root, inverse[-3:, -3:], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(part.ends, (inverse @ G)[-3:], rtol=1e-8, atol=1e-10)


def test_a_block_that_is_not_positive_definite_is_told():
    assert system(alpha=-2.0).eliminated(0) is None
