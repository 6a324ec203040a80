import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
)
from sknnk._cross_validation.raw_tables import encoded_rows

pandas = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
X = pandas.DataFrame({"size": RNG.normal(size=90), "colour": RNG.choice(["red", "blue", "green"], 90)})
y = X["size"].to_numpy() ** 2 + (X["colour"] == "red").to_numpy()
X.loc[::6, "size"] = np.nan


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
@pytest.mark.parametrize("preprocessing", ["once", "fold"])
def test_a_raw_table_is_searched_over(scoring, preprocessing):
    search = BundledNetworkRegressorCV((4, 16), cv=3, scoring=scoring, preprocessing=preprocessing, random_state=0)
    search.fit(X, y)
    assert search.score(X, y) > (0.5 if scoring is None else -0.6)
    assert np.isfinite(search.predict(X[:3].assign(colour=["pink", None, "red"]))).all()
    assert search.feature_names_in_.tolist() == ["size", "colour"] and search.feature_importances_.shape == (2,)


def test_classes_are_searched_over_with_balanced_weights():
    labels = np.where(y > 1.0, "large", "small")
    search = BundledNetworkClassifierCV((4, 16), cv=3, class_weight="balanced", random_state=0).fit(X, labels)
    assert search.score(X, labels) > 0.8
    np.testing.assert_allclose(search.predict_proba(X).sum(axis=1), 1.0)


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
@pytest.mark.parametrize("classify", [False, True])
def test_scores_are_those_of_a_search_over_the_network_if_each_training_set_encodes_its_rows(classify, scoring):
    table = X.assign(city=[f"city {i % 50}" for i in range(90)], flag=X["colour"].where(X["size"] > 0.0))
    targets = y > 1.0 if classify else y
    fixed = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 1.5}
    network = (BundledNetworkClassifier if classify else BundledNetworkRegressor)(16, random_state=0, **fixed)
    scoring = "neg_log_loss" if classify and scoring else scoring
    grid = GridSearchCV(network, {"alpha": [1.0, 0.1]}, cv=3, scoring=scoring).fit(table, targets)
    search = BundledNetworkClassifierCV if classify else BundledNetworkRegressorCV
    search = search(16, alphas=(1.0, 0.1), length_scales=1.5, cv=3, scoring=scoring, preprocessing="fold")
    search.set_params(random_state=0).fit(table, targets)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], grid.cv_results_["mean_test_score"], rtol=1e-6)
    np.testing.assert_allclose(search.predict(table), grid.predict(table), rtol=1e-6)


def test_rows_of_weight_zero_have_no_say_in_what_fills_gaps():
    weight = np.r_[np.zeros(30), np.ones(60)]
    odd = X.assign(size=np.where(weight > 0.0, X["size"], 1e6))
    description, rows, _ = encoded_rows(BundledNetworkRegressorCV(), odd, y, weight)
    np.testing.assert_array_equal(
        description["_table"].middles,
        encoded_rows(BundledNetworkRegressorCV(), X[30:], y[30:], None)[0]["_table"].middles,
    )
    assert len(rows.X) == 90 and np.isfinite(rows.X).all()


def test_a_category_of_many_values_is_refused_where_its_statistics_would_see_test_rows():
    wide = X.assign(city=[f"city {i // 2}" for i in range(90)])
    with pytest.raises(ValueError, match=r"column 'city' of X has 45 different values.*set preprocessing='fold'"):
        BundledNetworkRegressorCV(4).fit(wide, y)


def test_nothing_is_gained_from_a_category_that_says_nothing_of_the_target():
    city = pandas.DataFrame({"city": [f"city {i}" for i in RNG.integers(60, size=300)]})
    search = BundledNetworkRegressorCV((8, 32), cv=3, preprocessing="fold", random_state=0)
    assert search.fit(city, RNG.normal(size=300)).best_score_ < 0.01


def test_weights_of_zero_go_with_frames_of_polars_and_lists():
    frame, weight = pytest.importorskip("polars").from_pandas(X), np.arange(90) % 2.0
    search = BundledNetworkRegressorCV(4, cv=2, random_state=0)
    expected = clone(search).fit(X, y, weight).predict(X)
    np.testing.assert_allclose(search.fit(frame, y.tolist(), weight).predict(frame), expected)
