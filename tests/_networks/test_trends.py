"""Tables in the order of time: the line beside the kernels."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import TimeSeriesSplit

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor

FEW = {
    "frequencies": "isotropic",
    "activation": "gaussian",
    "input_transform": "robust",
    "random_state": 0,
    "n_jobs": 1,
}
N = 240


def series(seed=0):
    rng, t = np.random.default_rng(seed), np.arange(float(N))
    y = 0.05 * t + 2.0 * np.sin(2.0 * np.pi * t / 12.0) + 0.3 * rng.normal(size=N)
    return np.column_stack([t, t % 12]), y


@pytest.mark.parametrize(
    "options", [{}, {"n_components": 40, "block_size": 60}, {"n_components": 60, "block_size": None}]
)
def test_the_future_is_predicted_where_the_past_has_a_trend(options):
    X, y = series()
    model = BundledNetworkRegressor(feature_map="kernel", **FEW, **options)
    scores = []
    for past, future in TimeSeriesSplit(3).split(X):
        own, linear = (each.fit(X[past], y[past]).predict(X[future]) for each in (model, Ridge()))
        scores.append((r2_score(y[future], own), r2_score(y[future], linear)))
    assert np.all(np.diff(scores, axis=1) < 0.0) and np.mean(scores, axis=0)[0] > 0.8
    # Power: without the line, the same folds fail.
    bare = model.set_params(direct_link=False).fit(X[: N // 2], y[: N // 2])
    assert bare.score(X[N // 2 :], y[N // 2 :]) < 0.3
    assert not hasattr(bare, "trend_coef_")


def test_the_line_is_an_attribute_and_a_part_of_every_prediction():
    X, y = series()
    model = BundledNetworkRegressor(**FEW).fit(X, y)
    assert model.trend_coef_.shape == (2,) and model.trend_coef_[0] == pytest.approx(0.05, rel=0.1)
    parts = model.transform(X) @ model.output_coef_ + model.intercept_ + (X - X.mean(axis=0)) @ model.trend_coef_
    np.testing.assert_allclose(model.predict(X), parts, rtol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert model.feature_importances_.sum() == pytest.approx(1.0) and model.feature_importances_[0] > 0.3
    single = BundledNetworkRegressor(**FEW).fit(X.astype(np.float32), y.astype(np.float32))
    assert single.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.predict(X.astype(np.float32)), model.predict(X), atol=1e-3)


def test_far_from_the_rows_intervals_and_deviations_grow():
    X, y = series()
    model = BundledNetworkRegressor(**FEW).fit(X, y)
    new = np.array([[N, 0.0], [10.0 * N, 0.0], [100.0 * N, 0.0]])
    widths = np.diff(model.predict_interval(new, 0.9), axis=1).ravel()
    deviations = model.predict(new, return_std=True)[1]
    for each in (widths, deviations):
        assert each[0] < each[1] < each[2] and each[2] > 5.0 * each[0]


def test_more_rows_keep_the_line():
    X, y = series()
    model = BundledNetworkRegressor(feature_map="kernel", **FEW).fit(X[:160], y[:160])
    line = model.trend_coef_.copy()
    model.partial_fit(X[160:], y[160:])
    np.testing.assert_array_equal(model.trend_coef_, line)
    assert model.score(X, y) > 0.97


def test_classes_and_shuffled_rows_have_no_line():
    X, y = series()
    order = np.random.default_rng(0).permutation(N)
    assert not hasattr(BundledNetworkRegressor(**FEW).fit(X[order], y[order]), "trend_coef_")
    assert not hasattr(BundledNetworkClassifier(**FEW).fit(X, y > y.mean()), "trend_coef_")
