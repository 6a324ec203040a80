"""The best of several penalties without eigenvectors is the one that eigenvectors give, or is left to them."""

import pickle

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_info, threadpool_limits

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._networks import fitted_network
from sknnk._ridge.moments import Moments
from sknnk._ridge.penalties import choose_alpha, effective_dof, noise_variance
from sknnk._ridge.solvers import tridiagonal
from sknnk._ridge.solvers.cholesky import MomentsSolution
from sknnk._ridge.solvers.eigen import EigenSolution, coefficients, decompose
from sknnk._ridge.solvers.tridiagonal import TridiagonalMoments, best_of_several, solved_for_best
from sknnk._ridge.solvers.tridiagonal_form import Tridiagonal

EPS = float(np.finfo(np.float64).eps)


def rows(n_samples, n_columns, weighted=False, seed=0):
    rng = np.random.default_rng([seed, n_samples, n_columns])
    F = rng.standard_normal((n_samples, n_columns)) * np.logspace(0, -3, n_columns)
    Y = F[:, :1] * [1.0, 1e3] + 0.1 * rng.standard_normal((n_samples, 2)) * [1.0, 3e3]
    return F, Y, rng.integers(1, 4, n_samples).astype(float) if weighted else None


def moments(*shape, **options):
    return Moments.from_block(*rows(*shape, **options))


COMMON, OWN = np.logspace(-3, 4, 22)[:, None], np.logspace(-3, 4, 22)[:, None] * [1.0, 3.0]


@pytest.mark.parametrize("alphas", [COMMON, OWN, OWN[9:10]])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 8), (8, 30), (500, 40), (30, 1), (12, 2)])
def test_both_ways_choose_and_solve_alike(shape, weighted, alphas):
    sums = moments(*shape, weighted=weighted)
    if shape[0] <= shape[1]:
        alphas = 100.0 * alphas  # with less, nothing would be left over
    solved, system = solved_for_best(sums, lambda _: alphas, 1.4, EPS), decompose(sums)
    alpha = choose_alpha(system, alphas, 1.4)
    np.testing.assert_array_equal(solved.alpha, alpha)
    expected = coefficients(system, alpha)[0]
    np.testing.assert_allclose(solved.coef, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose(solved.dof, effective_dof(system, alpha), rtol=1e-9)
    np.testing.assert_allclose(solved.noise, noise_variance(system, alpha), rtol=1e-7)


@pytest.mark.parametrize("shape", [(60, 8), (8, 30), (12, 12), (30, 1)])
def test_residuals_are_those_of_the_rows(shape):
    F, Y, weight = rows(*shape, weighted=True)
    system = TridiagonalMoments.of(Moments.from_block(F, Y, weight), EPS)
    for alpha in (1e-3, 1.0, 100.0):
        fit = Ridge(alpha, solver="svd").fit(F, Y, sample_weight=weight)
        squares = weight @ (Y - fit.predict(F).reshape(Y.shape)) ** 2
        np.testing.assert_allclose(system.residual_squares(np.array([[alpha]]))[0], squares, rtol=1e-9)


@given(n_samples=st.integers(2, 40), n_columns=st.integers(1, 30), exponent=st.integers(-150, 150))
@example(2, 28, -124)  # of two rows, every penalty is as good as another, and the last bit of the eigenvalues decides
@settings(deadline=None, max_examples=60)
def test_units_of_the_features_change_nothing_but_units(n_samples, n_columns, exponent):
    scale = 2.0 ** int(3.3 * exponent / 2)
    F, Y, _ = rows(n_samples, n_columns)
    one = solved_for_best(Moments.from_block(F, Y), lambda _: COMMON, 1.0, EPS)
    scaled = solved_for_best(Moments.from_block(scale * F, Y), lambda _: COMMON * scale**2, 1.0, EPS)
    np.testing.assert_allclose(scaled.alpha, one.alpha * scale**2, rtol=1e-12)
    np.testing.assert_allclose(scaled.coef * scale, one.coef, rtol=0, atol=1e-10 * np.abs(one.coef).max())


def test_moments_are_left_alone():
    sums = moments(50, 6)
    before = sums.copy()
    solved_for_best(sums, lambda _: COMMON, 1.0, EPS)
    for name in ("gram", "cross", "target_square"):
        np.testing.assert_array_equal(getattr(sums, name), getattr(before, name))


@pytest.mark.parametrize("alpha", [0.0, 1e-12])
def test_a_penalty_near_the_rounding_error_is_left_to_eigenvectors(alpha):
    sums = moments(50, 6)
    assert best_of_several(sums, lambda _: np.array([[alpha], [1.0]]), 1.0, EPS) is None
    assert best_of_several(sums, lambda _: np.array([[1e-4], [1.0]]), 1.0, EPS) is not None
    # What float32 features leave uncertain is no longer tried.
    assert best_of_several(sums, lambda _: np.array([[1e-8], [1.0]]), 1.0, float(np.finfo(np.float32).eps)) is None


def test_a_fit_without_noise_is_left_to_eigenvectors():
    F, _, _ = rows(50, 6)
    for noise, left in ((0.0, True), (1e-1, False)):
        Y = F @ np.ones((6, 1)) + noise * np.sin(np.arange(50.0))[:, None]
        chosen = best_of_several(Moments.from_block(F, Y), lambda _: np.logspace(-5, 4, 19)[:, None], 1.0, EPS)
        assert (chosen is None) == left


def test_sums_that_are_not_numbers_are_left_to_what_refuses_them():
    sums = moments(50, 6)
    sums.gram[1, 2] = np.nan
    assert best_of_several(sums, lambda _: COMMON, 1.0, EPS) is None


def test_rows_and_targets_that_do_not_vary():
    constant = Moments.from_block(np.ones((5, 3)), np.ones((5, 2)))
    solved = solved_for_best(constant, lambda _: COMMON, 1.0, EPS)
    assert not solved.coef.any() and not solved.noise.any() and solved.alpha.tolist() == [COMMON[-1, 0]] * 2


@pytest.mark.parametrize(("n_columns", "threads"), [(2, 1), (2049, 2)])
def test_threads_of_blas_are_for_wide_matrices(n_columns, threads, monkeypatch):
    seen, of = [], Tridiagonal.of

    def spied(matrix):
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
        return of(matrix[:2, :2])

    monkeypatch.setattr(Tridiagonal, "of", spied)
    sums = Moments.empty(n_columns, 1)
    monkeypatch.setattr(Tridiagonal, "rotated", lambda *_: sums.cross)
    with threadpool_limits(2, user_api="blas"):
        TridiagonalMoments.of(sums, EPS)
    assert seen == [{threads}]


# In the network


def table(n_samples=300):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 3))
    return X, np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]]) + 0.1 * rng.standard_normal((n_samples, 2))


