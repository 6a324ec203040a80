import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._compute import on_host, tensor_space

fixed = {"activation": "gaussian", "length_scale": 3.0, "feature_learning": None}
REGRESSORS = [
    BundledNetworkRegressor((20, 15), **fixed),
    BundledNetworkRegressor(60, solver="dual", **fixed),
    BundledNetworkRegressor(feature_map="kernel", input_transform="quantile", **fixed),
    BundledNetworkRegressor(12, feature_map="kernel", block_size=None, input_transform="quantile", **fixed),
    BundledNetworkRegressor(10, feature_map="kernel", block_size=40, input_transform="quantile", **fixed),
]
CLASSIFIERS = [
    BundledNetworkClassifier(20, **fixed),
    BundledNetworkClassifier(feature_map="kernel", input_transform="quantile", class_weight="balanced", **fixed),
]
PRECISIONS = pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-5)])


def table(dtype, loader=load_diabetes):
    X, y = loader(return_X_y=True)
    return X[:120].astype(dtype), y[:120]


def close(found, expected, tolerance, dtype):
    values = on_host(found)
    assert tensor_space(found).key and values.dtype == dtype
    np.testing.assert_allclose(values, expected, rtol=0.0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("network", REGRESSORS)
@PRECISIONS
def test_regressors_predict_of_tensors_what_they_predict_of_numpy(space, dispatch, network, dtype, tolerance):
    X, y = table(dtype)
    network = clone(network).set_params(random_state=0)
    if network.block_size == 40:
        tolerance = 1e-5  # blocks are solved in float32 in NumPy, too
    expected = clone(network).fit(X[:100], y[:100])
    rows = space.tensor(X[80:])
    fitted = network.fit(space.tensor(X[:100]), space.tensor(y[:100]))
    means, deviations = fitted.predict(rows, return_std=True)
    for found, value in zip((means, deviations), expected.predict(X[80:], return_std=True), strict=True):
        close(found, value, tolerance, dtype)
    close(fitted.predict_interval(rows), expected.predict_interval(X[80:]), tolerance, dtype)
    close(fitted.transform(rows), expected.transform(X[80:]), tolerance, dtype)
    assert fitted.score(rows, space.tensor(y[80:])) == pytest.approx(expected.score(X[80:], y[80:]), abs=10 * tolerance)
    assert fitted.solver_ == expected.solver_ and fitted.alpha_ == pytest.approx(expected.alpha_)
    assert tensor_space(fitted.output_coef_).key == space.key


@pytest.mark.parametrize("network", CLASSIFIERS)
@PRECISIONS
def test_classifiers_predict_of_tensors_what_they_predict_of_numpy(space, dispatch, network, dtype, tolerance):
    X, y = table(dtype, load_breast_cancer)
    network = clone(network).set_params(random_state=0)
    expected = clone(network).fit(X[:100], y[:100])
    rows = space.tensor(X[80:])
    fitted = network.fit(space.tensor(X[:100]), space.tensor(y[:100]))
    close(fitted.predict_proba(rows), expected.predict_proba(X[80:]), tolerance, dtype)
    close(fitted.predict_log_proba(rows), expected.predict_log_proba(X[80:]), tolerance, dtype)
    close(fitted.decision_function(rows), expected.decision_function(X[80:]), tolerance, dtype)
    close(fitted.predict(rows), expected.predict(X[80:]), 0.0, y.dtype)


def test_several_targets_have_a_column_each(space, dispatch):
    X, y = table("float64")
    Y = np.column_stack([y, X[:, 2]])
    expected = clone(REGRESSORS[0]).set_params(random_state=0).fit(X, Y)
    fitted = clone(REGRESSORS[0]).set_params(random_state=0, batch_size=50).fit(*map(space.tensor, (X, Y)))
    close(fitted.predict(space.tensor(X)), expected.predict(X), 1e-9, "float64")
    close(fitted.predict_interval(space.tensor(X)), expected.predict_interval(X), 1e-9, "float64")


def test_labels_that_are_no_numbers_stay_in_numpy(space, dispatch):
    X, y = table("float64", load_breast_cancer)
    names = np.array(["no", "yes"])[y]
    fitted = clone(CLASSIFIERS[0]).set_params(random_state=0).fit(space.tensor(X), names)
    predicted = fitted.predict(space.tensor(X))
    assert isinstance(predicted, np.ndarray) and set(predicted) == {"no", "yes"}
    assert fitted.score(space.tensor(X), names) > 0.9
