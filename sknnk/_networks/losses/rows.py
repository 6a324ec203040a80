"""Rows as repeated weighted least squares see them: a kernel with all rows, blocks of rows, or sums of columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsymm

from ..._compute import Array, Floats, Indices
from ..._data import Dataset
from ..._features import BlockedKernel, KernelMap, RandomMap
from ..._integration import Execution
from ..._losses import State
from ..._ridge import KernelRows, Moments, Penalty, Solution, solve_blocks, solve_exactly, solve_moments
from ..fitted import over_blocks
from ..held_out import residuals_without_row
from ..row_sums import summed_rows


class LeftOut(NamedTuple):
    """What the last weighted solution says of some rows.

    Parameters
    ----------
    rows : ndarray of int of shape (n_held,)
        Their positions.
    shift : ndarray of shape (n_held, n_outputs)
        What outputs for a row lose when the row is left out of the fit.
    dof : float
        Effective degrees of freedom, the intercept not counted.
    """

    rows: Indices
    shift: Array
    dof: float


@dataclass(frozen=True, eq=False)
class GivenKernel:
    """A kernel matrix that is known.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_rows)
        The kernel of all pairs of rows.
    """

    values: Array

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.values)

    def blocks(self, threads: int) -> list[Array]:
        """Upper triangle: one block."""
        return [self.values]

    def matrix(self, threads: int) -> Floats:
        """A copy, in Fortran order."""
        return self.values.copy(order="F")


def symmetric_product(lower: Floats, coef: Array) -> Array:
    """Product of a symmetric matrix and coefficients.

    Parameters
    ----------
    lower : ndarray of shape (n_rows, n_rows)
        Its lower triangle, in Fortran order.
    coef : ndarray of shape (n_rows, n_outputs)
        Coefficients.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
        The product.

    Examples
    --------
    >>> symmetric_product(np.array([[1.0, 9.0], [2.0, 1.0]], order="F"), np.eye(2))
    array([[1., 2.],
           [2., 1.]])
    """
    product = dsymm(1.0, lower, np.asfortranarray(coef), lower=1)
    return np.ascontiguousarray(product)


@dataclass(frozen=True, eq=False)
class ExactRows:
    """Rows that are all compared with each other.

    Parameters
    ----------
    kernel : KernelRows
        Of the rows.
    n_held : int
        Number of rows at the end that can be left out in turn.
    copies : ndarray of shape (n_held,)
        Number of equal rows that each of them stands for.
    threads : int
        Threads of a solution.
    """

    kernel: KernelRows
    n_held: int
    copies: NDArray[np.int64]
    threads: int

    @property
    def n_coefficients(self) -> int:
        """One for each row."""
        return self.kernel.n_rows

    def solve(self, Z: Array, sample_weight: Array, alpha: float) -> tuple[State, float]:
        """Weighted kernel ridge regression."""
        ones = np.ones(1, dtype=np.int64)
        solved = solve_exactly(self.kernel, Z, sample_weight, alpha, 1, self.threads, copies=ones)
        alpha = float(solved.alpha[0])
        values = Z - alpha * solved.coef / sample_weight[:, None]
        return State(solved.coef, solved.intercept, values), alpha

    def outputs(self, coef: Array) -> Array:
        """Products of the kernel and coefficients."""
        return symmetric_product(self.kernel.matrix(self.threads), coef)

    def inner(self, left: State, right: State) -> Array:
        """Products of the coefficients of one with the function of the other."""
        return np.asarray(np.einsum("ij,ij->j", left.coef, right.values - right.intercept))

    def left_out(self, Z: Array, sample_weight: Array, alpha: float) -> LeftOut:
        """What the solution would be without each of the held rows."""
        solved = solve_exactly(self.kernel, Z, sample_weight, alpha, self.n_held, self.threads, copies=self.copies)
        held = np.arange(len(Z) - self.n_held, len(Z))
        within = alpha * solved.coef[held] / sample_weight[held, None]
        return LeftOut(held, solved.held_residuals - within, float(solved.dof[0]))


@dataclass(frozen=True, eq=False)
class BlockedRows:
    """Rows in blocks, with landmarks that all of them share.

    Coefficients are those of the shared columns, those of the rows, and products of the two in each block.

    Parameters
    ----------
    kernel : BlockedKernel
        The rows.
    held : sequence of int
        Number of rows at the end of each block that can be left out.
    copies : ndarray of shape (n_rows,)
        Number of equal rows that each row stands for.
    threads : int
        Threads of a solution.
    """

    kernel: BlockedKernel
    held: Sequence[int]
    copies: NDArray[np.int64]
    threads: int

    @property
    def n_coefficients(self) -> int:
        """Of the three kinds together."""
        n_blocks = len(self.kernel.blocks)
        return self.kernel.n_landmarks * (1 + n_blocks) + len(self.kernel.rows)

    def parts(self, coef: Array) -> tuple[Array, Array, Array]:
        """Coefficients of the shared columns and of the rows, and their products in each block."""
        n_landmarks, n_rows = self.kernel.n_landmarks, len(self.kernel.rows)
        shared, local, overlap = np.split(coef, [n_landmarks, n_landmarks + n_rows])
        return shared, local, overlap.reshape(len(self.kernel.blocks), n_landmarks, coef.shape[1])

    def solve(self, Z: Array, sample_weight: Array, alpha: float) -> tuple[State, float]:
        """Weighted kernel ridge regression in blocks."""
        plan = (self.held, self.threads)
        solved = solve_blocks(self.kernel, Z, sample_weight, alpha, *plan, copies=self.copies)
        values = Z - solved.alpha * solved.local / sample_weight[:, None]
        coef = np.vstack([solved.shared, solved.local, solved.overlap.reshape(-1, Z.shape[1])])
        return State(coef, solved.intercept, values), solved.alpha

    def outputs(self, coef: Array) -> Array:
        """Products of the kernel and coefficients, block by block."""
        shared, local, overlap = self.parts(coef)
        outputs = np.empty_like(local)
        for rows, own in zip(self.kernel.blocks, overlap, strict=True):
            near = symmetric_product(self.kernel.among(rows, np.float64, self.threads), local[rows])
            outputs[rows] = near + self.kernel.shared_columns(rows) @ (shared - own)
        return outputs

    def inner(self, left: State, right: State) -> Array:
        """Products of the coefficients of the rows with the function of the other."""
        local = self.parts(left.coef)[1]
        return np.asarray(np.einsum("ij,ij->j", local, right.values - right.intercept))

    def left_out(self, Z: Array, sample_weight: Array, alpha: float) -> LeftOut:
        """What the solution would be without each of the held rows."""
        plan = (self.held, self.threads)
        solved = solve_blocks(self.kernel, Z, sample_weight, alpha, *plan, copies=self.copies)
        within = solved.alpha * solved.local[solved.held] / sample_weight[solved.held, None]
        return LeftOut(solved.held, solved.held_residuals - within, float(solved.dof[0]))


class RowColumns(Protocol):
    """Rows with their columns, wherever the rows are."""

    @property
    def feature_map(self) -> RandomMap | KernelMap:
        """The columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows."""

    def rows(self, positions: Indices) -> Any:
        """A few of the rows."""

    def sums(self, Z: Array, sample_weight: Array) -> Moments:
        """Sums of the raw columns over all rows, with targets of shape (n_samples, n_outputs) and weights."""

    def outputs(self, coef: Array) -> Array:
        """Products of the columns with coefficients, of shape (n_samples, n_outputs)."""


@dataclass(frozen=True, eq=False)
class ColumnsHere:
    """Rows in the memory of this process, and their columns.

    Parameters
    ----------
    feature_map : RandomMap or KernelMap
        The columns.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        The rows.
    execution : Execution
        Threads and blocks.
    """

    feature_map: RandomMap | KernelMap
    X: Any
    execution: Execution

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows."""
        return np.dtype(self.X.dtype)

    def rows(self, positions: Indices) -> Any:
        """A few of the rows."""
        return self.X[positions]

    def sums(self, Z: Array, sample_weight: Array) -> Moments:
        """One pass over the rows."""
        return summed_rows(self.feature_map, Dataset(self.X, Z, sample_weight), self.execution)

    def outputs(self, coef: Array) -> Array:
        """Products of the columns with coefficients, block by block."""
        outputs = np.empty((self.X.shape[0], coef.shape[1]))

        def evaluate(rows: slice) -> None:
            outputs[rows] = precise_columns(self.feature_map, self.X[rows]) @ coef

        over_blocks(evaluate, len(outputs), self.feature_map.n_columns, self.execution)
        return outputs


