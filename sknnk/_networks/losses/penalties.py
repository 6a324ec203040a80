"""The penalty of a loss, by what rows of a sample would lose if they were left out of the fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..._compute import Array
from ..._losses import Loss, Minimum, minimised, working_system
from .samples import SampledRows

# Factor between neighbouring penalties.
_FACTOR = 10.0**0.5
# Share of the loss that a step to a larger and to a smaller penalty must gain: without it, the penalty would fall for
# ever where a network goes through all targets and the loss is flat.
_GAINS = (0.0, 1e-3)
# Neighbours tried on either side at most.
_MOST_TRIED = 8
# Steps for each penalty, which begin with the outputs of its neighbour, and where they end.
_MOST_STEPS, _TOLERANCE = 8, 1e-4


@dataclass(frozen=True, eq=False)
class PenaltyTrials:
    """A loss on some rows, for any penalty.

    Parameters
    ----------
    sampled : SampledRows
        The rows.
    loss : Loss
        The loss.
    Y : ndarray of shape (n_rows, n_outputs)
        Targets.
    sample_weight : ndarray of shape (n_rows,)
        Positive weights.
    """

    sampled: SampledRows
    loss: Loss
    Y: Array
    sample_weight: Array

    def tried(self, alpha: float, start: Array) -> tuple[float, Minimum]:
        """Mean loss of rows in fits without them, and the fit with all of them.

        References
        ----------
        Rad and Maleki, "A scalable estimate of the out-of-sample prediction error via approximate leave-one-out
        cross-validation", JRSS B 2020.
        """
        plan = (self.sample_weight, alpha, start, _TOLERANCE, _MOST_STEPS)
        found = minimised(self.sampled.rows, self.loss, self.Y, *plan)
        Z, weight = working_system(self.loss, self.Y, found.state.values)
        left = self.sampled.rows.left_out(Z, self.sample_weight * weight, found.alpha)
        losses = self.loss.judged(self.Y, found.state.values - left.shift)
        return float(np.average(losses, weights=self.sample_weight)), found

    def best_of(self, alphas: Sequence[float], start: Array) -> Minimum:
        """The fit of the penalty of least loss, among some; of equal ones the largest."""
        best, least = None, np.inf
        for alpha in sorted(alphas, reverse=True):
            loss, found = self.tried(alpha, start)
            start = found.state.values
            if best is None or loss < least:
                best, least = found, loss
        assert best is not None
        return best

    def best_near(self, alpha: float, start: Array) -> Minimum:
        """The fit of the penalty of least loss, climbing down from one to its neighbours."""
        least, best = self.tried(alpha, start)
        for factor, gain in zip((_FACTOR, 1.0 / _FACTOR), _GAINS, strict=True):
            begun = best
            for power in range(1, _MOST_TRIED + 1):
                loss, found = self.tried(alpha * factor**power, best.state.values)
                if not loss < (1.0 - gain) * least:
                    break
                least, best = loss, found
            if best is not begun:
                break
        return best


def penalty_of_squares(loss: Loss, Y: Array, sample_weight: Array, start: Array, alpha: float) -> float:
    """The penalty that smooths a loss as much as another one smooths squares.

    Parameters
    ----------
    loss : Loss
        The loss.
    Y, start : ndarray of shape (n_rows, n_outputs)
        Targets, and outputs near the solution.
    sample_weight : ndarray of shape (n_rows,)
        Positive weights.
    alpha : float
        Penalty of squares.

    Returns
    -------
    float
        Times the mean curvature, which is one for squares.
    """
    curvature = working_system(loss, Y, start)[1]
    return alpha * float(np.average(curvature, weights=sample_weight))
