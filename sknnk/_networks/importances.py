"""How much a fit changes along each of its columns."""

from dataclasses import replace
from functools import singledispatch

import numpy as np

from .._compute import Array
from .._features import BlockMap, KernelMap, RandomMap, URFSampler, feature_scale
from .._kernels import Kernel, column_deviations, squared_gradients

# Rows that slopes are averaged over at most.
_MOST_ROWS = 250


def slope_shares(
    feature_map: RandomMap | KernelMap | BlockMap, weights: Array, inputs: Array, sample_weight: Array
) -> Array:
    """Mean squared slopes of a fit along its columns, in their standard deviations, as shares of their sum.

    Parameters
    ----------
    feature_map : RandomMap, KernelMap or BlockMap
        Columns of the fit; their input transform is not applied.
    weights : ndarray of shape (n_columns, n_targets)
        Output matrix for the scaled columns.
    inputs : ndarray of shape (n_samples, n_features)
        Transformed rows. Slopes are averaged over some of them, spread over all.
    sample_weight : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    ndarray of shape (n_features,)
        Sum to one; all the same for a constant function.

    References
    ----------
    Radhakrishnan et al., "Mechanism for feature learning in neural networks", Science 2024: the diagonal of the average
    gradient outer product.
    """
    every = slice(None, None, -(-len(inputs) // _MOST_ROWS))
    deviations = column_deviations(inputs, sample_weight)
    units = np.where(deviations > 0.0, deviations, 1.0)
    slopes = squared_slopes(feature_map, weights, inputs[every], sample_weight[every], units)
    squares = np.where(deviations > 0.0, slopes, 0.0)
    total = squares.sum()
    return squares / total if total > 0.0 else np.full(len(squares), 1.0 / len(squares))


@singledispatch
def squared_slopes(feature_map: object, weights: Array, rows: Array, sample_weight: Array, units: Array) -> Array:
    """Mean squared slopes of a fit along its columns.

    Parameters
    ----------
    feature_map : RandomMap, KernelMap or BlockMap
        Columns of the fit; a new kind of map registers its own function.
    weights : ndarray of shape (n_columns, n_targets)
        Output matrix for the scaled columns.
    rows : ndarray of shape (n_rows, n_features)
        Transformed rows to average over.
    sample_weight : ndarray of shape (n_rows,)
        Their weights.
    units : ndarray of shape (n_features,)
        Lengths along the columns that slopes refer to.

    Returns
    -------
    ndarray of shape (n_features,)
        Summed over targets.
    """
    raise TypeError(f"{type(feature_map).__name__} is no feature map whose slopes are known.")


@squared_slopes.register
def _of_kernels(feature_map: KernelMap, weights: Array, rows: Array, sample_weight: Array, units: Array) -> Array:
    coef = weights if feature_map.whitening is None else feature_map.whitening @ weights
    return _kernel_slopes(feature_map.kernels, rows, sample_weight, feature_map.centres, coef, units)


@squared_slopes.register
def _of_blocks(feature_map: BlockMap, weights: Array, rows: Array, sample_weight: Array, units: Array) -> Array:
    sums = np.zeros(rows.shape[1])
    for positions, centres, coef in feature_map.kernel_sums(rows, weights):
        own = sample_weight[positions]
        sums += own.sum() * _kernel_slopes(feature_map.kernels, rows[positions], own, centres, coef, units)
    return sums / sample_weight.sum()


def _kernel_slopes(
    kernels: tuple[Kernel, ...], rows: Array, sample_weight: Array, centres: Array, coef: Array, units: Array
) -> Array:
    # In these units slopes are neither too small nor too large to be squared.
    in_units = [replace(kernel, scales=kernel.scales * units) for kernel in kernels]
    return squared_gradients(in_units, rows / units, centres / units, coef, sample_weight=sample_weight)


@squared_slopes.register
def _of_random_columns(
    feature_map: RandomMap, weights: Array, rows: Array, sample_weight: Array, units: Array
) -> Array:
    phases, hidden = [], rows
    for sampler in feature_map.samplers:
        phases.append(hidden @ sampler.random_weights_)
        hidden = np.asarray(sampler.transform(hidden))
    squares, n_linked = np.zeros(rows.shape[1]), feature_map.n_linked
    for outputs in weights.T:
        slopes = outputs[None, n_linked:]
        for sampler, angles in zip(reversed(feature_map.samplers), reversed(phases), strict=True):
            slopes = _slopes_before(sampler, angles, slopes)
        if feature_map.link_scale is not None:
            slopes += feature_map.link_scale * outputs[:n_linked]
        slopes = np.broadcast_to(slopes, rows.shape)  # a direct link alone has the same everywhere
        squares += np.average((slopes * units) ** 2, axis=0, weights=sample_weight)
    return squares


def _slopes_before(sampler: URFSampler, phases: Array, slopes: Array) -> Array:
    """Slopes along the inputs of a layer, from those along its columns, which are cosines and sines in turn."""
    sines = slopes[:, 1::2]
    along = -np.sin(phases) * slopes[:, ::2]
    along[:, : sines.shape[1]] += np.cos(phases[:, : sines.shape[1]]) * sines
    before: Array = feature_scale(sampler.n_components) * (along @ sampler.random_weights_.T)
    return before
