"""The closed form of the numpy core, for the features of a module."""

from typing import Any

import numpy as np
import torch
from torch import nn

from .._compute import Array
from .._ridge import INFLATION, Moments, PenalisedSystem, alpha_grid, coefficients, decompose, gcv

_ROWS = 4096


def flat_rows(values: Any) -> Array:
    """Rows of a tensor or array, in double precision on the CPU.

    Parameters
    ----------
    values : tensor or array-like of shape (..., n_columns)
        Any dtype, on any device.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        Float64.

    Examples
    --------
    >>> flat_rows(torch.zeros(2, 3, 4)).shape
    (6, 4)
    """
    tensor = values if isinstance(values, torch.Tensor) else torch.as_tensor(values, device="cpu")
    tensor = tensor.detach().to(device="cpu", dtype=torch.float64)
    return tensor.reshape(-1, tensor.shape[-1] if tensor.ndim else 1).numpy()


def least_squares(features: nn.Module, inputs: Any, outputs: Any) -> tuple[Array, Array]:
    """Ridge regression of outputs on the features of inputs, in one pass over blocks of rows.

    Parameters
    ----------
    features : torch.nn.Module
        Phi. It is evaluated in its own dtype, half precision included, and on its own device.
    inputs : tensor or array-like of shape (..., n_inputs)
        Sample inputs.
    outputs : tensor or array-like of shape (..., n_outputs)
        What they should give.

    Returns
    -------
    weight : ndarray of shape (n_outputs, n_components)
        Coefficients, with the one penalty for all outputs that generalised cross-validation prefers.
    bias : ndarray of shape (n_outputs,)
        Constants.

    Raises
    ------
    ValueError
        If there are not as many outputs as inputs, or fewer than two.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> weight, bias = least_squares(nn.Identity().double(), x, 2.0 * x + 3.0)
    >>> round(float(weight[0, 0]), 6), round(float(bias[0]), 6)
    (2.0, 3.0)
    """
    rows, targets = flat_rows(inputs), flat_rows(outputs)
    if len(rows) != len(targets) or len(rows) < 2:
        raise ValueError(f"inputs has {len(rows)} rows and outputs {len(targets)}; they must be as many, two or more.")
    block, precision = _evaluated(features, rows[:_ROWS])
    moments = Moments.from_block(block, targets[:_ROWS])
    for start in range(_ROWS, len(rows), _ROWS):
        moments.update(_evaluated(features, rows[start : start + _ROWS])[0], targets[start : start + _ROWS])
    system = decompose(moments, precision)
    coef, intercept = coefficients(system, _shared_penalty(system))
    return coef.T, intercept


def _evaluated(features: nn.Module, rows: Array) -> tuple[Array, float]:
    """Phi of rows as the module will compute it, and the relative precision that the least penalty is made for."""
    buffer = next(features.buffers(), torch.empty(0, dtype=torch.float64))
    with torch.no_grad():
        values = features(torch.from_numpy(rows).to(device=buffer.device, dtype=buffer.dtype))
    # Features in half precision have errors that differ from row to row. Cross-validation sees these as noise and finds
    # the penalty for it. The least penalty of the core is made for errors too small to be seen. In half precision it
    # would be thousands of times larger than the penalty that is needed.
    return flat_rows(values), float(torch.finfo(torch.promote_types(buffer.dtype, torch.float32)).eps)


def _shared_penalty(system: PenalisedSystem) -> float:
    """The penalty that the outputs prefer together."""
    alphas = alpha_grid(system)
    errors = gcv(system, alphas, INFLATION).sum(axis=1)
    return float(alphas[int(np.argmin(errors)), 0])
