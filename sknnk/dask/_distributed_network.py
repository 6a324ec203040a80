"""What both distributed networks share: fitting to partitions, lazy evaluation, and the way back to one machine."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self
from uuid import uuid4

import dask
import numpy as np
from dask.sizeof import sizeof
from numpy.typing import NDArray

from .._compute import Array, Floats, Indices, n_threads
from .._data import Dataset, in_weight_unit, unit_of_counts
from .._features import BlockMap, KernelMap, RandomMap
from .._integration import Execution
from .._kernel_learning import rows_looked_at
from .._networks import (
    BundledNetwork,
    ClassTargets,
    FittedNetwork,
    NetworkSpec,
    NumericTargets,
    as_estimator,
    check_magnitude,
    described_columns,
    description_of,
    fitted_network,
    prepare_network,
    solved_sums,
    summed_rows,
)
from .._ridge import Moments, check_memory, predicted_costs
from ._partitions import (
    Layout,
    Table,
    aligned_table,
    checked_inputs,
    checked_numbers,
    checked_weights,
    column_names,
    empty_frame,
    is_collection,
    numeric_dtype,
    rows_together,
)
from ._reduction import each_partition, partition_sum
from ._row_sample import HeldRows, rows_of_partitions, union_of_rows


@dataclass(frozen=True, eq=False)
class Coding:
    """How pieces of `y` become targets of the network.

    Parameters
    ----------
    layout : Layout
        Of the table.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    units : ndarray of shape (n_targets,)
        Powers of two by which numbers are divided; ones for classes.
    class_weights : ndarray of shape (n_classes,), optional
        Weights of the classes.
    weight_unit : float
        Weight of one row, by which weights are divided.
    """

    layout: Layout
    targets: NumericTargets | ClassTargets
    units: Array
    class_weights: Array | None = None
    weight_unit: float = 1.0

    def coded(self, y: Any, sample_weight: Array) -> tuple[Array, Array]:
        """Return the targets of shape (n_samples, n_targets) and the final weights of one partition."""
        Y, weights = self._coded(y, sample_weight)
        return Y, in_weight_unit(weights, self.weight_unit)

    def _coded(self, y: Any, sample_weight: Array) -> tuple[Array, Array]:
        if isinstance(self.targets, NumericTargets):
            Y = checked_numbers(self.layout, y)
            check_magnitude(float(np.max(np.abs(Y), initial=0.0)), self.layout.dtype)
            return Y / self.units, sample_weight
        labels = np.asarray(y)
        Y = self.targets.encode(labels)
        if self.class_weights is None or len(labels) != len(sample_weight) or not len(labels):
            return Y, sample_weight
        return Y, sample_weight * self.class_weights[self.targets.positions(labels)]

    def used_rows(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[Floats, Array, Array]:
        """Inputs, targets and weights of the rows of positive weight."""
        inputs = checked_inputs(self.layout, X)
        Y, weights = self.coded(y, checked_weights(sample_weight, len(inputs)))
        if len(Y) != len(inputs):
            raise ValueError(f"X has {len(inputs)} rows here, and y has {len(Y)}.")
        used = weights > 0.0
        return (inputs, Y, weights) if used.all() else (inputs[used], Y[used], weights[used])


class WeightCounts(NamedTuple):
    """Weights that occur, and the number of rows of each."""

    values: Array
    counts: Array

    @classmethod
    def of(cls, sample_weight: Array) -> Self:
        """Count positive weights."""
        values, counts = np.unique(sample_weight[sample_weight > 0.0], return_counts=True)
        return cls(values, counts.astype(np.float64))

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Those of several partitions."""
        return cls(*(np.concatenate(each) for each in zip(*parts, strict=True)))


@dataclass(frozen=True, eq=False)
class _Accumulation:
    """All that a worker needs to know about the network."""

    coding: Coding
    feature_map: RandomMap | KernelMap | BlockMap
    execution: Execution


@sizeof.register(Moments)
def _size_of_moments(moments: Moments) -> int:
    """Size in bytes, from which the scheduler of Dask knows how much it would move."""
    return sum(array.nbytes for array in (moments.gram, moments.cross, moments.mean))


@sizeof.register(_Accumulation)
def _size_of_accumulation(job: _Accumulation) -> int:
    return sum(sampler.random_weights_.nbytes for sampler in job.feature_map.samplers)


def _moments(job: _Accumulation, number: int, *pieces: Any) -> Moments:
    """Moments of one partition."""
    data = Dataset(*job.coding.used_rows(*pieces))
    if not len(data):
        return Moments.empty(job.feature_map.n_columns, job.coding.targets.n_targets)
    job.feature_map.check_range(data.X)
    return summed_rows(job.feature_map, data, job.execution)


def _sampled(table: Table, coding: Coding, lengths: Sequence[int], positions: Indices | None) -> Dataset:
    """The rows that a fit on one machine would look at, in the memory of this process."""
    own = rows_of_partitions(positions, lengths)
    pieces = each_partition("row-sample", table, _selected_rows, coding, own)
    parts = map(np.concatenate, zip(*(piece for piece in pieces if piece is not None), strict=True))
    X, Y, sample_weight = (HeldRows(values, positions, int(np.sum(lengths))) for values in parts)
    return Dataset(X, Y, sample_weight, coding.weight_unit)  # type: ignore[arg-type]


def _selected_rows(coding: Coding, selection: Any, *pieces: Any) -> tuple[Floats, Array, Array]:
    """Copies of the sampled rows of one partition: views would keep the partition in memory."""
    X, Y, sample_weight = coding.used_rows(*pieces)
    return X[selection].copy(), Y[selection].copy(), sample_weight[selection].copy()


