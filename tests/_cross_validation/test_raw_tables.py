import numpy as np
import pytest
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


def test_scores_are_those_of_a_search_over_the_network_where_no_value_is_rare_or_missing():
    table = X.assign(size=y)
    fixed = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 1.5}
    network = BundledNetworkRegressor(16, random_state=0, **fixed)
    grid = GridSearchCV(network, {"alpha": [1.0, 0.1]}, cv=3).fit(table, y)
    search = BundledNetworkRegressorCV(
        16, alphas=(1.0, 0.1), length_scales=1.5, cv=3, preprocessing="fold", random_state=0
    ).fit(table, y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], grid.cv_results_["mean_test_score"], rtol=1e-6)


def test_rows_of_weight_zero_have_no_say_in_what_fills_gaps():
    weight = np.r_[np.zeros(30), np.ones(60)]
    odd = X.assign(size=np.where(weight > 0.0, X["size"], 1e6))
    description, rows = encoded_rows(BundledNetworkRegressorCV(), odd, y, weight)
    np.testing.assert_array_equal(
        description["_table"].middles,
        encoded_rows(BundledNetworkRegressorCV(), X[30:], y[30:], None)[0]["_table"].middles,
    )
    assert len(rows.X) == 90 and np.isfinite(rows.X).all()


def test_a_category_of_many_values_is_refused_with_what_to_do():
    wide = X.assign(city=[f"city {i // 2}" for i in range(90)])
    with pytest.raises(ValueError, match=r"column 'city' of X has 45 different values.*GridSearchCV"):
        BundledNetworkRegressorCV(4).fit(wide, y)
    searched = GridSearchCV(BundledNetworkClassifier(4, random_state=0), {"alpha": [0.1, 1.0]}, cv=2)
    assert searched.fit(wide, y > 1.0).best_score_ > 0.4
