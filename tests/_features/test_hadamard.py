"""The fast transform and the implicit projection equal the matrices they stand for."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg, sparse

from sknnk import URFSampler
from sknnk._features import samplers
from sknnk._features.hadamard import fast_walsh_hadamard, hadamard_projection


@pytest.mark.parametrize("p", [1, 2, 4, 16, 32, 64, 512, 2048])
def test_fast_transform_is_the_product_with_the_hadamard_matrix(p):
    rows = np.random.default_rng(0).standard_normal((3, 2, p))
    expected = rows @ linalg.hadamard(p).astype(float)
    np.testing.assert_allclose(fast_walsh_hadamard(rows), expected, rtol=0, atol=1e-13 * p)
    np.testing.assert_allclose(fast_walsh_hadamard(fast_walsh_hadamard(rows)), p * rows, rtol=0, atol=1e-12 * p)


def test_fast_transform_leaves_its_argument_alone():
    rows = np.arange(8.0)
    fast_walsh_hadamard(rows)
    np.testing.assert_array_equal(rows, np.arange(8.0))


@given(n_features=st.integers(1, 70), n_frequencies=st.integers(0, 200), n_samples=st.integers(0, 4))
def test_implicit_product_is_that_with_the_matrix(n_features, n_frequencies, n_samples):
    projection = hadamard_projection(n_features, n_frequencies, np.random.default_rng(1))
    X = np.random.default_rng(2).standard_normal((n_samples, n_features))
    matrix = projection.matrix()
    assert matrix.shape == (n_features, n_frequencies)
    np.testing.assert_allclose(X @ projection, X @ matrix, rtol=0, atol=1e-11 * (1 + n_features))


def test_scales_multiply_rows_and_columns():
    projection = hadamard_projection(5, 12, np.random.default_rng(1))
    rows, columns = np.arange(1.0, 6.0), np.arange(1.0, 13.0)
    scaled = projection.scaled(rows, columns).scaled(2.0, columns)
    np.testing.assert_allclose(scaled.matrix(), 2.0 * rows[:, None] * projection.matrix() * columns**2)
    X = np.random.default_rng(2).standard_normal((3, 5))
    np.testing.assert_allclose(X @ scaled, X @ scaled.matrix(), atol=1e-10)


def test_float32_stays_float32_and_sparse_rows_are_left_to_the_matrix():
    projection = hadamard_projection(20, 30, np.random.default_rng(1))
    X = np.random.default_rng(2).standard_normal((3, 20)).astype(np.float32)
    product = X @ projection
    assert product.dtype == np.float32
    np.testing.assert_allclose(product, X @ projection.matrix(), atol=1e-4)
    assert projection.__rmatmul__(sparse.csr_array(X)) is NotImplemented


def test_projection_survives_pickling():
    projection = hadamard_projection(7, 9, np.random.default_rng(1))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(projection)).matrix(), projection.matrix())


@pytest.mark.parametrize("length_scale", [2.0, "scale", [1.0, 2.0, 3.0, 4.0, 5.0]])
def test_sampler_with_the_fast_product_has_the_same_features(length_scale, monkeypatch):
    X = np.random.default_rng(0).standard_normal((50, 5))
    settings = {"n_components": 31, "directions": "hadamard", "length_scale": length_scale, "random_state": 0}
    dense = URFSampler("cauchy", **settings).fit(X)
    monkeypatch.setattr(samplers, "_FAST_FROM", 1)
    fast = URFSampler("cauchy", **settings).fit(X)
    assert fast._projection is not None
    assert dense._projection is None
    np.testing.assert_allclose(fast.random_weights_, dense.random_weights_, rtol=1e-12)
    np.testing.assert_allclose(fast.transform(X), dense.transform(X), atol=1e-9)
    np.testing.assert_allclose(fast.transform(sparse.csr_array(X)), dense.transform(X), atol=1e-9)
    assert fast.transform(X.astype(np.float32)).dtype == np.float32
