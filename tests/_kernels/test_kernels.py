import numpy as np
import pytest

from sknnk._kernels import Kernel, in_coordinates, kernel_matrix

SCALES = np.array([1.3, 0.4, 0.8])
COUPLINGS = ["isotropic", "coordinatewise"]
PROJECTION = np.random.default_rng(5).normal(size=(3, 2))


def rows(n, seed=0, n_features=3):
    return np.random.default_rng(seed).normal(size=(n, n_features))


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_a_projection_is_applied_to_columns_in_units_of_their_scales(coupling):
    A, B = rows(7), rows(5, seed=1)
    kernel = Kernel("cauchy", coupling, SCALES, 0.5, PROJECTION)
    plain = Kernel("cauchy", coupling, np.ones(2), 0.5)
    np.testing.assert_allclose(in_coordinates(kernel, A), (A * SCALES) @ PROJECTION, rtol=1e-13)
    expected = kernel_matrix([plain], (A * SCALES) @ PROJECTION, (B * SCALES) @ PROJECTION)
    np.testing.assert_allclose(kernel_matrix([kernel], A, B), expected, rtol=1e-12)


def test_scales_of_columns_are_the_distances_of_rows_that_differ_in_one_of_them():
    kernel = Kernel("gaussian", "isotropic", SCALES, projection=PROJECTION)
    far = [np.linalg.norm(in_coordinates(kernel, row[None])) for row in np.eye(3)]
    np.testing.assert_allclose(kernel.column_scales, far, rtol=1e-13)
    np.testing.assert_array_equal(Kernel("gaussian", "isotropic", SCALES).column_scales, SCALES)


def test_axes_keep_distances_and_start_with_the_steepest():
    rng = np.random.default_rng(3)
    difference = rng.normal(size=4)
    for projection in (None, rng.normal(size=(4, 4)), rng.normal(size=(4, 2))):
        kernel = Kernel("cauchy", "isotropic", np.array([0.5, 3.0, 1.0, 2.0]), projection=projection)
        apart = np.linalg.norm(in_coordinates(kernel, difference[None]))
        assert np.linalg.norm(kernel.axes @ difference) == pytest.approx(apart)
        products = kernel.axes @ kernel.axes.T
        np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-12)
        assert np.all(np.diff(np.diag(products)) <= 0.0)


def test_axes_of_a_product_are_its_own_coordinates():
    kernel = Kernel("cauchy", "coordinatewise", np.array([1.0, 2.0]), projection=np.array([[1.0, 0.0], [1.0, 0.1]]))
    np.testing.assert_allclose(kernel.axes, [[1.0, 2.0], [0.0, 0.2]])
