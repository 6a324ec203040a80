"""What targets of other losses than squares mean: which are allowed, and the way back from outputs to their units."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..._compute import Array, Indices
from ..._losses import Loss
from ..targets import NumericTargets

# Losses whose mean is the exponential of the output.
_LOGARITHMIC = ("poisson", "gamma")


@dataclass(frozen=True, eq=False)
class LossTargets(NumericTargets):
    """Numbers that a network with another loss than squares predicts.

    Parameters
    ----------
    n_targets : int
        Number of outputs.
    flat : bool
        Whether predictions have no axis of the outputs.
    loss : str
        Name of the loss.
    levels : tuple of float
        Quantiles of a single target that are predicted together; empty for other losses, and for a single quantile.
    losses : tuple of Loss
        That of each output; empty before a fit.

    Examples
    --------
    >>> targets = LossTargets(1, True, "poisson")
    >>> targets.encode(np.array([3.0, 0.0]), np.dtype(float)).ravel()
    array([3., 0.])
    """

    loss: str = "huber"
    levels: tuple[float, ...] = ()
    losses: tuple[Loss, ...] = ()

    @classmethod
    def for_loss(cls, y: Any, dtype: Any, loss: str, quantile: Any) -> Self:
        """Look at the targets of a fit.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Validated targets.
        dtype : dtype
            Of the inputs.
        loss : str
            Name of the loss.
        quantile : float or sequence of float
            Level, or levels.

        Returns
        -------
        LossTargets
            Their number.

        Raises
        ------
        ValueError
            If the loss is not defined for these targets, or levels are not between 0 and 1.
        """
        plain = NumericTargets.of(y, dtype)
        levels: tuple[float, ...] = ()
        if loss == "quantile" and not isinstance(quantile, float | int):
            levels = checked_levels(quantile)
            if not plain.flat:
                raise ValueError(
                    f"quantile={quantile!r} asks for several quantiles, and y has {plain.n_targets} columns; "
                    "pass y of shape (n_samples,), or a single quantile."
                )
        y = np.asarray(y, dtype=np.float64)
        if loss == "poisson" and (np.any(y < 0.0) or not np.all(y.sum(axis=0) > 0.0)):
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss 'poisson', which needs y >= 0 with a "
                f"positive sum; the smallest is {y.min():.3g}. Use another loss."
            )
        if loss == "gamma" and np.any(y <= 0.0):
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss 'gamma', which needs y > 0; the smallest "
                f"is {y.min():.3g}. Use another loss."
            )
        return cls(len(levels) or plain.n_targets, plain.flat and not levels, loss, levels)

    def encode(self, y: Any, dtype: Any) -> Array:
        """Targets as a matrix of numbers, of shape (n_samples, n_targets); one column for several quantiles."""
        return np.asarray(y, dtype=np.float64).reshape(len(y), 1 if self.levels else self.n_targets)

    def fitted(self, losses: tuple[Loss, ...]) -> Self:
        """The same with the losses that were minimised."""
        return replace(self, losses=losses)

    @property
    def is_logarithmic(self) -> bool:
        """Whether outputs are logarithms of means."""
        return self.loss in _LOGARITHMIC

    @property
    def ranks(self) -> Indices:
        """Place of each level among all of them."""
        return np.argsort(np.argsort(self.levels, kind="stable"), kind="stable")

    def means(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Outputs of shape (n_samples, n_targets) in the units of the targets; quantiles do not cross.

        References
        ----------
        Chernozhukov, Fernandez-Val and Galichon, "Quantile and probability curves without crossing", Econometrica 2010.
        """
        if self.is_logarithmic:
            return np.asarray(self.losses[0].means(scores), dtype=scores.dtype)
        if not self.levels:
            return scores
        return np.asarray(np.sort(scores, axis=1)[:, self.ranks])

    def within_range(self, ends: NDArray[Any]) -> NDArray[Any]:
        """Ends of intervals, moved to where targets can be."""
        return np.maximum(ends, 0.0) if self.is_logarithmic else ends

    def check_intervals(self) -> None:
        """Refuse intervals around quantiles.

        Raises
        ------
        ValueError
            For the loss of quantiles.
        """
        if self.loss == "quantile":
            raise ValueError(
                "loss='quantile' predicts quantiles, and has no standard deviations or intervals around them; fit "
                "with quantile=[0.05, 0.95], whose predictions are the ends of an interval."
            )


def checked_levels(quantile: Any) -> tuple[float, ...]:
    """Levels of quantiles as numbers.

    Parameters
    ----------
    quantile : array-like of float
        What the user gave.

    Returns
    -------
    tuple of float
        At least one.

    Raises
    ------
    ValueError
        If they are not strictly between 0 and 1.

    Examples
    --------
    >>> checked_levels([0.05, 0.95])
    (0.05, 0.95)
    """
    levels = np.asarray(quantile, dtype=np.float64)
    if levels.ndim != 1 or not levels.size or not np.all((levels > 0.0) & (levels < 1.0)):
        raise ValueError(f"quantile={quantile!r} must be a number between 0 and 1, or a list of them.")
    return tuple(levels.tolist())
