"""Outputs of targets: the hidden states are corrected, and the rest and the type are kept."""

import collections
import dataclasses
from types import MappingProxyType

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn

from sknnk.torch import add_adapters, trainable_parameters
from sknnk.torch._outputs import corrected

STATES, EXTRA = torch.ones(2, 4), torch.arange(3)
Pair = collections.namedtuple("Pair", ["states", "weights"])


@dataclasses.dataclass(frozen=True)
class Record:
    states: torch.Tensor
    weights: torch.Tensor


def correct(output):
    return corrected(output, torch.negative, 4, "encoder.0")


@pytest.mark.parametrize(
    ("output", "states"),
    [
        ((STATES, EXTRA), lambda out: out[0]),
        ([STATES, EXTRA], lambda out: out[0]),
        (Pair(STATES, EXTRA), lambda out: out.states),
        ({"states": STATES, "weights": EXTRA}, lambda out: out["states"]),
        ({"loss": EXTRA, "last_hidden_state": STATES}, lambda out: out["last_hidden_state"]),
        (collections.OrderedDict(states=STATES, weights=EXTRA), lambda out: out["states"]),
        (Record(STATES, EXTRA), lambda out: out.states),
        ((Pair(STATES, EXTRA), EXTRA), lambda out: out[0].states),
    ],
    ids=["tuple", "list", "namedtuple", "dict", "dict with a loss", "ordered", "dataclass", "nested"],
)
def test_the_type_is_kept_and_what_was_given_is_not_changed(output, states):
    new = correct(output)
    assert type(new) is type(output)
    assert torch.equal(states(new), -STATES)
    assert torch.equal(states(output), torch.ones(2, 4))
    entries = new.values() if isinstance(new, dict) else (vars(new).values() if isinstance(new, Record) else new)
    assert any(entry is EXTRA for entry in entries)


def test_outputs_of_pytorch_itself_are_kept():
    maximum = torch.max(torch.ones(4, 3), dim=1)
    assert type(correct(maximum)) is type(maximum)
    assert torch.equal(correct(maximum).values, -maximum.values)
    packed = nn.utils.rnn.pack_sequence([torch.ones(3, 4), torch.ones(2, 4)])
    new = correct((packed, EXTRA))[0]
    assert torch.equal(nn.utils.rnn.pad_packed_sequence(new)[0], -nn.utils.rnn.pad_packed_sequence(packed)[0])


def test_a_model_output_of_transformers_is_kept():
    transformers = pytest.importorskip("transformers")
    output = transformers.modeling_outputs.BaseModelOutputWithPooling(last_hidden_state=STATES, pooler_output=EXTRA)
    new = correct(output)
    assert type(new) is type(output)
    assert torch.equal(new.last_hidden_state, -STATES) and torch.equal(new[0], -STATES)
    assert new.pooler_output is EXTRA
    assert torch.equal(output.last_hidden_state, torch.ones(2, 4))


class Odd(tuple):
    __slots__ = ()


@pytest.mark.parametrize(
    "output",
    [
        None,
        "text",
        (),
        {},
        3.0,
        (None, STATES),
        {"states": None},
        Odd((STATES,)),
        {1.0},
        MappingProxyType({"s": STATES}),
    ],
)
def test_what_has_no_hidden_states_is_refused_with_the_name_of_the_module(output):
    with pytest.raises(TypeError, match=r"targets: 'encoder\.0' gives .* no hidden states"):
        correct(output)


def test_hidden_states_of_another_kind_are_refused_with_the_name_of_the_module():
    with pytest.raises(TypeError, match=r"'encoder\.0' gives torch\.int64"):
        correct(EXTRA)
    for states in (torch.ones(2, 3), torch.tensor(1.0)):
        with pytest.raises(
            ValueError, match=r"'encoder\.0' gives outputs of shape .* last axis of 4; give that size as dim"
        ):
            correct(states)


class Gives(nn.Module):
    """A target whose output is what a function makes of its hidden states."""

    def __init__(self, make):
        super().__init__()
        self.dense, self.make = nn.Linear(4, 4), make

    def forward(self, x):
        return self.make(self.dense(x))


@pytest.mark.parametrize("make", [lambda x: Pair(x, EXTRA), lambda x: {"states": x}, lambda x: Record(x, EXTRA)])
def test_an_adapter_corrects_a_target_with_such_an_output(make):
    torch.manual_seed(0)
    target = Gives(make)
    model = add_adapters(nn.ModuleDict({"part": target}), ["part"], 4, dim=4, random_state=0)
    (weight,) = trainable_parameters(model)
    nn.init.normal_(weight)
    output, plain = target(STATES), make(target.dense(STATES))
    assert type(output) is type(plain)
    states = next(iter(output.values() if isinstance(output, dict) else getattr(output, "__dict__", {}).values()), None)
    states = output[0] if states is None else states
    assert torch.equal(states, target.snnk_adapter(target.dense(STATES)))
    assert not torch.equal(states, target.dense(STATES))


def test_a_refusal_when_the_model_is_called_names_the_target():
    model = nn.ModuleDict({"part": Gives(lambda x: {x})})
    add_adapters(model, ["part"], 4, dim=4)
    with pytest.raises(TypeError, match="targets: 'part' gives set"):
        model["part"](STATES)
