"""Files of another format are refused in words, and files of this one say who wrote them."""

import copy
import importlib
import pickle
import sys

import numpy as np
import pytest

import sknnk
from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, BundledNetworkRegressorCV, URFSampler
from sknnk._integration.saved_files import FILE_FORMAT, explain_files_of_format_1

X = np.random.default_rng(0).normal(size=(30, 3))
y = np.sin(X[:, 0])
ESTIMATORS = [
    URFSampler(random_state=0),
    BundledNetworkRegressor(8, random_state=0),
    BundledNetworkClassifier(8, random_state=0),
    BundledNetworkRegressorCV((4, 8), cv=2, random_state=0),
]
MODULES = ["_regressor", "_classifier", "_regressor_cv", "_classifier_cv", "_samplers", "_arc_cosine_sampler"]


def targets(estimator):
    return (y > 0.0).astype(int) if isinstance(estimator, BundledNetworkClassifier) else y


@pytest.mark.parametrize("module", MODULES)
def test_a_pickle_of_format_1_is_refused_with_both_versions(module):
    # What such a file says first: the class of the estimator, by the module it was in.
    data = f"csknnk.{module}\nBundledNetworkRegressor\n.".encode()
    words = rf"sknnk\.{module} was saved by sknnk 0\.1\.0 in file format 1.*format {FILE_FORMAT}"
    with pytest.raises(ImportError, match=words):
        pickle.loads(data)


def test_a_module_that_never_was_is_missing_as_everywhere():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'sknnk\._attic'"):
        importlib.import_module("sknnk._attic")


def test_the_explanation_is_installed_once():
    before = list(sys.meta_path)
    explain_files_of_format_1()
    assert sys.meta_path == before


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("fitted", [False, True])
def test_an_estimator_says_which_version_wrote_it_and_has_nothing_more_when_it_is_loaded(estimator, fitted):
    model = copy.deepcopy(estimator)
    if fitted:
        model.fit(X, targets(model))
    state = model.__getstate__()
    assert state["_sknnk_version"] == sknnk.__version__ and state["_sknnk_format"] == FILE_FORMAT
    assert vars(pickle.loads(pickle.dumps(model))).keys() == vars(model).keys()
    assert vars(copy.copy(model)).keys() == vars(model).keys()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("written", "words"), [({}, "0.1.0 or earlier in file format 1"), ({"_sknnk_format": 9}, "9")])
def test_a_state_of_another_format_is_refused_with_both_versions(estimator, written, words):
    state = {name: value for name, value in estimator.__getstate__().items() if not name.startswith("_sknnk")}
    loaded = object.__new__(type(estimator))
    with pytest.raises(ValueError, match=f"{words}.*this is sknnk {sknnk.__version__}.*Fit it again"):
        loaded.__setstate__({**state, **written})
    assert not vars(loaded)
