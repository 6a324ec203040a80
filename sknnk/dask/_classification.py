"""DaskBundledNetworkClassifier: the classification network fitted to Dask collections."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from .._compute import Array, Indices
from .._data import Dataset
from .._kernel_learning import rows_looked_at
from .._networks import BundledNetworkClassifier, ClassTargets, ClassWeightedNetwork, held_rows
from ._distributed_network import DistributedNetwork
from ._partitions import Layout, checked_inputs, checked_weights, is_collection, numeric_dtype
from ._reduction import each_partition, partition_sum
from ._regression import check_any_row
from ._table_fit import Coding, WeightCounts


class _Profile(NamedTuple):
    """What has to be known of a partition before any sum: labels, and of each the rows and weight that count."""

    n_rows: int
    labels: NDArray[Any]
    n_used: Indices
    weights: Array
    counts: tuple[WeightCounts, ...]


def _profile(layout: Layout, number: int, X: Any, y: Any, sample_weight: Any = None) -> _Profile:
    inputs, y = checked_inputs(layout, X), np.asarray(y)
    weights = checked_weights(sample_weight, len(inputs))
    if len(y) != len(inputs):
        raise ValueError(f"X has {len(inputs)} rows here, and y has {len(y)}.")
    if not len(y):
        return _Profile(0, y, np.zeros(0, dtype=np.intp), np.zeros(0), ())
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    labels, codes = np.unique(y, return_inverse=True)
    used = np.bincount(codes[weights > 0.0], minlength=len(labels))
    total = np.bincount(codes, weights=weights, minlength=len(labels)).astype(np.float64)
    counts = tuple(WeightCounts.of(weights[codes == code]) for code in range(len(labels)))
    return _Profile(len(y), labels, used, total, counts)


def _hits(
    scored: tuple[BundledNetworkClassifier, Layout], number: int, X: Any, y: Any, sample_weight: Any = None
) -> Array:
    """Weight of the rows of one partition whose class was predicted, and weight of all of them."""
    estimator, layout = scored
    inputs, y = checked_inputs(layout, X), np.asarray(y)
    weights = checked_weights(sample_weight, len(inputs))
    if len(y) != len(inputs):
        raise ValueError(f"X has {len(inputs)} rows here, and y has {len(y)}.")
    hit = estimator.predict(X) == y if len(y) else np.zeros(0, dtype=bool)
    return np.array([weights @ hit, weights.sum()])


def _class_totals(profiles: list[_Profile], targets: ClassTargets) -> tuple[Indices, Array]:
    """Rows and weight of each class in each partition."""
    used = np.zeros((len(profiles), len(targets.classes)), dtype=np.intp)
    weights = np.zeros(used.shape)
    for i, profile in enumerate(profiles):
        if profile.n_rows:
            classes = targets.positions(profile.labels)
            used[i, classes], weights[i, classes] = profile.n_used, profile.weights
    return used, weights


def _weight_counts(profiles: list[_Profile], targets: ClassTargets, class_weights: Array) -> WeightCounts:
    """Positive products of the weights of rows and classes."""
    parts = []
    for profile in profiles:
        for factor, part in zip(class_weights[targets.positions(profile.labels)], profile.counts, strict=True):
            if factor > 0.0:
                parts.append(WeightCounts(factor * part.values, part.counts))
    return WeightCounts.together(parts)


def _rows_for_probabilities(n_samples: int, seed: int) -> Any:
    """Positions of rows to calibrate on: without an input transform the search alone looks at too few."""
    wanted = (rows_looked_at(n_samples, "quantile", seed)[0], held_rows(n_samples, seed))
    return slice(None) if any(isinstance(rows, slice) for rows in wanted) else np.union1d(*wanted)


class DaskBundledNetworkClassifier(
    ClassifierMixin, ClassWeightedNetwork, DistributedNetwork, auto_wrap_output_keys=None
):
    """Classification network of bundled layers, fitted in closed form to Dask arrays and data frames.

    This is :class:`sknnk.BundledNetworkClassifier` for rows that do not fit in the memory of one machine.
    :class:`DaskBundledNetworkRegressor` explains how. The temperature of the probabilities is fitted on at most 200,000
    rows.

    Parameters
    ----------
    n_components : "auto", int or tuple of int, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    activation : "auto", str or callable, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    length_scale : "auto", float or array-like of shape (n_features,), default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    directions : {"auto", "gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    frequencies : {"auto", "isotropic", "coordinatewise"}, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    alpha : "auto", float, or array-like, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    solver : {"auto", "primal"}, default="auto"
        ``"auto"`` takes ``"primal"``, which is the only solver of random features here. Kernels ignore it.
    tol : float, default=1e-4
        Not used here, because no solver iterates.
    max_iter : int, default=200
        Not used here, because no solver iterates.
    feature_map : {"auto", "random", "kernel"}, default="auto"
        ``"auto"`` takes ``"random"`` features, whose sums can be computed where the rows are. ``"kernel"`` takes
        kernels with rows of the table, as :class:`sknnk.BundledNetworkClassifier` does. With several blocks such a
        network holds all rows, transformed: they must fit in the memory of this process, and of every worker that
        predicts.
    block_size : "auto", int or None, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`; one block takes at most 50,000 rows. Only used with kernels.
    feature_learning : {"auto", "agop", "resample", "both"} or None, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    input_transform : {"auto", "quantile", "robust", "standard"} or None, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    direct_link : bool, default=True
        As in :class:`sknnk.BundledNetworkClassifier`.
    categorical_features : {"from_dtype", None}, default="from_dtype"
        Not used here, because text, categories and missing values are refused: encode them in front of it.
    class_weight : "balanced", dict or None, default=None
        As in :class:`sknnk.BundledNetworkClassifier`.
    batch_size : "auto" or int, default="auto"
        As in :class:`sknnk.BundledNetworkClassifier`.
    n_jobs : int, optional
        Number of threads inside a task. None means one: Dask runs several tasks side by side.
    random_state : int, RandomState instance or None, default=None
        As in :class:`sknnk.BundledNetworkClassifier`.
    verbose : int, default=0
        A positive number prints one line for each solution.

    Attributes
    ----------
    output_coef_, intercept_, alpha_, effective_dof_, noise_variance_, samplers_, n_components_, activation_, \
directions_, frequencies_, length_scale_, search_history_, solver_, solver_costs_, n_iter_, n_samples_seen_, classes_, \
inverse_temperature_, n_features_in_, feature_names_in_, kernels_, landmarks_, block_sizes_
        In memory, and as those of :class:`sknnk.BundledNetworkClassifier`.

    See Also
    --------
    sknnk.BundledNetworkClassifier : The same for rows in memory.
    DaskBundledNetworkRegressor : The same for numbers.

    Examples
    --------
    >>> import dask.array
    >>> from sklearn.datasets import load_wine
    >>> from sknnk.dask import DaskBundledNetworkClassifier
    >>> X, y = (dask.array.from_array(each, chunks=60) for each in load_wine(return_X_y=True))
    >>> model = DaskBundledNetworkClassifier(64, random_state=0).fit(X, y)
    >>> model.predict_proba(X)
    dask.array<_evaluated, shape=(178, 3), dtype=float64, chunksize=(60, 3), chunktype=numpy.ndarray>
    """

    __module__ = "sknnk.dask"

    _local_class = BundledNetworkClassifier
    _parameter_constraints: dict = {
        **ClassWeightedNetwork._parameter_constraints,
        "solver": [StrOptions({"auto", "primal"})],
        "feature_map": [StrOptions({"auto", "random", "kernel"})],
        "categorical_features": [StrOptions({"from_dtype"}), None],
    }

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "DaskBundledNetworkClassifier":
        """Fit the output matrix in closed form, one column of -1 and 1 per class; computes at once.

        Parameters
        ----------
        X : {dask Array, dask DataFrame} of shape (n_samples, n_features)
            Training rows. Chunk sizes may be unknown and partitions empty.
        y : {dask Array, dask Series} of shape (n_samples,)
            Class labels, at least two different ones.
        sample_weight : {dask Array, dask Series} of shape (n_samples,), optional
            Non-negative weights. An integer weight is the same as repeating the row.

        Returns
        -------
        DaskBundledNetworkClassifier
            The fitted estimator itself.

        Raises
        ------
        TypeError
            If something is no Dask collection.
        ValueError
            If partitions cannot be aligned, a partition holds NaN, infinity or another number of columns (the message
            names the partition and the column), there is no row of positive weight, or less than two classes.
        """
        self._validate_params()
        table, description = self._checked_table(X, y, sample_weight, reset=True)
        if not table.layout.flat:
            raise ValueError("y has two dimensions; a classifier needs one label per row, for instance y[:, 0].")
        profiles: list[_Profile] = each_partition("partition-profile", table, _profile, table.layout)
        check_any_row([p.n_rows for p in profiles], [p.n_used.sum() for p in profiles])
        labels = np.concatenate([p.labels for p in profiles if p.n_rows])
        targets = ClassTargets.of(labels, self.class_weight)
        used, weights = _class_totals(profiles, targets)
        counted = weights.sum(axis=0) > 0.0
        class_weights = targets.weights_of_classes(targets.classes[counted], weights.sum(axis=0)[counted])
        lengths = used[:, class_weights > 0.0].sum(axis=1)
        check_any_row([p.n_rows for p in profiles], list(lengths))
        coding = Coding(table.layout, targets, np.ones(targets.n_targets), class_weights)
        counted_weights = _weight_counts(profiles, targets, class_weights)
        fitted, sample = self._fit_table(table, coding, list(lengths), counted_weights, _rows_for_probabilities)
        known: list[Any] = [sample.X, sample.Y, sample.sample_weight]
        X_held, Y_held, weight_held = (rows.values for rows in known)
        held = Dataset(X_held, Y_held, weight_held, fitted.weight_unit)
        self._publish(fitted.with_probabilities(held, self._execution()), description)
        return self

    def decision_function(self, X: Any) -> Any:
        """Give least-squares scores: the larger, the more likely is the class.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        {dask Array, dask Series} of shape (n_samples,) for two classes, else dask Array of shape (n_samples, n_classes)
            Lazy, in the partitions of `X`; an ndarray when `X` is in memory.
        """
        if not is_collection(X):
            return self.to_local().decision_function(X)
        check_is_fitted(self)
        scores = () if len(self.classes_) == 2 else (len(self.classes_),)
        return self._lazy(X, "decision_function", scores, numeric_dtype(X))

    def predict(self, X: Any) -> Any:
        """Predict the class of the largest score.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        {dask Array, dask Series} of shape (n_samples,)
            Lazy class labels in the partitions of `X`: a Series for a data frame; an ndarray when `X` is in memory.
        """
        if not is_collection(X):
            return self.to_local().predict(X)
        check_is_fitted(self)
        return self._lazy(X, "predict", (), self.classes_.dtype)

    def predict_proba(self, X: Any) -> Any:
        """Predict class probabilities: a softmax of the scores, with the fitted temperature.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        dask Array of shape (n_samples, n_classes)
            Lazy, in the partitions of `X`; rows sum to one. An ndarray when `X` is in memory.
        """
        if not is_collection(X):
            return self.to_local().predict_proba(X)
        check_is_fitted(self)
        return self._lazy(X, "predict_proba", (len(self.classes_),), numeric_dtype(X))

    def predict_log_proba(self, X: Any) -> Any:
        """Predict logarithms of class probabilities, finite where a probability rounds to zero.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        dask Array of shape (n_samples, n_classes)
            Lazy, in the partitions of `X`; at most zero. An ndarray when `X` is in memory.
        """
        if not is_collection(X):
            return self.to_local().predict_log_proba(X)
        check_is_fitted(self)
        return self._lazy(X, "predict_log_proba", (len(self.classes_),), numeric_dtype(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of the rows whose class is predicted; computes at once.

        Parameters
        ----------
        X : {dask Array, dask DataFrame, array-like} of shape (n_samples, n_features)
            Rows.
        y : {dask Array, dask Series, array-like} of shape (n_samples,)
            Their classes.
        sample_weight : {dask Array, dask Series, array-like} of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        float
            As scikit-learn's ``accuracy_score``, from one pass over the partitions.
        """
        if not is_collection(X):
            return float(self.to_local().score(X, y, sample_weight))
        local = self._worker_copy()
        table, _ = self._checked_table(X, y, sample_weight, reset=False)
        hits, total = partition_sum("partition-hits", table, _hits, (local, table.layout))
        return float(hits / total)
