"""Other losses than squares for Dask tables: repeated weighted sums, each in one pass over the partitions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from dask.sizeof import sizeof

from .._compute import Array, Indices, n_threads
from .._data import Dataset, unit_of_counts
from .._features import KernelMap, RandomMap
from .._integration import Execution
from .._kernel_learning import rows_looked_at
from .._networks import (
    BundledNetwork,
    ClassTargets,
    ColumnsHere,
    FittedNetwork,
    LossColumns,
    LossTargets,
    NetworkSpec,
    held_rows,
)
from .._ridge import Moments, check_memory
from ._partitions import Table
from ._reduction import each_partition, partition_sum
from ._row_sample import HeldRows, union_of_rows
from ._table_fit import Coding, WeightCounts, row_sample


@dataclass(frozen=True, eq=False)
class _Columns:
    """All that a worker needs to know about the columns."""

    coding: Coding
    feature_map: RandomMap | KernelMap
    execution: Execution

    def of(self, pieces: Sequence[Any]) -> ColumnsHere:
        """Rows of positive weight of one partition."""
        X, _, _ = self.coding.used_rows(*pieces)
        self.feature_map.check_range(X)
        return ColumnsHere(self.feature_map, X, self.execution)


@sizeof.register(_Columns)
def _size_of_columns(job: _Columns) -> int:
    return sum(sampler.random_weights_.nbytes for sampler in job.feature_map.samplers)


def _sums(job: _Columns, own: tuple[Array, Array], *pieces: Any) -> Moments:
    """Sums of one partition, for its working targets and weights."""
    Z, sample_weight = own
    return job.of(pieces).sums(Z, sample_weight) if len(Z) else Moments.empty(job.feature_map.n_columns, Z.shape[1])


def _outputs(shared: tuple[_Columns, Array], number: int, *pieces: Any) -> Array:
    job, coef = shared
    return job.of(pieces).outputs(coef)


def _known(coding: Coding, number: int, *pieces: Any) -> tuple[Array, Array]:
    """Targets and weights of one partition."""
    _, Y, sample_weight = coding.used_rows(*pieces)
    return Y, sample_weight


@dataclass(frozen=True, eq=False)
class ColumnsInPartitions:
    """Rows where their partitions are, and their columns.

    Parameters
    ----------
    table : Table
        The partitions.
    lengths : sequence of int
        Rows of positive weight in each partition.
    job : _Columns
        The columns.
    sample : HeldRows
        Inputs of some rows, in the memory of this process.
    """

    table: Table
    lengths: Sequence[int]
    job: _Columns
    sample: HeldRows

    @property
    def feature_map(self) -> RandomMap | KernelMap:
        """The columns."""
        return self.job.feature_map

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows."""
        return np.dtype(self.table.layout.dtype)

    def rows(self, positions: Indices) -> Any:
        """A few of the rows, which are in this process."""
        return self.sample[positions]

    def sums(self, Z: Array, sample_weight: Array) -> Moments:
        """One pass: working targets and weights go to their partitions, and sums come back."""
        ends = np.cumsum(self.lengths)[:-1]
        own = list(zip(np.split(Z, ends), np.split(sample_weight, ends), strict=True))
        sums: Moments = partition_sum("partition-moments", self.table, _sums, self.job, own)
        return sums

    def outputs(self, coef: Array) -> Array:
        """One pass: coefficients go to the partitions, and outputs come back."""
        numbers = _with_rows(self.lengths)
        parts = each_partition("partition-outputs", self.table, _outputs, (self.job, coef), numbers)
        return np.concatenate([part for part in parts if part is not None])


def fit_losses(
    estimator: BundledNetwork, table: Table, coding: Coding, lengths: Sequence[int], weights: WeightCounts
) -> FittedNetwork:
    """Fit a network with another loss than squares to a table.

    Columns, scales and penalties are chosen on a sample, as on one machine. Targets, weights and outputs of all rows
    are in this process; inputs and columns stay where they are.

    Parameters
    ----------
    estimator : BundledNetwork
        Gives the parameters.
    table : Table
        The rows.
    coding : Coding
        What their targets mean; of numbers in their units.
    lengths : sequence of int
        Rows of positive weight in each partition.
    weights : WeightCounts
        Their weights, in the unit of the user.

    Returns
    -------
    FittedNetwork
        The network.

    Raises
    ------
    ValueError
        If kernels are asked for, or the targets do not fit the loss.
    """
    if estimator.feature_map == "kernel":
        raise ValueError(
            f"feature_map='kernel' has squares alone on Dask; with loss={estimator.loss!r} use feature_map='random'."
        )
    spec = NetworkSpec.of(estimator.get_params(deep=False), coding.targets.learned_gain)
    spec = replace(spec, feature_map="random")
    batch_size = None if isinstance(estimator.batch_size, str) else int(estimator.batch_size)
    here = Execution(n_threads(estimator.n_jobs), batch_size)
    n_samples, n_features, seed = int(np.sum(lengths)), table.layout.frame.shape[1], spec.seed()
    coding = replace(coding, weight_unit=unit_of_counts(weights.values, weights.counts))
    sizes = spec.layer_sizes(float(weights.values @ weights.counts / coding.weight_unit))
    check_memory(spec.n_components, sizes, spec.n_linked(n_features), (n_samples, n_features), "primal")
    numbers = _with_rows(lengths)
    known = [each for each in each_partition("partition-targets", table, _known, coding, numbers) if each is not None]
    Y, sample_weight = (np.concatenate(each) for each in zip(*known, strict=True))
    if not isinstance(coding.targets, ClassTargets):
        y = Y[:, 0] if table.layout.flat else Y
        coding = replace(coding, targets=LossTargets.for_loss(y, table.layout.dtype, spec.loss, spec.quantile))
    positions = union_of_rows(*rows_looked_at(n_samples, spec.input_transform, seed), held_rows(n_samples, seed))
    sample: Any = row_sample(table, coding, lengths, positions)
    seen = Dataset(sample.X.values, sample.Y.values, sample.sample_weight.values, coding.weight_unit)
    chosen = LossColumns.chosen(spec, seen, coding.targets, here, seed)
    job = _Columns(coding, chosen.feature_map, replace(here, threads=1 if estimator.n_jobs is None else here.threads))
    return chosen.fitted_elsewhere(spec, ColumnsInPartitions(table, lengths, job, sample.X), Y, sample_weight)


def _with_rows(lengths: Sequence[int]) -> list[int | None]:
    """Numbers of the partitions that have rows; None for others."""
    return [i if length else None for i, length in enumerate(lengths)]
