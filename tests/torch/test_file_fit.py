"""Files that do not fit: refused with a ValueError, and the model is as it was."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from sknnk.torch import add_adapters, load_adapters, save_adapters, trainable_parameters
from sknnk.torch._adapted_models import adapters_of
from sknnk.torch._adapter_files import _FORMAT, _packed, _read


def encoder():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64), nn.LayerNorm(64), nn.Linear(64, 3))


def trained():
    model = add_adapters(encoder(), ["0", "2"], 8, random_state=0, trainable=["4"])
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in trainable_parameters(model):
            parameter.add_(torch.randn_like(parameter))
    return model


def rows():
    return torch.randn(5, 64, generator=torch.Generator().manual_seed(0))


def state_of(model):
    """All that a refusal must leave alone."""
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    trains = {name: value.requires_grad for name, value in model.named_parameters()}
    return (
        tensors,
        trains,
        [name for name, _, _ in adapters_of(model)],
        [len(m._forward_hooks) for m in model.modules()],
    )


def refused(model, path, words):
    """A file is refused with a ValueError of these words, and the model is as it was."""
    tensors, *others = state_of(model)
    with pytest.raises(ValueError, match=words):
        load_adapters(model, path)
    after, *others_after = state_of(model)
    assert others == others_after and tensors.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in tensors.items())


def forged(path, change):
    """A file of save_adapters whose tensors somebody changed."""
    save_adapters(trained(), path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    change(tensors)
    save_file(tensors, path, metadata)


ADAPTER, HEAD = "0.snnk_adapter.layer.weight", "4.weight"


@pytest.mark.parametrize("models", [encoder, trained])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors: tensors.pop(HEAD), r"lacks 4\.weight"),
        (lambda tensors: tensors.pop(ADAPTER), r"lacks 0\.snnk_adapter\.layer\.weight"),
        (lambda tensors: [tensors.pop(name) for name in list(tensors) if "snnk" in name], "lacks .* and 1 more"),
        (lambda tensors: tensors.update({HEAD: torch.ones(1, 64)}), r"has 4\.weight of shape \(1, 64\); .* \(3, 64\)"),
        (lambda tensors: tensors.update({ADAPTER: torch.ones(64, 1)}), r"of shape \(64, 1\); the model has \(64, 8\)"),
        (lambda tensors: tensors.update({ADAPTER: torch.ones(1)}), r"of shape \(1,\); the model has \(64, 8\) there"),
        (lambda tensors: tensors.update({"0.weight": torch.ones(64, 64)}), r"has 0\.weight, which is neither of an"),
        (lambda tensors: tensors.update({"nine": torch.ones(1)}), r"has nine, which is neither of an adapter nor"),
        (lambda tensors: tensors.update({HEAD: torch.ones(3, 64).int()}), r"has 4\.weight of torch\.int32"),
    ],
)
def test_a_file_with_other_tensors_is_refused_and_leaves_the_model_alone(tmp_path, models, change, words):
    forged(tmp_path / "a.safetensors", change)
    refused(models(), tmp_path / "a.safetensors", words)


class Says(nn.Module):
    """A target that does not say how wide its outputs are."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize("make", [lambda width: nn.Linear(64, width), nn.LayerNorm, lambda w: nn.LSTM(64, w), Says])
def test_a_file_for_another_width_is_refused(tmp_path, make):
    path = tmp_path / "a.safetensors"
    save_adapters(add_adapters(nn.Sequential(make(64)), ["0"], 8, dim=64), path)
    refused(nn.Sequential(make(32)), path, "has an adapter of width 64 for '0'")
    assert len(list(adapters_of(load_adapters(nn.Sequential(make(64)), path)))) == 1


def test_a_file_fits_where_the_user_knew_the_width_better(tmp_path):
    class Misleading(Says):
        hidden_size = 8

    save_adapters(add_adapters(nn.Sequential(Misleading(64)), ["0"], 8, dim=64), tmp_path / "a.safetensors")
    assert load_adapters(nn.Sequential(Misleading(64)), tmp_path / "a.safetensors")(rows()).shape == (5, 64)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"no tensors here at all")
    refused(encoder(), path, "is no safetensors file, or a damaged one")
    for header in ({"format": "sknnk-adapters-2"}, {"format": "sknnk-adapters-2", "contents": "abc"}):
        save_file({"x": torch.zeros(1)}, path, header)
        refused(encoder(), path, "has a damaged header")


def test_the_meta_device_has_no_values_to_save_or_to_overwrite(tmp_path):
    path = tmp_path / "a.safetensors"
    save_adapters(trained(), path)
    refused_on_meta = encoder().to("meta")
    with pytest.raises(ValueError, match="'0' is on the meta device; load the weights of the model first"):
        load_adapters(refused_on_meta, path)
    assert not list(adapters_of(refused_on_meta))
    with pytest.raises(ValueError, match="is on the meta device and has no values to save"):
        save_adapters(trained().to("meta"), path)


class Shared(nn.Module):
    """A head that may have the weights of the embedding, and a layer that may have two names."""

    def __init__(self, tie, share):
        super().__init__()
        self.embed, self.dense = nn.Embedding(7, 64), nn.Linear(64, 64)
        self.again = self.dense if share else copy.deepcopy(self.dense)
        self.lm_head = nn.Linear(64, 7, bias=False)
        if tie:
            self.lm_head.weight = self.embed.weight


def test_a_file_of_another_tie_or_of_another_sharing_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_adapters(add_adapters(Shared(tie=False, share=True), ["again"], 8, trainable=["lm_head"]), path)
    words = r"has lm_head\.weight, which in the model is tied to embed\.weight, frozen in the model that was"
    refused(Shared(tie=True, share=True), path, words)
    words = r"is called again, dense; in the model it is called dense\. Use the same"
    refused(Shared(tie=False, share=False), path, words)


def test_what_is_not_in_the_model_or_has_no_values_there_is_named(tmp_path):
    path = tmp_path / "a.safetensors"
    save_adapters(trained(), path)
    refused(encoder()[:4], path, r"has 4\.(bias|weight) of shape .*; the model has nothing there")
    model = encoder()
    model[4].to("meta")
    with pytest.raises(ValueError, match=r"has 4\.bias, which is on the meta device in the model"):
        load_adapters(model, path)
    assert not list(adapters_of(model))


def test_an_adapter_that_this_version_cannot_make_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    for change in ({"activation": "unheard"}, {"no_such_option": 1}):
        save_adapters(trained(), path)
        contents, tensors = _read(path)
        contents["adapters"]["0"]["config"] |= change
        save_file(tensors, path, {"format": _FORMAT, "contents": _packed(contents)})
        refused(encoder(), path, "has an adapter for '0' that cannot be made: ")
