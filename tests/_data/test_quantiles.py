import pickle

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import rankdata

from sknnk._data.quantiles import QuantileMap, fit_quantile_map

quick = settings(deadline=None, max_examples=60)
finite = st.floats(allow_nan=False, allow_infinity=False)
columns = st.lists(finite, min_size=1, max_size=12)
KINDS = ["quantile", "robust", "standard"]
SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy": lambda rng, n: rng.standard_cauchy(n),
    "codes": lambda rng, n: rng.integers(0, 4, n).astype(float),
    "skewed": lambda rng, n: rng.exponential(size=n) ** 3,
    "zero inflated": lambda rng, n: rng.exponential(size=n) * (rng.random(n) < 0.3),
}


def scores_of(column, weights=None, at=None, **kwargs):
    """Scores of a column, or of other values, under the map fitted to the column."""
    column = np.asarray(column, dtype=float)
    at = column if at is None else np.asarray(at, dtype=float)
    return fit_quantile_map([column], weights, **kwargs)(at[:, None], np.empty((at.size, 1)))[:, 0]


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_are_standardised_normal_quantiles_of_average_ranks(shape):
    column = SHAPES[shape](np.random.default_rng(0), 700)
    raw = np.clip(ndtri((rankdata(column) - 0.5) / column.size), -3.0, 3.0)
    assert np.allclose(scores_of(column), (raw - raw.mean()) / raw.std(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_robust_scores_are_units_from_the_median_bent_towards_three(shape):
    column = SHAPES[shape](np.random.default_rng(0), 700)
    scores, median = scores_of(column, shape="robust"), np.median(column)
    # Quartiles of mid-ranks: interpolated between the distinct values.
    values, counts = np.unique(column, return_counts=True)
    low, middle, high = np.interp([0.25, 0.5, 0.75], (np.cumsum(counts) - 0.5 * counts) / 700, values)
    far = (column - middle) / (high - low)
    np.testing.assert_allclose(scores, far / np.sqrt(1.0 + far**2 / 9.0), rtol=1e-10, atol=1e-12)
    assert np.max(np.abs(scores)) < 3.0
    if shape in ("normal", "heavy"):
        assert middle == pytest.approx(median, abs=1e-2) and scores_of(column, at=[median], shape="robust")[0] < 1e-2


def test_robust_scores_of_nearly_constant_and_constant_columns():
    flag = np.zeros(1000)
    flag[7] = 4.0
    # The upper quartile is interpolated between the two values: half a range from the lower.
    unset, flagged = np.unique(scores_of(flag, shape="robust"))
    assert unset == pytest.approx(0.0, abs=0.01) and flagged == pytest.approx(2.0 / np.sqrt(1.0 + 4.0 / 9.0), rel=0.01)
    assert np.all(scores_of(np.full(5, 1e300), shape="robust") == 0.0)


def test_standard_scores_are_deviations_from_the_mean_and_bend_outliers_alone():
    column = np.random.default_rng(0).normal(3.0, 2.0, 2000)
    expected = (column - column.mean()) / column.std()
    np.testing.assert_allclose(scores_of(column, shape="standard"), expected, rtol=1e-10, atol=1e-12)
    # One wild value moves the others by little, and lies itself as far out as a logarithm says.
    wild = scores_of(np.append(column, 1e9), shape="standard")
    # It counts as three widths of the middle 99 % outside of that, 18 deviations: 18^2 / 2000 more variance.
    assert np.std(wild[:-1]) == pytest.approx(1.0 / np.sqrt(1.0 + 18.0**2 / 2000.0), rel=0.02)
    assert 6.0 < wild[-1] < 6.0 + np.log(1e9)


def test_standard_scores_of_flags_and_constants():
    unset, flagged = np.unique(scores_of((np.arange(1000) == 7).astype(float), shape="standard"))
    # A rare flag is not brought to a deviation of one, which would put it thirty units away.
    assert flagged - unset == pytest.approx(5.0)
    assert np.all(scores_of(np.full(5, 1e300), shape="standard") == 0.0)


def test_straight_lines_stay_nearly_straight_and_quantiles_bend_them():
    column = np.random.default_rng(0).uniform(-1.0, 1.0, 4000)
    robust, normal = (np.corrcoef(column, scores_of(column, shape=shape))[0, 1] for shape in ("robust", "quantile"))
    assert robust > 0.9995 > 0.985 > normal


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_repeated_rows(kind):
    rng = np.random.default_rng(0)
    column, weight = rng.normal(size=50), rng.integers(0, 4, 50)
    weighted = scores_of(column, weight.astype(float), at=column, shape=kind)
    np.testing.assert_allclose(
        weighted, scores_of(column.repeat(weight), at=column, shape=kind), rtol=1e-10, atol=1e-12
    )


@given(
    column=columns,
    new=st.lists(finite, min_size=2, max_size=8),
    shape=st.sampled_from(KINDS),
)
@quick
def test_the_map_is_monotone_finite_and_bounded_for_any_numbers(column, new, shape):
    at = np.sort([*column, *new])
    scores = scores_of(column, at=at, shape=shape)
    assert np.all(np.isfinite(scores))
    assert np.all(np.diff(scores) >= -1e-14)  # interpolation rounds
    assert np.max(np.abs(scores)) <= 6.0 / 0.2


@given(column=columns, new=finite)
@example(column=[0.0, -1.0, -2.2553469270405804e-306], new=0.0)
@quick
def test_beyond_the_values_seen_the_map_is_constant(column, new):
    scores = scores_of(column, at=[min([*column, new]), *column, max([*column, new])])
    # Between values as close as 0 and -2e-306 interpolation rounds, so that the last digit need not grow with them.
    ends = [scores[1:-1].min(), scores[1:-1].max()]
    np.testing.assert_allclose(scores[[0, -1]], ends, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "column",
    [
        [0.0, 5e-324, 1.0, 2.0],
        [5e-324, 1e-323, 1.5e-323],
        [-5e-324, 5e-324, 1e300],
        [0.0, 1e-310, 1.0],
        [-1.7e308, 0.0, 1.7e308],
        [1.0, 1.0 + 2.3e-16, np.finfo(float).max],
        [1e-289, 1.0000000000000002e-289, 1e-291],
    ],
)
def test_differences_that_underflow_or_overflow_do_no_harm(column):
    at = np.array([-np.finfo(float).max, *column, 1e-310, 5e-311, 0.5, np.finfo(float).max])
    scores = scores_of(column, at=np.sort(at))
    assert np.all(np.isfinite(scores)) and np.all(np.diff(scores) >= 0.0)


def test_halfway_between_the_largest_numbers_is_halfway():
    assert scores_of([-1.7e308, 1.7e308], at=[0.0])[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, -3.7, 1e150, 5e-324])
@pytest.mark.parametrize("n_samples", [1, 2, 7])
def test_a_constant_column_goes_to_zero_everywhere(value, n_samples):
    scores = scores_of(np.full(n_samples, value), at=[value, -1e9, 1e9, 0.0])
    assert np.array_equal(scores, np.zeros(4))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("factor", [1e-150, 1e-6, 1e6, 1e150])
def test_units_do_not_matter(shape, factor):
    column = SHAPES[shape](np.random.default_rng(1), 300)
    between = (column[:-1] + column[1:]) / 2
    scores = scores_of(column, at=between)
    assert np.allclose(scores_of(factor * column, at=factor * between), scores, rtol=1e-9, atol=1e-9)
    assert np.allclose(scores_of(-factor * column, at=-factor * between), -scores, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("monotone", [np.exp, np.cbrt, lambda z: z + 1e6])
def test_scores_of_the_rows_seen_depend_on_their_order_alone(monotone):
    column = np.random.default_rng(2).normal(size=400)
    assert np.allclose(scores_of(monotone(column)), scores_of(column), rtol=1e-9, atol=1e-9)


@given(data=st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), min_size=1, max_size=12))
@quick
def test_integer_weights_are_repeated_rows_to_the_last_digit(data):
    column, counts = np.array(data, dtype=float).T
    counts[0] += 1
    weighted = fit_quantile_map([column], counts)
    repeated = fit_quantile_map([column.repeat(counts.astype(int))])
    assert np.array_equal(weighted.knots[0], repeated.knots[0])
    assert np.array_equal(weighted.scores[0], repeated.scores[0])


