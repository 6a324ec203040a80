"""Adapter files: bit-equal, small, and refused where they do not belong."""

import copy
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from sknnk.torch import add_adapters, load_adapters, merge_adapters, save_adapters, trainable_parameters
from sknnk.torch._adapted_models import adapters_of


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


def test_a_file_holds_trained_parameters_and_nothing_else(tmp_path):
    path, model = tmp_path / "a.safetensors", trained()
    save_adapters(model, path)
    with safe_open(path, framework="pt") as file:
        assert set(file.keys()) == {name for name, value in model.named_parameters() if value.requires_grad}
    assert path.stat().st_size < 4 * (2 * 64 * 8 + 65 * 3) + 1200
    save_adapters(model, path, with_features=True)
    with safe_open(path, framework="pt") as file:
        assert {name for name in file.keys() if "random_weights" in name} == {  # noqa: SIM118 (not a mapping)
            f"{name}.snnk_adapter.layer.features.random_weights" for name in "02"
        }
    assert torch.equal(load_adapters(encoder(), path)(rows()), model(rows()))


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


def test_features_that_would_be_drawn_otherwise_are_refused(tmp_path, monkeypatch):
    path, model = tmp_path / "a.safetensors", trained()
    save_adapters(model, path)
    save_adapters(model, tmp_path / "whole.safetensors", with_features=True)
    draw = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed: draw(None if seed is None else seed + 1))
    with pytest.raises(ValueError, match=r"'0' whose seed stands for other random features now.*with_features=True"):
        load_adapters(encoder(), path)
    assert torch.equal(load_adapters(encoder(), tmp_path / "whole.safetensors")(rows()), model(rows()))


@pytest.mark.parametrize("convert", [nn.Module.double, nn.Module.bfloat16, nn.Module.half])
def test_a_model_that_was_converted_is_saved_as_it_is(tmp_path, convert):
    model = convert(trained())
    x = rows().to(model[0].weight.dtype)
    save_adapters(model, tmp_path / "a.safetensors")
    assert torch.equal(load_adapters(convert(encoder()), tmp_path / "a.safetensors")(x), model(x))


def test_adapters_keep_a_dtype_of_their_own(tmp_path):
    model = add_adapters(encoder().bfloat16(), ["0", "1"], 8, dim=64, dtype=torch.float32, random_state=0)
    for parameter in trainable_parameters(model):
        nn.init.normal_(parameter)
    save_adapters(model, tmp_path / "a.safetensors")
    loaded = load_adapters(encoder().bfloat16(), tmp_path / "a.safetensors")
    assert {adapter.layer.weight.dtype for _, _, adapter in adapters_of(loaded)} == {torch.float32}
    assert torch.equal(loaded(rows().bfloat16()), model(rows().bfloat16()))


class Normed(nn.Module):
    """A frozen encoder, and a head with statistics."""

    def __init__(self, affine=True):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64))
        self.head = nn.Sequential(nn.BatchNorm1d(64, affine=affine), nn.Dropout(0.1), nn.Linear(64, 2))

    def forward(self, x):
        return self.head(self.encoder(x))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("trainable", [["head"], r"head\.\d"])
def test_statistics_of_a_trained_head_are_saved(tmp_path, affine, trainable):
    if not affine and trainable != ["head"]:
        trainable = ["head.2", "head"]
    model = add_adapters(Normed(affine), ["encoder.0"], 8, trainable=trainable, random_state=0)
    model.train()
    model.encoder.eval()
    for _ in range(3):
        model(5.0 * rows() + 1.0)
    model.eval()
    path = tmp_path / "a.safetensors"
    save_adapters(model, path)
    loaded = load_adapters(Normed(affine).eval(), path)
    assert torch.equal(loaded(rows()), model(rows()))
    assert loaded.head[0].num_batches_tracked == 3
    with safe_open(path, framework="pt") as file:
        assert not [name for name in file.keys() if name.startswith("encoder.1")]  # noqa: SIM118 (not a mapping)


@pytest.mark.parametrize("trainable", [["head.0"], ["head.0.weight"]])
def test_statistics_go_with_the_module_that_is_trained_in_part(tmp_path, trainable):
    model = add_adapters(Normed(), ["encoder.0"], 8, trainable=trainable, random_state=0)
    model(rows() + 2.0)
    save_adapters(model.eval(), tmp_path / "a.safetensors")
    loaded = load_adapters(Normed().eval(), tmp_path / "a.safetensors")
    assert torch.equal(loaded.head[0].running_mean, model.head[0].running_mean)
    assert loaded.head[0].running_mean.abs().max() > 0


WRAPS = {
    "plain": lambda model: model,
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "parallel": nn.DataParallel,
    "both": lambda model: nn.DataParallel(torch.compile(model, backend="eager")),
}


