"""Columns without random numbers: kernels with rows of the table, all of them or landmarks."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from .._compute import Array, Floats
from .._data import QuantileMap, dense_inputs
from .._kernels import (
    Centres,
    Kernel,
    fill_kernel_matrix,
    kernel_matrix,
    symmetric_kernel_blocks,
    symmetric_kernel_matrix,
)
from .column_products import column_products

# Share of the largest kernel value that is added to the diagonal. Equal landmarks would otherwise give no factor.
_JITTER = 1e-8
# Typical error of a kernel value in float32, and how much of the noise of the targets it may add to predictions.
_SINGLE_ERROR, _HARMLESS_SHARE = 3e-7, 2e-3
# Columns in memory where kernels are multiplied tile by tile.
SCORE_WIDTH = 1024
# From this number of rows on, predictions take so long that it matters.
_MANY_ROWS = 4000


@dataclass(frozen=True, eq=False)
class KernelMap:
    """Everything in front of the output matrix of a network with kernel columns; the counterpart of `RandomMap`.

    Parameters
    ----------
    input_map : QuantileMap or None
        Applied to the raw inputs.
    kernels : tuple of Kernel
        Summands of the kernel.
    centres : ndarray of shape (n_centres, n_features)
        Transformed rows of the table.
    whitening : ndarray of shape (n_centres, n_centres) or None
        For landmarks, ``L^-T`` with ``L L' = k(Z, Z)``: products of columns are then the kernel. None for the exact
        map, whose columns are the kernel itself.
    single : bool, default=False
        Whether float32 is precise enough for the kernel in predictions; see :func:`single_is_harmless`.
    """

    input_map: QuantileMap | None
    kernels: tuple[Kernel, ...]
    centres: Array
    whitening: Array | None = None
    single: bool = False
    samplers = ()
    link_scale = None
    n_linked = 0
    # Kernels with neighbouring rows are almost equal, so that coefficients are huge and cancel: the rounding of float32
    # columns would be multiplied by thousands.
    needs_float64 = True

    @property
    def n_columns(self) -> int:
        """Number of columns in front of the output matrix."""
        return len(self.centres)

    @property
    def score_width(self) -> int:
        """Columns of a row that are in memory while scores are computed."""
        return min(SCORE_WIDTH, self.n_columns) if self.whitening is None else self.n_columns

    @property
    def column_scale(self) -> Array:
        """Factors of shape (n_columns,) between the raw columns and those of the network: ones."""
        return np.ones(self.n_columns)

    def check_range(self, X: Any) -> None:
        """Accept every finite row: kernels do not overflow."""

    def columns(self, X: Any) -> Floats:
        """Evaluate the network up to the output matrix.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            In the dtype of `X`.
        """
        return self.raw_columns(X)

    def raw_columns(self, X: Any, out: Floats | None = None) -> Floats:
        """Evaluate the network up to the output matrix.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.
        out : ndarray of shape (n_samples, n_columns), optional
            Receives the result.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            In the dtype of `X`.
        """
        columns = np.empty((X.shape[0], self.n_columns), dtype=X.dtype) if out is None else out
        inputs = dense_inputs(self.input_map, X)
        if self.whitening is None:
            fill_kernel_matrix(self.kernels, inputs, self.centres, columns)
        else:
            columns[:] = kernel_matrix(self.kernels, inputs, self.centres) @ self.whitening
        return columns

    def write_scores(self, X: Any, weights: Floats, out: Floats) -> None:
        """Write products of raw columns and an output matrix, of shape (n_columns, n_targets), to `out`."""
        if self.whitening is not None:
            column_products(self, X, weights, out)
            return
        sums = np.zeros(out.shape)
        self._prepared.add_products(dense_inputs(self.input_map, X), weights.astype(np.float64, copy=False), sums)
        out[:] = sums

    @cached_property
    def _prepared(self) -> Centres:
        return Centres(self.kernels, self.centres, np.float32 if self.single else np.float64)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is prepared anew."""
        return {name: value for name, value in vars(self).items() if name != "_prepared"}


@dataclass(frozen=True, eq=False)
class SymmetricKernel:
    """Kernel of all pairs of some rows, computed anew whenever a solver asks for it.

    Parameters
    ----------
    kernels : tuple of Kernel
        Summands of the kernel.
    rows : ndarray of shape (n_rows, n_features)
        Transformed rows.

    Examples
    --------
    >>> import numpy as np
    >>> kernel = SymmetricKernel((Kernel("gaussian", "isotropic", np.ones(1)),), np.zeros((2, 1)))
    >>> kernel.n_rows, np.tril(kernel.matrix(threads=1))
    (2, array([[1., 0.],
           [1., 1.]]))
    """

    kernels: tuple[Kernel, ...]
    rows: Array

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def blocks(self, threads: int) -> list[Array]:
        """Consecutive rows of the upper triangle, each block from the column of its first row on."""
        return symmetric_kernel_blocks(self.kernels, self.rows, threads)

    def matrix(self, threads: int) -> Floats:
        """The lower triangle, in Fortran order and new memory."""
        return symmetric_kernel_matrix(self.kernels, self.rows, threads)


def single_is_harmless(coef: Array, noise: Array, n_rows: int) -> bool:
    """Whether kernel values in float32 leave predictions as they are, compared with the noise of the targets.

    Parameters
    ----------
    coef : ndarray of shape (n_centres, n_targets)
        Coefficients of the kernel.
    noise : ndarray of shape (n_targets,)
        Variance of the targets around the fit.
    n_rows : int
        Number of rows of the fit.

    Returns
    -------
    bool
        For many rows, if errors of independent values add up to less than a five hundredth of the noise.

    Examples
    --------
    >>> single_is_harmless(np.ones((5000, 1)), np.ones(1), 5000), single_is_harmless(np.ones((5, 1)), np.ones(1), 5)
    (True, False)
    """
    error = _SINGLE_ERROR * np.linalg.norm(coef, axis=0)
    return n_rows >= _MANY_ROWS and bool(np.all(error <= _HARMLESS_SHARE * np.sqrt(noise)))


def landmark_map(input_map: QuantileMap | None, kernels: tuple[Kernel, ...], centres: Array) -> KernelMap:
    """Columns of landmarks, so that products of columns are the kernel of the landmarks.

    Parameters
    ----------
    input_map : QuantileMap or None
        Applied to the raw inputs.
    kernels : tuple of Kernel
        Summands of the kernel.
    centres : ndarray of shape (n_centres, n_features)
        Transformed rows of the table.

    Returns
    -------
    KernelMap
        The columns.

    References
    ----------
    Williams and Seeger, "Using the Nystroem method to speed up kernel machines", NIPS 2000.
    """
    K = kernel_matrix(kernels, centres, centres)
    K[np.diag_indices(len(K))] += _JITTER * np.max(np.abs(np.diag(K)))
    factor = cholesky(K, lower=True, overwrite_a=True)
    whitening = solve_triangular(factor, np.eye(len(K)), lower=True).T
    return KernelMap(input_map, kernels, centres, np.ascontiguousarray(whitening))
