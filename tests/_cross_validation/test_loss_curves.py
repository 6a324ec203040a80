"""Searches with other losses than squares: the scores of a grid search over the same network."""

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, KFold

from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
)
from sknnk._data import Dataset
from sknnk._networks import LossTargets, mean_curvature

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
MEAN = np.exp(1.0 + np.sin(X[:, 0]) + 0.5 * X[:, 1])
COUNTS = RNG.poisson(MEAN).astype(float)
POSITIVE = MEAN * RNG.gamma(3.0, size=120)
NUMBERS = np.sin(X[:, 0]) + 0.2 * RNG.normal(size=120)
WEIGHT = RNG.integers(1, 4, size=120).astype(float)
TARGETS = {"poisson": COUNTS, "gamma": POSITIVE}
NUMERIC = {
    "huber": {},
    "absolute_error": {},
    "quantile": {"quantile": 0.8},
    "poisson": {},
    "gamma": {},
    "levels": {"loss": "quantile", "quantile": [0.2, 0.8]},
}
KERNEL = {"directions": "orthogonal", "frequencies": "isotropic", "input_transform": None, "random_state": 0}
GRID = {"alpha": (10.0, 0.1), "n_components": (8, 16)}


def both(loss, y, settings=None, fit=None, **options):
    """Our search, and that of scikit-learn over the same candidates."""
    kinds = (BundledNetworkRegressorCV, BundledNetworkRegressor)
    if loss == "log_loss":
        kinds = (BundledNetworkClassifierCV, BundledNetworkClassifier)
    settings = {"loss": loss, **KERNEL, **(settings or {})}
    cv = KFold(2, shuffle=True, random_state=0)
    search = kinds[0](GRID["n_components"], alphas=GRID["alpha"], length_scales=2.0, cv=cv, **settings, **options)
    network = kinds[1](activation="gaussian", length_scale=2.0, **settings)
    options = {"scoring": search._scorer(), **options}
    return search.fit(X, y, **(fit or {})), GridSearchCV(network, GRID, cv=cv, **options).fit(X, y, **(fit or {}))


def assert_same_search(search, expected):
    ours, theirs = search.cv_results_, expected.cv_results_
    assert list(ours) == list(theirs)
    for key, values in theirs.items():
        if key.startswith(("split", "mean_t", "std_t")):
            np.testing.assert_allclose(ours[key], values, rtol=1e-8, err_msg=key)
    assert search.best_params_ == expected.best_params_
    np.testing.assert_allclose(search.predict(X[:9]), expected.predict(X[:9]), rtol=1e-8)
    assert search.n_iter_ == expected.best_estimator_.n_iter_ > 1


@pytest.mark.parametrize("name", NUMERIC)
def test_scores_choice_and_predictions_are_those_of_grid_search(name):
    settings = NUMERIC[name]
    loss = settings.get("loss", name)
    assert_same_search(*both(loss, TARGETS.get(loss, NUMBERS), settings, {"sample_weight": WEIGHT}))


def test_training_scores_and_any_scorer_are_those_of_grid_search():
    options = {"scoring": "neg_mean_poisson_deviance", "return_train_score": True}
    assert_same_search(*both("poisson", COUNTS, **options))


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_searched_by_log_loss(n_classes, class_weight):
    labels = np.digitize(NUMBERS, [0.3] if n_classes == 2 else [-0.3, 0.3])
    # The default score follows the weights of classes, which that of a grid search does not.
    search, expected = both("log_loss", labels, {"class_weight": class_weight}, scoring="neg_log_loss")
    assert_same_search(search, expected)
    default = BundledNetworkClassifierCV(8, loss="log_loss", alphas=1.0, cv=2, random_state=0).fit(X, labels)
    assert default.score(X, labels) == pytest.approx(-log_loss(labels, default.predict_proba(X)))


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_wild_targets_in_test_rows_do_not_decide(loss):
    """The large penalty gives a constant: by R2 it wins or loses by chance, by the absolute error it loses."""
    y = NUMBERS.copy()
    y[::20] += 1000.0 * RNG.choice([-1.0, 1.0], size=6)
    search = BundledNetworkRegressorCV(16, loss=loss, alphas=(1e6, 0.1), cv=3, random_state=0).fit(X, y)
    assert search.best_params_["alpha"] == (0.1 if loss == "huber" else 1e6)


@pytest.mark.parametrize(("loss", "power"), [("quantile", -1.0), ("poisson", 1.0), ("huber", 0.0), ("gamma", 0.0)])
def test_automatic_penalties_follow_the_units_of_the_loss(loss, power):
    y = TARGETS.get(loss, NUMBERS)

    def curvature(y):
        targets = LossTargets.for_loss(y, X.dtype, loss, 0.5)
        return mean_curvature(loss, 0.5, Dataset.of(X, y[:, None], np.ones(120)), targets)

    assert curvature(1000.0 * y) == pytest.approx(1000.0**power * curvature(y))
    search = BundledNetworkRegressorCV(8, loss=loss, cv=2, random_state=0).fit(X, y)
    np.testing.assert_allclose(search.cv_results_["param_alpha"].max(), 100.0 * curvature(y))


def test_raw_tables_and_refit_false_work():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c"]).assign(kind=np.where(X[:, 0] > 0.0, "up", "down"))
    settings = {"loss": "poisson", "cv": 2, "random_state": 0}
    search = BundledNetworkRegressorCV((8, 16), alphas=1.0, preprocessing="fold", **settings).fit(table, COUNTS)
    assert np.all(search.predict(table) > 0.0) and search.score(table, COUNTS) > 0.5
    results = BundledNetworkRegressorCV(8, alphas=(1.0, 0.1), refit=False, **settings).fit(X, COUNTS)
    assert results.best_params_["n_components"] == 8


def test_targets_and_penalties_that_a_loss_is_not_defined_for_are_refused():
    with pytest.raises(ValueError, match="out of the valid range of the loss 'poisson'"):
        BundledNetworkRegressorCV(8, loss="poisson").fit(X, NUMBERS)
    with pytest.raises(ValueError, match=r"alphas must all be positive with loss='huber', and hold 0.0"):
        BundledNetworkRegressorCV(8, loss="huber", alphas=0.0).fit(X, NUMBERS)
