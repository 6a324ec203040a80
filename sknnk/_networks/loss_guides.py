"""What the squares that choose the kernel look at, and how large residuals are, where targets may lie anywhere.

A few wild targets would decide which kernel squares choose. So a robust network of a sample of the rows comes first,
and the squares see targets that are moved towards its predictions.
"""

from dataclasses import dataclass, replace

import numpy as np

from .._compute import Array
from .._data import Dataset
from .._integration import NO_PROGRESS, Execution
from .._losses import Huber, State, minimised, working_system
from .loss_recipes import Recipe, robust_scale, weighted_quantile
from .loss_samples import SampledRows, learned_columns, sampled_units
from .specification import NetworkSpec

# Distance from the median, in standard deviations, to which targets are moved before anything is fitted.
_FIRST_CUT = 3.0
# The same from the predictions of a robust network.
_CUT = 2.5
# Threshold of its loss.
_THRESHOLD = 1.345
# Steps of its fit.
_MOST_STEPS, _TOLERANCE = 8, 1e-4


@dataclass(frozen=True, eq=False)
class Guide:
    """What is known before the kernel is chosen.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_targets)
        Targets of the squares that choose the kernel.
    start : ndarray of shape (n_samples, n_targets)
        Outputs that steps begin with.
    """

    Y: Array
    start: Array


def guide_of(recipe: Recipe, spec: NetworkSpec, kind: str, data: Dataset, seed: int, execution: Execution) -> Guide:
    """Find targets for squares, and outputs to begin with.

    Parameters
    ----------
    recipe : Recipe
        The loss.
    spec : NetworkSpec
        The parameters.
    kind : {"kernel", "random"}
        Kind of columns.
    data : Dataset
        Distinct rows.
    seed : int
        Seed of everything random.
    execution : Execution
        Threads.

    Returns
    -------
    Guide
        For robust losses from a network of a sample of the rows, else from the targets themselves.

    References
    ----------
    Huber and Ronchetti, "Robust statistics", 2nd edition 2009, section 7.8 (modified residuals).
    """
    Y, weight = data.Y, data.sample_weight
    if not recipe.is_robust:
        return Guide(recipe.guide(Y), np.asarray(recipe.start(Y, weight)))
    cut = np.column_stack([_cut(Y[:, t], weight) for t in range(Y.shape[1])])
    sample = sampled_units(replace(data, Y=np.hstack([Y, cut])), seed)
    Y_sample, cut_sample = np.hsplit(sample.Y, 2)
    quiet = replace(execution, progress=NO_PROGRESS)
    plain = replace(spec, feature_learning=None)
    learned = learned_columns(plain, kind, replace(sample, Y=cut_sample), seed, quiet)
    sampled = SampledRows.of(learned, sample.X, execution)
    alphas = learned.alphas(Y.shape[1])
    outputs, guides = np.empty_like(Y), np.empty_like(Y)
    for t in range(Y.shape[1]):
        begun = cut_sample[:, t, None]
        first = robust_scale(cut_sample[:, t], sample.sample_weight)
        fit = robust_fit(sampled, begun, begun, sample.sample_weight, float(alphas[t]), first)
        fit = robust_fit(sampled, Y_sample[:, t, None], begun, sample.sample_weight, float(alphas[t]), fit.scale)
        outputs[:, t] = sampled.outputs(fit.state, data.X, execution)[:, 0]
        reach = _CUT * fit.scale
        guides[:, t] = outputs[:, t] + np.clip(Y[:, t] - outputs[:, t], -reach, reach)
    return Guide(guides, outputs)


@dataclass(frozen=True, eq=False)
class RobustFit:
    """A network of some rows by the Huber loss.

    Parameters
    ----------
    state : State
        The network.
    residuals : ndarray of shape (n_rows,)
        Of each row in a fit without it.
    scale : float
        Standard deviation of most of them.
    """

    state: State
    residuals: Array
    scale: float


def robust_fit(
    sampled: SampledRows, Y: Array, start: Array, sample_weight: Array, alpha: float, scale: float
) -> RobustFit:
    """Fit a network to some rows, and look how far targets lie from predictions without them.

    Parameters
    ----------
    sampled : SampledRows
        The rows.
    Y, start : ndarray of shape (n_rows, 1)
        Targets, and outputs to begin with.
    sample_weight : ndarray of shape (n_rows,)
        Positive weights.
    alpha : float
        Penalty.
    scale : float
        Standard deviation of residuals, as far as it is known.

    Returns
    -------
    RobustFit
        With the standard deviation that residuals have.
    """
    loss = Huber(_THRESHOLD * scale)
    found = minimised(sampled.rows, loss, Y, sample_weight, alpha, start, _TOLERANCE, _MOST_STEPS)
    Z, weight = working_system(loss, Y, found.state.values)
    left = sampled.rows.left_out(Z, sample_weight * weight, found.alpha)
    residuals = (Y - found.state.values + left.shift)[:, 0]
    return RobustFit(found.state, residuals, robust_scale(residuals, sample_weight))


def _cut(y: Array, sample_weight: Array) -> Array:
    """Targets, moved to within some standard deviations of their median."""
    scale, middle = robust_scale(y, sample_weight), weighted_quantile(y, sample_weight, 0.5)
    return np.clip(y, middle - _FIRST_CUT * scale, middle + _FIRST_CUT * scale)
