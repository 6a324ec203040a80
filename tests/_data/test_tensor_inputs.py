import numpy as np
import pytest

from sknnk._compute import on_host
from sknnk._data import fit_quantile_map
from sknnk._data.tensor_inputs import TensorInputs


@pytest.mark.parametrize("shape", ["quantile", "robust", "standard"])
def test_transformed_rows_are_those_of_numpy(space, shape):
    X = np.random.default_rng(0).normal(size=(50, 3)) ** 3
    X[:, 1], X[:, 2] = 7.0, X[:, 2] > 0.0
    input_map = fit_quantile_map(X.T, shape=shape)
    rows = np.vstack([X, [[-1e9, 7.0, 0.5], [1e9, -2.0, 3.0]]])
    found = on_host(TensorInputs(space, input_map)(space.tensor(rows)))
    np.testing.assert_allclose(found, input_map(rows, np.empty_like(rows)), atol=1e-13)
    assert on_host(TensorInputs(space, input_map)(space.tensor(rows.astype(np.float32)))).dtype == np.float32


def test_without_a_transform_rows_stay_as_they_are(space):
    X = space.tensor(np.eye(2))
    assert TensorInputs(space, None)(X) is X
