import numpy as np
import pytest

from sknnk._ridge.rounding import alpha_floor, known_rank, least_choice

EPS = np.finfo(np.float64).eps
EIGENVALUES = np.array([4.0, 2.0, 1.0])


def test_the_floor_covers_the_rounding_of_the_sums():
    assert alpha_floor(EIGENVALUES, 100, EPS) == 4.0 * 100 * EPS


def test_the_floor_grows_with_the_square_of_the_rounding_of_the_features():
    floors = [alpha_floor(EIGENVALUES, 3, precision) for precision in (1e-6, 1e-5)]
    assert floors[1] == pytest.approx(100.0 * floors[0])


def test_the_sum_of_the_eigenvalues_gives_an_upper_bound():
    for precision in (EPS, 1e-7, 1e-3):
        assert alpha_floor(np.array([EIGENVALUES.sum()]), 3, precision) >= alpha_floor(EIGENVALUES, 3, precision)


def test_nothing_but_zeros_leaves_a_positive_floor():
    assert alpha_floor(np.zeros(3), 3, EPS) > 0.0


def test_no_penalty_is_tried_unasked_that_the_order_of_sums_would_show_in():
    # The largest eigenvalue moves by itself times epsilon, and coefficients by that over the penalty.
    assert EIGENVALUES[0] * EPS / least_choice(EIGENVALUES, 0.0) < 1e-8
    assert least_choice(EIGENVALUES, 1e-3) == 1e-3


def test_eigenvalues_below_the_rounding_of_matrix_or_features_are_not_known():
    tiny = np.array([1.0, 10.0 * EPS, EPS])
    assert known_rank(tiny, EPS) == 2
    assert known_rank(EIGENVALUES, 0.4) == 2
    assert known_rank(np.zeros(3), EPS) == 0
