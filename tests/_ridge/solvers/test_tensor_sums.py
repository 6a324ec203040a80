from dataclasses import replace

import numpy as np
import pytest

from sknnk import URFSampler
from sknnk._features import RandomMap, tensor_map
from sknnk._integration import Execution
from sknnk._ridge import Moments, Penalty, Problem, solve
from sknnk._ridge.solvers import tensor_sums
from sknnk._ridge.solvers.tensor_sums import solve_on_tensors

rng = np.random.default_rng(0)
X, WEIGHT = rng.normal(size=(200, 3)), rng.uniform(0.5, 2.0, size=200)
Y = np.sin(X[:, :2]) + 0.1 * rng.normal(size=(200, 2))
CENTRES = np.array([0.5, 2.0])
PENALTIES = {
    "one": Penalty(np.array([[0.1]])),
    "several": Penalty(np.array([[0.1], [1.0], [10.0]])),
    "a window for each target": Penalty(centre=CENTRES),
}


def problem_of(space, penalty, dtype="float64"):
    rows = X.astype(dtype)
    layers = RandomMap(None, 0.5, (URFSampler("gaussian", n_components=20, random_state=0).fit(rows),))
    return Problem(layers, rows, Y, WEIGHT, penalty, tensors=tensor_map(layers, space, dtype))


def solved_both_ways(space, penalty, dtype, batch_size=None):
    problem, execution = problem_of(space, penalty, dtype), Execution(batch_size=batch_size)
    return solve(problem, "primal", execution), solve(replace(problem, tensors=None), "primal", execution)


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-9), ("float32", 1e-5)])
def test_the_solution_is_that_of_numpy(space, name, dtype, rtol, monkeypatch):
    monkeypatch.setattr(tensor_sums, "_PANEL", 8)
    found, expected = solved_both_ways(space, PENALTIES[name], dtype, batch_size=64)
    np.testing.assert_array_equal(found.alpha, expected.alpha)
    for attribute in ("coef", "intercept", "dof", "noise"):
        np.testing.assert_allclose(getattr(found, attribute), getattr(expected, attribute), rtol=rtol, atol=rtol)
    assert found.n_samples == expected.n_samples
    assert found.n_effective == pytest.approx(expected.n_effective)
    columns = problem_of(space, PENALTIES[name], dtype).feature_map.columns(X[:5].astype(dtype))
    np.testing.assert_allclose(found.variance(columns), expected.variance(columns), rtol=10 * rtol)


def test_the_size_of_blocks_does_not_matter(space):
    problem = problem_of(space, PENALTIES["several"])
    whole, parts = (solve(problem, "primal", Execution(batch_size=size)) for size in (None, 7))
    np.testing.assert_allclose(parts.coef, whole.coef, rtol=1e-10, atol=1e-12)


def test_a_penalty_near_rounding_is_left_to_the_host(space):
    for alphas in ([[0.0]], [[1e-12], [1.0]]):
        found = solve_on_tensors(*_arguments(space, Penalty(np.array(alphas))))
        assert isinstance(found, Moments)
    found, expected = solved_both_ways(space, Penalty(np.array([[0.0]])), "float64")
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-6)


def _arguments(space, penalty, dtype="float64"):
    problem = problem_of(space, penalty, dtype)
    return problem, problem.tensors, Execution()


def test_penalties_that_depend_on_the_problem_are_found_on_the_host(space):
    found, expected = solved_both_ways(space, Penalty(), "float64")
    np.testing.assert_allclose(found.alpha, expected.alpha, rtol=1e-10)
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-6, atol=1e-9)


def test_corrections_that_do_not_shrink_give_way_to_sums_in_float64(space, monkeypatch):
    refined = solve_on_tensors(*_arguments(space, PENALTIES["one"], "float32"))
    monkeypatch.setattr(tensor_sums, "FIRST_SHARE", 0.0)
    summed = solve_on_tensors(*_arguments(space, PENALTIES["one"], "float32"))
    error = np.abs(refined.sums.gram - summed.sums.gram).max() / summed.sums.gram.max()
    assert 1e-10 < error < 1e-6
    np.testing.assert_allclose(refined.coef, summed.coef, rtol=1e-5, atol=1e-6)
