import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sknnk import URFSampler
from sknnk._kernels import (
    Centres,
    Kernel,
    fill_kernel_matrix,
    kernel_matrix,
    squared_gradients,
    symmetric_kernel_blocks,
    symmetric_kernel_matrix,
)
from sknnk._kernels import values as values_module
from sknnk._kernels.values import squared_distances

SCALES = np.array([1.3, 0.4, 0.8])
PROFILES = {
    "gaussian": lambda r: np.exp(-0.5 * r**2),
    "cauchy": lambda r: np.exp(-r),
    "laplace": lambda r: 1.0 / (1.0 + r**2),
    "sech": lambda r: 1.0 / np.cosh(r),
}
COUPLINGS = ["isotropic", "coordinatewise"]
MIXTURE = (
    Kernel("cauchy", "coordinatewise", SCALES, 0.5),
    Kernel("gaussian", "isotropic", SCALES[::-1].copy(), 0.25),
)


def rows(n, seed=0, n_features=3):
    return np.random.default_rng(seed).normal(size=(n, n_features))


@pytest.mark.parametrize("activation", PROFILES)
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_the_kernel_is_the_profile_of_the_distance_or_a_product_over_columns(activation, coupling):
    A, B = rows(7), rows(5, seed=1)
    differences = np.abs(A[:, None] - B[None]) * SCALES
    if coupling == "isotropic":
        expected = PROFILES[activation](np.sqrt(np.sum(differences**2, axis=-1)))
    else:
        expected = np.prod(PROFILES[activation](differences), axis=-1)
    found = kernel_matrix([Kernel(activation, coupling, SCALES, 3.0)], A, B)
    np.testing.assert_allclose(found, 3.0 * expected, rtol=1e-12)


@pytest.mark.parametrize("activation", ["cauchy", "gaussian", "tanh"])
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_the_kernel_is_what_products_of_random_features_converge_to(activation, coupling):
    X, n = rows(6), 2**14
    sampler = URFSampler(
        activation, n_components=n, length_scale=1.0 / SCALES, directions="gaussian", frequencies=coupling
    )
    features = sampler.set_params(random_state=0).fit_transform(X)
    expected = kernel_matrix([Kernel(activation, coupling, SCALES)], X, X)
    # A product of n features, each bounded by 2 / n, has a standard deviation of at most 1 / sqrt(n); five of them.
    assert np.max(np.abs(features @ features.T - expected)) < 5.0 / np.sqrt(n)
    assert np.ptp(expected) > 0.3


def test_a_sum_of_kernels_is_the_sum_of_their_values_whatever_the_blocks(monkeypatch):
    A, B = rows(100), rows(20, seed=1)
    expected = kernel_matrix(MIXTURE[:1], A, B) + kernel_matrix(MIXTURE[1:], A, B)
    np.testing.assert_allclose(kernel_matrix(MIXTURE, A, B), expected, rtol=1e-14)
    monkeypatch.setattr(values_module, "_BLOCK_ENTRIES", 400)
    np.testing.assert_allclose(kernel_matrix(MIXTURE, A, B), expected, rtol=1e-14)
    single = np.empty((100, 20), dtype=np.float32)
    fill_kernel_matrix(MIXTURE, A, B, single)
    np.testing.assert_allclose(single, expected, rtol=1e-7, atol=6e-8)


def test_the_symmetric_triangle_is_that_of_the_whole_matrix_and_threads_do_not_matter(monkeypatch):
    monkeypatch.setattr(values_module, "_BLOCK_ENTRIES", 2000)
    A = rows(90)
    expected = kernel_matrix(MIXTURE, A, A)
    one, three = (symmetric_kernel_matrix(MIXTURE, A, threads) for threads in (1, 3))
    np.testing.assert_allclose(np.tril(one), np.tril(expected), rtol=1e-14)
    assert np.array_equal(one, three)
    assert one.flags.f_contiguous
    # Blocks far above the diagonal are skipped: that is where the time is saved.
    assert np.all(one[:22, -22:] == 0.0)


def test_a_matrix_in_float32_is_the_exact_one_rounded():
    A = rows(90)
    for kernel in MIXTURE:
        single = symmetric_kernel_matrix([kernel], A, 2, np.float32)
        assert single.dtype == np.float32 and single.flags.f_contiguous
        np.testing.assert_allclose(single, symmetric_kernel_matrix([kernel], A, 2), rtol=1e-7, atol=6e-8)
    far = symmetric_kernel_matrix([Kernel("gaussian", "isotropic", np.full(3, 1e40))], A, 1, np.float32)
    np.testing.assert_array_equal(far, np.eye(90))


@pytest.mark.parametrize("activation", PROFILES)
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_rows_of_any_size_have_finite_kernels_and_a_constant_column_has_no_slope(activation, coupling):
    A = np.column_stack([rows(6, n_features=1), np.full(6, 1e300)]) * [1e300, 1.0]
    kernels = [Kernel(activation, coupling, np.array([1.0, 1e-20]))]
    K = kernel_matrix(kernels, A, A)
    assert np.all(np.diag(K) == 1.0) and np.all((K >= 0.0) & (K <= 1.0))
    assert kernel_matrix(kernels, A[[0]], -A[[0]])[0, 0] < 1e-150
    near = A * [1e-300, 1.0]
    slope = squared_gradients(kernels, near, near, rows(6, seed=2, n_features=1))
    assert slope[0] > 0.0 and slope[1] == 0.0


