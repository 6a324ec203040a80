import numpy as np
import pytest

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, BundledNetworkRegressorCV
from sknnk._compute import is_tensor
from sknnk._networks.tensor_rows import placed_attributes, refuse_tensors

rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
NETWORK = {"n_components": 8, "activation": "gaussian", "length_scale": 1.0, "alpha": 0.1, "random_state": 0}


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (BundledNetworkRegressor(loss="huber", **NETWORK), "loss='huber' runs on arrays of NumPy alone"),
        (BundledNetworkRegressor(solver="cg", **NETWORK), "solver='cg' runs on arrays of NumPy alone"),
        (BundledNetworkRegressor(categorical_features=[0], **NETWORK), r"categorical_features=\[0\] needs"),
        (BundledNetworkClassifier(loss="log_loss", **NETWORK), "loss='log_loss' runs on arrays of NumPy alone"),
        (BundledNetworkRegressorCV((4, 8)), "BundledNetworkRegressorCV takes arrays of NumPy"),
    ],
)
def test_what_has_no_code_for_tensors_is_refused_by_name(space, dispatch, estimator, words):
    targets = y if "Regressor" in type(estimator).__name__ else (y > 0.0).astype(int)
    with pytest.raises(ValueError, match=words):
        estimator.fit(space.tensor(X), space.tensor(targets))


def test_more_rows_cannot_be_added(space, dispatch):
    with pytest.raises(ValueError, match="partial_fit runs on arrays of NumPy alone"):
        BundledNetworkRegressor(**NETWORK).partial_fit(space.tensor(X), space.tensor(y))


def test_gaps_are_not_filled(space, dispatch):
    gaps = X.copy()
    gaps[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        BundledNetworkRegressor(**NETWORK).fit(space.tensor(gaps), space.tensor(y))
    fitted = BundledNetworkRegressor(**NETWORK).fit(space.tensor(X), space.tensor(y))
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(space.tensor(gaps))


def test_rows_and_network_are_in_one_place(space, dispatch):
    here = BundledNetworkRegressor(**NETWORK).fit(space.tensor(X), y, sample_weight=space.tensor(np.ones(40)))
    with pytest.raises(ValueError, match=r"BundledNetworkRegressor\.predict_interval\(\) must use the same namespace"):
        here.predict_interval(X)
    with pytest.raises(ValueError, match=r"BundledNetworkRegressor\.predict\(\) must use the same namespace"):
        BundledNetworkRegressor(**NETWORK).fit(X, y).predict(space.tensor(X))


def test_targets_follow_rows_of_numpy(space, dispatch):
    here = BundledNetworkRegressor(**NETWORK).fit(X, space.tensor(y))
    np.testing.assert_array_equal(here.predict(X), BundledNetworkRegressor(**NETWORK).fit(X, y).predict(X))


def test_attributes_with_numbers_become_tensors(space):
    attributes = {"a_": np.ones(2), "b_": np.array(["x"]), "c_": (1, 2), "d_": 3.0}
    placed = placed_attributes(attributes, space)
    assert [is_tensor(value) for value in placed.values()] == [True, False, False, False]
    assert placed_attributes(attributes, None) is attributes


def test_nothing_is_refused_of_numpy():
    refuse_tensors(None, "anything")
