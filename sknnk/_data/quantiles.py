"""Monotone maps of the input columns, robust to heavy tails, ties and raw units."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .._compute import Array, Floats
from .rows import binary_magnitude

# Standard deviations. Larger normal scores would depend on the number of rows, not on how far out the row is.
_CLIP = 3.0
# Least spread of scores that standardisation divides by. A flag that is set in one row of ten thousand has a tiny
# spread. If it were brought to one, the rare value would lie a hundred units away and dominate every distance. Flags
# that are set in more than half a per cent of the rows have a larger spread than this.
_LEAST_SPREAD = 0.2
# Values below the first bound count as zero, and values beyond the second as equal to it. In between, differences and
# the slopes of the interpolation stay finite.
_SMALLEST, _LARGEST = 1e-290, 1e308 / 4.0
# Values that differ by so many roundings, and have no other value so near, count as equal: sums in another order give
# such values, and ranks would tear them apart.
_ROUNDINGS = 16.0 * float(np.finfo(np.float64).eps)
# Units from the median beyond which all values count as equally far.
_FAR = 1e100
# The middle of a column, whose width tells which values are outliers, and by how many such widths they lie outside.
_MIDDLE, _OUTSIDE = (0.005, 0.995), 3.0
# Standard deviations from the mean within which standardised columns stay straight lines.
_STRAIGHT = 6.0

# Up to this many rows, a search in lists takes less time than one array operation per column.
_FEW_ROWS = 2
# Knots that are kept as lists at most.
_LISTED = 2**16


@dataclass(frozen=True, eq=False)
class QuantileMap:
    """Piecewise linear maps, one per column, constant beyond the values seen.

    Parameters
    ----------
    knots : tuple of ndarray
        Increasing input values per column.
    scores : tuple of ndarray
        Their images, of either shape that :func:`fit_quantile_map` knows.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._data.quantiles import fit_quantile_map
    >>> X = np.array([[1.0], [10.0], [1e6]])
    >>> fit_quantile_map(X.T)(np.array([[10.0], [1e9]]), np.empty((2, 1))).round(3)
    array([[0.   ],
           [1.225]])
    """

    knots: tuple[Array, ...]
    scores: tuple[Array, ...]

    def __call__(self, X: Floats, out: Floats) -> Floats:
        """Map rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Finite rows.
        out : ndarray of shape (n_samples, n_features)
            Receives the mapped rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            `out`.
        """
        if len(X) <= _FEW_ROWS and self._size <= _LISTED:
            for row, mapped in zip(X.tolist(), out, strict=True):
                mapped[:] = [_interpolated(x, *each) for x, each in zip(row, self._lists, strict=True)]
            return out
        for j, (knots, scores) in enumerate(zip(self.knots, self.scores, strict=True)):
            out[:, j] = np.interp(X[:, j], knots, scores)
        return out

    def newly_varying(self, X: Any) -> NDArray[np.intp]:
        """Find columns that had one value where the map was learned, and have another one now.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Finite rows.

        Returns
        -------
        ndarray of int
            Their positions. The map sends every value of them to zero.
        """
        constant = np.flatnonzero([knots.size == 1 for knots in self.knots])
        if not constant.size:
            return constant
        values = X[:, constant] if isinstance(X, np.ndarray) else X[:, constant].toarray()
        known = np.array([self.knots[j][0] for j in constant])
        return constant[np.any(np.clip(values, -_LARGEST, _LARGEST) != known, axis=0)]

    @cached_property
    def _size(self) -> int:
        return sum(knots.size for knots in self.knots)

    @cached_property
    def _lists(self) -> list[tuple[list[float], list[float]]]:
        return [(knots.tolist(), scores.tolist()) for knots, scores in zip(self.knots, self.scores, strict=True)]

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the lists, which are quick to make."""
        return {"knots": self.knots, "scores": self.scores}


def _interpolated(x: float, knots: list[float], scores: list[float]) -> float:
    """What `numpy.interp` gives, to the last digit."""
    right = bisect_right(knots, x)
    if right == 0:
        return scores[0]
    left = right - 1
    if right == len(knots) or knots[left] == x:
        return scores[left]
    slope = (scores[right] - scores[left]) / (knots[right] - knots[left])
    return slope * (x - knots[left]) + scores[left]


def fit_quantile_map(
    columns: Iterable[Floats],
    sample_weight: Array | None = None,
    n_knots: int = 1000,
    shape: str = "quantile",
) -> QuantileMap:
    """Learn the map from the weighted distribution of each column.

    ``"quantile"`` sends a value to the normal quantile of its mid-rank (the weight below it plus half of its own),
    clipped at three standard deviations; each column is then standardised, but not enlarged by more than five.
    Values that are equal up to rounding share one mid-rank, so integer codes keep their symmetry, and an integer
    weight is the same as repeating the row. ``"robust"`` measures from the median in units of the distance between
    the quartiles, all three interpolated between mid-ranks, and bends what is far out towards three of these units:
    straight lines stay nearly straight. ``"standard"`` subtracts the mean and divides by the standard deviation.
    Outliers do not count in full: values more than three times as far outside the middle 99 % as that is wide are
    pulled in first, and beyond six standard deviations scores grow as the logarithm only.

    Parameters
    ----------
    columns : iterable of ndarray of shape (n_samples,)
        The input columns, for a dense array ``X.T``.
    sample_weight : ndarray of shape (n_samples,), optional
        Non-negative weights with a positive sum; one each when not given.
    n_knots : int, default=1000
        Upper bound on the number of knots per column.
    shape : {"quantile", "robust", "standard"}, default="quantile"
        Of the mapped columns.

    Returns
    -------
    QuantileMap
        The fitted map; constant columns go to zero.

    References
    ----------
    Holzmueller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data",
    NeurIPS 2024 (robust scaling and smooth clipping).
    """
    maps = [_fit_column(np.asarray(column, dtype=np.float64), sample_weight, n_knots, shape) for column in columns]
    return QuantileMap(tuple(knots for knots, _ in maps), tuple(scores for _, scores in maps))


