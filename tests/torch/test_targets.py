"""Targets: their widths are those of their outputs."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import nn

from sknnk.torch import SNNKAdapter, SNNKLinear
from sknnk.torch._names import CHILD
from sknnk.torch._targets import check_target, placement, stated_width, width_of

LAYER = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
X = torch.randn(2, 3, 8)


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize(
    "target",
    [
        nn.Linear(8, 5),
        nn.LayerNorm(8),
        nn.RMSNorm(8),
        nn.LSTM(8, 5, batch_first=True),
        nn.LSTM(8, 5, bidirectional=True),
        nn.LSTM(8, 5, proj_size=3),
        nn.LSTM(8, 5, proj_size=3, bidirectional=True, num_layers=2),
        nn.GRU(8, 5, bidirectional=True),
        nn.RNN(8, 5),
        nn.MultiheadAttention(8, 2),
        LAYER,
        nn.TransformerEncoder(LAYER, 1),
        SNNKLinear(8, 5, n_components=4),
    ],
    ids=lambda target: type(target).__name__,
)
def test_the_stated_width_is_that_of_the_outputs(target):
    inputs = (X, X, X) if isinstance(target, nn.MultiheadAttention) else (X,)
    output = target(*inputs)
    output = output[0] if isinstance(output, tuple) else output
    assert stated_width(target) == output.shape[-1] == width_of("0", target, None)


def test_embeddings_and_cells_say_their_widths():
    assert stated_width(nn.Embedding(5, 3)) == nn.Embedding(5, 3)(torch.tensor([1])).shape[-1]
    assert stated_width(nn.GRUCell(8, 5)) == nn.GRUCell(8, 5)(X[0]).shape[-1]


def test_what_the_user_says_goes_before_a_guess_and_not_before_pytorch():
    class Guess(nn.Module):
        hidden_size = 4

    assert width_of("0", Guess(), None) == 4
    assert width_of("0", Guess(), 8) == width_of("0", nn.ReLU(), 8) == 8
    # dim is for the targets that do not say their widths, and may stand beside those that do.
    assert width_of("0", nn.Linear(2, 3), 8) == 3
    with pytest.raises(ValueError, match="'0' does not say how wide its outputs are; give dim"):
        width_of("0", nn.ReLU(), None)


def test_the_placement_is_of_the_target_or_else_of_the_model_and_never_of_an_adapter():
    model = nn.Sequential(nn.Linear(2, 2).double(), nn.ReLU())
    model[1].add_module(CHILD, SNNKAdapter(2, 4, dtype=torch.float32))
    assert placement(model[0], model)["dtype"] == placement(model[1], model)["dtype"] == torch.float64
    stored = nn.Linear(2, 2).to(torch.float8_e4m3fn)
    assert placement(stored, model)["dtype"] == torch.float64
    assert placement(nn.ReLU(), nn.ReLU())["dtype"] == torch.get_default_dtype()


def test_a_target_that_is_never_called_is_refused():
    with pytest.raises(ValueError, match="'out_proj' is never called"):
        check_target("out_proj", LAYER.self_attn.out_proj)
