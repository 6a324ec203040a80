"""Training and test sets of a prepared network, and its solutions on them for fewer features than it has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from scipy.linalg.blas import dgemm

from .._compute import Array, Floats, Indices
from .._data import Dataset, in_weight_unit
from .._features import feature_scale
from .._integration import Task
from .._networks import FittedNetwork, over_blocks, summed_rows, summing_steps
from .._ridge import (
    DualPath,
    FoldMoments,
    Moments,
    NestedKernel,
    Partition,
    RidgeSystem,
    SquaredErrors,
    coefficient_path,
    decompose,
    decompose_rows,
    dual_path,
    paths_without,
    squared_errors_of_moments,
    squared_errors_of_predictions,
    tridiagonal_path,
)
from .candidates import PreparedPlan, leading_features

Path = tuple[Array, Array]

# Largest relative rounding error of squared errors from moments. If it is larger, the rows are predicted instead.
_PRECISION = 1e-9
# The Gram matrix of a training set is close to that of all rows if it has at least this share of their weight,
_LEAST_SHARE = 0.5
# and at least this many rows for each column.
_LEAST_ROWS = 1.5


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a search.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Inputs.
    Y : ndarray of shape (n_samples, n_targets)
        Targets in the units of the solver.
    weight : ndarray of shape (n_samples,)
        Non-negative weights, in their unit.
    """

    X: Any
    Y: Array
    weight: Array

    @classmethod
    def of(cls, prepared: PreparedPlan, X: Any, Y: Array, sample_weight: Array) -> Self:
        """Rows in the units of a prepared network."""
        return cls(X, Y / prepared.target_units, in_weight_unit(sample_weight, prepared.network.weight_unit))

    @property
    def precision(self) -> float:
        """Machine epsilon of the features."""
        return float(np.finfo(self.X.dtype).eps)


class _CountSets:
    """What both kinds of sets share: where columns come from, and how they are scaled."""

    splits: Sequence[tuple[Indices, Indices]]

    def __init__(self, prepared: PreparedPlan, table: Table, link_scales: Sequence[float | None]) -> None:
        self.prepared, self.table, self.link_scales = prepared, table, link_scales
        self._layers = prepared.feature_map

    def n_columns(self, count: int) -> int:
        """Number of columns of a network with `count` features."""
        return self._layers.n_linked + count

    def scale(self, count: int, split: int | None = None) -> Array:
        """Factors between the raw columns and those of a network with `count` features, fitted on a training set."""
        scale = np.full(self.n_columns(count), feature_scale(count))
        scale[: self._layers.n_linked] = self.link_ratio(split)
        return scale

    def link_ratio(self, split: int | None) -> float:
        """Factor of the direct link in a training set, relative to that of all rows."""
        own = None if split is None else self.link_scales[split]
        return 1.0 if own is None or self._layers.link_scale is None else own / self._layers.link_scale

    def solved_networks(self, split: int, count: int, system: RidgeSystem, alphas: Array) -> list[FittedNetwork]:
        """Networks with `count` features, fitted on a training set, one for each penalty."""
        layers = leading_features(self._layers, count, self.link_scales[split])
        return [self.prepared.solved(layers, system, alpha, self.table.X.dtype) for alpha in alphas]

    def raw_columns(self, rows: Any) -> Floats:
        """Columns of the largest network, not scaled."""
        return self._layers.raw_columns(self.table.X[rows])

    def train_system(self, split: int, count: int) -> RidgeSystem:
        """Diagonalised problem of a training set."""
        raise NotImplementedError

    def train_moments(self, split: int, count: int) -> Moments | None:
        """Moments of the scaled columns of a training set; None where rows are fewer than columns."""
        raise NotImplementedError

    def _direct_path(self, split: int, count: int, alphas: Array) -> Path:
        """Solutions on a training set by a factorisation of its own, for raw columns."""
        moments = self.train_moments(split, count)
        path = None if moments is None else tridiagonal_path(moments, alphas, self.table.precision)
        coef, intercept = path or coefficient_path(self.train_system(split, count), alphas)
        return self.scale(count, split)[:, None, None] * coef, intercept

    def predictions(self, rows: Indices, path: Path) -> Array:
        """Predict rows with every solution of a path for raw columns, shape (n_rows, n_alphas, n_targets)."""
        coef, intercept = path
        flat = coef.reshape(len(coef), -1)
        predictions = np.empty((len(rows), flat.shape[1]))

        def evaluate(block: slice) -> None:
            np.matmul(self.raw_columns(rows[block])[:, : len(coef)], flat, out=predictions[block])

        self._over_blocks(evaluate, len(rows))
        return predictions.reshape(-1, *intercept.shape) + intercept

    def _over_blocks(self, function: Callable[[slice], None], n_samples: int) -> None:
        over_blocks(function, n_samples, self._layers.n_columns, self.prepared.plan.execution)

    def errors(self, split: int, count: int, path: Any, of_train: bool) -> SquaredErrors:
        """Squared errors on the test set, or the training set, of a split."""
        rows = self.splits[split][not of_train]
        predictions = self.predictions(rows, path)
        return squared_errors_of_predictions(self.table.Y[rows], predictions, self.table.weight[rows])


