"""What tests of several modules share, and what is left out where an extra is not installed."""

import os
from importlib.util import find_spec
from pathlib import Path

# Test processes side by side have the cores for themselves; BLAS reads this when NumPy is first imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "sknnk"
LIBRARIES = {"torch": ("torch", "safetensors"), "onnx": ("skl2onnx", "onnxruntime"), "dask": ("dask", "distributed")}
# Tests that run the same code again and again, for other seeds, settings, checks or interruptions, and examples of
# docstrings: other tests count its lines and branches already, and counting takes a third of the time.
UNCOUNTED = [PACKAGE] + [
    TESTS / name
    for name in (
        "test_array_api.py", "test_callers_arrays.py", "test_common.py", "test_interruption.py", "test_pages.py",
        "test_unbiased_mode.py", "test_weights.py", "_cross_validation/test_classifier.py",
        "_cross_validation/test_regressor.py", "_features/test_directions.py", "_features/test_estimation_errors.py",
        "_features/test_samplers.py", "_features/unbiased", "_kernel_learning/test_wide_tables.py",
        "_networks/test_block_fitting.py", "_networks/test_estimator.py", "_networks/test_importances.py",
        "_networks/test_intervals.py", "_networks/test_kernel_networks.py", "_networks/losses/test_fitting.py",
        "_networks/test_single_precision.py", "_networks/test_streaming.py", "_ridge/solvers/test_operator.py",
        "onnx/test_pipelines.py",
    )
]  # fmt: skip
MISSING = [extra for extra, libraries in LIBRARIES.items() if not all(map(find_spec, libraries))]
# The files of tests/torch and tests/onnx skip themselves, and one of them holds without PyTorch; those of tests/dask
# are Dask from their first line on.
LEFT_OUT = [PACKAGE / extra for extra in MISSING] + [TESTS / "dask"] * ("dask" in MISSING)


class Selection:
    """Leaves out folders of an extra that is not installed, and says so; and tests that coverage need not count.

    Not ``--doctest-ignore-import-errors``, which passes over broken test files as well.
    """

    def pytest_report_header(self):
        """Name the folders that are left out."""
        names = [folder.relative_to(TESTS.parent).as_posix() for folder in LEFT_OUT]
        return f"left out, because a library is not installed: {', '.join(names)}" if names else None

    def pytest_ignore_collect(self, collection_path):
        """Say whether this file or folder belongs to an extra of which a library is missing."""
        return any(map(collection_path.is_relative_to, LEFT_OUT)) or None

    def pytest_collection_modifyitems(self, items):
        """Leave out of the coverage what would be counted many times."""
        for item in items:
            if any(map(item.path.is_relative_to, UNCOUNTED)):
                item.add_marker("no_cover")


def pytest_configure(config):
    """Apply to the whole session; a hook of this file alone would see the folder of tests only."""
    config.pluginmanager.register(Selection())


@pytest.fixture(scope="module")
def small_search():
    """A smaller search for the kernel of a bundle, where what is tested does not depend on how long it takes."""
    from sknnk._bundling import kernel_choice
    from sknnk._kernel_learning import successive_halving

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(successive_halving, "_ROUNDS", ((100, 64, None), (300, 192, 3)))
        patch.setattr(kernel_choice, "_SEARCH_ROWS", 600)
        patch.setattr(kernel_choice, "_FINAL_COMPONENTS", 256)
        patch.setattr(kernel_choice, "_N_FOLDS", 3)
        yield


@pytest.fixture
def evaluated():
    """Value of a graph of `sknnk.onnx`, in ONNX Runtime."""
    import onnxruntime
    from onnx import helper

    def evaluate(graph, value, **inputs):
        proto = graph.as_attribute({name: array.ndim for name, array in inputs.items()}, [value])
        versions = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
        model = helper.make_model(proto, opset_imports=versions, ir_version=9)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (result,) = session.run(None, inputs)
        return result

    return evaluate


@pytest.fixture(params=["torch", "array_api_strict"])
def space(request):
    """A library of tensors that follows the array API standard, on the processor."""
    from sknnk._compute.arrays import tensor_space

    return tensor_space(pytest.importorskip(request.param).zeros(1))


@pytest.fixture
def dispatch(monkeypatch):
    """Turns on scikit-learn's array_api_dispatch."""
    import sklearn

    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        yield
