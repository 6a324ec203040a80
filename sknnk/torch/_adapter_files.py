"""Adapters in a file of their own: a few kilobytes next to the model that they belong to."""

import base64
import json
import os
import zlib
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ._adapted_models import adapters_of, attach, detach
from ._adapters import SNNKAdapter
from ._fast_paths import settle_fast_paths
from ._file_contents import aliases, drawing, fingerprint, is_as_drawn, place_of, trained_tensors
from ._file_fit import Fit, fitted
from ._names import CHILD, named_buffers, named_modules, named_parameters

_FORMAT = "sknnk-adapters-2"
_KEYS = ("adapters", "trainable", "buffers", "aliases")

Path = str | os.PathLike[str]


def save_adapters(model: nn.Module, path: Path, *, with_features: bool = False) -> None:
    """Save the adapters of a model, and everything else in it that is trainable, as a safetensors file.

    The file holds the trained parameters, buffers of what is trained, such as the statistics of a batch normalization
    in a new head, and the seeds of the random features.

    Parameters
    ----------
    model : torch.nn.Module
        With adapters. Compiled or in a ``DataParallel``, it gives the same file as the model inside.
    path : path-like
        The file; usually named ``*.safetensors``.
    with_features : bool, default=False
        Whether random features are saved too. Then the file stays valid even if a later version of NumPy draws other
        random numbers, and is a few times as large. Features that are not to the bit those of their seed are saved
        always.

    Raises
    ------
    ValueError
        If there are no adapters, they are on the meta device, or their activation is a callable, which no file can
        hold.

    Examples
    --------
    >>> import tempfile, torch
    >>> from sknnk.torch import add_adapters, load_adapters, save_adapters
    >>> torch.manual_seed(0), torch.set_printoptions()
    (<torch._C.Generator object at ...>, None)
    >>> model = add_adapters(torch.nn.Sequential(torch.nn.Linear(4, 4)), ["0"], 8, "sin", random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_adapters(model, f"{folder}/task.safetensors")
    ...     other = load_adapters(torch.nn.Sequential(torch.nn.Linear(4, 4)), f"{folder}/task.safetensors")
    >>> bool((other[0].snnk_adapter.layer.weight == model[0].snnk_adapter.layer.weight).all())
    True
    """
    adapters = list(adapters_of(model))
    if not adapters:
        raise ValueError("model has no adapters; add_adapters(model, ...) makes them.")
    tensors, buffers = trained_tensors(model)
    entries: dict[str, dict[str, Any]] = {}
    for name, target, adapter in adapters:
        entries[name] = {"config": _checked_config(name, adapter), **place_of(target, adapter, model)}
        stored = dict(adapter.named_parameters())
        drawn = drawing(adapter)
        if with_features or not is_as_drawn(adapter, drawn):
            stored = adapter.state_dict()
        else:
            entries[name]["drawn"] = fingerprint(drawn)
        tensors |= {f"{name}.{CHILD}.{key}": value for key, value in stored.items()}
    if on_meta := [name for name, tensor in tensors.items() if tensor.is_meta]:
        raise ValueError(f"{on_meta[0]} is on the meta device and has no values to save; model.to_empty(...) first.")
    contents = {"adapters": entries, "buffers": buffers, "aliases": _aliases_of(model, {*tensors, *entries})}
    contents["trainable"] = [name for name, tensor in tensors.items() if tensor.requires_grad]
    values = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(values, path, {"format": _FORMAT, "contents": _packed(contents)})


def load_adapters(model: nn.Module, path: Path) -> nn.Module:
    """Put saved adapters into a model, in place of all that it has.

    Parameters
    ----------
    model : torch.nn.Module
        The model that they were trained in, or a copy; changed in place. It may be compiled, or a ``DataParallel``.
    path : path-like
        A file of :func:`save_adapters`.

    Returns
    -------
    torch.nn.Module
        The model itself. Trainable is what was trainable in the model that was saved.

    Raises
    ------
    ValueError
        If the file is another one, lacks a tensor or has one too many, does not fit the model in the names, widths or
        shapes of its modules, or the random features drawn now are others. The model is as it was then.

    Examples
    --------
    See :func:`save_adapters`.
    """
    contents, tensors = _read(path)
    fit = fitted(model, contents, tensors, f"path={str(path)!r}")
    _install(model, fit)
    return model


def _install(model: nn.Module, fit: Fit) -> None:
    """Do what was found to fit."""
    for _, target, _ in list(adapters_of(model)):
        detach(target)
    model.requires_grad_(False)
    for name, target, adapter in fit.adapters:
        attach(name, target, adapter)
    with torch.no_grad():
        for tensor, value in fit.values:
            tensor.copy_(value)
    for parameter in fit.trainable:
        parameter.requires_grad_(True)
    settle_fast_paths(model)


def _checked_config(name: str, adapter: SNNKAdapter) -> dict[str, Any]:
    """Settings that build the adapter again, if a file can hold them."""
    if callable(adapter.config["activation"]):
        raise ValueError(
            f"the adapter of {name!r} has a callable activation, which no file can hold; use one that has a name, "
            "or torch.save(model.state_dict())."
        )
    return adapter.config


def _aliases_of(model: nn.Module, names: set[str]) -> dict[str, list[str]]:
    """Other names of what a file holds: a tied weight, or a module that is used twice."""
    every = aliases([*named_parameters(model), *named_buffers(model)]) | aliases(named_modules(model))
    return {name: found for name, found in every.items() if name in names and len(found) > 1}


def _packed(contents: dict[str, Any]) -> str:
    """JSON, compressed: names of modules and settings of adapters repeat themselves."""
    text = json.dumps(contents, separators=(",", ":"), default=_plain)
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy as those of Python."""
    return value.tolist()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a file says of itself, and its tensors."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        raise ValueError(f"path={str(path)!r} is no safetensors file, or a damaged one: {error}.") from error
    if metadata.get("format") != _FORMAT:
        raise ValueError(
            f"path={str(path)!r} is not a file of save_adapters (format {metadata.get('format')!r}, not {_FORMAT!r})."
        )
    try:
        contents = json.loads(zlib.decompress(base64.b85decode(metadata["contents"])))
        return {key: contents[key] for key in _KEYS}, tensors
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"path={str(path)!r} has a damaged header: {error!r}; save the adapters again.") from error
