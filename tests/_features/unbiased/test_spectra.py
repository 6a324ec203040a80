import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr

from sknnk._features.unbiased.spectra import fit_unbiased_spectrum, layer_spectrum
from sknnk._kernels.spectra import ACTIVATIONS

EXACT = {
    "gaussian": lambda z: np.exp(-0.5 * z * z),
    "laplace": lambda z: 1.0 / (1.0 + z * z),
    "cauchy": lambda z: np.exp(-np.abs(z)),
    "sech": lambda z: 1.0 / np.cosh(z),
    "sin": np.sin,
    "cos": np.cos,
    "relu": lambda z: np.maximum(z, 0.0),
    "gelu": lambda z: z * ndtr(z),
    "silu": lambda z: z * expit(z),
    "tanh": np.tanh,
    "sigmoid": expit,
    "softplus": lambda z: np.log1p(np.exp(z)),
    "erf": lambda z: 2.0 * ndtr(z * np.sqrt(2.0)) - 1.0,
    "elu": lambda z: np.where(z > 0.0, z, np.expm1(z)),
    "step": lambda z: np.where(z > 0.0, 1.0, np.where(z < 0.0, 0.0, 0.5)),
}


def price(omega):
    return 2.0 * omega


def squashed(z):
    return z / (1.0 + np.abs(z))


def test_every_activation_is_covered_here():
    assert set(EXACT) == set(ACTIVATIONS)


@pytest.mark.parametrize("half_width", [0.3, 1.5, 6.0])
@pytest.mark.parametrize("name", EXACT)
def test_the_reported_bias_is_an_upper_bound_and_a_tight_one(name, half_width):
    for n in (50, 5000):
        fitted = fit_unbiased_spectrum(name, half_width, price, n, slope=True)
        # Finer than the grid that it was measured on, irregular, and with the places where errors hide.
        z = np.sort(np.random.default_rng(0).uniform(-half_width, half_width, 200_001))
        z = np.concatenate([z, [-half_width, half_width, 0.0, 1e-9, -1e-9]])
        error = np.abs(fitted(z) - EXACT[name](z)).max()
        assert error <= fitted.max_error + 1e-15
        assert fitted.max_error <= 1.02 * error + 1e-4


def test_sine_and_cosine_keep_their_frequency_and_have_no_bias():
    for name in ("sin", "cos"):
        fitted = fit_unbiased_spectrum(name, 2.0, price, 77)
        assert (fitted.frequencies.tolist(), fitted.counts.tolist(), fitted.max_error) == ([1.0], [77], 0.0)
        assert fitted.variance_bound == pytest.approx(np.exp(2.0) / 77, rel=1e-3)
        assert fitted.variance_bound >= np.exp(2.0) / 77


@pytest.mark.parametrize("slope", [False, True])
@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "step", "laplace"])
def test_bias_and_variance_fall_together(name, slope):
    fits = [fit_unbiased_spectrum(name, 1.5, price, n, slope=slope) for n in (10, 100, 1000, 10_000)]
    assert np.all(np.diff([fit.relative_error for fit in fits]) < 0.0)
    assert np.all(np.diff([fit.max_error for fit in fits]) < 1e-4)
    # Higher frequencies are used as they become affordable.
    assert fits[-1].frequencies.max() >= fits[0].frequencies.max()
    if not slope:
        assert fits[-1].variance_bound < 0.5 * fits[0].variance_bound


def test_the_fit_is_a_minimum_of_squared_bias_and_variance_for_its_allocation():
    fitted = fit_unbiased_spectrum("gelu", 1.5, price, 300)
    z = np.linspace(-1.5, 1.5, 601)

    def risk(amplitudes):
        series = fitted.constant + (amplitudes[:, None] * np.exp(1j * np.outer(fitted.frequencies, z))).real.sum(0)
        return np.mean((series - EXACT["gelu"](z)) ** 2) + np.sum(
            np.abs(amplitudes) ** 2 * np.exp(price(fitted.frequencies)) / fitted.counts
        )

    best, rng = risk(fitted.amplitudes), np.random.default_rng(0)
    for _ in range(50):
        move = rng.normal(size=(2, fitted.frequencies.size)) * 0.01
        assert risk(fitted.amplitudes + move[0] + 1j * move[1]) > best


