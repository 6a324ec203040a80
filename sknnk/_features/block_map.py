"""Columns of a network with landmarks that all rows share, and a kernel with the rows of their own block."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from .._compute import Array, Floats, Indices, call_blas
from .._data import QuantileMap, dense_inputs
from .._kernels import Centres, Kernel, in_coordinates, kernel_matrix, symmetric_kernel_matrix
from .block_tree import BlockTree, balanced_blocks
from .kernel_map import SCORE_WIDTH

# Share of the largest kernel value that is added to the diagonal. Equal landmarks would otherwise give no factor.
_JITTER = 1e-8


@dataclass(frozen=True, eq=False)
class BlockedKernel:
    """Rows in blocks, and landmarks: everything that a solver asks of them is computed anew.

    Parameters
    ----------
    kernels : tuple of Kernel
        Summands of the kernel.
    rows : ndarray of shape (n_rows, n_features)
        Transformed rows, those of a block next to each other.
    starts : ndarray of shape (n_blocks + 1,)
        Position of the first row of each block, and the number of rows.
    landmarks : ndarray of shape (n_landmarks, n_features)
        Transformed rows.
    tree : BlockTree
        Says to which block a row belongs.
    block_size : int
        Rows of a block that were asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._features import blocked_kernel
    >>> from sknnk._kernels import Kernel
    >>> laplace = Kernel("cauchy", "isotropic", np.ones(1))
    >>> kernel, order = blocked_kernel((laplace,), np.arange(6.0)[:, None], n_landmarks=2, block_size=3)
    >>> kernel.blocks, order.tolist()
    ([slice(0, 3, None), slice(3, 6, None)], [0, 1, 2, 3, 4, 5])
    """

    kernels: tuple[Kernel, ...]
    rows: Array
    starts: Indices
    landmarks: Array
    tree: BlockTree
    block_size: int

    @property
    def blocks(self) -> list[slice]:
        """Positions of the rows of each block."""
        return [slice(*pair) for pair in zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)]

    @property
    def n_landmarks(self) -> int:
        """Number of landmarks."""
        return len(self.landmarks)

    @cached_property
    def factor(self) -> Array:
        """Cholesky factor of the kernel among the landmarks, in Fortran order."""
        K = kernel_matrix(self.kernels, self.landmarks, self.landmarks)
        K[np.diag_indices(len(K))] += _JITTER * np.max(np.diag(K), initial=0.0)
        return np.asfortranarray(cholesky(K, lower=True) if len(K) else K)

    def shared_columns(self, rows: slice) -> Array:
        """Columns of some rows whose products are the kernel between blocks, in Fortran order and new memory."""
        columns = np.asfortranarray(kernel_matrix(self.kernels, self.rows[rows], self.landmarks))
        if self.n_landmarks:
            call_blas("trsm", b"R", b"L", b"T", b"N", *columns.shape, 1.0, self.factor, columns)
        return columns

    def among(self, rows: slice, dtype: type[np.floating], threads: int) -> Floats:
        """Lower triangle of the kernel among the rows of a block, in Fortran order and new memory."""
        return symmetric_kernel_matrix(self.kernels, self.rows[rows], threads, dtype)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is computed anew."""
        return {name: value for name, value in vars(self).items() if name != "factor"}

    def column_weights(self, shared: Array) -> Array:
        """Coefficients of the kernels with the landmarks, from those of the shared columns."""
        return np.asarray(solve_triangular(self.factor, shared, trans="T", lower=True)) if len(shared) else shared


def blocked_kernel(
    kernels: tuple[Kernel, ...], rows: Array, n_landmarks: int, block_size: int
) -> tuple[BlockedKernel, Indices]:
    """Cut rows into blocks; the first rows are the landmarks.

    Parameters
    ----------
    kernels : tuple of Kernel
        Summands of the kernel; blocks are cut in the coordinates of the first.
    rows : ndarray of shape (n_rows, n_features)
        Transformed rows in random order.
    n_landmarks : int
        Number of landmarks.
    block_size : int
        Rows of a block.

    Returns
    -------
    kernel : BlockedKernel
        The rows, sorted by block, and otherwise in the order in which they came.
    order : ndarray of shape (n_rows,)
        Where each of its rows was before.
    """
    tree, block = balanced_blocks(in_coordinates(kernels[0], rows), block_size)
    order = np.argsort(block, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(block, minlength=tree.n_blocks))])
    return BlockedKernel(kernels, rows[order], starts, rows[:n_landmarks], tree, block_size), order


