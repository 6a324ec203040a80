import numpy as np
import pytest
from sklearn.metrics import d2_absolute_error_score, d2_pinball_score, d2_tweedie_score, r2_score

from sknnk import BundledNetworkRegressor

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
