import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknnk._features.unbiased.variance import (
    Split,
    balanced_split,
    bernstein_quantile,
    largest_variance,
    log_largest_value,
    log_second_moment_bound,
    term_variance,
)

NORMS = st.floats(0.1, 3.0)


def term_values(split, amplitude, u, v, directions):
    """The estimator itself, for one direction a row of `directions`, written out from the formula of the module."""
    kappa, s, q = (float(each[0]) for each in split)
    a = (1.0 - q) / 8.0
    d = directions.shape[1]
    exponent = np.sqrt(1.0 - 4.0 * a) * (directions @ (s * v) + 1j * directions @ (kappa * u))
    factor = 2.0 * a * np.sum(directions**2, axis=1) + 0.5 * kappa**2 * u @ u - 0.5 * s**2 * v @ v
    # The hyperbolic cosine and the factor, multiplied before either overflows.
    product = 0.5 * (np.exp(factor + exponent) + np.exp(factor - exponent))
    return (amplitude * product).real * (1.0 - 4.0 * a) ** (d / 2.0)


def case(rng, d, oscillating_norm, growing_norm):
    u, v = rng.normal(size=(2, d))
    u, v = oscillating_norm * u / np.linalg.norm(u), growing_norm * v / np.linalg.norm(v)
    return u, v, np.exp(1j * rng.uniform(0.0, 2.0 * np.pi))


@pytest.mark.parametrize("d", [1, 3, 12])
@pytest.mark.parametrize("damped", [True, False])
def test_mean_and_variance_of_one_term_are_the_closed_forms(d, damped):
    rng = np.random.default_rng(d)
    for omega in (0.4, 1.0):
        u, v, amplitude = case(rng, d, 0.7, 0.9)
        split = balanced_split([omega], 0.7, 0.9, d)
        if not damped:
            split = split._replace(damping=np.ones(1))
        values = term_values(split, amplitude, u, v, rng.normal(size=(400_000, d)))
        error = values.std() / np.sqrt(values.size)
        assert abs(values.mean() - (amplitude * np.exp(1j * omega * u @ v)).real) < 4.0 * error
        assert error < 0.005
        expected = term_variance(split, amplitude, u @ u, v @ v, u @ v, d)[0]
        squares = (values - values.mean()) ** 2
        assert abs(squares.mean() - expected) < 4.0 * squares.std() / np.sqrt(values.size)
        # Power: an error of a tenth of the variance would be seen.
        assert squares.std() / np.sqrt(values.size) < 0.025 * expected


def test_variance_of_a_sine_at_equal_unit_norms_is_that_worked_out_by_hand():
    # sin y sinh u times one, with y and u normal of variance one: E sin^2 E sinh^2 for orthogonal x and w.
    by_hand = 0.25 * (1.0 - np.exp(-2.0)) * (np.exp(2.0) - 1.0)
    plain = Split(np.ones(1), np.ones(1), np.ones(1))
    assert term_variance(plain, -1j, 1.0, 1.0, 0.0, 5)[0] == pytest.approx(by_hand, rel=1e-12)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 40),
    st.floats(0.05, 6.0),
    NORMS,
    NORMS,
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(-1, 1),
    st.floats(0, 7),
)
def test_no_variance_in_range_exceeds_the_bound(d, omega, oscillating, growing, first, second, cosine, phase):
    split = balanced_split([omega], oscillating, growing, d)
    bound = np.exp(log_second_moment_bound(split, oscillating, growing, d))
    x, w = first * oscillating, second * growing
    variance = term_variance(split, np.exp(1j * phase), x * x, w * w, x * w * cosine, d)
    assert variance[0] <= bound[0] * (1.0 + 1e-9)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 40),
    st.floats(0.05, 6.0),
    NORMS,
    NORMS,
    st.floats(0, 7),
    st.floats(0, 0.5),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(-1, 1), st.floats(-1, 1)), min_size=1),
)
def test_no_variance_in_range_exceeds_the_largest_one(d, omega, oscillating, growing, turn, share, places):
    split = Split(*(each[0] for each in balanced_split([omega], oscillating, growing, d)))
    phase = share * omega * oscillating * growing
    largest = largest_variance(split, np.exp(1j * turn), (oscillating, growing), phase, d)
    assert largest <= np.exp(log_second_moment_bound(split, oscillating, growing, d)) * (1.0 + 1e-9)
    for first, second, cosine, bias in places:
        x, w = first * oscillating, second * growing
        amplitude = np.exp(1j * (turn + phase * bias))
        assert term_variance(split, amplitude, x * x, w * w, x * w * cosine, d) <= largest * (1.0 + 1e-9)


def test_a_variance_is_finite_where_its_factors_are_not():
    split = Split(*(each[0] for each in balanced_split([3.0], 3.0, 3.0, 1)))
    assert 0.0 < term_variance(split, 1.0, 0.0, 9.0, 0.0, 1) <= largest_variance(split, 1.0, (3.0, 3.0), 0.0, 1) < 100.0


