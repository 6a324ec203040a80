"""Dask collections as a table of aligned partitions. Each partition is checked where its rows are."""

from dataclasses import dataclass
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
from dask._task_spec import GraphNode, convert_legacy_graph
from dask.core import flatten
from sklearn.utils import assert_all_finite, check_array

from .._compute import Array, Floats
from .._data import refuse_text, text_named

_TEXT_REMEDY = (
    "Dask networks take no categorical_features, so encode them first, for instance by "
    "dask.dataframe.get_dummies(X.categorize())"
)


@dataclass(frozen=True, eq=False)
class Layout:
    """What all partitions of a table share.

    Parameters
    ----------
    columns, targets : tuple of str
        Names of the columns of `X` and `y`, for messages.
    dtype : dtype
        float64 or float32, of `X` inside the network.
    flat : bool
        Whether `y` has one dimension.
    frame : {DataFrame, ndarray} of shape (0, n_features)
        An empty piece of `X`, with its names and types.
    """

    columns: tuple[str, ...]
    targets: tuple[str, ...]
    dtype: Any
    flat: bool
    frame: Any


@dataclass(frozen=True, eq=False)
class Table:
    """Inputs, targets and perhaps weights in aligned partitions.

    Parameters
    ----------
    layout : Layout
        What the partitions share.
    graph : dict
        Dask tasks of all partitions.
    keys : list of tuple
        For every partition, the tasks that give its piece of `X`, `y` and `sample_weight`.
    """

    layout: Layout
    graph: dict[Any, GraphNode]
    keys: list[tuple[Any, ...]]


def is_collection(X: Any) -> bool:
    """Whether this is a Dask array or data frame.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    bool
        False for the same thing in memory.

    Examples
    --------
    >>> import dask.array
    >>> is_collection(dask.array.ones(3)), is_collection([1, 1, 1])
    (True, False)
    """
    return isinstance(X, da.Array | dd.DataFrame | dd.Series)


def aligned_table(X: Any, y: Any, sample_weight: Any = None) -> Table:
    """Cut targets and weights where the inputs are cut.

    Parameters
    ----------
    X : {dask Array, dask DataFrame} of shape (n_samples, n_features)
        Inputs; where an array is chunked along its columns, too, it is rechunked.
    y : {dask Array, dask Series, dask DataFrame} of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    sample_weight : {dask Array, dask Series} of shape (n_samples,), optional
        Weights.

    Returns
    -------
    Table
        Nothing is computed yet.

    Raises
    ------
    TypeError
        If something is no Dask collection.
    ValueError
        If dimensions are wrong or partitions cannot be aligned.

    Examples
    --------
    >>> import dask.array
    >>> X = dask.array.ones((6, 2), chunks=(3, 1))
    >>> len(aligned_table(X, X[:, 0]).keys)
    2
    """
    X = rows_together(X)
    collections = {"X": X, "y": _aligned(y, "y", X, (1, 2))}
    if sample_weight is not None:
        collections["sample_weight"] = _aligned(sample_weight, "sample_weight", X, (1,))
    y = collections["y"]
    frame = empty_frame(X)
    layout = Layout(column_names(X), column_names(y), numeric_dtype(X), y.ndim == 1, frame)
    graph: dict[Any, Any] = {}
    keys = []
    for collection in collections.values():
        lowered = collection if isinstance(collection, da.Array) else _lowered(collection)
        graph |= dict(lowered.__dask_graph__())
        keys.append(list(flatten(lowered.__dask_keys__())))
    return Table(layout, convert_legacy_graph(graph), list(zip(*keys, strict=True)))


def _lowered(frame: Any) -> Any:
    """A data frame as tasks.

    The method `optimize` is not used: it may merge small files, and how many depends on the columns that are read.
    Inputs and targets could then have different partitions. Tasks are not fused either: tasks that both need keep their
    names, and are computed once.
    """
    return frame.expr.simplify().lower_completely()


def rows_together(X: Any) -> Any:
    """Inputs whose partitions hold whole rows.

    Parameters
    ----------
    X : {dask Array, dask DataFrame} of shape (n_samples, n_features)
        Inputs.

    Returns
    -------
    {dask Array, dask DataFrame}
        `X`, or the array rechunked along its columns.

    Raises
    ------
    TypeError
        If `X` is neither.
    ValueError
        If `X` has another number of dimensions than two, or an unknown number of columns.
    """
    _check_kind(X, "X", (2,))
    if isinstance(X, da.Array):
        if np.isnan(X.shape[1]):
            raise ValueError("X has an unknown number of columns; call X.compute_chunk_sizes() first.")
        if X.numblocks[1] > 1:
            return X.rechunk({1: -1})
    return X


def _check_kind(collection: Any, name: str, dimensions: tuple[int, ...]) -> None:
    if not is_collection(collection):
        raise TypeError(
            f"{name} is of type {type(collection).__name__}, and has to be a Dask array or data frame; use the "
            "estimator of the same name without Dask, or turn it into one with dask.array.from_array(...) or "
            "dask.dataframe.from_pandas(...)."
        )
    if collection.ndim not in dimensions:
        raise ValueError(
            f"{name} has {collection.ndim} dimensions; allowed are {' or '.join(map(str, dimensions))}."
            + (" Use X.reshape(-1, 1) if the data have a single feature." if name == "X" else "")
        )


