"""The unit of weights follows them, whatever they are in, and counts equal rows together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sknnk._data import Dataset, weight_units
from sknnk._data.weight_units import in_weight_unit, unit_of_counts, weight_unit, weights_and_unit

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
FACTORS = (1e-300, 1e-12, 1 / 400, 0.5, 3.0, 1e3, 2e11, 1e25, 1e300)
factors = st.one_of(st.sampled_from(FACTORS), st.floats(1e-290, 1e290))
whole = st.lists(st.integers(1, 40), min_size=12, max_size=12).map(np.array)


@settings(deadline=None)
@given(copies=whole, factor=factors)
def test_a_common_factor_changes_no_weight_in_its_unit(copies, factor):
    one, other = (Dataset.of(X, Y, weight) for weight in (copies.astype(float), factor * copies))
    np.testing.assert_allclose(other.sample_weight, one.sample_weight, rtol=1e-14)
    assert other.weight_unit == pytest.approx(factor * one.weight_unit, rel=1e-14)


@given(copies=whole, times=st.integers(1, 4), seed=st.integers(0, 99))
def test_a_whole_weight_is_as_many_rows_in_any_order(copies, times, seed):
    every = np.random.default_rng(seed).permutation(np.repeat(np.arange(12), copies * times))
    repeated = Dataset.of(X[every], Y[every], np.ones(len(every)))
    totals = np.bincount(every, weights=repeated.sample_weight)
    np.testing.assert_allclose(totals, Dataset.of(X, Y, copies.astype(float)).sample_weight, rtol=1e-12)


def test_copies_of_the_lightest_row_are_counted_and_other_weights_are_measured_by_their_mean():
    assert weight_unit(X, Y, np.where(np.arange(12) % 2, 0.3, 0.9)) == pytest.approx(0.3)
    uneven = np.linspace(0.1, 1.3, 12) ** 1.1
    assert weight_unit(X, Y, uneven) == pytest.approx(uneven.mean())
    assert Dataset.of(X, Y, uneven).sample_weight.sum() == pytest.approx(12.0)
    assert unit_of_counts(np.array([2.0, 3.0]), np.array([3.0, 1.0])) == 2.25


@pytest.mark.parametrize("heavy", [1e18, 1e19, 1e200, 1e308])
def test_no_row_stands_for_more_copies_than_any_table_holds(heavy):
    weight = np.r_[np.ones(11), heavy]
    data = Dataset.of(X, Y, weight)
    assert data.sample_weight.sum() == pytest.approx(12.0)
    assert data.sample_weight.max() / data.sample_weight.min() == pytest.approx(1e6)
    light = Dataset.of(X, Y, 1.0 / weight)
    np.testing.assert_allclose(light.sample_weight[:11] / light.sample_weight[11], 1e6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_zeros_of_either_sign_are_equal_and_stored_zeros_are_none(dtype):
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0], [0.0, 2.0]], dtype=dtype)
    data, indices, pointers = np.array([1, 1, 0, 1, 2], dtype=dtype), [1, 1, 1, 0, 1], [0, 1, 2, 4, 5]
    stored = sparse.csr_array((data, indices, pointers), shape=(4, 2))
    assert np.array_equal(stored.toarray(), rows)
    Y, weight = np.zeros((4, 1)), np.array([1.0, 1.0, 2.0, 2.0])
    assert weight_unit(rows, Y, weight) == weight_unit(stored, Y, weight) == 2.0


@given(st.integers(1, 6), st.integers(0, 99))
def test_rows_are_equal_where_every_entry_is(n_columns, seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(-1, 2, size=(40, n_columns)) * 2.0 ** rng.integers(-40, 40, size=n_columns)
    n_distinct = len(np.unique(rows, axis=0))
    weight = 1.0 + rng.random(40)
    for kind in (np.asarray, sparse.csr_array):
        # Weights that are no copies, so that their mean over distinct rows tells how many these are.
        assert weight_unit(kind(rows), np.zeros((40, 1)), weight) == pytest.approx(weight.sum() / n_distinct) or (
            n_distinct == 1
        )


@pytest.mark.parametrize("weight", [0.3, 1.0, 1e300])
def test_a_row_without_an_equal_spares_the_comparison_of_all(weight, monkeypatch):
    rows, zeros = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]), np.zeros((3, 1))
    few = [(rows, zeros), (rows[:2], np.array([[1.0], [2.0]]))]
    many = [(rows[:2], zeros[:2]), (np.repeat(rows, 2, axis=0), np.zeros((6, 1)))]
    found = {}
    for quick in (True, False):
        if not quick:
            monkeypatch.setattr(weight_units, "_one_row_counts", lambda *_: False)
        found[quick] = [weights_and_unit(*each, np.full(len(each[0]), weight)) for each in few + many]
    for (weights, unit), (expected, expected_unit) in zip(*found.values(), strict=True):
        np.testing.assert_array_equal(weights, expected)
        assert unit == expected_unit
    monkeypatch.undo()
    own = [weight_units._one_row_counts(*each, np.full(len(each[0]), weight)) for each in few + many]
    assert own == [False, True, False, False]  # no column of the first rows has a largest number that is alone


def test_weights_are_brought_to_the_unit_of_earlier_rows():
    first, then = Dataset.of(X, Y, np.full(12, 2.0)), Dataset.of(X, Y, np.full(12, 5.0))
    assert np.array_equal(first.sample_weight, np.ones(12)) and np.array_equal(then.sample_weight, np.ones(12))
    assert np.array_equal(then.in_weight_unit(first.weight_unit).sample_weight, np.full(12, 2.5))
    assert then.in_weight_unit(5.0) is then


def test_weights_of_zero_stay_zero():
    assert np.array_equal(in_weight_unit(np.array([0.0, 3.0, 1.0]), 1.0), [0.0, 3.0, 1.0])
    assert in_weight_unit(np.array([0.0]), 1e300)[0] == 0.0
