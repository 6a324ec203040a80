"""The features of all rows as an operator: products with their Gram matrix, one block of rows at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._blocks import over_threads, row_blocks
from ._costs import SKETCH_ROWS
from ._iterative import conjugate_gradients
from ._layers import LayerStack
from ._ridge import RidgeSystem, decompose_rows

Array = NDArray[np.float64]

# Rows are cut into this many runs, each summed in order, so that the sums do not depend on the number of threads.
_RUNS = 16
_BLOCK_ENTRIES = 2**18


class FeatureOperator:
    """Centred, weighted feature columns of a table, evaluated anew whenever they are needed.

    Parameters
    ----------
    layers : LayerStack
        Gives the columns.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    threads : int
        Threads over which runs of rows are spread.
    """

    def __init__(self, layers: LayerStack, X: Any, sample_weight: Array, threads: int) -> None:
        self._layers, self._X, self._weight, self._threads = layers, X, sample_weight, threads
        self._scale = layers.column_scale[:, None]
        total = self._weight.sum()
        self.mean = (self._transposed_product(lambda _, rows: self._weight[rows, None]) / total)[:, 0]

    def cross(self, Y: Array) -> Array:
        """Products of the features with centred targets, shape (n_columns, n_targets)."""
        weighted = self._weight[:, None] * Y
        return self._transposed_product(lambda _, rows: weighted[rows]) - np.outer(self.mean, weighted.sum(axis=0))

    def gram_product(self, vectors: Array) -> Array:
        """Product of the centred Gram matrix with vectors of shape (n_columns, n_targets)."""
        scaled, shift = self._scale * vectors, self.mean @ vectors

        def image(columns: NDArray[np.floating], rows: slice) -> Array:
            return self._weight[rows, None] * (columns @ scaled - shift)

        # The images sum to zero, as the features are centred, so the mean need not be taken off a second time.
        return self._transposed_product(image)

    def sketch(self, Y: Array, rng: np.random.Generator) -> RidgeSystem:
        """Eigenpairs of the Gram matrix estimated from a sample of rows."""
        rows = np.sort(rng.permutation(len(self._weight))[:SKETCH_ROWS])
        inflated = self._weight[rows] * (self._weight.sum() / self._weight[rows].sum())
        return decompose_rows(self._layers.columns(self._X[rows]), Y[rows], inflated)

    def _transposed_product(self, values: Any) -> Array:
        """Sum over blocks of ``columns' values(raw columns, rows)``, by runs of rows over threads."""
        n_samples = self._X.shape[0]
        size = max(_BLOCK_ENTRIES // self._layers.n_columns, 16)

        def run(start: int, stop: int) -> Array:
            total: Any = 0.0
            for rows in row_blocks(stop - start, size):
                rows = slice(start + rows.start, start + rows.stop)
                columns = self._layers.raw_columns(self._X[rows])
                total = total + columns.T @ values(columns, rows)
            return np.asarray(total)

        bounds = [(rows.start, rows.stop) for rows in row_blocks(n_samples, -(-n_samples // _RUNS))]
        return self._scale * sum(over_threads(run, bounds, self._threads))


def solve_iteratively(
    operator: FeatureOperator, Y: Array, sketch: RidgeSystem, alpha: Array, tol: float, max_iter: int
) -> tuple[Array, Array, int, float]:
    """Output matrix of a network whose Gram matrix is too large to form.

    Parameters
    ----------
    operator : FeatureOperator
        The features.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sketch : RidgeSystem
        Of the same features.
    alpha : ndarray of shape (n_targets,)
        Positive penalties.
    tol, max_iter : float, int
        As in :func:`conjugate_gradients`.

    Returns
    -------
    coef : ndarray of shape (n_columns, n_targets)
        The output matrix.
    cross : ndarray of shape (n_columns, n_targets)
        Products of the features with the centred targets.
    n_iter : int
        Passes over the rows inside the iteration.
    residual : float
        Largest relative residual.
    """
    cross = operator.cross(Y)
    coef, n_iter, residual = conjugate_gradients(operator.gram_product, cross, alpha, sketch, tol, max_iter)
    return coef, cross, n_iter, residual