class DistributedNetwork(BundledNetwork):
    """Fit to partitions, evaluate lazily; a subclass says what targets mean."""

    _local_class: ClassVar[type[BundledNetwork]]

    def _fit_table(
        self, table: Table, coding: Coding, lengths: Sequence[int], weights: WeightCounts, more_rows: Any
    ) -> tuple[FittedNetwork, Dataset]:
        """Fit to rows whose number and weights are known; return the network and the sample that was looked at.

        Equal rows are counted together in no partition, so that the unit of weights is that of single rows.
        """
        coding = replace(coding, weight_unit=unit_of_counts(weights.values, weights.counts))
        n_samples, targets = int(np.sum(lengths)), coding.targets
        spec = NetworkSpec.of(self.get_params(deep=False), targets.learned_gain)
        seed, penalty = spec.seed(), spec.penalty(targets.n_targets, coding.weight_unit)
        sizes = spec.layer_sizes(float(weights.values @ weights.counts / coding.weight_unit))
        n_features = table.layout.frame.shape[1]
        n_linked = spec.n_linked(n_features)
        costs = predicted_costs(n_samples, sizes[-1] + n_linked, n_features)["primal"]
        check_memory(self.n_components, sizes, n_linked, (n_samples, n_features), "primal")
        wanted = [*rows_looked_at(n_samples, self.input_transform, seed), more_rows(n_samples, seed)]
        sample = _sampled(table, coding, lengths, union_of_rows(*wanted))
        here = Execution(n_threads(self.n_jobs), self._execution().batch_size)
        prepared = prepare_network(spec, sample, coding.units, sizes, penalty, here, seed)
        threads = 1 if self.n_jobs is None else n_threads(self.n_jobs)
        job = _Accumulation(coding, prepared.feature_map, replace(here, threads=threads))
        sums = partition_sum("partition-moments", table, _moments, job)
        return solved_sums(prepared, sums, targets, table.layout.dtype, solver_costs={"primal": costs}), sample

    def _checked_table(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Table, dict[str, Any]]:
        """Aligned partitions, and the description of their columns; the estimator stays as it is."""
        table = aligned_table(X, y, sample_weight)
        return table, described_columns(self, table.layout.frame, reset)

    @property
    def partial_fit(self) -> Any:
        """Not available: the method of networks without Dask would load all rows into memory."""
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit; fit all rows at once, or add rows in memory with "
            "to_local().partial_fit(...)."
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.array_api_support = False
        return tags

    def to_local(self) -> Any:
        """Return the same network without Dask.

        Returns
        -------
        BundledNetworkRegressor or BundledNetworkClassifier
            Fitted, with the same parameters and attributes; it predicts for arrays in memory, can be pickled and loaded
            where Dask is not installed, and takes further rows with `partial_fit`.
        """
        local = self._local_class(**self.get_params(deep=False))
        return as_estimator(local, fitted_network(self), description_of(self))

    def transform(self, X: Any) -> Any:
        """Evaluate the network up to its output matrix.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        dask Array of shape (n_samples, n_columns)
            Lazy, in the partitions of `X`; an ndarray when `X` is in memory.
        """
        if not is_collection(X):
            return self.to_local().transform(X)
        return self._lazy(X, "transform", (fitted_network(self).feature_map.n_columns,), numeric_dtype(X))

    def _worker_copy(self, with_system: bool = False) -> Any:
        """The local network for workers: one thread, and no array of the size of a Gram matrix unless needed."""
        local, fitted = self.to_local(), fitted_network(self)
        local.n_jobs = 1 if self.n_jobs is None else self.n_jobs
        # Eigenvectors are computed once here, not for each partition.
        light = fitted.diagonalised() if with_system else fitted.without_factor()
        return as_estimator(local, light, description_of(self))

    def _lazy(self, X: Any, method: str, row_shape: tuple[int, ...], dtype: Any, **keywords: Any) -> Any:
        """A method of the local network for every partition, as a collection with the partitions of `X`.

        `row_shape` is the shape of the result for one row. If it is empty, the result is a vector: a Series for a data
        frame, else an array. If the method returns several results, the last one is taken.
        """
        X = rows_together(X)
        frame = empty_frame(X)
        described_columns(self, frame, reset=False)
        layout = Layout(column_names(X), (), numeric_dtype(X), True, frame)
        # Only standard deviations need the system that the fit solved.
        local = self._worker_copy(with_system="return_std" in keywords)
        network = dask.delayed(local, name=f"network-{uuid4().hex}", traverse=False)
        empty = np.empty((0, *row_shape), dtype=dtype)
        settings = {"network": network, "layout": layout, "method": method, "empty": empty, "keywords": keywords}
        if isinstance(frame, np.ndarray):
            axes = {"drop_axis": 1} if not row_shape else {"new_axis": list(range(2, 1 + len(row_shape)))}
            chunks = (X.chunks[0], *((length,) for length in row_shape))
            return X.map_blocks(_evaluated, **settings, **axes, chunks=chunks, dtype=dtype, meta=empty)
        if not row_shape:
            return X.map_partitions(_evaluated_series, **settings, meta=_series(empty, frame.index))
        return X.map_partitions(_evaluated, **settings, meta=empty)


def _evaluated(
    X: Any, *, network: BundledNetwork, layout: Layout, method: str, empty: NDArray[Any], keywords: dict[str, Any]
) -> NDArray[Any]:
    """A method of the network for one partition."""
    values = checked_inputs(layout, X)
    if not len(values):
        return empty
    result = getattr(network, method)(X, **keywords)
    return result[-1] if isinstance(result, tuple) else result


def _evaluated_series(X: Any, **settings: Any) -> Any:
    return _series(_evaluated(X, **settings), X.index)


def _series(values: NDArray[Any], index: Any) -> Any:
    import pandas

    return pandas.Series(values, index=index, dtype=values.dtype)