def test_the_unit_of_the_weights_does_not_matter_and_their_sizes_do():
    column, weights = np.arange(5.0), np.array([1.0, 2.0, 0.5, 4.0, 1.0])
    assert np.allclose(scores_of(column, weights), scores_of(column, 1e-3 * weights))
    assert not np.allclose(scores_of(column, weights), scores_of(column))


@pytest.mark.parametrize("seed", range(40))
def test_weights_that_decay_by_half_every_two_days_give_a_finite_map(seed):
    rng = np.random.default_rng(seed)
    weights = 0.5 ** (np.sort(rng.uniform(0.0, 100.0, 1000)) / 2.0)
    scores = scores_of(rng.normal(size=1000), weights[rng.permutation(1000)])
    assert np.all(np.isfinite(scores))


spans = st.lists(st.tuples(st.integers(-4, 4), st.floats(-300.0, 300.0)), min_size=2, max_size=40)


@given(data=spans, n_knots=st.sampled_from([3, 1000]), shape=st.sampled_from(KINDS))
@example(data=[(0, 0.0), (1, 0.3), (2, -16.0), (3, -17.0)], n_knots=1000, shape="quantile")
@quick
def test_the_map_is_finite_and_monotone_and_keeps_its_ends_for_weights_of_any_span(data, n_knots, shape):
    column, exponents = np.array(data).T
    fitted = fit_quantile_map([column], 10.0**exponents, n_knots=n_knots, shape=shape)
    (knots,), (scores,) = fitted.knots, fitted.scores
    assert np.all(np.isfinite(scores)) and np.all(np.diff(scores) >= 0.0)
    # Beside the largest weight, the least ones are no weight at all.
    assert knots[0] >= column.min() and knots[-1] <= column.max() and knots.size <= max(n_knots, column.size)


