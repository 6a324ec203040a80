"""Phi of the samplers as nodes."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sknnk import ArcCosineSampler, URFSampler
from sknnk._features.directions import COUPLINGS, DIRECTIONS
from sknnk._kernels.spectra import ACTIVATIONS
from sknnk.onnx._features import sampler_columns
from sknnk.onnx._graphs import Columns, Graph

X = np.random.default_rng(0).normal(size=(30, 3))


def assert_same_features(evaluated, sampler, X=X, single=False, atol=1e-13):
    graph = Graph("g")
    columns = sampler_columns(graph, sampler, Columns.of("X", X.shape[1]), single)
    np.testing.assert_allclose(evaluated(graph, columns.joined(graph), X=X), sampler.transform(X), rtol=0, atol=atol)


@pytest.mark.parametrize("activation", [*ACTIVATIONS, np.tanh])
@pytest.mark.parametrize("frequencies", COUPLINGS)
def test_bounded_features_of_every_activation(evaluated, activation, frequencies):
    sampler = URFSampler(activation, n_components=7, frequencies=frequencies, random_state=0).fit(X)
    assert_same_features(evaluated, sampler, atol=1e-11)  # heavy-tailed frequencies make large phases


@pytest.mark.parametrize("directions", DIRECTIONS)
def test_bounded_features_of_every_kind_of_directions(evaluated, directions):
    sampler = URFSampler(n_components=8, directions=directions, length_scale=[1.0, 2.0, 0.5], random_state=0).fit(X)
    assert_same_features(evaluated, sampler)
    assert_same_features(evaluated, ArcCosineSampler(n_components=8, random_state=0).fit(X))


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_few_features(evaluated, n_components):
    assert_same_features(evaluated, URFSampler(n_components=n_components, random_state=0).fit(X))


def test_the_fast_product_of_many_columns_becomes_a_matrix(evaluated, monkeypatch):
    monkeypatch.setattr("sknnk._features.samplers._FAST_FROM", 3)
    sampler = URFSampler(n_components=10, directions="hadamard", random_state=0).fit(X)
    assert sampler._projection is not None
    assert_same_features(evaluated, sampler)


@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("bias", [0.0, 1.5])
def test_arc_cosine_features(evaluated, degree, bias):
    rows = np.concatenate([X, np.zeros((1, 3))])  # where the step is one half, without a bias
    sampler = ArcCosineSampler(degree, n_components=9, bias=bias, random_state=0).fit(X)
    assert_same_features(evaluated, sampler, rows)


@pytest.mark.parametrize("mode", ["unbiased", "positive"])
@pytest.mark.parametrize("activation", ["gaussian", "sin", "relu", "tanh", "softplus", "step", np.tanh])
@pytest.mark.parametrize("n_components", [24, 25])
def test_unbiased_features(evaluated, mode, activation, n_components):
    sampler = URFSampler(activation, n_components=n_components, mode=mode, weight_norm=0.3, random_state=0).fit(X)
    assert_same_features(evaluated, sampler)


def test_an_unbiased_map_of_its_constant_alone(evaluated):
    sampler = URFSampler("tanh", n_components=1, mode="unbiased", weight_norm=0.1, random_state=0)
    with pytest.warns(UserWarning, match="n_components=1 cannot estimate"):
        sampler.fit(X)
    assert_same_features(evaluated, sampler)


@pytest.mark.parametrize("single", [False, True])
def test_exponents_are_bounded_as_those_of_the_sampler(evaluated, single):
    sampler = URFSampler("tanh", n_components=20, mode="positive", weight_norm=0.1, random_state=0).fit(X)
    graph = Graph("g")
    columns = sampler_columns(graph, sampler, Columns.of("X", 3), single)
    far = 1e4 * X[:1]
    result = evaluated(graph, columns.joined(graph), X=far)
    with np.errstate(over="ignore"), pytest.warns(UserWarning, match="largest in fit"):
        expected = sampler.transform(far.astype(np.float32 if single else np.float64))
    assert np.isfinite(result.astype(expected.dtype)).all()
    np.testing.assert_allclose(result, expected, rtol=1e-4)


def test_features_of_features_keep_their_columns_apart(evaluated):
    first = URFSampler("tanh", n_components=13, mode="unbiased", weight_norm=0.1, random_state=0).fit(X)
    second = URFSampler("tanh", n_components=25, mode="unbiased", weight_norm=0.1, random_state=1)
    expected = second.fit_transform(first.transform(X))
    graph = Graph("g")
    columns = sampler_columns(graph, second, sampler_columns(graph, first, Columns.of("X", 3), False), False)
    np.testing.assert_allclose(evaluated(graph, columns.joined(graph), X=X), expected, atol=1e-13)
