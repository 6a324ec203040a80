import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sknnk._data.rows import (
    binary_magnitude,
    is_valid_already,
    multiplicities,
    places_of_equals,
    unit_rows,
    weighted_rows,
    with_a_say,
)

quick = settings(deadline=None, max_examples=50)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_rows_of_weight_zero_are_left_out(kind):
    X, Y, weight = np.arange(12.0).reshape(4, 3), np.arange(8.0).reshape(4, 2), np.array([1.0, 0.0, 2.0, 0.0])
    rows, targets, weights = weighted_rows(kind(X), Y, weight)
    assert np.array_equal(rows if kind is np.asarray else rows.toarray(), X[::2])
    assert np.array_equal(targets, Y[::2]) and np.array_equal(weights, [1.0, 2.0])


def test_without_zeros_the_very_same_objects_come_back():
    arrays = (np.ones((3, 2)), np.ones((3, 1)), np.array([1e-300, 1.0, 2.0]))
    assert all(found is given_ for found, given_ in zip(weighted_rows(*arrays), arrays, strict=True))


def test_no_row_of_positive_weight_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"sample_weight.*zero for every row; make one positive"):
        weighted_rows(np.ones((2, 1)), np.ones((2, 1)), np.zeros(2))


@given(st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=5), st.integers(-300, 300))
@quick
def test_the_magnitude_is_a_power_of_two_and_dividing_by_it_is_exact(values, shift):
    Y = np.array(values)[:, None] * 2.0**shift
    (magnitude,) = binary_magnitude(Y)
    largest = np.max(np.abs(Y))
    assert np.frexp(magnitude)[0] == 0.5
    if largest > 0.0:
        assert 0.99 < largest / magnitude < 2.01  # the logarithm rounds next to powers of two
    large = Y[np.abs(Y) / magnitude > 1e-290]
    assert np.array_equal(large / magnitude * magnitude, large)


def test_columns_have_their_own_magnitude_and_zeros_have_one():
    Y = np.array([[0.0, 3.0, 0.0], [0.0, -5.0, 0.25]])
    assert np.array_equal(binary_magnitude(Y), [1.0, 4.0, 0.25])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_few_finite_rows_in_an_array_need_no_validation(dtype):
    assert is_valid_already(np.ones((2, 3), dtype=dtype), 3)
    assert is_valid_already(np.ones((6, 4), dtype=dtype)[::2, 1:], 3)


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, 2.0]],
        np.ones(2),
        np.ones((1, 3)),
        np.ones((0, 2)),
        np.ones((1, 2), dtype=int),
        np.ones((1, 2), dtype=">f8"),
        np.array([[1.0, np.nan]]),
        np.array([[np.inf, 1.0]]),
        np.ma.masked_array(np.ones((1, 2))),
        np.ones((10_000, 2)),
    ],
)
def test_everything_else_is_left_to_validation(X):
    assert not is_valid_already(X, 2)
    assert not is_valid_already(np.ones((1, 2)), None)


def test_unit_rows_are_the_rows_repeated_as_often_as_their_weight_says():
    X, Y = np.random.default_rng(1).normal(size=(2, 9, 2))
    weight = 0.5 * np.array([1, 3, 2, 1, 1, 1, 1, 1, 2.0])
    rows, targets, weights = unit_rows(X, Y, weight, np.random.default_rng(0))
    repeated = np.repeat(np.arange(9), (2.0 * weight).astype(int))
    order, expected = np.lexsort(rows.T), np.lexsort(X[repeated].T)
    assert np.array_equal(rows[order], X[repeated][expected])
    assert np.array_equal(targets[order], Y[repeated][expected])
    assert np.array_equal(weights, np.full(13, 0.5))
    assert not np.array_equal(rows, X[repeated])


def test_unit_rows_of_a_large_table_are_a_sample_in_which_heavy_rows_are_likelier():
    weight = np.where(np.arange(1000) < 500, 1.0, 3.0)
    X = np.arange(1000.0)[:, None]
    rows, _, weights = unit_rows(X, X, weight, np.random.default_rng(0), size=400)
    assert len(rows) == 400 and np.all(weights == 1.0)
    # Three of four; the sample without replacement scatters by less than sqrt(400 * 3 / 16) = 8.7 rows.
    assert abs(np.sum(rows >= 500) - 300) < 5 * 8.7


def test_copies_are_multiples_of_the_smallest_weight_or_there_are_none():
    assert np.array_equal(multiplicities(np.array([0.1, 0.3, 0.2])), [1, 3, 2])
    assert np.array_equal(multiplicities(np.array([1.0, 1.5, 3.0])), [1, 1, 1])
    assert np.array_equal(multiplicities(np.array([1.0, 1e6])), [1, 1])


@pytest.mark.parametrize("least", [1e-3, 1e-30, 1e-300, 5e-324])
def test_weights_of_any_span_are_no_copies(least):
    assert np.array_equal(multiplicities(np.array([1e300, least, 1.0])), [1, 1, 1])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=40))
def test_no_row_has_more_than_a_tenth_of_the_say_and_light_rows_keep_theirs(weights):
    weight = np.array(weights)
    say = with_a_say(weight)
    share = min(max(0.1, 2.0 / len(weight)), 1.0)
    assert say.max() <= share * say.sum() * (1.0 + 1e-9) or say.max() == weight.min()
    np.testing.assert_array_equal(say, np.minimum(weight, say.max()))
    if weight.max() <= share * weight.sum():
        np.testing.assert_array_equal(say, weight)
    np.testing.assert_allclose(with_a_say(1024.0 * weight), 1024.0 * say, rtol=1e-12)


def test_copies_stay_copies_with_a_say():
    say = with_a_say(np.array([7000.0, 1000.0, *np.ones(70)]))
    assert say.tolist() == [8.0, 8.0, *np.ones(70)]


@quick
@given(st.integers(1, 40), st.sampled_from([1, 3, 8, 9, 25]), st.integers(1, 3), st.randoms(use_true_random=False))
def test_places_of_equal_rows_are_those_of_numpy(n_rows, n_columns, n_values, random):
    values = [-1.7e308, -0.0, 1.7e308][:n_values]
    rows = np.array([[random.choice(values) for _ in range(n_columns)] for _ in range(n_rows)])
    rows[rows == 0.0] *= np.resize([1.0, -1.0], np.count_nonzero(rows == 0.0))  # zeros of either sign are equal
    _, first, position = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    for found, expected in zip(places_of_equals(rows), (first, position.ravel()), strict=True):
        np.testing.assert_array_equal(found, expected)
    reverse = np.arange(n_columns)[::-1]
    np.testing.assert_array_equal(places_of_equals(rows, reverse)[0], places_of_equals(rows[:, ::-1])[0])
