"""One given penalty: the Cholesky factor and the eigenvectors give the same answers."""

import numpy as np
import pytest
from scipy.linalg import LinAlgError
from threadpoolctl import threadpool_info, threadpool_limits

from sknnk import BundledNetworkRegressor
from sknnk._networks import fitted_network
from sknnk._ridge.moments import Moments
from sknnk._ridge.penalties import effective_dof, noise_variance
from sknnk._ridge.solvers import cholesky
from sknnk._ridge.solvers.cholesky import (
    MomentsSolution,
    penalised_factor,
    penalised_solution,
)
from sknnk._ridge.solvers.eigen import EigenSolution, coefficients, decompose

EPS = float(np.finfo(np.float64).eps)


def moments(n_samples, n_columns, weighted=False, seed=0):
    rng = np.random.default_rng(seed)
    F = rng.standard_normal((n_samples, n_columns)) * np.logspace(0, -2, n_columns)
    Y = F[:, :1] + 0.1 * rng.standard_normal((n_samples, 2))
    return Moments.from_block(F, Y, rng.integers(1, 4, n_samples).astype(float) if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 8), (8, 30), (500, 40)])
@pytest.mark.parametrize("alpha", [1e-4, 1.0, 1e4])
def test_both_ways_agree(shape, alpha, weighted):
    sums = moments(*shape, weighted)
    solved, system = penalised_solution(sums, alpha, EPS), decompose(sums)
    alphas = np.full(2, alpha)
    np.testing.assert_allclose(solved.coef, coefficients(system, alphas)[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(solved.dof, effective_dof(system, alphas), rtol=1e-6)
    np.testing.assert_allclose(solved.noise, noise_variance(system, alphas), rtol=1e-6, atol=1e-12)
    assert solved.n_effective == system.n_effective
    np.testing.assert_array_equal(solved.diagonal.eigenvalues, system.eigenvalues)


def test_moments_are_left_alone():
    sums = moments(50, 6)
    before = sums.copy()
    penalised_solution(sums, 1.0, EPS)
    np.testing.assert_array_equal(sums.gram, before.gram)
    np.testing.assert_array_equal(sums.cross, before.cross)


@pytest.mark.parametrize("alpha", [0.0, 1e-12])
def test_a_penalty_near_the_rounding_error_is_left_to_the_eigenvectors(alpha):
    assert penalised_solution(moments(50, 6), alpha, EPS) is None


def test_features_of_low_precision_need_a_larger_penalty():
    sums = moments(50, 6)
    assert penalised_solution(sums, 1e-4, EPS) is not None
    assert penalised_solution(sums, 1e-4, float(np.finfo(np.float32).eps)) is None


def test_no_degree_of_freedom_leaves_no_noise():
    one = Moments.from_block(np.ones((1, 2)), np.ones((1, 1)))
    assert penalised_solution(one, 1.0, EPS).noise == 0.0


def test_sums_that_are_not_positive_definite_are_refused():
    sums = moments(50, 6)
    sums.gram[1, 1] = -1e3
    sums.gram[0, 0] = 1e4
    with pytest.raises(LinAlgError, match="positive definite"):
        penalised_solution(sums, 1.0, EPS)


@pytest.mark.parametrize("n_columns", [6, 3000])
def test_threads_of_blas_are_for_wide_matrices(n_columns, monkeypatch):
    seen = []
    monkeypatch.setattr(cholesky, "dpotrf", lambda matrix, **_: seen.append(openblas_threads()) or (matrix, 0))
    with threadpool_limits(2, user_api="blas"):
        penalised_factor(np.zeros((n_columns, n_columns), order="F"), 1.0)
    assert seen == [{1} if n_columns == 6 else {2}]


def openblas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def table(n_samples=300):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 3))
    return X, np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]])


def fitted(alpha, **settings):
    X, Y = table()
    return BundledNetworkRegressor(64, alpha=alpha, solver="primal", random_state=0, **settings).fit(X, Y)


def in_the_eigenbasis(monkeypatch, alpha):
    with monkeypatch.context() as patched:
        patched.setattr(cholesky, "MARGIN", np.inf)
        return fitted(alpha)


def test_a_network_of_one_penalty_is_that_of_eigenvectors(monkeypatch):
    one, reference = fitted(0.1), in_the_eigenbasis(monkeypatch, 0.1)
    assert isinstance(fitted_network(one).solution, MomentsSolution) and isinstance(
        fitted_network(reference).solution, EigenSolution
    )
    X, _ = table()
    for ours, theirs in zip(one.predict(X, return_std=True), reference.predict(X, return_std=True), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
    for name in ("output_coef_", "intercept_", "effective_dof_", "noise_variance_", "alpha_"):
        np.testing.assert_allclose(getattr(one, name), getattr(reference, name), rtol=1e-7, atol=1e-10)


def test_rows_can_be_added_after_a_fit_with_one_penalty(monkeypatch):
    X, Y = table()
    more, more_targets = X[::-1] + 0.1, np.cos(Y)
    both = [model.partial_fit(more, more_targets) for model in (fitted(0.1), in_the_eigenbasis(monkeypatch, 0.1))]
    np.testing.assert_allclose(both[0].predict(X), both[1].predict(X), rtol=1e-7, atol=1e-9)