def _fit_column(column: Array, sample_weight: Array | None, n_knots: int, shape: str) -> tuple[Array, Array]:
    values, weight = _distribution(column, sample_weight)
    ranks = _mid_ranks(weight)
    if shape == "standard":
        return _straight_line(values, ranks, weight, n_knots)
    scores = _normal_scores(ranks, weight) if shape == "quantile" else _clipped_scores(values, ranks)
    return _fewer_knots(values, scores, ranks, n_knots)


def _fewer_knots(values: Array, scores: Array, ranks: Array, n_knots: int) -> tuple[Array, Array]:
    """Knots evenly spaced in rank, the first and the last included."""
    if values.size <= n_knots:
        return values, scores
    keep = np.searchsorted(ranks, np.linspace(ranks[0], ranks[-1], n_knots))
    # The last value is kept even if it weighs too little to have a rank of its own.
    keep[-1] = values.size - 1
    keep = np.unique(keep)
    return values[keep], scores[keep]


def _mid_ranks(weight: Array) -> Array:
    """Share of the weight below each value, plus half of its own share: from 0 to 1 and never falling."""
    reached = np.cumsum(weight)
    # In this order rounding keeps every rank between the sums below and with its own weight, and so below the total.
    below = np.concatenate([[0.0], reached[:-1]])
    ranks: Array = (below + 0.5 * weight) / reached[-1]
    return ranks


def _normal_scores(ranks: Array, weight: Array) -> Array:
    scores = np.clip(ndtri(ranks), -_CLIP, _CLIP)
    scores = scores - np.average(scores, weights=weight)
    scores /= max(_LEAST_SPREAD, np.sqrt(np.average(scores**2, weights=weight)))
    return np.asarray(scores)


def _clipped_scores(values: Array, ranks: Array) -> Array:
    low, median, high = np.interp([0.25, 0.5, 0.75], ranks, values)
    unit = high - low or 1.0
    with np.errstate(over="ignore"):
        scores = np.clip((values - median) / unit, -_FAR, _FAR)
    return np.asarray(scores / np.sqrt(1.0 + (scores / _CLIP) ** 2))


def _straight_line(values: Array, ranks: Array, weight: Array, n_knots: int) -> tuple[Array, Array]:
    """Standard scores at the ends of the straight part, and at the values beyond it."""
    low, high = np.interp(_MIDDLE, ranks, values)
    # A column of two values, say a flag, has no outliers. In a column with hardly any other value but one, all count.
    reach = _OUTSIDE * (high - low) or np.inf
    inside = np.clip(values, low - reach, high + reach) if values.size > 2 else values
    unit = float(np.max(np.abs(inside))) or 1.0  # squares could overflow or underflow
    near_one = inside / unit
    mean = np.average(near_one, weights=weight)
    spread = np.sqrt(np.average((near_one - mean) ** 2, weights=weight))
    if values.size <= 2:
        spread = max(spread, _LEAST_SPREAD * (near_one[-1] - near_one[0]))
    with np.errstate(over="ignore"):
        scores = np.clip((values / unit - mean) / (spread or 1.0), -_FAR, _FAR)
    beyond = np.maximum(np.abs(scores) - _STRAIGHT, 0.0)
    scores = np.clip(scores, -_STRAIGHT, _STRAIGHT) + np.sign(scores) * np.log1p(beyond)
    straight = np.flatnonzero(beyond == 0.0)
    ends = np.arange(values.size)
    keep = np.union1d(ends[beyond > 0.0], straight[[0, -1]]) if straight.size else ends
    return _fewer_knots(values[keep], scores[keep], ranks[keep], n_knots)


def _distribution(column: Array, sample_weight: Array | None) -> tuple[Array, Array]:
    """Distinct values and the weight of each."""
    if sample_weight is None:
        sample_weight = np.ones(column.size)
    # A power of two changes no digit, and keeps sums of weights finite.
    sample_weight = sample_weight / binary_magnitude(sample_weight[:, None])
    seen = sample_weight > 0.0
    distinct = np.where(np.abs(column) < _SMALLEST, 0.0, np.clip(column, -_LARGEST, _LARGEST))
    if np.all(sample_weight == 1.0):  # sorting numbers takes a tenth of the time that sorting their positions takes
        values, counts = np.unique(distinct, return_counts=True)
        weight = counts.astype(np.float64)
    else:
        values, position = np.unique(distinct[seen], return_inverse=True)
        weight = np.asarray(np.bincount(position, weights=sample_weight[seen]), dtype=np.float64)
    first = _first_of_equals(values)
    return values[first], np.add.reduceat(weight, first)


def _first_of_equals(values: Array) -> NDArray[np.intp]:
    """Positions of increasing values at which another value begins, up to rounding."""
    first = np.flatnonzero(np.concatenate([[True], np.diff(values) > _ROUNDINGS * np.abs(values[1:])]))
    if first.size == values.size:
        return first
    last = np.append(first[1:], values.size) - 1
    # A long row of close neighbours is a column with a large constant in it: its values are kept apart.
    apart = values[last] - values[first] > _ROUNDINGS * np.abs(values[last])
    own = np.repeat(apart, last - first + 1)
    own[first] = True
    return np.flatnonzero(own)
