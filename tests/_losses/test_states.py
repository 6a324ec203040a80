import numpy as np

from sknnk._losses import Poisson, State
from sknnk._losses.states import Objective


def state(seed, n=20, m=4):
    rng = np.random.default_rng(seed)
    coef, intercept = rng.normal(size=(m, 1)), rng.normal(size=1)
    columns = np.random.default_rng(9).normal(size=(n, m))
    return State(coef, intercept, columns @ coef + intercept)


def objective():
    Y = np.random.default_rng(1).poisson(2.0, size=(20, 1)).astype(float)
    return Objective(Poisson(), Y, np.full(20, 2.0), 0.5, lambda a, b: np.sum(a.coef * b.coef, axis=0))


def test_the_best_move_leaves_no_slope_along_its_directions():
    start, steps = state(0), [state(1), state(2)]
    best = objective().best_move(start, steps)
    for step in steps:
        slopes = [
            objective().value(best.moved([step], np.array([[share]]))) - objective().value(best)
            for share in (-1e-4, 1e-4)
        ]
        assert min(slopes) > -1e-10
    assert objective().value(best) < objective().value(start)


def test_repeated_directions_change_nothing():
    once, twice = (objective().best_move(state(0), [state(1)] * n) for n in (1, 2))
    np.testing.assert_allclose(once.values, twice.values, rtol=1e-6)


def test_a_difference_by_rounding_is_known_as_such():
    other = state(0).moved([state(1)], np.array([[1e-13]]))
    assert other.minus(state(0)).is_tiny_beside(state(0))
    assert not state(1).is_tiny_beside(state(0))
    assert not state(0).is_tiny_beside(State.constant(4, 20, np.zeros(1)))
