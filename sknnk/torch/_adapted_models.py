"""Adapters in the modules of a model: added, found, merged and removed.

An adapter becomes a child of the module whose output it corrects, and a forward hook applies it. So the module keeps
its class, its attributes and the names of its parameters, which a wrapper around it would change.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from ._adapters import Form, SNNKAdapter

CHILD = "snnk_adapter"

# Where modules say how wide their outputs are: linear layers, attention, GPT-2's Conv1D.
_WIDTHS = ("out_features", "embed_dim", "hidden_size", "nf")


def add_adapters(
    model: nn.Module,
    targets: str | Sequence[str],
    n_components: int = 16,
    activation: Any = "relu",
    *,
    trainable: str | Sequence[str] = (),
    form: Form = "full",
    rank: int | None = None,
    mode: Any = "auto",
    normalize: bool = True,
    length_scale: Any = "scale",
    directions: str = "orthogonal",
    dim: int | None = None,
    random_state: int | None = None,
) -> nn.Module:
    """Put a zero :class:`SNNKAdapter` behind modules of a model, and freeze everything else.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    targets : str or sequence of str
        Names of modules, as in ``model.named_modules()``. In a sequence the last parts of a name are enough:
        ``"output.dense"`` is every module whose name ends so. A string is a regular expression for whole names.
    n_components : int, default=16
        Number of random features of each adapter.
    activation : str or callable, default="relu"
        As for :class:`SNNKAdapter`.
    trainable : str or sequence of str, default=()
        Modules or parameters that are trained as well, such as a new head; names as for `targets`.
    form, rank, mode, normalize, length_scale, directions : optional
        As for :class:`SNNKAdapter`.
    dim : int, optional
        Width of the outputs of the targets, where they do not say it themselves.
    random_state : int, optional
        Seed, from which each adapter gets its own.

    Returns
    -------
    torch.nn.Module
        The model itself. Until it is trained, its outputs are what they were.

    Raises
    ------
    ValueError
        If nothing has the name of a target or of `trainable`, a target has an adapter already, its width is unknown,
        or its outputs are computed without calling it, as those of ``MultiheadAttention.out_proj`` are.

    Examples
    --------
    >>> import torch
    >>> from sknnk.torch import add_adapters, trainable_parameters
    >>> encoder = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    >>> _ = add_adapters(encoder, ["self_attn", "linear2"], n_components=8, random_state=0)
    >>> sum(parameter.numel() for parameter in trainable_parameters(encoder))
    512
    """
    names = matching(targets, (name for name, _ in model.named_modules()), "targets")
    kept = matching(trainable, {name for name, _ in [*model.named_modules(), *model.named_parameters()]}, "trainable")
    if random_state is None:
        random_state = int(torch.randint(2**31 - 1, ()))
    seeds = np.random.SeedSequence(random_state).generate_state(len(names)) >> 1
    config = {"n_components": n_components, "activation": activation, "form": form, "rank": rank, "mode": mode}
    config |= {"normalize": normalize, "length_scale": length_scale, "directions": directions}
    made = []
    for name, seed in zip(names, seeds, strict=True):
        target = model.get_submodule(name)
        _check_target(name, target)
        where = placement(target, model)
        width = _width(name, target) if dim is None else dim
        made.append((target, SNNKAdapter(dim=width, random_state=int(seed), **config, **where)))
    model.requires_grad_(False)
    for target, adapter in made:
        attach(target, adapter.train(target.training))
    for name, parameter in model.named_parameters():
        if any(name == part or name.startswith(f"{part}.") for part in kept):
            parameter.requires_grad_(True)
    return model


def trainable_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Parameters that an optimizer should see.

    Parameters
    ----------
    model : torch.nn.Module
        Any.

    Returns
    -------
    list of torch.nn.Parameter
        Those that require a gradient, each once.

    Examples
    --------
    >>> import torch
    >>> from sknnk.torch import trainable_parameters
    >>> len(trainable_parameters(torch.nn.Linear(2, 3)))
    2
    """
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def merge_adapters(model: nn.Module) -> nn.Module:
    """Multiply the factors of every adapter out, and freeze it: one matrix each, for inference.

    A correction that is not linear cannot be folded into the weights of the model, as that of LoRA can: the random
    features stay.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.

    Returns
    -------
    torch.nn.Module
        The model itself; outputs stay the same to rounding.

    Examples
    --------
    >>> import torch
    >>> from sknnk.torch import add_adapters, merge_adapters, trainable_parameters
    >>> model = add_adapters(torch.nn.Sequential(torch.nn.Linear(4, 4)), ["0"], form="gated", random_state=0)
    >>> trainable_parameters(merge_adapters(model))
    []
    """
    for _, target, adapter in list(adapters_of(model)):
        setattr(target, CHILD, adapter.merged())
    return model


