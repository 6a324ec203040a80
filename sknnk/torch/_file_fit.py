"""Whether a file of adapters fits a model: all is compared, and nothing in the model is changed."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ._adapters import SNNKAdapter
from ._file_contents import aliases, drawing, fingerprint, is_same_draw, shapes_digest
from ._names import CHILD, is_of_adapter, named_buffers, named_modules, named_parameters
from ._targets import placement, stated_width

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Fit:
    """What a file will do to a model.

    Parameters
    ----------
    adapters : list of tuple
        Name, module and adapter, which has its values already.
    values : list of tuple
        A tensor of the model, and what is copied there.
    trainable : list of torch.nn.Parameter
        All that are trained, those of the adapters among them.
    """

    adapters: list[tuple[str, nn.Module, SNNKAdapter]]
    values: list[tuple[torch.Tensor, torch.Tensor]]
    trainable: list[nn.Parameter]


def fitted(model: nn.Module, contents: dict[str, Any], tensors: Tensors, path: str) -> Fit:
    """Compare a file with a model.

    Parameters
    ----------
    model : torch.nn.Module
        Not changed.
    contents : dict
        What the file says of its adapters, buffers, trainable parameters and tied names.
    tensors : dict of str to torch.Tensor
        What it holds.
    path : str
        The file, for errors.

    Returns
    -------
    Fit
        What is to be done.

    Raises
    ------
    ValueError
        If anything does not fit.
    """
    entries, trainable = contents["adapters"], set(contents["trainable"])
    adapters = []
    for name, entry in entries.items():
        target = _target(model, name, contents["aliases"].get(name, [name]), path)
        _check_width(name, target, entry, path)
        adapters.append((name, target, _made(name, entry, placement(target, model), path)))
    expected = {name: _state_of(adapter, "drawn" in entries[name]) for name, _, adapter in adapters}
    inner = {f"{name}.{CHILD}.{key}": value for name, state in expected.items() for key, value in state.items()}
    outer = {name for name in [*trainable, *contents["buffers"]] if not is_of_adapter(name)}
    _check_names(inner.keys() | outer, tensors.keys(), path)
    for name, own in inner.items():
        _check_tensor(name, own, tensors[name], path)
    places = _outer_places(model, sorted(outer), contents["aliases"], tensors, path)
    with torch.no_grad():
        for name, own in inner.items():
            own.copy_(tensors[name])
    for name, _, adapter in adapters:
        for key, parameter in adapter.named_parameters():
            parameter.requires_grad_(f"{name}.{CHILD}.{key}" in trainable)
    trained = [own for name, owned in places.items() if name in trainable for own in owned]
    trained += [parameter for *_, adapter in adapters for parameter in adapter.parameters() if parameter.requires_grad]
    values = [(own, tensors[name]) for name, owned in places.items() for own in owned]
    return Fit(adapters, values, [own for own in trained if isinstance(own, nn.Parameter)])


def _target(model: nn.Module, name: str, names: list[str], path: str) -> nn.Module:
    """The module that an adapter belongs to, if it has the names there that it had."""
    modules = dict(named_modules(model))
    found = next((known for known in aliases(modules.items()).values() if name in known), None)
    if found is None:
        raise ValueError(f"{path} has an adapter for {name!r}, which is no module of the model.")
    if set(found) != set(names):
        raise ValueError(
            f"{path} has an adapter for a module that is called {', '.join(sorted(names))}; in the model it is called "
            f"{', '.join(sorted(found))}. Use the same module in the same places."
        )
    return modules[name]


def _check_width(name: str, target: nn.Module, entry: dict[str, Any], path: str) -> None:
    dim = entry["config"]["dim"]
    if "shapes" in entry:
        if entry["shapes"] != shapes_digest(target):
            raise ValueError(f"{path} has an adapter of width {dim} for {name!r}, whose parameters have other shapes.")
    elif (width := stated_width(target)) != dim:
        raise ValueError(f"{path} has an adapter of width {dim} for {name!r}; the model has width {width} there.")


def _made(name: str, entry: dict[str, Any], where: dict[str, Any], path: str) -> SNNKAdapter:
    """The adapter of a file, without its values."""
    if where["device"] is not None and where["device"].type == "meta":
        raise ValueError(
            f"{path} cannot be loaded: {name!r} is on the meta device; load the weights of the model first."
        )
    if "dtype" in entry:
        where = where | {"dtype": getattr(torch, entry["dtype"])}
    try:
        adapter = SNNKAdapter(**entry["config"], **where)
        now = fingerprint(drawing(adapter)) if "drawn" in entry else None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} has an adapter for {name!r} that cannot be made: {error}") from error
    if now is not None and not is_same_draw(now, entry["drawn"]):
        raise ValueError(
            f"{path} has an adapter for {name!r} whose seed stands for other random features now. Load it with the "
            "versions of NumPy and sknnk that saved it, and save it again by save_adapters(..., with_features=True)."
        )
    return adapter


def _state_of(adapter: SNNKAdapter, is_drawn: bool) -> Tensors:
    """The tensors of an adapter that come out of a file."""
    return dict(adapter.named_parameters()) if is_drawn else adapter.state_dict(keep_vars=True)


def _check_names(expected: set[str], found: Any, path: str) -> None:
    if missing := sorted(expected - set(found)):
        raise ValueError(f"{path} lacks {missing[0]}, and {len(missing) - 1} more tensors; save the adapters again.")
    if extra := sorted(set(found) - expected):
        raise ValueError(f"{path} has {extra[0]}, which is neither of an adapter nor trained; save the adapters again.")


def _check_tensor(name: str, own: torch.Tensor, value: torch.Tensor, path: str) -> None:
    if own.shape != value.shape:
        raise ValueError(
            f"{path} has {name} of shape {tuple(value.shape)}; the model has {tuple(own.shape)} there. Load it into a "
            "copy of the model that was saved."
        )
    if own.is_floating_point() != value.is_floating_point():
        raise ValueError(f"{path} has {name} of {value.dtype}; the model has {own.dtype} there.")
    if own.is_meta:
        raise ValueError(
            f"{path} has {name}, which is on the meta device in the model; load the model's weights first."
        )


def _outer_places(
    model: nn.Module, names: list[str], tied: dict[str, list[str]], tensors: Tensors, path: str
) -> dict[str, list[torch.Tensor]]:
    """For each tensor outside adapters the tensors of the model where it goes: several if these are tied no more."""
    every = dict([*named_parameters(model), *named_buffers(model)])
    known = {id(every[found[0]]): found for found in aliases(every.items()).values()}
    places: dict[str, list[torch.Tensor]] = {}
    for name in names:
        of_file = tied.get(name, [name])
        for part in of_file:
            if part not in every:
                shape = tuple(tensors[name].shape)
                raise ValueError(f"{path} has {part} of shape {shape}; the model has nothing there.")
            _check_tensor(part, every[part], tensors[name], path)
            if others := set(known[id(every[part])]) - set(of_file):
                raise ValueError(
                    f"{path} has {part}, which in the model is tied to {min(others)}, frozen in the model that was "
                    "saved; untie the two first."
                )
        places[name] = list({id(every[part]): every[part] for part in of_file}.values())
    return places
