"""A fit that is interrupted at any call, by whatever is raised there, leaves the estimator exactly as it was."""

import inspect
import sys
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor

import sknnk
from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
    bundle,
)
from sknnk._networks import streaming

rng = np.random.default_rng(0)
X, NEW = rng.normal(size=(30, 3)), rng.normal(size=(20, 4))
y, labels = np.sin(X[:, 0]) + X[:, 1], np.where(X[:, 0] > 0.0, "b", "a")
new_y, new_labels = rng.normal(size=20), np.where(NEW[:, 0] > 0.0, "d", "c")
KERNEL = {"activation": "gaussian", "length_scale": 1.5, "alpha": 0.1, "random_state": 0, "n_jobs": 1}
# A fit of so many calls is interrupted at every one; a longer one at so many, of which the last ones follow each other.
# The errors take turns.
MOST, LAST = 16, 7
ERRORS = (KeyboardInterrupt, MemoryError)

REGRESSORS = {
    "random": BundledNetworkRegressor(8, **KERNEL),
    "several penalties": BundledNetworkRegressor(8, **{**KERNEL, "alpha": [0.1, 1.0]}),
    "deep": BundledNetworkRegressor((6, 8), **KERNEL),
    "dual": BundledNetworkRegressor(40, **KERNEL, solver="dual"),
    "cg": BundledNetworkRegressor(8, **KERNEL, solver="cg"),
    "exact": BundledNetworkRegressor(**KERNEL, feature_map="kernel"),
    "landmarks": BundledNetworkRegressor(8, **KERNEL, feature_map="kernel"),
    "blocks": BundledNetworkRegressor(8, **KERNEL, feature_map="kernel", block_size=10),
    "automatic": BundledNetworkRegressor(
        activation="cauchy", frequencies="isotropic", input_transform="robust", random_state=0, n_jobs=1
    ),
    "CV": BundledNetworkRegressorCV((4, 8), alphas=(0.1, 1.0), cv=2, random_state=0, n_jobs=1),
}
CLASSIFIERS = {
    "classifier": BundledNetworkClassifier(8, **KERNEL),
    "exact classifier": BundledNetworkClassifier(**KERNEL, feature_map="kernel"),
    "classifier CV": BundledNetworkClassifierCV((4, 8), alphas=(0.1,), cv=2, random_state=0, n_jobs=1),
}
SAMPLERS = {
    "URF": URFSampler(n_components=8, random_state=0),
    "unbiased": URFSampler("tanh", n_components=8, mode="unbiased", weight_norm=0.1, random_state=0),
    "arc-cosine": ArcCosineSampler(n_components=8, random_state=0),
}
MODELS = {**REGRESSORS, **CLASSIFIERS, **SAMPLERS}


PACKAGE = str(Path(sknnk.__file__).parent)


def is_ours(frame):
    return frame is not None and frame.f_code.co_filename.startswith(PACKAGE)


def may_raise(frame):
    """Whether an error would reach the caller: not where a generator is closed that nobody will ask again."""
    return (is_ours(frame) or is_ours(frame.f_back)) and not frame.f_code.co_flags & inspect.CO_GENERATOR


class Interruptions:
    """Raises at one call of a function of this package, or of a library by it; or counts these calls."""

    def __init__(self, position=None, error=KeyboardInterrupt):
        self.position, self.error, self.n_calls = position, error, 0

    def __call__(self, frame, event, argument):
        if event == "call" and may_raise(frame):
            self.n_calls += 1
            if self.n_calls == self.position:
                sys.setprofile(None)
                raise self.error

    def __enter__(self):
        sys.setprofile(self)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)


def positions(model, action):
    """Every call of an action on a model; or some of them, the last ones among them."""
    n_calls = []
    for copy in [clone_with_state(model) for _ in range(2)]:  # a first run may fill caches
        with Interruptions() as counted:
            action(copy)
        n_calls.append(counted.n_calls)
    last = min(n_calls)
    if last <= MOST:
        return list(range(1, last + 1))
    return np.linspace(1, last - LAST, MOST - LAST).astype(int).tolist() + list(range(last - LAST + 1, last + 1))


def outputs(model, rows):
    method = "predict" if hasattr(model, "predict") else "transform"
    return getattr(model, method)(rows)


