"""Kernels as nodes."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sknnk._features.directions import COUPLINGS
from sknnk._kernels import Kernel, kernel_matrix
from sknnk._kernels.spectra import ACTIVATIONS
from sknnk.onnx._graphs import Graph
from sknnk.onnx._kernels import kernel_value

RNG = np.random.default_rng(0)
X, CENTRES = RNG.normal(size=(6, 3)), RNG.normal(size=(4, 3))
SCALES = np.array([1.0, 0.3, 2.0])


@pytest.mark.parametrize("activation", [*ACTIVATIONS, np.tanh])
@pytest.mark.parametrize("frequencies", COUPLINGS)
def test_every_kernel(evaluated, activation, frequencies):
    kernels = (Kernel(activation, frequencies, SCALES),)
    rows = np.concatenate([X, CENTRES])  # distances of zero among them
    graph = Graph("g")
    result = evaluated(graph, kernel_value(graph, kernels, "X", CENTRES), X=rows)
    np.testing.assert_allclose(result, kernel_matrix(kernels, rows, CENTRES), atol=1e-14)


def test_a_sum_of_weighted_kernels(evaluated):
    kernels = (Kernel("cauchy", "coordinatewise", SCALES, 0.25), Kernel("gaussian", "isotropic", SCALES[::-1], 0.75))
    graph = Graph("g")
    result = evaluated(graph, kernel_value(graph, kernels, "X", CENTRES), X=X)
    np.testing.assert_allclose(result, kernel_matrix(kernels, X, CENTRES), atol=1e-14)


@pytest.mark.parametrize("frequencies", COUPLINGS)
def test_a_kernel_along_combinations_of_columns(evaluated, frequencies):
    kernels = (Kernel("cauchy", frequencies, SCALES, projection=RNG.normal(size=(3, 2))),)
    graph = Graph("g")
    result = evaluated(graph, kernel_value(graph, kernels, "X", CENTRES), X=X)
    np.testing.assert_allclose(result, kernel_matrix(kernels, X, CENTRES), atol=1e-14)


def test_small_distances_far_from_zero_keep_their_digits(evaluated):
    kernels, far = (Kernel("cauchy", "isotropic", np.ones(3)),), CENTRES + 1e4
    rows = far + 1e-5
    graph = Graph("g")
    result = evaluated(graph, kernel_value(graph, kernels, "X", far), X=rows)
    np.testing.assert_allclose(result, kernel_matrix(kernels, rows, far), atol=1e-14)


def test_values_without_bound_are_at_the_greatest_distance(evaluated):
    kernels = (Kernel("laplace", "isotropic", np.full(3, 1e200)),)
    graph = Graph("g")
    result = evaluated(graph, kernel_value(graph, kernels, "X", CENTRES), X=1e200 * X)
    np.testing.assert_allclose(result, kernel_matrix(kernels, 1e200 * X, CENTRES), rtol=1e-14)
