"""Scalable neural network kernels inside PyTorch models: layers, adapters, bundled feed-forward blocks.

Examples
--------
>>> import torch
>>> from sknnk.torch import SNNKLinear
>>> SNNKLinear(16, 4, "gelu", n_components=32, random_state=0)(torch.zeros(2, 16)).shape
torch.Size([2, 4])
"""

try:
    import safetensors.torch as _safetensors  # noqa: F401 (it needs PyTorch, so that one line asks for both)
except ImportError as error:
    raise ImportError(
        'sknnk.torch needs PyTorch and safetensors, which are not installed: pip install "sknnk[torch]" brings both. '
        "Install the build of PyTorch for your hardware first, and pip leaves it alone."
    ) from error

from ._adapted_models import add_adapters, merge_adapters, remove_adapters, trainable_parameters
from ._adapter_files import load_adapters, save_adapters
from ._adapters import SNNKAdapter
from ._layers import SNNKLinear
from ._transformers import bundle_feedforward

__all__ = [
    "SNNKAdapter",
    "SNNKLinear",
    "add_adapters",
    "bundle_feedforward",
    "load_adapters",
    "merge_adapters",
    "remove_adapters",
    "save_adapters",
    "trainable_parameters",
]
