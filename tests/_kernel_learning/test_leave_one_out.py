import numpy as np
import pytest

from sknnk._kernel_learning.leave_one_out import LeaveOneOutError
from sknnk._kernel_learning.trials import SearchTask
from sknnk._kernels import Kernel, kernel_matrix

RNG = np.random.default_rng(3)
KERNELS = (
    Kernel("cauchy", "coordinatewise", np.array([0.4, 0.9, 0.2]), 0.4),
    Kernel("gaussian", "isotropic", np.array([0.5, 0.3, 0.6]), 0.3),
    Kernel("cauchy", "isotropic", np.array([0.5, 0.3, 0.6]), 0.2, RNG.normal(size=(3, 2))),
    Kernel("sech", "coordinatewise", np.array([0.8, 0.2, 0.3]), 0.1),
)


def task_of(n, n_targets=2, threads=1):
    X, weight = RNG.normal(size=(n, 3)), RNG.uniform(0.5, 2.0, n)
    Y = np.column_stack([np.sin(2 * X[:, 0]) + X[:, 1], X[:, 2] ** 2])[:, :n_targets]
    return SearchTask.of(X, Y, weight, threads=threads)


def explicit_error(task, kernels, alpha):
    """The fit without each row, by dense algebra with an unpenalised intercept."""
    n, n_targets = task.Y.shape
    K, squares = kernel_matrix(kernels, task.X, task.X), np.empty((n, n_targets))
    for i in range(n):
        kept = np.arange(n) != i
        system = np.zeros((n, n))
        system[:-1, :-1] = K[np.ix_(kept, kept)] + np.diag(alpha / task.sample_weight[kept])
        system[-1, :-1] = system[:-1, -1] = 1.0
        solution = np.linalg.solve(system, np.vstack([task.Y[kept], np.zeros((1, n_targets))]))
        squares[i] = (task.Y[i] - K[i, kept] @ solution[:-1] - solution[-1]) ** 2
    return float(np.average(squares.mean(axis=1), weights=task.sample_weight))


def by_differences(error, parameters, step):
    slopes = []
    for j in range(len(parameters)):
        moved = np.zeros(len(parameters))
        moved[j] = step
        slopes.append((error(parameters + moved)[0] - error(parameters - moved)[0]) / (2.0 * step))
    return np.array(slopes)


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_the_error_is_that_of_fits_without_each_row(n_targets, alpha):
    task = task_of(40, n_targets)
    error = LeaveOneOutError(task, KERNELS, alpha)
    parameters = 0.2 * RNG.normal(size=error.n_parameters)
    expected = explicit_error(task, error.kernels_at(parameters), alpha)
    assert error(parameters)[0] == pytest.approx(np.log(expected), rel=1e-9)


@pytest.mark.parametrize("n", [40, 300])
def test_the_gradient_is_that_of_finite_differences(n):
    error = LeaveOneOutError(task_of(n), KERNELS, 0.01)
    parameters = 0.2 * RNG.normal(size=error.n_parameters)
    found, expected = error(parameters)[1], by_differences(error, parameters, 1e-5)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    # Not that of the error of a fit that sees all rows: a shorter length scale always lowers that one.
    assert found[: error.n_parameters - len(KERNELS)].min() < -1e-3 and found.max() > 1e-3


def test_where_a_factor_in_float32_suffices_the_gradient_is_near():
    task = task_of(600)
    coarse = LeaveOneOutError(task, KERNELS, 0.05)
    found, expected = (
        coarse(np.zeros(coarse.n_parameters))[1],
        by_differences(coarse, np.zeros(coarse.n_parameters), 0.02),
    )
    np.testing.assert_allclose(found, expected, atol=5e-3 * np.abs(found).max())


def test_it_does_not_depend_on_threads():
    state = RNG.bit_generator.state
    results = []
    for threads in (1, 2):
        RNG.bit_generator.state = state
        error = LeaveOneOutError(task_of(700, threads=threads), KERNELS, 0.05)
        results.append(error(np.zeros(error.n_parameters)))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_factors_multiply_scales_axes_and_weights():
    error = LeaveOneOutError(task_of(20), KERNELS, 0.1)
    assert error.n_parameters == 3 + 3 + 2 + 3 + 4
    parameters = np.zeros(error.n_parameters)
    parameters[[1, 6, -1]] = np.log([2.0, 3.0, 5.0])
    first, second, third, fourth = error.kernels_at(parameters)
    np.testing.assert_allclose(first.scales, [0.4, 1.8, 0.2])
    np.testing.assert_allclose(second.scales, KERNELS[1].scales)
    np.testing.assert_allclose(third.projection, KERNELS[2].projection * [3.0, 1.0])
    assert fourth.weight == pytest.approx(0.5) and first.weight == pytest.approx(0.4)


def test_where_floating_point_numbers_cannot_tell_it_is_infinite():
    task = task_of(30)
    for X, Y, alpha in ((np.zeros_like(task.X), task.Y, 1e-300), (task.X, np.zeros_like(task.Y), 0.1)):
        error = LeaveOneOutError(SearchTask(X, Y, np.ones(30)), KERNELS[:2], alpha)
        value, slope = error(np.zeros(error.n_parameters))
        assert value == np.inf and not slope.any()
