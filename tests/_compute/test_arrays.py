import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from sknnk._compute import arrays


def random_matrix(n=6):
    A = np.random.default_rng(0).normal(size=(n, n))
    return A @ A.T + np.eye(n)


def test_a_tensor_comes_back_as_it_went_and_shares_no_memory(space):
    values = np.arange(6.0).reshape(2, 3)
    tensor = space.tensor(values)
    values[:] = 0.0
    assert arrays.is_tensor(tensor)
    np.testing.assert_array_equal(arrays.on_host(tensor), np.arange(6.0).reshape(2, 3))
    assert arrays.on_host(space.tensor(values.astype(np.float32))).dtype == np.float32
    assert arrays.wide_on_host(space.tensor(values.astype(np.float32))).dtype == np.float64


def test_a_tensor_tells_where_it_lives(space):
    assert arrays.tensor_space(space.zeros((2,), space.wide)).key == space.key


def test_the_space_of_rows_is_looked_at_with_dispatch_alone(space, request):
    rows = space.zeros((2, 1), space.wide)
    assert arrays.space_of(rows) is None
    request.getfixturevalue("dispatch")
    assert arrays.space_of(rows).key == space.key
    assert arrays.space_of(np.zeros((2, 1))) is None
    assert arrays.space_of([[0.0]]) is None


def test_collections_of_dask_are_refused_with_what_to_use(dispatch):
    dask_array = pytest.importorskip("dask.array")
    with pytest.raises(ValueError, match=r"use sknnk\.dask"):
        arrays.space_of(dask_array.zeros((4, 2)))


def test_cholesky_factors_solve_and_their_absence_is_told(space):
    A, B = random_matrix(), np.arange(12.0).reshape(6, 2)
    factor = space.cholesky(space.tensor(A))
    np.testing.assert_allclose(arrays.on_host(factor), np.linalg.cholesky(A))
    np.testing.assert_allclose(arrays.on_host(space.solve_factored(factor, space.tensor(B))), np.linalg.solve(A, B))
    assert space.cholesky(space.tensor(-A)) is None
    tensor = space.tensor(A)
    np.testing.assert_array_equal(arrays.on_host(space.with_diagonal(tensor, 2.0)), A + 2.0 * np.eye(6))
    np.testing.assert_array_equal(arrays.on_host(tensor), A)


@pytest.mark.parametrize("large", [1024, 4])
def test_stacks_of_matrices_are_factored_and_solved_alike(space, large, monkeypatch):
    monkeypatch.setattr(arrays, "_LARGE_MATRIX", large)
    A, B = np.stack([random_matrix(), np.eye(6)]), np.arange(24.0).reshape(2, 6, 2)
    factor, right = space.cholesky(space.tensor(A)), space.tensor(B)
    np.testing.assert_allclose(arrays.on_host(factor), np.linalg.cholesky(A))
    np.testing.assert_allclose(arrays.on_host(space.solve_factored(factor, right)), np.linalg.solve(A, B))
    assert space.cholesky(space.tensor(A * np.array([1.0, -1.0])[:, None, None])) is None
    diagonal = np.arange(12.0).reshape(2, 6)
    found = space.with_diagonal(space.tensor(A), space.tensor(diagonal), in_place=True)
    np.testing.assert_array_equal(arrays.on_host(found), A + diagonal[:, :, None] * np.eye(6))


def test_interpolation_is_that_of_numpy(space):
    knots, scores = np.array([-1.0, 0.5, 4.0]), np.array([0.0, 3.0, -1.0])
    x = np.array([-3.0, -1.0, 0.0, 0.5, 2.0, 4.0, 9.0])
    found = arrays.interpolated(space, *map(space.tensor, (x, knots, scores, np.diff(scores) / np.diff(knots))))
    np.testing.assert_allclose(arrays.on_host(found), np.interp(x, knots, scores), atol=1e-15)


def test_softmax_is_that_of_scipy(space):
    values = np.random.default_rng(0).normal(size=(5, 3)) * 300.0
    tensor = space.tensor(values)
    np.testing.assert_allclose(arrays.on_host(arrays.softmax(space, tensor)), softmax(values, axis=1), atol=1e-15)
    logarithm = arrays.on_host(arrays.softmax(space, tensor, logarithm=True))
    np.testing.assert_allclose(logarithm, log_softmax(values, axis=1))


def test_blocks_on_a_device_hold_at_least_one_row():
    assert arrays.tensor_rows(10**9) == 1


def test_the_largest_entry_of_nothing_is_zero(space):
    assert arrays.largest_in(space, space.tensor(np.array([[1.0, -3.0]]))) == 3.0
    assert arrays.largest_in(space, space.zeros((0, 2), space.wide)) == 0.0
