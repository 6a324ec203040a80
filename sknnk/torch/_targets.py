"""Facts about a module as a target of adapters: the width of its outputs, its device, and whether it is called."""

from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from ._names import CHILD, is_of_adapter

# Where modules of other libraries say how wide their outputs are: attention, GPT-2's Conv1D.
_WIDTHS = ("out_features", "embed_dim", "embedding_dim", "hidden_size", "d_model", "nf", "all_head_size")
_NORMS = (nn.LayerNorm, nn.RMSNorm)


def check_target(name: str, target: nn.Module) -> None:
    """Refuse a module that no adapter can correct.

    Parameters
    ----------
    name : str
        Of the module, for the error.
    target : torch.nn.Module
        The module.

    Raises
    ------
    ValueError
        If it has an adapter, or its outputs are computed without calling it.
    """
    if CHILD in target._modules:
        raise ValueError(f"targets: {name!r} has an adapter already; call remove_adapters(model) first.")
    if isinstance(target, NonDynamicallyQuantizableLinear):
        raise ValueError(
            f"targets: {name!r} is never called, for MultiheadAttention reads its weights; target the attention itself."
        )


def width_of(name: str, target: nn.Module, dim: int | None) -> int:
    """Size of the last axis of the output of a module.

    Parameters
    ----------
    name : str
        Of the module, for the error.
    target : torch.nn.Module
        The module.
    dim : int or None
        What the user says. It goes before an attribute of a module of another library, which may mean something else.

    Returns
    -------
    int
        Positive.

    Raises
    ------
    ValueError
        If nobody says it.

    Examples
    --------
    >>> width_of("0", nn.LSTM(5, 3, bidirectional=True), None)
    6
    """
    width = _width_by_class(target) or dim or stated_width(target)
    if width is None:
        raise ValueError(f"targets: {name!r} does not say how wide its outputs are; give dim.")
    return width


def stated_width(target: nn.Module) -> int | None:
    """Size of the last axis of the output of a module, if its attributes tell.

    Parameters
    ----------
    target : torch.nn.Module
        Any module.

    Returns
    -------
    int or None
        By its class, or else by an attribute.

    Examples
    --------
    >>> stated_width(nn.Linear(2, 3)), stated_width(nn.ReLU())
    (3, None)
    """
    if (width := _width_by_class(target)) is not None:
        return width
    for attribute in _WIDTHS:
        if isinstance(width := getattr(target, attribute, None), int):
            return width
    return None


def _width_by_class(target: Any) -> int | None:
    """The width of a module of PyTorch itself."""
    if isinstance(target, nn.Linear | nn.Bilinear):
        return int(target.out_features)
    if isinstance(target, _NORMS):
        return int(target.normalized_shape[-1])
    if isinstance(target, nn.RNNBase):
        size = target.proj_size or target.hidden_size
        return int(size) * (2 if target.bidirectional else 1)
    if isinstance(target, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        return int(target.self_attn.embed_dim)
    if isinstance(target, nn.TransformerEncoder | nn.TransformerDecoder):
        return _width_by_class(target.layers[-1])
    return None


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

    Examples
    --------
    >>> placement(nn.ReLU(), nn.Linear(2, 2).double())["dtype"]
    torch.float64
    """
    for name, parameter in chain(target.named_parameters(), model.named_parameters()):
        # Adapters may have a dtype of their own. Weights of eight bits are for storage: nothing is computed in them.
        if not is_of_adapter(name) and parameter.is_floating_point() and parameter.dtype.itemsize > 1:
            return {"device": parameter.device, "dtype": parameter.dtype}
    return {"device": None, "dtype": torch.get_default_dtype()}
