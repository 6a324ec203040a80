from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknnk._ridge.moments import Moments

FIELDS = ("mean", "target_mean", "gram", "cross", "target_square")
quick = settings(deadline=None, max_examples=40)
exponents = st.integers(-150, 150)
sizes = {"n_samples": st.integers(1, 9), "n_columns": st.integers(1, 5), "n_targets": st.integers(1, 3)}


def rows(n_samples, n_columns, n_targets=1, *, seed=0, dtype=np.float64, scale=1.0, target_scale=1.0):
    """Features with a constant and a repeated column, targets, and weights of which some are zero."""
    rng = np.random.default_rng([seed, n_samples, n_columns])
    features = rng.normal(size=(n_samples, n_columns)) + rng.normal(size=n_columns)
    if n_columns > 3:
        features[:, 2] = features[:, 1]
        features[:, 3] = 0.7
    weights = rng.integers(0, 4, n_samples) * rng.choice([1.0, 0.25, 3.7])
    weights[0] = 1.0
    targets = rng.normal(size=(n_samples, n_targets)) + 1.0
    return (scale * features).astype(dtype), target_scale * targets, weights


def exact_products(A, B, weights):
    """Weighted centred products of the columns of two arrays in rational arithmetic."""
    A, B = ([[Fraction(float(v)) for v in column] for column in M.T] for M in (A, B))
    w = [Fraction(float(v)) for v in weights]
    means = [[sum(map(Fraction.__mul__, w, column)) / sum(w) for column in M] for M in (A, B)]
    products = [
        [
            sum(wi * (x - ma) * (y - mb) for wi, x, y in zip(w, a, b, strict=True))
            for b, mb in zip(B, means[1], strict=True)
        ]
        for a, ma in zip(A, means[0], strict=True)
    ]
    return np.array(products, dtype=float).reshape(len(A), len(B)), np.array(means[0], dtype=float)


def whole_gram(moments):
    return np.triu(moments.gram) + np.triu(moments.gram, 1).T


def sizes_of(array, weights):
    """Root of the weighted sum of squares of every column: the unit in which rounding errors are small."""
    return np.sqrt(weights @ np.asarray(array, dtype=float) ** 2)


def assert_moments_of(moments, features, targets, weights, tolerance=1e-14):
    f, t = sizes_of(features, weights), sizes_of(targets, weights)
    gram, mean = exact_products(features, features, weights)
    cross, _ = exact_products(features, targets, weights)
    squares, target_mean = exact_products(targets, targets, weights)
    assert moments.n_samples == np.count_nonzero(weights)
    assert moments.weight == pytest.approx(weights.sum(), rel=1e-14)
    assert np.all(np.abs(whole_gram(moments) - gram) <= tolerance * np.outer(f, f))
    assert np.all(np.abs(moments.cross - cross) <= tolerance * np.outer(f, t))
    assert np.all(np.abs(moments.target_square - np.diag(squares)) <= tolerance * t * t)
    assert np.all(np.abs(moments.mean - mean) <= tolerance * f / np.sqrt(weights.sum()))
    assert np.all(np.abs(moments.target_mean - target_mean) <= tolerance * t / np.sqrt(weights.sum()))


def assert_same(a, b, tolerance=1e-13, unit=None):
    """Equal up to rounding of the largest entry of every field, or of that of `unit`."""
    assert a.n_samples == b.n_samples and a.weight == pytest.approx(b.weight, rel=1e-13)
    for name in FIELDS:
        x, y, largest = getattr(a, name), getattr(b, name), np.max(np.abs(getattr(unit or b, name)), initial=0.0)
        assert x.shape == y.shape
        assert np.allclose(x, y, rtol=tolerance, atol=tolerance * largest), name


@given(dtype=st.sampled_from([np.float64, np.float32]), seed=st.integers(0, 99), **sizes)
@quick
def test_moments_of_a_block_are_the_exact_sums(n_samples, n_columns, n_targets, dtype, seed):
    block = rows(n_samples, n_columns, n_targets, seed=seed, dtype=dtype)
    assert_moments_of(Moments.from_block(*block), *block)


