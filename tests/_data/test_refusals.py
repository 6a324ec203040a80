"""What no network can take is refused with where it stands and what to do."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, URFSampler
from sknnk._data import nonfinite_placed, refuse_no_table, refuse_targets

pd = pytest.importorskip("pandas")
FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "c": list("uvuv")})
y = np.arange(4.0)
FIXED = {"activation": "gaussian", "alpha": 0.1, "length_scale": 1.0, "random_state": 0}


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        ({"a": [1.0]}, TypeError, r"X is a dict; .*pandas.DataFrame\(X\)"),
        ([{"a": 1.0}], TypeError, "X is a list of dicts; "),
        (["good soup", "bad soup"], ValueError, r"X is text without columns\. .*TfidfVectorizer\(\), TruncatedSVD"),
        (np.array(["good", "bad"], dtype=object), ValueError, r"make a table: table\[\['name'\]\]"),
        (FRAME["c"], ValueError, "X is text without columns"),
    ],
)
def test_what_has_no_columns_is_refused_in_fit_and_predict_of_all(X, error, words):
    model = BundledNetworkRegressor(**FIXED).fit(FRAME, y)
    for call in (BundledNetworkClassifier().fit, URFSampler().fit, lambda X, y: model.predict(X)):
        with pytest.raises(error, match=words):
            call(X, y)


@pytest.mark.parametrize("X", [3.0, [1.0, 2.0], FRAME.iloc[0], np.zeros((1, 2, 1))])
def test_a_network_of_a_raw_table_asks_for_two_axes(X):
    model = BundledNetworkRegressor(**FIXED).fit(FRAME, y)
    with pytest.raises(ValueError, match=r"Expected 2D array, got [013]D array.* Reshape your data.*iloc\[\[0\]\]"):
        model.predict(X)
    refuse_no_table([1.0, 2.0])  # numbers are left to scikit-learn where nothing else is known


@pytest.mark.parametrize(
    ("target", "numeric", "error", "words"),
    [
        (["1.5", "no"], True, ValueError, "such as 'no', and SomeRegressor .* or take SomeClassifier"),
        ("price", True, ValueError, r"y='price' is a name .*table\['price'\]"),
        (pd.date_range("2026", periods=3), True, TypeError, "y holds dates or times"),
        (
            [1.0, None],
            True,
            ValueError,
            "NaN. .* without a finite target: there are 1, the first at position 1",
        ),
        (["a", None, np.nan], False, ValueError, "without a label: there are 2, the first at position 1"),
        (np.array(["a", 1], dtype=object), False, ValueError, "y mixes text and other labels, such as 'a' and 1; make"),
    ],
)
def test_targets_are_refused_by_an_example_and_a_remedy(target, numeric, error, words):
    with pytest.raises(error, match=words):
        refuse_targets(target, numeric, "SomeRegressor")


@pytest.mark.parametrize("target", [None, ["1", "2"], [True, False], [1, 2.5], pd.Series(["1", "2"]), np.ones((3, 2))])
def test_numbers_in_any_dress_are_targets(target):
    refuse_targets(target, True, "SomeRegressor")


def test_infinity_is_placed_whatever_the_table_is():
    X = np.array([[0.0, 1.0], [2.0, np.inf], [1.0, 0.0], [3.0, 3.0]])
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = BundledNetworkRegressor(**FIXED)
    for rows, name in ((X, "1"), (csr_array(X), "1"), (frame, "'b'"), (frame.assign(c=list("uvuv")), "'b'")):
        with pytest.raises(ValueError, match=f"infinity.* Look at the column {name}: a missing number may be NaN"):
            model.fit(rows, y)
    with pytest.raises(ValueError, match="Look at the column 'a'"):
        model.fit(FRAME, y).predict(FRAME.assign(a=np.inf))


def test_missing_targets_are_counted_and_missing_numbers_in_a_sparse_table_explained():
    model = BundledNetworkRegressor(**FIXED)
    with pytest.raises(ValueError, match=r"Input y contains NaN\. Leave out .* there are 2, the first at position 1"):
        model.fit(FRAME, [0.0, np.nan, np.nan, 1.0])
    with pytest.raises(ValueError, match=r"a sparse matrix may not hold; .*X\.toarray\(\)"):
        model.fit(csr_array([[np.nan, 1.0], [1.0, 0.0]]), [0.0, 1.0])
    with pytest.raises(ValueError, match=r"^another$"), nonfinite_placed(FRAME):
        raise ValueError("another")


def test_a_frame_without_rows_and_columns_of_other_libraries_are_refused_by_what_they_are():
    model = BundledNetworkRegressor(**FIXED)
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 2\)\)"):
        model.fit(FRAME[:0], y[:0])
    with pytest.raises(ValueError, match=r"categorical_features=\[7\] .* its columns are 0 to 1"):
        BundledNetworkRegressor(categorical_features=[7]).fit(FRAME, y)
    with pytest.raises(TypeError, match="X holds dates or times in the column 'day'"):
        model.fit(FRAME.assign(day=pd.period_range("2026", periods=4, freq="D")), y)
    with pytest.raises(TypeError, match=r"so write X\['s'\]\.sparse\.to_dense\(\)"):
        model.fit(FRAME.assign(s=pd.arrays.SparseArray(np.zeros(4))), y)
    with pytest.raises(TypeError, match="dates or times in the column 0,"):
        model.fit(pd.date_range("2026", periods=4), y)
