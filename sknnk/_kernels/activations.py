"""An activation as a user gives it, by name or as a callable: what it is called, and its checked values."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._compute import Array


def activation_name(activation: str | Callable[..., Any]) -> str:
    """What an activation is called.

    Parameters
    ----------
    activation : str or callable
        An activation.

    Returns
    -------
    str
        The name itself, that of the callable, or that of its class where it has none.

    Examples
    --------
    >>> activation_name("gelu"), activation_name(np.tanh)
    ('gelu', 'tanh')
    """
    if isinstance(activation, str):
        return activation
    return str(getattr(activation, "__name__", type(activation).__name__))


def activation_values(function: Callable[..., Any], z: Array) -> Array:
    """Values of a user's callable, or an error that says what it did wrong.

    Parameters
    ----------
    function, z : callable, ndarray of shape (n_points,)
        An activation, and arguments in order.

    Returns
    -------
    ndarray of shape (n_points,)
        Values.
    """
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(function(z))
    except Exception as error:
        raise ValueError(
            f"activation={function!r} raised {type(error).__name__} ({error}) for a float64 array of shape "
            f"{z.shape}; pass a vectorised function f(z) -> array, such as numpy.tanh."
        ) from error
    if values.dtype.kind not in "biuf":
        raise TypeError(f"activation={function!r} returned dtype {values.dtype}; it must return real numbers.")
    if values.shape != z.shape:
        raise ValueError(
            f"activation={function!r} returned shape {values.shape} for an array of shape {z.shape}; "
            "it must act on each element and keep the shape."
        )
    if not np.isfinite(values).all():
        worst = z[~np.isfinite(values)][0]
        raise ValueError(
            f"activation={function!r} returned a non-finite value at z={worst:g}; it must be finite on "
            f"[{z[0]:g}, {z[-1]:g}]: clip its argument, or its value."
        )
    return values.astype(np.float64)
