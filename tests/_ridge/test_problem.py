"""The maps of networks are maps for solvers, and a problem knows the precision of its rows."""

import numpy as np
import pytest

from sknnk import URFSampler
from sknnk._features import KernelMap, RandomMap
from sknnk._kernels import Kernel
from sknnk._ridge.penalties import Penalty
from sknnk._ridge.problem import PreparedMap, Problem

X = np.random.default_rng(0).normal(size=(9, 2))


def random_map():
    return RandomMap(None, 1.0, (URFSampler("gaussian", n_components=6, random_state=0).fit(X),))


def kernel_map():
    return KernelMap(None, (Kernel("gaussian", "isotropic", np.ones(2)),), X[:4])


def test_random_columns_can_be_prepared_and_kernels_cannot():
    assert isinstance(random_map(), PreparedMap) and not isinstance(kernel_map(), PreparedMap)


@pytest.mark.parametrize("map_of", [random_map, kernel_map])
def test_scaled_columns_are_raw_ones_times_their_scale(map_of):
    layers = map_of()
    raw = layers.raw_columns(X, np.empty((9, layers.n_columns)))
    np.testing.assert_allclose(layers.columns(X), raw * layers.column_scale)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_precision_is_that_of_the_rows(dtype):
    problem = Problem(random_map(), X.astype(dtype), X, np.ones(9), Penalty())
    assert problem.precision == np.finfo(dtype).eps and type(problem.precision) is float
