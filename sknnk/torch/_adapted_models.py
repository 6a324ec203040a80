"""Adapters in the modules of a model: added, found, merged and removed.

An adapter becomes a child of the module whose output it corrects, and a forward hook applies it. So the module keeps
its class, its attributes and the names of its parameters, which a wrapper around it would change.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ._adapters import Form, SNNKAdapter
from ._fast_paths import settle_fast_paths
from ._layers import drawn_seed
from ._names import CHILD, is_of_adapter, matching, named_modules, named_parameters
from ._outputs import corrected
from ._targets import check_target, placement, width_of

_NAME = "_snnk_name"


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
    dtype: torch.dtype | None = None,
    random_state: int | None = None,
) -> nn.Module:
    """Put a zero :class:`SNNKAdapter` behind modules of a model, and freeze everything else.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place. It may be compiled, or a ``DataParallel``: names are those of the model inside.
    targets : str or sequence of str
        Names of modules, as in ``model.named_modules()``. In a sequence the last parts of a name are enough:
        ``"output.dense"`` is every module whose name ends so. A string is a regular expression for whole names. A
        module with two names may be called by either, and gets one adapter.
    n_components : int, default=16
        Number of random features of each adapter.
    activation : str or callable, default="relu"
        As for :class:`SNNKAdapter`.
    trainable : str or sequence of str, default=()
        Modules or parameters that are trained as well, such as a new head; names as for `targets`. A weight that is
        tied to another is trained with it.
    form, rank, mode, normalize, length_scale, directions : optional
        As for :class:`SNNKAdapter`. In our measurements ``form="low_rank"`` was more accurate than the default,
        ``"full"``, with the same number of trained parameters.
    dim : int, optional
        Width of the outputs of the targets, where they do not say it themselves.
    dtype : torch.dtype, optional
        Of the adapters; by default that of each target. With ``torch.float32`` they train in full precision inside a
        model in half precision, whose hidden states keep their dtype.
    random_state : int, optional
        Seed, from which each adapter gets its own.

    Returns
    -------
    torch.nn.Module
        The model itself. Until it is trained, its outputs are what they were.

    Raises
    ------
    ValueError
        If nothing has the name of a target or of `trainable`, there are no targets, a regular expression is not valid,
        `dtype` is no floating one, a target has an adapter already, its width is unknown, or its outputs are computed
        without calling it, as those of ``MultiheadAttention.out_proj`` are. The model is as it was then.

    Notes
    -----
    Hidden states are the output of a target, or the first entry of a tuple, list, mapping or dataclass that it gives;
    of a mapping ``"last_hidden_state"``, if it has that. Its type is kept. A target that gives anything else raises
    ``TypeError`` with its name when the model is called. What is trainable in a model with adapters stays so.

    Examples
    --------
    >>> import torch
    >>> from sknnk.torch import add_adapters, trainable_parameters
    >>> encoder = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    >>> _ = add_adapters(encoder, ["self_attn", "linear2"], n_components=8, random_state=0)
    >>> sum(parameter.numel() for parameter in trainable_parameters(encoder))
    512
    """
    if dtype is not None and not dtype.is_floating_point:
        raise ValueError(f"dtype={dtype} is not one that can be trained in; use torch.float32, or leave it out.")
    places = target_places(model, targets)
    trained = _named_to_be_trained(model, trainable)
    random_state = drawn_seed() if random_state is None else random_state
    seeds = np.random.SeedSequence(random_state).generate_state(len(places)) >> 1
    config = {"n_components": n_components, "activation": activation, "form": form, "rank": rank, "mode": mode}
    config |= {"normalize": normalize, "length_scale": length_scale, "directions": directions}
    made = []
    for (name, target), seed in zip(places.items(), seeds, strict=True):
        check_target(name, target)
        where = placement(target, model) | ({} if dtype is None else {"dtype": dtype})
        made.append(SNNKAdapter(dim=width_of(name, target, dim), random_state=int(seed), **config, **where))
    if not any(adapters_of(model)):
        model.requires_grad_(False)
    for (name, target), adapter in zip(places.items(), made, strict=True):
        attach(name, target, adapter.train(target.training))
    for parameter in trained:
        parameter.requires_grad_(True)
    settle_fast_paths(model)
    return model


def target_places(model: nn.Module, targets: str | Sequence[str]) -> dict[str, nn.Module]:
    """Modules that targets name, each under the first of its names.

    Parameters
    ----------
    model : torch.nn.Module
        Any.
    targets : str or sequence of str
        As for :func:`add_adapters`.

    Returns
    -------
    dict of str to torch.nn.Module
        In the order of the model.

    Examples
    --------
    >>> act = nn.Tanh()
    >>> target_places(nn.Sequential(act, nn.Linear(2, 2), act), ["2"])
    {'0': Tanh()}
    """
    modules = dict(named_modules(model))  # of a wrapper and what it wraps, which have one name, the latter
    chosen = {id(modules[name]) for name in matching(targets, modules, "targets")}
    first: dict[int, str] = {}
    for name, module in modules.items():
        first.setdefault(id(module), name)
    return {name: modules[name] for key, name in first.items() if key in chosen}


def _named_to_be_trained(model: nn.Module, trainable: str | Sequence[str]) -> list[nn.Parameter]:
    """Parameters with one of the names, or in a module with it; tied ones whichever of their names it is."""
    names = [name for name, _ in [*named_modules(model), *named_parameters(model)]]
    trained: list[nn.Parameter] = []
    for pattern in [trainable] if isinstance(trainable, str) else [[part] for part in trainable]:
        kept = matching(pattern, names, "trainable")
        found = [
            parameter
            for name, parameter in named_parameters(model)
            if any(name == part or name.startswith(f"{part}.") for part in kept) and not is_of_adapter(name)
        ]
        if not found:
            raise ValueError(f"trainable={pattern!r} is the name of {kept[0]}, which has no parameters; leave it out.")
        trained += found
    return trained


def trainable_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Find the parameters that an optimizer should see.

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
    for name, target, adapter in list(adapters_of(model)):
        detach(target)
        attach(name, target, adapter.merged())
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
    settle_fast_paths(model)
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
    seen = set()
    for name, module in named_modules(model):
        adapter = module._modules.get(CHILD)
        if isinstance(adapter, SNNKAdapter) and id(module) not in seen:
            seen.add(id(module))
            yield name, module, adapter


def attach(name: str, target: nn.Module, adapter: SNNKAdapter) -> None:
    """Correct the outputs of a module from now on.

    Parameters
    ----------
    name : str
        Of the module, for errors.
    target : torch.nn.Module
        Gets a child and a forward hook.
    adapter : SNNKAdapter
        The child.
    """
    target.add_module(CHILD, adapter)
    # In the module and not in a closure, so that copies and pickles have it.
    setattr(target, _NAME, name)
    target.register_forward_hook(_corrected)


def detach(target: nn.Module) -> None:
    """Undo :func:`attach`.

    Parameters
    ----------
    target : torch.nn.Module
        A module with an adapter.
    """
    delattr(target, CHILD)
    target.__dict__.pop(_NAME, None)
    # By the function and not by a handle, which a copied or unpickled model does not have.
    for key in [key for key, hook in target._forward_hooks.items() if hook is _corrected]:
        del target._forward_hooks[key]


def _corrected(target: nn.Module, args: Any, output: Any) -> Any:
    """Forward hook: it finds the adapter through the module, so that it may be copied with it."""
    adapter: Any = target._modules[CHILD]
    return corrected(output, adapter, adapter.dim, getattr(target, _NAME, type(target).__name__))