@dataclass(frozen=True, eq=False)
class BlockMap:
    """Everything in front of the output matrix of a network with landmarks and blocks.

    Its columns are the kernels with the landmarks and, for each target, what the rows of the own block add.

    Parameters
    ----------
    input_map : QuantileMap or None
        Applied to the raw inputs.
    kernel : BlockedKernel
        The rows in blocks, and the landmarks.
    local : ndarray of shape (n_rows, n_targets)
        Coefficients of the kernel with the rows of the own block.
    overlap : ndarray of shape (n_blocks, n_landmarks, n_targets)
        Coefficients of the kernel with the landmarks, for each block: what the landmarks say of it already.
    single : bool, default=False
        Whether float32 is precise enough for the kernel in predictions; see :func:`single_is_harmless`.
    """

    input_map: QuantileMap | None
    kernel: BlockedKernel
    local: Array
    overlap: Array
    single: bool = False
    samplers = ()
    whitening = None
    link_scale = None
    n_linked = 0
    needs_float64 = True

    @classmethod
    def of(
        cls, input_map: QuantileMap | None, kernel: BlockedKernel, local: Array, overlap: Array, single: bool = False
    ) -> "BlockMap":
        """The map of a solution: coefficients inside the blocks, and products of these with the shared columns."""
        weights = [kernel.column_weights(each) for each in overlap]
        return cls(input_map, kernel, local, np.reshape(weights, overlap.shape), single)

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """Summands of the kernel."""
        return self.kernel.kernels

    @property
    def centres(self) -> Array:
        """All rows, sorted by block."""
        return self.kernel.rows

    @property
    def n_columns(self) -> int:
        """Number of columns in front of the output matrix."""
        return self.kernel.n_landmarks + self.local.shape[1]

    @property
    def score_width(self) -> int:
        """Columns of a row that are in memory while scores are computed: few, so that many rows share a block."""
        return SCORE_WIDTH // 4

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
        n_landmarks = self.kernel.n_landmarks
        for rows, inputs, block in self._by_block(X):
            shared = kernel_matrix(self.kernels, inputs, self.kernel.landmarks)
            columns[rows, :n_landmarks] = shared
            columns[rows, n_landmarks:] = self._near(inputs, block) - shared @ self.overlap[block]
        return columns

    def write_scores(self, X: Any, weights: Array, out: Floats) -> None:
        """Write products of raw columns and an output matrix, of shape (n_columns, n_targets), to `out`."""
        n_landmarks = self.kernel.n_landmarks
        for rows, inputs, block in self._by_block(X):
            sums = self._near(inputs, block) @ weights[n_landmarks:]
            coef = weights[:n_landmarks] - self.overlap[block] @ weights[n_landmarks:]
            self._prepared[-1].add_products(inputs, coef, sums)
            out[rows] = sums

    def kernel_sums(self, X: Any, weights: Array) -> Iterator[tuple[Indices, Array, Array]]:
        """Write the outputs for rows as sums of kernels with centres, block by block.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.
        weights : ndarray of shape (n_columns, n_targets)
            Output matrix.

        Yields
        ------
        rows : ndarray
            Positions of the rows in a block.
        centres : ndarray of shape (n_centres, n_features)
            The landmarks, and the rows of the fit in the block.
        coef : ndarray of shape (n_centres, n_targets)
            Coefficients of the kernel with each of them.
        """
        shared, own = np.split(weights, [self.kernel.n_landmarks])
        for rows, _, block in self._by_block(X):
            near = self.kernel.blocks[block]
            coef = np.vstack([shared - self.overlap[block] @ own, self.local[near] @ own])
            yield rows, np.vstack([self.kernel.landmarks, self.kernel.rows[near]]), coef

    def _by_block(self, X: Any) -> Iterator[tuple[Indices, Array, int]]:
        """Positions and transformed inputs of the rows of each block, and its number."""
        inputs = dense_inputs(self.input_map, X)
        blocks = self.kernel.tree.block_of(in_coordinates(self.kernels[0], inputs))
        for block in np.unique(blocks).tolist():
            rows = np.flatnonzero(blocks == block)
            yield rows, inputs[rows], block

    def _near(self, inputs: Array, block: int) -> Array:
        """What the rows of a block say, one column for each target."""
        sums = np.zeros((len(inputs), self.local.shape[1]))
        self._prepared[block].add_products(inputs, self.local[self.kernel.blocks[block]], sums)
        return sums

    @cached_property
    def _prepared(self) -> list[Centres]:
        """The rows of each block, and the landmarks, in the coordinates of the kernels."""
        rows = [*(self.kernel.rows[each] for each in self.kernel.blocks), self.kernel.landmarks]
        return [Centres(self.kernels, each, np.float32 if self.single else np.float64) for each in rows]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is prepared anew."""
        return {name: value for name, value in vars(self).items() if name != "_prepared"}
