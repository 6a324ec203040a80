"""The features of all rows as an operator: products with their Gram matrix, one block of rows at a time."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._compute import Array, Floats, Indices, over_threads, row_blocks, scratch
from ..costs import COARSE, SKETCH_ROWS, sampled_rows
from ..problem import FeatureMap, PreparedMap
from .conjugate_directions import preconditioned
from .eigen import RidgeSystem, decompose_rows
from .preconditioner import SampledInverse

# Number of runs of consecutive rows. Each is summed in order, so the sums do not depend on the number of threads.
_RUNS = 16
# Size of a block of features in bytes.
_BLOCK_BYTES = 2**20
# Largest change of a prediction by the rounding of the features, in standard deviations of the targets: as in
# `rounding`.
_MAX_ROUNDING = 1e-3
# Sum of squares of a row: one for bounded features, plus about one for the direct link.
_MAX_COLUMN_SQUARE = 2.0
# Largest ratio of penalties that share one approximate inverse.
_ALIKE = 10.0
# Number of rows on which both precisions are compared. As many rows with the largest entries are compared, too.
_COMPARED = 128


class FeatureOperator:
    """Centred, weighted feature columns of a table. They are computed again whenever they are needed.

    Parameters
    ----------
    raw_columns : callable
        ``raw_columns(rows of X, out)`` writes feature rows, unscaled, into `out` and returns it.
    column_scale : ndarray of shape (n_columns,)
        Factors of the columns.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    threads : int
        Threads over which runs of rows are spread.
    order : ndarray of int of shape (n_columns,), optional
        Positions of the columns in the order in which they are written; as they come when not given.
    """

    def __init__(
        self,
        raw_columns: Callable[[Any, Any], Any],
        column_scale: Array,
        X: Any,
        sample_weight: Array,
        threads: int,
        order: Indices | None = None,
    ) -> None:
        self._raw_columns, self._X, self._weight, self._threads = raw_columns, X, sample_weight, threads
        self.inputs = X
        self._order = np.arange(len(column_scale)) if order is None else order
        self._scale = column_scale[self._order, None]
        self.weight = float(sample_weight.sum())

    @classmethod
    def of(cls, feature_map: FeatureMap, X: Any, sample_weight: Array, threads: int) -> "FeatureOperator":
        """The columns of a map, whose inputs are transformed once where that is possible."""
        if isinstance(feature_map, PreparedMap):
            columns, inputs = feature_map.cosines_first(X)
            order = feature_map.cosines_first_order
            return cls(columns, feature_map.column_scale, inputs, sample_weight, threads, order)
        return cls(feature_map.raw_columns, feature_map.column_scale, X, sample_weight, threads)

    @cached_property
    def mean(self) -> Array:
        """Weighted mean of the columns."""
        return (self._transposed_product(lambda _, rows: self._weight[rows, None]) / self.weight)[:, 0]

    def as_precise_as_needed(self, alpha: Array, tol: float) -> "FeatureOperator":
        """The operator on float32 rows, which takes half the time, if tolerance and penalty allow it; else itself."""
        floor = _MAX_COLUMN_SQUARE * self.weight * (0.5 * float(np.finfo(np.float32).eps) / _MAX_ROUNDING) ** 2
        coarse = tol >= COARSE and bool(np.min(alpha) >= floor)
        if not (coarse and isinstance(self._X, np.ndarray) and self._X.dtype == np.float64):
            return self
        with np.errstate(over="ignore"):
            narrow = self._X.astype(np.float32)
        if not self._agrees(narrow):
            return self
        scale = self._placed(self._scale)[:, 0]
        return FeatureOperator(self._raw_columns, scale, narrow, self._weight, self._threads, self._order)

    def _agrees(self, narrow: NDArray[np.float32]) -> bool:
        """Whether float32 rows have the same features. Timestamps and very large entries, for example, do not."""
        largest = np.argsort(np.max(np.abs(self._X), axis=1), kind="stable")[-_COMPARED:]
        rows = np.union1d(largest, np.linspace(0, len(narrow) - 1, _COMPARED).astype(np.intp))
        if not np.isfinite(narrow[rows]).all():
            return False
        wide, short = (np.empty((len(rows), len(self._scale)), dtype=X.dtype) for X in (self._X, narrow))
        self._raw_columns(self._X[rows], wide)
        self._raw_columns(narrow[rows], short)
        return bool(np.allclose(wide, short, rtol=COARSE, atol=COARSE))

    def cross(self, Y: Array) -> tuple[Array, Array, Array]:
        """Products of the features with centred targets, means and centred squares of the targets."""
        target_mean = self._weight @ Y / self.weight
        centred = Y - target_mean
        weighted = self._weight[:, None] * centred
        # The mean is computed in the same pass, because a pass takes as long as an iteration.
        beside = np.hstack([weighted, self._weight[:, None]])
        products = self._transposed_product(lambda _, rows: beside[rows])
        self.mean = products[:, -1] / self.weight
        return products[:, :-1], target_mean, np.sum(weighted * centred, axis=0)

    def gram_product(self, vectors: Array) -> Array:
        """Product of the centred Gram matrix with vectors of shape (n_columns, n_targets)."""
        scaled, shift = self._scale * vectors[self._order], self.mean @ vectors

        def image(columns: Floats, rows: slice) -> Array:
            return self._weight[rows, None] * (columns @ scaled.astype(columns.dtype, copy=False) - shift)

        # The features are centred, so the images sum to zero and the mean is not subtracted a second time.
        return self._transposed_product(image)

    def residual_products(self, Y: Array, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """Products of the centred features with residuals, and centred squares of these, in one pass."""
        scaled, residuals = self._scale * coef[self._order], np.empty_like(Y)

        def beside(columns: Floats, rows: slice) -> Array:
            np.subtract(Y[rows] - intercept, columns @ scaled, out=residuals[rows])
            return np.hstack([residuals[rows], np.ones((len(columns), 1))]) * self._weight[rows, None]

        products = self._transposed_product(beside)
        self.mean = products[:, -1] / self.weight
        sums = self._weight @ residuals
        squares: Array = self._weight @ residuals**2 - sums**2 / self.weight
        return products[:, :-1] - np.outer(self.mean, sums), squares

    def approximate_inverse(
        self, alpha: Array, sketch: RidgeSystem, rng: np.random.Generator
    ) -> Callable[[Array], Array]:
        """Preconditioner for these penalties. It uses more rows than the sketch, if there are more."""
        if len(self._weight) <= SKETCH_ROWS or np.max(alpha) > _ALIKE * np.min(alpha):
            return lambda vectors: preconditioned(sketch, vectors, alpha)
        rows = rng.permutation(len(self._weight))[: sampled_rows(len(self._weight))]
        inverse = SampledInverse(self._sampled(rows), float(np.exp(np.mean(np.log(alpha)))))

        def improved(vectors: Array) -> Array:
            return self._placed(inverse(vectors[self._order]))

        return improved

    def _sampled(self, rows: Indices) -> Floats:
        """Centred columns of some rows in the order of writing; their Gram matrix estimates that of all rows."""
        columns = np.empty((len(rows), len(self._scale)), dtype=self._X.dtype)
        mean, scale = self.mean[self._order], self._scale[:, 0]
        factor = np.sqrt(self._weight[rows] * (self.weight / self._weight[rows].sum()))
        shift, scale, factor = (a.astype(columns.dtype) for a in (mean / scale, scale, factor[:, None]))

        def evaluate(block: slice) -> None:
            part = self._raw_columns(self._X[rows[block]], columns[block])
            part -= shift
            part *= scale
            part *= factor[block]

        blocks = [(block,) for block in row_blocks(len(rows), self._block_rows())]
        over_threads(evaluate, blocks, self._threads)
        return columns

    def _placed(self, written: Array) -> Array:
        """Rows of an array in the order of the columns, from the order in which columns are written."""
        placed = np.empty_like(written)
        placed[self._order] = written
        return placed

    def _block_rows(self) -> int:
        return max(_BLOCK_BYTES // (self._X.dtype.itemsize * len(self._scale)), 16)

    def _transposed_product(self, values: Any) -> Array:
        """Sum over blocks of ``columns' values(raw columns, rows)``, by runs of rows over threads."""
        n_samples = self._X.shape[0]
        size = self._block_rows()

        def run(start: int, stop: int) -> Array:
            total: Any = np.zeros(())
            for rows in row_blocks(stop - start, size):
                rows = slice(start + rows.start, start + rows.stop)
                out = scratch("columns", (rows.stop - rows.start, len(self._scale)), self._X.dtype)
                columns = self._raw_columns(self._X[rows], out)
                total = total + columns.T @ values(columns, rows).astype(columns.dtype, copy=False)
            return np.asarray(total, dtype=np.float64)

        bounds = [(rows.start, rows.stop) for rows in row_blocks(n_samples, -(-n_samples // _RUNS))]
        return self._placed(self._scale * sum(over_threads(run, bounds, self._threads)))


def sketched(
    columns: Callable[[Any], Floats], X: Any, Y: Array, sample_weight: Array, rng: np.random.Generator
) -> RidgeSystem:
    """Eigenpairs of the Gram matrix estimated from a sample of rows.

    Parameters
    ----------
    columns : callable
        ``columns(rows of X)`` are their scaled features, in a new array.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    rng : numpy.random.Generator
        Draws the sample.

    Returns
    -------
    RidgeSystem
        The system of the sample, weighted like all rows.
    """
    rows = np.sort(rng.permutation(len(sample_weight))[:SKETCH_ROWS])
    inflated = sample_weight[rows] * (sample_weight.sum() / sample_weight[rows].sum())
    return decompose_rows(columns(X[rows]), Y[rows], inflated)
