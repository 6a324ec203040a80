import numpy as np
import pytest

from sknnk._compute import on_host
from sknnk._ridge import BareSolution, Moments, Penalty, decompose, solve_moments, solve_system
from sknnk._ridge.solvers.tensor_posterior import tensor_variance

rng = np.random.default_rng(0)
F = rng.normal(size=(30, 4)) * [1.0, 1.0, 2.0, 0.0]
MOMENTS = Moments.from_block(F, rng.normal(size=(30, 2)), rng.uniform(0.5, 2.0, size=30))
SOLUTIONS = {
    "factors": solve_moments(MOMENTS, Penalty(np.array([[0.1]])), 2e-16),
    "two factors": solve_moments(MOMENTS, Penalty(centre=np.array([0.1, 10.0])), 2e-16),
    "eigenvectors": solve_system(decompose(MOMENTS), Penalty(np.array([[0.1, 3.0]]))),
    "no penalty": solve_system(decompose(MOMENTS), Penalty(np.array([[0.0]]))),
}


class OtherSolution:
    """Of a kind that has no counterpart on a device."""

    def __init__(self, solution):
        self.coef, self.variance = solution.coef, solution.variance


@pytest.mark.parametrize("name", SOLUTIONS)
@pytest.mark.parametrize("wrapped", [lambda solution: solution, OtherSolution])
def test_the_variance_is_that_of_numpy(space, name, wrapped):
    columns = rng.normal(size=(6, 4))
    found = tensor_variance(wrapped(SOLUTIONS[name]), space)(space.tensor(columns))
    np.testing.assert_allclose(on_host(found), SOLUTIONS[name].variance(columns), rtol=1e-8)


def test_without_a_factor_there_is_none(space):
    assert tensor_variance(BareSolution.of(SOLUTIONS["factors"]), space) is None
