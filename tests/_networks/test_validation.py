"""Rows are validated without a change of the estimator that asks for it."""

import numpy as np
import pandas as pd
import pytest

from sknnk import BundledNetworkRegressor
from sknnk._networks.validation import checked_rows, described_columns, description_of

rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


@pytest.mark.parametrize("rows", [X, FRAME])
@pytest.mark.parametrize("fitted", [False, True])
def test_the_estimator_stays_as_it_is(rows, fitted):
    model = BundledNetworkRegressor(4, random_state=0)
    if fitted:
        model.fit(X[:, :2], y)
    before = dict(vars(model))
    description, checked = checked_rows(model, rows, y, None)
    assert vars(model).keys() == before.keys() and all(vars(model)[name] is before[name] for name in before)
    assert description["n_features_in_"] == 3 and ("feature_names_in_" in description) == (rows is FRAME)
    np.testing.assert_array_equal(checked.X, X)
    np.testing.assert_array_equal(checked.sample_weight, np.ones(12))


def test_names_of_an_earlier_fit_are_forgotten_by_a_first_fit_and_asked_for_by_a_later_chunk():
    model = BundledNetworkRegressor(4, random_state=0).fit(FRAME, y)
    assert checked_rows(model, X, y, None)[0] == {"n_features_in_": 3}
    with pytest.raises(ValueError, match="feature names should match"):
        checked_rows(model, FRAME.rename(columns={"a": "z"}), y, None, reset=False)
    with pytest.raises(ValueError, match="X has 2 features"):
        checked_rows(BundledNetworkRegressor(4, random_state=0).fit(X, y), X[:, :2], y, None, reset=False)
    assert description_of(model)["feature_names_in_"].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ValueError, match=r"sample_weight|Input"):
        checked_rows(BundledNetworkRegressor(), X, y, np.where(np.arange(12) == 3, weight, 1.0))


def test_columns_can_be_described_without_rows():
    model = BundledNetworkRegressor()
    assert described_columns(model, FRAME.iloc[:0], reset=True)["feature_names_in_"].tolist() == ["a", "b", "c"]
    assert vars(model) == vars(BundledNetworkRegressor())
