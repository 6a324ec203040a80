"""What the squares that choose the kernel look at, and how large residuals are, where targets may lie anywhere.

A few wild targets would decide which kernel squares choose. So a robust network of a sample of the rows comes first,
and the squares see targets that are moved towards its predictions.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..._compute import Array
from ..._data import Dataset
from ..._integration import NO_PROGRESS, Execution
from ..._losses import Huber, State, minimised, working_system
from ..specification import NetworkSpec
from .recipes import Recipe, robust_scale, weighted_quantile
from .samples import Learned, SampledRows, learned_columns, sampled_units

# Distance from the median, in standard deviations, to which targets are moved before anything is fitted.
_FIRST_CUT = 3.0
# The same from the predictions of a robust network.
_CUT = 2.5
# Threshold of its loss.
_THRESHOLD = 1.345
# Fits, each with the scale of the residuals of the one before.
_N_FITS = 2
# Times that columns are chosen at most. They are chosen again if the scale of residuals has fallen below this share,
# because targets can then be moved closer to the network.
_MOST_ROUNDS, _LEAST_GAIN = 3, 0.75
# Steps of a fit.
_MOST_STEPS, _TOLERANCE = 8, 1e-4


def guided_columns(
    recipe: Recipe, spec: NetworkSpec, kind: str, data: Dataset, seed: int, execution: Execution
) -> tuple[Learned, Array]:
    """Choose columns by squares, for targets in which no wild one decides.

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
        Threads and progress.

    Returns
    -------
    learned : LearnedKernel or LearnedLayers
        The columns.
    start : ndarray of shape (n_samples, n_targets)
        Outputs that steps may begin with.

    References
    ----------
    Huber and Ronchetti, "Robust statistics", 2nd edition 2009, section 7.8 (modified residuals).
    """
    Y, weight = data.Y, data.sample_weight
    if not recipe.is_robust:
        learned = learned_columns(spec, kind, replace(data, Y=recipe.guide(Y)), seed, execution)
        return learned, np.asarray(recipe.start(Y, weight))
    cut = np.column_stack([_cut(each, weight) for each in Y.T])
    quiet = replace(execution, progress=NO_PROGRESS)
    sample = sampled_units(replace(data, Y=cut), seed)
    first = learned_columns(replace(spec, feature_learning=None), kind, sample, seed, quiet)
    # A small penalty would let even a robust network go through wild targets, and the guide would follow it there.
    look = _look(first, data, cut, cut, seed, execution)
    for _ in range(_MOST_ROUNDS):
        learned = learned_columns(spec, kind, replace(data, Y=look.guide(Y)), seed, execution)
        before, look = look, _look(learned, data, Y, look.outputs, seed, execution)
        if np.all(look.scales > _LEAST_GAIN * before.scales):
            break
    return learned, look.outputs


@dataclass(frozen=True, eq=False)
class _Look:
    """What a robust network of a sample says of all rows."""

    outputs: Array  # (n_samples, n_targets)
    scales: Array  # (n_targets,)

    def guide(self, Y: Array) -> Array:
        """Targets, moved to within some standard deviations of the outputs."""
        reach = _CUT * self.scales
        return np.asarray(self.outputs + np.clip(Y - self.outputs, -reach, reach))


def _look(learned: Learned, data: Dataset, Y: Array, start: Array, seed: int, execution: Execution) -> _Look:
    """Fit a robust network to targets of a sample of the rows, one target at a time."""
    sample = sampled_units(replace(data, Y=np.hstack([Y, start])), seed)
    sampled, weight = SampledRows.of(learned, sample.X, execution), sample.sample_weight
    alphas, outputs, scales = learned.alphas(data.n_targets), np.empty_like(data.Y), np.empty(data.n_targets)
    for t in range(data.n_targets):
        y, begun = sample.Y[:, t, None], sample.Y[:, data.n_targets + t, None]
        # A wild target stands out of both: the scale falls with each fit.
        scale = robust_scale(begun[:, 0], weight)
        for _ in range(_N_FITS):
            fit = robust_fit(sampled, y, begun, weight, float(alphas[t]), scale)
            begun, scale = fit.state.values, fit.scale
        outputs[:, t], scales[t] = sampled.outputs(fit.state, data.X, execution)[:, 0], scale
    return _Look(outputs, scales)


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
