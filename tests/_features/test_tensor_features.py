import numpy as np
import pytest

from sknnk import ArcCosineSampler, URFSampler
from sknnk._compute import on_host
from sknnk._features.fourier import arc_cosine_features, fourier_features
from sknnk._features.tensor_features import arc_cosine_tensor, check_tensor_range, fourier_tensor

SAMPLERS = [URFSampler("gelu", n_components=21), ArcCosineSampler(degree=2, n_components=20)]
X = np.random.default_rng(0).normal(size=(30, 4))


@pytest.mark.parametrize("n_components", [6, 5])
def test_fourier_features_are_those_of_numpy(space, n_components):
    weights = np.random.default_rng(1).normal(size=(4, 3))
    expected = fourier_features(X, weights, np.empty((30, n_components)), 0.5)
    found = fourier_tensor(space, space.tensor(X), space.tensor(weights), n_components, 0.5)
    np.testing.assert_allclose(on_host(found), expected, atol=1e-14)


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_arc_cosine_features_are_those_of_numpy(space, degree):
    weights, offset = np.random.default_rng(1).normal(size=(4, 5)), np.arange(5.0)
    rows = np.vstack([X, np.zeros(4)])
    expected = arc_cosine_features(rows, weights, offset, degree, np.empty((31, 5)), 0.5)
    found = arc_cosine_tensor(space, *map(space.tensor, (rows, weights, offset)), degree, 0.5)
    np.testing.assert_allclose(on_host(found), expected, atol=1e-13)


def test_rows_that_overflow_are_refused(space):
    with pytest.raises(ValueError, match="larger length_scale"):
        check_tensor_range(space, space.tensor(np.full((1, 1), 1e200)), space.tensor(np.ones((1, 1))), 1.0)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-13), ("float32", 1e-5)])
def test_samplers_give_tensors_the_features_of_numpy(space, dispatch, sampler, dtype, atol):
    rows = X.astype(dtype)
    sampler = sampler.set_params(random_state=0)
    expected = sampler.fit(rows).transform(rows)
    found = on_host(sampler.fit(space.tensor(rows)).transform(space.tensor(rows)))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=atol)


@pytest.mark.parametrize("mode", ["unbiased", "positive"])
def test_the_estimation_of_layers_is_refused_by_name(space, dispatch, mode):
    with pytest.raises(ValueError, match=f"mode='{mode}' runs on arrays of NumPy alone"):
        URFSampler("tanh", n_components=500, mode=mode).fit(space.tensor(0.1 * X))


def test_psi_of_a_sampler_of_tensors_is_refused_with_what_to_do(space, dispatch):
    sampler = ArcCosineSampler(n_components=5).fit(space.tensor(X))
    with pytest.raises(ValueError, match="to_numpy"):
        sampler.transform_weights(np.ones((1, 4)))


def test_tensors_are_not_read_without_dispatch(space, monkeypatch):
    import sklearn

    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        sampler = URFSampler(n_components=5).fit(space.tensor(X))
    with pytest.raises(ValueError, match="array_api_dispatch=True"):
        sampler.transform(X)
