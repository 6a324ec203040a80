"""Rows, targets and weights stay together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sknnk._data import Dataset

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2)) * [1e-9, 1e9]
WEIGHT = np.arange(12) % 3.0


def dense(X):
    return X.toarray() if sparse.issparse(X) else X


def assert_same(data, X, Y, weight):
    np.testing.assert_array_equal(dense(data.X), X)
    np.testing.assert_array_equal(data.Y, Y)
    np.testing.assert_array_equal(data.sample_weight, weight)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_rows_without_weight_are_left_out_together(kind):
    data = Dataset.of(kind(X), Y, WEIGHT)
    used = WEIGHT > 0.0
    assert len(data) == used.sum() == 8 and data.n_targets == 2
    assert_same(data, X[used], Y[used], WEIGHT[used])


def test_no_row_of_positive_weight_is_refused():
    with pytest.raises(ValueError, match="zero for every row"):
        Dataset.of(X, Y, np.zeros(12))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("positions", [np.array([7, 2, 2]), np.arange(12) % 5 == 1, slice(3, 9, 2)])
def test_some_rows_are_taken_with_their_targets_and_weights(kind, positions):
    data = Dataset(kind(X), Y, WEIGHT + 1.0)
    assert_same(data.rows(positions), X[positions], Y[positions], WEIGHT[positions] + 1.0)
    assert_same(data, X, Y, WEIGHT + 1.0)


@given(st.lists(st.floats(-1e150, 1e150, allow_subnormal=False), min_size=1, max_size=9))
def test_units_are_powers_of_two_that_change_no_digit(values):
    y = np.array(values)[:, None]
    data = Dataset(np.zeros((len(y), 1)), y, np.ones(len(y)))
    [unit] = data.units
    mantissa, _ = np.frexp(unit)
    assert mantissa == 0.5
    scaled = data.in_units(data.units)
    largest = np.abs(y).max()
    assert unit == 1.0 if largest == 0.0 else 1.0 <= np.abs(scaled.Y).max() < 2.0
    # What is lost by underflow is nothing beside the largest.
    np.testing.assert_allclose(scaled.Y * unit, y, rtol=0.0, atol=largest * 1e-300)
    assert scaled.X is data.X and scaled.sample_weight is data.sample_weight


def test_every_target_has_a_unit_of_its_own():
    units = Dataset(X, Y, WEIGHT).units
    assert units.shape == (2,) and units[1] / units[0] > 1e17