@pytest.mark.parametrize("n_coordinates", [3, 12, 60])
def test_squared_distances_of_close_and_far_rows_keep_their_digits(n_coordinates):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, n_coordinates))
    X[:, 0] += 1e3
    X[40:] = X[:20] + 1e-6 * rng.normal(size=(20, n_coordinates))
    X[38:40] = 1e100 * np.sign(X[38:40])
    expected = np.array([[math.fsum((a - b) ** 2) for b in X] for a in X])
    np.testing.assert_allclose(squared_distances(X, X), expected, rtol=1e-12, atol=0.0)
    assert np.all(np.diag(squared_distances(X, X)) == 0.0)


def test_squared_distances_among_many_copies_are_direct():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(5, 30)), 10, axis=0) + 1e-9 * rng.normal(size=(50, 30))
    assert np.array_equal(squared_distances(X, X), cdist(X, X, "sqeuclidean"))


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_are_rows_of_the_upper_triangle(n, threads, monkeypatch):
    monkeypatch.setattr(values_module, "_BLOCK_ENTRIES", 17 * n)
    A = rows(n)
    blocks, whole, start = symmetric_kernel_blocks(MIXTURE, A, threads), kernel_matrix(MIXTURE, A, A), 0
    for block in blocks:
        assert block.shape[1] == n - start
        np.testing.assert_allclose(block, whole[start : start + len(block), start:], rtol=1e-13)
        start += len(block)
    assert start == n and len(blocks) == -(-n // 17)


@pytest.mark.parametrize("activation", ["cauchy", "gaussian"])
@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("n_features", [2, 4, 20, 70])
def test_values_in_float32_are_those_of_float64_to_its_rounding(activation, coupling, n_features):
    A, B = rows(150, n_features=n_features), rows(1200, seed=1, n_features=n_features)
    B[:100] = A[:100] + 1e-3 * rows(100, seed=2, n_features=n_features)
    B[100:120], B[120:125], A[5] = A[100:120], 1e3 * B[120:125], 1e20
    kernel = Kernel(activation, coupling, np.full(n_features, 0.7 / np.sqrt(n_features)))
    single = np.empty((150, 1200), dtype=np.float32)
    fill_kernel_matrix([kernel], A, B, single)
    # The root of a squared distance of 1e-3 of the typical one, which is about one, has lost half the digits of 1e-3.
    np.testing.assert_allclose(single, kernel_matrix([kernel], A, B), atol=2e-5)
    assert np.all(single[100:120, 100:120].diagonal() == 1.0)


def test_equal_rows_and_rows_far_out_are_compared_directly():
    A = rows(60, n_features=8)
    A[20:40], A[50:] = A[:20], 1e6 * A[50:]
    A[55:] = A[50:55] + 1e-3 * rows(5, seed=1, n_features=8)
    kernel = Kernel("cauchy", "isotropic", np.ones(8))
    expected = np.exp(-cdist(A, A))
    np.testing.assert_allclose(kernel_matrix([kernel], A, A), expected, rtol=1e-11, atol=1e-13)
    assert np.all(kernel_matrix([kernel], A[:20], A[20:40]).diagonal() == 1.0)
    copies = np.repeat(A[:3], 20, axis=0)
    np.testing.assert_allclose(kernel_matrix([kernel], copies, copies), np.exp(-cdist(copies, copies)), rtol=1e-13)


def test_centres_serve_many_rows_and_tiles_do_not_matter(monkeypatch):
    A, B = rows(70, n_features=6), rows(90, seed=1, n_features=6)
    kernels = [Kernel("gaussian", "isotropic", np.ones(6), 0.3), Kernel("cauchy", "isotropic", np.ones(6), 0.7)]
    centres, out = Centres(kernels, B, np.float64), np.empty((70, 90))
    centres.fill(A, out)
    np.testing.assert_allclose(out, kernel_matrix(kernels, A, B), rtol=1e-14)
    monkeypatch.setattr(values_module, "_TILE_ROWS", 7)
    monkeypatch.setattr(values_module, "_TILE_COLUMNS", 11)
    again = np.empty((70, 90))
    centres.fill(A, again)
    np.testing.assert_allclose(again, out, rtol=1e-12)


def test_no_rows_and_no_centres_are_no_values():
    for n_rows, n_centres in ((0, 5), (5, 0), (0, 0)):
        for coupling in COUPLINGS:
            kernel, dtype = Kernel("cauchy", coupling, np.ones(5)), np.float32
            out = np.empty((n_rows, n_centres), dtype=dtype)
            fill_kernel_matrix([kernel], rows(n_rows, n_features=5), rows(n_centres, n_features=5), out)
