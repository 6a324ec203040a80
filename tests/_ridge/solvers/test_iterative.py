"""Conjugate gradients as a solver: which penalties, which of them unasked, and the noise that is left."""

import numpy as np
import pytest

from sknnk import URFSampler
from sknnk._features import RandomMap
from sknnk._integration import Execution
from sknnk._ridge.penalties import Penalty
from sknnk._ridge.problem import Problem
from sknnk._ridge.solvers.eigen import decompose_rows
from sknnk._ridge.solvers.iterative import ConjugateGradients, iterative_solution, solve_iteratively
from sknnk._ridge.solvers.operator import FeatureOperator, sketched


def layers_and_rows(n_samples=60, n_components=12):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 2))
    layers = RandomMap(None, 1.0, (URFSampler("gaussian", n_components=n_components, random_state=0).fit(X),))
    return layers, X, np.column_stack([np.sin(X[:, 0]), X[:, 1]]) + 0.1 * rng.normal(size=(n_samples, 2))


@pytest.mark.parametrize(
    ("alphas", "accepted"),
    [(None, True), ([[0.1]], True), ([[0.1, 2.0]], True), ([[0.1], [1.0]], False), ([[0.0]], False)],
)
def test_one_positive_penalty_for_each_target_is_accepted(alphas, accepted):
    assert ConjugateGradients().accepts(Penalty(None if alphas is None else np.array(alphas))) == accepted


def test_an_automatic_penalty_is_the_middle_of_the_window_that_a_sketch_allows():
    layers, X, Y = layers_and_rows()
    penalty = Penalty(centre=np.array([1.0, 1e-30]))
    problem = Problem(layers, X, Y, np.ones(len(X)), penalty, seed=3)
    solution = ConjugateGradients().solve(problem, Execution())
    sketch = sketched(layers.columns, X, Y, np.ones(len(X)), np.random.default_rng(3))
    np.testing.assert_allclose(solution.alpha, [10.0**-0.375, sketch.least_choice], rtol=1e-12)


def test_where_no_freedom_is_left_there_is_no_noise():
    F, Y = np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]])
    operator = FeatureOperator(lambda rows, out: np.add(rows, 0.0, out=out), np.ones(1), F, np.ones(2), 1)
    solution = iterative_solution(operator, Y, decompose_rows(F, Y), np.array([1e-9]), 1e-10, 10)
    assert 0.0 < 1.0 - solution.dof[0] < 1e-8 and solution.noise[0] < 1e-8
    # One row has none at all, and no residual either.
    operator = FeatureOperator(lambda rows, out: np.add(rows, 0.0, out=out), np.ones(1), F[:1], np.ones(1), 1)
    assert iterative_solution(operator, Y[:1], decompose_rows(F[:1], Y[:1]), np.ones(1), 1e-10, 10).noise == 0.0


def test_the_tuple_holds_the_same():
    layers, X, Y = layers_and_rows()
    operator, sketch = FeatureOperator.of(layers, X, np.ones(len(X)), 1), decompose_rows(layers.columns(X), Y)
    plan = (operator, Y, sketch, np.ones(2), 1e-8, 100)
    solution, (system, coef, noise, n_iter) = iterative_solution(*plan), solve_iteratively(*plan)
    assert np.array_equal(coef, solution.coef) and np.array_equal(noise, solution.noise) and n_iter == solution.n_iter
    assert np.array_equal(system.mean, solution.system.mean)
