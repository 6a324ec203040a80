"""Preconditioned conjugate gradients agree with the direct solution, to the tolerance asked for."""

import numpy as np
import pytest

from sknnk._ridge.solvers.conjugate_directions import conjugate_gradients, preconditioned
from sknnk._ridge.solvers.eigen import decompose_rows


def problem(n_samples=400, n_columns=60, decay=6.0, seed=0):
    """Rows with a spectrum that falls over several orders of magnitude."""
    rng = np.random.default_rng(seed)
    F = rng.standard_normal((n_samples, n_columns)) * np.logspace(0, -decay / 2, n_columns)
    F = F @ np.linalg.qr(rng.standard_normal((n_columns, n_columns)))[0]
    return F - F.mean(axis=0), rng.standard_normal((n_columns, 3))


def solve(F, C, alpha, sketch, tol=1e-10, max_iter=500):
    def improved(vectors):
        return preconditioned(sketch, vectors, alpha)

    return conjugate_gradients(lambda V: F.T @ (F @ V), C, alpha, improved, tol, max_iter)


@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-10])
def test_residual_is_below_the_tolerance_for_every_target(tol):
    F, C = problem()
    alpha = np.array([1e-3, 1e-1, 10.0])
    B, _, reached = solve(F, C, alpha, decompose_rows(F[:100], np.zeros((100, 1))), tol)
    residual = F.T @ (F @ B) + alpha * B - C
    relative = np.linalg.norm(residual, axis=0) / np.linalg.norm(C, axis=0)
    assert np.all(relative <= 1.01 * tol + 1e-12)
    assert reached <= tol


def test_solution_is_that_of_the_direct_solver_with_one_penalty_per_target():
    F, C = problem()
    alpha = np.array([1e-3, 1e-1, 10.0])
    B, _, _ = solve(F, C, alpha, decompose_rows(F[:100], np.zeros((100, 1))))
    for t in range(3):
        direct = np.linalg.solve(F.T @ F + alpha[t] * np.eye(F.shape[1]), C[:, t])
        np.testing.assert_allclose(B[:, t], direct, rtol=1e-6, atol=1e-8 * np.abs(direct).max())


def test_the_sketch_saves_most_of_the_iterations():
    F, C = problem()
    alpha = np.full(3, 1e-4)
    nothing = decompose_rows(np.zeros((2, F.shape[1])), np.zeros((2, 1)))
    inflated = np.full(200, 2.0)
    _, with_sketch, _ = solve(F, C, alpha, decompose_rows(F[:200], np.zeros((200, 1)), inflated), 1e-6)
    _, without, _ = solve(F, C, alpha, nothing, 1e-6)
    assert 3 * with_sketch < without


def test_preconditioner_inverts_a_matrix_that_the_sketch_knows_exactly():
    F, C = problem(n_samples=80, n_columns=10, decay=2.0)
    sketch = decompose_rows(F, np.zeros((80, 1)))
    alpha = np.array([0.5, 1.0, 2.0])
    smallest = sketch.eigenvalues[sketch.rank - 1]
    for t in range(3):
        exact = (smallest + alpha[t]) * np.linalg.solve(F.T @ F + alpha[t] * np.eye(10), C[:, t])
        np.testing.assert_allclose(preconditioned(sketch, C, alpha)[:, t], exact, rtol=1e-9)


def test_too_few_iterations_are_reported_not_hidden():
    F, C = problem()
    _, n_iter, reached = solve(F, C, np.full(3, 1e-6), decompose_rows(F[:3], np.zeros((3, 1))), 1e-10, max_iter=2)
    assert n_iter == 2
    assert reached > 1e-10


def test_a_right_side_of_zero_needs_no_iteration():
    F, C = problem()
    B, n_iter, reached = solve(F, 0.0 * C, np.ones(3), decompose_rows(F[:50], np.zeros((50, 1))))
    assert n_iter == 0
    assert reached == 0.0
    assert not B.any()
