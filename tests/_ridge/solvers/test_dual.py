import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from sknnk._compute import tiled_cholesky
from sknnk._kernels import Kernel, kernel_matrix
from sknnk._ridge.solvers import dual
from sknnk._ridge.solvers.dual import (
    DualSolution,
    held_out_residuals,
    leave_one_out,
    mean_leverage,
    solve_dual,
    solve_dual_in_two_precisions,
)

ALPHA = 0.3


def problem(n=24, n_targets=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    K = kernel_matrix([Kernel("cauchy", "isotropic", np.ones(2))], X, X)
    return K, rng.normal(size=(n, n_targets)) + 4.0, rng.integers(1, 5, n).astype(float)


def bordered(K, Y, weight, alpha):
    """Coefficients, intercept and hat matrix of the whole saddle-point system."""
    n = len(K)
    system = np.ones((n + 1, n + 1))
    system[:n, :n], system[n, n] = K + np.diag(alpha / weight), 0.0
    inverse = np.linalg.inv(system)
    solution = inverse[:, :n] @ Y
    hat = K @ inverse[:n, :n] + inverse[n, :n]
    return solution[:n], solution[n], hat


def fit_without(K, Y, weight, left_out, alpha=ALPHA):
    """Predictions for all rows of a fit to the rows that are not left out."""
    kept = np.setdiff1d(np.arange(len(K)), left_out)
    solution = solve_dual(K[np.ix_(kept, kept)].copy(order="F"), Y[kept], weight[kept], alpha)
    return K[:, kept] @ solution.coef + solution.intercept


def blocks_of(K, length=None):
    """Rows of the upper triangle, so many at a time."""
    n = len(K)
    return [K[i : i + (length or n), i:].copy() for i in range(0, n, length or n)]


def solved(n_held=None):
    K, Y, weight = problem()
    return solve_dual(K.copy(order="F"), Y, weight, ALPHA, len(K) if n_held is None else n_held)


def test_the_solution_is_that_of_the_bordered_system():
    K, Y, weight = problem()
    coef, intercept, _ = bordered(K, Y, weight, ALPHA)
    np.testing.assert_allclose(solved().coef, coef, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(solved().intercept, intercept, rtol=1e-12)
    np.testing.assert_allclose(solved().coef.sum(axis=0), 0.0, atol=1e-11)


def test_for_centred_targets_it_is_kernel_ridge_of_scikit_learn():
    K, Y, weight = problem()
    solution = solved()
    reference = KernelRidge(alpha=ALPHA, kernel="precomputed").fit(K, Y - solution.intercept, sample_weight=weight)
    np.testing.assert_allclose(K @ solution.coef, reference.predict(K), rtol=1e-9, atol=1e-12)


def test_only_the_lower_triangle_is_read_and_fortran_order_is_overwritten():
    K, Y, weight = problem()
    lower = np.asfortranarray(np.tril(K))
    assert np.array_equal(solve_dual(lower, Y, weight, ALPHA).coef, solved(0).coef)
    assert not np.allclose(lower, np.tril(K))


def test_an_integer_weight_is_the_same_as_repeating_the_row():
    K, Y, weight = problem()
    every = np.repeat(np.arange(len(K)), weight.astype(int))
    repeated = solve_dual(K[np.ix_(every, every)].copy(order="F"), Y[every], np.ones(len(every)), ALPHA)
    np.testing.assert_allclose(K[:, every] @ repeated.coef, K @ solved().coef, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(repeated.intercept, solved().intercept, rtol=1e-12)


@pytest.mark.parametrize("n_held", [9, 24])
def test_held_out_residuals_are_those_of_fits_without_the_fold(n_held):
    K, Y, weight = problem()
    folds = [np.arange(i, n_held, 4) for i in range(4)]
    found = held_out_residuals(solved(n_held), 4)
    start = len(K) - n_held
    for fold in folds:
        expected = (Y - fit_without(K, Y, weight, start + fold))[start + fold]
        np.testing.assert_allclose(found[fold], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n_held", [5, 24])
def test_residuals_without_a_row_are_those_of_a_fit_without_it(n_held):
    K, Y, weight = problem()
    start = len(K) - n_held
    found = leave_one_out(solved(n_held), weight[start:], np.ones(n_held, dtype=np.int64))
    expected = [(Y - fit_without(K, Y, weight, [i]))[i] for i in range(start, len(K))]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_of_a_row_that_stands_for_several_one_copy_is_left_out():
    K, Y, weight = problem()
    found = leave_one_out(solved(), weight, weight.astype(np.int64))
    for i in range(len(K)):
        fewer = weight.copy()
        fewer[i] -= 1.0
        left_out = [i] if fewer[i] == 0.0 else []
        expected = Y[i] - fit_without(K, Y, fewer, left_out)[i]
        np.testing.assert_allclose(found[i], expected, rtol=1e-9)


def test_the_mean_leverage_is_the_mean_of_the_diagonal_of_the_hat_matrix():
    K, Y, weight = problem()
    leverage = np.diag(bordered(K, Y, weight, ALPHA)[2])
    assert mean_leverage(solved(), weight) == pytest.approx(leverage.mean(), rel=1e-10)
    assert mean_leverage(solved(7), weight[-7:]) == pytest.approx(leverage[-7:].mean(), rel=1e-10)


def test_a_matrix_that_is_not_positive_definite_has_no_solution():
    _, Y, weight = problem()
    assert solve_dual(np.asfortranarray(-np.eye(len(Y))), Y, weight, ALPHA) is None


def test_a_fold_that_holds_every_row_cannot_be_left_out():
    assert held_out_residuals(solved(), 1) is None
    assert held_out_residuals(solved(9), 1) is not None


def test_without_held_rows_lapack_is_not_bothered(capfd):
    assert solved(0).held_root.shape == (0, 0)
    assert capfd.readouterr() == ("", "")


def test_a_factor_in_float32_gives_the_solution_to_its_precision():
    K, Y, weight = problem()
    single = solve_dual(K.astype(np.float32, order="F"), Y, weight, ALPHA, 10)
    double = solve_dual(K.copy(order="F"), Y, weight, ALPHA, 10)
    assert single.coef.dtype == single.inverse_block(slice(0, 10, 1)).dtype == np.float64
    np.testing.assert_allclose(single.coef, double.coef, rtol=1e-4, atol=1e-5)
    blocks = [np.tril(each.inverse_block(slice(0, 10, 1))) for each in (single, double)]
    np.testing.assert_allclose(*blocks, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.diag(blocks[1]), double.inverse_diagonal(), rtol=1e-12)
    assert not np.array_equal(single.coef, double.coef)


def test_a_fold_whose_block_cannot_be_factored_cannot_be_left_out():
    solution = DualSolution(np.ones((3, 1)), np.zeros(1), 1.0, np.zeros((3, 3)), np.ones(3))
    assert held_out_residuals(solution, 2) is None


def test_two_precisions_give_the_solution_of_float64(monkeypatch):
    K, Y, weight = problem(n=300, n_targets=3)
    Y[:, 2] = 7.0
    blocks = blocks_of(K, 40)
    found = solve_dual_in_two_precisions(blocks, Y, weight, ALPHA, 10)
    expected = solve_dual(K.copy(order="F"), Y, weight, ALPHA, 10)
    assert all(np.array_equal(*pair) for pair in zip(blocks, blocks_of(K, 40), strict=True))
    largest = np.linalg.norm(expected.coef, axis=0).max()
    assert np.linalg.norm(found.coef - expected.coef, axis=0).max() < 1e-10 * largest
    np.testing.assert_allclose(found.intercept, expected.intercept, rtol=1e-10)
    np.testing.assert_allclose(
        np.tril(found.inverse_block(slice(0, 10, 1))), np.tril(expected.inverse_block(slice(0, 10, 1))), atol=1e-5
    )
    assert found.held_root.dtype == np.float32
    monkeypatch.setattr(dual, "MOST_PASSES", 0)
    uncorrected = solve_dual_in_two_precisions(blocks, Y, weight, ALPHA)
    assert np.linalg.norm(uncorrected.coef - expected.coef, axis=0).max() > 1e-7 * largest


@pytest.mark.parametrize("length", [1, 7, 23])
@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_of_any_length_and_threads_give_the_same_solution(length, threads):
    K, Y, weight = problem()
    expected = solve_dual_in_two_precisions(blocks_of(K), Y, weight, ALPHA)
    found = solve_dual_in_two_precisions(blocks_of(K, length), Y, weight, ALPHA, threads=threads)
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-9, atol=1e-12)


def test_a_factor_over_threads_gives_the_same_solution(monkeypatch):
    expected, (K, Y, weight) = solved(0), problem()
    monkeypatch.setattr(tiled_cholesky, "_MANY_ROWS", 10)
    monkeypatch.setattr(tiled_cholesky, "_PANEL", 5)
    found = solve_dual(K.copy(order="F"), Y, weight, ALPHA, threads=2)
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-10, atol=1e-13)
    assert not np.array_equal(found.coef, expected.coef)


def test_nearly_singular_systems_have_no_solution_in_two_precisions():
    rows = np.linspace(0.0, 1.0, 200)[:, None]
    K = np.asfortranarray(kernel_matrix([Kernel("gaussian", "isotropic", np.ones(1))], rows, rows))
    Y, weight = np.sin(9.0 * rows), np.ones(200)
    # Not positive definite once it is rounded; positive definite, but with corrections as large as the solution.
    assert solve_dual_in_two_precisions([K], Y, weight, 1e-9) is None
    assert solve_dual_in_two_precisions([K], Y, weight, 2e-5) is None
    assert solve_dual_in_two_precisions([K], Y, weight, 1.0) is not None
    assert solve_dual(K.copy(order="F"), Y, weight, 1e-9) is not None


def test_a_penalty_beyond_float32_is_left_to_float64():
    K, Y, weight = problem()
    weight[0] = 1e-60
    assert solve_dual_in_two_precisions([K], Y, weight, ALPHA) is None
