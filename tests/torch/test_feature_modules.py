"""Feature modules: the numpy core on tensors."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from sknnk import ArcCosineSampler, URFSampler
from sknnk.torch._feature_modules import feature_module

X = np.random.default_rng(0).normal(size=(40, 6))
SAMPLERS = {
    "bounded": URFSampler("gelu", n_components=32, random_state=0),
    "odd": URFSampler("sin", n_components=15, random_state=0),
    "coordinatewise": URFSampler("laplace", n_components=16, frequencies="coordinatewise", random_state=0),
    "sparse": URFSampler("relu", n_components=16, directions="sparse", random_state=0),
    "unbiased": URFSampler("tanh", n_components=120, mode="unbiased", weight_norm=0.3, random_state=0),
    "unbiased with a slope": URFSampler("relu", n_components=121, mode="unbiased", weight_norm=0.1, random_state=0),
    "step": ArcCosineSampler(0, n_components=16, random_state=0),
    "relu": ArcCosineSampler(1, n_components=16, bias=0.5, length_scale=2.0, random_state=0),
    "squared relu": ArcCosineSampler(2, n_components=16, random_state=0),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_module_gives_the_columns_of_its_sampler(name, dtype):
    rows = X.astype(dtype)
    sampler = SAMPLERS[name].fit(rows)
    tensor = torch.from_numpy(rows)
    features = feature_module(sampler).to(tensor.dtype)(tensor)
    assert features.dtype == tensor.dtype
    np.testing.assert_allclose(features.numpy(), sampler.transform(rows), rtol=0, atol=10 * np.finfo(dtype).eps)


def test_the_slope_and_left_over_columns_are_among_the_cases():
    layers = [SAMPLERS[name].fit(X)._map for name in ("unbiased", "unbiased with a slope")]
    assert any(layer.slope != 0.0 for layer in layers)
    assert any(layer.pairs(6).stop < layer.n_components for layer in layers)


@pytest.mark.parametrize("name", SAMPLERS)
def test_leading_axes_are_kept(name):
    module = feature_module(SAMPLERS[name].fit(X))
    flat = torch.from_numpy(X)
    torch.testing.assert_close(module(flat.reshape(5, 8, 6)), module(flat).reshape(5, 8, -1))
    assert module(flat[:0]).shape == (0, module.n_components)


@pytest.mark.parametrize("name", SAMPLERS)
def test_nothing_is_trainable_and_everything_is_in_the_state(name):
    module = feature_module(SAMPLERS[name].fit(X))
    assert not list(module.parameters())
    other = feature_module(SAMPLERS[name].set_params(random_state=1).fit(X))
    SAMPLERS[name].set_params(random_state=0)
    other.load_state_dict(module.state_dict())
    rows = torch.from_numpy(X)
    assert torch.equal(other(rows), module(rows))


def test_rows_of_zeros_give_half_a_step():
    module = feature_module(ArcCosineSampler(0, n_components=4, bias=0.0, random_state=0).fit(X))
    np.testing.assert_allclose(module(torch.zeros(1, 6, dtype=torch.float64)).numpy(), 0.5 * module.scale)


def test_far_away_rows_stay_finite():
    module = feature_module(SAMPLERS["unbiased"].fit(X)).float()
    assert module(torch.full((1, 6), 1e4)).isfinite().all()


def test_half_precision_squares_its_rows_in_single_precision():
    module = feature_module(SAMPLERS["unbiased"].fit(X))
    rows = torch.from_numpy(X)
    error = module.to(torch.bfloat16)(rows.to(torch.bfloat16)).double() - torch.from_numpy(
        SAMPLERS["unbiased"].transform(X)
    )
    assert error.abs().max() < 0.03


def test_positive_features_have_no_module():
    sampler = URFSampler("tanh", n_components=100, mode="positive", weight_norm=0.3, random_state=0).fit(X)
    with pytest.raises(ValueError, match='mode="positive" has no PyTorch module'):
        feature_module(sampler)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize(
    "way",
    [
        lambda module: module.to_empty(device="cpu"),
        lambda module: module.to("meta").to_empty(device="cpu"),
        lambda module: module.to("meta").to("meta").to(torch.float64).to_empty(device="cpu"),
    ],
)
def test_values_survive_where_pytorch_would_leave_garbage(name, way):
    module, rows = feature_module(SAMPLERS[name].fit(X)), torch.from_numpy(X)
    expected = module(rows)
    assert torch.equal(way(module)(rows), expected)


def test_values_that_were_set_survive_as_well():
    module = feature_module(SAMPLERS["bounded"].fit(X))
    module.random_weights += 1.0
    expected = module.random_weights.clone()
    assert torch.equal(module.to_empty(device="cpu").random_weights, expected)
    assert torch.equal(module.to("meta").to_empty(device="cpu").random_weights, expected)
    assert not module._values


def test_a_sampler_has_values_inside_the_meta_device():
    sampler = SAMPLERS["relu"].fit(X)
    with torch.device("meta"):
        module = feature_module(sampler)
    assert torch.equal(module.random_weights, feature_module(sampler).random_weights)
