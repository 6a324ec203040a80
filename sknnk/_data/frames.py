"""The columns of a raw table: what each holds, and its values in NumPy, whatever library the table is of."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Number
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .._compute import Array

# What the values of a column are.
NUMBER, FLAG, ORDER, CATEGORY = "number", "flag", "order", "category"
_DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
# Names that a message lists at most.
_MOST_NAMED = 5


class RawColumn(NamedTuple):
    """One column of a raw table.

    Parameters
    ----------
    name : object
        Its name, or its position where columns have none.
    kind : {"number", "flag", "order", "category"}
        What its values are: numbers, booleans, categories with an order, or categories without.
    values : ndarray of shape (n_samples,)
        Floating-point numbers for numbers and flags; text or numbers, as objects, for categories. NaN is missing.
    levels : tuple
        All categories in their order, for ``"order"``.
    """

    name: Any
    kind: str
    values: NDArray[Any]
    levels: tuple[Any, ...] = ()


def is_frame(X: Any) -> bool:
    """Whether rows come as a data frame, which has a type for each of its columns.

    Parameters
    ----------
    X : object
        What a user passed.

    Returns
    -------
    bool
        True for pandas, polars, pyarrow and every other library that narwhals knows.

    Examples
    --------
    >>> is_frame(np.zeros((2, 2)))
    False
    """
    return bool(nw.dependencies.is_into_dataframe(X))


def is_numeric_frame(X: Any) -> bool:
    """Whether all columns of a data frame are of a type of numbers, so that it is as good as an array.

    Parameters
    ----------
    X : DataFrame
        Of any library.

    Returns
    -------
    bool
        Nothing but types is looked at.
    """
    return all(dtype.is_numeric() for dtype in nw.from_native(X).schema.values())


def raw_columns(X: Any, categorical: NDArray[np.bool_] | None) -> Iterator[RawColumn]:
    """Read a raw table.

    Parameters
    ----------
    X : {DataFrame, ndarray} of shape (n_samples, n_features)
        The table.
    categorical : ndarray of bool of shape (n_features,) or None
        Columns that are categories whatever their type. None for those of text, categories and enumerations.

    Yields
    ------
    RawColumn
        One for each column.

    Raises
    ------
    TypeError
        If a column holds dates, times, lists or other things that are no values of one kind. The message says what to
        do.
    """
    named = np.zeros(X.shape[1], dtype=bool) if categorical is None else categorical
    if not is_frame(X):
        for j, is_category in enumerate(named):
            if X.dtype.kind in "biuf":
                values = np.asarray(X[:, j], dtype=X.dtype if X.dtype == np.float32 else np.float64)
                yield RawColumn(j, CATEGORY, _categories(values)) if is_category else RawColumn(j, NUMBER, values)
            else:
                yield _of_objects(j, np.asarray(X[:, j], dtype=object), bool(is_category))
        return
    table = nw.from_native(X, eager_only=True)
    refuse_dates(X)
    for series, is_category in zip(table.iter_columns(), named, strict=True):
        yield _of_series(series, bool(is_category))


def _of_series(series: Any, is_category: bool) -> RawColumn:
    dtype, name = series.dtype, series.name
    if dtype == nw.Object:
        return _of_objects(name, np.asarray(series.to_numpy(), dtype=object), is_category)
    if dtype == nw.Unknown and len(series) and not series.is_null().all():
        own = str(series.to_native().dtype)
        if own.startswith("period"):
            raise TypeError(dates_message([name]))
        remedy = f"write X[{name!r}].sparse.to_dense()" if own.startswith("Sparse") else "drop or convert it"
        raise TypeError(_unreadable(name, f"values of the type {own}", remedy))
    if dtype in (nw.Unknown, nw.Boolean) or dtype.is_numeric():
        kind = NUMBER if dtype != nw.Boolean else FLAG
        values = _numbers(series)
        return RawColumn(name, CATEGORY, _categories(values), ()) if is_category else RawColumn(name, kind, values)
    if dtype not in (nw.String, nw.Categorical, nw.Enum):
        raise TypeError(_unreadable(name, f"values of the type {dtype}"))
    values = _known_values(series)
    if dtype != nw.String and series.implementation.is_pandas_like() and nw.is_ordered_categorical(series):
        levels = _known_values(series.cat.get_categories())
        return RawColumn(name, ORDER, _of_one_kind(name, values), tuple(_of_one_kind(name, levels)))
    return RawColumn(name, CATEGORY, _of_one_kind(name, values))


def _numbers(series: Any) -> Array:
    """Numbers or booleans as floating-point numbers; float32 where that is what they are."""
    if series.dtype == nw.Float32:
        return np.asarray(series.to_numpy(), dtype=np.float32)
    if series.dtype == nw.Unknown:
        return np.full(len(series), np.nan)
    missing = series.is_null().to_numpy()
    if series.dtype in (nw.Float64, nw.Boolean) or not missing.any():
        values = np.asarray(series.to_numpy())
    else:
        values = np.asarray(series.cast(nw.Float64).to_numpy())
    numbers: Array = np.where(missing, np.nan, values).astype(np.float64)
    return numbers


def _known_values(series: Any) -> NDArray[Any]:
    """Values as objects, all missing ones as NaN."""
    values = np.array(series.to_numpy(), dtype=object)
    values[np.asarray(series.is_null().to_numpy(), dtype=bool)] = np.nan
    return values


def _of_objects(name: Any, values: NDArray[Any], is_category: bool) -> RawColumn:
    """A column of Python objects: what all of them are."""
    values = values.copy()
    values[[is_missing(value) for value in values]] = np.nan
    known = [value for value in values if not is_missing(value)]
    if holds_dates(known):
        raise TypeError(dates_message([name]))
    if not is_category and all(isinstance(value, bool | np.bool_) for value in known) and known:
        return RawColumn(name, FLAG, values.astype(np.float64))
    if not is_category and all(isinstance(value, Number) for value in known):
        return RawColumn(name, NUMBER, values.astype(np.float64))
    return RawColumn(name, CATEGORY, _of_one_kind(name, values))


def holds_dates(values: Any) -> bool:
    """Whether there are dates, times or durations among some objects."""
    return any(isinstance(value, _DATES) for value in values)


def is_missing(value: Any) -> bool:
    """Whether a value stands for none."""
    # None, NaN, and what pandas calls NA and NaT, whose comparisons are neither true nor false.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, Number) and bool(value != value)


def _categories(numbers: Array) -> NDArray[Any]:
    return np.asarray(numbers, dtype=np.float64).astype(object)


def _of_one_kind(name: Any, values: NDArray[Any]) -> NDArray[Any]:
    """Categories that can be compared: text, or numbers."""
    known = [value for value in values if not is_missing(value)]
    text = [isinstance(value, str) for value in known]
    if all(text):
        return values
    if not any(text) and all(isinstance(value, Number | np.bool_) for value in known):
        return _categories(values.astype(np.float64))
    if any(text):
        pair = f"{known[text.index(True)]!r} and {known[text.index(False)]!r}"
        raise TypeError(
            f"column {name!r} of X mixes text and other values, such as {pair}; make all of them text, for instance by "
            f"X[{name!r}] = X[{name!r}].astype('string'), or numbers."
        )
    found = {type(value).__name__ for value in known}
    if all(hasattr(value, "left") and hasattr(value, "right") for value in known):  # intervals of pandas.cut
        return np.array([value if is_missing(value) else str(value) for value in values], dtype=object)
    raise TypeError(_unreadable(name, f"values of the type {', '.join(sorted(found))}"))


def _unreadable(name: Any, what: str, remedy: str = "drop or convert it") -> str:
    return f"column {name!r} of X holds {what}; a network takes numbers, booleans and categories, so {remedy}."


def refuse_dates(X: Any) -> None:
    """Refuse columns of dates, times and durations.

    Parameters
    ----------
    X : DataFrame
        Of any library.

    Raises
    ------
    TypeError
        If there are any. The message names them, and what to write.
    """
    dates = [name for name, dtype in nw.from_native(X).schema.items() if dtype.is_temporal()]
    if dates:
        raise TypeError(dates_message(dates))


def dates_message(names: list[Any]) -> str:
    """What is said of columns of dates and times."""
    return (
        f"X holds dates or times in {listed(names)}, and a network cannot know whether the hour, the weekday or the "
        "season matters. Turn them into columns of numbers, or let skrub do so:\n"
        "    from skrub import TableVectorizer, tabular_pipeline\n"
        "    model = tabular_pipeline(estimator)  # TableVectorizer() in front of it"
    )


def refuse_text(X: Any, remedy: str) -> None:
    """Refuse a data frame with columns that are no numbers.

    Parameters
    ----------
    X : object
        What a user passed; only data frames are looked at.
    remedy : str
        What to do, for the message.

    Raises
    ------
    ValueError
        If there is a column of text or categories. The message names it.
    """
    if not is_frame(X) or is_numeric_frame(X):
        return
    refuse_dates(X)
    if len(X):
        columns = [column for column in raw_columns(X, None) if column.kind in (CATEGORY, ORDER)]
        text = [column.name for column in columns if any(isinstance(value, str) for value in column.values)]
    else:  # types alone say what will come, but objects may be anything
        schema = nw.from_native(X).schema
        kinds = (nw.String, nw.Categorical, nw.Enum)
        text = [name for name, dtype in schema.items() if dtype in kinds and str(X[name].dtype) != "object"]
    if text:
        raise ValueError(f"X holds text or categories in {listed(text)}; {remedy}.")


@contextmanager
def text_named(X: Any, remedy: str) -> Iterator[None]:
    """Name the columns where reading an array as numbers fails because of text or dates.

    Parameters
    ----------
    X : object
        What a user passed, and what is read inside the context.
    remedy : str
        What to do about text, for the message.

    Raises
    ------
    TypeError
        If there are dates, times or durations.
    ValueError
        If there is text that is no number.
    """
    if getattr(getattr(X, "dtype", None), "kind", None) in ("m", "M") and not is_frame(X):
        raise TypeError(dates_message(list(range(np.shape(X)[1])) if np.ndim(X) == 2 else [0]))
    try:
        yield
    except (TypeError, ValueError) as error:
        rows = np.array([]) if is_frame(X) or issparse(X) else np.array(X, dtype=object)
        columns = rows.T if rows.ndim == 2 else ()
        if dates := [j for j, column in enumerate(columns) if holds_dates(column)]:
            raise TypeError(dates_message(dates)) from error
        if text := [j for j, column in enumerate(columns) if any(map(is_text, column))]:
            raise ValueError(f"X holds text in {listed(text)}; {remedy}.") from error
        raise


def is_text(value: Any) -> bool:
    """Whether a value is text, and not a number written as text."""
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def listed(names: list[Any]) -> str:
    """Name some columns.

    Parameters
    ----------
    names : list
        At least one name.

    Returns
    -------
    str
        The first few, and how many more.

    Examples
    --------
    >>> listed(["city"]), listed(list("abcdefg"))
    ("the column 'city'", "the columns 'a', 'b', 'c', 'd', 'e' and 2 more")
    """
    first = ", ".join(repr(name) for name in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"the column{'s' if len(names) > 1 else ''} {first}{more}"
