"""What generalised cross-validation says of penalties is the same in whatever form a problem is held."""

import numpy as np
import pytest

from sknnk._ridge.moments import Moments
from sknnk._ridge.penalties import (
    INFLATION,
    Penalty,
    alpha_grid,
    choose_alpha,
    effective_dof,
    gcv,
    is_one_penalty,
    noise_variance,
    variance_around,
)
from sknnk._ridge.solvers.eigen import decompose, decompose_rows
from sknnk._ridge.solvers.tridiagonal import TridiagonalMoments

EPS = float(np.finfo(np.float64).eps)


def eigenvectors(*rows):
    return decompose(Moments.from_block(*rows))


def tridiagonal(*rows):
    return TridiagonalMoments.of(Moments.from_block(*rows), EPS)


SYSTEMS = pytest.mark.parametrize("system_of", [eigenvectors, decompose_rows, tridiagonal])


def noise_rows(n_samples, n_columns, n_targets=2, seed=0):
    rng = np.random.default_rng([seed, n_samples, n_columns])
    features = rng.normal(size=(n_samples, n_columns)) + 2.0
    targets = features @ rng.normal(size=(n_columns, n_targets)) + rng.normal(size=(n_samples, n_targets)) - 1.0
    return features, targets, rng.uniform(0.2, 3.0, n_samples)


def centred(features, targets, weights):
    means = [np.average(a, axis=0, weights=weights) for a in (features, targets)]
    return [(a - m) * np.sqrt(weights)[:, None] for a, m in zip((features, targets), means, strict=True)]


def hat_matrix(features, weights, alpha):
    """Explicit hat matrix of the centred and weighted rows."""
    F, _ = centred(features, features, weights)
    return F @ np.linalg.solve(F.T @ F + alpha * np.eye(F.shape[1]), F.T)


@SYSTEMS
@pytest.mark.parametrize("shape", [(30, 8), (12, 11), (8, 30)])
@pytest.mark.parametrize("inflation", [1.0, 1.4])
def test_gcv_is_the_explicit_formula_with_the_hat_matrix(system_of, shape, inflation):
    features, targets, weights = noise_rows(*shape)
    weights = weights * len(weights) / weights.sum() + 0.5
    system = system_of(features, targets, weights)
    _, Y = centred(features, targets, weights)
    for alpha in (3.0, 200.0):
        H, n = hat_matrix(features, weights, alpha), weights.sum()
        dof, squares = np.trace(H), np.sum((Y - H @ Y) ** 2, axis=0)
        one = np.array([[alpha]])
        assert effective_dof(system, alpha) == pytest.approx(dof)
        assert np.allclose(system.residual_squares(one), squares)
        assert np.allclose(noise_variance(system, np.full(2, alpha)), squares / (n - 1 - dof))
        if inflation * dof < 0.9 * (n - 1):
            assert np.allclose(gcv(system, one, inflation), n * squares / (n - 1 - inflation * dof) ** 2)
        else:
            assert np.all(np.isinf(gcv(system, one, inflation)))


def test_the_grid_runs_from_the_floor_to_beyond_the_largest_eigenvalue():
    system = eigenvectors(*noise_rows(30, 8))
    grid = alpha_grid(system)[:, 0]
    steps = np.diff(np.log10(grid))
    assert grid[0] == pytest.approx(system.least_choice) and grid[-1] == pytest.approx(100 * system.eigenvalues[0])
    assert np.allclose(steps, steps[0]) and steps[0] <= 1 / 8


@SYSTEMS
def test_each_target_gets_its_own_best_penalty_from_its_own_candidates(system_of):
    system = system_of(*noise_rows(30, 8))
    common = np.geomspace(1e-4, 1e4, 33)[:, None]
    own = common * [1.0, 0.37]
    for candidates in (common, own, own[::-1], own[[3, 1, 4, 2]]):
        scores = gcv(system, np.broadcast_to(candidates, (len(candidates), 2)))
        best = np.broadcast_to(candidates, scores.shape)[scores.argmin(axis=0), [0, 1]]
        assert np.array_equal(choose_alpha(system, candidates), best)


def test_near_interpolation_is_not_trusted_and_the_largest_penalty_wins():
    system = decompose_rows(*noise_rows(12, 40)[:2])
    tiny = np.array([[1e-9], [1e-6], [1e-8]])
    assert np.all(np.isinf(gcv(system, tiny)))
    assert np.array_equal(choose_alpha(system, tiny), [1e-6, 1e-6])
    assert np.all(np.isfinite(gcv(system, np.array([[1e3]]))))


@SYSTEMS
def test_a_constant_target_gets_the_smoothest_fit(system_of):
    features, targets, _ = noise_rows(20, 4)
    targets[:, 1] = 3.0
    system = system_of(features, targets)
    grid = alpha_grid(system)
    chosen = choose_alpha(system, grid)
    assert chosen[1] == grid[-1, 0] > chosen[0]


def test_no_degree_of_freedom_leaves_no_noise():
    assert variance_around(np.array([4.0, 4.0]), 5.0, np.array([2.0, 4.5])).tolist() == [2.0, 0.0]


def test_one_penalty_may_be_said_in_many_ways():
    assert is_one_penalty(np.array([[1.0]])) and is_one_penalty(np.array([[1.0, 1.0]]))
    for several in (None, np.array([[1.0], [2.0]]), np.array([[1.0, 2.0]])):
        assert not is_one_penalty(several)


@SYSTEMS
def test_penalties_that_are_given_are_tried_as_they_are(system_of):
    system, given = system_of(*noise_rows(30, 4)), np.array([[0.0, 1.0], [1e-30, 2.0]])
    penalty = Penalty(given, centre=np.ones(2))
    assert penalty.tried(system) is given and penalty.unlimited() is given
    assert penalty.inflation == 1.0 and penalty.single is None
    assert Penalty(np.array([[3.0, 3.0]])).single == 3.0


@SYSTEMS
def test_around_what_a_sample_found_there_is_a_window_above_rounding(system_of):
    system, centre = system_of(*noise_rows(30, 4)), np.array([1.0, 1e-30])
    penalty = Penalty(centre=centre)
    window = penalty.unlimited()
    assert window.shape == (11, 2) and np.all(np.diff(window, axis=0) > 0.0)
    np.testing.assert_allclose(window[[0, -1]] / centre, [[0.1] * 2, [10.0**0.25] * 2])
    np.testing.assert_array_equal(penalty.tried(system), np.maximum(window, system.least_choice))
    assert np.all(penalty.tried(system)[:, 1] == system.least_choice)
    assert penalty.inflation == INFLATION and penalty.single is None


@SYSTEMS
def test_where_nothing_is_known_the_system_says_what_to_try(system_of):
    system = system_of(*noise_rows(30, 4))
    assert Penalty().unlimited() is None and Penalty().single is None and Penalty().inflation == INFLATION
    np.testing.assert_array_equal(Penalty().tried(system), alpha_grid(system))
