"""Columns of a stack of layers, in any array and order, and samplers with other frequencies."""

import numpy as np
import pytest
from scipy import sparse

from sknnk._features import samplers as samplers_module
from sknnk._features.fourier import feature_scale
from sknnk._features.layer_spec import Candidate
from sknnk._features.random_map import RandomMap, build_samplers, own_frequencies, with_frequencies
from sknnk._kernels import Kernel, kernel_matrix

FIXED = Candidate("cauchy", "orthogonal", "isotropic", 1.5)
AXES = np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 0.3], [0.2, 0.0, 0.1]])


def table(n_samples=40, dtype=np.float64):
    return np.random.default_rng(0).normal(size=(n_samples, 3)).astype(dtype)


def stack(n_components=(16,), link=True, kernel=FIXED, seed=7, dtype=np.float64):
    samplers = build_samplers(kernel, n_components, table(dtype=dtype), tuple(range(seed, seed + len(n_components))))
    return RandomMap(None, 0.5 if link else None, samplers)


def test_raw_columns_are_columns_without_their_scale_in_any_given_array():
    X = table()
    layers = stack()
    raw = layers.raw_columns(X)
    assert np.allclose(raw * layers.column_scale, layers.columns(X), rtol=1e-14)
    assert np.array_equal(layers.column_scale, np.repeat([1.0, feature_scale(16)], [3, 16]))
    wide = np.full((40, 25), 9.0)
    out = wide[:, 2:21]
    assert layers.raw_columns(X, out=out) is out
    assert np.allclose(out, raw, rtol=0, atol=1e-14) and np.all(wide[:, 21:] == 9.0) and np.all(wide[:, :2] == 9.0)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("n_components", [(16,), (7,), (1,), (6, 5)])
def test_unpaired_columns_are_the_raw_ones_in_their_order(n_components, link, kind):
    X, layers = table(), stack(n_components, link)
    columns, inputs = layers.cosines_first(kind(X))
    assert isinstance(inputs, np.ndarray) == (kind is np.asarray)
    assert np.array_equal(np.sort(layers.cosines_first_order), np.arange(layers.n_columns))
    for rows in (inputs[:9], inputs[:9].astype(np.float32)):
        written = columns(rows, np.empty((9, layers.n_columns), dtype=rows.dtype))
        expected = layers.raw_columns(X[:9])[:, layers.cosines_first_order]
        assert np.allclose(written, expected, rtol=0, atol=200 * np.finfo(rows.dtype).eps)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("axes", [None, AXES])
@pytest.mark.parametrize("length_scale", [1.5, np.array([1.0, 2.0, 0.5])])
def test_frequencies_in_the_unit_of_the_length_scale_come_back(length_scale, axes, dtype):
    kernel = FIXED._replace(length_scale=length_scale)
    plain = stack(kernel=kernel, dtype=dtype).samplers[0]
    placed = with_frequencies(plain, own_frequencies(plain), axes)
    assert placed is not plain and placed.random_weights_.dtype == dtype
    np.testing.assert_allclose(own_frequencies(placed, axes), own_frequencies(plain), rtol=1e-5, atol=1e-5)
    expected = plain.random_weights_ if axes is None else axes @ plain.random_weights_
    np.testing.assert_allclose(placed.random_weights_, expected, rtol=1e-5, atol=1e-6)


def test_other_frequencies_replace_a_fast_product(monkeypatch):
    monkeypatch.setattr(samplers_module, "_FAST_FROM", 2)
    X = np.random.default_rng(0).normal(size=(8, 30))
    (sampler,) = build_samplers(Candidate("gaussian", "hadamard", "isotropic", 5.0), (20,), X, (0,))
    assert sampler._projection is not None
    changed = with_frequencies(sampler, np.zeros((30, 10)))
    assert changed._projection is None and sampler._projection is not None
    assert np.allclose(changed.transform(X)[:, ::2], np.sqrt(2.0 / 20)) and not np.any(changed.transform(X)[:, 1::2])


def test_features_along_axes_estimate_the_kernel_along_them():
    # Mean of 10,000 cosines with a deviation of at most one: six standard errors are 0.06. Without axes it is off.
    X, kernel = table(12), FIXED._replace(axes=AXES)
    phi, without = (stack((20_000,), False, each).columns(X) for each in (kernel, FIXED))
    expected = kernel_matrix([Kernel("cauchy", "isotropic", np.full(3, 1 / 1.5), projection=AXES)], X, X)
    assert np.abs(phi @ phi.T - expected).max() < 0.06
    assert np.abs(without @ without.T - expected).max() > 0.2


def test_only_the_first_layer_is_along_axes():
    plain, along = (stack((12, 9), kernel=each).samplers for each in (FIXED, FIXED._replace(axes=AXES)))
    np.testing.assert_allclose(along[0].random_weights_, AXES @ plain[0].random_weights_)
    assert along[1].random_weights_.shape == plain[1].random_weights_.shape == (12, 5)
