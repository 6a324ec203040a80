import datetime

import numpy as np
import pytest

from sknnk._data.frames import is_frame, is_numeric_frame, listed, raw_columns, refuse_text, text_named

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")
pyarrow = pytest.importorskip("pyarrow")

NUMBERS, TEXT, FLAGS = [1.0, None, 3.0], ["red", None, ""], [True, None, False]


def only(X, **named):
    """The single column of a table."""
    (column,) = raw_columns(X, named.get("categorical"))
    return column


def missing(values):
    return [value != value for value in values]


@pytest.mark.parametrize("frame", [pandas.DataFrame, polars.DataFrame, pyarrow.table])
def test_every_library_gives_the_same_columns(frame):
    X = frame({"size": NUMBERS, "colour": TEXT, "new": FLAGS})
    size, colour, new = raw_columns(X, None)
    assert is_frame(X) and not is_numeric_frame(X)
    assert [size.kind, colour.kind, new.kind] == ["number", "category", "flag"]
    np.testing.assert_array_equal(size.values, [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(new.values, [1.0, np.nan, 0.0])
    assert colour.values[[0, 2]].tolist() == ["red", ""] and missing(colour.values) == [False, True, False]


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1, pandas.NA], "Int64", "number"),
        ([1.5, pandas.NA], "Float32", "number"),
        ([1, None], "int64[pyarrow]", "number"),
        ([True, pandas.NA], "boolean", "flag"),
        (["a", pandas.NA], "string", "category"),
        (["a", None], "string[pyarrow]", "category"),
        (["a", None], "category", "category"),
        ([1, 2], "category", "category"),
        ([1, None], object, "number"),
        ([True, None], object, "flag"),
        (["a", np.nan], object, "category"),
        ([None, None], object, "category"),
    ],
)
def test_types_of_pandas_are_known_by_what_they_hold(values, dtype, kind):
    column = only(pandas.DataFrame({"x": pandas.Series(values, dtype=dtype)}))
    assert column.kind == kind
    assert missing(column.values) == [bool(pandas.isna(value)) for value in values]


def test_float32_stays_float32():
    assert only(pandas.DataFrame({"x": np.ones(2, dtype=np.float32)})).values.dtype == np.float32
    assert only(np.ones((2, 1), dtype=np.float32)).values.dtype == np.float32


def test_an_order_is_that_of_the_categories():
    sizes = pandas.Categorical(["M", None], categories=["S", "M", "L"], ordered=True)
    column = only(pandas.DataFrame({"size": sizes}))
    assert (column.kind, column.levels) == ("order", ("S", "M", "L"))
    ranges = only(pandas.DataFrame({"age": pandas.cut([5.0, 15.0], [0, 10, 20])}))
    assert (ranges.kind, ranges.levels) == ("order", ("(0, 10]", "(10, 20]"))


@pytest.mark.parametrize("X", [np.array([[1.0], [2.0]]), pandas.DataFrame({"x": [1, 2]})])
def test_numbers_that_are_named_are_categories(X):
    column = only(X, categorical=np.array([True]))
    assert (column.kind, column.values.tolist()) == ("category", [1.0, 2.0])


@pytest.mark.parametrize(
    "values",
    [
        pandas.to_datetime(["2026-01-01"]),
        pandas.to_timedelta([1], unit="h"),
        [datetime.date(2026, 1, 1)],
        [datetime.time(12)],
    ],
)
def test_dates_are_refused_with_what_to_write(values):
    X = pandas.DataFrame({"when": pandas.Series(values)})
    with pytest.raises(TypeError, match=r"the column 'when'(.|\n)*from skrub import TableVectorizer, tabular_pipeline"):
        list(raw_columns(X, None))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, "a"], "'x' of X mixes text and other values, such as 'a' and 1; make all of them text"),
        ([[1], [2]], "'x' of X holds values of the type list; a network takes"),
        ([{}, {}], "holds values of the type dict"),
    ],
)
def test_what_no_column_can_be_is_refused_by_name(values, words):
    with pytest.raises(TypeError, match=words):
        list(raw_columns(pandas.DataFrame({"x": pandas.Series(values, dtype=object)}), None))


def test_lists_of_polars_are_refused_by_name():
    with pytest.raises(TypeError, match="'x' of X holds values of the type List"):
        list(raw_columns(polars.DataFrame({"x": [[1], [2]]}), None))


def test_text_is_refused_where_numbers_are_needed():
    X = pandas.DataFrame({"size": [1.0, 2.0], "colour": ["red", "blue"], "code": pandas.Categorical([1, 2])})
    with pytest.raises(ValueError, match="X holds text or categories in the column 'colour'; encode it"):
        refuse_text(X, "encode it")
    refuse_text(X[["size", "code"]], "encode it")
    refuse_text(np.ones((2, 2)), "encode it")


def read(X):
    with text_named(X, "encode it"):
        return np.asarray(X, dtype=np.float64)


@pytest.mark.parametrize("kind", [list, lambda rows: np.array(rows, dtype=object), np.array])
def test_text_in_arrays_is_named_where_it_is_no_number(kind):
    with pytest.raises(ValueError, match="X holds text in the columns 1, 2; encode it") as caught:
        read(kind([["1.5", "red", "x"], ["2.5", "blue", "3.0"]]))
    assert "could not convert" in str(caught.value.__cause__)
    assert read(kind([["1.5"], ["2.5"]])).ravel().tolist() == [1.5, 2.5]


def test_dates_in_arrays_are_named():
    for X in (np.array([[1.0, datetime.date(2026, 1, 1)]], dtype=object), np.array([["2026-01-01"]], dtype="M8[D]")):
        with pytest.raises(TypeError, match=f"dates or times in the column {X.shape[1] - 1}"):
            read(X)


def test_other_errors_pass_as_they_are():
    with pytest.raises(TypeError, match="float"):
        read(np.array([[{"a": 1}]], dtype=object))
    with pytest.raises(ValueError, match="inhomogeneous"):
        read([[1.0], [2.0, 3.0]])


def test_a_message_names_the_first_columns():
    assert listed(list("abcdef")) == "the columns 'a', 'b', 'c', 'd', 'e' and 1 more"
