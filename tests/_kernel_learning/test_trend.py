import numpy as np
import pytest
from scipy import sparse

from sknnk._kernel_learning import Trend, found_trend

N = 120


def series(seed=0, slope=0.02, amplitude=1.0):
    """A trend and a season, and columns of time, of the season and of noise."""
    rng, t = np.random.default_rng(seed), np.arange(float(N))
    season = 2.0 * np.pi * t / 12.0
    y = slope * t + amplitude * np.sin(season) + 0.3 * rng.normal(size=N)
    return np.column_stack([t, np.sin(season), rng.normal(size=N)]), y[:, None]


def test_the_slope_is_that_of_least_squares_beside_the_other_columns():
    X, y = series()
    trend = found_trend(X, y, np.ones(N))
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(N)]), y, rcond=None)[0]
    np.testing.assert_allclose(trend.coef[0], expected[0], rtol=0.05)
    assert np.all(trend.coef[1:] == 0.0)
    np.testing.assert_allclose(trend(X), (X[:, :1] - X[:, 0].mean()) @ trend.coef[:1])


def test_where_everything_is_straight_the_line_is_that_of_all_columns():
    X, y = series()
    X = np.column_stack([X, np.random.default_rng(7).normal(size=(N, 2))])
    y = y + X[:, 3:] @ np.array([[1.0], [-0.5]])
    trend = found_trend(X, y, np.ones(N))
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(N)]), y, rcond=None)[0][:-1]
    np.testing.assert_allclose(trend.coef, expected, atol=0.01)
    # Power: of a curved effect, the slope of time alone is taken.
    bent = found_trend(X, y - X[:, 3:] @ np.array([[1.0], [-0.5]]) + 3.0 * np.sin(2.0 * X[:, 3:4]), np.ones(N))
    assert np.all(bent.coef[1:] == 0.0) and bent.coef[0, 0] == pytest.approx(0.02, rel=0.3)


def test_tables_without_an_order_have_none():
    X, y = series()
    order = np.random.default_rng(1).permutation(N)
    assert found_trend(X[order], y[order], np.ones(N)) is None
    assert found_trend(X[:19], y[:19], np.ones(19)) is None
    assert found_trend(sparse.csr_array(X), y, np.ones(N)) is None
    assert found_trend(np.ones((N, 2)), y, np.ones(N)) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_target_that_does_not_follow_time_gets_no_line(seed):
    X, y = series(seed, slope=0.0, amplitude=2.0)
    assert found_trend(X, y, np.ones(N)) is None
    # Power: the same rows with a slope get one.
    assert found_trend(X, y + 0.03 * X[:, :1], np.ones(N)) is not None


def test_units_copies_and_a_reversed_order_change_nothing_that_counts():
    X, y = series()
    trend, weights = found_trend(X, y, np.ones(N)), np.full(N, 2.0)
    scaled = found_trend(1e6 * X + 1e9, 1e-3 * y, np.ones(N))
    np.testing.assert_allclose(scaled.coef, 1e-9 * trend.coef, rtol=1e-4)
    np.testing.assert_allclose(found_trend(X, y, weights).coef, trend.coef, rtol=1e-10)
    # In the reversed order other rows tell whether the line is one of all columns.
    backwards = found_trend(X[::-1].copy(), y[::-1], np.ones(N))
    np.testing.assert_allclose(backwards.coef[0], trend.coef[0], rtol=0.02)
    both = found_trend(X, np.column_stack([y, 1e3 * y]), np.ones(N))
    np.testing.assert_allclose(both.coef, np.column_stack([trend.coef, 1e3 * trend.coef]), rtol=1e-10, atol=1e-12)


def test_the_line_is_the_less_certain_the_farther_the_row():
    X, y = series()
    trend = found_trend(X, y, np.ones(N))
    rows = np.array([[X[:, 0].mean(), 0.0, 0.0], [200.0, 0.0, 0.0], [2000.0, 0.0, 0.0]])
    growth = trend.growth(rows)
    assert growth[0] == pytest.approx(1.0) and 1.0 < growth[1] < growth[2]
    # The variance of a slope is that of the noise over the sum of squares of its column. Beside other columns it is
    # more: here up to half as much again.
    expected = np.sqrt(1.0 + (2000.0 - X[:, 0].mean()) ** 2 / np.sum((X[:, 0] - X[:, 0].mean()) ** 2))
    assert 0.98 * expected < growth[2] < 1.5 * expected


def test_shares_are_by_variance():
    trend = Trend(np.array([[1.0], [0.0]]), np.zeros(2), np.zeros((2, 2)), np.array([2.0, 1.0]), left=1.0)
    np.testing.assert_allclose(trend.shares(np.array([0.0, 1.0])), [0.8, 0.2])


def test_few_heavy_rows_and_tiny_values_get_no_line_and_many_columns_little_memory():
    X, y = series()
    heavy = np.ones(N)
    heavy[7] = 1e18
    assert found_trend(X, y, heavy) is None
    assert found_trend(X, y, 0.5 ** np.arange(N)) is None
    assert found_trend(X[:, :1] * 1e-310, y, np.ones(N)) is None
    assert found_trend(X * 1e300, y, np.ones(N)).coef[0, 0] * 1e300 == pytest.approx(0.02, rel=0.2)
    far = X.copy()
    far[-1, 0] = 1e300
    assert found_trend(far, y, np.ones(N)) is None
    wide = found_trend(np.column_stack([X, np.zeros((N, 5000))]), y, np.ones(N))
    assert wide.root.shape == (5003, 1)