def remove_adapters(model: nn.Module) -> nn.Module:
    """Take all adapters away.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.

    Returns
    -------
    torch.nn.Module
        The model itself. What was frozen stays frozen: ``model.requires_grad_(True)`` trains everything again.

    Examples
    --------
    >>> import torch
    >>> from sknnk.torch import add_adapters, remove_adapters
    >>> remove_adapters(add_adapters(torch.nn.Sequential(torch.nn.Linear(4, 4)), ["0"]))
    Sequential(
      (0): Linear(in_features=4, out_features=4, bias=True)
    )
    """
    for _, target, _ in list(adapters_of(model)):
        detach(target)
    return model


def adapters_of(model: nn.Module) -> Iterator[tuple[str, nn.Module, SNNKAdapter]]:
    """Iterate over the adapters of a model.

    Parameters
    ----------
    model : torch.nn.Module
        Any.

    Yields
    ------
    name : str
        Of the module that is corrected.
    target : torch.nn.Module
        That module.
    adapter : SNNKAdapter
        Its adapter.
    """
    for name, module in model.named_modules():
        adapter = module._modules.get(CHILD)
        if isinstance(adapter, SNNKAdapter):
            yield name, module, adapter


def attach(target: nn.Module, adapter: SNNKAdapter) -> None:
    """Correct the outputs of a module from now on.

    Parameters
    ----------
    target : torch.nn.Module
        Gets a child and a forward hook.
    adapter : SNNKAdapter
        The child.
    """
    target.add_module(CHILD, adapter)
    target.register_forward_hook(_corrected)


def detach(target: nn.Module) -> None:
    """Undo :func:`attach`.

    Parameters
    ----------
    target : torch.nn.Module
        A module with an adapter.
    """
    delattr(target, CHILD)
    # By the function and not by a handle, which a copied or unpickled model does not have.
    for key in [key for key, hook in target._forward_hooks.items() if hook is _corrected]:
        del target._forward_hooks[key]


def _corrected(target: nn.Module, args: Any, output: Any) -> Any:
    """Forward hook: it finds the adapter through the module, so that it may be copied with it."""
    adapter: Any = target._modules[CHILD]
    if isinstance(output, tuple):  # attention gives its weights as well
        return (adapter(output[0]), *output[1:])
    return adapter(output)


def placement(target: nn.Module, model: nn.Module) -> dict[str, Any]:
    """Device and floating dtype of a module, or else of the model that it is in.

    Parameters
    ----------
    target, model : torch.nn.Module
        A module without parameters takes those of the model.

    Returns
    -------
    dict
        With the keys ``device`` and ``dtype``.
    """
    for parameter in [*target.parameters(), *model.parameters()]:
        if parameter.is_floating_point():
            return {"device": parameter.device, "dtype": parameter.dtype}
    return {"device": None, "dtype": None}


def matching(patterns: str | Sequence[str], names: Any, parameter: str) -> list[str]:
    """Names that patterns stand for.

    Parameters
    ----------
    patterns : str or sequence of str
        A regular expression for whole names, or last parts of names.
    names : iterable of str
        To choose from.
    parameter : str
        What the patterns are called, for the error.

    Returns
    -------
    list of str
        In the order of `names`.

    Raises
    ------
    ValueError
        If one of the patterns stands for nothing.

    Examples
    --------
    >>> matching(["dense"], ["0.dense", "0.condense", "1.dense"], "targets")
    ['0.dense', '1.dense']
    """
    names = [name for name in names if name and CHILD not in name.split(".")]
    if isinstance(patterns, str):
        hits = {patterns: [name for name in names if re.fullmatch(patterns, name)]}
    else:
        hits = {part: [name for name in names if f".{name}".endswith(f".{part}")] for part in patterns}
    for pattern, found in hits.items():
        if not found:
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise ValueError(f"{parameter}={pattern!r} is the name of nothing in the model; it has {shown}.")
    chosen = {name for found in hits.values() for name in found}
    return [name for name in names if name in chosen]


def _check_target(name: str, target: nn.Module) -> None:
    if CHILD in target._modules:
        raise ValueError(f"targets: {name!r} has an adapter already; call remove_adapters(model) first.")
    if isinstance(target, NonDynamicallyQuantizableLinear):
        raise ValueError(
            f"targets: {name!r} is never called, for MultiheadAttention reads its weights; target the attention itself."
        )


def _width(name: str, target: nn.Module) -> int:
    """Size of the last axis of what a module gives."""
    if isinstance(target, nn.LayerNorm):
        return int(target.normalized_shape[-1])
    for attribute in _WIDTHS:
        if isinstance(width := getattr(target, attribute, None), int):
            return width
    raise ValueError(f"targets: {name!r} does not say how wide its outputs are; give dim.")
