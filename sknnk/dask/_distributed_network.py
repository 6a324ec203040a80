"""What both distributed networks share: fitting to partitions, lazy evaluation, and the way back to one machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import uuid4

import dask
import numpy as np
from dask.sizeof import sizeof
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from .._compute import n_threads
from .._features import RandomMap
from .._kernel_learning import rows_looked_at
from .._networks import BundledNetwork
from .._ridge import Moments, accumulated_moments, predicted_costs
from ._partitions import (
    Layout,
    Table,
    aligned_table,
    checked_inputs,
    checked_weights,
    column_names,
    empty_frame,
    is_collection,
    numeric_dtype,
    rows_together,
)
from ._reduction import each_partition, partition_sum
from ._row_sample import HeldRows, rows_of_partitions, union_of_rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coding:
    """How pieces of `y` become targets of the network; subclasses say it.

    Parameters
    ----------
    layout : Layout
        Of the table.
    """

    layout: Layout

    def coded(self, y: Any, sample_weight: Array) -> tuple[Array, Array]:
        """Return the targets of shape (n_samples, n_targets) and the final weights of one partition."""
        raise NotImplementedError

    def used_rows(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[NDArray[np.floating], Array, Array]:
        """Inputs, targets and weights of the rows of positive weight."""
        inputs = checked_inputs(self.layout, X)
        Y, weights = self.coded(y, checked_weights(sample_weight, len(inputs)))
        if len(Y) != len(inputs):
            raise ValueError(f"X has {len(inputs)} rows here, and y has {len(Y)}.")
        used = weights > 0.0
        return (inputs, Y, weights) if used.all() else (inputs[used], Y[used], weights[used])


@dataclass(frozen=True, eq=False)
class _Accumulation:
    """All that a worker needs to know about the network."""

    coding: Coding
    layers: RandomMap
    n_targets: int
    batch_size: int | None
    threads: int


@sizeof.register(Moments)
def _size_of_moments(moments: Moments) -> int:
    """Bytes, for a scheduler to know what it is about to move."""
    return sum(array.nbytes for array in (moments.gram, moments.cross, moments.mean))


@sizeof.register(_Accumulation)
def _size_of_accumulation(job: _Accumulation) -> int:
    return sum(sampler.random_weights_.nbytes for sampler in job.layers.samplers)


def _moments(job: _Accumulation, number: int, *pieces: Any) -> Moments:
    """Moments of one partition."""
    X, Y, sample_weight = job.coding.used_rows(*pieces)
    layers = job.layers
    if not len(X):
        return Moments.empty(layers.n_columns, job.n_targets)
    layers.check_range(X)
    return accumulated_moments(
        layers.raw_columns, layers.n_columns, X, Y, sample_weight, job.batch_size, threads=job.threads
    )


def _selected_rows(coding: Coding, selection: Any, *pieces: Any) -> tuple[NDArray[np.floating], Array, Array]:
    """Copies of the sampled rows of one partition: views would keep the partition alive."""
    X, Y, sample_weight = coding.used_rows(*pieces)
    return X[selection].copy(), Y[selection].copy(), sample_weight[selection].copy()


class DistributedNetwork(BundledNetwork):
    """Fit to partitions, evaluate lazily; a subclass says what targets mean."""

    _local_class: ClassVar[type[BundledNetwork]]

    def _fit_table(self, table: Table, coding: Coding, lengths: Sequence[int], weight: float, largest: Array) -> Any:
        """Fit to rows whose number, weight and largest targets are known; return the sample that was looked at."""
        n_samples = int(np.sum(lengths))
        alphas = self._given_alphas(len(largest))
        # Only the larger of the two counts, as if it were the weight of a single row.
        self.n_components_ = self._layer_sizes(np.array([max(weight, n_samples)]))
        self.feature_map_ = "random"
        self._use_sums(n_samples)
        sample = self._sampled(table, coding, lengths)
        self._choose_layers(*sample)
        threads = 1 if self.n_jobs is None else n_threads(self.n_jobs)
        batch_size = None if isinstance(self.batch_size, str) else int(self.batch_size)
        job = _Accumulation(coding, self._layers, len(largest), batch_size, threads)
        moments = partition_sum("partition-moments", table, _moments, job)
        self.__dict__.pop("moments_", None)
        self._solve_moments(moments, alphas, table.layout.dtype)
        return sample

    def _use_sums(self, n_samples: int) -> None:
        shape = (n_samples, self.n_features_in_)
        n_columns = self.n_components_[-1] + (self.n_features_in_ if self.direct_link else 0)
        self.solver_ = "primal"
        self.solver_costs_ = {"primal": predicted_costs(n_samples, n_columns, self.n_features_in_)["primal"]}
        self._check_memory(shape, "primal")

    def _sampled(self, table: Table, coding: Coding, lengths: Sequence[int]) -> tuple[HeldRows, HeldRows, HeldRows]:
        """The very rows that a fit on one machine would look at, in the memory of this process."""
        n_samples = int(np.sum(lengths))
        wanted = [*rows_looked_at(n_samples, self.input_transform, self._seed), *self._more_rows(n_samples)]
        positions = union_of_rows(*wanted)
        own = rows_of_partitions(positions, lengths)
        pieces = each_partition("row-sample", table, _selected_rows, coding, own)
        X, Y, sample_weight = map(np.concatenate, zip(*(piece for piece in pieces if piece is not None), strict=True))
        held = [HeldRows(values, positions, n_samples) for values in (X, Y, sample_weight)]
        return held[0], held[1], held[2]

    def _more_rows(self, n_samples: int) -> list[Any]:
        """Positions of further rows that the fit will look at."""
        return []

    def _checked_table(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> Table:
        table = aligned_table(X, y, sample_weight)
        validate_data(self, table.layout.frame, skip_check_array=True, reset=reset)
        return table

    @property
    def partial_fit(self) -> Any:  # type: ignore[override]
        """Not there: the one of the networks without Dask would load all rows."""
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit; fit all rows at once, or add rows in memory with "
            "to_local().partial_fit(...)."
        )

    def to_local(self) -> Any:
        """Return the same network without Dask.

        Returns
        -------
        BundledNetworkRegressor or BundledNetworkClassifier
            Fitted, with the same parameters and attributes; it predicts for arrays in memory, can be pickled and loaded
            where Dask is not installed, and takes further rows with `partial_fit`.
        """
        check_is_fitted(self, "coef_")
        parameters = self.get_params(deep=False)
        local = self._local_class(**parameters)
        for name, value in vars(self).items():
            if name not in parameters:
                setattr(local, name, value)
        return local

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
        check_is_fitted(self, "coef_")
        return self._lazy(X, "transform", (self._layers.n_columns,), numeric_dtype(X))

    def _worker_copy(self, with_system: bool = False) -> Any:
        """The local network for workers: one thread, and nothing of the size of the Gram matrix unless it is needed."""
        local = self.to_local()
        local.n_jobs = 1 if self.n_jobs is None else self.n_jobs
        if with_system:
            # Once here, not for each partition.
            local._system = local._diagonalised()
        else:
            del local._system
        return local

    def _lazy(self, X: Any, method: str, row_shape: tuple[int, ...], dtype: Any, **keywords: Any) -> Any:
        """A method of the local network for every partition, as a collection with the partitions of `X`.

        What belongs to one row has the given shape; if that is empty the result is a vector: a Series for a data frame,
        else an array. Of several results the last one is meant.
        """
        X = rows_together(X)
        frame = empty_frame(X)
        validate_data(self, frame, skip_check_array=True, reset=False)
        layout = Layout(column_names(X), (), numeric_dtype(X), True, frame)
        # Standard deviations alone need what the fit was solved from.
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
    X: Any, *, network: Any, layout: Layout, method: str, empty: NDArray[Any], keywords: dict[str, Any]
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