def test_the_largest_variance_of_a_sine_is_found_to_a_few_per_cent():
    split = Split(*(each[0] for each in balanced_split([1.0], 1.0, 1.0, 8)))
    # At the largest norms, opposite vectors and the largest bias.
    worst = term_variance(split, -1j * np.exp(0.5j), 1.0, 1.0, -1.0, 8)
    assert worst <= largest_variance(split, -1j, (1.0, 1.0), 0.5, 8) < 1.05 * worst


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 64), st.floats(0.01, 8.0), NORMS, NORMS, st.floats(0.7, 1.4), st.floats(0.7, 1.4))
def test_no_other_split_or_damping_has_a_smaller_second_moment(d, omega, oscillating, growing, turn, pull):
    def log_moment(split):
        a, b = (split.growth * growing) ** 2, (split.oscillation * oscillating) ** 2
        q = split.damping
        return d * np.log((1.0 + q) / (2.0 * np.sqrt(q))) + a / q + b

    best = balanced_split([omega], oscillating, growing, d)
    other = Split(best.oscillation * turn, best.growth / turn, np.maximum(best.damping * pull, 1.0))
    assert best.oscillation[0] * best.growth[0] == pytest.approx(omega, rel=1e-12)
    assert log_moment(best)[0] <= log_moment(other)[0] + 1e-9


def test_damping_lowers_the_price_most_for_high_frequencies_and_few_features():
    omega = np.array([0.1, 1.0, 10.0])
    saved = {}
    for d in (4, 64):
        split = balanced_split(omega, 1.0, 1.0, d)
        plain = Split(np.sqrt(omega), np.sqrt(omega), np.ones(3))
        saved[d] = log_second_moment_bound(plain, 1.0, 1.0, d) - log_second_moment_bound(split, 1.0, 1.0, d)
        assert np.all(np.diff(saved[d]) > 0.0)
    assert saved[4][2] > 2.0 * saved[64][2] > 0.0


@pytest.mark.parametrize("reach", [1e-12, 1e-3, 1e3, 1e40])
def test_extreme_norms_give_finite_logarithms(reach):
    split = balanced_split([1.0], reach, 1.0, 8)
    assert all(np.isfinite(each).all() for each in split)
    assert np.isfinite(log_second_moment_bound(split, reach, 1.0, 8)).all()
    assert not np.isnan(term_variance(split, 1.0, reach**2, 1.0, 0.0, 8)).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.floats(0.2, 4.0), NORMS, NORMS, st.integers(0, 1000))
def test_a_damped_term_is_never_larger_than_its_bound(d, omega, oscillating, growing, seed):
    rng = np.random.default_rng(seed)
    split = balanced_split([omega], oscillating, growing, d)
    u, v, amplitude = case(rng, d, oscillating, growing)
    s, q = split.growth[0], split.damping[0]
    # Random directions, and the worst one: along v, at the maximum of its exponent.
    worst = 2.0 * np.sqrt(0.5 * (1.0 + q)) * s / (q - 1.0) * v
    directions = np.vstack([rng.normal(size=(500, d)), worst])
    limit = np.exp(log_largest_value(split, oscillating, growing, d))[0]
    assert np.abs(term_values(split, amplitude, u, v, directions)).max() <= limit * (1.0 + 1e-9)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [10, 1000])
def test_sums_exceed_the_quantile_no_more_often_than_promised(confidence, n):
    rng = np.random.default_rng(0)
    # Skewed and bounded: rare large values are what a bound has to survive.
    sums = (rng.binomial(n, 0.05, 20_000) - 0.05 * n) / n
    quantile = bernstein_quantile(0.05 * 0.95 / n, 1.0 / n, confidence)
    exceeded = np.mean(np.abs(sums) > quantile)
    assert exceeded <= 1.0 - confidence
    # And it is a bound with a use: at most a few standard deviations.
    assert quantile < 6.0 * np.sqrt(0.05 * 0.95 / n) + 6.0 / n


def test_quantile_falls_with_the_root_of_the_number_of_terms():
    n = np.array([1e3, 1e4, 1e5])
    quantiles = bernstein_quantile(2.0 / n, 5.0 / n, 0.99)
    assert np.polyfit(np.log(n), np.log(quantiles), 1)[0] == pytest.approx(-0.5, rel=0.15)


def test_every_claim_of_the_theory_pages_names_a_test_that_exists():
    tests = Path(__file__).parents[2]
    claimed = set(re.findall(r"`(test_\w+)`", (tests.parent / "doc" / "theory.md").read_text()))
    written = set(re.findall(r"^def (test_\w+)\(", "".join(p.read_text() for p in tests.rglob("*.py")), re.MULTILINE))
    assert len(claimed) > 20
    assert not claimed - written
