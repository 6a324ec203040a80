import numpy as np
import pytest
from scipy import sparse

from sknnk._data import inputs
from sknnk._data.inputs import (
    dense_columns,
    fitted_input_map,
    fitted_input_maps,
    possible_transforms,
    sampled_rows,
    transform_inputs,
)
from sknnk._data.quantiles import fit_quantile_map

KINDS = [np.asarray, sparse.csr_array, sparse.csr_matrix]


def table(n_samples=40, dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 3)) * (rng.random((n_samples, 3)) < 0.7)
    return X.astype(dtype), rng.integers(1, 4, n_samples).astype(float)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_of_a_table_come_one_by_one_and_dense(kind, dtype):
    X = table(dtype=dtype)[0]
    found = list(dense_columns(kind(X)))
    assert all(column.dtype == dtype for column in found)
    assert np.array_equal(np.transpose(found), X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_transform_gives_a_new_dense_array_and_none_the_rows_themselves(kind, dtype):
    X, weight = table(dtype=dtype)
    rows, before = kind(X), X.copy()
    found = transform_inputs(fit_quantile_map(X.T, weight), rows)
    assert type(found) is np.ndarray and found.dtype == dtype and found.shape == X.shape
    assert np.array_equal(X, before) and not np.shares_memory(found, X)
    assert transform_inputs(None, rows) is rows


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_that_is_learned_is_that_of_the_quantiles_of_all_rows(kind):
    X, weight = table()
    rng = np.random.default_rng(0)
    name, found = fitted_input_map(kind(X), weight, "quantile", rng)
    assert name == "quantile"
    assert np.array_equal(transform_inputs(found, X), transform_inputs(fit_quantile_map(X.T, weight), X))
    assert fitted_input_map(kind(X), weight, None, rng) == (None, None)
    assert rng.random() == np.random.default_rng(0).random()  # it was not asked


def test_a_large_table_gives_the_quantiles_of_a_sample(monkeypatch):
    monkeypatch.setattr(inputs, "_QUANTILE_ROWS", 25)
    X = np.random.default_rng(1).normal(size=(300, 1))
    (knots,) = fitted_input_map(X, np.ones(300), "quantile", np.random.default_rng(0))[1].knots
    assert knots.size == 25 and np.all(np.isin(knots, X))


def test_sampled_rows_are_all_of_few_and_distinct_ones_of_many_in_order():
    rng = np.random.default_rng(0)
    assert np.array_equal(np.arange(9)[sampled_rows(9, 9, rng)], np.arange(9))
    drawn = sampled_rows(50, 9, rng)
    assert drawn.shape == (9,) and np.all(np.diff(drawn) > 0) and drawn[0] >= 0 and drawn[-1] < 50
    assert not np.array_equal(drawn, sampled_rows(50, 9, rng))


def test_several_maps_are_learned_from_the_same_rows_and_auto_begins_with_quantiles(monkeypatch):
    monkeypatch.setattr(inputs, "_QUANTILE_ROWS", 40)
    X, weight = np.random.default_rng(0).normal(size=(300, 2)), np.ones(300)
    quantile, robust, standard = fitted_input_maps(X, weight, "auto", np.random.default_rng(0)).values()
    for a, b in zip(quantile.knots, robust.knots, strict=True):
        np.testing.assert_array_equal(a, b)
    for name, expected in (("auto", quantile), ("quantile", quantile), ("robust", robust), ("standard", standard)):
        own, found = fitted_input_map(X, weight, name, np.random.default_rng(0))
        assert own == ("quantile" if name == "auto" else name)
        for a, b in zip(found.scores, expected.scores, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.allclose(quantile.scores, robust.scores)


@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_almost_nothing_but_zeros_may_stay_as_they_are(kind):
    rng = np.random.default_rng(0)
    words = np.where(rng.random((200, 300)) < 0.03, rng.random((200, 300)), 0.0)
    assert possible_transforms("auto", kind(words)) == [None, "robust"]
    # However large or small the unit is that all columns have.
    for unit in (1e-300, 1e150):
        assert possible_transforms("auto", kind(words * unit)) == [None, "robust"]
    # One column in a unit of its own would outweigh all words.
    words[:, 0] = 1e5 * rng.random(200)
    assert possible_transforms("auto", kind(words)) == ["robust", None]
    assert possible_transforms("auto", kind(np.zeros((5, 4)))) == ["robust", None]
    assert possible_transforms("auto", kind(table()[0])) == ["quantile", "robust", "standard"]
    assert possible_transforms("standard", kind(words)) == ["standard"]