def network(alpha, **settings):
    return BundledNetworkRegressor(64, alpha=alpha, solver="primal", random_state=0, **settings)


def in_the_eigenbasis(monkeypatch, model, *data):
    with monkeypatch.context() as patched:
        patched.setattr(tridiagonal, "best_of_several", lambda *_: None)
        return model.fit(*data)


ALPHAS = pytest.mark.parametrize("alpha", [np.logspace(-3, 3, 13), "auto", [[0.1, 3.0]]])


@ALPHAS
def test_a_network_is_that_of_eigenvectors(alpha, monkeypatch):
    X, Y = table()
    model, reference = network(alpha).fit(X, Y), in_the_eigenbasis(monkeypatch, network(alpha), X, Y)
    assert isinstance(fitted_network(model).solution, MomentsSolution) and isinstance(
        fitted_network(reference).solution, EigenSolution
    )
    np.testing.assert_array_equal(model.alpha_, reference.alpha_)
    for ours, theirs in zip(model.predict(X, return_std=True), reference.predict(X, return_std=True), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
    for name in ("output_coef_", "intercept_", "effective_dof_", "noise_variance_"):
        np.testing.assert_allclose(getattr(model, name), getattr(reference, name), rtol=1e-7, atol=1e-9)


@ALPHAS
def test_rows_can_be_added(alpha, monkeypatch):
    X, Y = table()
    both = network(alpha).fit(X, Y), in_the_eigenbasis(monkeypatch, network(alpha), X, Y)
    both = [pickle.loads(pickle.dumps(model)).partial_fit(X[::-1] + 0.1, np.cos(Y)) for model in both]
    np.testing.assert_allclose(both[0].predict(X), both[1].predict(X), rtol=1e-7, atol=1e-9)


def test_classes_are_targets_like_any_other(monkeypatch):
    X, Y = table()
    labels = np.digitize(Y[:, 0], [-0.5, 0.5])
    models = [BundledNetworkClassifier(64, solver="primal", random_state=0) for _ in range(2)]
    model, reference = models[0].fit(X, labels), in_the_eigenbasis(monkeypatch, models[1], X, labels)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("alpha", [0.0, np.array([0.0, 1e-3])])
def test_least_squares_without_a_penalty_still_take_eigenvectors(alpha):
    X, Y = table()
    assert isinstance(fitted_network(network(alpha).fit(X, Y)).solution, EigenSolution)
