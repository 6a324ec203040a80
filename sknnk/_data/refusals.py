"""What is said of tables and targets that no network can take: what they hold, where, and what to do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .frames import holds_dates, is_frame, is_missing, is_text, listed


def refuse_no_table(X: Any, must_be_table: bool = False) -> None:
    """Refuse inputs that have no columns, where scikit-learn's own message would not say what to do.

    Parameters
    ----------
    X : object
        What a user passed.
    must_be_table : bool, default=False
        Whether every input without columns is refused here. Otherwise scikit-learn refuses numbers.

    Raises
    ------
    TypeError
        If it is a dict or a list of dicts.
    ValueError
        If it is a list of texts, or has another number of axes than two.

    Examples
    --------
    >>> refuse_no_table([[1.0, 2.0]])
    >>> refuse_no_table({"a": [1.0]})
    Traceback (most recent call last):
        ...
    TypeError: X is a dict; pass a data frame with columns, for instance pandas.DataFrame(X).
    """
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape) == 2:
        return
    first = X[0] if isinstance(X, list | tuple) and len(X) else None
    if isinstance(X, Mapping) or isinstance(first, Mapping):
        what = "a dict" if isinstance(X, Mapping) else "a list of dicts"
        raise TypeError(f"X is {what}; pass a data frame with columns, for instance pandas.DataFrame(X).")
    if isinstance(X, str) or isinstance(first, str) or _is_vector_of_texts(X, shape):
        raise ValueError(
            "Expected 2D array, got 1D array instead: X is text without columns. Of sentences, make numbers first: "
            "make_pipeline(TfidfVectorizer(), TruncatedSVD(50), network). Of one column of categories, make a table: "
            "table[['name']]."
        )
    if must_be_table and (n_axes := np.asarray(X).ndim) != 2:
        raise ValueError(
            f"Expected 2D array, got {n_axes}D array instead: X needs rows and columns, as in fit. Reshape your data: "
            "of one row of a data frame, pass table.iloc[[0]]."
        )


def _is_vector_of_texts(X: Any, shape: Any) -> bool:
    if shape is None or len(shape) != 1 or not shape[0]:
        return False
    values = np.asarray(X)
    return values.dtype.kind in "UST" or (values.dtype.kind == "O" and isinstance(values[0], str))


def refuse_targets(y: Any, numeric: bool, name: str) -> None:
    """Refuse targets that are no numbers, or labels that are missing or cannot be compared.

    Parameters
    ----------
    y : object
        What a user passed.
    numeric : bool
        Whether they shall be numbers.
    name : str
        Class of the estimator.

    Raises
    ------
    TypeError
        If numbers are asked for, and they are dates or times.
    ValueError
        If there is text where numbers are asked for, labels of several kinds, or nothing where a target should be.

    Examples
    --------
    >>> refuse_targets(["yes", "no"], True, "SomeRegressor")
    Traceback (most recent call last):
        ...
    ValueError: y holds text, such as 'yes', and SomeRegressor predicts numbers; turn it into numbers, or take ...
    """
    if y is None or issparse(y):
        return
    if isinstance(y, str):
        raise ValueError(f"y={y!r} is a name and no column of targets; pass the column, as in table[{y!r}].")
    values = np.asarray(y)
    if numeric and (values.dtype.kind in "mM" or (values.dtype == object and holds_dates(values.ravel()))):
        raise TypeError(
            f"y holds dates or times, and {name} predicts numbers; turn them into numbers, for instance into days."
        )
    if values.dtype.kind not in "OUST" or values.ndim == 0:
        return
    _refuse_objects(values, numeric, name)


def _refuse_objects(values: NDArray[Any], numeric: bool, name: str) -> None:
    flat = values.ravel().tolist()
    text = [value for value in flat if isinstance(value, str)]
    wrong = next((value for value in text if is_text(value)), None)
    if numeric and wrong is not None:
        raise ValueError(
            f"y holds text, such as {wrong!r}, and {name} predicts numbers; turn it into numbers, or take "
            f"{name.replace('Regressor', 'Classifier')} for classes."
        )
    missing = _some(np.array([is_missing(value) for value in flat]), len(values))
    if missing.any():
        raise ValueError(f"Input y contains NaN. {_leave_out(missing, numeric)}")
    if not numeric and text and len(text) < len(flat):
        other = next(value for value in flat if not isinstance(value, str))
        raise ValueError(
            f"y mixes text and other labels, such as {text[0]!r} and {other!r}; make all of them text, or all numbers."
        )


def _some(found: NDArray[np.bool_], n_rows: int) -> NDArray[np.bool_]:
    """Rows with something that was found among their targets."""
    return np.asarray(found.reshape(n_rows, -1).any(axis=1))


def _leave_out(rows: NDArray[np.bool_], numeric: bool) -> str:
    what = "without a finite target" if numeric else "without a label"
    places = np.flatnonzero(rows)
    return f"Leave out the rows {what}: there are {len(places)}, the first at position {places[0]}."


@contextmanager
def nonfinite_placed(X: Any, y: Any = None) -> Iterator[None]:
    """Say where the infinite or missing numbers are that scikit-learn refuses, and what to do.

    Parameters
    ----------
    X, y : object
        What is validated inside the context.

    Raises
    ------
    ValueError
        As scikit-learn's, with a further sentence.
    """
    try:
        yield
    except ValueError as error:
        message = str(error)
        if message.startswith("Input y contains"):
            values = np.asarray(y, dtype=np.float64)
            rows = _some(~np.isfinite(values), len(values))
            raise ValueError(f"{message} {_leave_out(rows, numeric=True)}") from error
        if message.startswith(("Input X contains infinity", "Input contains infinity")) and (
            columns := _infinite_columns(X)
        ):
            raise ValueError(
                f"{message} Look at {listed(columns)}: a missing number may be NaN, but not infinity."
            ) from error
        if message.startswith("Input X contains NaN") and issparse(X):
            raise ValueError(
                "Input X contains NaN, which a sparse matrix may not hold; fill missing numbers, or make it dense by "
                "X.toarray(): a network fills those of dense tables itself."
            ) from error
        raise


def _infinite_columns(X: Any) -> list[Any]:
    """Names, or else positions, of the columns that hold infinity."""
    entries: Any = X
    if issparse(X):
        entries = entries.tocoo()
        return sorted(set(entries.col[np.isinf(entries.data)].tolist()))
    if is_frame(X):
        return [series.name for series in nw.from_native(X, eager_only=True).iter_columns() if _has_infinity(series)]
    return np.flatnonzero(np.isinf(np.asarray(X, dtype=np.float64)).any(axis=0)).tolist()


def _has_infinity(series: Any) -> bool:
    if not series.dtype.is_numeric():
        return False
    values = np.asarray(series.drop_nulls().to_numpy(), dtype=np.float64)
    return bool(np.isinf(values).any())
