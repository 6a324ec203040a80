import numpy as np
import pytest
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_triangular

from sknnk._compute import tiled_cholesky
from sknnk._compute.tiled_cholesky import cholesky_in_place, invert_in_place, solve_factored

DTYPES = [np.float64, np.float32]


def positive_definite(n, dtype=np.float64, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, n))
    return np.asfortranarray(rows @ rows.T / n + np.eye(n), dtype=dtype)


@pytest.fixture
def narrow(monkeypatch):
    """Small matrices are cut into many tiles."""
    for name, value in {"_MANY_ROWS": 0, "_PANEL": 7, "_NARROW": 2, "_WIDE": 9, "_INVERTED": 5, "_SOLVED": 6}.items():
        monkeypatch.setattr(tiled_cholesky, name, value)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 6, 7, 8, 40, 77])
def test_the_factor_is_that_of_numpy_and_the_upper_triangle_is_left(narrow, n, threads, dtype):
    A = positive_definite(n, dtype)
    factor, above = A.copy(order="F"), np.triu_indices(n, 1)
    factor[above] = np.nan
    assert cholesky_in_place(factor, threads)
    expected = np.linalg.cholesky(A.astype(np.float64))
    np.testing.assert_allclose(np.tril(factor), expected, rtol=0, atol=40 * np.finfo(dtype).eps)
    assert np.all(np.isnan(factor[above]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tiles_as_large_as_they_are_give_the_factor_of_lapack_whatever_the_threads(dtype, monkeypatch):
    A = positive_definite(2100, dtype)
    one, two, whole = (A.copy(order="F") for _ in range(3))
    assert cholesky_in_place(one) and cholesky_in_place(two, 2)
    assert np.array_equal(np.tril(one), np.tril(two))
    monkeypatch.setattr(tiled_cholesky, "_MANY_ROWS", 2101)
    assert cholesky_in_place(whole)
    np.testing.assert_allclose(np.tril(two), np.tril(whole), rtol=0, atol=100 * np.finfo(dtype).eps)
    assert not np.array_equal(np.tril(two), np.tril(whole))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("place", [0, 6, 7, 29])
def test_a_matrix_that_is_not_positive_definite_is_found_in_any_panel(narrow, place, threads):
    A = positive_definite(30)
    A[place, place] = -1.0
    assert not cholesky_in_place(A, threads)


def test_blas_has_one_thread_while_a_matrix_is_factored(narrow, monkeypatch):
    seen, lapack = set(), tiled_cholesky.lapack

    def noted(*arguments):
        seen.update(each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas")
        return lapack(*arguments)

    monkeypatch.setattr(tiled_cholesky, "lapack", noted)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        cholesky_in_place(positive_definite(30), 2)
    assert seen == {1}


def test_threads_of_blas_are_as_before(narrow):
    before = [each["num_threads"] for each in threadpoolctl.threadpool_info()]
    cholesky_in_place(positive_definite(30), 2)
    assert [each["num_threads"] for each in threadpoolctl.threadpool_info()] == before


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 5, 6, 23])
def test_the_inverse_is_that_of_the_lower_triangle_and_the_upper_one_is_left(narrow, n, dtype):
    L = np.asfortranarray(np.linalg.cholesky(positive_definite(n)), dtype=dtype)
    inverse, above = L.copy(order="F"), np.triu_indices(n, 1)
    inverse[above] = np.nan
    invert_in_place(inverse)
    np.testing.assert_allclose(np.tril(inverse) @ L, np.eye(n), rtol=0, atol=40 * np.finfo(dtype).eps)
    assert np.all(np.isnan(inverse[above]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("n", [1, 6, 7, 31])
def test_the_solution_is_that_of_two_triangular_systems(narrow, n, n_targets, dtype):
    L = np.asfortranarray(np.linalg.cholesky(positive_definite(n)), dtype=dtype)
    right = np.random.default_rng(1).normal(size=(n, n_targets))
    given_right, exact = right.copy(), L.astype(np.float64)
    L[np.triu_indices(n, 1)] = np.nan
    found = solve_factored(L, right)
    expected = solve_triangular(exact, solve_triangular(exact, right, lower=True), lower=True, trans=1)
    assert found.dtype == np.float64 and np.array_equal(right, given_right)
    np.testing.assert_allclose(found, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 60), threads=st.integers(1, 4), exponent=st.sampled_from([-150, -10, 0, 10, 150]))
def test_any_size_and_scale_is_factored_inverted_and_solved(n, threads, exponent):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"_MANY_ROWS": 5, "_PANEL": 8, "_NARROW": 3, "_WIDE": 6, "_INVERTED": 4}.items():
            patch.setattr(tiled_cholesky, name, value)
        A = positive_definite(n)
        unit = 10.0**exponent
        factor = np.asfortranarray(unit * A)
        assert cholesky_in_place(factor, threads)
        inverse = np.asfortranarray(np.tril(factor))
        solved = solve_factored(inverse, unit * A)
        invert_in_place(inverse)
    np.testing.assert_allclose(solved, np.eye(n), rtol=0, atol=1e-12)
    np.testing.assert_allclose(inverse @ np.tril(factor), np.eye(n), rtol=0, atol=1e-12)
