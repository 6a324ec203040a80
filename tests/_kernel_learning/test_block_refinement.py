"""Penalty and unit of length are those of least error where rows are dense."""

from dataclasses import replace

import numpy as np
import pytest

from sknnk._features import Candidate
from sknnk._kernel_learning import prepare_kernel, refined_on_blocks
from sknnk._kernels import kernel_matrix

ANY = Candidate("cauchy", "auto", "isotropic", 1.0)


def task(noise, n=900, alpha=0.01, unit=1.0):
    """A smooth function on a plane; the kernel comes with a penalty and a unit of length."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.5, 1.5, (n, 2))
    Y = (np.sin(3.0 * X[:, 0]) * np.cos(2.0 * X[:, 1]) + noise * rng.normal(size=n))[:, None]
    found = prepare_kernel(X, Y, np.ones(n), ANY, [alpha], None, False, 0, 1)
    kernels = tuple(replace(each, scales=each.scales / unit) for each in found.choice.best.kernels)
    return replace(found, choice=replace(found.choice, best=replace(found.choice.best, kernels=kernels)))


def blocks_of(task, n=3):
    order = np.argsort(task.X[:, 0], kind="stable")
    return [rows_of(task, np.random.default_rng(1).permutation(each)) for each in np.array_split(order, n)]


def rows_of(task, rows):
    return task.X[rows], task.Y[rows], task.sample_weight[rows]


def test_a_penalty_that_is_much_too_small_or_too_large_is_mended():
    for noise, alpha in ((0.5, 0.01), (0.01, 0.1)):
        own = task(noise, alpha=alpha)
        found = refined_on_blocks(own, blocks_of(own), None, False, 1)
        chosen = found.choice.best.alpha
        assert chosen > 3.0 * alpha if noise == 0.5 else chosen < 0.4 * alpha
        assert found.choice.best.kernels[0].scales == pytest.approx(own.choice.best.kernels[0].scales)
        assert found.choice.history[-1].stage == "blocks"


def test_the_unit_of_length_moves_towards_less_error_on_new_rows():
    own = task(0.05, unit=0.2)
    found = refined_on_blocks(own, blocks_of(own), None, True, 1)
    assert found.choice.best.kernels[0].scales[0] < 0.8 * own.choice.best.kernels[0].scales[0]
    rng = np.random.default_rng(2)
    new = rng.uniform(-1.5, 1.5, (500, 2))
    truth = np.sin(3.0 * new[:, 0]) * np.cos(2.0 * new[:, 1])

    def error(which):
        best = which.choice.best
        K = kernel_matrix(best.kernels, which.X, which.X) + best.alpha * np.eye(len(which.X))
        return np.mean((kernel_matrix(best.kernels, new, which.X) @ np.linalg.solve(K, which.Y[:, 0]) - truth) ** 2)

    assert error(found) < 0.9 * error(own)


def test_penalties_that_are_given_are_the_only_ones_and_threads_do_not_matter():
    own = task(0.5)
    found = [refined_on_blocks(own, blocks_of(own), [0.02, 0.3], True, threads) for threads in (1, 3)]
    assert found[0].choice.best.alpha in (0.02, 0.3)
    assert [fit.error for fit in found[0].choice.history] == [fit.error for fit in found[1].choice.history]


def test_blocks_that_cannot_judge_leave_the_choice():
    own = task(0.1)
    found = refined_on_blocks(own, [rows_of(own, np.arange(1))], None, True, 1)
    assert found.choice.best is own.choice.best


def test_errors_of_blocks_are_in_the_unit_of_the_task():
    own = task(0.3)
    found, larger = (
        refined_on_blocks(each, blocks_of(own), None, False, 1)
        for each in (own, replace(own, spread=10.0 * own.spread))
    )
    assert larger.choice.best.error == pytest.approx(found.choice.best.error / 100.0)
