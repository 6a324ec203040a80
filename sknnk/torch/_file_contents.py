"""What belongs into a file of adapters: trained parameters, buffers that go with them, and how features are drawn."""

import math
import zlib
from typing import Any

import torch
from torch import nn

from ._adapters import SNNKAdapter
from ._names import is_of_adapter, named_buffers, named_modules, named_parameters
from ._targets import placement, stated_width

# Relative difference of random features that are the same but for rounding, on another machine.
_SAME_DRAW = 1e-6


def aliases(named: Any) -> dict[str, list[str]]:
    """Names of each thing, by the first of them.

    Parameters
    ----------
    named : iterable of tuple
        Names and things.

    Returns
    -------
    dict of str to list of str
        The first name, and all of them.

    Examples
    --------
    >>> act = nn.Tanh()
    >>> aliases(named_modules(nn.Sequential(act, act)))
    {'': [''], '0': ['0', '1']}
    """
    names: dict[int, list[str]] = {}
    for name, thing in named:
        names.setdefault(id(thing), []).append(name)
    return {of_one[0]: of_one for of_one in names.values()}


def trained_tensors(model: nn.Module) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Parameters outside adapters that are trained, and the buffers that go with them.

    Those are the buffers of a module with such a parameter, and all below a module whose parameters are all trained:
    of batch normalization in a head the statistics.

    Parameters
    ----------
    model : torch.nn.Module
        Any.

    Returns
    -------
    tensors : dict of str to torch.Tensor
        By their first names.
    buffers : list of str
        Which of them are buffers.

    Examples
    --------
    >>> head = nn.Sequential(nn.Linear(3, 2, bias=False), nn.BatchNorm1d(2, affine=False))
    >>> trained_tensors(head)[1]
    ['1.running_mean', '1.running_var', '1.num_batches_tracked']
    """
    trained = [
        (name, parameter)
        for name, parameter in named_parameters(model)
        if parameter.requires_grad and not is_of_adapter(name)
    ]
    buffers: list[tuple[str, torch.Tensor]] = []
    for name, module in named_modules(model):
        if is_of_adapter(name):
            continue
        below = [parameter for part, parameter in named_parameters(module) if not is_of_adapter(part)]
        own = [parameter for parameter in module._parameters.values() if parameter is not None]
        whole = bool(below) and all(parameter.requires_grad for parameter in below)
        if whole or any(parameter.requires_grad for parameter in own):
            found = [(part, buffer) for part, buffer in named_buffers(module) if whole or "." not in part]
            start = f"{name}." if name else ""
            buffers += [(start + part, buffer) for part, buffer in found if not is_of_adapter(part)]
    every = dict([*trained, *buffers])
    kept = {names[0]: every[names[0]] for names in aliases(every.items()).values()}
    return kept, [name for name in kept if name in dict(buffers)]


def drawing(adapter: SNNKAdapter) -> SNNKAdapter:
    """The adapter that the parameters of another one make, in float64 on the CPU.

    Parameters
    ----------
    adapter : SNNKAdapter
        Any.

    Returns
    -------
    SNNKAdapter
        With the random features of its seed.

    Examples
    --------
    >>> drawing(SNNKAdapter(4, 2, random_state=0)).layer.weight.dtype
    torch.float64
    """
    with torch.random.fork_rng(devices=[]):  # a run that saves goes on like one that does not
        return SNNKAdapter(**adapter.config, device="cpu", dtype=torch.float64)


def is_as_drawn(adapter: SNNKAdapter, drawn: SNNKAdapter) -> bool:
    """Whether the random features of an adapter are to the bit those of its seed, so that no file need hold them.

    Parameters
    ----------
    adapter : SNNKAdapter
        Any.
    drawn : SNNKAdapter
        Its :func:`drawing`.

    Returns
    -------
    bool
        False if they were changed, or rounded more than their dtype says.

    Examples
    --------
    >>> adapter = SNNKAdapter(4, 2, random_state=0)
    >>> is_as_drawn(adapter, drawing(adapter))
    True
    """
    for name, buffer in adapter.layer.features.named_buffers():
        if buffer.is_meta:
            return False
        values = drawn.layer.features.get_buffer(name)
        if not torch.equal(values.to(buffer.dtype), buffer.cpu()):
            return False
    return True


def fingerprint(drawn: SNNKAdapter) -> float:
    """A number that tells random features apart.

    Parameters
    ----------
    drawn : SNNKAdapter
        In float64.

    Returns
    -------
    float
        A sum of their entries with varying coefficients, over their norm; to seven digits.

    Examples
    --------
    >>> first, second = (drawing(SNNKAdapter(4, 2, random_state=seed)) for seed in (0, 1))
    >>> fingerprint(first) != fingerprint(second)
    True
    """
    values = torch.cat([buffer.flatten().double() for buffer in drawn.layer.features.buffers()])
    angles = torch.arange(len(values), dtype=torch.float64, device="cpu")
    return float(f"{float(values @ angles.cos()) / (float(values.norm()) or 1.0):.7g}")


def is_same_draw(first: float, second: float) -> bool:
    """Whether two fingerprints are of the same features.

    Parameters
    ----------
    first, second : float
        Of :func:`fingerprint`.

    Returns
    -------
    bool
        Whether they differ by rounding at most.

    Examples
    --------
    >>> is_same_draw(0.1234567, 0.1234568), is_same_draw(0.1, 0.2)
    (True, False)
    """
    return math.isclose(first, second, rel_tol=_SAME_DRAW, abs_tol=_SAME_DRAW)


def place_of(target: nn.Module, adapter: SNNKAdapter, model: nn.Module) -> dict[str, Any]:
    """What is not obvious about the place of an adapter, so that it may be found again.

    Parameters
    ----------
    target : torch.nn.Module
        The module that is corrected.
    adapter : SNNKAdapter
        Its adapter.
    model : torch.nn.Module
        The model that it is in.

    Returns
    -------
    dict
        Its dtype where that is not the one of the target, and a digest of the shapes of the target's parameters where
        the target does not say its width.

    Examples
    --------
    >>> target = nn.Linear(3, 2)
    >>> place_of(target, SNNKAdapter(2, dtype=torch.float64), target)
    {'dtype': 'float64'}
    """
    dtype = adapter.layer.weight.dtype
    place: dict[str, Any] = {}
    if dtype != placement(target, model)["dtype"]:
        place["dtype"] = str(dtype).removeprefix("torch.")
    if stated_width(target) != adapter.dim:
        place["shapes"] = shapes_digest(target)
    return place


def shapes_digest(target: nn.Module) -> int:
    """A number that tells the widths of modules apart that do not say them.

    Parameters
    ----------
    target : torch.nn.Module
        Any.

    Returns
    -------
    int
        Of the shapes of its parameters, but for those of its adapter.

    Examples
    --------
    >>> shapes_digest(nn.Linear(2, 3)) == shapes_digest(nn.Linear(2, 3)) != shapes_digest(nn.Linear(3, 3))
    True
    """
    shapes = [tuple(parameter.shape) for name, parameter in named_parameters(target) if not is_of_adapter(name)]
    return zlib.crc32(repr(shapes).encode())
