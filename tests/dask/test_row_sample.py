"""Rows that are held are found by their position among all rows; others are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sknnk.dask._row_sample import HeldRows, rows_of_partitions, union_of_rows


@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=8), data=st.data())
def test_pieces_of_partitions_are_the_rows_asked_for(lengths, data):
    table = np.arange(sum(lengths)) * 10.0
    chosen = data.draw(st.sets(st.sampled_from(range(len(table))))) if len(table) else set()
    positions = np.array(sorted(chosen), dtype=np.intp)
    parts = np.split(table, np.cumsum(lengths)[:-1])
    own = rows_of_partitions(positions, lengths)
    pieces = [part[rows] for part, rows in zip(parts, own, strict=True) if rows is not None]
    np.testing.assert_array_equal(np.concatenate([[], *pieces]), table[positions])
    held = HeldRows(table[positions], positions, len(table))
    np.testing.assert_array_equal(held[positions[::2]], table[positions[::2]])
    assert held.shape == table.shape


def test_all_rows_of_every_partition_that_has_some():
    assert rows_of_partitions(None, [2, 0, 1]) == [slice(None), None, slice(None)]
    held = HeldRows(np.arange(3), None, 3)
    np.testing.assert_array_equal(held[slice(None)], [0, 1, 2])
    np.testing.assert_array_equal(held[np.array([2])], [2])


def test_all_rows_and_some_are_all():
    assert union_of_rows(slice(None), np.array([1])) is None


@pytest.mark.parametrize("rows", [np.array([4]), np.array([2, 9]), slice(None)])
def test_rows_that_are_not_held_are_refused(rows):
    held = HeldRows(np.ones(2), np.array([2, 5]), 10)
    with pytest.raises(LookupError, match="asked for"):
        held[rows]
