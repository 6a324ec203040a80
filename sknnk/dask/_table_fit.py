"""Pieces of a Dask table as rows of the network, a sample of them in this process, and the fit to sums over all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from dask.sizeof import sizeof

from .._compute import Array, Floats, Indices
from .._data import Dataset, in_weight_unit
from .._features import BlockMap, KernelMap, RandomMap
from .._integration import Execution
from .._kernel_learning import Trend, rows_looked_at
from .._networks import (
    ClassTargets,
    FittedNetwork,
    HeldOutRows,
    NetworkSpec,
    NumericTargets,
    PreparedNetwork,
    check_magnitude,
    prepare_network,
    solved_sums,
    summed_rows,
)
from .._ridge import Moments, Penalty, check_memory, predicted_costs
from ._partitions import Layout, Table, checked_inputs, checked_numbers, checked_weights
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
    trend : Trend, optional
        A line that is subtracted from the targets.
    """

    layout: Layout
    targets: NumericTargets | ClassTargets
    units: Array
    class_weights: Array | None = None
    weight_unit: float = 1.0
    trend: Trend | None = None

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
        """Inputs, targets and weights of the rows of positive weight; of targets what the line leaves."""
        inputs = checked_inputs(self.layout, X)
        Y, weights = self.coded(y, checked_weights(sample_weight, len(inputs)))
        if len(Y) != len(inputs):
            raise ValueError(f"X has {len(inputs)} rows here, and y has {len(Y)}.")
        if self.trend is not None and len(Y):
            Y = Y - self.trend(inputs)
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


def row_sample(table: Table, coding: Coding, lengths: Sequence[int], positions: Indices | None) -> Dataset:
    """The rows that a fit on one machine would look at, in the memory of this process.

    Parameters
    ----------
    table : Table
        All rows.
    coding : Coding
        What its targets mean.
    lengths : sequence of int
        Rows of positive weight in each partition.
    positions : ndarray of int or None
        Increasing positions among these; None for all of them.

    Returns
    -------
    Dataset
        Its arrays know the rows that were asked for, by their position among all.
    """
    own = rows_of_partitions(positions, lengths)
    pieces = each_partition("row-sample", table, _selected_rows, coding, own)
    parts = map(np.concatenate, zip(*(piece for piece in pieces if piece is not None), strict=True))
    X, Y, sample_weight = (HeldRows(values, positions, int(np.sum(lengths))) for values in parts)
    return Dataset(X, Y, sample_weight, coding.weight_unit)  # type: ignore[arg-type]


def _selected_rows(coding: Coding, selection: Any, *pieces: Any) -> tuple[Floats, Array, Array]:
    """Copies of the sampled rows of one partition: views would keep the partition in memory."""
    X, Y, sample_weight = coding.used_rows(*pieces)
    return X[selection].copy(), Y[selection].copy(), sample_weight[selection].copy()


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
    centres = job.feature_map.centres.nbytes if isinstance(job.feature_map, KernelMap) else 0
    return centres + sum(sampler.random_weights_.nbytes for sampler in job.feature_map.samplers)


def _moments(job: _Accumulation, number: int, *pieces: Any) -> Moments:
    """Moments of one partition."""
    data = Dataset(*job.coding.used_rows(*pieces))
    if not len(data):
        return Moments.empty(job.feature_map.n_columns, job.coding.targets.n_targets)
    job.feature_map.check_range(data.X)
    return summed_rows(job.feature_map, data, job.execution)


@dataclass(frozen=True, eq=False)
class TableFit:
    """A fit to a Dask table: all that is known before rows are looked at.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    table : Table
        The rows.
    coding : Coding
        What its targets mean.
    lengths : sequence of int
        Rows of positive weight in each partition.
    weights : WeightCounts
        Their weights, in the unit of the user.
    penalty : Penalty
        As the user gave it.
    seed : int
        Of everything random.
    here : Execution
        Threads and blocks of this process.
    threads : int
        Of a task.
    """

    spec: NetworkSpec
    table: Table
    coding: Coding
    lengths: Sequence[int]
    weights: WeightCounts
    penalty: Penalty
    seed: int
    here: Execution
    threads: int

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows of positive weight, and of columns."""
        return int(np.sum(self.lengths)), int(self.table.layout.frame.shape[1])

    def sample(self, *selections: Any) -> Dataset:
        """The rows that are in any of several selections of positions, in the memory of this process."""
        return row_sample(self.table, self.coding, self.lengths, union_of_rows(*selections))

    def solved(self, prepared: PreparedNetwork, sample: Dataset, **optional: Any) -> FittedNetwork:
        """Add up the columns of a network over all rows where these are, and solve; some of the sample is kept."""
        execution = replace(self.here, threads=self.threads)
        job = _Accumulation(self.coding, prepared.feature_map, execution)
        sums = partition_sum("partition-moments", self.table, _moments, job)
        # The rows whose residuals tell how wide intervals are.
        held_out = HeldOutRows.sample(sample, self.seed)
        targets, dtype = self.coding.targets, self.table.layout.dtype
        return solved_sums(prepared, sums, targets, dtype, held_out=held_out, **optional)


def fit_random_columns(fit: TableFit, more_rows: Any) -> tuple[FittedNetwork, Dataset]:
    """Fit random columns to sums over the rows.

    Parameters
    ----------
    fit : TableFit
        The table, and what is known of it.
    more_rows : callable
        Of the number of rows and the seed: positions that the sample shall have, too.

    Returns
    -------
    network : FittedNetwork
        The network.
    sample : Dataset
        The rows that were looked at.
    """
    spec, (n_samples, n_features), weights = fit.spec, fit.shape, fit.weights
    sizes = spec.layer_sizes(float(weights.values @ weights.counts / fit.coding.weight_unit))
    n_linked = spec.n_linked(n_features)
    costs = predicted_costs(n_samples, sizes[-1] + n_linked, n_features)["primal"]
    check_memory(spec.n_components, sizes, n_linked, fit.shape, "primal")
    looked_at = rows_looked_at(n_samples, spec.input_transform, fit.seed)
    sample = fit.sample(*looked_at, more_rows(n_samples, fit.seed))
    prepared = prepare_network(spec, sample, fit.coding.units, sizes, fit.penalty, fit.here, fit.seed)
    return fit.solved(prepared, sample, solver_costs={"primal": costs}), sample
