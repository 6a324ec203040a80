import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, d2_tweedie_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import BundledNetworkRegressor, BundledNetworkRegressorCV

SETTINGS = {"activation": "gaussian", "frequencies": "isotropic", "length_scale": 2.0, "random_state": 0}


@pytest.mark.parametrize(
    ("loss", "score"),
    [
        ("squared_error", r2_score),
        ("huber", r2_score),
        ("absolute_error", d2_absolute_error_score),
        ("quantile", lambda y, p, **weight: d2_pinball_score(y, p, alpha=0.3, **weight)),
        ("poisson", lambda y, p, **weight: d2_tweedie_score(y, p, power=1, **weight)),
        ("gamma", lambda y, p, **weight: d2_tweedie_score(y, p, power=2, **weight)),
    ],
)
def test_the_score_is_that_of_scikit_learn_for_the_loss(loss, score):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 1))
    y, weight = np.exp(X[:, 0] + 0.2 * rng.normal(size=60)), rng.uniform(size=60)
    model = BundledNetworkRegressor(loss=loss, quantile=0.3, **SETTINGS).fit(X, y)
    np.testing.assert_allclose(model.score(X, y, weight), score(y, model.predict(X), sample_weight=weight))


def test_the_score_of_several_targets_or_quantiles_is_their_mean():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 1))
    y = np.exp(X[:, 0] + 0.2 * rng.normal(size=60))
    both = BundledNetworkRegressor(loss="poisson", alpha=1.0, **SETTINGS).fit(X, np.column_stack([y, y]))
    alone = BundledNetworkRegressor(loss="poisson", alpha=1.0, **SETTINGS).fit(X, y)
    np.testing.assert_allclose(both.score(X, np.column_stack([y, y])), alone.score(X, y), rtol=1e-3)
    pair = BundledNetworkRegressor(loss="quantile", quantile=[0.2, 0.8], **SETTINGS).fit(X, y)
    scores = [d2_pinball_score(y, column, alpha=a) for a, column in zip([0.2, 0.8], pair.predict(X).T, strict=True)]
    np.testing.assert_allclose(pair.score(X, y), np.mean(scores))


def test_positive_targets_are_announced_to_scikit_learn():
    assert BundledNetworkRegressor(loss="gamma").__sklearn_tags__().target_tags.positive_only
    assert not BundledNetworkRegressor().__sklearn_tags__().target_tags.positive_only


def wave():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 1))
    return X, np.exp(X[:, 0] + 0.2 * rng.normal(size=60))


@pytest.mark.parametrize(
    "network",
    [
        BundledNetworkRegressor(alpha=0.1, **SETTINGS),
        BundledNetworkRegressor(8, alpha=0.1, loss="poisson", **SETTINGS),
        BundledNetworkRegressorCV(8, alphas=0.1, cv=2, random_state=0),
    ],
)
def test_a_pipeline_passes_intervals_on(network):
    X, y = wave()
    pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
    mean, interval = pipeline.predict(X, return_interval=0.8)
    np.testing.assert_array_equal(mean, pipeline.predict(X))
    np.testing.assert_array_equal(interval, pipeline[-1].predict_interval(pipeline[0].transform(X), 0.8))
    assert interval.shape == (60, 2) and np.all(interval[:, 0] < interval[:, 1])


def test_intervals_of_several_targets_have_an_axis_for_them():
    X, y = wave()
    model = BundledNetworkRegressor(alpha=0.1, **SETTINGS).fit(X, np.column_stack([y, -y]))
    mean, interval = model.predict(X[:5], return_interval=0.8)
    assert mean.shape == (5, 2) and interval.shape == (5, 2, 2)
    np.testing.assert_allclose(interval.mean(axis=-1), mean)


def test_intervals_of_transformed_targets_are_the_transformed_ends():
    X, y = wave()
    network = BundledNetworkRegressor(alpha=0.1, **SETTINGS)
    model = TransformedTargetRegressor(network, func=np.log, inverse_func=np.exp).fit(X, y)
    interval = model.transformer_.inverse_transform(model.regressor_.predict_interval(X, 0.8))
    assert np.all(interval > 0.0) and 0.7 < np.mean((interval[:, 0] <= y) & (y <= interval[:, 1])) < 0.95


@pytest.mark.parametrize("level", [0.0, 1.0, np.nan, True, "0.9"])
def test_a_level_is_a_number_between_zero_and_one(level):
    X, y = wave()
    model = BundledNetworkRegressor(8, alpha=0.1, **SETTINGS).fit(X, y)
    with pytest.raises(ValueError, match=r"return_interval=.* must lie between 0 and 1"):
        model.predict(X, return_interval=level)
    with pytest.raises(ValueError, match=r"confidence_level=.* must lie between 0 and 1"):
        model.predict_interval(X, level)


def test_deviations_and_intervals_exclude_each_other():
    X, y = wave()
    model = BundledNetworkRegressor(8, alpha=0.1, **SETTINGS).fit(X, y)
    with pytest.raises(ValueError, match=r"return_std=True and return_interval=0.9 exclude each other.*Leave one out"):
        model.predict(X, return_std=True, return_interval=0.9)


def test_the_warning_of_endless_intervals_names_the_line_of_the_user():
    X, y = wave()
    model = BundledNetworkRegressor(8, alpha=0.1, **SETTINGS).fit(X[:8], y[:8])
    for ask in (lambda: model.predict(X, return_interval=0.9), lambda: model.predict_interval(X)):
        with pytest.warns(UserWarning, match=r"8 training rows .* at least 9 rows") as caught:
            ask()
        assert caught[0].filename == __file__


def test_a_single_row_has_no_scatter_and_says_so():
    model = BundledNetworkRegressor(8, alpha=0.1, **SETTINGS).fit([[1.0]], [2.0])
    with pytest.warns(UserWarning, match="A single training row tells nothing") as caught:
        assert model.predict([[1.0]], return_std=True)[1] == 0.0
    assert caught[0].filename == __file__
