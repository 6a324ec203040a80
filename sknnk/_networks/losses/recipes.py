"""The losses by their names: which squares choose the kernel, where steps begin, and the loss for a scale."""

from dataclasses import dataclass

import numpy as np

from ..._compute import Array
from ..._losses import Gamma, Huber, Logistic, Loss, Pinball, Poisson, Softmax

# Threshold of the Huber loss in standard deviations: 95 % of the efficiency of squares for normal noise.
_THRESHOLD = 1.345
# Distance in standard deviations beyond which a target is taken to be wrong.
_REACH = 20.0
# Width of the rounded kink of the pinball loss, in standard deviations.
_KINK = 0.2
# Standard deviation of a normal distribution over its median absolute deviation.
_DEVIATION = 1.4826
# Least standard deviation, as a share of the root mean square.
_LEAST_SCALE = 0.05


@dataclass(frozen=True)
class Recipe:
    """A loss of which numbers may still be unknown.

    Parameters
    ----------
    name : str
        Of the loss.
    level : float, default=0.5
        Of a quantile.

    Examples
    --------
    >>> Recipe("quantile", 0.9).loss(10.0, 1)
    Pinball(level=0.9, width=2.0)
    """

    name: str
    level: float = 0.5

    @property
    def is_robust(self) -> bool:
        """Whether the loss depends on the scale of the residuals, and targets may lie anywhere."""
        return self.name in ("huber", "absolute_error", "quantile")

    def loss(self, scale: float, n_outputs: int) -> Loss:
        """The loss for residuals of some standard deviation."""
        if self.name == "huber":
            return Huber(_THRESHOLD * scale, _REACH * scale)
        if self.is_robust:
            return Pinball(self.level, _KINK * scale)
        if self.name == "log_loss":
            return Logistic() if n_outputs == 1 else Softmax()
        return Poisson() if self.name == "poisson" else Gamma()

    def guide(self, Y: Array) -> Array:
        """Targets of the squares that choose the kernel, where noise is of about the same size everywhere."""
        if self.name == "poisson":
            return np.sqrt(Y)
        return np.log(Y) if self.name == "gamma" else Y

    def start(self, Y: Array, sample_weight: Array) -> Array:
        """Outputs that the first step begins with; not for robust losses."""
        mean = np.average(Y, axis=0, weights=sample_weight)
        if self.name != "log_loss":
            # Half way to the mean: the logarithm of a small target would be far away from all others.
            return np.log(0.5 * (Y + mean))
        if Y.shape[1] == 1:
            return np.zeros_like(Y)
        shares = np.maximum(0.5 * (1.0 + mean), np.finfo(np.float64).eps)
        return np.broadcast_to(np.log(shares), Y.shape)


def weighted_quantile(values: Array, sample_weight: Array, level: float) -> float:
    """Smallest value at or below which a share of the weight lies.

    Parameters
    ----------
    values, sample_weight : ndarray of shape (n_samples,)
        Values, with positive weights.
    level : float
        Share between 0 and 1.

    Returns
    -------
    float
        One of the values.

    Examples
    --------
    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.ones(3), 0.5)
    2.0
    """
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(sample_weight[order])
    return float(values[order[min(int(np.searchsorted(sums, level * sums[-1])), len(values) - 1)]])


def within_reach(loss: Loss, Y: Array, left_out: Array) -> tuple[Loss, Array]:
    """A convex loss and targets by which the penalty of a loss is chosen.

    A loss that ends somewhere says nothing against a network that goes through wild targets, as long as it does.

    Parameters
    ----------
    loss : Loss
        The loss.
    Y, left_out : ndarray of shape (n_rows, n_outputs)
        Targets, and what is predicted for each row without it.

    Returns
    -------
    loss : Loss
        A Huber loss goes on for ever; others are as they were.
    Y : ndarray of shape (n_rows, n_outputs)
        Targets out of reach are replaced by predictions.
    """
    if not isinstance(loss, Huber):
        return loss, Y
    return Huber(loss.threshold), np.where(np.abs(Y - left_out) <= loss.reach, Y, left_out)


def robust_scale(residuals: Array, sample_weight: Array) -> float:
    """Standard deviation of most residuals.

    Parameters
    ----------
    residuals, sample_weight : ndarray of shape (n_samples,)
        Residuals, with positive weights.

    Returns
    -------
    float
        Positive. It is that of a normal distribution with the same median absolute deviation, and at least a share of
        the root mean square, because more than half of the residuals may be zero.

    Examples
    --------
    >>> robust_scale(np.array([-1.0, 0.0, 1.0, 1e9]), np.ones(4)) > 1.0
    True
    """
    centre = weighted_quantile(residuals, sample_weight, 0.5)
    distance = np.abs(residuals - centre)
    scale = _DEVIATION * weighted_quantile(distance, sample_weight, 0.5)
    # Without the largest ones, which may be anything.
    most = np.minimum(distance, weighted_quantile(distance, sample_weight, 0.9))
    least = _LEAST_SCALE * float(np.sqrt(np.average(most**2, weights=sample_weight)))
    return max(scale, least) or 1.0
