import numpy as np
import pytest
from scipy import sparse

from sknnk._data.table_encoder import fit_table_encoder
from sknnk._data.table_reader import TableReader

RNG = np.random.default_rng(0)


def encoder_of(X, weights=None, reader=None):
    X = np.asarray(X, dtype=float)
    return fit_table_encoder(reader, X, np.ones(len(X)) if weights is None else weights, None, None)


def test_complete_numbers_pass_as_they_are():
    X = RNG.normal(size=(9, 3))
    encoder, encoded = encoder_of(X)
    assert encoded is X and encoder(X) is X and encoder.keeps_columns
    np.testing.assert_array_equal(encoder.summed(np.arange(3.0)), np.arange(3.0))


def test_sparse_numbers_pass_as_they_are():
    X = sparse.random_array((9, 4), rng=RNG).tocsr()
    encoder, encoded = fit_table_encoder(None, X, np.ones(9), None, None)
    assert encoded is X and encoder(X) is X


def test_a_number_missing_at_prediction_alone_is_the_median():
    encoder, _ = encoder_of([[1.0, 2.0], [5.0, 2.0], [9.0, 4.0]])
    np.testing.assert_array_equal(encoder(np.array([[np.nan, 7.0]])), [[5.0, 7.0]])


def test_a_weight_repeats_a_row_in_the_median():
    X = np.array([[1.0], [2.0], [np.nan], [8.0]])
    weights = np.array([1.0, 1.0, 5.0, 3.0])
    repeated = np.repeat(X, weights.astype(int), axis=0)
    assert encoder_of(X, weights)[0].middles == encoder_of(repeated)[0].middles == [8.0]


def test_gaps_in_one_row_of_twenty_have_a_column_and_fewer_have_none():
    X = RNG.normal(size=(100, 3))
    X[:5, 0] = X[:4, 1] = np.nan
    encoder, encoded = encoder_of(X)
    assert encoded.shape == (100, 4) and encoder.sources.tolist() == [0, 1, 2, 0]
    np.testing.assert_array_equal(encoded[:, 3], np.arange(100) < 5)
    assert not np.isnan(encoded).any()


def test_a_column_without_any_value_is_a_constant():
    encoder, encoded = encoder_of([[np.nan, 1.0], [np.nan, 2.0]])
    np.testing.assert_array_equal(encoded, [[0.0, 1.0], [0.0, 2.0]])
    assert encoder.keeps_columns


def test_encoded_columns_know_where_they_come_from():
    X = np.array([["a", 1.0], ["b", np.nan], ["c", 3.0]], dtype=object)
    reader = TableReader.of(X, [0])
    encoder, encoded = encoder_of(reader(X), reader=reader)
    np.testing.assert_array_equal(encoded, [[1.0, 0.0, 1, 0, 0], [1.0, 1.0, 0, 1, 0], [3.0, 0.0, 0, 0, 1]])
    assert encoder.sources.tolist() == [1, 1, 0, 0, 0]
    np.testing.assert_allclose(encoder.summed(np.array([0.1, 0.2, 0.3, 0.1, 0.3])), [0.7, 0.3])
    assert encoder.names_of_columns(np.array(["colour", "size"])).tolist() == ["size", "size", *["colour"] * 3]


def test_a_length_scale_of_a_raw_column_is_that_of_all_its_columns():
    X = np.array([["a", 1.0], ["b", 2.0], ["c", 3.0]], dtype=object)
    reader = TableReader.of(X, [0])
    encoder, _ = encoder_of(reader(X), reader=reader)
    assert encoder.spread([2.0, 5.0], "length_scale").tolist() == [5.0, 2.0, 2.0, 2.0]
    assert encoder.spread("auto", "length_scale") == "auto" and encoder.spread(1.5, "length_scale") == 1.5
    with pytest.raises(ValueError, match=r"length_scale has the shape \(4,\), and X has 2 columns"):
        encoder.spread([1.0] * 4, "length_scale")


def test_float32_stays_float32():
    X = np.array([[1.0, np.nan], [2.0, 3.0]], dtype=np.float32)
    _, encoded = fit_table_encoder(None, X, np.ones(2), None, None)
    assert encoded.dtype == np.float32
