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


def test_saving_draws_no_random_numbers(tmp_path):
    model = trained()
    before = torch.get_rng_state()
    save_adapters(model, tmp_path / "a.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_numbers_of_numpy_are_saved_as_numbers(tmp_path):
    model = add_adapters(encoder(), ["0"], np.int64(8), length_scale=np.float64(2.0), random_state=0)
    save_adapters(model, tmp_path / "a.safetensors")
    loaded = load_adapters(encoder(), tmp_path / "a.safetensors")
    assert torch.equal(loaded[0].snnk_adapter.layer.features(rows()), model[0].snnk_adapter.layer.features(rows()))


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
    """A head that may have the weights of the embedding, and a layer with two names."""

    def __init__(self, tie=True):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.dense = nn.Embedding(7, 64), nn.Linear(64, 64)
        self.again = self.dense
        self.lm_head = nn.Linear(64, 7, bias=False)
        self.lm_head.weight = self.embed.weight if tie else nn.Parameter(self.embed.weight.detach().clone())

    def forward(self, tokens):
        return self.lm_head(self.again(self.dense(self.embed(tokens)).tanh()))


def test_tied_weights_come_back_tied_or_not(tmp_path):
    model, tokens = add_adapters(Tied(), ["again"], 8, trainable=["lm_head"], random_state=0), torch.arange(7)
    for parameter in trainable_parameters(model):
        parameter.data.add_(torch.ones_like(parameter))
    save_adapters(model, tmp_path / "a.safetensors")
    for tie in (True, False):
        loaded = load_adapters(Tied(tie), tmp_path / "a.safetensors")
        assert torch.equal(loaded(tokens), model(tokens))
        assert loaded.lm_head.weight.requires_grad and loaded.embed.weight.requires_grad


def test_adapters_elsewhere_go_when_a_file_is_loaded(tmp_path):
    save_adapters(trained(("2",)), tmp_path / "a.safetensors")
    model = load_adapters(trained(("0", "2"), form="gated"), tmp_path / "a.safetensors")
    assert [name for name, _, _ in adapters_of(model)] == ["2"]
    assert torch.equal(model(rows()), trained(("2",))(rows()))


IN_ANY_PROCESS = """
import itertools, sys, torch, transformers
from sknnk.torch import add_adapters, load_adapters, save_adapters, trainable_parameters

folder, step = sys.argv[1:]
small = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
forms = {"full": {}, "gated": {"form": "gated"}, "low": {"form": "low_rank", "rank": 8, "activation": "sin"}}
for form, dtype in itertools.product(forms, ("float32", "bfloat16")):
    name = f"{form}-{dtype}"
    path = f"{folder}/{name}.safetensors"
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=50, **small)
    model = transformers.BertForSequenceClassification(config).to(getattr(torch, dtype)).eval()
    if step == "load":
        load_adapters(model, path)
    else:
        add_adapters(model, ["output.dense"], 32, trainable=["classifier"], random_state=0, **forms[form])
        for parameter in trainable_parameters(model):
            parameter.data.add_(torch.randn_like(parameter))
        save_adapters(model, path)
        print(name, sum(parameter.numel() for parameter in trainable_parameters(model)))
    with torch.no_grad():
        torch.save(model(input_ids=torch.arange(20).reshape(2, 10)).logits, f"{folder}/{name}.{step}")
"""


def test_a_new_process_gives_the_same_bits_from_a_file_of_the_trained_parameters(tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers")
    monkeypatch.setattr(sys, "argv", ["", str(tmp_path), "save"])
    exec(IN_ANY_PROCESS, {})
    sizes = dict(line.split() for line in capsys.readouterr().out.splitlines())
    subprocess.run([sys.executable, "-c", IN_ANY_PROCESS, str(tmp_path), "load"], capture_output=True, check=True)
    for name, size in sizes.items():
        assert torch.equal(torch.load(tmp_path / f"{name}.save"), torch.load(tmp_path / f"{name}.load"))
        assert (tmp_path / f"{name}.safetensors").stat().st_size <= 1.1 * 4 * int(size)
    outputs = {(tmp_path / f"{name}.save").read_bytes() for name in sizes}
    assert len(outputs) == len(sizes) == 6  # three forms in two precisions, six functions
