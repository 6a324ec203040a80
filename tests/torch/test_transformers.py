"""Feed-forward blocks bundled in closed form: in plain modules, in PyTorch's encoder and in BERT and ViT."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn

from sknnk.torch import SNNKLinear, bundle_feedforward
from sknnk.torch._feedforward_blocks import block_of
from sknnk.torch._transformers import _gradient_metric

DIM = 16


class Residual(nn.Module):
    """A block with its residual connection."""

    def __init__(self):
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(DIM), feedforward()

    def forward(self, x):
        return x + self.mlp(self.norm(x))


def feedforward():
    return nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Dropout(0.1), nn.Linear(4 * DIM, DIM))


def stack():
    torch.manual_seed(0)
    return nn.Sequential(Residual(), Residual())


def rows(n=600, seed=0):
    """Hidden states of few dimensions, as those of trained models are."""
    factors = torch.randn(3, DIM, generator=torch.Generator().manual_seed(9))
    return torch.randn(n, 5, 3, generator=torch.Generator().manual_seed(seed)) @ factors


def relative_error(found, expected):
    return float((found - expected).detach().norm() / expected.detach().norm())


@pytest.mark.parametrize("mode", ["bounded", "arc_cosine"])
def test_a_block_keeps_its_outputs_on_new_rows_with_a_quarter_of_the_parameters(mode):
    model, activation = stack().eval(), {"bounded": "gelu", "arc_cosine": "relu"}[mode]
    original = copy.deepcopy(model)
    errors = bundle_feedforward(model, ["mlp"], rows(), activation=activation, mode=mode, random_state=0)
    assert list(errors) == ["0.mlp", "1.mlp"]
    new = original[0].norm(rows(seed=1))
    with torch.no_grad():
        error = relative_error(model[0].mlp(new), original[0].mlp(new))
    assert error < (0.05 if mode == "bounded" else 0.15)
    assert error == pytest.approx(errors["0.mlp"], rel=0.2)
    for name in errors:
        sizes = [sum(p.numel() for p in m.get_submodule(name).parameters()) for m in (model, original)]
        assert sizes[0] <= sizes[1] / 4
    assert not model.training


def test_more_features_come_closer():
    errors = []
    for size in (8, 32, 128):
        errors.append(bundle_feedforward(stack(), ["0.mlp"], rows(), size, random_state=0)["0.mlp"])
    assert errors == sorted(errors, reverse=True)


def test_the_seed_decides_and_blocks_have_features_of_their_own():
    models = [stack(), stack()]
    for model in models:
        bundle_feedforward(model, ["mlp"], rows(), 8, random_state=0)
    assert torch.equal(models[0][1].mlp.weight, models[1][1].mlp.weight)
    assert not torch.equal(models[0][0].mlp.features.random_weights, models[0][1].mlp.features.random_weights)
    torch.manual_seed(5)
    assert bundle_feedforward(stack(), ["0.mlp"], rows(), 8)["0.mlp"] < 1.0


def test_the_mode_of_the_model_comes_back_and_dropout_has_no_part():
    model = stack().train()
    bundle_feedforward(model, ["0.mlp"], rows(), 8, random_state=0)
    assert model.training
    reference = stack().eval()
    bundle_feedforward(reference, ["0.mlp"], rows(), 8, random_state=0)
    assert torch.equal(model[0].mlp.weight, reference[0].mlp.weight)


@pytest.mark.parametrize("norm_first", [False, True])
def test_an_encoder_of_pytorch_runs_on_in_both_modes(norm_first):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(DIM, 2, 4 * DIM, 0.0, batch_first=True, norm_first=norm_first)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    original, x = copy.deepcopy(model), rows(200)
    with torch.no_grad():
        errors = bundle_feedforward(model, r"layers\.\d", x, 128, random_state=0)
        assert max(errors.values()) < 0.1
        assert relative_error(model(x), original(x)) < 0.05
        torch.testing.assert_close(model.train()(x), model.eval()(x))
    model(x).sum().backward()
    assert model.layers[0].linear2.weight.grad.abs().max() > 0


@pytest.mark.parametrize("name", ["Bert", "ViT"])
def test_a_transformer_of_the_hub_is_close_to_what_it_was_and_trains_on(name):
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    if name == "Bert":
        model = transformers.BertModel(transformers.BertConfig(vocab_size=40, **small), add_pooling_layer=False)
        inputs, targets = {"input_ids": torch.randint(40, (40, 12))}, r"encoder\.layer\.\d"
    else:
        config = transformers.ViTConfig(image_size=8, patch_size=2, num_channels=1, **small)
        model, inputs = transformers.ViTModel(config, add_pooling_layer=False), (torch.randn(40, 1, 8, 8),)
        targets = ["mlp"] if any(part.endswith(".mlp") for part, _ in model.named_modules()) else r".*\.layer\.\d"
    original = copy.deepcopy(model.eval())
    errors = bundle_feedforward(model, targets, inputs, 128, random_state=0)
    assert len(errors) == 2
    outputs = [(m(**inputs) if isinstance(inputs, dict) else m(*inputs)).last_hidden_state for m in (model, original)]
    assert relative_error(*outputs) < 0.05
    outputs[0].square().sum().backward()
    assert sum(isinstance(module, SNNKLinear) for module in model.modules()) == (2 if targets == ["mlp"] else 0)


def test_the_metric_is_what_the_gradients_say():
    torch.manual_seed(0)
    single, x = nn.Linear(4, 1).double(), torch.randn(10, 4, dtype=torch.float64)
    # With one output the gradient is the same everywhere, whatever its sign.
    root = _gradient_metric(block_of("0", single), x)
    torch.testing.assert_close(root @ root, (single.weight.T @ single.weight).detach())
    # What no output depends on gets no direction.
    blind = nn.Sequential(nn.Linear(4, 3), nn.Tanh()).double()
    with torch.no_grad():
        blind[0].weight[:, 2] = 0.0
    assert _gradient_metric(block_of("0", blind), x)[2].abs().max() < 1e-7


def test_a_block_that_inputs_do_not_reach_is_named():
    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp = feedforward()

        def forward(self, x):
            return x

    with pytest.raises(ValueError, match="inputs do not reach 'mlp'"):
        bundle_feedforward(Skips(), ["mlp"], rows())
    with pytest.raises(ValueError, match="targets='ffn' is the name of nothing"):
        bundle_feedforward(stack(), ["ffn"], rows())


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("mode", ["bounded", "arc_cosine"])
def test_a_block_in_half_precision_is_bundled_nearly_as_well(half, mode):
    activation = {"bounded": "gelu", "arc_cosine": "relu"}[mode]
    options = {"activation": activation, "mode": mode, "random_state": 0}
    model, single = stack().eval().to(half), stack().eval()
    original, x = copy.deepcopy(model), rows(200).to(half)
    errors = bundle_feedforward(model, ["mlp"], x, 64, **options)
    reference = bundle_feedforward(single, ["mlp"], x.float(), 64, **options)
    assert all(errors[name] < 1.5 * reference[name] + 0.01 for name in errors)
    assert model[0].mlp.weight.dtype == model(x).dtype == half
    new = original[0].norm(rows(seed=1).to(half))
    error = relative_error(model[0].mlp(new).float(), original[0].mlp(new).float())
    assert error < 1.5 * errors["0.mlp"] + 0.01


@pytest.mark.parametrize("size", [1e-4, 1e-3])
def test_gradients_that_vanish_in_half_precision_still_say_where_a_block_varies(size):
    model = stack().eval()
    model[0].mlp[3].weight.data.mul_(size)
    model[0].mlp[3].bias.data.mul_(size)
    x, half = rows(200), copy.deepcopy(model).half()
    reference = bundle_feedforward(model, ["0.mlp"], x, 64, random_state=0)["0.mlp"]
    assert bundle_feedforward(half, ["0.mlp"], x.half(), 64, random_state=0)["0.mlp"] < 1.5 * reference + 0.01


def test_an_encoder_in_half_precision_is_bundled():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(DIM, 2, 4 * DIM, 0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval().bfloat16()
    x = rows(100).bfloat16()
    assert bundle_feedforward(model, r"layers\.0", x, 64, random_state=0)["layers.0"] < 0.2
    assert model(x).dtype == torch.bfloat16


@pytest.mark.parametrize("n", [3, 4, 5, 6, 9])
def test_few_rows_give_an_error_that_is_a_number(n):
    x = rows()[0, :, :].repeat(2, 1)[:n] + 0.1 * torch.randn(n, DIM, generator=torch.Generator().manual_seed(1))
    model = stack()
    (error,) = bundle_feedforward(model, ["0.mlp"], x, 8, random_state=0).values()
    assert 0.0 < error < 10.0
    assert model(x).isfinite().all()


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_rows_are_refused_by_name(n):
    with pytest.raises(ValueError, match=rf"inputs give {n} rows to '0\.mlp'; at least 3 are needed"):
        bundle_feedforward(stack(), ["0.mlp"], rows()[0, :n])


def test_a_block_that_does_nothing_has_no_error():
    model = stack()
    nn.init.zeros_(model[0].mlp[3].weight), nn.init.zeros_(model[0].mlp[3].bias)
    assert bundle_feedforward(model, ["0.mlp"], rows(20), 8, random_state=0) == {"0.mlp": 0.0}
    assert torch.equal(model[0].mlp(rows(1)), torch.zeros(1, 5, DIM))


def test_a_block_that_breaks_is_refused_by_name():
    model = stack()
    model[0].mlp[3].weight.data.fill_(float("inf"))
    with pytest.raises(ValueError, match=r"targets: '0\.mlp' gives values that are not finite"):
        bundle_feedforward(model, ["0.mlp"], rows(20), 8)
