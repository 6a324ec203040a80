"""SNNKAdapter: nothing before training, three forms, one merged form."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from sknnk import ArcCosineSampler, URFSampler
from sknnk.torch import SNNKAdapter

FORMS = [("full", None), ("gated", None), ("low_rank", 2)]


def adapter_of(form="full", rank=None, **options):
    options = {"dtype": torch.float64, "random_state": 0} | options
    return SNNKAdapter(12, 6, form=form, rank=rank, **options)


def hidden_states():
    return torch.randn(4, 5, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def trained(adapter):
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.normal_()
    return adapter


@pytest.mark.parametrize(("form", "rank"), FORMS)
def test_an_adapter_does_nothing_before_training_and_learns_at_once(form, rank):
    adapter, x = adapter_of(form, rank), hidden_states()
    assert torch.equal(adapter(x), x)
    adapter(x).square().sum().backward()
    assert any(parameter.grad.abs().max() > 0 for parameter in adapter.parameters())
    torch.optim.SGD(adapter.parameters(), lr=0.1).step()
    assert not torch.equal(adapter(x), x)


@pytest.mark.parametrize(("form", "rank", "size"), [("full", None, 72), ("gated", None, 84), ("low_rank", 2, 36)])
def test_the_number_of_parameters_is_the_one_in_the_table(form, rank, size):
    assert sum(parameter.numel() for parameter in adapter_of(form, rank).parameters()) == size


@pytest.mark.parametrize(("form", "rank"), FORMS)
def test_the_correction_is_the_formula_in_the_table(form, rank):
    adapter, x = trained(adapter_of(form, rank, activation="sin", normalize=False)), hidden_states()
    phi = URFSampler("sin", n_components=6, random_state=0).fit(np.outer([1.0, -1.0], np.ones(12)))
    correction = phi.transform(x.reshape(-1, 12).numpy()) @ adapter.layer.weight.detach().numpy().T
    if form == "gated":
        correction = correction * adapter.gate.detach().numpy()
    if form == "low_rank":
        correction = correction @ adapter.up.detach().numpy().T
    expected = x.numpy() + np.sqrt(12) * correction.reshape(x.shape)
    np.testing.assert_allclose(adapter(x).detach().numpy(), expected, atol=1e-12)


def test_relu_means_arc_cosine_unless_something_else_is_asked_for():
    kinds = [type(SNNKAdapter(8, 4, **how).layer.features).__name__ for how in ({}, {"mode": "bounded"})]
    assert kinds == ["ArcCosineFeatures", "FourierFeatures"]
    assert type(SNNKAdapter(8, 4, "gelu").layer.features).__name__ == "FourierFeatures"
    assert type(SNNKAdapter(8, 4, np.tanh).layer.features).__name__ == "FourierFeatures"
    weights = ArcCosineSampler(1, n_components=4, random_state=3).fit(np.outer([1.0, -1.0], np.ones(8))).random_weights_
    np.testing.assert_allclose(SNNKAdapter(8, 4, random_state=3).layer.features.random_weights, weights.T, rtol=1e-6)


def test_normalized_rows_have_one_scale_for_any_model():
    adapter, x = trained(adapter_of()), hidden_states()
    torch.testing.assert_close(adapter(100.0 * x) - 100.0 * x, adapter(x) - x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("form", "rank"), FORMS)
def test_merging_keeps_the_function_in_one_frozen_matrix(form, rank):
    adapter, x = trained(adapter_of(form, rank)), hidden_states()
    merged = adapter.merged()
    torch.testing.assert_close(merged(x), adapter(x))
    assert [tuple(parameter.shape) for parameter in merged.parameters()] == [(12, 6)]
    assert not any(parameter.requires_grad for parameter in merged.parameters())


@pytest.mark.parametrize(("form", "rank"), FORMS)
def test_the_config_makes_the_same_adapter_again(form, rank):
    adapter, x = trained(adapter_of(form, rank, random_state=None, activation="gelu")), hidden_states()
    again = SNNKAdapter(**adapter.config, dtype=torch.float64)
    assert torch.equal(again.layer.features(x), adapter.layer.features(x))
    again.load_state_dict(adapter.state_dict())
    assert torch.equal(again(x), adapter(x))
    assert torch.equal(copy.deepcopy(adapter)(x), adapter(x))


@pytest.mark.parametrize(("form", "rank"), FORMS)
def test_gradients_are_right(form, rank):
    adapter = trained(adapter_of(form, rank, activation="tanh"))
    assert torch.autograd.gradcheck(adapter, (hidden_states()[0].requires_grad_(),))


def test_the_dtype_of_hidden_states_is_kept_under_autocast():
    adapter, x = trained(SNNKAdapter(12, 6, random_state=0)), hidden_states().float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = adapter(x)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, adapter(x), rtol=0.05, atol=0.3)


def test_print_says_the_form():
    assert "12, form=gated, normalize=True" in repr(adapter_of("gated"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"form": "wide"}, "form='wide' is not one of 'full', 'gated', 'low_rank'"),
        ({"form": "low_rank"}, "give a positive rank"),
        ({"form": "low_rank", "rank": 0}, "give a positive rank"),
        ({"form": "gated", "rank": 2}, 'leave it out, or use form="low_rank"'),
        ({"mode": "unbiased"}, "mode='unbiased' is not one of 'auto', 'bounded', 'arc_cosine'"),
        ({"activation": "tanh", "mode": "arc_cosine"}, "has no arc-cosine features"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        adapter_of(**options)
