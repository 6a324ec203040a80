import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_html_repr, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
)

DEFAULTS = [URFSampler(), ArcCosineSampler(), BundledNetworkRegressor(), BundledNetworkClassifier()]
SAMPLERS = [
    *(URFSampler(directions=name, n_components=20) for name in ("gaussian", "sparse", "qmc", "hadamard")),
    URFSampler("cauchy", frequencies="coordinatewise", n_components=21),
    URFSampler(np.tanh, directions="qmc", frequencies="coordinatewise", n_components=20, length_scale=2.0),
    ArcCosineSampler(0, n_components=20, bias=0.0),
    ArcCosineSampler(2, n_components=21, directions="sparse", length_scale=2.0),
]
# Each setting of what the networks share is checked on one of the two, several settings at a time. Penalties are fixed
# where the automatic one would be so small that the sums of the primal, correct to a few roundings, give coefficients
# correct to 1e-7; length scales are fixed where another network here searches for them.
NETWORKS = [
    BundledNetworkRegressor((24, 16), frequencies="coordinatewise", solver="primal", alpha=0.1, length_scale=1.5),
    BundledNetworkRegressor(24, directions="hadamard", direct_link=False, alpha=[1e-3, 1e-1, 10.0], n_jobs=2),
    BundledNetworkClassifier(24, activation="relu", solver="dual", class_weight="balanced", length_scale=1.5),
    BundledNetworkClassifier(24, input_transform=None, alpha=0.1, batch_size=7, length_scale=1.5),
    BundledNetworkRegressor(
        12, activation="gaussian", frequencies="isotropic", feature_map="kernel", feature_learning="agop"
    ),
    BundledNetworkClassifier(12, feature_map="kernel", input_transform=None, length_scale=1.5),
    BundledNetworkClassifier(5, block_size=8, feature_map="kernel", length_scale=1.5),
    BundledNetworkRegressor(5, block_size=8, feature_map="kernel", length_scale=1.5),
    BundledNetworkRegressorCV((4, 8), alphas=(1.0, 0.1), cv=3),
    BundledNetworkClassifierCV((4, 8), alphas=(0.1,), cv=3),
]


# scikit-learn rounds the rows for estimators that take categories, and some of its classes then have a single row.
RARE_CLASSES = pytest.mark.filterwarnings("ignore:The least populated class in y has only")


def name_of(value):
    if not callable(value):
        return repr(value).replace("\n", "").replace(" ", "")
    settings = ",".join(f"{name}={setting}" for name, setting in value.keywords.items())
    return value.func.__name__ + (f"({settings})" if settings else "")


def is_asked(estimator, check, are_defaults):
    """Whether no other check here asks the same of the same code."""
    name, is_network = check.func.__name__, hasattr(estimator, "predict")
    if "array_api" in name:
        return False  # test_array_api.py asks those
    if is_network and name in ("check_classifiers_train", "check_regressors_train", "check_transformer_general"):
        # All three come with rows that may be written, and with rows that may not, which is more.
        kinds = {"readonly_memmap", "X_dtype"} if "_train" in name and not are_defaults else {"readonly_memmap"}
        return kinds <= check.keywords.keys()
    # Arrays and matrices of SciPy take turns.
    if is_network and name in ("check_estimator_sparse_array", "check_estimator_sparse_matrix"):
        return name.endswith("array") == (is_classifier(estimator) == are_defaults)
    return True


def with_checks(estimators, are_defaults=False):
    pairs = [(each, check) for each in estimators for _, check in estimator_checks_generator(each)]
    asked = [pair for pair in pairs if is_asked(*pair, are_defaults)]
    return pytest.mark.parametrize(("estimator", "check"), asked, ids=name_of)


# Not the classifier with cross-validation: its grid calls scorers of scikit-learn 200 times a fit. It is below.
@RARE_CLASSES
@with_checks([*DEFAULTS, BundledNetworkRegressorCV()], are_defaults=True)
def test_default_estimators_pass_every_check_of_scikit_learn(estimator, check):
    check(clone(estimator))


@RARE_CLASSES
@with_checks(SAMPLERS + NETWORKS)
def test_other_settings_pass_every_check_of_scikit_learn(estimator, check):
    check(clone(estimator))


def data_for(estimator):
    X, y = (load_wine if is_classifier(estimator) else load_diabetes)(return_X_y=True, as_frame=True)
    return X[::4], y[::4]


def columns_of(estimator):
    rows = data_for(estimator)[0]
    return estimator.transform(rows) if hasattr(estimator, "transform") else estimator.predict(rows)


def each(estimators):
    return pytest.mark.parametrize("estimator", estimators, ids=lambda estimator: repr(estimator).replace("\n", ""))


@each(DEFAULTS + SAMPLERS + NETWORKS)
def test_a_clone_fitted_with_the_same_seed_and_a_pickle_are_the_same_transformer(estimator):
    estimator = clone(estimator).set_params(random_state=0)
    X, y = data_for(estimator)
    fitted = clone(estimator).fit(X, y)
    expected = fitted.transform(X)
    np.testing.assert_array_equal(clone(fitted).fit(X, y).transform(X), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), expected)


@each(DEFAULTS + SAMPLERS + NETWORKS)
def test_names_of_the_output_columns_are_unique_and_as_many_as_the_columns(estimator):
    estimator = clone(estimator).set_params(random_state=0)
    with pytest.raises(NotFittedError):
        estimator.get_feature_names_out()
    X, y = data_for(estimator)
    frame = estimator.fit(X, y).set_output(transform="pandas").transform(X)
    names = estimator.get_feature_names_out()
    prefix = type(estimator).__name__.lower()
    assert names.tolist() == [f"{prefix}{i}" for i in range(frame.shape[1])] == list(frame.columns)
    assert estimator.feature_names_in_.tolist() == list(X.columns)
    # A parameter changed after fit says nothing about what was fitted.
    estimator.set_params(n_components=3)
    np.testing.assert_array_equal(estimator.get_feature_names_out(), names)
    assert estimator.transform(X).equals(frame)


@each(DEFAULTS)
def test_representations_show_the_name_the_changed_parameters_and_whether_it_is_fitted(estimator):
    estimator = clone(estimator).set_params(n_components=17, random_state=0)
    assert repr(estimator) == f"{type(estimator).__name__}(n_components=17, random_state=0)"
    assert "Not fitted" in estimator_html_repr(estimator)
    page = estimator.fit(*data_for(estimator))._repr_html_()
    assert type(estimator).__name__ in page
    assert "<span>Fitted</span>" in page
    assert "17" in page


def test_tags_tell_scikit_learn_what_each_estimator_is():
    sampler, arc_cosine, regressor, classifier = DEFAULTS
    assert is_regressor(regressor) and is_classifier(classifier)
    assert not is_regressor(sampler) and not is_classifier(arc_cosine)
    assert get_tags(regressor).target_tags.multi_output
    assert not get_tags(classifier).target_tags.multi_output
    for estimator in DEFAULTS:
        inputs, is_network = get_tags(estimator).input_tags, estimator not in (sampler, arc_cosine)
        assert inputs.sparse
        assert (inputs.allow_nan, inputs.categorical) == (is_network, is_network)
        assert get_tags(estimator).transformer_tags.preserves_dtype == ["float64", "float32"]
