import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from sknnk._ridge.moments import Moments
from sknnk._ridge.penalties import alpha_grid, choose_alpha, effective_dof, gcv, noise_variance
from sknnk._ridge.solvers.eigen import (
    coefficients,
    decompose,
    decompose_rows,
    posterior_variance,
    prediction_path,
    recovered_moments,
)

SHAPES = [(30, 8), (8, 30), (12, 12), (12, 11), (12, 13), (5, 1), (2, 3)]
ALPHAS = np.array([1e-3, 0.1, 1.0, 30.0])
quick = settings(deadline=None, max_examples=40)


def primal(features, targets, weights=None, **kwargs):
    return decompose(Moments.from_block(features, targets, weights), **kwargs)


SYSTEMS = pytest.mark.parametrize("system_of", [primal, decompose_rows])


def noise_rows(n_samples, n_columns, n_targets=2, seed=0):
    rng = np.random.default_rng([seed, n_samples, n_columns])
    features = rng.normal(size=(n_samples, n_columns)) + 2.0
    targets = features @ rng.normal(size=(n_columns, n_targets)) + rng.normal(size=(n_samples, n_targets)) - 1.0
    return features, targets, rng.uniform(0.2, 3.0, n_samples)


def smooth_rows(n_samples, n_columns, seed=0):
    """Features of a smooth kernel: most eigenvalues lie below the rounding error of the largest."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_samples, 2))
    features = np.cos(x @ rng.normal(size=(2, n_columns)) / 2.0 + rng.uniform(0, 6, n_columns)) / np.sqrt(n_columns)
    return features, np.column_stack([np.sin(x[:, 0]), x[:, 1] + rng.normal(size=n_samples)]), np.ones(n_samples)


def centred(features, targets, weights):
    means = [np.average(a, axis=0, weights=weights) for a in (features, targets)]
    return [(a - m) * np.sqrt(weights)[:, None] for a, m in zip((features, targets), means, strict=True)]


def assert_close(actual, expected, tolerance):
    assert np.allclose(actual, expected, rtol=0, atol=tolerance * np.max(np.abs(expected)))


@SYSTEMS
@pytest.mark.parametrize("rows", [noise_rows, smooth_rows])
@pytest.mark.parametrize("shape", [(30, 8), (40, 60), (60, 40), (20, 20)])
@pytest.mark.parametrize("alpha", [1e-4, 1.0, np.array([1e-2, 50.0])])
def test_coefficients_are_those_of_ridge(system_of, rows, shape, alpha):
    features, targets, weights = rows(*shape)
    reference = Ridge(alpha, solver="svd").fit(features, targets, sample_weight=weights)
    coef, intercept = coefficients(system_of(features, targets, weights), alpha)
    assert_close(coef.T, reference.coef_, 1e-8)
    assert_close(intercept, reference.intercept_, 1e-8)


@pytest.mark.parametrize("alpha", [1e-5, 1e-3, 1.0])
def test_a_penalty_makes_eigenvalues_below_rounding_count(alpha):
    features, targets, _ = smooth_rows(300, 200)
    system = primal(features, targets)
    assert system.rank < 150 and alpha > system.alpha_floor
    reference = Ridge(alpha, solver="svd").fit(features, targets)
    assert_close(coefficients(system, alpha)[0].T, reference.coef_, 1e-8)
    # Left out, they are missed at every penalty that is not large.
    known = system.basis[:, : system.rank]
    left_out = known @ (system.cross[: system.rank] / (system.eigenvalues[: system.rank, None] + alpha))
    assert np.max(np.abs(left_out.T - reference.coef_)) > 1e-8 * np.max(np.abs(reference.coef_))


@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 99), weighted=st.booleans())
@quick
def test_primal_and_dual_are_the_same_system(shape, seed, weighted):
    features, targets, weights = noise_rows(*shape, seed=seed)
    weights = weights if weighted else None
    a, b = primal(features, targets, weights), decompose_rows(features, targets, weights)
    assert a.rank == b.rank == min(shape[0] - 1, shape[1])
    assert (a.n_samples, a.n_effective) == (b.n_samples, pytest.approx(b.n_effective))
    assert_close(a.eigenvalues[: a.rank], b.eigenvalues[: b.rank], 1e-12)
    grid = ALPHAS[:, None]
    assert_close(a.residual_squares(grid), b.residual_squares(grid), 1e-9)
    assert np.allclose(effective_dof(a, ALPHAS), effective_dof(b, ALPHAS), rtol=1e-9)
    assert_close(posterior_variance(a, features, ALPHAS[:2]), posterior_variance(b, features, ALPHAS[:2]), 1e-9)
    assert_close(coefficients(a, 0.1)[0], coefficients(b, 0.1)[0], 1e-8)


def exact_fit(dtype):
    """Targets that the features explain all but exactly, computed from rows of the given dtype."""
    features, targets, _ = smooth_rows(200, 60)
    return features.astype(dtype), (features @ (features.T @ targets)).astype(dtype)


@SYSTEMS
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_residual_sum_and_gcv_cannot_turn_negative(system_of, dtype):
    features, targets = exact_fit(dtype)
    system = system_of(features, targets, precision=np.finfo(dtype).eps)
    alphas = np.geomspace(system.alpha_floor, 1.0, 40)[:, None]
    squares = system.residual_squares(alphas)
    assert np.all(squares >= 0.0) and np.all(np.diff(squares, axis=0) >= 0.0)
    assert np.all(gcv(system, alphas) >= 0.0)


def test_the_expanded_square_in_float32_does_turn_negative():
    F, Y = exact_fit(np.float32)
    F, Y = F - F.mean(axis=0), Y - Y.mean(axis=0)
    gram, cross = F.T @ F, F.T @ Y
    expanded = [
        np.sum(Y * Y, axis=0) - 2 * np.sum(b * cross, axis=0) + np.sum(b * (gram @ b), axis=0)
        for b in (
            np.linalg.solve(gram + np.float32(a) * np.eye(60, dtype=np.float32), cross) for a in (1e-4, 1e-3, 1e-2)
        )
    ]
    assert np.min(expanded) < 0.0


@SYSTEMS
@pytest.mark.parametrize("shape", SHAPES)
def test_no_penalty_gives_least_squares_of_least_norm(system_of, shape):
    features, targets, weights = noise_rows(*shape)
    F, Y = centred(features, targets, weights)
    coef, intercept = coefficients(system_of(features, targets, weights), 0.0)
    assert_close(coef, np.linalg.lstsq(F, Y, rcond=1e-12)[0], 1e-7)
    means = [np.average(a, axis=0, weights=weights) for a in (features, targets)]
    assert_close(intercept, means[1] - means[0] @ coef, 1e-12)


@SYSTEMS
@pytest.mark.parametrize("alpha", [0.0, 1e-300, 1e-3])
def test_repeated_and_constant_columns_share_and_take_nothing(system_of, alpha):
    features, targets, weights = noise_rows(20, 3)
    wide = np.column_stack([features, features, np.full(20, 7.3)])
    system = system_of(wide, targets, weights)
    coef, _ = coefficients(system, alpha)
    assert system.rank == 3
    assert_close(coef[:3], coef[3:6], 1e-8)
    assert np.max(np.abs(coef[6])) < 1e-8
    single, _ = coefficients(system_of(np.sqrt(2.0) * features, targets, weights), alpha)
    assert_close(coef[:3] * np.sqrt(2.0), single, 1e-8)


@SYSTEMS
@given(exponent=st.integers(-150, 150), target_exponent=st.integers(-150, 150))
@quick
def test_units_of_features_and_targets_change_nothing_but_units(system_of, exponent, target_exponent):
    scale, target_scale = 2.0 ** int(3.3 * exponent), 2.0 ** int(3.3 * target_exponent)
    features, targets, _ = noise_rows(12, 5)
    system, scaled = system_of(features, targets), system_of(scale * features, target_scale * targets)
    assert_close(coefficients(scaled, scale**2)[0] * scale / target_scale, coefficients(system, 1.0)[0], 1e-10)
    grid = alpha_grid(scaled)
    assert np.all(np.isfinite(grid)) and np.all(np.diff(grid, axis=0) > 0.0)
    assert np.all(np.isfinite(choose_alpha(scaled, grid)))
    assert scaled.rank == 5
    here, there = (
        posterior_variance(*a)
        for a in ((system, features, ALPHAS[:2]), (scaled, scale * features, ALPHAS[:2] * scale**2))
    )
    assert_close(there, here, 1e-10)


@SYSTEMS
@pytest.mark.parametrize("shape", [(1, 4), (1, 1), (3, 2)])
def test_rows_that_do_not_vary_give_their_mean(system_of, shape):
    features, targets = np.full(shape, 0.3), np.full((shape[0], 2), 5.0)
    system = system_of(features, targets)
    grid = alpha_grid(system)
    for alpha in (0.0, 1.0, choose_alpha(system, grid)):
        coef, intercept = coefficients(system, alpha)
        assert np.array_equal(coef, np.zeros((shape[1], 2))) and np.array_equal(intercept, [5.0, 5.0])
    assert np.array_equal(noise_variance(system, np.ones(2)), [0.0, 0.0])
    assert np.array_equal(grid, [[1.0]]) and system.alpha_floor > 0.0


@SYSTEMS
@pytest.mark.parametrize("shape", [(15, 6), (6, 15)])
def test_prediction_path_is_the_prediction_of_each_penalty(system_of, shape):
    features, targets, weights = noise_rows(*shape)
    new, _, _ = noise_rows(4, shape[1], seed=5)
    system = system_of(features, targets, weights)
    path = prediction_path(system, new, np.append(0.0, ALPHAS))
    assert path.shape == (5, 4, 2)
    for alpha, prediction in zip(np.append(0.0, ALPHAS), path, strict=True):
        coef, intercept = coefficients(system, alpha)
        assert_close(prediction, new @ coef + intercept, 1e-10)


@SYSTEMS
@pytest.mark.parametrize("shape", [(15, 6), (6, 15), (12, 12)])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_posterior_variance_is_the_explicit_inverse(system_of, shape, unit):
    features, targets, _ = noise_rows(*shape)
    new, _, _ = noise_rows(5, shape[1], seed=5)
    alpha, n = np.array([0.02, 3.0]) * unit**2, len(features)
    F, phi = unit * (features - features.mean(axis=0)), unit * (new - features.mean(axis=0))
    expected = [1 / n + np.diag(phi @ np.linalg.solve(F.T @ F + a * np.eye(shape[1]), phi.T)) for a in alpha]
    variance = posterior_variance(system_of(unit * features, targets), unit * new, alpha)
    assert np.allclose(variance, np.transpose(expected), rtol=1e-8)


@SYSTEMS
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_rounding_is_no_untouched_direction_however_small_the_penalty(system_of, unit):
    features, targets, _ = noise_rows(15, 6)
    system, alpha = system_of(unit * features, targets), np.array([0.0, 1e-13 * unit**2])
    variance = posterior_variance(system, unit * features, alpha)
    assert np.allclose(variance[:, 1], variance[:, 0], rtol=1e-9)


@SYSTEMS
def test_directions_no_row_touched_keep_their_prior_and_count_nothing_without_one(system_of):
    features, targets, _ = noise_rows(10, 3)
    wide = np.column_stack([features, np.zeros(10)])
    system, alpha = system_of(wide, targets), np.array([0.0, 2.0])
    there = features.mean(axis=0)
    near, far = (posterior_variance(system, np.append(there, z)[None], alpha)[0] for z in (0.0, 3.0))
    assert np.allclose(near, 0.1) and np.allclose(far, [0.1, 0.1 + 9.0 / 2.0])


@SYSTEMS
@pytest.mark.parametrize("shape", [(15, 6), (6, 15)])
def test_recovered_moments_go_on_as_the_original_ones(system_of, shape):
    features, targets, weights = noise_rows(*shape)
    more, more_targets, _ = noise_rows(4, shape[1], seed=5)
    original = Moments.from_block(features, targets, weights)
    recovered = recovered_moments(system_of(features, targets, weights))
    for moments in (original, recovered):
        moments.update(more, more_targets)
    assert (recovered.n_samples, recovered.weight) == (original.n_samples, pytest.approx(original.weight))
    for name in ("mean", "target_mean", "gram", "cross", "target_square"):
        assert_close(getattr(recovered, name), getattr(original, name), 1e-11)


def test_the_floor_of_alpha_covers_the_rounding_of_features_but_hardly_smooths():
    features, targets, _ = smooth_rows(400, 100)
    single = features.astype(np.float32)
    floor = primal(single, targets, precision=np.finfo(np.float32).eps).alpha_floor
    exact, rounded = (coefficients(primal(F, targets), floor) for F in (features, single))
    drift = np.abs((features @ exact[0] + exact[1]) - (features @ rounded[0] + rounded[1]))
    assert np.max(drift / targets.std(axis=0)) < 1e-2
    system = primal(features, targets)
    assert np.max(drift / targets.std(axis=0)) > 0.0 and floor < 2e-8 * system.eigenvalues[0]
    assert system.alpha_floor < 1e-12 * system.eigenvalues[0]


@SYSTEMS
def test_weights_count_observations_and_repeated_rows_are_weights(system_of):
    features, targets, _ = noise_rows(10, 3)
    counts = np.arange(10) % 3 + 1
    weighted, repeated = (
        system_of(features, targets, counts),
        system_of(*(a.repeat(counts, axis=0) for a in (features, targets))),
    )
    assert (weighted.n_samples, weighted.n_effective, repeated.n_effective) == (10, counts.sum(), counts.sum())
    assert_close(gcv(weighted, ALPHAS[:, None]), gcv(repeated, ALPHAS[:, None]), 1e-10)
