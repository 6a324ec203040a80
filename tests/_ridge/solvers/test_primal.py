"""Sums are solved by the cheapest way that rounding allows, and summed in float32 only where that may serve."""

import numpy as np
import pytest

from sknnk import URFSampler
from sknnk._features import KernelMap, RandomMap
from sknnk._integration import Execution, Task
from sknnk._kernels import Kernel
from sknnk._ridge.moments import Moments
from sknnk._ridge.penalties import Penalty
from sknnk._ridge.problem import Problem
from sknnk._ridge.solvers import primal, refinement
from sknnk._ridge.solvers.cholesky import MomentsSolution, penalised_solution
from sknnk._ridge.solvers.eigen import EigenSolution
from sknnk._ridge.solvers.primal import Primal, solve_moments
from sknnk._ridge.solvers.tridiagonal import solved_for_best

EPS, SINGLE = (float(np.finfo(dtype).eps) for dtype in (np.float64, np.float32))
ONE, TWO, AROUND = Penalty(np.array([[1.0]])), Penalty(np.array([[1.0], [2.0]])), Penalty(centre=np.ones(1))


class Counted(Task):
    """The parts that were opened, with the steps announced and told."""

    def __init__(self):
        self.parts = []

    def part(self, name, n_steps):
        self.parts.append([name, n_steps, 0])
        return super().part(name, n_steps)

    def __call__(self):
        self.parts[-1][-1] += 1


def problem(penalty, n_samples=300, layers=None, dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 2)).astype(dtype)
    Y = np.column_stack([np.sin(X[:, 0]), X[:, 1]]) + 0.1 * rng.normal(size=(n_samples, 2))
    layers = layers or RandomMap(None, 1.0, (URFSampler("gaussian", n_components=8, random_state=0).fit(X),))
    return Problem(layers, X, Y, rng.uniform(0.5, 2.0, n_samples), penalty)


@pytest.fixture
def short_sums_count(monkeypatch):
    monkeypatch.setattr(refinement, "_LEAST_PRODUCTS", 0.0)
    monkeypatch.setattr(refinement, "_LEAST_COLUMNS", 1)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (ONE, lambda sums: penalised_solution(sums, 1.0, EPS)),
        (TWO, lambda sums: solved_for_best(sums, lambda _: TWO.candidates, 1.0, EPS)),
        (AROUND, lambda sums: solved_for_best(sums, AROUND.tried, 1.4, EPS)),
    ],
)
def test_eigenvectors_are_not_needed_for_penalties_far_from_rounding(penalty, expected):
    F = np.random.default_rng(0).normal(size=(50, 4))
    sums = Moments.from_block(F, F[:, :1] + np.random.default_rng(1).normal(size=(50, 1)))
    solution = solve_moments(sums, penalty, EPS)
    assert isinstance(solution, MomentsSolution) and solution.moments() is sums
    for name in ("coef", "alpha", "dof", "noise"):
        assert np.array_equal(getattr(solution, name), getattr(expected(sums), name))


@pytest.mark.parametrize("alphas", [[[0.0]], [[0.0], [1e-12]], [[1e-13]]])
def test_eigenvectors_are_for_penalties_next_to_rounding(alphas):
    F = np.random.default_rng(0).normal(size=(50, 4))
    solution = solve_moments(Moments.from_block(F, F[:, :1] + 1.0), Penalty(np.array(alphas)), EPS)
    assert isinstance(solution, EigenSolution)
    np.testing.assert_allclose(solution.coef.ravel(), [1.0, 0.0, 0.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("batch_size", [None, 100])
def test_the_blocks_of_rows_are_the_steps(batch_size):
    task = Counted()
    Primal().solve(problem(Penalty(np.array([[0.1]]))), Execution(batch_size=batch_size, progress=task))
    n_blocks = 3 if batch_size else 1
    assert task.parts == [["sum-rows", n_blocks, n_blocks]]


@pytest.mark.parametrize("penalty", [Penalty(np.array([[0.1]])), Penalty(centre=np.array([0.1, 1.0]))])
def test_in_two_precisions_passes_are_steps_too(penalty, short_sums_count):
    task = Counted()
    solution = Primal().solve(problem(penalty), Execution(progress=task))
    assert solution.precision == SINGLE
    ((name, announced, told),) = task.parts
    assert (name, announced) == ("sum-rows", 1 + refinement.MOST_PASSES) and 1 < told <= announced


def test_where_two_precisions_fail_the_sums_of_float64_are_next(short_sums_count, monkeypatch):
    task, given = Counted(), problem(Penalty(np.array([[0.1]])))
    expected = solve_moments(
        primal._summed(given, Execution()).scaled(given.feature_map.column_scale), given.penalty, EPS
    )
    monkeypatch.setattr(refinement, "FIRST_SHARE", 0.0)
    found = Primal().solve(given, Execution(progress=task))
    assert np.array_equal(found.coef, expected.coef) and len(task.parts) == 2


def test_two_precisions_are_for_float64_known_penalties_and_random_columns(short_sums_count):
    landmarks = KernelMap(None, (Kernel("gaussian", "isotropic", np.ones(2)),), np.eye(2))
    one = Penalty(np.array([[0.1]]))
    for case in (problem(Penalty()), problem(one, layers=landmarks), problem(one, dtype=np.float32)):
        assert primal._refined(case, Execution()) is None
    assert primal._refined(problem(one), Execution()) is not None
