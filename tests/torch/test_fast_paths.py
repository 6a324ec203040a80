"""Encoders of PyTorch with a padding mask, in eval mode: changed layers are not fused, and others are."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn

from sknnk.torch import (
    add_adapters,
    bundle_feedforward,
    load_adapters,
    remove_adapters,
    save_adapters,
    trainable_parameters,
)
from sknnk.torch._fast_paths import has_ours, without_fast_paths

DIM = 8


def encoder(n_layers=2, **options):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(DIM, 2, 16, dropout=0.0, batch_first=True, **options)
    return nn.TransformerEncoder(layer, n_layers).eval()


def reference(**options):
    """An encoder as it was, without the warning that PyTorch gives with its nested tensors."""
    model = encoder(**options)
    model.use_nested_tensor = False
    return model


def batch(n=3):
    """Rows whose ends are padding."""
    lengths = torch.arange(n) % 5 + 2
    x = torch.randn(n, 6, DIM, generator=torch.Generator().manual_seed(0))
    return x, torch.arange(6) >= lengths[:, None]


def outputs(model, evaluate=True):
    """What an encoder gives where there is no padding."""
    x, mask = batch()
    model.train(not evaluate)
    with torch.no_grad():
        return model(x, src_key_padding_mask=mask)[~mask[:, : x.shape[1]]]


def changed(model):
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in trainable_parameters(model):
            parameter.add_(torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("targets", [["linear2"], ["norm1"], ["self_attn"], ["layers.1"], ["layers.1.linear1"]])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_adapted_encoder_gives_the_same_in_eval_and_in_train_mode(targets, activation):
    model = add_adapters(encoder(activation=activation), targets, 4, random_state=0)
    torch.testing.assert_close(outputs(model), outputs(reference(activation=activation)))
    changed(model)
    torch.testing.assert_close(outputs(model), outputs(model, evaluate=False))
    assert (outputs(model) - outputs(reference(activation=activation))).abs().max() > 1e-3


def test_an_encoder_may_be_made_of_an_adapted_layer():
    layer = changed(add_adapters(encoder().layers[0], ["linear2"], 4, random_state=0))
    with pytest.warns(UserWarning, match="activation_relu_or_gelu was not True"):
        model = nn.TransformerEncoder(layer, 2)
    torch.testing.assert_close(outputs(model), outputs(model, evaluate=False))
    assert remove_adapters(layer).activation_relu_or_gelu == 1


def test_an_encoder_inside_a_model_is_found():
    model = add_adapters(nn.ModuleDict({"body": encoder()}), ["linear2"], 4, random_state=0)
    assert outputs(model["body"]).shape == outputs(reference()).shape


def test_the_fused_path_comes_back_with_the_last_adapter():
    model = encoder()
    assert model.use_nested_tensor
    add_adapters(model, ["linear2"], 4)
    assert not model.use_nested_tensor
    assert remove_adapters(model).use_nested_tensor
    assert not vars(model).keys() - vars(encoder()).keys()
    assert [layer.activation_relu_or_gelu for layer in model.layers] == [1, 1]
    slow = encoder()
    slow.use_nested_tensor = False
    assert not remove_adapters(add_adapters(slow, ["linear2"], 4)).use_nested_tensor


def test_an_encoder_whose_layers_are_as_they_were_keeps_the_fused_path():
    model = nn.ModuleDict({"body": encoder(), "head": nn.Linear(DIM, 2)})
    assert add_adapters(model, ["body", "head"], 4)["body"].use_nested_tensor
    assert has_ours(model, adapters=True) and not has_ours(model, adapters=False)


def test_adapters_of_a_file_leave_the_fused_path_too(tmp_path):
    model = changed(add_adapters(encoder(), ["linear2"], 4, random_state=0))
    save_adapters(model, tmp_path / "a.safetensors")
    torch.testing.assert_close(outputs(load_adapters(encoder(), tmp_path / "a.safetensors")), outputs(model))


@pytest.mark.parametrize("targets", [r"layers\.\d", r"layers\.0", r"layers\.1", r"layers\.0\.linear1", ["linear2"]])
def test_a_bundled_encoder_takes_a_padding_mask_in_both_modes(targets):
    model = encoder()
    x, mask = batch(60)
    errors = bundle_feedforward(model, targets, {"src": x, "src_key_padding_mask": mask}, 16, random_state=0)
    assert all(error < 1.0 for error in errors.values())
    torch.testing.assert_close(outputs(model), outputs(model, evaluate=False))
    assert (outputs(model) - outputs(reference())).abs().max() > 1e-4
    if len(errors) == 2 and not isinstance(targets, list):
        # A clone of a bundled layer is not fused either.
        with pytest.warns(UserWarning, match="activation_relu_or_gelu was not True"):
            again = nn.TransformerEncoder(model.layers[0], 2)
        torch.testing.assert_close(outputs(again), outputs(again, evaluate=False))


def test_calibration_leaves_the_setting_of_pytorch_alone():
    before = torch.backends.mha.get_fastpath_enabled()
    with without_fast_paths():
        assert not torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mha.get_fastpath_enabled() == before
    with pytest.raises(ZeroDivisionError), without_fast_paths():
        1 / 0  # noqa: B018
    assert torch.backends.mha.get_fastpath_enabled() == before


def test_a_copy_of_an_adapted_encoder_is_settled_as_well():
    model = changed(add_adapters(encoder(), ["linear2"], 4, random_state=0))
    torch.testing.assert_close(outputs(copy.deepcopy(model)), outputs(model))
