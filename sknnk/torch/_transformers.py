"""Feed-forward blocks of trained Transformers, bundled: two layers become random features and one matrix."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ._adapted_models import target_places
from ._fast_paths import settle_fast_paths, without_fast_paths
from ._feedforward_blocks import Block, block_of, entering
from ._layers import SNNKLinear, drawn_seed
from ._targets import placement

# Length scales in units of the typical distance of rows. They are long because a trained block is a smooth function.
_LENGTH_FACTORS = (1.0, 2.0, 4.0, 8.0, 16.0)
_HELD_OUT = 5  # every fifth row
_FEWEST_ROWS = 3
_METRIC_ROWS = 2000
_COMBINATIONS = 16


def bundle_feedforward(
    model: nn.Module,
    targets: str | Sequence[str],
    inputs: Any,
    n_components: int | None = None,
    *,
    activation: Any = "gelu",
    mode: Any = "bounded",
    random_state: int | None = None,
) -> dict[str, float]:
    """Replace feed-forward blocks of a trained model by SNNK layers that are calibrated in closed form.

    A block ``W2 f(W1 x + b1) + b2`` becomes ``weight Phi(x) + bias``, found by ridge regression of what the block gives
    on what it is given when the model sees `inputs`. Blocks are replaced in the order of the model, each calibrated on
    what reaches it through those before. It is where further training (uptraining) starts.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    targets : str or sequence of str
        Names of modules, as for :func:`add_adapters`; one that is used twice is replaced in both places. A layer of
        :class:`torch.nn.TransformerEncoder`, or one with an ``intermediate`` and an ``output.dense`` as in BERT, has
        the block inside; any other module is the block itself, such as ``"mlp"`` in ViT.
    inputs : tensor, tuple or dict
        Sample inputs, without labels: ``model(inputs)``, ``model(*inputs)`` or ``model(**inputs)``.
    n_components : int, optional
        Number of random features. By default the matrix has a quarter of the parameters of the block.
    activation, mode : optional
        As for :class:`SNNKLinear`, in bounded or arc-cosine mode. It need not be the activation of the block.
    random_state : int, optional
        Seed, from which each block gets its own.

    Returns
    -------
    dict of str to float
        For each block the norm of the error of the new one over the norm of the outputs of the old, on a fifth of the
        rows, which was held out while the length scale was chosen.

    Raises
    ------
    ValueError
        If nothing has the name of a target, `inputs` do not reach it or give it fewer than three rows, or it is given
        or gives anything else than one tensor.

    References
    ----------
    Sehanobish et al., "Scalable Neural Network Kernels", ICLR 2024, arXiv 2310.13225, section 3.4 and appendix
    (bundling and uptraining).

    Examples
    --------
    >>> import torch
    >>> from sknnk.torch import bundle_feedforward
    >>> encoder = torch.nn.TransformerEncoderLayer(16, 2, 64, batch_first=True).eval()
    >>> errors = bundle_feedforward(torch.nn.Sequential(encoder), ["0"], torch.randn(50, 10, 16), random_state=0)
    >>> errors["0"] < 1.0
    True
    """
    places = target_places(model, targets)
    random_state = drawn_seed() if random_state is None else random_state
    seeds = np.random.SeedSequence(random_state).generate_state(len(places)) >> 1
    drawings = [{"activation": activation, "mode": mode, "random_state": int(seed)} for seed in seeds]
    training = [module for module in model.modules() if module.training]
    model.eval()  # dropout is not part of the function of a block
    try:
        with without_fast_paths():
            return {
                name: _bundled(model, block_of(name, target), inputs, n_components, drawing)
                for (name, target), drawing in zip(places.items(), drawings, strict=True)
            }
    finally:
        settle_fast_paths(model)
        for module in training:
            module.training = True


def _bundled(model: nn.Module, block: Block, inputs: Any, n_components: int | None, drawing: dict[str, Any]) -> float:
    """Replace one block, and give its relative error."""
    block, rows = entering(model, inputs, block)
    where = placement(block.parts[0], model)
    if where["dtype"].itemsize < torch.float32.itemsize:
        wide, rows = block.in_full_precision(), rows.float()
    else:
        wide = block
    layer, error = _calibrated(wide, rows, n_components, {**drawing, "device": where["device"]}, where["dtype"])
    block.install(model, block, layer)
    return error


def _calibrated(
    block: Block, rows: torch.Tensor, n_components: int | None, drawing: dict[str, Any], dtype: torch.dtype
) -> tuple[SNNKLinear, float]:
    """The layer of a dtype that comes closest to a block, and its relative error on held-out rows."""
    outputs = _outputs(block, rows)
    if n_components is None:
        n_components = max(1, block.size // (4 * outputs.shape[-1]) - 1)
    metric = _gradient_metric(block, rows[torch.linspace(0, len(rows) - 1, min(len(rows), _METRIC_ROWS)).long()])
    # A fifth, or of fewer rows than five the last.
    test = torch.arange(len(rows)) % _HELD_OUT == min(len(rows), _HELD_OUT) - 1
    trials = []
    for factor in _LENGTH_FACTORS:
        layer = SNNKLinear(
            rows.shape[-1],
            outputs.shape[-1],
            n_components=n_components,
            inputs=rows @ metric,
            dtype=rows.dtype,
            **drawing,
        )
        layer.features.random_weights.copy_(layer.features.random_weights @ metric / factor)
        layer.to(dtype).calibrate(rows[~test], outputs[~test])
        trials.append((_relative_error(layer, rows[test], outputs[test]), layer))
    error, layer = min(trials, key=lambda trial: trial[0])
    return layer.calibrate(rows, outputs), error


def _outputs(block: Block, rows: torch.Tensor) -> torch.Tensor:
    """What a block gives, if it is a function from rows to rows."""
    if len(rows) < _FEWEST_ROWS:
        raise ValueError(
            f"inputs give {len(rows)} rows to {block.name!r}; at least {_FEWEST_ROWS} are needed, some to calibrate "
            "and some to measure the error, and hundreds are better."
        )
    with torch.no_grad():
        outputs: Any = block(rows)
    if not isinstance(outputs, torch.Tensor) or outputs.ndim != 2 or len(outputs) != len(rows):
        raise ValueError(
            f"targets: {block.name!r} gives {type(outputs).__name__}, and not one row for each row; target a module "
            "inside it."
        )
    if not bool(outputs.isfinite().all()):
        raise ValueError(f"targets: {block.name!r} gives values that are not finite for inputs; check the model.")
    return outputs


def _relative_error(layer: SNNKLinear, rows: torch.Tensor, outputs: torch.Tensor) -> float:
    """Norm of the error over the norm of the outputs; of outputs that are all zero, none or infinite."""
    with torch.no_grad():
        error = float((layer(rows.to(layer.weight.dtype)).to(outputs.dtype) - outputs).norm())
    size = float(outputs.norm())
    return error / size if size > 0.0 else (math.inf if error > 0.0 else 0.0)


def _gradient_metric(block: Block, rows: torch.Tensor) -> torch.Tensor:
    """Square root of the mean outer product of the block's gradients: what its outputs are sensitive to.

    Random directions multiplied by it spend the features where the block varies (Radhakrishnan et al., Science 2024).
    Gradients of random combinations of the outputs have the same mean outer product as those of all outputs.
    """
    generator = torch.Generator().manual_seed(0)
    rows = rows.detach().requires_grad_()
    total = torch.zeros(rows.shape[-1], rows.shape[-1], dtype=torch.float64)
    with torch.enable_grad():
        outputs = block(rows)
        for _ in range(_COMBINATIONS):
            signs = torch.randint(2, outputs.shape[-1:], generator=generator).mul(2).sub(1).to(outputs)
            (gradient,) = torch.autograd.grad((outputs @ signs).sum(), rows, retain_graph=True)
            gradient = gradient.to(device="cpu", dtype=torch.float64)
            total += gradient.T @ gradient / (len(rows) * _COMBINATIONS)
    eigenvalues, vectors = torch.linalg.eigh(total)
    root = (vectors * eigenvalues.clamp_min(0.0).sqrt()) @ vectors.T
    return root.to(rows)
