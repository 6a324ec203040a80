import numpy as np
import pytest

from sknnk._ridge.solvers.dual import held_out_residuals, solve_dual
from sknnk._ridge.solvers.tensor_dual import TensorRows, solve_dual_on_tensors

rng = np.random.default_rng(0)
POINTS, Y, WEIGHT = rng.normal(size=(30, 2)), rng.normal(size=(30, 2)), rng.uniform(0.5, 2.0, size=30)
K = np.exp(-0.5 * np.sum((POINTS[:, None] - POINTS) ** 2, axis=2))


class Rows:
    def __init__(self, space, matrix=K):
        self.space, self.n_rows, self._matrix = space, len(matrix), matrix

    def kernel_tensor(self, rows, columns, precision):
        return self.space.tensor(self._matrix[rows, columns].astype(precision))


@pytest.mark.parametrize(("in_two_precisions", "rtol"), [(False, 1e-10), (True, 1e-4)])
def test_solution_and_held_out_residuals_are_those_of_numpy(space, in_two_precisions, rtol):
    assert isinstance(Rows(space), TensorRows)
    found = solve_dual_on_tensors(Rows(space), Y, WEIGHT, 0.1, 10, in_two_precisions)
    expected = solve_dual(K.copy(), Y, WEIGHT, 0.1, 10)
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.intercept, expected.intercept, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(held_out_residuals(found, 5), held_out_residuals(expected, 5), rtol=rtol, atol=rtol)


def test_a_system_that_is_not_positive_definite_is_told(space):
    assert solve_dual_on_tensors(Rows(space, -K), Y, WEIGHT, 0.1) is None


def test_a_factor_too_coarse_to_be_corrected_is_told(space):
    assert solve_dual_on_tensors(Rows(space, np.ones((30, 30))), Y, WEIGHT, 1e-7, in_two_precisions=True) is None
