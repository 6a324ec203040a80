"""Splits as positions of rows, and the warning of those in the order of time."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import KFold, TimeSeriesSplit

from sknnk import BundledNetworkRegressorCV
from sknnk._cross_validation.folds import splits_of_rows, warn_of_later_rows

rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 2)), rng.normal(size=40)


def splits(cv):
    return splits_of_rows(cv, X, y, np.ones(40), {}, False)


def test_masks_of_rows_become_positions():
    mask = np.arange(40) < 30
    ((train, test),) = splits([(mask, ~mask)])
    np.testing.assert_array_equal(train, np.arange(30))
    np.testing.assert_array_equal(test, np.arange(30, 40))


def test_folds_after_their_training_rows_are_warned_of():
    with pytest.warns(UserWarning, match=r"cv=TimeSeriesSplit.*set preprocessing='fold'"):
        warn_of_later_rows(TimeSeriesSplit(3), splits(TimeSeriesSplit(3)))


@pytest.mark.parametrize("cv", [KFold(4), KFold(4, shuffle=True, random_state=0), [(np.arange(30), np.arange(30, 40))]])
def test_other_splits_are_not_warned_of(cv):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_later_rows(cv, splits(cv))


@pytest.mark.parametrize(
    ("preprocessing", "input_transform", "warned"),
    [("once", "quantile", True), ("fold", "quantile", False), ("once", None, False)],
)
def test_a_search_warns_where_columns_are_scaled_by_later_rows(preprocessing, input_transform, warned):
    search = BundledNetworkRegressorCV(
        (8,), cv=TimeSeriesSplit(3), preprocessing=preprocessing, input_transform=input_transform, random_state=0
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    assert any("come after the training rows" in str(each.message) for each in caught) == warned
