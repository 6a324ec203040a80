"""Hidden states in the output of a module: a tensor, or the first entry of a tuple, a dictionary or a dataclass."""

import copy
import dataclasses
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import torch

# The entry of a dictionary that is corrected if it is there, even if others come first.
_HIDDEN = ("last_hidden_state", "hidden_states")


def corrected(output: Any, correct: Callable[[torch.Tensor], torch.Tensor], dim: int, name: str) -> Any:
    """Replace the hidden states in the output of a module, and keep the rest and its type.

    Parameters
    ----------
    output : tensor, tuple, list, mapping or dataclass
        Attention gives its weights as well, a recurrent layer its state; ``ModelOutput`` of transformers is a mapping.
    correct : callable
        From hidden states to hidden states.
    dim : int
        Size of the last axis that it is made for.
    name : str
        Of the module, for the error.

    Returns
    -------
    object
        Of the type of `output`.

    Raises
    ------
    TypeError
        If there are no hidden states where they are looked for.
    ValueError
        If they have another width.

    Examples
    --------
    >>> corrected((torch.ones(2), "state"), torch.negative, 2, "lstm")
    (tensor([-1., -1.]), 'state')
    """
    if isinstance(output, torch.Tensor):
        return correct(_checked(output, dim, name))
    if not output or isinstance(output, str):
        raise TypeError(_refusal(output, name))
    if isinstance(output, tuple | list):
        entries = [corrected(output[0], correct, dim, name), *output[1:]]
        return _like(output, entries, name)
    if isinstance(output, MutableMapping):
        key = _hidden_key(output)
        changed = copy.copy(output)
        changed[key] = corrected(output[key], correct, dim, name)
        return changed
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        key = _hidden_key({field.name: getattr(output, field.name) for field in dataclasses.fields(output)})
        return dataclasses.replace(output, **{key: corrected(getattr(output, key), correct, dim, name)})
    raise TypeError(_refusal(output, name))


def _like(output: Any, entries: list[Any], name: str) -> Any:
    """Entries as a tuple or list of the kind that a module gave."""
    kind = type(output)
    if kind in (tuple, list):
        return kind(entries)
    if hasattr(kind, "_make"):  # a named tuple; a packed sequence is one too
        return kind._make(entries)
    if kind.__module__ == "torch.return_types":
        return kind(entries)
    raise TypeError(_refusal(output, name))


def _hidden_key(output: Mapping[Any, Any]) -> Any:
    return next((key for key in _HIDDEN if isinstance(output.get(key), torch.Tensor)), next(iter(output), None))


def _checked(states: torch.Tensor, dim: int, name: str) -> torch.Tensor:
    if not states.is_floating_point():
        raise TypeError(f"targets: {name!r} gives {states.dtype}, and not hidden states; target another module.")
    if states.ndim == 0 or states.shape[-1] != dim:
        raise ValueError(
            f"targets: {name!r} gives outputs of shape {tuple(states.shape)}, and its adapter is for a last axis of "
            f"{dim}; give that size as dim."
        )
    return states


def _refusal(output: Any, name: str) -> str:
    return (
        f"targets: {name!r} gives {type(output).__name__}, in which there are no hidden states that an adapter could "
        "correct: a tensor, or the first entry of a tuple, list, mapping or dataclass. Target a module inside it."
    )
