"""Adapter files: bit-equal, small, and refused where they do not belong."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file
from torch import nn

from sknnk.torch import add_adapters, load_adapters, merge_adapters, save_adapters, trainable_parameters


def encoder():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.LayerNorm(64), nn.Linear(64, 3))


def trained(targets=("0", "2"), **options):
    model = add_adapters(encoder(), targets, 8, random_state=0, trainable=["4"], **options)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in trainable_parameters(model):
            parameter.add_(torch.randn_like(parameter))
    return model


def rows():
    return torch.randn(5, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "options",
    [{}, {"activation": "sin"}, {"form": "gated"}, {"form": "low_rank", "rank": 2}, {"length_scale": np.full(64, 3.0)}],
)
def test_what_comes_back_is_bit_equal(tmp_path, options):
    model = trained(**options)
    save_adapters(model, tmp_path / "a.safetensors")
    loaded = load_adapters(encoder(), tmp_path / "a.safetensors")
    assert torch.equal(loaded(rows()), model(rows()))
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(loaded.state_dict()[name], value) for name, value in model.state_dict().items())
    assert [p.requires_grad for p in loaded.parameters()] == [p.requires_grad for p in model.parameters()]


def test_a_file_holds_adapters_and_head_and_nothing_else(tmp_path):
    save_adapters(trained(), tmp_path / "a.safetensors")
    # Two adapters (a matrix and random weights of 64 x 8, offsets) and a head, four bytes each, and a header.
    assert (tmp_path / "a.safetensors").stat().st_size < 4 * (2 * (2 * 64 * 8 + 8) + 65 * 3) + 2000


def test_random_features_are_those_of_the_file_whatever_is_drawn(tmp_path):
    model = trained()
    model[0].snnk_adapter.layer.features.random_weights += 1.0
    save_adapters(model, tmp_path / "a.safetensors")
    assert torch.equal(load_adapters(encoder(), tmp_path / "a.safetensors")(rows()), model(rows()))


def test_merged_adapters_are_saved_as_they_are(tmp_path):
    model = merge_adapters(trained(form="gated"))
    save_adapters(model, tmp_path / "a.safetensors")
    loaded = load_adapters(encoder(), tmp_path / "a.safetensors")
    assert torch.equal(loaded[0](rows()), model[0](rows()))
    assert not loaded[0].snnk_adapter.layer.weight.requires_grad


def test_loading_replaces_adapters_that_are_there(tmp_path):
    save_adapters(trained(), tmp_path / "a.safetensors")
    model = load_adapters(trained(form="gated", activation="sin"), tmp_path / "a.safetensors")
    assert torch.equal(model(rows()), trained()(rows()))
    assert all(len(model[i]._forward_hooks) == 1 for i in (0, 2))


def test_two_tasks_share_one_model(tmp_path):
    save_adapters(trained(), tmp_path / "a.safetensors")
    save_adapters(trained(activation="sin"), tmp_path / "b.safetensors")
    model = encoder()
    outputs = [load_adapters(model, tmp_path / f"{task}.safetensors")(rows()) for task in "aba"]
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.equal(outputs[0], outputs[1])


def test_what_no_file_can_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match="model has no adapters"):
        save_adapters(encoder(), tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="the adapter of '0' has a callable activation"):
        save_adapters(trained(activation=np.tanh), tmp_path / "a.safetensors")


def test_files_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="is not a file of save_adapters"):
        load_adapters(encoder(), path)
    save_adapters(trained(), path)
    with pytest.raises(ValueError, match="has an adapter for '2', which is no module of the model"):
        load_adapters(nn.Sequential(nn.Linear(64, 64)), path)
    narrow = copy.deepcopy(encoder())
    narrow[4] = nn.Linear(64, 2)
    with pytest.raises(ValueError, match=r"has 4\.bias of shape \(3,\); the model has \(2,\) there"):
        load_adapters(narrow, path)
    assert narrow.state_dict().keys() == encoder().state_dict().keys()
    assert all(parameter.requires_grad for parameter in narrow.parameters())