def check_interrupted(model, action):
    """Interrupt an action on a model at each position: it stays as it was."""
    before, predicted = dict(vars(model)), None
    if "n_features_in_" in before:
        predicted = outputs(model, X)
    draft = clone_with_state(model)
    action(draft)
    places, n_completed = positions(model, action), 0
    assert len(places) >= MOST / 2
    for position, error in zip(places, cycle(ERRORS)):
        try:
            with Interruptions(position, error):
                action(model)
        except error:
            assert vars(model).keys() == before.keys(), position
            assert all(vars(model)[name] is before[name] for name in before), position
        else:
            # Caches make a call fewer than the one that was counted, or a library passes over the error.
            n_completed += 1
            assert vars(model).keys() == vars(draft).keys(), position
            model.__dict__ = dict(before)
    # The first fit of a process fills caches, and may have counted all of the last calls too far.
    assert n_completed <= len(places) / 2
    if predicted is None:
        with pytest.raises(NotFittedError):
            outputs(model, X)
    else:
        np.testing.assert_array_equal(outputs(model, X), predicted)
    # What was interrupted so often still does what it would have done at once.
    action(model)
    np.testing.assert_array_equal(outputs(model, draft_rows(model)), outputs(draft, draft_rows(model)))


def clone_with_state(model):
    copied = clone(model)
    vars(copied).update(vars(model))
    return copied


def draft_rows(model):
    return X if model.n_features_in_ == X.shape[1] else NEW


def first_fit(name):
    return lambda model: model.fit(X, labels if name in CLASSIFIERS else y)


def refit(name):
    # Other rows, another number of columns, other classes.
    return lambda model: model.fit(NEW, new_labels if name in CLASSIFIERS else new_y)


@pytest.mark.parametrize("name", MODELS)
def test_a_first_fit_that_is_interrupted_leaves_an_estimator_that_is_not_fitted(name):
    check_interrupted(clone(MODELS[name]), first_fit(name))


@pytest.mark.parametrize("name", MODELS)
def test_a_refit_that_is_interrupted_leaves_the_fit_before(name):
    check_interrupted(first_fit(name)(clone(MODELS[name])), refit(name))


@pytest.mark.parametrize("name", ["random", "several penalties", "exact", "landmarks", "blocks", "classifier"])
def test_a_chunk_that_is_interrupted_counts_once_when_it_is_given_again(name, monkeypatch):
    # The second chunk brings so many rows that layers are fixed, and the third is added to them.
    monkeypatch.setattr(streaming, "FEW_ROWS", 20)
    targets = labels if name in CLASSIFIERS else y
    known = {"classes": np.unique(labels)} if name in CLASSIFIERS else {}

    def chunk(rows):
        return lambda model: model.partial_fit(X[rows], targets[rows], **known)

    model = clone(MODELS[name])
    for rows in (slice(0, 14), slice(14, 22), slice(22, 30)):
        check_interrupted(model, chunk(rows))
    assert model.n_samples_seen_ == 30


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_the_last_layer_of_a_partly_bundled_network_is_the_old_or_the_new_one(kind):
    targets = y if kind is MLPRegressor else labels
    mlp = kind(hidden_layer_sizes=(5, 4), max_iter=5, random_state=0)
    mlp = mlp.partial_fit(X, targets, **({} if kind is MLPRegressor else {"classes": np.unique(labels)}))
    partly = bundle(mlp, n_components=8, X=X, n_layers=1, random_state=0)
    check_interrupted(partly, lambda model: model.fit(X, targets))


def test_a_fit_that_is_refused_changes_nothing():
    for name, model in MODELS.items():
        fitted = first_fit(name)(clone(model))
        before = dict(vars(fitted))
        for bad in (np.full((20, 4), np.inf), np.zeros((0, 4)), np.zeros(5)):
            with pytest.raises(ValueError):
                fitted.fit(bad, new_labels if name in CLASSIFIERS else new_y)
        assert all(vars(fitted)[key] is value for key, value in before.items()), name


def test_without_the_draft_the_hook_finds_the_mixture():
    """Power: an estimator that writes its attributes one by one is caught."""

    class OneByOne(BundledNetworkRegressor):
        def _publish(self, fitted, description, *_):
            for name, value in {**fitted.attributes(), **description, "_fitted": fitted}.items():
                setattr(self, name, value)
                fitted.attributes()

    model = OneByOne(8, **KERNEL).fit(X, y)
    with pytest.raises(AssertionError):
        check_interrupted(model, refit("random"))
