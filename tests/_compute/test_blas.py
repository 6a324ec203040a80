import sys
import threading
import time

import numpy as np
import pytest

from sknnk._compute.blas import call_blas, lapack
from sknnk._compute.threads import one_blas_thread

DTYPES = [np.float64, np.float32]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 7, 150])
def test_lapack_works_on_the_lower_triangle_and_leaves_the_upper_one(n, dtype):
    rows = np.random.default_rng(0).normal(size=(n, n))
    given = np.asfortranarray(rows @ rows.T + n * np.eye(n), dtype=dtype)
    A, above, precision = given.copy(order="F"), np.triu_indices(n, 1), 20 * n * np.finfo(dtype).eps
    assert lapack("potrf", b"L", n, A) == 0
    factor = np.tril(A)
    np.testing.assert_allclose(factor, np.linalg.cholesky(given.astype(np.float64)), rtol=0, atol=precision)
    assert lapack("trtri", b"L", b"N", n, A) == 0
    np.testing.assert_allclose(np.tril(A) @ factor, np.eye(n), rtol=0, atol=precision)
    assert np.array_equal(A[above], given[above])


@pytest.mark.parametrize("dtype", DTYPES)
def test_lapack_says_which_minor_is_not_positive_definite(dtype):
    assert lapack("potrf", b"L", 3, np.asfortranarray(np.diag([1.0, 2.0, -1.0]), dtype=dtype)) == 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_part_of_a_matrix_is_worked_on_in_place_and_the_rest_is_left(dtype):
    rng = np.random.default_rng(0)
    whole = np.asfortranarray(rng.normal(size=(9, 8)), dtype=dtype)
    before, A, B = whole.copy(), whole[2:5, 1:3], whole[5:9, 3:5]
    C = whole[2:5, 4:8]
    expected = 0.5 * C - 2.0 * A @ B.T
    call_blas("gemm", b"N", b"T", 3, 4, 2, -2.0, A, B, 0.5, C)
    np.testing.assert_allclose(C, expected, rtol=0, atol=20 * np.finfo(dtype).eps)
    changed = np.zeros(whole.shape, dtype=bool)
    changed[2:5, 4:8] = True
    assert np.array_equal(whole[~changed], before[~changed]) and not np.any(whole[changed] == before[changed])


def test_a_single_column_needs_no_order():
    L = np.asfortranarray(np.tril(np.ones((4, 4))))
    for column in (np.ones((4, 1)), np.asfortranarray(np.ones((4, 1))), np.ones((4, 3), order="F")[:, 1:2]):
        call_blas("trsm", b"L", b"L", b"N", b"N", 4, 1, 1.0, L, column)
        assert column.ravel().tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("second", [np.ones((2, 3)), np.ones((2, 3), dtype=np.float32, order="F")])
def test_a_matrix_in_c_order_or_of_another_dtype_is_not_taken_for_another_one(second):
    first, product = np.ones((2, 3), order="F"), np.zeros((2, 2), order="F")
    with pytest.raises(ValueError, match=r"shape \(2, 3\) must be in Fortran order and float64.*got float"):
        call_blas("gemm", b"N", b"T", 2, 2, 3, 1.0, first, second, 0.0, product)
    assert not np.any(product)


def test_other_threads_run_while_a_matrix_is_factored():
    A, done = np.asfortranarray(np.eye(2000) + 1.0), threading.Event()
    turns = []

    def count():
        while not done.is_set():
            turns.append(time.perf_counter())

    interval = sys.getswitchinterval()
    counter = threading.Thread(target=count)
    with one_blas_thread():
        counter.start()
        try:
            sys.setswitchinterval(1e-4)
            begin = time.perf_counter()
            lapack("potrf", b"L", len(A), A)
            end = time.perf_counter()
        finally:
            sys.setswitchinterval(interval)
            done.set()
            counter.join()
    # Had the lock been held, no turn would be in the middle of the call.
    middle = [turn for turn in turns if begin + 0.2 * (end - begin) < turn < begin + 0.8 * (end - begin)]
    assert len(middle) > 10
