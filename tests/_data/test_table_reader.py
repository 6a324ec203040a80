import numpy as np
import pytest

from sknnk._data.table_reader import UNSEEN, TableReader

pandas = pytest.importorskip("pandas")

FRAME = pandas.DataFrame(
    {
        "size": [1.0, np.nan, 3.0, 4.0],
        "colour": ["red", None, "blue", "red"],
        "grade": pandas.Categorical(["low", "high", "mid", None], categories=["low", "mid", "high"], ordered=True),
        "new": [True, False, True, True],
    }
)


def test_numbers_stay_and_categories_become_numbers():
    reader = TableReader.of(FRAME, "from_dtype")
    expected = [[1.0, 1.0, 0.0, 1.0], [np.nan, np.nan, 2.0, 0.0], [3.0, 0.0, 1.0, 1.0], [4.0, 1.0, np.nan, 1.0]]
    np.testing.assert_array_equal(reader(FRAME), expected)
    assert reader.kinds == ("number", "category", "order", "flag")
    assert reader.positions("number", "flag").tolist() == [0, 3]


@pytest.mark.parametrize("X", [np.eye(3), FRAME[["size"]], [[1.0], [2.0]]])
@pytest.mark.parametrize("categorical_features", ["from_dtype", None, []])
def test_numbers_alone_need_no_reader(X, categorical_features):
    assert TableReader.of(X, categorical_features) is None


@pytest.mark.parametrize("given", [[0], ["size"], [True, False]])
def test_categories_are_named_by_mask_position_or_name(given):
    X = pandas.DataFrame({"size": [5.0, 7.0, 5.0], "weight": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(TableReader.of(X, given)(X), [[0.0, 1.0], [1.0, 2.0], [0.0, 3.0]])
    if given != ["size"]:
        np.testing.assert_array_equal(TableReader.of(X.to_numpy(), given)(X.to_numpy())[:, 0], [0.0, 1.0, 0.0])


def test_what_the_fit_has_not_seen_is_told_apart_from_what_is_missing():
    reader = TableReader.of(FRAME, "from_dtype")
    later = FRAME[:2].assign(colour=["green", None], grade=["never", None])
    np.testing.assert_array_equal(reader(later)[:, 1:3], [[UNSEEN, np.nan], [np.nan, np.nan]])


def test_a_column_without_values_counts_as_missing_whatever_its_type():
    reader = TableReader.of(FRAME, "from_dtype")
    empty = pandas.DataFrame({name: [None] for name in FRAME})
    assert np.isnan(reader(empty)).all()
    assert np.isnan(reader(empty.astype(float))).all()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("size", "large", "column 'size' of X held numbers in fit, and holds 'large' now"),
        ("colour", 3, "column 'colour' of X held text in fit, and holds 3.0 now"),
        ("new", "yes", "column 'new' of X held numbers in fit, and holds 'yes' now"),
    ],
)
def test_a_column_that_holds_something_else_is_refused(name, value, words):
    reader = TableReader.of(FRAME, "from_dtype")
    with pytest.raises(TypeError, match=words):
        reader(FRAME[:1].assign(**{name: [value]}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "text or categories in the columns 'colour', 'grade'; set categorical_features='from_dtype'"),
        (["colour"], "column 'grade' of X holds text or categories, and is not in categorical_features"),
        (["color"], "which is not a valid feature name"),
        ([9], "positions that X does not have; its columns are 0 to 3"),
    ],
)
def test_categories_that_are_not_meant_to_be_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        TableReader.of(FRAME, given)


def test_float32_stays_float32():
    X = FRAME.astype({"size": np.float32})
    assert TableReader.of(X, "from_dtype")(X).dtype == np.float32
