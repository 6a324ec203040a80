"""Names of modules and tensors as a user knows them: all names of one that has several, none of the wrappers' parts."""

import re
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

CHILD = "snnk_adapter"

# Children by which torch.compile, checkpointing and sharding call what they wrap; and wrappers with a child "module".
_WRAPPED = {"_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"}
_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)


def named_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Iterate over modules, one that is used under two names under both.

    ``model.named_modules()`` gives such a module its first name only. A wrapper and what it wraps have one name.

    Parameters
    ----------
    model : torch.nn.Module
        Any; it may be compiled or a ``DataParallel``, in whole or in part.

    Yields
    ------
    name : str
        Without ``_orig_mod`` and ``module``, so that it is the same with and without the wrapper.
    module : torch.nn.Module
        That module.

    Examples
    --------
    >>> act = nn.Tanh()
    >>> [name for name, _ in named_modules(nn.DataParallel(nn.Sequential(act, nn.Identity(), act)))]
    ['', '', '0', '1', '2']
    """
    return _below(model, "")


def _below(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    yield name, module
    for key, child in module._modules.items():
        if child is not None:
            wrapped = key in _WRAPPED or (key == "module" and isinstance(module, _WRAPPERS))
            yield from _below(child, name if wrapped else _joined(name, key))


def named_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Iterate over parameters, one that is tied to another under all of its names.

    Parameters
    ----------
    model : torch.nn.Module
        Any.

    Yields
    ------
    name : str
        As of :func:`named_modules`.
    parameter : torch.nn.Parameter
        That parameter.

    Examples
    --------
    >>> model = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 3, bias=False))
    >>> model[1].weight = model[0].weight
    >>> [name for name, _ in named_parameters(model)]
    ['0.weight', '1.weight']
    """
    for name, module in named_modules(model):
        for key, parameter in module._parameters.items():
            if parameter is not None:
                yield _joined(name, key), parameter


def named_buffers(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Iterate over the buffers that belong to the state of a module.

    Parameters
    ----------
    module : torch.nn.Module
        Any.

    Yields
    ------
    name : str
        As of :func:`named_modules`.
    buffer : torch.Tensor
        That buffer.

    Examples
    --------
    >>> [name for name, _ in named_buffers(nn.BatchNorm1d(2))]
    ['running_mean', 'running_var', 'num_batches_tracked']
    """
    for name, part in named_modules(module):
        for key, buffer in part._buffers.items():
            if buffer is not None and key not in part._non_persistent_buffers_set:
                yield _joined(name, key), buffer


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def is_of_adapter(name: str) -> bool:
    """Whether a name belongs to an adapter.

    Parameters
    ----------
    name : str
        Of a module or tensor.

    Returns
    -------
    bool
        Whether the adapter of some module has it.

    Examples
    --------
    >>> is_of_adapter("0.snnk_adapter.layer"), is_of_adapter("0.weight")
    (True, False)
    """
    return CHILD in name.split(".")


def matching(patterns: str | Sequence[str], names: Iterable[str], parameter: str) -> list[str]:
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
        In the order of `names`, each once.

    Raises
    ------
    ValueError
        If there are no patterns, one is no valid regular expression, or one stands for nothing.

    Examples
    --------
    >>> matching(["dense"], ["0.dense", "0.condense", "1.dense"], "targets")
    ['0.dense', '1.dense']
    """
    names = [name for name in dict.fromkeys(names) if name and not is_of_adapter(name)]
    hits = _hits(patterns, names, parameter)
    for pattern, found in hits.items():
        if not found:
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise ValueError(f"{parameter}={pattern!r} is the name of nothing in the model; it has {shown}.")
    chosen = {name for found in hits.values() for name in found}
    return [name for name in names if name in chosen]


def _hits(patterns: str | Sequence[str], names: list[str], parameter: str) -> dict[str, list[str]]:
    """For each pattern the names that it stands for."""
    if isinstance(patterns, str):
        try:
            expression = re.compile(patterns)
        except re.error as error:
            raise ValueError(
                f"{parameter}={patterns!r} is not a valid regular expression: {error}. For a plain name pass a list, "
                f"{parameter}=[{patterns!r}]."
            ) from error
        return {patterns: [name for name in names if expression.fullmatch(name)]}
    parts = list(patterns) if isinstance(patterns, Iterable) else [patterns]
    if not parts:
        raise ValueError(f"{parameter}={patterns!r} names nothing; give one or more last parts of names of modules.")
    if strange := [part for part in parts if not isinstance(part, str)]:
        raise ValueError(f"{parameter} has {strange[0]!r}; give a string, or a sequence of strings.")
    return {part: [name for name in names if f".{name}".endswith(f".{part}")] for part in parts}