@pytest.mark.parametrize("saved_from", WRAPS)
@pytest.mark.parametrize("loaded_into", WRAPS)
def test_a_wrapper_leaves_no_trace_in_a_file(tmp_path, saved_from, loaded_into):
    model, other = trained(), encoder()
    save_adapters(WRAPS[saved_from](model), tmp_path / "a.safetensors")
    wrapped = WRAPS[loaded_into](other)
    assert load_adapters(wrapped, tmp_path / "a.safetensors") is wrapped
    assert torch.equal(other(rows()), model(rows()))
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        names = set(file.keys())
    assert names == {name for name, value in model.named_parameters() if value.requires_grad}


def test_a_compiled_part_leaves_no_trace_in_a_file(tmp_path):
    model = trained()
    parts = nn.ModuleDict({"body": torch.compile(model, backend="eager")})
    save_adapters(parts, tmp_path / "a.safetensors")
    other = nn.ModuleDict({"body": encoder()})
    load_adapters(other, tmp_path / "a.safetensors")
    assert torch.equal(other["body"](rows()), model(rows()))


class Tied(nn.Module):
    """A head with the weights of the embedding, and a layer with two names."""

    def __init__(self, tie=True, share=True):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.dense = nn.Embedding(7, 64), nn.Linear(64, 64)
        self.again = self.dense if share else copy.deepcopy(self.dense)
        self.lm_head = nn.Linear(64, 7, bias=False)
        self.lm_head.weight = self.embed.weight if tie else nn.Parameter(self.embed.weight.detach().clone())

    def forward(self, tokens):
        return self.lm_head(self.again(self.dense(self.embed(tokens)).tanh()))


def saved_tied(path, tie=True, trainable=("lm_head",)):
    model = add_adapters(Tied(tie), ["again"], 8, trainable=trainable, random_state=0)
    torch.manual_seed(1)
    for parameter in trainable_parameters(model):
        parameter.data.add_(torch.randn_like(parameter))
    save_adapters(model, path)
    return model


def test_tied_weights_come_back_tied_or_not(tmp_path):
    model, tokens = saved_tied(tmp_path / "a.safetensors"), torch.arange(7)
    for tie in (True, False):
        loaded = load_adapters(Tied(tie), tmp_path / "a.safetensors")
        assert torch.equal(loaded(tokens), model(tokens))
        assert loaded.lm_head.weight.requires_grad and loaded.embed.weight.requires_grad


def test_a_file_of_another_tie_or_of_another_sharing_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    saved_tied(path, tie=False)
    refused(
        Tied(), path, r"has lm_head.weight, which in the model is tied to embed.weight, frozen in the model that was"
    )
    refused(
        Tied(tie=False, share=False), path, r"is called again, dense; in the model it is called dense\. Use the same"
    )


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


def test_adapters_elsewhere_go_when_a_file_is_loaded(tmp_path):
    save_adapters(trained(("2",)), tmp_path / "a.safetensors")
    model = load_adapters(trained(("0", "2"), form="gated"), tmp_path / "a.safetensors")
    assert [name for name, _, _ in adapters_of(model)] == ["2"]
    assert torch.equal(model(rows()), trained(("2",))(rows()))


IN_A_NEW_PROCESS = """
import sys, torch, transformers
from sknnk.torch import add_adapters, load_adapters, save_adapters, trainable_parameters

folder, step, dtype = sys.argv[1], sys.argv[2], getattr(torch, sys.argv[3])
small = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
forms = {"full": {}, "gated": {"form": "gated"}, "low": {"form": "low_rank", "rank": 8, "activation": "sin"}}
for name, options in forms.items():
    path = f"{folder}/{name}.safetensors"
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=50, **small)
    model = transformers.BertForSequenceClassification(config).to(dtype).eval()
    if step == "load":
        load_adapters(model, path)
    else:
        add_adapters(model, ["output.dense"], 32, trainable=["classifier"], random_state=0, **options)
        for parameter in trainable_parameters(model):
            parameter.data.add_(torch.randn_like(parameter))
        save_adapters(model, path)
        print(sum(parameter.numel() for parameter in trainable_parameters(model)))
    with torch.no_grad():
        torch.save(model(input_ids=torch.arange(20).reshape(2, 10)).logits, f"{folder}/{name}.{step}")
"""


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_new_process_gives_the_same_bits_from_a_file_of_the_trained_parameters(tmp_path, dtype):
    pytest.importorskip("transformers")
    printed = [
        subprocess.run(
            [sys.executable, "-c", IN_A_NEW_PROCESS, str(tmp_path), step, dtype],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for step in ("save", "load")
    ]
    for name, size in zip(["full", "gated", "low"], printed[0].split(), strict=True):
        assert torch.equal(torch.load(tmp_path / f"{name}.save"), torch.load(tmp_path / f"{name}.load"))
        assert (tmp_path / f"{name}.safetensors").stat().st_size <= 1.1 * 4 * int(size)
    outputs = [(tmp_path / f"{name}.save").read_bytes() for name in ("full", "gated", "low")]
    assert len(set(outputs)) == 3  # three forms, three functions