@given(exponent=exponents, target_exponent=exponents, cut=st.integers(0, 8))
@quick
def test_sums_hold_at_any_scale_of_features_and_targets(exponent, target_exponent, cut):
    features, targets, w = rows(8, 4, scale=10.0**exponent, target_scale=10.0**target_exponent)
    merged = Moments.from_block(features[:cut], targets[:cut], w[:cut])
    merged.update(features[cut:], targets[cut:], w[cut:])
    assert_moments_of(merged, features, targets, w)


@given(cut=st.integers(0, 9), seed=st.integers(0, 99))
@quick
def test_two_parts_merged_or_accumulated_are_the_whole(cut, seed):
    features, targets, w = rows(9, 5, 2, seed=seed)
    whole = Moments.from_block(features, targets, w)
    first, second = (Moments.from_block(features[s], targets[s], w[s]) for s in (slice(cut), slice(cut, None)))
    assert_same(first + second, whole)
    assert_same(second + first, whole)
    first.update(features[cut:], targets[cut:], w[cut:])
    assert_same(first, whole)


@given(cut=st.integers(0, 8), seed=st.integers(0, 99))
@quick
def test_taking_rows_away_leaves_the_others(cut, seed):
    features, targets, w = rows(9, 4, 2, seed=seed)
    w[-1] = 1.0
    whole, part = Moments.from_block(features, targets, w), Moments.from_block(features[:cut], targets[:cut], w[:cut])
    rest = Moments.from_block(features[cut:], targets[cut:], w[cut:])
    # The rounding errors are those of the whole, however little is left.
    assert_same(whole - part, rest, tolerance=1e-13 * whole.weight / rest.weight, unit=whole)
    assert np.all((whole - part).target_square >= 0.0)


def test_many_small_merges_lose_no_more_than_one_block():
    features, targets, w = rows(400, 6, 2)
    whole, parts = Moments.from_block(features, targets, w), Moments.empty(6, 2)
    for i in range(400):
        parts = parts + Moments.from_block(features[i : i + 1], targets[i : i + 1], w[i : i + 1])
    assert_same(parts, whole)


@given(n_kept=st.integers(1, 5))
@quick
def test_leading_columns_are_the_moments_of_those_columns(n_kept):
    features, targets, w = rows(7, 5, 2)
    leading = Moments.from_block(features, targets, w).leading(n_kept)
    assert_same(leading, Moments.from_block(features[:, :n_kept], targets, w))


@given(exponent=st.integers(-100, 100))
@quick
def test_scaled_moments_are_those_of_scaled_columns(exponent):
    features, targets, w = rows(7, 5, 2)
    scale = 2.0 ** np.array([exponent, 0, -exponent, 1, 3])
    scaled = Moments.from_block(features, targets, w).scaled(scale)
    expected = Moments.from_block(features * scale, targets, w)
    for name in FIELDS:  # powers of two: exact but for the constant column, which is rounding error itself
        assert np.allclose(getattr(scaled, name), getattr(expected, name), rtol=1e-9, atol=1e-25)


@given(seed=st.integers(0, 99), n_samples=st.integers(1, 8))
@quick
def test_integer_weights_are_repeated_rows_and_zero_weights_missing_ones(seed, n_samples):
    features, targets, _ = rows(n_samples, 4, 2, seed=seed)
    counts = np.random.default_rng(seed).integers(0, 4, n_samples)
    weighted = Moments.from_block(features, targets, counts)
    seen = counts > 0
    assert_same(weighted, Moments.from_block(features[seen], targets[seen], counts[seen]))
    repeated = Moments.from_block(features.repeat(counts, axis=0), targets.repeat(counts, axis=0))
    assert (weighted.n_samples, repeated.n_samples) == (np.count_nonzero(counts), counts.sum())
    repeated.n_samples = weighted.n_samples
    assert_same(weighted, repeated)