class MomentSets(_CountSets):
    """Sets of which only moments are kept, so that memory does not depend on the number of rows.

    Parameters
    ----------
    prepared : PreparedPlan
        The kernel, with as many features as the largest count.
    table : Table
        The rows.
    partition : Partition
        The splits.
    splits : sequence of (train, test)
        The same as row positions.
    link_scales : sequence of float or None
        Factor of the direct link in each training set.
    """

    def __init__(
        self,
        prepared: PreparedPlan,
        table: Table,
        partition: Partition,
        splits: Sequence[tuple[Indices, Indices]],
        link_scales: Sequence[float | None],
    ) -> None:
        super().__init__(prepared, table, link_scales)
        self.splits, self._wide = splits, -1
        execution, width = prepared.plan.execution, self._layers.n_columns
        n_steps = sum(summing_steps(len(rows), width, execution) for rows in partition.atoms)
        with execution.progress.part("sum-rows", n_steps) as done:
            self._folds = FoldMoments(partition, [self._moments(rows, done) for rows in partition.atoms])
        self._narrow = self._folds
        self._whole_systems: dict[int, RidgeSystem] = {}

    def _moments(self, rows: Indices, done: Task) -> Moments:
        table = self.table
        rows = rows[table.weight[rows] > 0.0]
        if not rows.size:
            return Moments.empty(self._layers.n_columns, table.Y.shape[1])
        data = Dataset(table.X[rows], table.Y[rows], table.weight[rows])
        return summed_rows(self._layers, data, replace(self.prepared.plan.execution, progress=done))

    def folds(self, count: int) -> FoldMoments:
        """Moments of the raw columns of a network with `count` features."""
        if self._wide != count:
            self._narrow, self._wide = self._folds.leading(self.n_columns(count)), count
        return self._narrow

    def train_moments(self, split: int, count: int) -> Moments:
        """Moments of the scaled columns of a training set."""
        return self.folds(count).train(split).scaled(self.scale(count, split))

    def train_system(self, split: int, count: int) -> RidgeSystem:
        """Diagonalised problem of a training set."""
        return decompose(self.train_moments(split, count), self.table.precision)

    def whole(self) -> "AllRows":
        """All rows, to solve on once the best candidate is known."""
        return AllRows(self.prepared, self.table.X.dtype, self._folds.total, systems=self._whole_systems)

    def paths(self, count: int, alphas: Array) -> list[Path]:
        """Solutions on every training set, for raw columns."""
        # Threads would not help: SciPy's BLAS does not release the interpreter, and has threads of its own.
        positions = range(len(self.splits))
        close = [split for split in positions if self._is_close(split, count)]
        whole = self._whole_system(count) if len(close) > 1 else None
        paths: dict[int, Path] = {}
        if whole is not None and alphas.min() >= whole.alpha_floor:
            paths = self._paths_from_whole(whole, close, count, alphas)
        paths |= {split: self._direct_path(split, count, alphas) for split in positions if split not in paths}
        return [paths[split] for split in positions]

    def _is_close(self, split: int, count: int) -> bool:
        """Whether a training set is most of many rows."""
        folds = self.folds(count)
        rest, total = folds.rest(split), folds.total
        if rest is None or rest.weight > (1.0 - _LEAST_SHARE) * total.weight:
            return False
        return total.n_samples - rest.n_samples >= _LEAST_ROWS * len(total.mean)

    def _whole_system(self, count: int) -> RidgeSystem:
        if count not in self._whole_systems:
            moments = self.folds(count).total.scaled(self.scale(count))
            self._whole_systems[count] = decompose(moments, self.table.precision)
        return self._whole_systems[count]

    def _paths_from_whole(self, whole: RidgeSystem, splits: list[int], count: int, alphas: Array) -> dict[int, Path]:
        """Solutions from the factorisation of all rows. Empty if one factorisation for each set is faster."""
        folds, scale = self.folds(count), self.scale(count)
        rests = [rest for split in splits if (rest := folds.rest(split)) is not None]
        # Another scale of the direct link has the same effect as another penalty on its columns.
        factors = [(scale / self.scale(count, split)) ** 2 for split in splits]
        paths = paths_without(whole, scale, rests, factors, alphas) or []
        return {i: (scale[:, None, None] * coef, b) for i, (coef, b) in zip(splits, paths, strict=False)}

    def errors(self, split: int, count: int, path: Any, of_train: bool) -> SquaredErrors:
        """Squared errors on the test set, or the training set, of a split."""
        folds = self.folds(count)
        errors = squared_errors_of_moments(folds.train(split) if of_train else folds.test(split), *path)
        if errors.is_precise(_PRECISION):
            return errors
        return super().errors(split, count, path, of_train)


