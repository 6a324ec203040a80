import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._displays.predicted_intervals import one_column, predicted_intervals

X, Y = load_diabetes(return_X_y=True)
LEVELS = np.array([0.5, 0.9])
SETTINGS = {"n_components": 8, "activation": "gaussian", "alpha": 1.0, "random_state": 0}


@pytest.fixture(scope="module")
def network():
    return BundledNetworkRegressor(**SETTINGS).fit(X[:200], Y[:200])


def test_they_are_what_the_regressor_says(network):
    name, y_true, y_pred, intervals = predicted_intervals(network, X[200:], Y[200:], LEVELS, None)
    assert name == "BundledNetworkRegressor"
    assert y_true is not None
    np.testing.assert_array_equal(y_pred, network.predict(X[200:]))
    for level, ends in zip(LEVELS, intervals, strict=True):
        np.testing.assert_array_equal(ends, network.predict_interval(X[200:], confidence_level=level))


def test_a_pipeline_transforms_the_rows_first(network):
    pipeline = make_pipeline(StandardScaler(), BundledNetworkRegressor(**SETTINGS)).fit(X[:200], Y[:200])
    found = predicted_intervals(pipeline, X[200:], None, LEVELS, None)
    rows = pipeline[0].transform(X[200:])
    assert found.y_true is None
    np.testing.assert_array_equal(found.intervals[1], pipeline[-1].predict_interval(rows, confidence_level=0.9))


def test_one_of_several_targets_is_picked_from_all_that_is_returned():
    targets = np.column_stack([Y, -2.0 * Y])
    several = BundledNetworkRegressor(**SETTINGS).fit(X[:200], targets[:200])
    ends = several.predict_interval(X[200:], confidence_level=0.9)
    for y in (targets[200:], pd.DataFrame(targets[200:], columns=["first", "second"])):
        found = predicted_intervals(several, X[200:], y, LEVELS, 1)
        np.testing.assert_array_equal(found.y_true, targets[200:, 1])
        np.testing.assert_array_equal(found.y_pred, several.predict(X[200:])[:, 1])
        np.testing.assert_array_equal(found.intervals[1], ends[:, 1])
    assert predicted_intervals(several, X[200:], None, LEVELS, 0).y_true is None
    for target in (None, 2, -1):
        with pytest.raises(ValueError, match="has 2 targets; name one"):
            predicted_intervals(several, X[200:], targets[200:], LEVELS, target)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (BundledNetworkClassifier(**SETTINGS).fit(X, Y > 140.0), "is a BundledNetworkClassifier.*CalibrationDisplay"),
        (LogisticRegression(), "CalibrationDisplay"),
        (Ridge().fit(X, Y), "is a Ridge, not a regressor with predict_interval; pass .*from_predictions"),
    ],
)
def test_what_has_no_intervals_is_refused_with_another_way(estimator, words):
    with pytest.raises(TypeError, match=words):
        predicted_intervals(estimator, X, Y, LEVELS, None)


def test_a_regressor_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        predicted_intervals(BundledNetworkRegressor(), X, Y, LEVELS, None)


@pytest.mark.parametrize("feature", [1, -2])
def test_a_column_is_found_by_its_position_in_any_table(feature):
    rows = np.arange(12.0).reshape(4, 3)
    for table in (rows, csr_array(rows), pd.DataFrame(rows, columns=["a", "b", "c"]), rows.tolist()):
        values, name, alone = one_column(table, feature)
        np.testing.assert_array_equal(values, rows[:, 1])
        assert name == ("b" if hasattr(table, "columns") else f"Column {feature}")
        assert not alone


def test_a_column_is_found_by_its_name_in_a_data_frame():
    pl = pytest.importorskip("polars")
    for table in (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), pl.DataFrame({"a": [1, 2], "b": [3, 4]})):
        values, name, alone = one_column(table, "b")
        assert (values.tolist(), name, alone) == ([3.0, 4.0], "b", False)
    assert one_column(np.ones((3, 1)), 0)[2]


@pytest.mark.parametrize(
    ("table", "feature", "words"),
    [
        (np.ones((2, 2)), "a", "'a' is not a column of X.$"),
        (pd.DataFrame({"a": [1.0]}), "b", r"which has \['a'\]"),
        (np.ones((2, 2)), 2, "among the 2 columns"),
        (pd.DataFrame({"a": [1.0]}), -2, "among the 1 columns"),
    ],
)
def test_a_column_that_is_not_there_is_refused(table, feature, words):
    with pytest.raises(ValueError, match=words):
        one_column(table, feature)