@example(data=[(0, 300.0), (1, 300.0), (2, 300.0)], factor=998, shape="quantile")
@given(data=spans, factor=st.integers(-900, 998), shape=st.sampled_from(KINDS))
@quick
def test_a_common_factor_of_the_weights_changes_nothing(data, factor, shape):
    column, exponents = np.array(data).T
    weights = 10.0 ** (exponents / 40.0)
    base, scaled = (fit_quantile_map([column], each, shape=shape) for each in (weights, weights * 2.0**factor))
    assert np.array_equal(base.knots[0], scaled.knots[0]) and np.array_equal(base.scores[0], scaled.scores[0])
    third = fit_quantile_map([column], weights / 3.0, shape=shape)
    np.testing.assert_allclose(third.scores[0], base.scores[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", ["quantile", "robust", "standard"])
def test_values_that_differ_by_rounding_count_as_equal(shape):
    values = np.array([1.0, 3.0, 5.0, 6.0, 7.0, 8.0, 1.0])
    summed = values + np.array([0.0] * 6 + [1e-15])
    new = np.linspace(0.0, 9.0, 50)[:, None]
    same, apart = (fit_quantile_map(column[None], shape=shape)(new, np.empty_like(new)) for column in (summed, values))
    np.testing.assert_allclose(same, apart, atol=1e-13)
    # A column that is made of such differences keeps its values: they are all that it has.
    close = 1e16 + np.arange(0.0, 2000.0, 2.0)
    scores = fit_quantile_map(close[None], shape=shape)(close[:, None], np.empty((1000, 1)))
    assert np.all(np.diff(scores[:, 0]) >= 0.0) and len(np.unique(scores)) > 900


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(3)
    column, weights, order = SHAPES["codes"](rng, 50), rng.integers(1, 4, 50).astype(float), rng.permutation(50)
    assert np.array_equal(scores_of(column, weights)[order], scores_of(column[order], weights[order]))


def test_symmetric_codes_keep_their_symmetry():
    scores = scores_of([0.0, 1.0, 2.0, 0.0, 1.0, 2.0], at=[0.0, 1.0, 2.0])
    assert scores[1] == pytest.approx(0.0, abs=1e-15) and scores[0] == pytest.approx(-scores[2])


@pytest.mark.parametrize("n_set", [1, 3, 40, 60, 4999])
def test_a_rare_flag_stays_within_reach(n_set):
    flag = np.arange(10_000) < n_set
    low, high = scores_of(flag, at=[0.0, 1.0])
    # Three, the clip, over the least spread; one in ten thousand would be a hundred away if brought to variance one.
    assert 1.9 < high - low < 3.1 / 0.2
    share = n_set / 10_000
    standardised = 1.0 / np.sqrt(share * (1.0 - share))
    if share > 0.005:
        assert high - low == pytest.approx(standardised)
    else:
        assert high - low < standardised


def test_one_outlier_does_not_move_the_others():
    column = np.random.default_rng(4).normal(size=200)
    spoilt = np.append(column, 1e12)
    moved = np.abs(scores_of(spoilt)[:-1] - scores_of(column))
    assert np.sort(moved)[-5] < 0.1 and np.median(moved) < 0.02  # the last few make room for it
    assert scores_of(spoilt)[-1] < 3.2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_knots", [2, 50, 1000])
def test_the_number_of_knots_is_bounded_and_the_ends_are_kept(shape, n_knots):
    column = SHAPES[shape](np.random.default_rng(5), 4000)
    fitted = fit_quantile_map([column], n_knots=n_knots)
    (knots,), (scores,) = fitted.knots, fitted.scores
    assert knots.size == scores.size <= max(n_knots, 4)
    assert (knots[0], knots[-1]) == (column.min(), column.max())
    assert np.all(np.diff(knots) > 0.0) and np.all(np.diff(scores) >= 0.0)


@pytest.mark.parametrize("shape", ["normal", "skewed", "heavy"])
def test_a_thousand_knots_are_as_good_as_all(shape):
    column = SHAPES[shape](np.random.default_rng(6), 20_000)
    difference = np.abs(scores_of(column) - scores_of(column, n_knots=20_000))
    # Next to the clip a knot covers the most: from rank 0.001 to 0.002 a score moves by 0.2.
    assert difference.max() < 0.2 and np.quantile(difference, 0.99) < 0.01


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_are_mapped_by_themselves_into_the_given_array(dtype):
    X = np.random.default_rng(7).normal(size=(30, 3)).astype(dtype)
    X[:, 1] = 2.0
    fitted = fit_quantile_map(iter(X.T))
    wide = np.full((30, 5), 9.0, dtype=dtype)
    out = wide[:, 1:4]
    assert isinstance(fitted, QuantileMap) and fitted(X, out) is out and out.dtype == dtype
    for j in range(3):
        assert np.allclose(out[:, j], scores_of(X[:, j]), rtol=1e-6, atol=1e-6)
    assert np.all(wide[:, [0, 4]] == 9.0)


def test_no_rows_map_to_no_rows():
    assert scores_of([1.0, 2.0], at=[]).shape == (0,)


def test_few_rows_are_mapped_to_the_last_digit_as_many_are_and_the_lists_are_not_pickled():
    rng = np.random.default_rng(5)
    X = np.column_stack([rng.standard_cauchy(500), rng.integers(0, 3, 500), np.zeros(500), rng.normal(size=500)])
    mapping = fit_quantile_map(X.T)
    new = np.vstack([X[:40], 100.0 * X[:40], np.nextafter(X[:40], np.inf), rng.normal(size=(40, 4))])
    together = mapping(new, np.empty_like(new))
    alone = np.vstack([mapping(row[None], np.empty((1, 4))) for row in new])
    assert np.array_equal(alone, together)
    again = pickle.loads(pickle.dumps(mapping))
    assert "_lists" not in again.__dict__ and np.array_equal(again(new[:1], np.empty((1, 4))), together[:1])
