import pickle
import re
import tracemalloc
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.metrics import cohen_kappa_score, explained_variance_score, make_scorer
from sklearn.model_selection import ParameterGrid, cross_val_score
from sklearn.utils import get_tags

from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
)

SEARCHES = [
    BundledNetworkRegressorCV((4, 8), alphas=(1.0, 0.1), cv=3, random_state=0),
    BundledNetworkClassifierCV((4, 8), alphas=(1.0, 0.1), cv=3, random_state=0),
]
each = pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)


def rows_for(search):
    return (load_wine if is_classifier(search) else load_diabetes)(return_X_y=True)


def few_columns(search):
    """Rows that no network knows all about."""
    X, y = rows_for(search)
    return X[:, 2:4], y


def another_metric(search):
    """A scorer that is not the default one, and takes weights."""
    return make_scorer(cohen_kappa_score if is_classifier(search) else explained_variance_score)


@each
def test_a_search_becomes_the_network_that_it_chooses(search):
    search = clone(search).fit(*rows_for(search))
    network = search.best_estimator_
    assert type(network) is (BundledNetworkClassifier if is_classifier(search) else BundledNetworkRegressor)
    assert network.get_params().items() >= search.best_params_.items()
    X, _ = rows_for(search)
    for method in ("predict", "transform", "predict_proba", "decision_function"):
        assert hasattr(search, method) == hasattr(network, method)
        if hasattr(search, method):
            np.testing.assert_array_equal(getattr(search, method)(X), getattr(network, method)(X))
    fitted = {name for name in vars(network) if name.endswith("_") and not name.startswith("_")} - {"n_components_"}
    assert {"output_coef_", "alpha_", "samplers_", "n_features_in_"} <= fitted
    for name in fitted:
        np.testing.assert_equal(getattr(search, name), getattr(network, name), err_msg=name)
    assert network.n_components_ == (search.n_components_,)


@each
def test_every_attribute_that_is_documented_exists(search):
    fitted = clone(search).fit(*rows_for(search))
    documented = type(search).__doc__.split("Attributes\n")[1].split("See Also")[0]
    names = {name for line in re.findall(r"^    (\w.*?) :", documented, re.M) for name in line.split(", ")}
    assert {"cv_results_", "output_coef_", "n_features_in_"} <= names
    assert {name for name in names if not hasattr(fitted, name)} == {"feature_names_in_"}
    named = clone(search).fit(*(load_wine if is_classifier(search) else load_diabetes)(return_X_y=True, as_frame=True))
    assert all(hasattr(named, name) for name in names)


@each
def test_what_a_network_learns_is_not_there_before_the_fit(search):
    for name in ("output_coef_", "alpha_", "n_features_in_", "best_estimator_"):
        assert not hasattr(clone(search), name)


@each
def test_parameters_are_left_as_they_are(search):
    fitted = clone(search).fit(*rows_for(search))
    assert repr(fitted) == repr(search)
    assert fitted.get_params().keys() == clone(fitted).get_params().keys()


@each
def test_a_fitted_search_can_be_pickled(search):
    X, y = rows_for(search)
    fitted = clone(search).fit(X, y)
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict(X), fitted.predict(X))
    assert copied.cv_results_.keys() == fitted.cv_results_.keys()


@each
def test_candidates_are_in_the_order_of_a_parameter_grid(search):
    axes = {"activations": ["relu", "sin"], "length_scales": [1.0, 2.0, 3.0]}
    fitted = clone(search).set_params(**axes).fit(*rows_for(search))
    grid = {"n_components": (4, 8), "alpha": (1.0, 0.1), "activation": ["relu", "sin"], "length_scale": [1.0, 2.0, 3.0]}
    assert fitted.cv_results_["params"] == list(ParameterGrid(grid))
    for key, values in grid.items():
        assert set(fitted.cv_results_[f"param_{key}"]) == set(values)
    # Whatever is chosen, its scores are its own.
    for index in (0, 17):
        params = fitted.cv_results_["params"][index]
        chosen = clone(fitted).set_params(refit=lambda results, index=index: index).fit(*rows_for(search))
        network = chosen.best_estimator_
        assert (network.activation_, network.length_scale_) == (params["activation"], params["length_scale"])
        alone = {"activations": params["activation"], "length_scales": params["length_scale"]}
        single = clone(search).set_params(**alone, n_components=params["n_components"], alphas=params["alpha"])
        score = single.fit(*rows_for(search)).best_score_
        assert fitted.cv_results_["mean_test_score"][index] == pytest.approx(score, abs=1e-6)


