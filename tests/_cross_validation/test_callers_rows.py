"""Splitters and scorers of a search get the rows and targets of the caller, as GridSearchCV hands them on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, KFold

from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
)

rng = np.random.default_rng(0)
FRAME = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"], index=pd.date_range("2026-01-01", periods=40))
TARGET = pd.Series(np.sin(FRAME["a"]) + FRAME["b"], index=FRAME.index, name="y")
LABELS = pd.Series(np.where(TARGET > 0.0, "above", "below"), index=FRAME.index, name="label")
PAIRS = [
    (BundledNetworkRegressorCV, BundledNetworkRegressor, TARGET),
    (BundledNetworkClassifierCV, BundledNetworkClassifier, LABELS),
]


class ByMonth(KFold):
    """Splits by what the index of frame and series says."""

    def split(self, X, y=None, groups=None):
        assert X.index.equals(y.index)
        for month in (1, 2):
            yield np.flatnonzero(X.index.month != month), np.flatnonzero(y.index.month == month)


def recent(estimator, X, y):
    """A score that needs the dates of both."""
    late = X.index.day > 4
    assert X.index.equals(y.index) and y.name in ("y", "label") and list(X.columns) == ["a", "b", "c"]
    return (
        float(np.mean(estimator.predict(X)[late] == y[late]))
        if y.name == "label"
        else estimator.score(X[late], y[late])
    )


@pytest.mark.parametrize(("search", "network", "y"), PAIRS)
def test_the_scores_are_those_of_a_grid_search_with_the_same_splitter_and_scorer(search, network, y):
    counts, alphas = (4, 8), (0.1, 1.0)
    kernel = {"directions": "orthogonal", "frequencies": "isotropic", "random_state": 0}
    shared = {"cv": ByMonth(2), "scoring": recent}
    ours = search(counts, alphas=alphas, length_scales=1.5, preprocessing="fold", **shared, **kernel)
    ours.fit(FRAME, y)
    grid = GridSearchCV(
        network(activation="gaussian", length_scale=1.5, **kernel),
        {"alpha": list(alphas), "n_components": list(counts)},
        **shared,
    ).fit(FRAME, y)
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], grid.cv_results_["mean_test_score"], rtol=1e-6)


def test_targets_in_a_frame_stay_a_frame():
    seen = []

    def scoring(estimator, X, y):
        seen.append(type(y))
        return estimator.score(X, y)

    targets = pd.DataFrame({"one": TARGET, "two": -TARGET})
    BundledNetworkRegressorCV((4,), alphas=(0.1,), cv=2, scoring=scoring, random_state=0).fit(FRAME, targets)
    assert seen == [pd.DataFrame] * 2
