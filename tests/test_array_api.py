"""scikit-learn's checks of estimators on tensors, and the same in a process that sets the variable as users do."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnk import ArcCosineSampler, URFSampler

# The checks skip what is not installed, and everything outside of a session with the variable.
ESTIMATORS = [URFSampler(), ArcCosineSampler()]


def name_of(check):
    return getattr(check, "func", check).__name__


@pytest.fixture
def scipy_array_api(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


@parametrize_with_checks(ESTIMATORS)
def test_every_check_of_tensors_passes(estimator, check, scipy_array_api):
    if "array_api" not in name_of(check):
        return  # tests/test_common.py runs the others
    check(estimator)


PROGRAM = """
import sys
import sklearn, torch
from sknnk import URFSampler
X = torch.linspace(-1.0, 1.0, 60).reshape(30, 2)
with sklearn.config_context(array_api_dispatch=True):
    features = URFSampler(n_components=20, random_state=0).fit(X).transform(X)
assert features.shape == (30, 20) and features.dtype == torch.float32
print("passed")
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
def test_a_program_with_the_variable_set_before_it_starts_runs():
    variables = {**os.environ, "SCIPY_ARRAY_API": "1"}
    result = subprocess.run([sys.executable, "-c", PROGRAM], env=variables, capture_output=True, text=True)
    assert result.stdout.strip() == "passed", result.stderr


def test_the_package_loads_no_library_of_tensors():
    program = "import sys, sknnk; print([name for name in ('torch', 'array_api_compat') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
