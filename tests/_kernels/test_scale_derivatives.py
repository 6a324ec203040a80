from dataclasses import replace

import numpy as np
import pytest

from sknnk._kernels import Kernel, kernel_matrix, log_scale_derivatives, symmetric_kernel_matrix

ACTIVATIONS = ["gaussian", "cauchy", "laplace", "sech"]
COUPLINGS = ["isotropic", "coordinatewise"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
WEIGHTS = np.asfortranarray(np.tril(RNG.normal(size=(90, 90)), -1))
SCALES = np.array([1.0, 0.3, 0.7, 0.2])
PROJECTION = RNG.normal(size=(4, 3))


def resized(kernel, j, step):
    """The kernel with one coordinate stretched."""
    factors = np.ones(4 if kernel.projection is None else 3)
    factors[j] = np.exp(step)
    if kernel.projection is None:
        return replace(kernel, scales=kernel.scales * factors)
    return replace(kernel, projection=kernel.projection * factors)


def by_differences(kernel, rows, weights, step=1e-5):
    def total(j, step):
        return float(np.sum(weights * kernel_matrix([resized(kernel, j, step)], rows, rows)))

    n_coordinates = 4 if kernel.projection is None else 3
    return np.array([(total(j, step) - total(j, -step)) / (2 * step) for j in range(n_coordinates)])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("projection", [None, PROJECTION], ids=["columns", "axes"])
def test_derivatives_are_those_of_finite_differences(activation, coupling, projection):
    kernel = Kernel(activation, coupling, SCALES, projection=projection)
    found = log_scale_derivatives(kernel, X, symmetric_kernel_matrix([kernel], X, 1), WEIGHTS)
    expected = by_differences(kernel, X, WEIGHTS)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("activation", ["gaussian", "cauchy"])
def test_in_float32_they_are_right_to_its_precision(activation, coupling):
    kernel = Kernel(activation, coupling, SCALES)
    exact = log_scale_derivatives(kernel, X, symmetric_kernel_matrix([kernel], X, 1), WEIGHTS)
    values = symmetric_kernel_matrix([kernel], X, 1, np.float32)
    single = log_scale_derivatives(kernel, X, values, np.asfortranarray(WEIGHTS, dtype=np.float32))
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, exact, atol=2e-5 * np.abs(WEIGHTS).sum() ** 0.5)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_they_do_not_depend_on_threads(coupling):
    kernel, rows = Kernel("cauchy", coupling, SCALES), RNG.normal(size=(600, 4))
    weights = np.asfortranarray(np.tril(RNG.normal(size=(600, 600))))
    values = symmetric_kernel_matrix([kernel], rows, 1)
    one, two = (log_scale_derivatives(kernel, rows, values, weights, threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_equal_rows_constant_columns_and_far_rows_are_finite(coupling):
    rows = X.copy()
    rows[1], rows[:, 2], rows[3] = rows[0], 5.0, 1e150
    kernel = Kernel("cauchy", coupling, SCALES)
    found = log_scale_derivatives(kernel, rows, symmetric_kernel_matrix([kernel], rows, 1), WEIGHTS)
    assert np.isfinite(found).all()
    assert found[2] == 0.0
