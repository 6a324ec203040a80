"""Landmarks and blocks against dense algebra with the kernel that they stand for."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknnk._features import blocked_kernel
from sknnk._kernels import Kernel, kernel_matrix
from sknnk._ridge import solve_blocks
from sknnk._ridge.solvers import blocks as blocks_module
from sknnk._ridge.solvers.dual import solve_dual

KERNELS = (
    Kernel("cauchy", "isotropic", np.array([0.8, 1.3, 0.5]), 0.6),
    Kernel("gaussian", "isotropic", np.ones(3), 0.4),
)
JITTER = 1e-8


@dataclass
class Case:
    """Rows in blocks, with targets and weights in the same order."""

    kernel: object
    Y: np.ndarray
    weight: np.ndarray
    K: np.ndarray

    @property
    def held(self):
        return [max(rows.stop - rows.start - 1, 1) for rows in self.kernel.blocks]

    def solve(self, alpha, threads=1, held=None, copies=None):
        copies = np.ones(len(self.Y), dtype=int) if copies is None else copies
        arguments = (self.kernel, self.Y, self.weight, alpha, held or self.held, threads)
        return solve_blocks(*arguments, copies=copies)


def case(n=120, n_landmarks=20, block_size=40, seed=0, weighted=True, X=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) if X is None else X
    Y = np.column_stack([np.sin(2.0 * X[:, 0]) + 0.1 * rng.normal(size=n), X[:, 1] ** 2 + 7.0])
    weight = rng.uniform(0.5, 2.0, n) if weighted else np.ones(n)
    kernel, order = blocked_kernel(KERNELS, X, n_landmarks, block_size)
    K = kernel_matrix(KERNELS, kernel.rows, kernel.rows)
    block = np.repeat(np.arange(len(kernel.blocks)), [rows.stop - rows.start for rows in kernel.blocks])
    low = np.zeros_like(K)
    if n_landmarks:
        among = kernel_matrix(KERNELS, kernel.landmarks, kernel.landmarks) + JITTER * np.eye(n_landmarks)
        cross = kernel_matrix(KERNELS, kernel.rows, kernel.landmarks)
        low = cross @ np.linalg.solve(among, cross.T)
    return Case(kernel, Y[order], weight[order], np.where(block[:, None] == block, K, low))


def dense(case, alpha):
    """Coefficients, intercept and the inverse of the system with an intercept."""
    n = len(case.Y)
    system = np.zeros((n + 1, n + 1))
    system[:n, :n] = case.K + alpha * np.diag(1.0 / case.weight)
    system[:n, n] = system[n, :n] = 1.0
    inverse = np.linalg.inv(system)
    solved = inverse @ np.vstack([case.Y, np.zeros((1, 2))])
    return solved[:n], solved[n], inverse[:n, :n]


def in_float64(monkeypatch):
    monkeypatch.setattr(blocks_module, "_HARMLESS_ALPHA", np.inf)


SIZES = [(20, 40), (0, 40), (20, 120), (0, 120), (1, 7), (120, 30), (20, 1)]


@pytest.mark.parametrize(("n_landmarks", "block_size"), SIZES)
@pytest.mark.parametrize("alpha", [1e-3, 0.5])
def test_the_solution_is_that_of_dense_algebra(n_landmarks, block_size, alpha, monkeypatch):
    in_float64(monkeypatch)
    own = case(n_landmarks=n_landmarks, block_size=block_size)
    solution = own.solve(alpha)
    coef, intercept, inverse = dense(own, alpha)
    np.testing.assert_allclose(solution.local, coef, rtol=1e-8, atol=1e-9 * np.abs(coef).max())
    np.testing.assert_allclose(solution.intercept, intercept, rtol=1e-8)
    held = solution.held
    np.testing.assert_allclose(solution.held_residuals, coef[held] / np.diag(inverse)[held, None], rtol=1e-8)
    leverage = 1.0 - alpha * np.diag(inverse) / own.weight
    assert solution.dof == pytest.approx(np.full(2, len(own.Y) * leverage[held].mean() - 1.0), rel=1e-8)
    squares = own.weight @ (own.Y - own.K @ coef - intercept) ** 2
    np.testing.assert_allclose(solution.noise, squares / (own.weight.sum() - 1.0 - solution.dof), rtol=1e-6)


def test_residuals_without_a_row_are_those_of_a_fit_without_it(monkeypatch):
    in_float64(monkeypatch)
    own = case(n=60, n_landmarks=10, block_size=20)
    solution = own.solve(0.1)
    for position, residual in list(zip(solution.held, solution.held_residuals, strict=True))[::7]:
        kept = np.delete(np.arange(60), position)
        left = Case(None, own.Y[kept], own.weight[kept], own.K[np.ix_(kept, kept)])
        coef, intercept, _ = dense(left, 0.1)
        expected = own.Y[position] - own.K[position, kept] @ coef - intercept
        np.testing.assert_allclose(residual, expected, rtol=1e-7)


@pytest.mark.parametrize("n_landmarks", [0, 30])
def test_one_block_is_kernel_ridge_regression_whatever_the_landmarks(n_landmarks, monkeypatch):
    in_float64(monkeypatch)
    own = case(n_landmarks=n_landmarks, block_size=120)
    solution = own.solve(0.05, held=[40])
    K = kernel_matrix(KERNELS, own.kernel.rows, own.kernel.rows)
    expected = solve_dual(K.copy(order="F"), own.Y, own.weight, 0.05, 40)
    np.testing.assert_allclose(solution.local, expected.coef, rtol=1e-7, atol=1e-8 * np.abs(expected.coef).max())
    np.testing.assert_allclose(solution.intercept, expected.intercept, rtol=1e-9)


def test_the_kernel_of_a_mixture_is_neither_exact_nor_low_rank():
    own, whole = case(), case(block_size=120)
    assert len(own.kernel.blocks) == 3
    assert np.max(np.abs(own.solve(0.05).local.std() - whole.solve(0.05).local.std())) > 1e-3


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("kept_bytes", [0, 1e9])
def test_neither_threads_nor_the_memory_for_factors_matter(threads, kept_bytes, monkeypatch):
    own = case()
    one = own.solve(0.1)
    monkeypatch.setattr(blocks_module, "_KEPT_BYTES", kept_bytes)
    many = own.solve(0.1, threads)
    for name in ("shared", "local", "intercept", "held_residuals", "dof", "noise"):
        assert np.array_equal(getattr(many, name), getattr(one, name))


def test_float32_is_harmless_where_it_is_used(monkeypatch):
    own = case(n=400, n_landmarks=50, block_size=100)
    single = own.solve(0.01)
    in_float64(monkeypatch)
    double = own.solve(0.01)
    assert not np.array_equal(single.local, double.local)
    # A relative error of 2^-24 in the kernel is multiplied by at most the largest eigenvalue over the penalty.
    largest = np.linalg.eigvalsh(own.K)[-1] / 0.01 * 2.0**-24 * 10.0
    assert np.abs(own.K @ (single.local - double.local)).max() < largest * np.abs(own.Y).max()
    np.testing.assert_allclose(single.held_residuals, double.held_residuals, rtol=0.01, atol=1e-4)


def test_a_penalty_too_small_for_float64_is_raised(monkeypatch):
    X = np.repeat(np.random.default_rng(0).normal(size=(30, 3)), 2, axis=0)
    solution = case(n=60, n_landmarks=5, block_size=20, X=X).solve(1e-30)
    assert 1e-30 < solution.alpha < 1e-8 and np.all(np.isfinite(solution.local))


def test_copies_leave_out_one_of_them(monkeypatch):
    in_float64(monkeypatch)
    own = case(n=60, n_landmarks=10, block_size=20, weighted=False)
    doubled = Case(own.kernel, own.Y, np.full(60, 2.0), own.K)
    solution = doubled.solve(0.1, copies=np.full(60, 2))
    position, n = solution.held[3], 60
    left = Case(None, own.Y, np.where(np.arange(n) == position, 1.0, 2.0), own.K)
    coef, intercept, _ = dense(left, 0.1)
    expected = own.Y[position] - own.K[position] @ coef - intercept
    np.testing.assert_allclose(solution.held_residuals[3], expected, rtol=1e-7)


@given(
    seed=st.integers(0, 50),
    n=st.integers(2, 60),
    n_landmarks=st.integers(0, 60),
    block_size=st.integers(1, 70),
    alpha=st.sampled_from([1e-4, 0.1, 10.0]),
    ties=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_sizes_and_ties_give_the_dense_solution(seed, n, n_landmarks, block_size, alpha, ties):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, (n, 3)).astype(float) if ties else rng.normal(size=(n, 3))
    X[:, 2] = 1.0
    own = case(n, min(n_landmarks, n), block_size, seed, X=X)
    harmless, blocks_module._HARMLESS_ALPHA = blocks_module._HARMLESS_ALPHA, np.inf
    try:
        solution = own.solve(alpha)
    finally:
        blocks_module._HARMLESS_ALPHA = harmless
    coef, intercept, _ = dense(own, alpha)
    # Equal landmarks make the low-rank part as imprecise as the jitter: predictions are compared.
    fitted = own.K @ solution.local + solution.intercept
    np.testing.assert_allclose(fitted, own.K @ coef + intercept, rtol=1e-5, atol=1e-5)
