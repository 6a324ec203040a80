import numpy as np
import pytest

from sknnk._ridge.solvers.tridiagonal_form import Tridiagonal, shifted_solutions

SHIFTS = np.array([1e-6, 1.0, 1e3])


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_solutions_for_every_shift_are_those_of_the_shifted_matrix(n, n_targets):
    rng = np.random.default_rng(n)
    root = rng.normal(size=(n, n))
    matrix, right_side = root @ root.T, rng.normal(size=(n, n_targets))
    solutions = shifted_solutions(matrix.copy(), right_side, SHIFTS)
    assert solutions.shape == (n, 3, n_targets)
    for i, shift in enumerate(SHIFTS):
        expected = np.linalg.solve(matrix + shift * np.eye(n), right_side)
        np.testing.assert_allclose(solutions[:, i], expected, rtol=1e-7, atol=1e-10)


def test_the_lower_triangle_alone_is_read():
    matrix = np.diag([1.0, 2.0, 3.0]) + 0.5
    expected = shifted_solutions(matrix.copy(), np.eye(3), SHIFTS)
    lower = np.tril(matrix) + np.triu(np.full((3, 3), np.nan), 1)
    np.testing.assert_array_equal(shifted_solutions(lower, np.eye(3), SHIFTS), expected)


def test_a_matrix_without_full_rank_needs_the_shift():
    column = np.arange(1.0, 6.0)[:, None]
    solutions = shifted_solutions(column @ column.T, column, np.array([2.0]))
    np.testing.assert_allclose(solutions[:, 0], column / (np.sum(column**2) + 2.0))


def test_a_shift_that_leaves_the_matrix_indefinite_is_refused():
    assert shifted_solutions(np.diag([1.0, -2.0, 3.0]), np.ones((3, 1)), np.array([3.0, 1.0])) is None


@pytest.mark.parametrize("exponent", [-1000, -420, -406, -300, 300, 420, 509, 1000])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_powers_of_two_as_units_change_no_bit_of_the_eigenvalues(n, exponent):
    F = np.random.default_rng(n).standard_normal((9, n))
    one, other = (Tridiagonal.of(np.asfortranarray(unit * (F.T @ F))) for unit in (1.0, 2.0**exponent))
    np.testing.assert_array_equal(other.eigenvalues() / 2.0**exponent, one.eigenvalues())


def test_what_is_not_a_number_stays_that():
    matrix = np.asfortranarray(np.eye(3))
    matrix[2, 0] = np.nan
    assert not np.isfinite(Tridiagonal.of(matrix).eigenvalues()).all()
