"""Feed-forward blocks: called by any way, replaced in every place."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn

from sknnk.torch import SNNKLinear, bundle_feedforward
from sknnk.torch._feedforward_blocks import block_of, replaced

DIM = 6


class Mlp(nn.Module):
    """A block that names its argument, and may have another."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(DIM, 12), nn.Linear(12, DIM)

    def forward(self, hidden_states, scale=None):
        out = self.down(torch.tanh(self.up(hidden_states)))
        return out if scale is None else out * scale


class Caller(nn.Module):
    """A layer that calls its block in a way of its own."""

    def __init__(self, call, mlp=None):
        super().__init__()
        self.mlp, self.call = mlp or Mlp(), call

    def forward(self, x):
        return x + self.call(self.mlp, x)


def rows(n=80):
    return torch.randn(n, DIM, generator=torch.Generator().manual_seed(0))


WAYS = {
    "by position": lambda mlp, x: mlp(x),
    "by keyword": lambda mlp, x: mlp(hidden_states=x),
    "with an empty argument": lambda mlp, x: mlp(x, None),
    "by keywords in another order": lambda mlp, x: mlp(scale=None, hidden_states=x),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_block_is_replaced_however_it_is_called(way):
    torch.manual_seed(0)
    model = Caller(WAYS[way])
    original = copy.deepcopy(model)
    errors = bundle_feedforward(model, ["mlp"], rows(), 40, random_state=0)
    assert isinstance(model.mlp, SNNKLinear)
    error = (model(rows()) - original(rows())).norm() / (original(rows()) - rows()).norm()
    assert float(error.detach()) < 0.3
    reference = Caller(WAYS["by position"], copy.deepcopy(original.mlp))
    assert errors == bundle_feedforward(reference, ["mlp"], rows(), 40, random_state=0)
    assert torch.equal(copy.deepcopy(model)(rows()), model(rows()))


def test_a_block_that_takes_keywords_only_is_evaluated_by_them():
    class Only(Mlp):
        def forward(self, *, hidden_states):
            return super().forward(hidden_states)

    torch.manual_seed(0)
    model = Caller(WAYS["by keyword"], Only())
    assert bundle_feedforward(model, ["mlp"], rows(), 40, random_state=0)["mlp"] < 0.3
    assert model(rows()).shape == rows().shape


def test_a_pair_of_modules_is_called_by_keyword_too():
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.intermediate = nn.Sequential(nn.Linear(DIM, 12), nn.Tanh())
            self.output = nn.ModuleDict({"dense": nn.Linear(12, DIM)})

        def forward(self, x):
            return self.output["dense"](input=self.intermediate(input=x))

    torch.manual_seed(0)
    model = nn.Sequential(Layer())
    assert bundle_feedforward(model, "0", rows(), 40, random_state=0)["0"] < 0.3
    assert model(rows()).shape == rows().shape


@pytest.mark.parametrize(
    "call", [lambda mlp, x: mlp(x, torch.ones(())), lambda mlp, x: mlp(x, scale=2.0), lambda mlp, x: mlp(scale=None)]
)
def test_a_block_that_is_given_more_or_less_than_hidden_states_is_refused_by_name(call):
    with pytest.raises(ValueError, match=r"targets: 'mlp' is called with \(.*\); a feed-forward block is given hidden"):
        bundle_feedforward(Caller(call), ["mlp"], rows(), 8)


def test_a_block_that_gives_more_than_rows_is_refused_by_name():
    class Pair(Mlp):
        def forward(self, x):
            return super().forward(x), None

    with pytest.raises(ValueError, match="targets: 'mlp' gives tuple"):
        bundle_feedforward(Caller(lambda mlp, x: mlp(x)[0], Pair()), ["mlp"], rows(), 8)


def test_a_block_that_is_used_twice_is_replaced_in_both_places():
    torch.manual_seed(0)
    shared = Mlp()
    model = nn.Sequential(shared, nn.Tanh(), shared, nn.ModuleDict({"unused": shared}))[:3]
    errors = bundle_feedforward(model, ["2"], rows(), 40, random_state=0)
    assert list(errors) == ["0"] and errors["0"] < 0.4
    assert model[0] is model[2] and isinstance(model[2], SNNKLinear)


def test_a_wrapped_block_goes_with_its_wrapper():
    torch.manual_seed(0)
    model = nn.Sequential(torch.compile(Mlp(), backend="eager"), nn.DataParallel(Mlp()))
    assert list(bundle_feedforward(model, ["0", "1"], rows(), 8, random_state=0)) == ["0", "1"]
    assert [type(part) for part in model] == [SNNKLinear, SNNKLinear]
    assert model(rows()).shape == rows().shape


def test_what_is_not_there_is_not_replaced():
    model = nn.Sequential(nn.Tanh())
    replaced(model, nn.Tanh(), nn.Identity())
    assert type(model[0]) is nn.Tanh


def test_a_copy_in_full_precision_leaves_the_block_alone():
    block = block_of("0", Mlp().bfloat16())
    wide = block.in_full_precision()
    assert wide(rows()).dtype == torch.float32
    assert block(rows().bfloat16()).dtype == torch.bfloat16
    assert block.size == wide.size == 2 * 12 * DIM + 12 + DIM


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_inputs_that_are_not_finite_are_refused_by_name(value):
    with pytest.raises(ValueError, match="what reaches 'mlp' is not finite"):
        bundle_feedforward(Caller(WAYS["by position"]), ["mlp"], torch.full((9, DIM), value), 8)


def test_a_model_without_values_is_refused_by_name():
    with pytest.raises(ValueError, match="what reaches 'mlp' is not finite, or on the meta device"):
        bundle_feedforward(Caller(WAYS["by position"]).to("meta"), ["mlp"], rows().to("meta"), 8)