def _aligned(other: Any, name: str, X: Any, dimensions: tuple[int, ...]) -> Any:
    """Targets or weights in the partitions of `X`."""
    _check_kind(other, name, dimensions)
    if isinstance(other, da.Array):
        if other.ndim == 2 and other.numblocks[1] > 1:
            other = other.rechunk({1: -1})
        if isinstance(X, da.Array) and not np.isnan(X.shape[0]) and not np.isnan(other.shape[0]):
            if X.shape[0] != other.shape[0]:
                raise ValueError(f"X has {X.shape[0]} rows and {name} has {other.shape[0]}; pass as many of each.")
            return other.rechunk({0: X.chunks[0]})
    if X.npartitions != other.npartitions:
        raise ValueError(
            f"X has {X.npartitions} partitions and {name} has {other.npartitions}, of unknown lengths; take both from "
            "one data frame, or call compute_chunk_sizes() on arrays so that they can be rechunked."
        )
    return other


def column_names(collection: Any) -> tuple[str, ...]:
    """Names of the columns: positions for an array.

    Parameters
    ----------
    collection : {dask Array, dask DataFrame, dask Series}
        Of one or two dimensions.

    Returns
    -------
    tuple of str
        One per column.
    """
    if isinstance(collection, da.Array):
        return tuple(str(j) for j in range(1 if collection.ndim == 1 else int(collection.shape[1])))
    return (str(collection.name),) if collection.ndim == 1 else tuple(str(name) for name in collection.columns)


def numeric_dtype(X: Any) -> Any:
    """The type in which scikit-learn would validate these columns: float32 if that is what they have, else float64.

    Parameters
    ----------
    X : {dask Array, dask DataFrame} of shape (n_samples, n_features)
        Inputs.

    Returns
    -------
    dtype
        Of `X` inside the network.

    Examples
    --------
    >>> import dask.array
    >>> numeric_dtype(dask.array.ones((3, 1), dtype="float32")), numeric_dtype(dask.array.ones((3, 1), dtype=int))
    (dtype('float32'), dtype('float64'))
    """
    types = [X.dtype] if isinstance(X, da.Array) else list(X.dtypes)
    # Dates are refused elsewhere, by name; with numbers they have no type in common.
    plain = types and all(isinstance(each, np.dtype) and each.kind in "biuf" for each in types)
    single = plain and np.result_type(*types) == np.float32
    return np.dtype(np.float32 if single else np.float64)


def empty_frame(X: Any) -> Any:
    """A piece of the inputs without rows.

    Parameters
    ----------
    X : {dask Array, dask DataFrame} of shape (n_samples, n_features)
        Inputs.

    Returns
    -------
    {DataFrame, ndarray} of shape (0, n_features)
        In memory.

    Raises
    ------
    TypeError, ValueError
        If a column is of a type of dates, text or categories. The message names it.
    """
    if isinstance(X, da.Array):
        return np.empty((0, int(X.shape[1])), dtype=X.dtype)
    refuse_text(X._meta, _TEXT_REMEDY)
    return X._meta


def checked_inputs(layout: Layout, X: Any) -> Floats:
    """Inputs of one partition as an array, all of them finite.

    Parameters
    ----------
    layout : Layout
        Of the table.
    X : {ndarray, DataFrame} of shape (n_samples, n_features)
        Rows, perhaps none.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        In the dtype of the layout.

    Raises
    ------
    ValueError
        If the number of columns differs, or a column holds text, NaN or infinity. The message names the column.
    """
    checks = {"ensure_all_finite": False, "ensure_min_samples": 0, "ensure_min_features": 0}
    refuse_text(X, _TEXT_REMEDY)
    with text_named(X, _TEXT_REMEDY):
        values = check_array(X, dtype=layout.dtype, **checks)
    if values.shape[1] != len(layout.columns):
        raise ValueError(f"X has {values.shape[1]} columns here, and {len(layout.columns)} in its declaration.")
    _check_finite(values, "X", layout.columns)
    return values


def checked_numbers(layout: Layout, y: Any) -> Array:
    """Targets of one partition as a matrix of numbers.

    Parameters
    ----------
    layout : Layout
        Of the table.
    y : {ndarray, Series, DataFrame} of shape (n_samples,) or (n_samples, n_targets)
        Targets.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        Finite.

    Raises
    ------
    ValueError
        If a target is NaN or infinite, or the number of targets differs.
    """
    values = check_array(y, dtype=np.float64, ensure_2d=False, ensure_all_finite=False, ensure_min_samples=0)
    values = values.reshape(len(values), -1) if len(values) else np.empty((0, len(layout.targets)))
    if values.shape[1] != len(layout.targets):
        raise ValueError(f"y has {values.shape[1]} columns here, and {len(layout.targets)} in its declaration.")
    _check_finite(values, "y", layout.targets)
    return values


def checked_weights(sample_weight: Any, n_samples: int) -> Array:
    """Weights of one partition.

    Parameters
    ----------
    sample_weight : {ndarray, Series} of shape (n_samples,) or None
        Weights; one each when None.
    n_samples : int
        Number of rows.

    Returns
    -------
    ndarray of shape (n_samples,)
        Finite and non-negative.

    Raises
    ------
    ValueError
        If a weight is negative, NaN or infinite, or there is another number of weights.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if len(weights) != n_samples:
        raise ValueError(f"X has {n_samples} rows here, and sample_weight has {len(weights)}.")
    assert_all_finite(weights, input_name="sample_weight")
    if np.any(weights < 0.0):
        raise ValueError(f"sample_weight holds {weights.min()}; weights may not be negative.")
    return weights


def _check_finite(values: Floats, name: str, columns: tuple[str, ...]) -> None:
    # A finite sum needs no array of flags. If only the sum overflows, the check below finds nothing.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.sum(values)):
            return
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"Input {name} contains {'NaN' if np.isnan(values[row, column]) else 'infinity'} in column "
            f"{columns[column]!r} (row {row} of the partition); drop or fill such rows, for instance with "
            f"{name}.fillna(...), or dask.array.where(...) for an array."
        )