def test_the_allocation_is_near_the_best_one():
    fitted = fit_unbiased_spectrum("relu", 1.5, price, 2000, slope=True)
    sizes = np.abs(fitted.amplitudes) * np.exp(0.5 * price(fitted.frequencies))
    # Cauchy-Schwarz: no allocation of the same number of directions has less variance than this.
    assert np.sum(sizes**2 / fitted.counts) < 1.05 * np.sum(sizes) ** 2 / 2000


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["relu", "sin", "tanh", "cauchy", squashed]), st.integers(0, 60), st.booleans(), st.floats(0.01, 50)
)
def test_any_number_of_directions_is_shared_out_exactly(activation, n, slope, half_width):
    fitted = fit_unbiased_spectrum(activation, half_width, price, n, slope=slope)
    assert fitted.counts.sum() in (0, n)
    assert np.all(fitted.counts >= 1)
    assert fitted.frequencies.size == fitted.amplitudes.size == fitted.counts.size
    assert np.all(np.diff(fitted.frequencies) > 0.0) and np.all(fitted.frequencies > 0.0)
    assert np.isfinite(fitted(np.linspace(-half_width, half_width, 9))).all()
    assert np.isfinite([fitted.max_error, fitted.variance_bound, fitted.relative_error]).all()


def test_a_linear_term_is_exact_and_is_used_where_it_pays():
    line = fit_unbiased_spectrum(lambda z: 2.0 - 3.0 * z, 1.5, price, 50, slope=True)
    assert (line.constant, line.slope) == (pytest.approx(2.0), pytest.approx(-3.0))
    assert line.max_error < 1e-10 and line.variance_bound < 1e-20
    assert layer_spectrum("relu", 1024, 8, 1.0, 1.0, 1.5).slope == pytest.approx(0.5, abs=0.05)
    # An even function has no use for it, and few columns have no room.
    assert layer_spectrum("gaussian", 1024, 8, 1.0, 1.0, 1.5).slope == 0.0
    with_it = layer_spectrum("tanh", 1024, 8, 1.0, 1.0, 1.5)
    without = fit_unbiased_spectrum("tanh", 1.5, lambda omega: 2.0 * omega, 511)
    assert with_it.relative_error < 0.6 * without.relative_error


def test_constants_cost_nothing():
    fitted = fit_unbiased_spectrum(lambda z: np.full(z.shape, 2.5), 1.0, price, 10)
    assert fitted(0.3) == pytest.approx(2.5)
    assert fitted.max_error < 1e-12 and fitted.variance_bound < 1e-20
    zero = fit_unbiased_spectrum(np.zeros_like, 1.0, price, 10, slope=True)
    assert (zero.constant, zero.variance_bound, zero.counts.size) == (0.0, 0.0, 0)


@pytest.mark.parametrize("log_price", [lambda omega: 1e6 * omega, lambda omega: np.full(omega.shape, 1e300)])
def test_prices_beyond_all_numbers_leave_what_is_free(log_price):
    fitted = fit_unbiased_spectrum("relu", 1.0, log_price, 100)
    assert np.isfinite(fitted.variance_bound)
    assert fitted(0.0) == pytest.approx(0.25, abs=0.01)
    assert fitted.max_error == pytest.approx(0.75, abs=0.01)


def test_a_fit_is_frozen_shared_and_picklable():
    fitted = layer_spectrum("relu", 512, 4, 1.0, 2.0, 3.0)
    assert layer_spectrum("relu", 512, 4, 1.0, 2.0, 3.0) is fitted
    with pytest.raises(FrozenInstanceError):
        fitted.constant = 1.0
    with pytest.raises(ValueError, match="read-only"):
        fitted.amplitudes[0] = 1.0
    own = layer_spectrum(squashed, 512, 4, 1.0, 2.0, 3.0)
    assert own.name == "squashed"
    z = np.linspace(-3, 3, 50)
    for each in (fitted, own):
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(each))(z), each(z))


def test_a_callable_named_like_an_activation_is_not_taken_for_it():
    def sin(z):
        return np.cos(z)

    assert abs(fit_unbiased_spectrum(sin, 1.0, price, 5000)(0.0) - 1.0) < 0.01
