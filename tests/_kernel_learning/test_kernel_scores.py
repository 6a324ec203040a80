import numpy as np
import pytest

from sknnk._compute.threads import one_blas_thread, over_threads
from sknnk._kernel_learning import kernel_scores
from sknnk._kernel_learning.kernel_scores import CrossValidation, climb
from sknnk._kernels import Kernel, kernel_matrix
from sknnk._ridge.solvers.dual import solve_dual


def problem(n=40, n_targets=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    K = kernel_matrix([Kernel("cauchy", "isotropic", np.ones(2))], X, X)
    Y = np.sin(X) @ rng.normal(size=(2, n_targets)) + 0.3 * rng.normal(size=(n, n_targets))
    return K, Y, rng.integers(1, 4, n).astype(float)


@pytest.mark.parametrize("n_held", [3, 10, 40, 100])
def test_the_error_is_that_of_fits_without_each_quarter_of_the_last_rows(n_held):
    K, Y, weight = problem()
    found = CrossValidation(Y, weight, n_held).score(K.astype, 0.3)
    held, squares = np.arange(40 - min(n_held, 40), 40), np.zeros((40, 2))
    for fold in (held[i::4] for i in range(min(n_held, 4))):
        kept = np.setdiff1d(np.arange(40), fold)
        solution = solve_dual(K[np.ix_(kept, kept)].copy(order="F"), Y[kept], weight[kept], 0.3)
        squares[fold] = (Y[fold] - K[np.ix_(fold, kept)] @ solution.coef - solution.intercept) ** 2
    expected = np.average(squares[held], axis=0, weights=weight[held]).mean()
    assert found.alpha == 0.3 and found.error == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(found.solution.coef, solve_dual(K.copy(order="F"), Y, weight, 0.3).coef, rtol=1e-12)


def test_only_the_lower_triangle_of_a_kernel_is_read_and_nothing_written():
    K, Y, weight = problem()
    lower = np.asfortranarray(np.tril(K))
    assert (
        CrossValidation(Y, weight, 9).score(lower.astype, 0.3).error
        == CrossValidation(Y, weight, 9).score(K.astype, 0.3).error
    )
    assert np.array_equal(lower, np.tril(K))


def test_the_best_penalty_is_a_minimum_along_the_grid():
    K, Y, weight = problem()
    validation = CrossValidation(Y, weight, 40)
    best = validation.best(K.astype, 1e-4)
    smaller, larger = (validation.score(K.astype, best.alpha * factor).error for factor in (10.0**-0.5, 10.0**0.5))
    assert best.error < larger and 0.999 * best.error < smaller
    assert (
        best.error < validation.score(K.astype, 1e-4).error and best[:2] == validation.score(K.astype, best.alpha)[:2]
    )


def test_a_smaller_penalty_is_not_taken_for_a_gain_of_less_than_a_thousandth():
    K, _, weight = problem()
    # The kernel has a cusp: without noise, fits that go through all targets are as good as any.
    smooth = CrossValidation(K @ np.linspace(-1.0, 1.0, 40)[:, None], weight, 40)
    best = smooth.best(K.astype, 1e-2)
    # From 0.003 to 0.001 the error falls by two thousandths, to 0.0003 by less than one.
    assert best.alpha == pytest.approx(1e-3)
    assert smooth.score(K.astype, 1e-8).error < best.error < 1.002 * smooth.score(K.astype, 1e-8).error


def test_the_best_of_given_penalties_has_the_least_error_and_is_the_largest_of_equals():
    K, Y, weight = problem()
    alphas = [1e-5, 3.0, 0.1, 40.0]
    validation = CrossValidation(Y, weight, 40, alphas)
    errors = [validation.score(K.astype, alpha).error for alpha in alphas]
    assert validation.best(K.astype, 77.0).alpha == alphas[int(np.argmin(errors))]
    assert CrossValidation(np.zeros((40, 1)), weight, 40, alphas).best(K.astype, 1.0).alpha == 40.0


def test_a_penalty_is_moved_to_the_nearest_that_is_allowed():
    _, Y, weight = problem()
    assert CrossValidation(Y, weight, 40).allowed(0.7) == 0.7
    assert [CrossValidation(Y, weight, 40, [0.1, 10.0]).allowed(alpha) for alpha in (1e-9, 0.9, 1.1, 50.0)] == [
        0.1,
        0.1,
        10.0,
        10.0,
    ]


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_bounds_of_the_penalty_are_in_units_of_the_weights(unit):
    K, _, _ = problem()
    noise = np.random.default_rng(1).normal(size=(40, 1))
    # Of noise nothing can be learned: the more penalty, the better, up to the bound.
    best = CrossValidation(noise, np.full(40, unit), 40, unit=unit).best(K.astype, unit)
    assert best.alpha == pytest.approx(1e3 * unit)
    assert CrossValidation(noise, np.full(40, unit), 40, unit=10.0 * unit).best(K.astype, unit).alpha > 5e3 * unit


def test_a_kernel_that_float64_cannot_factor_has_an_infinite_error(monkeypatch):
    K, Y, weight = problem()
    hopeless = CrossValidation(Y, weight, 40).score((-K).astype, 1e-3)
    assert hopeless.error == np.inf and hopeless.solution is None
    monkeypatch.setattr(kernel_scores, "held_out_residuals", lambda *_: None)
    assert CrossValidation(Y, weight, 40).score(K.astype, 1.0) == (1.0, np.inf, None)


ANY = (1e-6, 1e-6)


def test_the_walk_ends_at_a_minimum_and_at_its_bounds():
    assert climb(lambda x: (np.log2(x) - 3.0) ** 2, 1.0, 2.0, (1e-3, 1e3), ANY) == 8.0
    assert climb(lambda x: (np.log2(x) + 3.0) ** 2, 1.0, 2.0, (1e-3, 1e3), ANY) == 0.125
    assert climb(lambda x: x, 1.0, 2.0, (0.2, 1e3), ANY) == 0.25
    assert climb(lambda x: -x, 1.0, 2.0, (0.2, 5.0), ANY) == 4.0
    assert climb(lambda x: abs(x - 1.0), 1.0, 2.0, (0.2, 5.0), ANY) == 1.0


@pytest.mark.parametrize(("gains", "left", "right"), [((1e-3, 1e-6), 1.0, 4.0), ((1e-6, 1e-3), 0.25, 1.0)])
def test_a_gain_that_is_too_small_is_not_followed(gains, left, right):
    assert climb(lambda x: 1.0 + 1e-4 * np.log(x), 1.0, 2.0, (0.2, 5.0), gains) == left
    assert climb(lambda x: 1.0 - 1e-4 * np.log(x), 1.0, 2.0, (0.2, 5.0), gains) == right


def test_the_walk_looks_at_no_point_twice():
    seen = []
    climb(lambda x: seen.append(x) or (np.log2(x) - 2.0) ** 2, 1.0, 2.0, (1e-8, 1e8), ANY)
    assert sorted(seen) == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("length", [0.3, 3.0])
@pytest.mark.parametrize("activation", ["gaussian", "cauchy"])
def test_errors_of_many_rows_are_those_of_float64_as_far_as_choices_need(activation, length, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3))
    Y = np.sin(2.0 * X[:, :1]) + X[:, 1:2] ** 2 + 0.01 * rng.normal(size=(600, 1))
    K = kernel_matrix([Kernel(activation, "isotropic", np.full(3, 1.0 / length))], X, X)
    validation = CrossValidation(Y, rng.uniform(0.5, 1.0, 600), 300)
    # Not so below the harmless penalty, where float32 cannot even factor the smooth kernel.
    alphas = np.array([1e-7, kernel_scores._HARMLESS_ALPHA, 1e-1])
    monkeypatch.setattr(kernel_scores, "_MANY_ROWS", 601)
    exact = [validation.score(K.astype, alpha) for alpha in alphas]
    monkeypatch.setattr(kernel_scores, "_MANY_ROWS", 600)
    rounded = [validation.score(K.astype, alpha) for alpha in alphas]
    assert rounded[0].error == exact[0].error
    for one, other in zip(rounded[1:], exact[1:], strict=True):
        assert one.error != other.error and one.error == pytest.approx(other.error, rel=5e-3)


def test_a_known_score_is_not_computed_again(monkeypatch):
    K, Y, weight = problem()
    validation = CrossValidation(Y, weight, 40)
    expected, seen = validation.best(K.astype, 0.1), []
    known, score = validation.score(K.astype, 0.1), CrossValidation.score
    monkeypatch.setattr(CrossValidation, "score", lambda self, K, alpha: seen.append(alpha) or score(self, K, alpha))
    assert validation.best(K.astype, 0.1, known)[:2] == expected[:2] and seen and 0.1 not in seen


def test_kernels_may_be_scored_by_several_threads_at_the_same_time():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    K = kernel_matrix([Kernel("cauchy", "isotropic", np.ones(3))], X, X)
    validation = CrossValidation(np.sin(X[:, :1]), np.ones(500), 200)
    alphas = np.logspace(-3, 1, 24).tolist()
    with one_blas_thread():
        alone = [validation.score(K.astype, alpha).error for alpha in alphas]
    together = over_threads(validation.score, [(K.astype, alpha) for alpha in alphas], threads=4)
    assert [score.error for score in together] == alone
