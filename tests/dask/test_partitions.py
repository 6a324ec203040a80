"""Partitions are aligned without being computed, and what is wrong with one of them is said with its column."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from sknnk.dask._partitions import (
    aligned_table,
    checked_inputs,
    checked_numbers,
    checked_weights,
    column_names,
    is_collection,
    numeric_dtype,
    rows_together,
)

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [5.0, 6.0, 7.0, 8.0], "y": [0.0, 1.0, 0.0, 1.0]})


def pieces(table, i):
    """The pieces of one partition, computed."""
    return dask.get(table.graph, list(table.keys[i]))


def unknown(array):
    """The same array with chunks whose lengths Dask does not know."""
    return array[da.ones(len(array), chunks=array.chunks[0], dtype=bool)]


def test_targets_and_weights_are_cut_where_the_inputs_are():
    X = da.arange(12, chunks=5).reshape(6, 2).rechunk(((4, 0, 2), (1, 1)))
    table = aligned_table(X, da.arange(6, chunks=3), da.ones(6, chunks=1))
    assert [[len(piece) for piece in pieces(table, i)] for i in range(3)] == [[4, 4, 4], [0, 0, 0], [2, 2, 2]]
    np.testing.assert_array_equal(pieces(table, 2)[0], [[8, 9], [10, 11]])
    np.testing.assert_array_equal(pieces(table, 2)[1], [4, 5])


def test_arrays_of_unknown_lengths_are_aligned_by_their_partitions():
    X, y = unknown(da.ones((6, 2), chunks=(3, 1))), unknown(da.ones((6, 2), chunks=(3, 1)))
    table = aligned_table(X, y)
    assert len(table.keys) == 2 and table.layout.targets == ("0", "1") and not table.layout.flat
    assert [piece.shape for piece in pieces(table, 1)] == [(3, 2), (3, 2)]


def test_a_data_frame_keeps_its_names_and_may_meet_an_array():
    frame = dd.from_pandas(FRAME, npartitions=2)
    table = aligned_table(frame[["a", "b"]], frame["y"])
    assert table.layout.columns == ("a", "b") and table.layout.targets == ("y",) and table.layout.flat
    assert list(table.layout.frame.columns) == ["a", "b"]
    assert len(aligned_table(frame[["a", "b"]], frame["y"].to_dask_array()).keys) == 2
    assert aligned_table(frame[["a"]], frame[["b", "y"]]).layout.targets == ("b", "y")


def test_what_inputs_and_targets_have_in_common_is_one_task():
    calls = []

    def load(i):
        calls.append(i)
        return FRAME + i

    frame = dd.from_map(load, range(3), meta=FRAME.iloc[:0])
    X, y = pieces(aligned_table(frame[["a", "b"]], frame["y"]), 1)
    assert calls == [1] and X.shape == (4, 2) and y.tolist() == [1.0, 2.0, 1.0, 2.0]


def test_small_files_of_which_few_columns_are_read_stay_aligned(tmp_path):
    wide = pd.DataFrame(np.arange(4 * 40.0).reshape(4, 40)).rename(columns=str)
    for i in range(5):
        (wide + i).to_parquet(tmp_path / f"{i}.parquet")
    table = dd.read_parquet(tmp_path)
    assert table["0"].optimize().npartitions < 5
    aligned = aligned_table(table[[str(j) for j in range(1, 40)]], table["0"])
    assert len(aligned.keys) == 5
    X, y = pieces(aligned, 3)
    np.testing.assert_array_equal(X["1"], wide["1"] + 3)
    np.testing.assert_array_equal(y, wide["0"] + 3)


@pytest.mark.parametrize(
    ("X", "y", "kind", "words"),
    [
        (np.ones((4, 2)), da.ones(4), TypeError, "X is of type ndarray, and has to be a Dask array or data frame"),
        (da.ones((4, 2)), [1.0] * 4, TypeError, "y is of type list"),
        (da.ones(4), da.ones(4), ValueError, "X has 1 dimensions; allowed are 2. Use X.reshape"),
        (da.ones((4, 2)), da.ones((4, 2, 2)), ValueError, "y has 3 dimensions; allowed are 1 or 2"),
        (da.ones((4, 2)), da.ones(5), ValueError, "X has 4 rows and y has 5"),
        (unknown(da.ones((4, 2), chunks=2)), da.ones(4), ValueError, "X has 2 partitions and y has 1, of unknown"),
        (unknown(da.ones((2, 4))).T, da.ones(4), ValueError, "unknown number of columns"),
    ],
)
def test_what_cannot_be_aligned_is_refused(X, y, kind, words):
    with pytest.raises(kind, match=words):
        aligned_table(X, y)


def test_weights_have_one_dimension():
    with pytest.raises(ValueError, match="sample_weight has 2 dimensions; allowed are 1"):
        aligned_table(da.ones((4, 2)), da.ones(4), da.ones((4, 1)))


def test_an_array_chunked_by_rows_alone_is_left_as_it_is():
    X = da.ones((4, 2), chunks=(2, 2))
    assert rows_together(X) is X
    assert rows_together(da.ones((4, 2), chunks=(2, 1))).numblocks == (2, 1)


def test_names_and_types_of_all_kinds_of_collections():
    frame = dd.from_pandas(FRAME.astype({"a": "float32", "b": "int8"}), npartitions=1)
    assert numeric_dtype(frame[["a", "b"]]) == np.float32
    assert numeric_dtype(frame) == numeric_dtype(frame[["b"]]) == np.float64
    assert numeric_dtype(dd.from_pandas(FRAME.astype({"a": "Float32"}), npartitions=1)[["a"]]) == np.float64
    assert column_names(frame["a"]) == ("a",)
    assert column_names(da.ones(3)) == ("0",) and column_names(da.ones((3, 2))) == ("0", "1")
    assert is_collection(frame["a"]) and not is_collection(FRAME)


def layout(dtype=np.float64):
    frame = dd.from_pandas(FRAME, npartitions=1)
    return aligned_table(frame[["a", "b"]].astype(dtype), frame[["y"]]).layout


def test_inputs_get_the_dtype_of_the_table():
    assert checked_inputs(layout(np.float32), FRAME[["a", "b"]]).dtype == np.float32
    assert checked_inputs(layout(), FRAME[["a", "b"]].iloc[:0]).shape == (0, 2)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_a_column_that_is_not_finite_is_named(value, word):
    X, y = FRAME[["a", "b"]].copy(), FRAME[["y"]].copy()
    X.loc[2, "b"], y.loc[1, "y"] = value, value
    with pytest.raises(ValueError, match=rf"Input X contains {word} in column 'b' \(row 2"):
        checked_inputs(layout(), X)
    with pytest.raises(ValueError, match=rf"Input y contains {word} in column 'y' \(row 1"):
        checked_numbers(layout(), y)


def test_large_numbers_whose_sum_overflows_are_finite():
    X = np.full((4, 2), 1e308)
    np.testing.assert_array_equal(checked_inputs(layout(), X), X)


def test_another_number_of_columns_than_declared_is_refused():
    with pytest.raises(ValueError, match="X has 3 columns here, and 2 in its declaration"):
        checked_inputs(layout(), np.ones((2, 3)))
    with pytest.raises(ValueError, match="y has 2 columns here, and 1 in its declaration"):
        checked_numbers(layout(), np.ones((2, 2)))


def test_no_rows_have_no_targets_and_no_weights():
    assert checked_numbers(layout(), np.empty(0)).shape == (0, 1)
    assert checked_weights(None, 0).shape == (0,)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0, -0.5], "sample_weight holds -0.5; weights may not be negative"),
        ([1.0, np.nan], "sample_weight contains NaN"),
        ([1.0], "X has 2 rows here, and sample_weight has 1"),
    ],
)
def test_wrong_weights_are_refused(weights, words):
    with pytest.raises(ValueError, match=words):
        checked_weights(np.array(weights), 2)
