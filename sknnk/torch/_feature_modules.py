"""Phi as modules without parameters: the frozen arrays of a fitted sampler, and the same formulas on tensors.

Nothing is drawn here. The columns are those of `URFSampler.transform` and `ArcCosineSampler.transform`, in their order
and to rounding, so that what `transform_weights` or a closed form gives for the one holds for the other.
"""

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import nn

from .._features import ArcCosineSampler, URFSampler, feature_scale

# Exponents beyond this are cut, as in the numpy features: products of two exponentials stay finite.
_LIMITS = {torch.float64: 300.0}
_LIMIT = 35.0


class FrozenFeatures(nn.Module):
    """What every feature map has: frequency vectors in a buffer, one a row, and a number of columns.

    Parameters
    ----------
    sampler : URFSampler or ArcCosineSampler
        Fitted.
    """

    random_weights: torch.Tensor

    def __init__(self, sampler: Any):
        super().__init__()
        self.in_features = int(sampler.n_features_in_)
        self.n_components = int(sampler._n_features_out)
        self.scale = feature_scale(self.n_components)
        # Values of the buffers while these are on the meta device, where nothing has values.
        self._values: dict[str, torch.Tensor] = {}
        # Transposed and contiguous: the layout of nn.Linear.weight, for which its kernels are made.
        self._freeze("random_weights", sampler.random_weights_.T)

    def _freeze(self, name: str, values: Any, dtype: torch.dtype = torch.float64) -> None:
        """Make a buffer, with values even inside ``with torch.device("meta")``."""
        self.register_buffer(name, torch.tensor(values, dtype=dtype, device="cpu"))

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Convert or move the buffers, as every module does; their values survive `to_empty` and the meta device."""
        values = {name: buffer for name, buffer in self.named_buffers() if not buffer.is_meta} or self._values
        super()._apply(fn, recurse)
        on_meta = any(buffer.is_meta for buffer in self.buffers())
        self._values = {name: value.detach().cpu() for name, value in values.items()} if on_meta else {}
        for name, buffer in self.named_buffers():
            # Other kinds of tensors, such as those of a tracer, get their values in their own way.
            if not on_meta and buffer is not values.get(name, buffer) and type(buffer) is torch.Tensor:
                buffer.copy_(values[name])
        return self

    def extra_repr(self) -> str:
        """What `print` says of it."""
        return f"{self.in_features}, {self.n_components}"


class FourierFeatures(FrozenFeatures):
    """Bounded mode: interleaved cosines and sines."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Phi of rows of shape (..., in_features)."""
        return self.scale * _cos_sin(nn.functional.linear(x, self.random_weights))[..., : self.n_components]


class ArcCosineFeatures(FrozenFeatures):
    """The ReLU-SNNK and its relatives.

    Parameters
    ----------
    sampler : ArcCosineSampler
        Fitted.
    """

    random_offset: torch.Tensor

    def __init__(self, sampler: ArcCosineSampler):
        super().__init__(sampler)
        self.degree = int(sampler._degree)
        self._freeze("random_offset", sampler.random_offset_)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Phi of rows of shape (..., in_features)."""
        projected = nn.functional.linear(x, self.random_weights, self.random_offset)
        if self.degree == 0:
            return self.scale * torch.heaviside(projected, projected.new_full((), 0.5))
        return self.scale * torch.relu(projected) ** self.degree


class UnbiasedFeatures(FrozenFeatures):
    """Unbiased mode: a constant, the input where the series has a slope, pairs with their envelope, then zeros.

    Parameters
    ----------
    sampler : URFSampler
        Fitted with ``mode="unbiased"``.
    """

    exponents: torch.Tensor
    terms: torch.Tensor
    input_norm: torch.Tensor

    def __init__(self, sampler: URFSampler):
        super().__init__(sampler)
        layer = sampler._map
        self.linear_term = layer.slope != 0.0
        self.n_left_over = self.n_components - layer.pairs(self.in_features).stop
        self._freeze("exponents", 0.5 * layer.coefficients[0] ** 2)
        self._freeze("terms", layer.terms, torch.int64)
        self._freeze("input_norm", layer.input_norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Phi of rows of shape (..., in_features)."""
        phases = nn.functional.linear(x, self.random_weights)
        # Squares of whole rows need more digits than half precision has.
        exact = torch.promote_types(x.dtype, torch.float32)
        limit = _LIMITS.get(exact, _LIMIT)
        squares = x.to(exact).square().sum(-1, keepdim=True) - self.input_norm.to(exact) ** 2
        envelope = (squares * self.exponents.to(exact)).clamp(-limit, limit).exp().to(phases.dtype)
        # One exponential for each term of the series, not for each direction.
        pairs = _cos_sin(phases) * envelope[..., self.terms].repeat_interleave(2, dim=-1)
        constant = torch.ones_like(pairs[..., :1])
        linear = [x.to(pairs.dtype)] if self.linear_term else []
        columns = torch.cat([constant, *linear, pairs], dim=-1)
        return self.scale * nn.functional.pad(columns, (0, self.n_left_over))


def _cos_sin(phases: torch.Tensor) -> torch.Tensor:
    """Cosines in even and sines in odd columns, as `cos_sin_pairs` has them."""
    return torch.stack([phases.cos(), phases.sin()], dim=-1).flatten(-2)


def feature_module(sampler: URFSampler | ArcCosineSampler) -> FrozenFeatures:
    """Turn a fitted sampler into a module.

    Parameters
    ----------
    sampler : URFSampler or ArcCosineSampler
        Fitted, in bounded or unbiased mode.

    Returns
    -------
    torch.nn.Module
        Its forward is `sampler.transform` on the last axis. Its buffers are float64; convert them with `to`.

    Raises
    ------
    ValueError
        For a sampler in positive mode, which has no module.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(5, 3))
    >>> sampler = URFSampler("tanh", n_components=8, random_state=0).fit(rows)
    >>> bool(np.allclose(feature_module(sampler)(torch.from_numpy(rows)), sampler.transform(rows)))
    True
    """
    if isinstance(sampler, ArcCosineSampler):
        return ArcCosineFeatures(sampler)
    if sampler.mode == "positive":
        raise ValueError('mode="positive" has no PyTorch module; use "bounded", "unbiased" or ArcCosineSampler.')
    return FourierFeatures(sampler) if sampler.mode == "bounded" else UnbiasedFeatures(sampler)
