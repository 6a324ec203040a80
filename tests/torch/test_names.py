"""Names: every one of a module that is used twice, and none of what wraps it."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn

from sknnk.torch._names import is_of_adapter, matching, named_buffers, named_modules, named_parameters


def tied():
    act = nn.Tanh()
    model = nn.Sequential(nn.Embedding(5, 3), act, nn.BatchNorm1d(3), act, nn.Linear(3, 5, bias=False))
    model[4].weight = model[0].weight
    return model


def wrapped_ways():
    return {
        "compiled": lambda model: torch.compile(model, backend="eager"),
        "parallel": nn.DataParallel,
        "both": lambda model: torch.compile(nn.DataParallel(model), backend="eager"),
        "averaged": torch.optim.swa_utils.AveragedModel,
    }


def test_what_has_two_names_is_found_under_both():
    model = tied()
    modules = list(named_modules(model))
    assert [name for name, module in modules if module is model[1]] == ["1", "3"]
    assert [name for name, value in named_parameters(model) if value is model[0].weight] == ["0.weight", "4.weight"]


def test_names_without_aliases_are_those_of_pytorch():
    model = nn.TransformerEncoderLayer(8, 2)
    assert [name for name, _ in named_modules(model)] == [name for name, _ in model.named_modules()]
    assert [name for name, _ in named_parameters(model)] == [name for name, _ in model.named_parameters()]


@pytest.mark.parametrize("way", wrapped_ways())
def test_a_wrapped_model_has_the_names_of_the_model_inside(way):
    model = tied()
    wrapped = wrapped_ways()[way](model)
    # In a copy, as of an average, the tie is kept.
    assert dict(named_parameters(wrapped)).keys() == dict(named_parameters(model)).keys()
    assert dict(named_modules(wrapped)).keys() == dict(named_modules(model)).keys()
    part = nn.ModuleDict({"encoder": wrapped_ways()[way](tied())})
    assert {name for name, _ in named_parameters(part)} == {f"encoder.{name}" for name, _ in named_parameters(model)}


def test_a_part_that_a_user_calls_module_keeps_its_name():
    model = nn.ModuleDict({"module": nn.ModuleDict({"module": nn.Linear(2, 2)})})
    assert [name for name, _ in named_parameters(model)] == ["module.module.weight", "module.module.bias"]


def test_buffers_are_those_of_the_state():
    model = tied()
    model.register_buffer("scratch", torch.zeros(1), persistent=False)
    model.register_buffer("kept", torch.zeros(1))
    names = {name for name, _ in named_buffers(model)}
    assert names == model.state_dict().keys() - {name for name, _ in named_parameters(model)}
    assert "kept" in names


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        ([], r"targets=\[\] names nothing; give one or more"),
        ((), "names nothing"),
        ("(", r"targets='\(' is not a valid regular expression: .* pass a list, targets=\['\('\]"),
        ("[z-a]", "is not a valid regular expression"),
        ("", "targets='' is the name of nothing"),
        ([""], "targets='' is the name of nothing"),
        ([3], "targets has 3; give a string"),
        (None, "targets has None; give a string"),
        (["0", "nine"], "targets='nine' is the name of nothing in the model; it has 0, 1"),
    ],
)
def test_patterns_that_stand_for_nothing_are_refused(patterns, words):
    with pytest.raises(ValueError, match=words):
        matching(patterns, ["", "0", "1"], "targets")


def test_adapters_have_no_names_to_choose():
    names = ["a", "a.snnk_adapter", "a.snnk_adapter.layer", "a", "my_snnk_adapter"]
    assert matching(r".*", names, "targets") == ["a", "my_snnk_adapter"]
    assert [is_of_adapter(name) for name in names] == [False, True, True, False, False]
