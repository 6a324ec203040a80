"""SNNKLinear: features of the numpy core, one trainable matrix, and everything a module must stand."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn

from sknnk import ArcCosineSampler, URFSampler
from sknnk.torch import SNNKLinear

MODES = [("gelu", "bounded"), ("tanh", "unbiased"), ("relu", "arc_cosine")]


def layer_of(activation="gelu", mode="bounded", dtype=torch.float64, **options):
    return SNNKLinear(6, 3, activation, 32, mode=mode, weight_norm=0.3, random_state=0, dtype=dtype, **options)


def rows(n=20, dtype=torch.float64):
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize(("activation", "mode"), MODES)
def test_gradients_are_right(activation, mode):
    layer = layer_of(activation, mode)
    x = rows(4).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, w, b: nn.functional.linear(layer.features(x), w, b), (x, layer.weight, layer.bias)
    )
    assert torch.autograd.gradcheck(layer, (x,))


@pytest.mark.parametrize(("activation", "mode"), MODES)
def test_the_layer_is_a_matrix_behind_the_sampler(activation, mode):
    if mode == "arc_cosine":
        sampler = ArcCosineSampler(1, n_components=32, random_state=0)
    else:
        sampler = URFSampler(activation, n_components=32, mode=mode, weight_norm=0.3, random_state=0)
    x = rows(50)
    layer = SNNKLinear(6, 3, activation, 32, mode=mode, weight_norm=0.3, inputs=x, random_state=0, dtype=torch.float64)
    expected = sampler.fit(x.numpy()).transform(x.numpy()) @ layer.weight.detach().numpy().T
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-13)


def test_unit_variance_is_the_scale_when_no_inputs_are_given():
    x = np.random.default_rng(0).normal(size=(400_000, 2))
    layer = SNNKLinear(2, 1, "gaussian", 8, random_state=0, dtype=torch.float64)
    weights = URFSampler(n_components=8, random_state=0).fit(x).random_weights_
    np.testing.assert_allclose(layer.features.random_weights.numpy(), weights.T, rtol=1e-2)


@pytest.mark.parametrize(("activation", "mode"), MODES)
def test_outputs_have_the_spread_of_a_linear_layer(activation, mode):
    torch.manual_seed(0)
    x = torch.randn(500, 64)
    layer = SNNKLinear(
        64, 200, "sin" if mode == "bounded" else "relu", 64, mode="arc_cosine" if mode == "arc_cosine" else "bounded"
    )
    ratio = layer(x).var() / nn.Linear(64, 200)(x).var()
    assert 0.3 < ratio < 3.0


def test_only_the_matrix_and_the_constant_are_trainable():
    assert {name for name, _ in layer_of().named_parameters()} == {"weight", "bias"}
    assert {name for name, _ in layer_of(bias=False).named_parameters()} == {"weight"}
    before = layer_of().features.random_weights
    layer = layer_of()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer(rows()).square().mean().backward()
    optimizer.step()
    assert torch.equal(layer.features.random_weights, before)
    assert not torch.equal(layer.weight, layer_of().weight)


def test_the_seed_decides():
    assert torch.equal(layer_of().features.random_weights, layer_of().features.random_weights)
    first, second = (SNNKLinear(6, 3, "gelu", 8).features.random_weights for _ in range(2))
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    first = SNNKLinear(6, 3, "gelu", 8)
    torch.manual_seed(3)
    assert torch.equal(SNNKLinear(6, 3, "gelu", 8)(rows(dtype=torch.float32)), first(rows(dtype=torch.float32)))


@pytest.mark.parametrize(("activation", "mode"), MODES)
def test_state_copies_and_pickles_give_the_same_layer(activation, mode):
    layer, x = layer_of(activation, mode), rows()
    fresh = SNNKLinear(6, 3, activation, 32, mode=mode, weight_norm=0.3, random_state=1, dtype=torch.float64)
    fresh.load_state_dict(layer.state_dict())
    for other in (fresh, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x), layer(x))
        assert other.weight.data_ptr() != layer.weight.data_ptr()


@pytest.mark.parametrize(("activation", "mode"), MODES)
def test_dtypes_and_devices_move_everything(activation, mode):
    layer = layer_of(activation, mode)
    exact = layer(rows())
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.1)):
        output = layer.to(dtype)(rows(dtype=dtype))
        assert output.dtype == dtype
        torch.testing.assert_close(output.double(), exact, rtol=0, atol=tolerance)
    assert {tensor.device.type for tensor in layer.to("meta").state_dict().values()} == {"meta"}


@pytest.mark.parametrize(("activation", "mode"), MODES)
def test_autocast_runs_in_half_precision(activation, mode):
    layer, x = layer_of(activation, mode, dtype=torch.float32), rows(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = layer(x)
        output.float().sum().backward()
    assert output.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == torch.float32
    torch.testing.assert_close(output.float(), layer(x), rtol=0, atol=0.1)


@pytest.mark.parametrize(("activation", "mode"), MODES)
def test_compiling_changes_nothing(activation, mode):
    layer, x = layer_of(activation, mode), rows().requires_grad_()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), layer(x), rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(f(x).square().sum(), [x, layer.weight]) for f in (compiled, layer)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


def test_forward_leaves_the_module_as_it_is():
    # What DataParallel needs: replicas share __dict__ entries, so nothing may be stored by a forward pass.
    layer = layer_of("tanh", "unbiased")
    before, state = set(vars(layer.features)), copy.deepcopy(layer.state_dict())
    output = nn.DataParallel(layer)(rows())
    assert set(vars(layer.features)) == before
    assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())
    assert torch.equal(output, layer(rows()))


@pytest.mark.parametrize("activation", ["tanh", "gelu", "relu"])
def test_a_trained_layer_is_the_start_of_training(activation):
    torch.manual_seed(0)
    linear, x = nn.Linear(4, 8).double(), 0.4 * torch.randn(200, 4, dtype=torch.float64)
    function = {"tanh": torch.tanh, "gelu": nn.functional.gelu, "relu": torch.relu}[activation]
    errors = []
    for size in (300, 3000):
        layer = SNNKLinear.from_linear(linear, activation, size, inputs=x, random_state=0)
        assert layer.bias is None
        assert layer.weight.dtype == torch.float64
        errors.append(float((layer(x) - function(linear(x))).detach().square().mean().sqrt()))
    assert errors[1] < 0.06
    assert errors[1] < errors[0]


def test_from_linear_is_psi_of_the_core():
    torch.manual_seed(0)
    linear, x = nn.Linear(4, 3, bias=False), torch.randn(30, 4)
    W = linear.weight.detach().double().numpy()
    norm = float(np.linalg.norm(W, axis=1).max())
    layer = SNNKLinear.from_linear(linear, "tanh", 50, inputs=x, random_state=5)
    sampler = URFSampler("tanh", n_components=50, mode="unbiased", weight_norm=norm, random_state=5).fit(x.double())
    np.testing.assert_allclose(layer.weight.detach().numpy(), sampler.transform_weights(W), rtol=1e-5, atol=1e-5)


def test_arc_cosine_layers_start_from_weights_too():
    linear = nn.Linear(6, 3)
    layer = SNNKLinear.from_linear(linear, "relu", 64, mode="arc_cosine", random_state=0)
    sampler = ArcCosineSampler(1, n_components=64, random_state=0).fit(np.outer([1.0, -1.0], np.ones(6)))
    psi = sampler.transform_weights(linear.weight.detach().numpy(), linear.bias.detach().numpy())
    np.testing.assert_allclose(layer.weight.detach().numpy(), psi, atol=1e-5)


def test_calibration_learns_a_layer_from_its_outputs():
    torch.manual_seed(0)
    block, x = nn.Sequential(nn.Linear(6, 40), nn.GELU()), torch.randn(3000, 6)
    layer = SNNKLinear(6, 40, "gelu", 400, inputs=x, random_state=0).calibrate(x[:2000], block(x[:2000]))
    error = (layer(x[2000:]) - block(x[2000:])).square().mean()
    assert error < 1e-3 * block(x).square().mean()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("activation", "mode"), [("gelu", "bounded"), ("relu", "arc_cosine")])
@pytest.mark.parametrize("size", [100, 400])
def test_calibration_in_half_precision_is_nearly_as_good_as_in_single(dtype, activation, mode, size):
    torch.manual_seed(0)
    block, x = nn.Sequential(nn.Linear(6, 40), nn.GELU()), torch.randn(3000, 6)
    y = block(x).detach()

    def error(dtype):
        layer = SNNKLinear(6, 40, activation, size, mode=mode, inputs=x, random_state=0, dtype=dtype)
        found = layer.calibrate(x[:2000].to(dtype), y[:2000].to(dtype))(x[2000:].to(dtype))
        return float((found.detach().float() - y[2000:]).norm() / y[2000:].norm())

    assert error(dtype) < 1.3 * error(torch.float32) < 0.15


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize(("activation", "mode"), MODES)
def test_a_layer_that_was_made_without_values_has_its_features_later(activation, mode, seed):
    options = {"mode": mode, "weight_norm": 0.3, "random_state": seed, "inputs": rows().numpy()}
    torch.manual_seed(3)
    expected = SNNKLinear(6, 3, activation, 32, **options)
    torch.manual_seed(3)
    with torch.device("meta"):
        layer = SNNKLinear(6, 3, activation, 32, **options)
    assert {value.device.type for value in layer.state_dict().values()} == {"meta"}
    with pytest.raises(ValueError, match="the layer is on the meta device"):
        layer.calibrate(rows(), rows()[:, :3])
    for made in (copy.deepcopy(layer).to_empty(device="cpu"), pickle.loads(pickle.dumps(layer)).to_empty(device="cpu")):
        x = rows(dtype=torch.float32)
        assert torch.equal(made.features(x), expected.features(x))
        assert made.weight.abs().max() <= 1.0 and made(x).isfinite().all()
        assert torch.equal(made.bias, torch.zeros(3))
    skipped = nn.utils.skip_init(SNNKLinear, 6, 3, activation, 32, **(options | {"random_state": 0}))
    assert torch.equal(
        skipped.features.random_weights,
        SNNKLinear(6, 3, activation, 32, **(options | {"random_state": 0})).features.random_weights,
    )


def test_weights_follow_the_device_of_the_context():
    with torch.device("meta"):
        assert {value.device.type for value in SNNKLinear(6, 3).state_dict().values()} == {"meta"}
        assert SNNKLinear(6, 3, device="cpu").features.random_weights.device.type == "cpu"


def test_a_layer_has_the_features_of_one_that_is_converted():
    for dtype in (torch.bfloat16, torch.float16):
        # So many that some would lie where rounding twice is not rounding once.
        sizes = {"in_features": 256, "out_features": 1, "n_components": 4096, "directions": "gaussian"}
        made, converted = (SNNKLinear(**sizes, random_state=0, dtype=first).to(dtype) for first in (dtype, None))
        assert torch.equal(made.features.random_weights, converted.features.random_weights)


def test_a_sampler_becomes_a_layer():
    sampler = URFSampler("laplace", n_components=16, frequencies="coordinatewise", random_state=0).fit(rows().numpy())
    layer = SNNKLinear.from_sampler(sampler, 2, bias=False, dtype=torch.float64)
    expected = sampler.transform(rows().numpy()) @ layer.weight.detach().numpy().T
    np.testing.assert_allclose(layer(rows()).detach().numpy(), expected, atol=1e-14)


def test_print_says_the_sizes():
    assert "in_features=6, out_features=3, n_components=32, bias=True" in repr(layer_of())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SNNKLinear(4, 2, mode="positive"), "mode='positive' is not one of"),
        (lambda: SNNKLinear(4, 2, "tanh", mode="arc_cosine"), "activation='tanh' has no arc-cosine features"),
        (lambda: SNNKLinear(4, 2, np.tanh, mode="arc_cosine"), "has no arc-cosine features"),
        (lambda: SNNKLinear(4, 2, "gelu", 0), "n_components"),
        (lambda: SNNKLinear(4, 2, "gelus"), "activation"),
        (lambda: SNNKLinear(4, 2, inputs=np.ones((5, 3))), "inputs has 3 columns in its last axis; in_features=4"),
        (lambda: SNNKLinear.from_linear(nn.Linear(4, 2), mode="bounded"), "estimates no layer"),
        (lambda: SNNKLinear(4, 2, bias=False).calibrate(np.ones((5, 4)), np.ones((5, 2))), "bias=True"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
