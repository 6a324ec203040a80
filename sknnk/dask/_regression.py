"""DaskBundledNetworkRegressor: the regression network fitted to Dask collections."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import StrOptions

from .._compute import Array
from .._data import binary_magnitude
from .._integration import Execution
from .._networks import (
    BundledNetwork,
    BundledNetworkRegressor,
    NumericTargets,
    check_request,
    fitted_network,
    held_rows,
)
from .._ridge import Moments
from ._distributed_network import DistributedNetwork
from ._partitions import Layout, is_collection, numeric_dtype
from ._reduction import each_partition, partition_sum
from ._table_fit import Coding, WeightCounts


class _Profile(NamedTuple):
    """What has to be known of a partition before any sum."""

    n_rows: int
    n_used: int
    weights: WeightCounts
    largest: Array


def _plain_coding(layout: Layout) -> Coding:
    """Targets as they are."""
    n_targets = len(layout.targets)
    return Coding(layout, NumericTargets(n_targets, layout.flat), np.ones(n_targets))


def _profile(layout: Layout, number: int, X: Any, y: Any, sample_weight: Any = None) -> _Profile:
    _, Y, weights = _plain_coding(layout).used_rows(X, y, sample_weight)
    return _Profile(len(X), len(Y), WeightCounts.of(weights), np.max(np.abs(Y), axis=0, initial=0.0))


def _errors(scored: tuple[Any, Coding], number: int, *pieces: Any) -> Moments:
    """Moments of the errors of one partition, next to those of the targets."""
    network, coding = scored
    X, Y, sample_weight = coding.used_rows(*pieces)
    # Rows are validated already, and have lost the names of their columns; so `predict` is not called.
    predicted = fitted_network(network).scores(X, Execution()) if len(X) else np.empty(Y.shape)
    return Moments.from_block(Y - predicted, Y, sample_weight)


class DaskBundledNetworkRegressor(MultiOutputMixin, RegressorMixin, DistributedNetwork, auto_wrap_output_keys=None):
    """Regression network of bundled layers, fitted in closed form to Dask arrays and data frames.

    This is :class:`sknnk.BundledNetworkRegressor` for rows that do not fit in the memory of one machine. The sums over
    the rows of each partition are computed where the partition is, and then added up. Automatic choices look at the
    same rows as on one machine. So the result is the same except for rounding, for any partitions. With a
    ``distributed.Client`` the cluster does the work, otherwise threads of this process do.

    Parameters
    ----------
    n_components : "auto", int or tuple of int, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    activation : "auto", str or callable, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    length_scale : "auto", float or array-like of shape (n_features,), default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    directions : {"auto", "gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    frequencies : {"auto", "isotropic", "coordinatewise"}, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    alpha : "auto", float, or array-like, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    solver : {"auto", "primal"}, default="auto"
        ``"auto"`` takes ``"primal"``, which is the only solver of random features here. Kernels ignore it.
    tol : float, default=1e-4
        Not used here, because no solver iterates.
    max_iter : int, default=200
        Not used here, because no solver iterates.
    feature_map : {"auto", "random", "kernel"}, default="auto"
        ``"auto"`` takes ``"random"`` features, whose sums can be computed where the rows are. ``"kernel"`` takes
        kernels with rows of the table, as :class:`sknnk.BundledNetworkRegressor` does. With several blocks such a
        network holds all rows, transformed: they must fit in the memory of this process, and of every worker that
        predicts.
    block_size : "auto", int or None, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`; one block takes at most 50,000 rows. Only used with kernels.
    feature_learning : {"auto", "agop", "resample", "both"} or None, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    input_transform : {"auto", "quantile", "robust", "standard"} or None, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    direct_link : bool, default=True
        As in :class:`sknnk.BundledNetworkRegressor`.
    categorical_features : {"from_dtype", None}, default="from_dtype"
        Not used here, because text, categories and missing values are refused: encode them in front of it.
    batch_size : "auto" or int, default="auto"
        As in :class:`sknnk.BundledNetworkRegressor`.
    n_jobs : int, optional
        Number of threads inside a task. None means one: Dask runs several tasks side by side.
    random_state : int, RandomState instance or None, default=None
        As in :class:`sknnk.BundledNetworkRegressor`.
    verbose : int, default=0
        A positive number prints one line for each solution.

    Attributes
    ----------
    output_coef_, intercept_, alpha_, effective_dof_, noise_variance_, samplers_, n_components_, activation_, \
directions_, frequencies_, length_scale_, search_history_, solver_, solver_costs_, n_iter_, n_samples_seen_, \
n_features_in_, feature_names_in_, kernels_, landmarks_, block_sizes_, trend_coef_
        In memory, and as those of :class:`sknnk.BundledNetworkRegressor`.

    See Also
    --------
    sknnk.BundledNetworkRegressor : The same for rows in memory.
    DaskBundledNetworkClassifier : The same for classes.

    Notes
    -----
    The collection is computed three times: to check and count the rows, for a sample of at most 204,000 of them, and
    for the sums. Kernels need a sample of up to 255,000 rows, and where more than 50,000 rows go to blocks, the
    collection is computed once more: the penalty is chosen again where rows are dense. Call ``persist()`` first on what
    is slow to compute and fits in the memory of the cluster.

    Examples
    --------
    >>> import dask.array
    >>> from sklearn.datasets import load_diabetes
    >>> from sknnk.dask import DaskBundledNetworkRegressor
    >>> X, y = (dask.array.from_array(each, chunks=100) for each in load_diabetes(return_X_y=True))
    >>> model = DaskBundledNetworkRegressor(64, random_state=0).fit(X, y)
    >>> model.predict(X)
    dask.array<_evaluated, shape=(442,), dtype=float64, chunksize=(100,), chunktype=numpy.ndarray>
    >>> model.to_local()
    BundledNetworkRegressor(n_components=64, random_state=0)
    """

    __module__ = "sknnk.dask"

    _local_class = BundledNetworkRegressor
    _parameter_constraints: dict = {
        **BundledNetwork._parameter_constraints,
        "solver": [StrOptions({"auto", "primal"})],
        "feature_map": [StrOptions({"auto", "random", "kernel"})],
        "categorical_features": [StrOptions({"from_dtype"}), None],
    }

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "DaskBundledNetworkRegressor":
        """Fit the output matrix in closed form; computes at once.

        Parameters
        ----------
        X : {dask Array, dask DataFrame} of shape (n_samples, n_features)
            Training rows. Chunk sizes may be unknown and partitions empty.
        y : {dask Array, dask Series, dask DataFrame} of shape (n_samples,) or (n_samples, n_targets)
            Targets, in the same partitions or rechunked to them.
        sample_weight : {dask Array, dask Series} of shape (n_samples,), optional
            Non-negative weights. An integer weight is the same as repeating the row.

        Returns
        -------
        DaskBundledNetworkRegressor
            The fitted estimator itself.

        Raises
        ------
        TypeError
            If something is no Dask collection.
        ValueError
            If partitions cannot be aligned, a partition holds NaN, infinity or another number of columns (the message
            names the partition and the column), or there is no row of positive weight.
        """
        self._validate_params()
        table, description = self._checked_table(X, y, sample_weight, reset=True)
        profiles: list[_Profile] = each_partition("partition-profile", table, _profile, table.layout)
        check_any_row([p.n_rows for p in profiles], [p.n_used for p in profiles])
        units = binary_magnitude(np.max([p.largest for p in profiles], axis=0)[None])
        coding = replace(_plain_coding(table.layout), units=units)
        lengths, weights = [p.n_used for p in profiles], WeightCounts.together([p.weights for p in profiles])
        # Rows whose residuals tell how wide intervals are belong to the sample.
        fitted, _ = self._fit_table(table, coding, lengths, weights, held_rows)
        self._publish(fitted, description)
        return self

    def predict(self, X: Any, return_std: bool = False, return_interval: float | None = None) -> Any:
        """Predict targets, and on request their standard deviations or intervals.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to return the standard deviation of new targets around the prediction, too.
        return_interval : float, optional
            Confidence level of the intervals to return, too: those of `predict_interval`, through a pipeline.

        Returns
        -------
        mean : {dask Array, dask Series} of shape (n_samples,) or (n_samples, n_targets)
            Lazy, in the partitions of `X`: a Series for a data frame and a single target, else an array. As
            :class:`sknnk.BundledNetworkRegressor` when `X` is in memory.
        std : of the same kind
            Only with ``return_std=True``.
        interval : dask Array of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Only with `return_interval`.
        """
        check_request(return_std, return_interval)
        if not is_collection(X):
            return self.to_local().predict(X, return_std, return_interval)
        targets = self._target_shape
        mean = self._lazy(X, "predict", targets, numeric_dtype(X))
        if return_interval is not None:
            return mean, self.predict_interval(X, return_interval)
        if not return_std:
            return mean
        return mean, self._lazy(X, "predict", targets, numeric_dtype(X), return_std=True)

    def predict_interval(self, X: Any, confidence_level: float = 0.9) -> Any:
        """Predict intervals that hold new targets with a given probability.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.
        confidence_level : float, default=0.9
            Share of new targets that should lie inside, between 0 and 1.

        Returns
        -------
        dask Array of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lazy, in the partitions of `X`; as :class:`sknnk.BundledNetworkRegressor` when `X` is in memory.
        """
        if not is_collection(X):
            return self.to_local().predict_interval(X, confidence_level)
        # Learned once here, and not by every worker.
        _ = fitted_network(self).residual_spread
        ends = (*self._target_shape, 2)
        return self._lazy(X, "predict_interval", ends, numeric_dtype(X), confidence_level=confidence_level)

    @property
    def _target_shape(self) -> tuple[int, ...]:
        targets = fitted_network(self).targets
        return () if targets.flat else (targets.n_targets,)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination of the predictions, averaged over targets; computes at once.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.
        y : {dask Array, dask Series, dask DataFrame, array-like} of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        sample_weight : {dask Array, dask Series, array-like} of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        float
            As scikit-learn's ``r2_score``, from one pass over the partitions.
        """
        if not is_collection(X):
            return self.to_local().score(X, y, sample_weight)
        local = self._worker_copy()
        table, _ = self._checked_table(X, y, sample_weight, reset=False)
        sums: Moments = partition_sum("partition-errors", table, _errors, (local, _plain_coding(table.layout)))
        # Sums of squares about zero, not about the mean.
        errors = np.diag(sums.gram) + sums.weight * sums.mean**2
        spread = sums.target_square
        ratio = np.divide(errors, spread, out=np.where(errors > 0.0, 1.0, 0.0), where=spread > 0.0)
        return float(np.mean(1.0 - ratio))


def check_any_row(n_rows: list[int], n_used: list[int]) -> None:
    """Refuse a table without rows to fit to.

    Parameters
    ----------
    n_rows, n_used : list of int
        Rows, and rows of positive weight, of each partition.

    Raises
    ------
    ValueError
        If there is no row, or none of positive weight.
    """
    if not sum(n_rows):
        raise ValueError(f"X has no rows in any of its {len(n_rows)} partitions; at least one is needed.")
    if not sum(n_used):
        raise ValueError("sample_weight, or its product with class_weight, is zero for every row; make one positive.")
