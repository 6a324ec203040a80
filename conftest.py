"""Docstring examples of an extra that is not installed are not collected; its tests skip themselves."""

import os
from importlib.util import find_spec

# Test processes side by side have the cores for themselves; BLAS reads this when NumPy is first imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

# Not --doctest-ignore-import-errors, which passes over broken test files as well.
collect_ignore_glob = [] if find_spec("torch") and find_spec("safetensors") else ["sknnk/torch/*"]
if not (find_spec("skl2onnx") and find_spec("onnxruntime")):
    collect_ignore_glob.append("sknnk/onnx/*")
