import numpy as np
import pytest

from sknnk._compute import on_host
from sknnk._kernels import Kernel, kernel_matrix
from sknnk._kernels.tensor_values import TensorKernels

FAMILIES = [
    ("gaussian", "isotropic"), ("cauchy", "isotropic"), ("sech", "isotropic"), ("relu", "isotropic"),
    ("laplace", "coordinatewise"), ("cauchy", "coordinatewise"),
]  # fmt: skip


def on_tensors(space, kernels, A, B, precision="float64"):
    tensors = TensorKernels(space, kernels, precision)
    return on_host(tensors.values(*(tensors.coordinates(space.tensor(rows)) for rows in (A, B))))


@pytest.mark.parametrize(("activation", "frequencies"), FAMILIES)
def test_values_are_those_of_numpy(space, activation, frequencies):
    A, B = np.random.default_rng(0).normal(size=(2, 9, 3))
    kernels = [Kernel(activation, frequencies, np.array([1.0, 0.5, 2.0]))]
    np.testing.assert_allclose(on_tensors(space, kernels, A, B), kernel_matrix(kernels, A, B), atol=1e-13)


@pytest.mark.parametrize(("precision", "atol"), [("float64", 1e-11), ("float32", 2e-5)])
@pytest.mark.parametrize("n_equal", [1, 8])
def test_close_rows_of_many_columns_keep_their_digits(space, precision, atol, n_equal):
    A, B = np.random.default_rng(0).normal(size=(2, 9, 20))
    B[:n_equal] = A[:n_equal]
    kernels = [Kernel("cauchy", "isotropic", np.full(20, 0.2))]
    values = on_tensors(space, kernels, A, B, precision)
    assert values.dtype == precision
    np.testing.assert_allclose(values, kernel_matrix(kernels, A, B), atol=atol)


def test_sums_of_kernels_have_weights_and_axes_of_their_own(space):
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 7, 3))
    kernels = [
        Kernel("gaussian", "isotropic", np.ones(3), weight=0.25, projection=rng.normal(size=(3, 2))),
        Kernel("cauchy", "coordinatewise", np.ones(3), weight=0.75),
    ]
    np.testing.assert_allclose(on_tensors(space, kernels, A, B), kernel_matrix(kernels, A, B), atol=1e-13)


@pytest.mark.parametrize("n_columns", [3, 20])
def test_stacks_of_rows_are_compared_with_stacks_of_centres(space, n_columns):
    A, B = (np.random.default_rng(0).normal(size=(2, n, n_columns)) for n in (9, 8))
    A[1, 0] = B[1, 0]  # a pair that a product of matrices alone would get wrong
    kernels = [
        Kernel("cauchy", "isotropic", np.full(n_columns, 0.2), 0.5),
        Kernel("cauchy", "coordinatewise", np.ones(n_columns), 0.5),
    ]
    expected = [kernel_matrix(kernels, *pair) for pair in zip(A, B, strict=True)]
    np.testing.assert_allclose(on_tensors(space, kernels, A, B), expected, atol=1e-12)
