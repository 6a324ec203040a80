import numpy as np

from sknnk._losses import Huber, Minimum, Poisson, State
from sknnk._networks.losses.recipes import Recipe
from sknnk._networks.losses.rows import LeftOut
from sknnk._networks.losses.solving import Job, Minima


def minima(loss, Y, values):
    state = State(np.zeros((3, 1)), np.zeros(1), values)
    job = Job(Recipe("huber"), slice(0, 1), loss, 0.5)
    left = LeftOut(np.arange(len(Y)), np.zeros_like(Y), 2.0)
    return Minima([job], [Minimum(state, 0.5, 4, 1.0)], [left], Y, np.ones(len(Y)))


def test_the_noise_of_squares_is_the_variance_of_the_targets_around_the_outputs():
    rng = np.random.default_rng(0)
    Y, values = rng.normal(size=(30, 1)), rng.normal(size=(30, 1))
    np.testing.assert_allclose(minima(Huber(1e9), Y, values).noise, np.mean((Y - values) ** 2))


def test_the_noise_of_counts_is_that_of_their_logarithm():
    Y = np.random.default_rng(0).poisson(50.0, size=(4000, 1)).astype(float)
    noise = minima(Poisson(), Y, np.full(Y.shape, np.log(50.0))).noise
    np.testing.assert_allclose(noise, 1.0 / 50.0, rtol=0.1)


def test_a_solution_counts_the_steps_of_the_longest_loss():
    Y = np.zeros((5, 1))
    solution = minima(Huber(1.0), Y, Y).solution(np.zeros((3, 1)))
    assert solution.n_iter == 4 and solution.alpha.tolist() == [0.5] and solution.dof.tolist() == [2.0]
