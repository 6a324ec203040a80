import numpy as np
import pytest

from sknnk._data import images_without_row
from sknnk._data.inputs import transform_inputs
from sknnk._data.quantiles import QuantileMap, fit_quantile_map


def curve_through(values):
    """A map whose knots are given values, on a curve that does not depend on them."""
    return QuantileMap((values,), (np.tanh(values),))


def test_images_are_those_of_a_map_through_the_other_rows():
    values = np.sort(np.random.default_rng(0).normal(size=30))
    images = np.tanh(values)[:, None]
    found = images_without_row(curve_through(values), images, images, np.ones(30, dtype=bool))
    for i, value in enumerate(values):
        expected = transform_inputs(curve_through(np.delete(values, i)), np.array([[value]]))
        np.testing.assert_allclose(found[i], expected[0], rtol=1e-12)


@pytest.mark.parametrize("shape", ["quantile", "robust", "standard"])
def test_where_two_rows_share_a_value_or_one_row_stands_for_two_nothing_changes(shape):
    X = np.random.default_rng(0).normal(size=(20, 2))
    X[[3, 7], 0] = X[:, 0].max() + 1.0
    images = transform_inputs(fit_quantile_map(X.T, shape=shape), X)
    input_map = fit_quantile_map(X.T, shape=shape)
    found = images_without_row(input_map, images, images, np.ones(20, dtype=bool))
    np.testing.assert_array_equal(found[[3, 7], 0], images[[3, 7], 0])
    least, most = np.argmin(images[:, 1]), np.argmax(images[:, 1])
    np.testing.assert_array_equal(found[[least, most], 1], np.sort(images[:, 1])[[1, -2]])
    several = np.ones(20, dtype=bool)
    several[most] = False
    np.testing.assert_array_equal(images_without_row(input_map, images, images, several)[most], images[most])


def test_constant_columns_stay():
    X = np.full((5, 1), 3.0)
    images = transform_inputs(fit_quantile_map(X.T), X)
    np.testing.assert_array_equal(
        images_without_row(fit_quantile_map(X.T), images, images, np.ones(5, dtype=bool)), images
    )
