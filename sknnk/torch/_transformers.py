"""Feed-forward blocks of trained Transformers, bundled: two layers become random features and one matrix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ._adapted_models import matching, placement
from ._layers import SNNKLinear

# In units of the typical distance of rows: a trained block is smoother than the kernel that tells typical rows apart.
_LENGTH_FACTORS = (1.0, 2.0, 4.0, 8.0, 16.0)
_HELD_OUT = 5  # every fifth row
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
        Names of modules, as for :func:`add_adapters`. A layer of :class:`torch.nn.TransformerEncoder`, or one with an
        ``intermediate`` and an ``output.dense`` as in BERT, has the block inside; any other module is the block itself,
        such as ``"mlp"`` in ViT.
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
        If nothing has the name of a target, or `inputs` do not reach it.

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
    names = matching(targets, (name for name, _ in model.named_modules()), "targets")
    if random_state is None:
        random_state = int(torch.randint(2**31 - 1, ()))
    seeds = np.random.SeedSequence(random_state).generate_state(len(names)) >> 1
    training = [module for module in model.modules() if module.training]
    model.eval()  # dropout has no part in what a block is
    try:
        return {
            name: _bundled(model, name, inputs, n_components, {"activation": activation, "mode": mode}, int(seed))
            for name, seed in zip(names, seeds, strict=True)
        }
    finally:
        for module in training:
            module.training = True


def _bundled(
    model: nn.Module, name: str, inputs: Any, n_components: int | None, drawing: dict[str, Any], seed: int
) -> float:
    """Replace one block, and give its relative error."""
    block = _block_of(model.get_submodule(name))
    rows = _entering(model, inputs, block.parts[0], name)
    drawing = {**drawing, "random_state": seed, **placement(block.parts[0], model)}
    layer, error = _calibrated(block, rows, n_components, drawing)
    block.install(model, name, layer)
    return error


@dataclass(frozen=True)
class _Block:
    """A feed-forward block as modules in order, and how an SNNK layer takes its place."""

    parts: tuple[Any, ...]
    install: Callable[[nn.Module, str, SNNKLinear], None]

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            rows = part(rows)
        return rows

    @property
    def size(self) -> int:
        """Number of parameters."""
        modules = [part for part in self.parts if isinstance(part, nn.Module)]
        return sum(parameter.numel() for module in modules for parameter in module.parameters())


def _block_of(target: Any) -> _Block:
    """The feed-forward block in a layer, or the module itself."""
    names = {name for name, _ in target.named_modules()}
    if {"linear1", "linear2"} <= names and hasattr(target, "activation"):
        return _Block((target.linear1, target.activation, target.linear2), _install_in_encoder_layer)
    if {"intermediate", "output.dense"} <= names:
        return _Block((target.intermediate, target.output.dense), _install_in_pair)
    return _Block((target,), _install_whole)


def _install_whole(model: nn.Module, name: str, layer: SNNKLinear) -> None:
    model.set_submodule(name, layer)


def _install_in_pair(model: nn.Module, name: str, layer: SNNKLinear) -> None:
    model.set_submodule(f"{name}.intermediate", layer.features)
    model.set_submodule(f"{name}.output.dense", _matrix_of(layer))


def _install_in_encoder_layer(model: nn.Module, name: str, layer: SNNKLinear) -> None:
    target: Any = model.get_submodule(name)
    target.linear1, target.activation, target.linear2 = layer.features, nn.Identity(), _matrix_of(layer)
    # The fused inference path of PyTorch reads linear1.weight; without an activation that it knows it is not taken.
    target.activation_relu_or_gelu = 0


def _matrix_of(layer: SNNKLinear) -> nn.Linear:
    """The trainable half of a layer, where a model wants two modules."""
    matrix = nn.utils.skip_init(nn.Linear, layer.n_components, layer.out_features)
    matrix.weight, matrix.bias = layer.weight, layer.bias
    return matrix


def _entering(model: nn.Module, inputs: Any, entry: Any, name: str) -> torch.Tensor:
    """Rows that a module is given when the model sees inputs."""
    found: list[torch.Tensor] = []
    hook = entry.register_forward_pre_hook(lambda _, args: found.append(args[0].detach().flatten(0, -2)))
    try:
        with torch.no_grad():
            _call(model, inputs)
    finally:
        hook.remove()
    if not found:
        raise ValueError(f"inputs do not reach {name!r}: the model gave its outputs without calling it.")
    return torch.cat(found)


def _call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def _calibrated(
    block: _Block, rows: torch.Tensor, n_components: int | None, drawing: dict[str, Any]
) -> tuple[SNNKLinear, float]:
    """The layer that comes closest to a block, and its relative error on held-out rows."""
    with torch.no_grad():
        outputs = block(rows)
    if n_components is None:
        n_components = max(1, block.size // (4 * outputs.shape[-1]) - 1)
    metric = _gradient_metric(block, rows[torch.linspace(0, len(rows) - 1, min(len(rows), _METRIC_ROWS)).long()])
    test = torch.arange(len(rows)) % _HELD_OUT == _HELD_OUT - 1
    trials = []
    for factor in _LENGTH_FACTORS:
        layer = SNNKLinear(
            rows.shape[-1], outputs.shape[-1], n_components=n_components, inputs=rows @ metric, **drawing
        )
        layer.features.random_weights.copy_(layer.features.random_weights @ metric / factor)
        layer.calibrate(rows[~test], outputs[~test])
        with torch.no_grad():
            error = (layer(rows[test]) - outputs[test]).norm() / outputs[test].norm()
        trials.append((float(error), layer))
    error, layer = min(trials, key=lambda trial: trial[0])
    return layer.calibrate(rows, outputs), error


def _gradient_metric(block: _Block, rows: torch.Tensor) -> torch.Tensor:
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
