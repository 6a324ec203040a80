"""What a file of adapters holds: statistics beside trained parameters, and features by their seed."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors import safe_open
from torch import nn

from sknnk.torch import SNNKAdapter, add_adapters, load_adapters, save_adapters
from sknnk.torch._file_contents import (
    drawing,
    fingerprint,
    is_as_drawn,
    is_same_draw,
    place_of,
    shapes_digest,
    trained_tensors,
)


def rows():
    return torch.randn(5, 64, generator=torch.Generator().manual_seed(0))


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


def test_what_is_trained_is_named_once():
    act = nn.BatchNorm1d(4)
    model = nn.Sequential(act, nn.Linear(4, 4), act)
    tensors, buffers = trained_tensors(model)
    assert set(tensors) == {"0.weight", "0.bias", "1.weight", "1.bias", *buffers}
    assert set(buffers) == {"0.running_mean", "0.running_var", "0.num_batches_tracked"}
    assert trained_tensors(model.requires_grad_(False)) == ({}, [])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("activation", ["relu", "sin"])
def test_features_are_as_drawn_in_the_dtype_that_they_were_made_in(dtype, activation):
    adapter = SNNKAdapter(8, 16, activation, random_state=0, dtype=dtype)
    assert is_as_drawn(adapter, drawing(adapter))
    adapter.layer.features.random_weights[0, 0] *= 1.1
    assert not is_as_drawn(adapter, drawing(adapter))
    rounded = SNNKAdapter(8, 16, activation, random_state=0).to(torch.bfloat16)
    assert is_as_drawn(rounded, drawing(rounded))
    assert not is_as_drawn(rounded.float(), drawing(rounded))


def test_every_change_of_a_drawing_changes_its_fingerprint():
    def of(**changes):
        options = {"dim": 8, "n_components": 16, "activation": "sin", "random_state": 0} | changes
        return fingerprint(drawing(SNNKAdapter(**options)))

    changes = [{}, {"random_state": 1}, {"n_components": 20}, {"activation": "relu"}, {"directions": "gaussian"}]
    changes += [{"length_scale": [1.0] * 7 + [2.0]}]
    found = [of(**change) for change in changes]
    assert is_same_draw(found[0], of())
    assert not any(is_same_draw(found[0], other) for other in found[1:])


def test_a_place_says_what_is_not_obvious():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    assert place_of(model[0], SNNKAdapter(4), model) == {}
    assert place_of(model[0], SNNKAdapter(4, dtype=torch.bfloat16), model) == {"dtype": "bfloat16"}
    assert place_of(model[1], SNNKAdapter(4), model) == {"shapes": shapes_digest(nn.Tanh())}
