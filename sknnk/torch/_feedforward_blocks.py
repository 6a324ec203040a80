"""Feed-forward blocks in models: where they begin and end, what they are given, and how a layer takes their place."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ._layers import SNNKLinear
from ._names import named_modules


@dataclass(frozen=True)
class Block:
    """A feed-forward block as modules in order, and how an SNNK layer takes its place.

    Parameters
    ----------
    name : str
        Of the target, for errors.
    parts : tuple
        Modules and functions.
    install : callable
        From the model, the block and the layer.
    keyword : str or None
        By which the block is given its hidden states; None if that is by position.
    alone : bool
        Whether these are its only argument.
    """

    name: str
    parts: tuple[Any, ...]
    install: Callable[[nn.Module, "Block", SNNKLinear], None]
    keyword: str | None = None
    alone: bool = True

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Evaluate the block."""
        first, *others = self.parts
        rows = first(rows) if self.keyword is None else first(**{self.keyword: rows})
        for part in others:
            rows = part(rows)
        return rows

    @property
    def size(self) -> int:
        """Number of parameters."""
        modules = [part for part in self.parts if isinstance(part, nn.Module)]
        return sum(parameter.numel() for module in modules for parameter in module.parameters())

    def in_full_precision(self) -> "Block":
        """A copy in float32 of a block in half precision, of which gradients would be zero or infinite."""
        parts = copy.deepcopy(self.parts)
        return replace(self, parts=tuple(part.float() if isinstance(part, nn.Module) else part for part in parts))


def block_of(name: str, target: Any) -> Block:
    """The feed-forward block in a layer, or the module itself.

    Parameters
    ----------
    name : str
        Of the module.
    target : torch.nn.Module
        A layer of :class:`torch.nn.TransformerEncoder`, one with an ``intermediate`` and an ``output.dense``, or any.

    Returns
    -------
    Block
        To be called, and to be replaced.

    Examples
    --------
    >>> [type(part).__name__ for part in block_of("0", nn.Sequential(nn.Linear(2, 2))).parts]
    ['Sequential']
    """
    names = {part for part, _ in named_modules(target)}
    if {"linear1", "linear2"} <= names and hasattr(target, "activation"):
        return Block(name, (target.linear1, target.activation, target.linear2), _in_encoder_layer(target))
    if {"intermediate", "output.dense"} <= names:
        return Block(name, (target.intermediate, target.output.dense), _in_pair(target))
    return Block(name, (target,), _install_whole)


def _install_whole(model: nn.Module, block: Block, layer: SNNKLinear) -> None:
    replaced(model, block.parts[0], _called_as(block, layer))


def _in_pair(target: Any) -> Callable[[nn.Module, Block, SNNKLinear], None]:
    def install(model: nn.Module, block: Block, layer: SNNKLinear) -> None:
        target.intermediate, target.output.dense = _called_as(block, layer.features), _matrix_of(layer)

    return install


def _in_encoder_layer(target: Any) -> Callable[[nn.Module, Block, SNNKLinear], None]:
    def install(model: nn.Module, block: Block, layer: SNNKLinear) -> None:
        target.linear1, target.activation = _called_as(block, layer.features), nn.Identity()
        target.linear2 = _matrix_of(layer)

    return install


def replaced(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put a module in the place of another one, everywhere in the model.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place.
    old, new : torch.nn.Module
        A wrapper around `old`, such as a compiled one, goes as well.

    Examples
    --------
    >>> act = nn.Tanh()
    >>> model = nn.Sequential(act, nn.Linear(2, 2), act)
    >>> replaced(model, act, nn.Identity())
    >>> [type(part).__name__ for part in model]
    ['Identity', 'Linear', 'Identity']
    """
    names = {name for name, module in named_modules(model) if module is old}
    going = {id(module) for name, module in named_modules(model) if name in names}
    for parent in list(model.modules()):
        for key, child in list(parent._modules.items()):
            if id(child) in going:
                parent._modules[key] = new


def _matrix_of(layer: SNNKLinear) -> nn.Linear:
    """The trainable half of a layer, where a model wants two modules."""
    matrix = nn.utils.skip_init(nn.Linear, layer.n_components, layer.out_features)
    matrix.weight, matrix.bias = layer.weight, layer.bias
    return matrix


def _called_as(block: Block, module: nn.Module) -> nn.Module:
    """Let a module take its input by the keyword, or beside the empty arguments, that the block was given."""
    if block.keyword is not None or not block.alone:
        module.register_forward_pre_hook(_by_position, with_kwargs=True)
    return module


def _by_position(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return tuple(value for value in [*args, *kwargs.values()] if isinstance(value, torch.Tensor)), {}


def entering(model: nn.Module, inputs: Any, block: Block) -> tuple[Block, torch.Tensor]:
    """Rows that a block is given when the model sees inputs.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode.
    inputs : tensor, tuple or mapping
        For the model.
    block : Block
        In it.

    Returns
    -------
    block : Block
        The same, which knows how it is called.
    rows : tensor of shape (n_rows, n_features)
        Of all calls.

    Raises
    ------
    ValueError
        If it is not called, or with anything else beside one tensor of finite hidden states.
    """
    found: list[torch.Tensor] = []
    ways: list[tuple[str | None, bool]] = []

    def see(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        keyword, states = _only_tensor(block.name, args, kwargs)
        ways.append((keyword, len(args) + len(kwargs) == 1))
        found.append(states.detach().reshape(-1, states.shape[-1]))

    hook = block.parts[0].register_forward_pre_hook(see, with_kwargs=True)
    try:
        with torch.no_grad():
            _call(model, inputs)
    finally:
        hook.remove()
    if not found:
        raise ValueError(f"inputs do not reach {block.name!r}: the model gave its outputs without calling it.")
    rows = torch.cat(found)
    if rows.is_meta or not bool(rows.isfinite().all()):
        raise ValueError(f"what reaches {block.name!r} is not finite, or on the meta device; check model and inputs.")
    keyword, alone = ways[0]
    return replace(block, keyword=keyword, alone=alone and len(set(ways)) == 1), rows


def _only_tensor(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str | None, torch.Tensor]:
    """The hidden states among the arguments of a block, and the keyword that they have."""
    given = [(None, value) for value in args] + list(kwargs.items())
    states = [(keyword, value) for keyword, value in given if isinstance(value, torch.Tensor)]
    others = [value for _, value in given if not (isinstance(value, torch.Tensor) or value is None or value is False)]
    if len(states) != 1 or others or not states[0][1].is_floating_point():
        shown = ", ".join(type(value).__name__ for _, value in given)
        raise ValueError(
            f"targets: {name!r} is called with ({shown}); a feed-forward block is given hidden states and nothing "
            "else. Target a module inside it."
        )
    return states[0]


def _call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)
