"""What both distributed networks share: fitting to partitions, lazy evaluation, and the way back to one machine."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar
from uuid import uuid4

import dask
import numpy as np
from numpy.typing import NDArray

from .._compute import n_threads
from .._data import Dataset, unit_of_counts
from .._integration import Execution
from .._networks import (
    BundledNetwork,
    FittedNetwork,
    NetworkSpec,
    as_estimator,
    described_columns,
    description_of,
    fitted_network,
)
from ._kernel_fit import fit_kernels
from ._partitions import (
    Layout,
    Table,
    aligned_table,
    checked_inputs,
    column_names,
    empty_frame,
    is_collection,
    numeric_dtype,
    rows_together,
)
from ._table_fit import Coding, TableFit, WeightCounts, fit_random_columns


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
        spec = NetworkSpec.of(self.get_params(deep=False), coding.targets.learned_gain)
        here = Execution(n_threads(self.n_jobs), self._execution().batch_size)
        threads = 1 if self.n_jobs is None else n_threads(self.n_jobs)
        penalty = spec.penalty(coding.targets.n_targets, coding.weight_unit)
        fit = TableFit(spec, table, coding, lengths, weights, penalty, spec.seed(), here, threads)
        return fit_kernels(fit, more_rows) if self.feature_map == "kernel" else fit_random_columns(fit, more_rows)

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
        if with_system and fitted.solution.variance(np.empty((0, fitted.feature_map.n_columns))) is None:
            # Without a system, deviations come from residuals, which are looked at once here.
            _ = fitted.residual_spread
            with_system = False
        # Eigenvectors are computed once here, too, not for each partition.
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
