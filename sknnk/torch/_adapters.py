"""SNNKAdapter: a small trainable correction of hidden states, whose inner layer is a scalable neural network kernel."""

import math
from collections.abc import Callable
from typing import Any, Literal, Self

import torch
from torch import nn

from ._layers import ARC_COSINE_DEGREES, SNNKLinear, drawn_seed

Form = Literal["full", "gated", "low_rank"]

FORMS = ("full", "gated", "low_rank")


class SNNKAdapter(nn.Module):
    """``x + correction(x)``, where the correction is an SNNK layer and zero before training.

    ==============  ==========================================  ==================================
    form            correction over ``sqrt(dim)``               trainable parameters
    ==============  ==========================================  ==================================
    ``"full"``      ``weight Phi(x)``                           ``dim n_components``
    ``"gated"``     ``gate * (weight Phi(x))``, elementwise     ``dim (n_components + 1)``
    ``"low_rank"``  ``up (weight Phi(x))``                      ``rank (n_components + dim)``
    ==============  ==========================================  ==================================

    A bottleneck adapter of Houlsby et al. has ``2 dim rank`` and two biases: it learns the inner projection too.

    Parameters
    ----------
    dim : int
        Size of the hidden states.
    n_components : int, default=16
        Number of random features.
    activation : str or callable, default="relu"
        As for :class:`SNNKLinear`.
    form : {"full", "gated", "low_rank"}, default="full"
        See above. What is zero at the start is `weight`, the modulating vector `gate`, or `up`.
    rank : int, optional
        Of the low-rank form; only there.
    mode : {"auto", "bounded", "arc_cosine"}, default="auto"
        As for :class:`SNNKLinear`; ``"auto"`` is arc-cosine for the activations that have it, or else bounded.
    normalize : bool, default=True
        Whether each row is brought to mean zero and variance one in front of the features, without parameters. The
        length scale then suits any model.
    length_scale : "scale", float or array-like of shape (dim,), default="scale"
        As for :class:`SNNKLinear`.
    directions : str, default="orthogonal"
        As for :class:`SNNKLinear`.
    random_state : int, optional
        As for :class:`SNNKLinear`.
    device, dtype : optional
        As for :class:`torch.nn.Linear`. Hidden states of another dtype are converted, and their own is given back: a
        float32 adapter corrects those of a model in half precision.

    Attributes
    ----------
    layer : SNNKLinear
        The inner layer.
    config : dict
        The parameters, but for device and dtype, that make the same adapter again.

    Raises
    ------
    ValueError
        If a parameter is not among what is allowed.

    References
    ----------
    Sehanobish et al., "Scalable Neural Network Kernels", ICLR 2024, arXiv 2310.13225, section 4 and appendix;
    Houlsby et al., "Parameter-efficient transfer learning for NLP", ICML 2019.

    Examples
    --------
    >>> import torch
    >>> from sknnk.torch import SNNKAdapter
    >>> adapter, x = SNNKAdapter(64, 8, random_state=0), torch.randn(2, 10, 64)
    >>> bool((adapter(x) == x).all())
    True
    >>> sum(parameter.numel() for parameter in adapter.parameters())
    512
    """

    __module__ = "sknnk.torch"

    def __init__(
        self,
        dim: int,
        n_components: int = 16,
        activation: Any = "relu",
        *,
        form: Form = "full",
        rank: int | None = None,
        mode: Literal["auto", "bounded", "arc_cosine"] = "auto",
        normalize: bool = True,
        length_scale: Any = "scale",
        directions: str = "orthogonal",
        random_state: int | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        _check_form(form, rank)
        mode = _checked_mode(mode, activation)
        if random_state is None:
            random_state = drawn_seed()
        drawing: dict[str, Any] = {
            "mode": mode,
            "length_scale": length_scale,
            "directions": directions,
            "random_state": random_state,
        }
        self.config: dict[str, Any] = {
            "dim": dim,
            "n_components": n_components,
            "activation": activation,
            "form": form,
            "rank": rank,
        }
        self.config |= {"normalize": normalize, **drawing}
        self.dim, self.form, self.normalize = dim, form, normalize
        # Rows of Phi have norm one. As long as a normalized hidden state, they suit the learning rates of other layers.
        self.scale = math.sqrt(dim)
        n_outputs = dim if rank is None else rank
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.layer = SNNKLinear(dim, n_outputs, activation, n_components, bias=False, **drawing, **where)
        self.gate = nn.Parameter(torch.empty(dim, **where)) if form == "gated" else None
        self.up = nn.Parameter(torch.empty((dim, n_outputs), **where)) if form == "low_rank" else None
        self.reset_parameters()

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Convert or move the adapter. If it leaves the meta device, it starts again with a zero correction."""
        had_values = not self.layer.weight.is_meta
        super()._apply(fn, recurse)
        if not (had_values or self.layer.weight.is_meta):
            self.reset_parameters()
        return self

    def reset_parameters(self) -> None:
        """Make the correction zero, and draw the factor in front of the zeros again."""
        self.layer.reset_parameters()
        self.layer.weight.data.div_(self.scale)
        for zero in (self.gate, self.up) if self.form != "full" else (self.layer.weight,):
            if zero is not None:
                nn.init.zeros_(zero)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Correct hidden states.

        Parameters
        ----------
        x : tensor of shape (..., dim)
            Hidden states.

        Returns
        -------
        tensor of shape (..., dim)
            In the dtype of `x`.
        """
        rows = x.to(self.layer.weight.dtype)
        change = self.scale * self.layer(nn.functional.layer_norm(rows, (self.dim,)) if self.normalize else rows)
        if self.gate is not None:
            change = change * self.gate
        elif self.up is not None:
            change = nn.functional.linear(change, self.up)
        return x + change.to(x.dtype)

    def merged(self) -> "SNNKAdapter":
        """The same function in full form: one matrix behind the features.

        Returns
        -------
        SNNKAdapter
            A new, frozen adapter.

        Examples
        --------
        >>> import torch
        >>> from sknnk.torch import SNNKAdapter
        >>> adapter = SNNKAdapter(8, 4, form="low_rank", rank=2, random_state=0)
        >>> tuple(adapter.merged().layer.weight.shape)
        (8, 4)
        """
        weight = self.layer.weight.detach()
        if self.gate is not None:
            weight = self.gate.detach()[:, None] * weight
        elif self.up is not None:
            weight = self.up.detach() @ weight
        where: dict[str, Any] = {"device": weight.device, "dtype": weight.dtype}
        full = SNNKAdapter(**(self.config | {"form": "full", "rank": None}), **where)
        full.layer.features.load_state_dict(self.layer.features.state_dict())
        full.layer.weight.data.copy_(weight)
        return full.requires_grad_(False).train(self.training)

    def extra_repr(self) -> str:
        """Tell `print` the sizes and settings.

        Returns
        -------
        str
            What stands between the parentheses.
        """
        return f"{self.dim}, form={self.form}, normalize={self.normalize}"


def _check_form(form: str, rank: int | None) -> None:
    if form not in FORMS:
        raise ValueError(f"form={form!r} is not one of {', '.join(map(repr, FORMS))}.")
    if form == "low_rank" and (rank is None or rank < 1):
        raise ValueError(f'rank={rank} with form="low_rank"; give a positive rank, well below dim and n_components.')
    if form != "low_rank" and rank is not None:
        raise ValueError(f'rank={rank} with form={form!r}; leave it out, or use form="low_rank".')


def _checked_mode(mode: str, activation: Any) -> Literal["bounded", "arc_cosine"]:
    has_arc_cosine = isinstance(activation, str) and activation in ARC_COSINE_DEGREES
    if mode == "auto":
        return "arc_cosine" if has_arc_cosine else "bounded"
    if mode not in ("bounded", "arc_cosine"):
        raise ValueError(f"mode={mode!r} is not one of 'auto', 'bounded', 'arc_cosine'.")
    return "arc_cosine" if mode == "arc_cosine" else "bounded"
