import numpy as np
import pytest

from sknnk._compute import arrays
from sknnk._features import TensorBlockedRows, blocked_kernel
from sknnk._kernels import Kernel
from sknnk._ridge import solve_blocks
from sknnk._ridge.solvers import blocks as blocks_module
from sknnk._ridge.solvers.tensor_blocks import TensorBlocks, TensorSystem

KERNELS = (Kernel("cauchy", "isotropic", np.ones(2)),)
rng = np.random.default_rng(0)
X, Y, WEIGHT = rng.normal(size=(61, 2)), rng.normal(size=(61, 2)), rng.uniform(0.5, 2.0, 61)
NAMES = ("shared", "local", "intercept", "dof", "noise", "held_residuals", "overlap")


@pytest.mark.parametrize(("n_landmarks", "block_size"), [(8, 20), (0, 20), (8, 61)])
@pytest.mark.parametrize(("harmless", "tolerance"), [(np.inf, 1e-8), (3e-3, 1e-3)])
def test_the_solution_is_that_of_numpy(space, monkeypatch, n_landmarks, block_size, harmless, tolerance):
    monkeypatch.setattr(blocks_module, "_HARMLESS_ALPHA", harmless)
    kernel, _ = blocked_kernel(KERNELS, X, n_landmarks, block_size)
    assert block_size == 61 or len(set(np.diff(kernel.starts))) > 1  # shorter blocks are filled up
    held = [0, *[4] * (len(kernel.blocks) - 1)] if len(kernel.blocks) > 1 else [4]
    arguments, placed = (Y, WEIGHT, 0.1, held, 2), TensorBlockedRows(space, kernel)
    assert isinstance(placed, TensorBlocks) and not isinstance(kernel, TensorBlocks)
    copies = np.ones(61, dtype=np.int64)
    expected = solve_blocks(kernel, *arguments, copies=copies)
    for kept_bytes, entries in ((0.0, 2**26), (1e9, 2**26), (1e9, 900), (1e9, 1)):
        monkeypatch.setattr(blocks_module, "_KEPT_BYTES", kept_bytes)
        monkeypatch.setattr(arrays, "_BLOCK_ENTRIES", entries)
        found = solve_blocks(placed, *arguments, copies=copies)
        for name in NAMES:
            value = getattr(expected, name)
            scale = np.abs(value).max(initial=1e-300)
            np.testing.assert_allclose(getattr(found, name), value, rtol=tolerance, atol=tolerance * scale)


def test_a_block_that_is_not_positive_definite_is_told(space):
    kernel, _ = blocked_kernel(KERNELS, X, 8, 20)
    system = TensorSystem(TensorBlockedRows(space, kernel), Y, WEIGHT, -2.0, "float64", [1] * 3, True)
    assert system.summed() is None
