"""Sums of blocks that are eliminated apart are those of all blocks together."""

import pickle

import numpy as np
import pytest

from sknnk._features import blocked_kernel
from sknnk._kernels import Kernel
from sknnk._ridge import (
    BlockSystem,
    EliminatedBlocks,
    InsideBlocks,
    held_positions,
    judged_blocks,
    solve_blocks,
)

KERNEL = (Kernel("cauchy", "isotropic", np.array([0.8, 1.3])),)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("n_landmarks", [0, 8])
def test_blocks_in_several_places_give_the_solution_of_all_of_them(n_landmarks, keeps):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 2))
    kernel, order = blocked_kernel(KERNEL, X, n_landmarks, 20)
    Y = np.column_stack([np.sin(X[:, 0]), X[:, 1] ** 2 + 5.0])[order]
    weight, n_held, alpha, copies = rng.uniform(0.5, 2.0, 90), [3] * 5, 1e-3, np.ones(90, dtype=int)
    expected = solve_blocks(kernel, Y, weight, alpha, n_held, 1, copies=copies)
    mean = Y[:10].mean(axis=0)  # any will do
    places = []
    for some in (slice(0, 2), slice(2, 3), slice(3, 5)):
        starts = kernel.starts[some.start : some.stop + 1]
        rows = slice(starts[0], starts[-1])
        part = type(kernel)(kernel.kernels, kernel.rows[rows], starts - starts[0], *_shared(kernel))
        system = BlockSystem(part, Y[rows] - mean, weight[rows], alpha, np.float64, 1, n_held[some], keeps)
        places.append(pickle.loads(pickle.dumps(EliminatedBlocks.of(system, 1))))
    total = places[0].sums + places[1].sums + places[2].sums
    solved = total.solved(1)
    inside = InsideBlocks(*map(np.concatenate, zip(*(each.inside(solved[0], 1) for each in places), strict=True)))
    held = held_positions(np.diff(kernel.starts), n_held)
    found = judged_blocks(inside, solved, mean, alpha, weight, held, copies)
    for name, value in vars(expected).items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-9, atol=1e-11, err_msg=name)


def _shared(kernel):
    return kernel.landmarks, kernel.tree, kernel.block_size


def test_a_block_or_a_sum_that_is_not_positive_definite_has_no_solution():
    X = np.zeros((6, 2))
    kernel, _ = blocked_kernel(KERNEL, X, 2, 10)
    system = BlockSystem(kernel, np.ones((6, 1)), np.ones(6), -0.5, np.float64, 1, [6], False)
    assert EliminatedBlocks.of(system, 1) is None
    sums = EliminatedBlocks.of(BlockSystem(kernel, np.ones((6, 1)), np.ones(6), 0.5, np.float64, 1, [6], False), 1).sums
    assert sums.solved(1) is not None
    sums.gram[0, 0] = -1.0
    assert sums.solved(1) is None
