"""What the caller does with arrays after a call changes nothing in a model, and a call changes nothing in them."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier

from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
)

FIXED = {"activation": "gaussian", "frequencies": "isotropic", "input_transform": None, "random_state": 0}
MODELS = {
    "random": BundledNetworkRegressor(12, **FIXED),
    "exact": BundledNetworkRegressor(**FIXED, feature_map="kernel"),
    "landmarks": BundledNetworkRegressor(12, **FIXED, feature_map="kernel"),
    "blocks": BundledNetworkRegressor(8, **FIXED, feature_map="kernel", block_size=20),
    "median": BundledNetworkRegressor(12, **FIXED, loss="absolute_error"),
    "classifier": BundledNetworkClassifier(12, **FIXED),
    "exact classifier": BundledNetworkClassifier(**FIXED, feature_map="kernel"),
    "CV": BundledNetworkRegressorCV((4, 8), alphas=(0.1, 1.0), cv=2, random_state=0),
    "URF": URFSampler(n_components=6, random_state=0),
    "arc-cosine": ArcCosineSampler(n_components=6, random_state=0),
}


def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return X, np.sin(X[:, 0]) + X[:, 1], rng.uniform(0.5, 2.0, size=60)


def answers(model, X):
    if isinstance(model, URFSampler | ArcCosineSampler):
        return [model.transform(X)]
    if is_classifier(model):
        return [model.predict_proba(X), model.feature_importances_]
    return [model.predict(X), model.predict_interval(X, 0.8), model.predict(X, return_std=True)[1]]


@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_arrays_that_are_overwritten_after_a_call_change_no_answer(name, chunks):
    if chunks and not hasattr(MODELS[name], "partial_fit"):
        pytest.skip("no chunks")
    X, y, weight = table()
    new, targets = X + 0.1, y > 0.0 if is_classifier(MODELS[name]) else y
    kept, overwritten = clone(MODELS[name]), clone(MODELS[name])
    for model in (kept, overwritten):
        for rows in (slice(0, 30), slice(30, 60)) if chunks else (slice(None),):
            given = X[rows].copy(), targets[rows].copy(), weight[rows].copy()
            copies = [each.copy() for each in given]
            named = {"classes": [False, True]} if chunks and is_classifier(model) else {}
            weights = {} if isinstance(model, URFSampler | ArcCosineSampler) else {"sample_weight": given[2]}
            (model.partial_fit if chunks else model.fit)(*given[:2], **weights, **named)
            for one, other in zip(given, copies, strict=True):
                np.testing.assert_array_equal(one, other)
            if model is overwritten:
                given[0][:], given[2][:] = np.nan, np.nan
                given[1][:] = ~given[1] if given[1].dtype == bool else np.nan
    for one, other in zip(answers(kept, new), answers(overwritten, new), strict=True):
        np.testing.assert_array_equal(one, other)
