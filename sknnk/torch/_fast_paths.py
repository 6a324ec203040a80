"""PyTorch's fused inference of encoders reads weights and calls no parts; here it is disabled for changed layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ._feature_modules import FrozenFeatures
from ._layers import SNNKLinear
from ._names import is_of_adapter, named_modules

_OURS = (FrozenFeatures, SNNKLinear)


def settle_fast_paths(model: nn.Module) -> None:
    """Disable the fused path for encoder layers with adapters or bundled blocks, and enable it for others.

    With a padding mask an encoder in eval mode makes a nested tensor of its batch, which the fused path alone can take;
    a layer with hooks is never fused, so that such an encoder must compute the padded batch as it is. A bundled layer
    has no hooks; there the fused path would read ``linear1.weight``, which features do not have.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    """
    for module in model.modules():
        if isinstance(module, nn.TransformerEncoder):
            is_changed = any(has_ours(layer, adapters=True) for layer in module.layers)
            _settle(module, "use_nested_tensor", False, is_changed)
        if isinstance(module, nn.TransformerEncoderLayer):
            if has_ours(module, adapters=False):
                module.activation_relu_or_gelu = 0  # an activation that it does not know
            else:  # what an encoder that is made of it later asks
                _settle(module, "activation_relu_or_gelu", 0, has_ours(module, adapters=True))


def _settle(module: Any, attribute: str, off: Any, is_changed: bool) -> None:
    """Turn an attribute off while a module is changed, and back to what it was."""
    kept = f"_snnk_{attribute}"
    if is_changed and getattr(module, attribute, off):
        setattr(module, kept, getattr(module, attribute))
        setattr(module, attribute, off)
    elif not is_changed and hasattr(module, kept):
        setattr(module, attribute, getattr(module, kept))
        delattr(module, kept)


def has_ours(module: nn.Module, adapters: bool) -> bool:
    """Whether a module has random features inside.

    Parameters
    ----------
    module : torch.nn.Module
        Any.
    adapters : bool
        Whether those of adapters count.

    Returns
    -------
    bool
        Whether there are any.

    Examples
    --------
    >>> has_ours(nn.Sequential(SNNKLinear(4, 2)), adapters=False)
    True
    """
    parts = (part for name, part in named_modules(module) if adapters or not is_of_adapter(name))
    return any(isinstance(part, _OURS) for part in parts)


@contextmanager
def without_fast_paths() -> Iterator[None]:
    """Call the parts of every encoder one by one, so that hooks see what they are given."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)
