"""One pass gives the moments of the whole table, whatever the blocks, threads and order of the rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sknnk._compute import threads as threads_module
from sknnk._ridge import accumulation
from sknnk._ridge.accumulation import accumulated_moments, block_rows
from sknnk._ridge.moments import Moments


def identity(rows, out):
    out[:] = rows


def table(n_samples, n_columns, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((n_samples, n_columns)),
        rng.standard_normal((n_samples, 2)),
        rng.uniform(0.1, 3, n_samples),
    )


def assert_same(ours, reference, rtol=1e-10):
    assert ours.n_samples == reference.n_samples
    for name in ("weight", "mean", "target_mean", "gram", "cross", "target_square"):
        expected = getattr(reference, name)
        np.testing.assert_allclose(
            getattr(ours, name), expected, rtol=rtol, atol=rtol * max(1.0, np.abs(expected).max())
        )


@given(n_samples=st.integers(1, 60), n_columns=st.integers(1, 6), batch_size=st.none() | st.integers(1, 70))
def test_blocks_do_not_matter(n_samples, n_columns, batch_size):
    F, Y, weight = table(n_samples, n_columns)
    ours = accumulated_moments(identity, n_columns, F, Y, weight, batch_size)
    assert_same(ours, Moments.from_block(F, Y, weight), rtol=1e-9)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_no_digit(threads, monkeypatch):
    monkeypatch.setattr(threads_module, "_FEWEST_ENTRIES", 16)
    F, Y, weight = table(500, 4)
    one = accumulated_moments(identity, 4, F, Y, weight, 100, threads=1)
    many = accumulated_moments(identity, 4, F, Y, weight, 100, threads=threads)
    np.testing.assert_array_equal(one.gram, many.gram)
    np.testing.assert_array_equal(one.cross, many.cross)


def test_a_first_block_unlike_all_others_costs_no_accuracy():
    # Sorted rows far from zero: about zero, or without the final move, most digits would be lost.
    F, Y, weight = table(2000, 3)
    F = np.sort(F, axis=0) + 1e6
    ours = accumulated_moments(identity, 3, F, Y, weight, batch_size=50)
    centred = F.astype(np.longdouble) - 1e6
    centred = centred - (weight @ centred) / weight.sum()
    exact = np.triu((centred * weight[:, None]).T @ centred).astype(np.float64)
    np.testing.assert_allclose(ours.gram, exact, rtol=1e-8)
    naive = np.triu((F * weight[:, None]).T @ F - weight.sum() * np.outer(ours.mean, ours.mean))
    assert np.max(np.abs(naive - exact)) > 1e3 * np.max(np.abs(ours.gram - exact))


def test_float32_features_are_summed_in_float64():
    F, Y, weight = table(3000, 3)
    narrow = F.astype(np.float32)
    ours = accumulated_moments(identity, 3, narrow, Y, weight, batch_size=100)
    assert ours.gram.dtype == np.float64
    assert_same(ours, Moments.from_block(narrow.astype(np.float64), Y, weight))


def test_a_block_has_at_least_one_row_and_at_most_the_batch():
    assert block_rows(10**9, None) >= 1
    assert block_rows(5, 7) == 7
    assert block_rows(1, None) <= 8192


@pytest.mark.parametrize("batch_size", [None, 30])
def test_products_in_float32_are_added_in_float64(batch_size, monkeypatch):
    # Sums of equal numbers in float32 alone would stand still, or be off by rounding of the order of the total.
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4000, 3)), rng.normal(size=(4000, 2))
    weight = rng.uniform(0.5, 2.0, 4000)
    exact = accumulated_moments(identity, 3, X, Y, weight)

    def single(rows_together):
        monkeypatch.setattr(accumulation, "_SINGLE_ROWS", rows_together)
        return accumulated_moments(identity, 3, X.astype(np.float32), Y, weight, batch_size, dtype=np.float32)

    for rows_together in (1, 100, 10_000):
        found = single(rows_together)
        assert found.gram.dtype == found.cross.dtype == np.float64
        for name in ("mean", "target_mean", "gram", "cross", "target_square"):
            scale = max(np.abs(getattr(exact, name)).max(), 1.0)  # deviations are one
            np.testing.assert_allclose(getattr(found, name), getattr(exact, name), rtol=0, atol=3e-6 * scale)
    assert not np.array_equal(found.gram, exact.gram)