@each
def test_one_value_is_not_an_axis(search):
    fitted = clone(search).set_params(activations="relu", length_scales=2.0).fit(*rows_for(search))
    assert set(fitted.best_params_) == {"n_components", "alpha"}
    assert fitted.activation_ == "relu"
    assert fitted.length_scale_ == 2.0


@each
def test_nested_cross_validation_works(search):
    scores = cross_val_score(search, *rows_for(search), cv=3, error_score="raise")
    assert scores.shape == (3,)
    assert scores.min() > 0.3


@each
def test_a_search_that_is_not_fitted_says_so(search):
    X, _ = rows_for(search)
    for method in (search.predict, search.transform):
        with pytest.raises(NotFittedError):
            method(X)


@each
def test_a_search_without_refit_says_what_there_is_instead_of_a_network(search):
    X, y = rows_for(search)
    fitted = clone(search).set_params(refit=False).fit(X, y)
    for method in (fitted.predict, fitted.transform, partial(fitted.score, y=y)):
        with pytest.raises(NotFittedError, match=r"refit=False .*best_params_"):
            method(X)
    assert not hasattr(fitted, "output_coef_")


@each
@pytest.mark.parametrize("n_scores", [0, 1, 2])
def test_a_search_is_scored_by_what_it_chose_by(search, n_scores):
    X, y = few_columns(search)
    metric = another_metric(search)
    scoring = [None, metric, {"chosen": metric, "beside": "accuracy" if is_classifier(search) else "r2"}][n_scores]
    search = clone(search).set_params(scoring=scoring, refit="chosen" if n_scores == 2 else True).fit(X, y)
    weight = np.random.default_rng(0).uniform(size=len(y))
    expected = partial(metric, search.best_estimator_) if n_scores else search.best_estimator_.score
    assert search.score(X[::2], y[::2]) == expected(X[::2], y[::2])
    assert search.score(X, y, weight) == expected(X, y, sample_weight=weight)
    with pytest.raises(TypeError, match="colour"):
        search.score(X, y, colour=1)


@each
def test_nested_cross_validation_reports_the_metric_of_the_search(search):
    X, y = rows_for(search)
    metric = "neg_log_loss" if is_classifier(search) else "neg_mean_absolute_error"
    search = clone(search).set_params(scoring=metric)
    scores = [cross_val_score(search, X, y, cv=3, scoring=scoring) for scoring in (None, metric)]
    np.testing.assert_array_equal(*scores)


@each
def test_metadata_routing_tells_the_scorer_of_a_search_that_is_scored(search):
    X, y = few_columns(search)
    weight = np.random.default_rng(0).integers(0, 2, size=len(y)).astype(float)
    with config_context(enable_metadata_routing=True):
        for asked in (True, False):
            scorer = another_metric(search).set_score_request(sample_weight=asked)
            fitted = clone(search).set_params(scoring=scorer).fit(X, y)
            rows = weight > 0 if asked else slice(None)
            assert fitted.score(X, y, sample_weight=weight) == pytest.approx(fitted.score(X[rows], y[rows]), rel=1e-9)


@each
def test_tags_are_those_of_the_network(search):
    network = BundledNetworkClassifier() if is_classifier(search) else BundledNetworkRegressor()
    # Tensors of other libraries are for the network alone.
    assert get_tags(search) == replace(get_tags(network), array_api_support=False)


def test_what_a_subclass_learns_stays_and_what_an_earlier_search_found_goes():
    class Annotated(BundledNetworkRegressorCV):
        def fit(self, X, y, sample_weight=None, **params):
            self.largest_ = np.max(y)
            return super().fit(X, y, sample_weight, **params)

    X, y = load_diabetes(return_X_y=True)
    fitted = Annotated((4, 8), alphas=(1.0, 0.1), cv=3, random_state=0).fit(X, y)
    assert fitted.largest_ == y.max()
    fitted.set_params(refit=lambda results: 0).fit(X, -y)
    assert fitted.largest_ == -y.min()
    assert not hasattr(fitted, "best_score_")


def peak_memory(n_samples):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_samples, 2)), rng.normal(size=n_samples)
    search = BundledNetworkRegressorCV((64, 256), alphas=(1.0, 0.1), batch_size=500, n_jobs=1, random_state=0)
    tracemalloc.start()
    search.fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_no_feature_of_all_rows_is_ever_held():
    few, many = 5000, 25_000
    per_row = (peak_memory(many) - peak_memory(few)) / (many - few)
    # A row of 256 features is 2048 bytes; what remains are copies of inputs, targets, weights and positions.
    assert per_row < 300
