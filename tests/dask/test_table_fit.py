"""Pieces of a table as rows: units, a line that is taken off, and weights of zero."""

import dask.array as da
import numpy as np

from sknnk._kernel_learning import Trend
from sknnk._networks import NumericTargets
from sknnk.dask._partitions import aligned_table
from sknnk.dask._table_fit import Coding, WeightCounts, row_sample

X = np.arange(12.0).reshape(6, 2)
Y = np.arange(6.0) * 4.0
LAYOUT = aligned_table(da.from_array(X, chunks=(2, 2)), da.from_array(Y, chunks=2)).layout


def test_targets_are_in_their_units_and_without_the_line_and_rows_of_no_weight_are_left_out():
    trend = Trend(np.array([[0.5], [0.0]]), np.zeros(2), np.zeros((2, 1)))
    coding = Coding(LAYOUT, NumericTargets(1, True), np.array([4.0]), weight_unit=2.0, trend=trend)
    rows, targets, weights = coding.used_rows(X, Y, np.array([2.0, 0.0, 4.0, 2.0, 2.0, 2.0]))
    np.testing.assert_array_equal(rows, X[[0, 2, 3, 4, 5]])
    np.testing.assert_array_equal(targets[:, 0], (Y / 4.0 - 0.5 * X[:, 0])[[0, 2, 3, 4, 5]])
    np.testing.assert_array_equal(weights, [1.0, 2.0, 1.0, 1.0, 1.0])
    assert all(not len(each) for each in coding.used_rows(X[:0], Y[:0]))


def test_a_sample_is_found_by_its_positions_among_all_rows():
    table = aligned_table(da.from_array(X, chunks=(2, 2)), da.from_array(Y, chunks=2))
    sample = row_sample(table, Coding(LAYOUT, NumericTargets(1, True), np.ones(1)), [2, 2, 2], np.array([1, 4]))
    np.testing.assert_array_equal(sample.X[np.array([4])], X[[4]])
    assert len(sample) == 6 and sample.X.dtype == np.float64


def test_weights_are_counted_where_they_are_positive():
    counts = WeightCounts.together([WeightCounts.of(np.array(each)) for each in ([1.0, 0.0, 1.0], [2.0])])
    assert counts.values.tolist() == [1.0, 2.0] and counts.counts.tolist() == [2.0, 1.0]
