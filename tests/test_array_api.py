"""scikit-learn's checks of estimators on tensors, and the same in a process that sets the variable as users do."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from sknnk import ArcCosineSampler, BundledNetworkClassifier, BundledNetworkRegressor, URFSampler

# The checks skip what is not installed, and everything outside of a session with the variable.
ESTIMATORS = [
    URFSampler(),
    ArcCosineSampler(),
    BundledNetworkRegressor(),
    BundledNetworkClassifier(),
    BundledNetworkRegressor((24, 16), activation="gaussian", length_scale=3.0, alpha=0.1),
    BundledNetworkClassifier(5, block_size=8, feature_map="kernel", activation="gaussian", length_scale=1.5),
]


CHECKS = [
    (estimator, check)
    for estimator in ESTIMATORS
    for _, check in estimator_checks_generator(estimator)
    if "array_api" in getattr(check, "func", check).__name__
]


def name_of(value):
    return getattr(value, "func", value).__name__ if callable(value) else type(value).__name__


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="the checks call NumPy as it is since 2.1")
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name_of)
def test_every_check_of_tensors_passes(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(clone(estimator))


PROGRAM = """
import sys
import sklearn, torch
from sknnk import BundledNetworkRegressor
X = torch.linspace(-1.0, 1.0, 60).reshape(30, 2)
with sklearn.config_context(array_api_dispatch=True):
    network = BundledNetworkRegressor(20, activation="gaussian", length_scale=1.0, random_state=0).fit(X, X[:, 0])
    predicted = network.predict(X)
assert predicted.shape == (30,) and predicted.dtype == torch.float32
print("passed")
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_a_program_with_the_variable_set_before_it_starts_runs():
    variables = {**os.environ, "SCIPY_ARRAY_API": "1"}
    result = subprocess.run([sys.executable, "-c", PROGRAM], env=variables, capture_output=True, text=True)
    assert result.stdout.strip() == "passed", result.stderr
