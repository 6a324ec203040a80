import numpy as np
import pytest

from sknnk._kernels import Kernel, gradient_products, kernel_matrix, squared_gradients
from sknnk._kernels import slopes as slopes_module

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
PROJECTION = np.random.default_rng(5).normal(size=(3, 2))


def rows(n, seed=0, n_features=3):
    return np.random.default_rng(seed).normal(size=(n, n_features))


def slopes_by_differences(kernels, A, centres, coef, step=1e-5):
    slopes = np.empty((A.shape[1], len(A), coef.shape[1]))
    for j in range(A.shape[1]):
        moved = np.zeros(A.shape[1])
        moved[j] = step
        difference = kernel_matrix(kernels, A + moved, centres) - kernel_matrix(kernels, A - moved, centres)
        slopes[j] = difference @ coef / (2.0 * step)
    return slopes


@pytest.mark.parametrize("activation", [*PROFILES, "tanh"])
@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("n_targets", [1, 3])
def test_squared_gradients_are_those_of_finite_differences(activation, coupling, n_targets):
    A, centres, coef = rows(9), rows(12, seed=1), rows(12, seed=2, n_features=n_targets)
    kernels = [Kernel(activation, coupling, SCALES, 0.7)]
    expected = np.sum(slopes_by_differences(kernels, A, centres, coef) ** 2, axis=(1, 2)) / len(A)
    tolerance = 1e-6 if activation in PROFILES else 2e-3
    np.testing.assert_allclose(squared_gradients(kernels, A, centres, coef), expected, rtol=tolerance)


def test_squared_gradients_of_a_sum_add_slopes_before_they_square_and_blocks_do_not_matter(monkeypatch):
    A, centres, coef = rows(60), rows(50, seed=1), rows(50, seed=2, n_features=2)
    expected = np.sum(slopes_by_differences(MIXTURE, A, centres, coef) ** 2, axis=(1, 2)) / len(A)
    found = squared_gradients(MIXTURE, A, centres, coef)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    apart = sum(squared_gradients([kernel], A, centres, coef) for kernel in MIXTURE)
    assert not np.allclose(found, apart, rtol=1e-2)
    monkeypatch.setattr(slopes_module, "_BLOCK_ENTRIES", 1000)
    np.testing.assert_allclose(squared_gradients(MIXTURE, A, centres, coef), found, rtol=1e-12)


@pytest.mark.parametrize("projection", [None, PROJECTION])
@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("activation", ["gaussian", "cauchy", "sech"])
def test_products_of_gradients_are_those_of_finite_differences(activation, coupling, projection, monkeypatch):
    A, centres, coef = rows(9), rows(12, seed=1), rows(12, seed=2, n_features=2)
    kernels = [Kernel(activation, coupling, SCALES, 0.7, projection), *MIXTURE]
    slopes = slopes_by_differences(kernels, A, centres, coef).reshape(3, -1)
    found = gradient_products(kernels, A, centres, coef)
    np.testing.assert_allclose(found, slopes @ slopes.T / len(A), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(np.diag(found), squared_gradients(kernels, A, centres, coef), rtol=1e-12)
    monkeypatch.setattr(slopes_module, "_BLOCK_ENTRIES", 16)
    np.testing.assert_allclose(gradient_products(kernels, A, centres, coef, threads=2), found, rtol=1e-11)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_a_row_on_a_centre_has_the_slope_zero_of_a_symmetric_kernel(coupling):
    centre = rows(1)
    assert np.all(squared_gradients([Kernel("cauchy", coupling, SCALES)], centre, centre, np.ones((1, 1))) == 0.0)
