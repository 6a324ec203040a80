import numpy as np
import pytest

from sknnk._ridge.moments import Moments
from sknnk._ridge.paths import fold_paths
from sknnk._ridge.paths.fold_paths import coefficient_path, paths_without, tridiagonal_path
from sknnk._ridge.solvers.eigen import coefficients, decompose

RNG = np.random.default_rng(0)
N, D, T = 400, 20, 2
F = RNG.normal(size=(N, D)) @ np.diag(np.logspace(0, -3, D)) + 1.0
Y = F @ RNG.normal(size=(D, T)) + RNG.normal(size=(N, T)) + 10.0
W = RNG.uniform(0.5, 2.0, size=N)
SCALE = RNG.uniform(0.5, 2.0, size=D)
ALPHAS = np.array([1e-6, 1e-2, 1e2])
FOLDS = np.arange(N) % 5


def moments_of(rows):
    return Moments.from_block(F[rows], Y[rows], W[rows])


def whole():
    return decompose(moments_of(slice(None)).scaled(SCALE))


def test_a_path_holds_the_solution_of_every_penalty():
    coef, intercept = coefficient_path(whole(), ALPHAS)
    for a, alpha in enumerate(ALPHAS):
        expected_coef, expected_intercept = coefficients(whole(), alpha)
        np.testing.assert_array_equal(coef[:, a], expected_coef)
        np.testing.assert_array_equal(intercept[a], expected_intercept)


def test_paths_without_some_rows_are_those_of_the_other_rows():
    rests = [moments_of(np.equal(FOLDS, k)) for k in range(5)]
    for k, (coef, intercept) in enumerate(paths_without(whole(), SCALE, rests, [np.ones(D)] * 5, ALPHAS)):
        expected, expected_intercept = coefficient_path(
            decompose(moments_of(np.not_equal(FOLDS, k)).scaled(SCALE)), ALPHAS
        )
        predictions = np.einsum("nd,dat->nat", F * SCALE, coef) + intercept
        by_hand = np.einsum("nd,dat->nat", F * SCALE, expected) + expected_intercept
        np.testing.assert_allclose(predictions, by_hand, atol=1e-6)


def test_a_penalty_factor_stands_for_columns_of_another_scale():
    ratio = np.where(np.arange(D) < 3, 1.3, 1.0)
    [(coef, intercept)] = paths_without(whole(), SCALE, [moments_of(FOLDS == 0)], [ratio**-2.0], ALPHAS)
    kept = moments_of(FOLDS != 0).scaled(SCALE * ratio)
    expected, expected_intercept = coefficient_path(decompose(kept), ALPHAS)
    predictions = np.einsum("nd,dat->nat", F * SCALE, coef) + intercept
    by_hand = np.einsum("nd,dat->nat", F * SCALE * ratio, expected) + expected_intercept
    np.testing.assert_allclose(predictions, by_hand, atol=1e-6)


def test_all_training_sets_penalties_and_targets_share_few_products(monkeypatch):
    calls = []

    def counted(product, right_side, *rest):
        found = original(product, right_side, *rest)
        calls.append((right_side.shape, found[1]))
        return found

    original = fold_paths.conjugate_gradients
    monkeypatch.setattr(fold_paths, "conjugate_gradients", counted)
    paths_without(whole(), SCALE, [moments_of(k == FOLDS) for k in range(5)], [np.ones(D)] * 5, ALPHAS)
    [(shape, n_products)] = calls
    assert shape == (D, 5 * len(ALPHAS) * T)
    assert n_products <= 15


@pytest.mark.parametrize("limit", [1, 60])
def test_none_says_that_iterating_did_not_converge(limit, monkeypatch):
    monkeypatch.setattr(fold_paths, "_MAX_ITER", limit)
    paths = paths_without(whole(), SCALE, [moments_of(FOLDS == 0)], [np.ones(D)], ALPHAS)
    assert (paths is None) == (limit == 1)


def test_a_path_without_eigenvectors_is_the_same_path():
    moments = moments_of(slice(None)).scaled(SCALE)
    coef, intercept = tridiagonal_path(moments, ALPHAS, np.finfo(np.float64).eps)
    expected, expected_intercept = coefficient_path(whole(), ALPHAS)
    np.testing.assert_allclose(coef, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(intercept, expected_intercept, rtol=1e-8)


def test_a_penalty_below_the_precision_has_no_path_without_eigenvectors():
    moments = moments_of(slice(None))
    assert tridiagonal_path(moments, np.array([1.0, 0.0]), np.finfo(np.float64).eps) is None
    assert tridiagonal_path(moments, np.array([1e-9]), np.finfo(np.float32).eps) is None


def test_filling_the_unused_triangle_makes_a_symmetric_matrix(monkeypatch):
    monkeypatch.setattr(fold_paths, "_TILE", 7)
    rest = moments_of(FOLDS == 0)
    expected = rest.gram + np.triu(rest.gram, 1).T
    paths_without(whole(), SCALE, [rest], [np.ones(D)], ALPHAS)
    np.testing.assert_array_equal(rest.gram, expected)


@pytest.mark.parametrize("noise", [1.0, 1e-2, 1e-4])
def test_squared_errors_are_as_precise_as_promised_whatever_the_noise(noise):
    rng = np.random.default_rng(1)
    targets = F @ rng.normal(size=(D, 1)) + noise * rng.normal(size=(N, 1))
    parts = [Moments.from_block(F[rows], targets[rows], W[rows]) for rows in (FOLDS >= 0, FOLDS == 0, FOLDS != 0)]
    [(coef, intercept)] = paths_without(
        decompose(parts[0].scaled(SCALE)), SCALE, [parts[1]], [np.ones(D)], np.array([1e-3, 1.0])
    )
    exact, exact_intercept = coefficient_path(decompose(parts[2].scaled(SCALE)), np.array([1e-3, 1.0]))
    found, expected = (
        np.sum((targets[FOLDS == 0, None] - np.einsum("nd,dat->nat", (F * SCALE)[FOLDS == 0], B) - b) ** 2, axis=0)
        for B, b in ((coef, intercept), (exact, exact_intercept))
    )
    np.testing.assert_allclose(found, expected, rtol=2.0 * fold_paths._ERROR_OF_SQUARES)