def test_no_weights_are_weights_of_one():
    features, targets, _ = rows(6, 4)
    assert_same(Moments.from_block(features, targets), Moments.from_block(features, targets, np.ones(6)))


def shifted_rows():
    """Columns of spread one around means of 1e8, and their centred Gram matrix in extended precision."""
    features, targets, _ = rows(300, 3)
    features += 1e8
    wide = features.astype(np.longdouble)
    return features, targets, np.asarray((wide - wide.mean(axis=0)).T @ (wide - wide.mean(axis=0)), dtype=float)


def relative_error(gram, exact):
    return np.max(np.abs(gram - exact)) / np.max(np.abs(exact))


@pytest.mark.parametrize("block", [1, 30, 300])
def test_large_means_do_not_cancel(block):
    features, targets, exact = shifted_rows()
    moments = Moments.empty(3, 1)
    for start in range(0, 300, block):
        moments.update(features[start : start + block], targets[start : start + block])
    # The means are known to 1e-8, which enters once between blocks and squared within one.
    assert relative_error(whole_gram(moments), exact) < 1e-8


def test_the_textbook_formula_fails_the_test_of_large_means():
    features, _, exact = shifted_rows()
    mean = features.mean(axis=0)
    assert relative_error(features.T @ features - 300 * np.outer(mean, mean), exact) > 1e-3


def test_parts_far_apart_merge_and_separate():
    features, targets, w = rows(8, 3)
    features[4:] += 1e8
    halves = [Moments.from_block(features[s], targets[s], w[s]) for s in (slice(4), slice(4, 8))]
    assert_moments_of(halves[0] + halves[1], features, targets, w)


def test_nothing_is_the_neutral_element():
    some, nothing = Moments.from_block(*rows(5, 3, 2)), Moments.empty(3, 2)
    for same in (some + nothing, nothing + some, some - nothing):
        assert_same(same, some, tolerance=0.0)
    for none in (some - some, nothing + nothing, nothing - nothing):
        assert_same(none, nothing, tolerance=0.0)


@pytest.mark.parametrize("weights", [np.zeros(4), None])
def test_rows_without_weight_and_no_rows_add_nothing(weights):
    features, targets, _ = rows(4, 3)
    n = 0 if weights is None else 4
    some = Moments.from_block(*rows(5, 3))
    before = some.copy()
    some.update(features[:n], targets[:n], weights)
    assert_same(some, before, tolerance=0.0)
    assert_same(Moments.from_block(features[:n], targets[:n], weights), Moments.empty(3, 1), tolerance=0.0)


def test_operands_and_blocks_are_left_alone():
    features, targets, w = block = rows(6, 4, 2)
    a, b = Moments.from_block(*block), Moments.from_block(*rows(3, 4, 2))
    kept = [m.copy() for m in (a, b)] + [array.copy() for array in block]
    for result in (a + b, a - a, a.leading(2), a.scaled(np.full(4, 2.0)), a.copy()):
        result.update(features[:, : len(result.mean)], targets, w)
        result.mean[:] = result.gram[:] = result.target_square[:] = np.nan
    assert_same(a, kept[0], tolerance=0.0)
    assert_same(b, kept[1], tolerance=0.0)
    assert all(np.array_equal(x, y) for x, y in zip(block, kept[2:], strict=True))


def test_the_gram_matrix_is_updated_in_place_and_only_above_the_diagonal():
    moments = Moments.from_block(*rows(6, 4))
    gram = moments.gram
    moments.update(*rows(5, 4))
    assert moments.gram is gram and gram.flags.f_contiguous and gram.dtype == np.float64
    assert np.array_equal(np.tril(gram, -1), np.zeros((4, 4)))
    assert np.array_equal(np.tril((moments + moments).gram, -1), np.zeros((4, 4)))


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_memory_order_of_a_block_does_not_matter(order):
    features, targets, w = rows(6, 4)
    block = Moments.from_block(np.array(features, order=order), targets, w)
    assert_moments_of(block, features, targets, w)