class RowSets(_CountSets):
    """Sets of few rows, whose features are kept: they take less memory than two Gram matrices.

    Parameters
    ----------
    prepared : PreparedPlan
        The kernel, with as many features as the largest count.
    table : Table
        The rows.
    splits : sequence of (train, test)
        Row positions.
    link_scales : sequence of float or None
        Factor of the direct link in each training set.
    """

    def __init__(
        self,
        prepared: PreparedPlan,
        table: Table,
        splits: Sequence[tuple[Indices, Indices]],
        link_scales: Sequence[float | None],
    ) -> None:
        super().__init__(prepared, table, link_scales)
        self.splits = splits
        self._columns = np.empty((len(table.Y), self._layers.n_columns), dtype=table.X.dtype)

        def evaluate(rows: slice) -> None:
            self._layers.raw_columns(table.X[rows], self._columns[rows])

        self._over_blocks(evaluate, len(table.Y))
        self._kernel = NestedKernel(self._columns, self._layers.n_linked)

    def predictions(self, rows: Indices, path: Path | DualPath) -> Array:
        """Predict rows with every solution of a path."""
        if isinstance(path, DualPath):
            return path.predictions(rows)
        coef, intercept = path
        columns = self._columns[rows, : len(coef)].astype(np.float64, copy=False)
        products = dgemm(1.0, coef.reshape(len(coef), -1).T, columns.T)
        return np.asarray(products.T.reshape(len(rows), *intercept.shape) + intercept)

    def _train_rows(self, split: int) -> Indices:
        train = self.splits[split][0]
        return train[self.table.weight[train] > 0.0]

    def train_moments(self, split: int, count: int) -> Moments | None:
        """Moments of the scaled columns of a training set; None where rows are fewer than columns."""
        rows, scale = self._train_rows(split), self.scale(count, split)
        if len(rows) < len(scale):
            return None
        features = self._columns[rows, : len(scale)] * scale
        return Moments.from_block(features, self.table.Y[rows], self.table.weight[rows])

    def train_system(self, split: int, count: int) -> RidgeSystem:
        """Diagonalised problem of a training set."""
        return _system_of_rows(self.table, self._columns, self._train_rows(split), self.scale(count, split))

    def whole(self) -> "AllRows":
        """All rows, to solve on once the best candidate is known."""
        return AllRows(self.prepared, self.table.X.dtype, self._columns, self.table)

    def paths(self, count: int, alphas: Array) -> list[Path | DualPath]:
        """Solutions on every training set: for raw columns, or over training rows if there are fewer of them."""
        # Threads would not help: LAPACK does not release the interpreter, so they would run one after the other.
        splits = range(len(self.splits))
        return [self._dual_path(i, count, alphas) or self._direct_path(i, count, alphas) for i in splits]

    def _dual_path(self, split: int, count: int, alphas: Array) -> DualPath | None:
        rows = self._train_rows(split)
        if len(rows) >= self.n_columns(count):
            return None
        kernel = self._kernel.matrix(count, self.link_ratio(split) ** 2, feature_scale(count) ** 2)
        return dual_path(kernel, rows, self.table.Y[rows], self.table.weight[rows], alphas, self.table.precision)


@dataclass(frozen=True, eq=False)
class AllRows:
    """All rows of a prepared network, ready to be solved for any count.

    Parameters
    ----------
    prepared : PreparedPlan
        The kernel, with as many features as the largest count.
    dtype : dtype
        Of the rows.
    columns : Moments or ndarray of shape (n_samples, n_columns)
        Moments of the raw columns, or the raw columns.
    table : Table or None
        The rows that belong to `columns`.
    systems : dict of int to RidgeSystem
        Problems that are diagonalised already, by the count of features.
    """

    prepared: PreparedPlan
    dtype: Any
    columns: Any
    table: Table | None = None
    systems: dict[int, RidgeSystem] = field(default_factory=dict)

    def solved(self, count: int, alpha: float) -> FittedNetwork:
        """Network of `count` features, fitted on all rows without reading them again."""
        wide = self.prepared.feature_map
        layers = leading_features(wide, count, wide.link_scale)
        system = self.systems[count] if count in self.systems else self._system(layers.column_scale)
        [own] = self.prepared.penalties(np.array([alpha]))
        return self.prepared.solved(layers, system, float(own), self.dtype)

    def _system(self, scale: Array) -> RidgeSystem:
        if self.table is None:
            moments: Moments = self.columns.leading(len(scale))
            return decompose(moments.scaled(scale), float(np.finfo(self.dtype).eps))
        return _system_of_rows(self.table, self.columns, np.flatnonzero(self.table.weight > 0.0), scale)


def _system_of_rows(table: Table, columns: Floats, rows: Any, scale: Array) -> RidgeSystem:
    """Diagonalise the smaller of the two problems."""
    features = columns[rows, : len(scale)] * scale
    Y, weight = table.Y[rows], table.weight[rows]
    if len(features) < len(scale):
        return decompose_rows(features, Y, weight, table.precision)
    return decompose(Moments.from_block(features, Y, weight), table.precision)
