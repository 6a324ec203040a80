"""Adapters in models: the same outputs at first, frozen weights that stay, and a way back."""

import copy
import pickle

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn

from sknnk.torch import SNNKAdapter, add_adapters, merge_adapters, remove_adapters, trainable_parameters
from sknnk.torch._adapted_models import adapters_of

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
FORMS = [{}, {"form": "gated"}, {"form": "low_rank", "rank": 2}]


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.LayerNorm(16), nn.Linear(16, 2)).double()


def rows():
    return torch.randn(10, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def changed(model):
    """Let every trainable parameter move."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in trainable_parameters(model):
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def bert():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    return transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=50, **SMALL)).eval()


@pytest.fixture(scope="module")
def vit():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    return transformers.ViTForImageClassification(
        transformers.ViTConfig(image_size=8, patch_size=2, num_channels=1, **SMALL)
    ).eval()


def bert_inputs():
    return {"input_ids": torch.arange(20).reshape(2, 10) % 50, "labels": torch.tensor([0, 1])}


def vit_inputs():
    return {"pixel_values": torch.linspace(-1, 1, 128).reshape(2, 1, 8, 8), "labels": torch.tensor([0, 1])}


def linear_layers(model):
    """Names of all linear layers: what each is called depends on the version of the library."""
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]


@pytest.mark.parametrize("options", FORMS)
@pytest.mark.parametrize(
    ("fixture", "inputs", "targets", "n_adapters"),
    [
        ("bert", bert_inputs, ["attention.output.dense", "output.dense"], 4),
        ("bert", bert_inputs, r".*\.attention\.self", 2),
        ("vit", vit_inputs, linear_layers, 13),
        ("vit", vit_inputs, ["layernorm_before", "layernorm_after"], 4),
    ],
)
def test_a_transformer_trains_one_step_and_frozen_weights_are_bit_identical(
    request, fixture, inputs, targets, n_adapters, options
):
    original = request.getfixturevalue(fixture)
    model, inputs = copy.deepcopy(original), inputs()
    targets = targets(model) if callable(targets) else targets
    dim = 32 if isinstance(targets, str) else None  # attention does not say how wide it is
    add_adapters(model, targets, 4, random_state=0, trainable=["classifier"], dim=dim, **options)
    found = [name for name, _, _ in adapters_of(model)]
    assert len(found) == n_adapters
    with torch.no_grad():
        assert torch.equal(model(**inputs).logits, original(**inputs).logits)
    frozen = {name: value.clone() for name, value in model.state_dict().items() if name in original.state_dict()}
    optimizer = torch.optim.AdamW(trainable_parameters(model), lr=0.01)
    loss = model(**inputs).loss
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        assert model(**inputs).loss < loss
    for name, value in frozen.items():
        trained = name.startswith("classifier.") and "adapter" not in name
        assert torch.equal(model.state_dict()[name], value) != trained
    assert all(torch.equal(value, original.state_dict()[name]) for name, value in frozen.items())


@pytest.mark.parametrize("options", FORMS)
def test_an_adapted_model_compiles(options):
    model = changed(add_adapters(mlp(), ["0", "3"], 4, random_state=0, **options))
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(rows()), model(rows()))


def test_copies_and_pickles_have_adapters_of_their_own():
    model = changed(add_adapters(mlp(), ["0"], 4, random_state=0))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(rows()), model(rows()))
        changed(other)
        assert not torch.equal(other(rows()), model(rows()))
        assert torch.equal(remove_adapters(other)(rows()), mlp()(rows()))


def test_names_of_parameters_stay_and_those_of_adapters_are_new():
    model = add_adapters(mlp(), ["0"], 4, random_state=0)
    new = model.state_dict().keys() - mlp().state_dict().keys()
    assert mlp().state_dict().keys() <= model.state_dict().keys()
    assert new == {
        f"0.snnk_adapter.layer.{name}" for name in ("weight", "features.random_weights", "features.random_offset")
    }


def test_each_adapter_has_features_of_its_own_and_the_seed_decides():
    first, second = (
        [
            adapter.layer.features.random_weights
            for _, _, adapter in adapters_of(add_adapters(mlp(), ["0", "2"], 4, random_state=s))
        ]
        for s in (0, 0)
    )
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert not torch.equal(*first)
    torch.manual_seed(0)
    drawn = next(adapters_of(add_adapters(mlp(), ["0"], 4)))[2]
    assert not torch.equal(drawn.layer.features.random_weights, first[0])


def test_targets_are_whole_last_parts_or_a_regular_expression():
    def places(targets):
        return [name for name, _, _ in adapters_of(add_adapters(nested, targets, 4, random_state=0))]

    for targets, expected in [
        (["dense"], ["a.dense"]),
        (r".*dense", ["a.dense", "a.condense"]),
        (["a.dense"], ["a.dense"]),
    ]:
        nested = nn.ModuleDict({"a": nn.ModuleDict({"dense": nn.Linear(2, 2), "condense": nn.Linear(2, 2)})})
        assert places(targets) == expected


def test_only_what_is_named_is_trainable():
    model = add_adapters(mlp(), ["0"], 4, trainable=["4.bias"], random_state=0)
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert names == {"0.snnk_adapter.layer.weight", "4.bias"}
    assert len(trainable_parameters(model)) == 2
    with pytest.raises(ValueError, match="trainable='head' is the name of nothing"):
        add_adapters(mlp(), ["0"], 4, trainable=["head"])


@pytest.mark.parametrize("options", FORMS)
def test_merging_keeps_the_outputs_and_removing_brings_the_model_back(options):
    model = changed(add_adapters(mlp(), ["0", "2"], 4, random_state=0, **options))
    before = model(rows())
    assert not torch.equal(before, mlp()(rows()))
    torch.testing.assert_close(merge_adapters(model)(rows()), before)
    assert trainable_parameters(model) == []
    remove_adapters(model)
    assert torch.equal(model(rows()), mlp()(rows()))
    assert model.state_dict().keys() == mlp().state_dict().keys()
    assert not any(module._forward_hooks for module in model.modules())


def test_attention_keeps_its_weights_and_a_fused_layer_is_corrected_too():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0).eval()
    x = torch.randn(2, 5, 16)
    plain = layer(x)
    model = add_adapters(layer, ["self_attn", "linear2"], 4, random_state=0)
    with torch.no_grad():
        torch.testing.assert_close(model(x), plain)
        changed(model)
        inference = model(x)
    assert (inference - plain).abs().max() > 1e-3
    torch.testing.assert_close(inference, model.train()(x))
    assert len(model.self_attn(x, x, x)) == 2


def test_dtype_and_width_come_from_the_target():
    model = add_adapters(mlp(), ["1"], 4, dim=16, random_state=0)  # a module without parameters
    adapter = next(adapters_of(model))[2]
    assert adapter.layer.weight.dtype == torch.float64
    whole = add_adapters(nn.Sequential(nn.ReLU()), ["0"], 4, dim=3, random_state=0)
    assert next(adapters_of(whole))[2].layer.weight.dtype == torch.get_default_dtype()
    assert isinstance(add_adapters(mlp(), ["3"], 4)[3].snnk_adapter, SNNKAdapter)


@pytest.mark.parametrize(
    ("model", "targets", "words"),
    [
        (mlp(), ["dense"], "targets='dense' is the name of nothing in the model; it has 0, 1, 2, 3, 4"),
        (mlp(), "dense", "is the name of nothing"),
        (mlp(), ["1"], "does not say how wide its outputs are; give dim"),
        (mlp(), [], r"targets=\[\] names nothing"),
        (mlp(), "(", "is not a valid regular expression"),
        (add_adapters(mlp(), ["0"], 4), ["0"], "has an adapter already"),
        (nn.TransformerEncoderLayer(8, 2), ["out_proj"], "is never called"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_the_model_alone(model, targets, words):
    before = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    with pytest.raises(ValueError, match=words):
        add_adapters(model, targets, 4)
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == before


class Tied(nn.Module):
    """A language model whose head has the weights of its embedding, and whose activation has two names."""

    def __init__(self):
        super().__init__()
        self.embed, self.act, self.dense = nn.Embedding(7, 5), nn.Tanh(), nn.Linear(5, 5)
        self.lm_head = nn.Linear(5, 7, bias=False)
        self.lm_head.weight, self.alias = self.embed.weight, self.dense

    def forward(self, x):
        return self.lm_head(self.act(self.alias(self.act(self.dense(self.embed(x))))))


@pytest.mark.parametrize("trainable", [["lm_head"], ["lm_head.weight"], ["embed"], "lm_head.*"])
def test_a_tied_weight_is_trained_by_any_of_its_names(trainable):
    model = add_adapters(Tied(), ["dense"], 4, trainable=trainable, random_state=0)
    assert model.lm_head.weight.requires_grad
    assert {name for name, value in model.named_parameters() if value.requires_grad} == {
        "embed.weight",
        "dense.snnk_adapter.layer.weight",
    }


@pytest.mark.parametrize("targets", [["alias"], ["dense"], ["alias", "dense"], "alias"])
def test_a_module_with_two_names_gets_one_adapter_by_any_of_them(targets):
    torch.manual_seed(0)
    model = Tied()
    x, plain = torch.arange(7), copy.deepcopy(model)
    add_adapters(model, targets, 4, random_state=0)
    assert [name for name, _, _ in adapters_of(model)] == ["dense"]
    assert len(model.dense._forward_hooks) == 1
    changed(model)
    hidden = model.dense.snnk_adapter(plain.dense(plain.embed(x)))
    hidden = model.dense.snnk_adapter(plain.dense(torch.tanh(hidden)))
    assert torch.equal(model(x), plain.lm_head(torch.tanh(hidden)))
    assert torch.equal(remove_adapters(model)(x), plain(x))


@pytest.mark.parametrize("trainable", [["1"], r"1", ["4", "1"]])
def test_a_name_without_parameters_is_not_trainable(trainable):
    model = mlp()
    with pytest.raises(ValueError, match="is the name of 1, which has no parameters; leave it out"):
        add_adapters(model, ["0"], 4, trainable=trainable)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not list(adapters_of(model))


def test_a_second_call_leaves_what_is_trainable():
    model = add_adapters(mlp(), ["0"], 4, trainable=["4"], random_state=0)
    add_adapters(model, ["2"], 4, trainable=["3.bias"], random_state=1)
    assert {name for name, value in model.named_parameters() if value.requires_grad} == {
        "0.snnk_adapter.layer.weight",
        "2.snnk_adapter.layer.weight",
        "3.bias",
        "4.weight",
        "4.bias",
    }
    merged = merge_adapters(add_adapters(mlp(), ["0"], 4))
    assert len(trainable_parameters(add_adapters(merged, ["2"], 4))) == 1
    again = add_adapters(remove_adapters(model).requires_grad_(True), ["2"], 4)
    assert len(trainable_parameters(again)) == 1


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("options", FORMS)
def test_adapters_in_full_precision_train_in_a_model_in_half(half, options):
    model = add_adapters(mlp().to(half), ["0", "3"], 4, dtype=torch.float32, random_state=0, **options)
    assert {parameter.dtype for parameter in trainable_parameters(model)} == {torch.float32}
    output = changed(model)(rows().to(half))
    assert output.dtype == half
    output.float().square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in trainable_parameters(model))
    # Only the states between the adapters are rounded.
    wide = copy.deepcopy(model).float()
    torch.testing.assert_close(output.float(), wide(rows().to(half).float()), rtol=0.1, atol=0.1)


def test_a_dtype_that_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match=r"dtype=torch\.int32 is not one that can be trained in"):
        add_adapters(mlp(), ["0"], 4, dtype=torch.int32)


@pytest.mark.parametrize("wrap", [lambda model: torch.compile(model, backend="eager"), nn.DataParallel])
def test_names_in_a_wrapped_model_are_those_of_the_model_inside(wrap):
    model = mlp()
    wrapped = add_adapters(wrap(model), "0|3", 4, trainable="4", random_state=0)
    assert [name for name, _, _ in adapters_of(wrapped)] == [name for name, _, _ in adapters_of(model)] == ["0", "3"]
    changed(model)
    same = changed(add_adapters(mlp(), "0|3", 4, trainable="4", random_state=0))
    torch.testing.assert_close(wrapped(rows()), same(rows()))


@pytest.mark.parametrize("options", FORMS)
def test_adapters_of_a_model_without_values_are_whole_when_it_has_them(options):
    with torch.device("meta"):
        model = mlp()
    add_adapters(model, ["0", "2"], 4, random_state=0, **options)
    assert {value.device.type for value in model.state_dict().values()} == {"meta"}
    model.to_empty(device="cpu").load_state_dict(mlp().state_dict(), strict=False)
    reference = add_adapters(mlp(), ["0", "2"], 4, random_state=0, **options)
    assert torch.equal(model(rows()), reference(rows()))
    for (_, _, found), (_, _, expected) in zip(adapters_of(model), adapters_of(reference), strict=True):
        assert torch.equal(
            found.layer.features(rows()[:, :1].expand(-1, 16)), expected.layer.features(rows()[:, :1].expand(-1, 16))
        )


@pytest.mark.parametrize("target", [nn.LSTM(6, 5, bidirectional=True), nn.LSTM(6, 5, proj_size=3)])
@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
def test_recurrent_layers_are_corrected_whatever_their_width(target):
    model = changed(add_adapters(nn.ModuleDict({"rnn": copy.deepcopy(target)}), ["rnn"], 4, random_state=0))
    output, state = model["rnn"](rows().float())
    plain, plain_state = target(rows().float())
    assert output.shape == plain.shape and not torch.equal(output, plain)
    assert all(torch.equal(*pair) for pair in zip(state, plain_state, strict=True))


def test_a_wrong_width_is_refused_by_name_when_the_model_is_called():
    model = add_adapters(mlp(), ["1"], 4, dim=9)
    with pytest.raises(ValueError, match=r"targets: '1' gives outputs of shape \(10, 16\).* last axis of 9"):
        model(rows())
