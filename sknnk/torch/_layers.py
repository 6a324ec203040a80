"""SNNKLinear: a layer and its activation, rewritten as frozen random features and one trainable matrix."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import nn

from .._features import ArcCosineSampler, URFSampler, largest_norm
from ._closed_form import flat_rows, least_squares
from ._feature_modules import feature_module

Activation = str | Callable[..., Any]
Mode = Literal["bounded", "unbiased", "arc_cosine"]

ARC_COSINE_DEGREES = {"step": 0, "relu": 1, "squared_relu": 2}
MODES = ("bounded", "unbiased", "arc_cosine")


class SNNKLinear(nn.Module):
    """Replacement for ``Sequential(Linear, activation)``: frozen random features times a trainable matrix.

    ``f(W x + b)`` becomes ``weight Phi(x) + bias``. Phi is that of :class:`sknnk.URFSampler` or
    :class:`sknnk.ArcCosineSampler`, drawn once and kept in buffers; `weight` need not be the image of any ``(W, b)``.

    Parameters
    ----------
    in_features, out_features : int
        As for :class:`torch.nn.Linear`.
    activation : str or callable, default="relu"
        One of :class:`sknnk.URFSampler`'s; with ``mode="arc_cosine"`` ``"step"``, ``"relu"`` or ``"squared_relu"``.
    n_components : int, default=128
        Number of random features; the layer has ``out_features * n_components`` trainable weights.
    mode : {"bounded", "unbiased", "arc_cosine"}, default="bounded"
        ``"bounded"`` is for learning, with any inputs. ``"unbiased"`` estimates a given layer, see :meth:`from_linear`.
        ``"arc_cosine"`` is the ReLU-SNNK.
    length_scale : "scale", float or array-like of shape (in_features,), default="scale"
        Distance over which features vary. ``"scale"`` suits inputs of unit variance, as a layer norm makes them, or
        `inputs`. Unused in unbiased mode.
    directions : {"gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="orthogonal"
        How the random directions are coupled.
    weight_norm : float, default=1.0
        Largest norm of a row of weights to be estimated; unbiased mode only.
    bias : bool, default=True
        Whether a trainable constant is added.
    inputs : tensor or array-like of shape (..., in_features), optional
        Typical inputs, whose scale is used instead of unit variance.
    random_state : int, optional
        Seed of the features. When it is not given, one is drawn from PyTorch's generator, so that
        :func:`torch.manual_seed` decides.
    device, dtype : optional
        As for :class:`torch.nn.Linear`. A layer that was made on the meta device has its random features, and fresh
        weights, after ``to_empty``.

    Attributes
    ----------
    weight : torch.nn.Parameter of shape (out_features, n_components)
        The trainable matrix.
    bias : torch.nn.Parameter of shape (out_features,) or None
        The trainable constant.
    features : torch.nn.Module
        Phi; it has buffers and no parameters.

    Raises
    ------
    ValueError
        If a parameter is not among what is allowed.

    References
    ----------
    Sehanobish et al., "Scalable Neural Network Kernels", ICLR 2024, arXiv 2310.13225, sections 3 and 4.

    Examples
    --------
    >>> import torch
    >>> from sknnk.torch import SNNKLinear
    >>> layer = SNNKLinear(64, 256, "gelu", n_components=32, random_state=0)
    >>> layer(torch.randn(8, 10, 64)).shape
    torch.Size([8, 10, 256])
    >>> sum(parameter.numel() for parameter in layer.parameters())  # 256 * 32 and a bias, not 256 * 64
    8448
    """

    __module__ = "sknnk.torch"

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: Activation = "relu",
        n_components: int = 128,
        *,
        mode: Mode = "bounded",
        length_scale: Any = "scale",
        directions: str = "orthogonal",
        weight_norm: float = 1.0,
        bias: bool = True,
        inputs: Any = None,
        random_state: int | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        sampler = _unfitted_sampler(activation, n_components, mode, length_scale, directions, weight_norm, random_state)
        rows = _typical_rows(in_features) if inputs is None else flat_rows(inputs)
        if rows.shape[1] != in_features:
            raise ValueError(f"inputs has {rows.shape[1]} columns in its last axis; in_features={in_features}.")
        self._build(sampler.fit(rows), out_features, bias, device, dtype)

    @classmethod
    def from_sampler(
        cls,
        sampler: URFSampler | ArcCosineSampler,
        out_features: int,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> Self:
        """Put a trainable matrix behind a fitted transformer.

        Parameters
        ----------
        sampler : URFSampler or ArcCosineSampler
            Fitted, and not in positive mode.
        out_features : int
            Number of outputs.
        bias : bool, default=True
            Whether a trainable constant is added.
        device, dtype : optional
            As for :class:`torch.nn.Linear`.

        Returns
        -------
        SNNKLinear
            ``layer.features`` is ``sampler.transform``.

        Examples
        --------
        >>> import numpy as np
        >>> from sknnk import URFSampler
        >>> from sknnk.torch import SNNKLinear
        >>> sampler = URFSampler("sech", frequencies="coordinatewise", random_state=0).fit(np.eye(5))
        >>> SNNKLinear.from_sampler(sampler, 3)
        SNNKLinear(
          in_features=5, out_features=3, n_components=100, bias=True
          (features): FourierFeatures(5, 100)
        )
        """
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        layer._build(sampler, out_features, bias, device, dtype)
        return layer

    def _build(
        self,
        sampler: URFSampler | ArcCosineSampler,
        out_features: int,
        bias: bool,
        device: Any,
        dtype: torch.dtype | None,
    ) -> None:
        dtype = torch.get_default_dtype() if dtype is None else dtype
        device = torch.get_default_device() if device is None else device
        self.features = feature_module(sampler).to(device=device, dtype=dtype)
        self.in_features, self.out_features = self.features.in_features, int(out_features)
        self.n_components = self.features.n_components
        shape = (self.out_features, self.n_components)
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(self.out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Convert or move the layer. If it leaves the meta device, it is initialised again."""
        had_values = not self.weight.is_meta
        super()._apply(fn, recurse)
        if not (had_values or self.weight.is_meta):
            self.reset_parameters()
        return self

    def reset_parameters(self) -> None:
        """Draw `weight` again and set `bias` to zero; the random features stay.

        The variance of the outputs is that of a fresh :class:`torch.nn.Linear` on inputs of unit variance.
        """
        # Rows of Phi have norm one for any number of columns. So weights are not divided by this number.
        nn.init.uniform_(self.weight, -1.0, 1.0)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    @classmethod
    def from_linear(
        cls,
        linear: nn.Linear,
        activation: Activation = "relu",
        n_components: int = 128,
        *,
        mode: Mode = "unbiased",
        inputs: Any = None,
        directions: str = "orthogonal",
        random_state: int | None = None,
    ) -> Self:
        """Start from the weights of a trained layer, through Psi.

        Parameters
        ----------
        linear : torch.nn.Linear
            The layer in front of the activation.
        activation : str or callable, default="relu"
            What follows it.
        n_components : int, default=128
            Number of random features.
        mode : {"unbiased", "arc_cosine"}, default="unbiased"
            In unbiased mode the result estimates ``activation(linear(x))``. In arc-cosine mode it estimates the
            arc-cosine kernel of ``x`` and the weights, which is not that layer but one to start training from.
        inputs : tensor or array-like of shape (..., in_features), optional
            Typical inputs; the largest norm among them is the range of the estimate. Otherwise that of unit variance.
        directions : str, default="orthogonal"
            How the random directions are coupled.
        random_state : int, optional
            Seed of the features.

        Returns
        -------
        SNNKLinear
            Of the dtype and on the device of `linear`, without a bias: Psi has taken it in.

        Raises
        ------
        ValueError
            For ``mode="bounded"``, whose features estimate no layer: use :meth:`calibrate`.

        Examples
        --------
        >>> import torch
        >>> from sknnk.torch import SNNKLinear
        >>> linear, x = torch.nn.Linear(4, 3), 0.5 * torch.randn(100, 4)
        >>> layer = SNNKLinear.from_linear(linear, "tanh", 4000, inputs=x, random_state=0)
        >>> bool((layer(x) - torch.tanh(linear(x))).abs().max() < 0.1)
        True
        """
        if mode == "bounded":
            raise ValueError('mode="bounded" estimates no layer; use mode="unbiased", or calibrate(inputs, outputs).')
        weight, bias = _as_float64(linear.weight), None if linear.bias is None else _as_float64(linear.bias)
        rows = _typical_rows(linear.in_features) if inputs is None else flat_rows(inputs)
        longest_bias = 0.0 if bias is None else float(np.abs(bias).max())
        norm = max(largest_norm(weight), 2.0 * longest_bias / max(largest_norm(rows), 1e-12))
        sampler = _unfitted_sampler(activation, n_components, mode, "scale", directions, norm, random_state).fit(rows)
        where: dict[str, Any] = {"device": linear.weight.device, "dtype": linear.weight.dtype}
        layer = cls.from_sampler(sampler, linear.out_features, bias=False, **where)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(sampler.transform_weights(weight, bias)))
        return layer

    def calibrate(self, inputs: Any, outputs: Any) -> Self:
        """Set `weight` and `bias` in closed form, so that the layer maps `inputs` to `outputs`.

        Ridge regression in float64; the penalty is chosen by generalised cross-validation, once for all outputs.

        Parameters
        ----------
        inputs : tensor or array-like of shape (..., in_features)
            Sample inputs; all but the last axis count as rows.
        outputs : tensor or array-like of shape (..., out_features)
            What the layer should give for them.

        Returns
        -------
        SNNKLinear
            The layer itself.

        Raises
        ------
        ValueError
            If the rows are not as many, the layer has no bias, or it is on the meta device.

        Examples
        --------
        >>> import torch
        >>> from sknnk.torch import SNNKLinear
        >>> x = torch.randn(2000, 4)
        >>> layer = SNNKLinear(4, 1, "gelu", 200, random_state=0).calibrate(x, x[:, :1].sin())
        >>> bool((layer(x) - x[:, :1].sin()).square().mean() < 1e-3)
        True
        """
        if self.bias is None:
            raise ValueError("calibrate fits a constant as well: make the layer with bias=True.")
        if self.weight.is_meta:
            raise ValueError("the layer is on the meta device and holds no values; layer.to_empty(device=...) first.")
        weight, bias = least_squares(self.features, inputs, outputs)
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(weight))
            self.bias.copy_(torch.from_numpy(bias))
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Evaluate the layer.

        Parameters
        ----------
        x : tensor of shape (..., in_features)
            Inputs.

        Returns
        -------
        tensor of shape (..., out_features)
            ``weight Phi(x) + bias``.
        """
        return nn.functional.linear(self.features(x), self.weight, self.bias)

    def extra_repr(self) -> str:
        """Tell `print` the sizes and settings.

        Returns
        -------
        str
            What stands between the parentheses.
        """
        sizes = f"in_features={self.in_features}, out_features={self.out_features}, n_components={self.n_components}"
        return f"{sizes}, bias={self.bias is not None}"


def _unfitted_sampler(
    activation: Activation,
    n_components: int,
    mode: str,
    length_scale: Any,
    directions: str,
    weight_norm: float,
    random_state: int | None,
) -> URFSampler | ArcCosineSampler:
    """The transformer that draws the features of a layer."""
    if mode not in MODES:
        raise ValueError(f"mode={mode!r} is not one of {', '.join(map(repr, MODES))}.")
    if random_state is None:
        random_state = drawn_seed()
    drawing = {"n_components": n_components, "directions": directions, "random_state": random_state}
    if mode != "arc_cosine":
        options = {"mode": mode, "length_scale": length_scale, "weight_norm": weight_norm}
        return URFSampler(activation, **options, **drawing)
    if not isinstance(activation, str) or activation not in ARC_COSINE_DEGREES:
        allowed = ", ".join(map(repr, ARC_COSINE_DEGREES))
        raise ValueError(f'activation={activation!r} has no arc-cosine features; use {allowed}, or mode="bounded".')
    return ArcCosineSampler(ARC_COSINE_DEGREES[activation], length_scale=length_scale, **drawing)


def drawn_seed() -> int:
    """Draw a seed from PyTorch's generator, so that :func:`torch.manual_seed` decides.

    Returns
    -------
    int
        On the CPU even inside ``with torch.device("meta")``, where nothing has values.

    Examples
    --------
    >>> 0 <= drawn_seed() < 2**31
    True
    """
    return int(torch.randint(2**31 - 1, (), device="cpu"))


def _typical_rows(n_features: int) -> np.ndarray:
    """Two rows whose columns have unit variance and whose norms are those of such rows."""
    return np.outer([1.0, -1.0], np.ones(n_features))


def _as_float64(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(device="cpu", dtype=torch.float64).numpy()
