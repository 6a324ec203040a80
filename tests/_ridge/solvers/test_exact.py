"""The exact solution: in which precision, and for which penalty."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sknnk._kernels import Kernel, kernel_matrix
from sknnk._ridge.solvers import exact
from sknnk._ridge.solvers.exact import solve_exactly


class Rows:
    """Rows of a smooth kernel, and a record of what was asked for."""

    def __init__(self, n=24, length_scale=1.0):
        X = np.random.default_rng(n).normal(size=(n, 2))
        self.K = kernel_matrix([Kernel("gaussian", "isotropic", np.full(2, 1.0 / length_scale))], X, X)
        self.n_rows, self.asked = n, []

    def blocks(self, threads):
        self.asked.append("blocks")
        return [self.K[:10].copy(), self.K[10:, 10:].copy()]

    def matrix(self, threads):
        self.asked.append("matrix")
        return self.K.copy(order="F")


def solved(rows, alpha=0.3, n_held=None, weight=None):
    n = rows.n_rows
    n_held, weight = n if n_held is None else n_held, np.ones(n) if weight is None else weight
    Y = np.random.default_rng(0).normal(size=(n, 2)) + 4.0
    return solve_exactly(rows, Y, weight, alpha, n_held, 1, copies=np.ones(n_held, dtype=np.int64))


def test_many_rows_are_solved_in_two_precisions_where_that_is_harmless(monkeypatch):
    rows = Rows()
    one = solved(rows)
    monkeypatch.setattr(exact, "_MANY_ROWS", rows.n_rows)
    many = solved(rows)
    assert rows.asked == ["matrix", "blocks"]
    np.testing.assert_allclose(many.coef, one.coef, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(many.held_residuals, one.held_residuals, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(many.dof, one.dof, rtol=1e-4)
    rows.asked.clear()
    solved(rows, alpha=1e-6)
    solved(rows, alpha=exact._HARMLESS_ALPHA * 3.9, weight=np.full(rows.n_rows, 4.0))
    assert rows.asked == ["matrix", "matrix"]


def test_where_two_precisions_fail_float64_is_next(monkeypatch):
    rows = Rows()
    one = solved(rows)
    monkeypatch.setattr(exact, "_MANY_ROWS", rows.n_rows)
    monkeypatch.setattr(exact, "solve_dual_in_two_precisions", lambda *_: None)
    assert np.array_equal(solved(rows).coef, one.coef) and rows.asked[1:] == ["blocks", "matrix"]


def test_a_penalty_too_small_for_float64_is_raised_tenfold_until_there_is_a_factor():
    rows = Rows(length_scale=50.0)
    solution = solved(rows, alpha=1e-19)
    raised = np.log10(solution.alpha / 1e-19)
    assert np.all(raised > 0.5) and raised == pytest.approx(np.rint(raised)) and len(rows.asked) == raised[0] + 1
    assert np.all(np.isfinite(solution.coef))


def test_held_rows_are_the_last_ones_and_judge_for_all():
    every, some = solved(Rows()), solved(Rows(), n_held=15)
    np.testing.assert_allclose(some.held_residuals, every.held_residuals[-15:], rtol=1e-9)
    assert np.array_equal(some.coef, every.coef) and np.all(np.abs(some.dof / every.dof - 1.0) < 0.5)


def test_one_row_leaves_no_freedom_and_no_noise():
    solution = solved(Rows(1))
    assert solution.dof == pytest.approx(0.0, abs=1e-12) and np.array_equal(solution.noise, np.zeros(2))


class OnDevice(Rows):
    """The same rows as tensors, and a record of the precisions."""

    def __init__(self, space):
        super().__init__()
        self.space = space

    def kernel_tensor(self, rows, columns, precision):
        return self.space.tensor(self.K[rows, columns].astype(precision))


def test_rows_on_a_device_are_solved_there_in_one_precision_or_two(space, monkeypatch):
    expected, rows = solved(Rows(), n_held=9), OnDevice(space)
    for least, rtol in ((rows.n_rows + 1, 1e-9), (rows.n_rows, 1e-4)):
        monkeypatch.setattr(exact, "_MANY_ROWS", least)
        found = solved(rows, n_held=9)
        np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-8, atol=1e-9)
        for name in ("dof", "noise", "held_residuals"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=rtol, atol=rtol)
    assert rows.asked == []


def test_a_penalty_too_small_for_a_device_is_raised_too(space):
    rows = OnDevice(space)
    rows.K = np.ones_like(rows.K)
    assert solved(rows, alpha=1e-19).alpha[0] > 1e-18


def test_blas_has_one_thread_while_a_system_is_solved():
    class Noted(Rows):
        def matrix(self, threads):
            self.seen = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
            return super().matrix(threads)

    rows = Noted()
    with threadpool_limits(2, user_api="blas"):
        solved(rows)
    assert rows.seen == {1}
