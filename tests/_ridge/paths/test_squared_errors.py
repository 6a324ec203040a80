import numpy as np
import pytest
from sklearn.metrics import mean_squared_error, r2_score, root_mean_squared_error

from sknnk._ridge.moments import Moments
from sknnk._ridge.paths.squared_errors import (
    SquaredErrors,
    squared_errors_of_moments,
    squared_errors_of_predictions,
)

RNG = np.random.default_rng(0)
N, D, A, T = 200, 6, 3, 2
F = RNG.normal(size=(N, D)) + 5.0
Y = F @ RNG.normal(size=(D, T)) + RNG.normal(size=(N, T)) + 100.0
W = RNG.integers(0, 4, size=N).astype(float)
COEF, INTERCEPT = RNG.normal(size=(D, A, T)), RNG.normal(size=(A, T))
PREDICTIONS = np.einsum("nd,dat->nat", F, COEF) + INTERCEPT


@pytest.mark.parametrize("weight", [np.ones(N), W], ids=["unweighted", "weighted"])
def test_moments_and_predictions_give_the_scores_of_scikit_learn(weight):
    moments = squared_errors_of_moments(Moments.from_block(F, Y, weight), COEF, INTERCEPT)
    explicit = squared_errors_of_predictions(Y, PREDICTIONS, weight)
    for errors in (moments, explicit):
        for score, expected in (
            (errors.r2(), r2_score),
            (errors.mean_squared_error(), mean_squared_error),
            (errors.root_mean_squared_error(), root_mean_squared_error),
        ):
            by_hand = [expected(Y, PREDICTIONS[:, a], sample_weight=weight) for a in range(A)]
            np.testing.assert_allclose(score, by_hand, rtol=1e-10)


def test_errors_of_a_good_fit_do_not_cancel():
    # Residuals of 1e-5 around predictions of size 1e3 far from zero: about zero the sums would lose 16 digits.
    exact = np.einsum("nd,dt->nt", F, COEF[:, 0])
    noisy = exact + 1e-5 * RNG.normal(size=exact.shape) + 1e3
    coef, intercept = COEF[:, :1], np.full((1, T), 1e3)
    moments = squared_errors_of_moments(Moments.from_block(F, noisy), coef, intercept)
    explicit = squared_errors_of_predictions(noisy, (exact + 1e3)[:, None], np.ones(N))
    np.testing.assert_allclose(moments.residual, explicit.residual, rtol=1e-3)
    np.testing.assert_allclose(moments.r2(), explicit.r2(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1.0, 1e5, 1e7])
def test_the_bound_on_rounding_holds_for_large_coefficients_that_cancel(size):
    near = np.hstack([F, F + 1e-6 * RNG.normal(size=F.shape)])
    coef = np.concatenate([COEF + size, -np.full_like(COEF, size)])
    explicit = squared_errors_of_predictions(Y, np.einsum("nd,dat->nat", near, coef) + INTERCEPT, np.ones(N))
    errors = squared_errors_of_moments(Moments.from_block(near, Y), coef, INTERCEPT)
    assert np.all(np.abs(errors.residual - explicit.residual) <= errors.rounding + 1e-9 * explicit.residual)
    assert errors.is_precise(1e-9) == (size == 1.0)


@pytest.mark.parametrize("hit", [True, False])
def test_r2_of_constant_targets_is_that_of_scikit_learn(hit):
    constant = np.full((N, 1), 3.0)
    predictions = np.full((N, 1, 1), 3.0 if hit else 4.0)
    errors = squared_errors_of_predictions(constant, predictions, np.ones(N))
    assert errors.r2() == [r2_score(constant, predictions[:, 0])] == [float(hit)]


def test_units_are_those_of_the_targets():
    scaled = squared_errors_of_predictions(Y / [2.0, 8.0], PREDICTIONS / [2.0, 8.0], W).in_units(np.array([4.0, 64.0]))
    expected = squared_errors_of_predictions(Y, PREDICTIONS, W)
    np.testing.assert_allclose(scaled.mean_squared_error(), expected.mean_squared_error())
    np.testing.assert_allclose(scaled.r2(), expected.r2())


def test_precision_is_relative_to_the_errors():
    errors = SquaredErrors(np.array([[1.0], [1e-6]]), np.full((2, 1), 1e-10), np.ones(1), 1.0, 1)
    assert not errors.is_precise(1e-9)
    assert errors.is_precise(1e-3)
