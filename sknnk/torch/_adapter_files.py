"""Adapters in a file of their own: a few kilobytes next to the model that they belong to."""

import json
import os
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from ._adapted_models import CHILD, adapters_of, attach, detach, placement
from ._adapters import SNNKAdapter

_FORMAT = "sknnk-adapters-1"

Path = str | os.PathLike[str]


def save_adapters(model: nn.Module, path: Path) -> None:
    """Save the adapters of a model, and whatever else in it is trainable, as a safetensors file.

    The random features are saved with them: a file stays valid whichever version of NumPy draws otherwise.

    Parameters
    ----------
    model : torch.nn.Module
        With adapters.
    path : path-like
        The file; usually named ``*.safetensors``.

    Raises
    ------
    ValueError
        If there are no adapters, or their activation is a callable, which no file can hold.

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
    adapters = {name: adapter for name, _, adapter in adapters_of(model)}
    if not adapters:
        raise ValueError("model has no adapters; add_adapters(model, ...) makes them.")
    parameters = dict(model.named_parameters())
    trainable = [name for name, parameter in parameters.items() if parameter.requires_grad]
    tensors = {name: parameters[name] for name in trainable}
    for name, adapter in adapters.items():
        tensors |= {f"{name}.{CHILD}.{key}": value for key, value in adapter.state_dict().items()}
    configs = {name: _checked_config(name, adapter) for name, adapter in adapters.items()}
    metadata = {"format": _FORMAT, "adapters": json.dumps(configs), "trainable": json.dumps(trainable)}
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, path, metadata)


def load_adapters(model: nn.Module, path: Path) -> nn.Module:
    """Put saved adapters into a model, in place of those that it has there.

    Parameters
    ----------
    model : torch.nn.Module
        The model that they were trained in, or a copy; changed in place.
    path : path-like
        A file of :func:`save_adapters`.

    Returns
    -------
    torch.nn.Module
        The model itself. Trainable is what was trainable in the model that was saved.

    Raises
    ------
    ValueError
        If the file is another one, or does not fit the model.

    Examples
    --------
    See :func:`save_adapters`.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    if metadata.get("format") != _FORMAT:
        raise ValueError(f"path={str(path)!r} is not a file of save_adapters (format {metadata.get('format')!r}).")
    configs, trainable = json.loads(metadata["adapters"]), set(json.loads(metadata["trainable"]))
    modules = dict(model.named_modules())
    if missing := configs.keys() - modules.keys():
        raise ValueError(f"path={str(path)!r} has an adapter for {min(missing)!r}, which is no module of the model.")
    _check_shapes(model, {name: tensors[name] for name in trainable if CHILD not in name.split(".")}, str(path))
    for name, config in configs.items():
        if CHILD in modules[name]._modules:
            detach(modules[name])
        attach(modules[name], SNNKAdapter(**config, **placement(modules[name], model)).train(modules[name].training))
    own = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trainable)
    return model


def _checked_config(name: str, adapter: SNNKAdapter) -> dict[str, Any]:
    """What makes the adapter again, if JSON can say it."""
    if callable(adapter.config["activation"]):
        raise ValueError(
            f"the adapter of {name!r} has a callable activation, which no file can hold; use one that has a name, "
            "or torch.save(model.state_dict())."
        )
    length_scale = adapter.config["length_scale"]
    plain = length_scale.tolist() if hasattr(length_scale, "tolist") else length_scale
    return adapter.config | {"length_scale": plain}


def _check_shapes(model: nn.Module, tensors: dict[str, torch.Tensor], path: str) -> None:
    """Refuse a file before anything is changed; adapters are made to fit, what else was trained may not."""
    own = model.state_dict()
    for name, tensor in sorted(tensors.items()):
        if name not in own or own[name].shape != tensor.shape:
            shape = tuple(own[name].shape) if name in own else "nothing"
            raise ValueError(f"path={path!r} has {name} of shape {tuple(tensor.shape)}; the model has {shape} there.")