def precise_columns(feature_map: RandomMap | KernelMap, X: Any) -> Array:
    """Columns of rows in float64.

    Parameters
    ----------
    feature_map : RandomMap or KernelMap
        The columns.
    X : {ndarray, CSR array} of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        The columns.
    """
    X = X.astype(np.float64, copy=False) if feature_map.needs_float64 else X
    return np.asarray(feature_map.columns(X).astype(np.float64, copy=False))


@dataclass(frozen=True, eq=False)
class SummedRows:
    """Rows whose columns are summed in one pass for each solution.

    Parameters
    ----------
    columns : RowColumns
        The rows and their columns.
    held : ndarray of int of shape (n_held,)
        Rows that can be left out.
    copies : ndarray of shape (n_held,)
        Number of equal rows that each of them stands for.
    """

    columns: RowColumns
    held: Indices
    copies: NDArray[np.int64]

    @property
    def n_coefficients(self) -> int:
        """One for each column."""
        return self.columns.feature_map.n_columns

    @property
    def precision(self) -> float:
        """Relative precision of the columns."""
        return float(np.finfo(self.columns.dtype).eps)

    def _solved(self, Z: Array, sample_weight: Array, alpha: float) -> Solution:
        sums = self.columns.sums(Z, sample_weight).scaled(self.columns.feature_map.column_scale)
        return solve_moments(sums, Penalty(np.array([[alpha]])), self.precision)

    def solve(self, Z: Array, sample_weight: Array, alpha: float) -> tuple[State, float]:
        """Weighted ridge regression on the columns."""
        solved = self._solved(Z, sample_weight, alpha)
        return State(solved.coef, solved.intercept, self.outputs(solved.coef) + solved.intercept), alpha

    def outputs(self, coef: Array) -> Array:
        """Products of the columns with coefficients, of shape (n_samples, n_outputs)."""
        return self.columns.outputs(coef)

    def inner(self, left: State, right: State) -> Array:
        """Products of the coefficients."""
        return np.asarray(np.einsum("ij,ij->j", left.coef, right.coef))

    def left_out(self, Z: Array, sample_weight: Array, alpha: float) -> LeftOut:
        """What the solution would be without each of the held rows."""
        solved = self._solved(Z, sample_weight, alpha)
        columns = precise_columns(self.columns.feature_map, self.columns.rows(self.held))
        within = Z[self.held] - columns @ solved.coef - solved.intercept
        unit = sample_weight[self.held] / self.copies
        leverage = unit[:, None] * np.asarray(solved.leverage(columns))
        without = residuals_without_row(within, leverage, self.precision)
        return LeftOut(self.held, without - within, float(solved.dof[0]))
