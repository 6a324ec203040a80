import math
import pickle
import time

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf, expit, ndtr

from sknnk._kernels.spectra import ACTIVATIONS, Spectrum, periodic_extension, spectrum_of

ANALYTIC = {
    "gaussian": lambda z: np.exp(-0.5 * z * z),
    "laplace": lambda z: 1.0 / (1.0 + z * z),
    "cauchy": lambda z: np.exp(-np.abs(z)),
    "sech": lambda z: 1.0 / np.cosh(z),
}
SINGLE = {"sin": np.sin, "cos": np.cos}
SMOOTH = {
    "gelu": lambda z: z * ndtr(z),
    "silu": lambda z: z * expit(z),
    "tanh": np.tanh,
    "sigmoid": expit,
    "softplus": lambda z: np.log1p(np.exp(z)),
    "erf": erf,
}
ROUGH = {
    "relu": lambda z: z * (z > 0),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1.0),
    "step": lambda z: 0.5 * (1.0 + np.sign(z)),
}
EVERY = {**ANALYTIC, **SINGLE, **SMOOTH, **ROUGH}
# What the scales' kernels are, for the spectra without amplitudes of their own; sin and cos have sigma = 1.
KERNELS = {**ANALYTIC, "sin": ANALYTIC["gaussian"], "cos": ANALYTIC["gaussian"]}
DISTANCES = np.array([0.0, 0.05, 0.3, 1.0, 2.5, 6.0])


def kernel_by_quadrature(spectrum, r):
    integrand = lambda u: float(np.exp(-0.5 * (spectrum.scales(u) * r) ** 2))  # noqa: E731
    return quad(integrand, 0.0, 1.0, epsabs=1e-11, epsrel=1e-11, limit=400)[0]


def test_every_activation_is_covered_here():
    assert set(EVERY) == set(ACTIVATIONS)
    assert len(ACTIVATIONS) == len(set(ACTIVATIONS))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_spectrum_evaluates_to_its_activation_within_the_error_it_reports(name):
    spectrum = spectrum_of(name)
    half_width = min(spectrum.half_width, 4.0)
    # Not the grid the error was measured on; near a jump every grid misses the largest error.
    z = np.linspace(-half_width, half_width, 3331)
    if name == "step":
        z = z[np.abs(z) > 0.01]
    error = np.abs(spectrum(z) - EVERY[name](z)).max()
    assert error <= spectrum.max_error * 1.01 + 1e-13
    assert spectrum(z.reshape(-1, 1)).shape == (z.size, 1)


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_activations_reach_full_precision_with_few_terms(name):
    spectrum = spectrum_of(name)
    assert spectrum.half_width >= 4.0
    assert spectrum.frequencies.size <= 128
    assert spectrum.max_error <= 1e-12


@pytest.mark.parametrize(("name", "order"), [("relu", 1), ("elu", 2)])
def test_error_at_a_corner_falls_with_the_number_of_terms(name, order):
    # A jump in derivative number `order` makes amplitudes fall as k^-(order + 1), and their tail as k^-order.
    coarse, fine = (periodic_extension(ROUGH[name], name, n_terms=n).max_error for n in (64, 256))
    assert fine < coarse < 0.05
    assert math.log(coarse / fine, 4) == pytest.approx(order, abs=0.1)


def test_a_jump_is_reported_as_an_error_of_half_its_height():
    assert 0.4 < spectrum_of("step").max_error <= 0.5
    assert spectrum_of("step")(0.0) == pytest.approx(0.5)


def test_interval_and_number_of_terms_can_be_chosen():
    wide = periodic_extension(np.tanh, "tanh", n_terms=256, half_width=8.0)
    assert wide.half_width == 8.0
    assert wide.max_error < 1e-12
    z = np.linspace(-8, 8, 501)
    assert np.abs(wide(z) - np.tanh(z)).max() < 1e-12
    assert wide.frequencies[0] == pytest.approx(2 * np.pi / 32)


@pytest.mark.parametrize("name", ANALYTIC)
def test_analytic_spectra_are_exact_and_have_unit_norm(name):
    spectrum = spectrum_of(name)
    assert (spectrum.half_width, spectrum.max_error, spectrum.constant) == (math.inf, 0.0, 0.0)
    assert spectrum.l1_norm == spectrum(0.0) == 1.0


def test_sine_and_cosine_have_one_frequency():
    for name, amplitude in (("sin", -1j), ("cos", 1.0)):
        spectrum = spectrum_of(name)
        np.testing.assert_array_equal(spectrum.frequencies, [1.0])
        np.testing.assert_array_equal(spectrum.amplitudes, [amplitude])
        assert (spectrum.l1_norm, spectrum.max_error, spectrum.constant) == (1.0, 0.0, 0.0)
        assert spectrum.half_width == math.inf
        np.testing.assert_array_equal(spectrum.scales([0.001, 0.5, 0.999]), 1.0)


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_is_the_closed_form(name):
    kernel = spectrum_of(name).kernel(DISTANCES)
    np.testing.assert_allclose(kernel, KERNELS[name](DISTANCES), rtol=1e-14)


@pytest.mark.parametrize("name", ANALYTIC)
def test_kernel_is_the_expectation_over_the_scales(name):
    spectrum = spectrum_of(name)
    for r in DISTANCES:
        assert kernel_by_quadrature(spectrum, r) == pytest.approx(float(spectrum.kernel(r)), abs=1e-9)


def test_quadrature_tells_the_spectra_apart():
    # The check above has power: each spectrum's scales fail it against every other one's kernel.
    for name in ANALYTIC:
        for other in set(ANALYTIC) - {name}:
            wrong = spectrum_of(other).kernel(1.0) - kernel_by_quadrature(spectrum_of(name), 1.0)
            assert abs(wrong) > 1e-2


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "step"])
def test_kernel_of_a_series_is_the_mean_over_stratified_scales(name):
    spectrum = spectrum_of(name)
    n = 200_000
    scales = spectrum.scales((np.arange(n) + 0.5) / n)
    # Each of the K steps of the quantile function lands at most half a stratum away.
    bound = spectrum.frequencies.size / n
    for r in DISTANCES:
        assert abs(np.exp(-0.5 * (scales * r) ** 2).mean() - spectrum.kernel(r)) <= bound
    assert set(np.unique(scales)) <= set(spectrum.frequencies)


def test_scales_of_a_series_follow_the_moduli_of_the_amplitudes():
    spectrum = spectrum_of("gelu")
    weight = np.abs(spectrum.amplitudes) / np.abs(spectrum.amplitudes).sum()
    edges = np.concatenate([[0.0], np.cumsum(weight)[:-1]])
    inside = weight > 1e-9
    middles = (edges + 0.5 * weight)[inside]
    np.testing.assert_array_equal(spectrum.scales(middles), spectrum.frequencies[inside])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_scales_are_a_quantile_function(name):
    u = np.concatenate([[2.0**-40], np.linspace(0.001, 0.999, 1999), [1.0 - 2.0**-40]])
    scales = spectrum_of(name).scales(u)
    assert np.isfinite(scales).all()
    assert (scales >= 0.0).all()
    assert (np.diff(scales) >= 0.0).all()
    assert spectrum_of(name).scales(u.reshape(3, -1)).shape == (3, u.size // 3)
    assert float(spectrum_of(name).scales(0.25)) == spectrum_of(name).scales(np.array([0.25]))[0]


def test_sech_scales_invert_the_exit_time_distribution():
    def distribution(t):  # Brownian motion leaves (-1, 1) before t: the eigenfunction series, at 40 digits
        with mpmath.workdps(40):
            terms = (
                (-1) ** k / mpmath.mpf(2 * k + 1) * mpmath.exp(-((2 * k + 1) ** 2) * mpmath.pi**2 * t / 8)
                for k in range(200)
            )
            return float(1 - 4 / mpmath.pi * mpmath.fsum(terms))

    u = np.array([1e-9, 1e-4, 0.05, 0.3, 0.419, 0.42, 0.5, 0.9, 0.9999])
    t = spectrum_of("sech").scales(u) ** 2
    np.testing.assert_allclose([distribution(mpmath.mpf(float(s))) for s in t], u, rtol=1e-11)


def test_sech_scales_are_fast():
    u = np.random.default_rng(0).random(100_000)
    start = time.perf_counter()
    spectrum_of("sech").scales(u)
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("name", ["laplace", "cauchy", "sech", "relu"])
def test_stratified_scales_reproduce_the_kernel_far_better_than_independent_ones(name):
    spectrum = spectrum_of(name)
    rng = np.random.default_rng(0)
    n, r = 256, 1.0
    shifts = rng.random((200, 1))
    stratified = np.clip((np.arange(n) / n + shifts) % 1.0, 1e-12, 1 - 1e-12)
    independent = rng.random((200, n))
    means = (np.exp(-0.5 * (spectrum.scales(u) * r) ** 2).mean(axis=1) for u in (stratified, independent))
    rms = [np.sqrt(np.mean((mean - spectrum.kernel(r)) ** 2)) for mean in means]
    # Independent draws err as n^-1/2; for a monotone integrand strata of 1/n err at most as their width.
    assert rms[0] <= 1.0 / n
    assert rms[0] < 0.2 * rms[1]


@pytest.mark.parametrize("name", [*SINGLE, *SMOOTH, *ROUGH])
def test_the_norm_bounds_the_activation_and_is_that_of_the_amplitudes(name):
    spectrum = spectrum_of(name)
    assert spectrum.l1_norm == pytest.approx(sum(abs(a) for a in spectrum.amplitudes), rel=1e-13)
    z = np.linspace(-20, 20, 2001)
    assert np.abs(spectrum(z) - spectrum.constant).max() <= spectrum.l1_norm * (1 + 1e-12)
    # Over a whole period, of length 16, the sampled part averages to nothing.
    if name not in SINGLE:
        assert spectrum(np.arange(512) / 32).mean() == pytest.approx(spectrum.constant, abs=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_spectra_survive_pickling_with_every_value_intact(name):
    spectrum: Spectrum = spectrum_of(name)
    copy = pickle.loads(pickle.dumps(spectrum))
    z, u = np.linspace(-3, 3, 50), np.linspace(0.01, 0.99, 50)
    np.testing.assert_array_equal(copy(z), spectrum(z))
    np.testing.assert_array_equal(copy.scales(u), spectrum.scales(u))
    np.testing.assert_array_equal(copy.kernel(z), spectrum.kernel(z))
    for attribute in ("name", "half_width", "max_error", "l1_norm", "constant"):
        assert getattr(copy, attribute) == getattr(spectrum, attribute)


def test_the_spectrum_of_a_lambda_can_be_pickled():
    spectrum = pickle.loads(pickle.dumps(spectrum_of(lambda z: np.tanh(z) + 3.0)))
    assert spectrum.constant == pytest.approx(3.0, abs=1e-13)
    assert abs(spectrum(0.7) - np.tanh(0.7) - 3.0) < 1e-12


def test_named_spectra_are_built_once_and_cannot_be_changed():
    spectrum = spectrum_of("relu")
    assert spectrum is spectrum_of("relu")
    with pytest.raises(ValueError, match="read-only"):
        spectrum.amplitudes[0] = 0.0
    with pytest.raises(AttributeError):
        spectrum.constant = 1.0
    with pytest.raises(AttributeError):
        spectrum_of("cauchy").name = "sech"


@pytest.mark.parametrize(
    "activation",
    [np.tanh, lambda z: z > 0, lambda z: np.round(z).astype(int), lambda z: np.tanh(z).astype(np.float32)],
    ids=["ufunc", "bool", "int", "float32"],
)
def test_a_callable_of_any_real_dtype_is_accepted(activation):
    spectrum = spectrum_of(activation)
    assert np.isfinite(spectrum.max_error)
    assert spectrum(np.array([0.25])).dtype == np.float64


def test_a_callable_gives_the_spectrum_of_the_same_named_activation():
    by_name, by_callable = spectrum_of("tanh"), spectrum_of(np.tanh)
    assert by_callable.name == "tanh"
    np.testing.assert_array_equal(by_name.amplitudes, by_callable.amplitudes)


def test_a_callable_may_overwrite_its_argument():
    def in_place(z):
        return np.tanh(z, out=z)

    np.testing.assert_array_equal(spectrum_of(in_place).amplitudes, spectrum_of("tanh").amplitudes)
    assert spectrum_of(in_place).max_error < 1e-12


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_the_size_of_a_callable_does_not_matter(factor):
    spectrum = spectrum_of(lambda z: factor * np.tanh(z))
    expected = factor * spectrum_of("tanh").amplitudes
    np.testing.assert_allclose(spectrum.amplitudes, expected, rtol=1e-6, atol=1e-15 * factor)
    assert spectrum.max_error <= 1e-12 * factor


def test_distances_of_any_size_give_kernels_without_warnings():
    for name in ACTIVATIONS:
        np.testing.assert_array_equal(spectrum_of(name).kernel([1e200, np.inf]), 0.0)
        assert spectrum_of(name).kernel(0.0) == pytest.approx(1.0, rel=1e-13)


def test_unknown_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"activation='rbf' is not known; use one of gaussian, .*step, or a"):
        spectrum_of("rbf")


@pytest.mark.parametrize("activation", [None, 3.0, ["relu"]])
def test_neither_name_nor_callable_is_a_type_error(activation):
    with pytest.raises(TypeError, match=r"activation=.* is neither a name nor a callable; use one of"):
        spectrum_of(activation)


@pytest.mark.parametrize(
    ("activation", "error", "message"),
    [
        (lambda z: 1.0, ValueError, r"returned shape \(\) .* keep the shape"),
        (lambda z: z[:-1], ValueError, "keep the shape"),
        (lambda z: z[:, None], ValueError, "keep the shape"),
        (lambda z: np.exp(1j * z), TypeError, "complex128; it must return real numbers"),
        (lambda z: np.array([str(v) for v in z]), TypeError, "real numbers"),
        (lambda z: np.log(z), ValueError, r"non-finite value at z=-16; it must be finite on \[-16, 1"),
        (lambda z: 1.0 / z, ValueError, "non-finite value at z=0"),
        (lambda z: np.exp(100.0 * z), ValueError, "non-finite value at z=7"),
        (math.tanh, ValueError, "raised TypeError .* pass a vectorised function"),
        (lambda z: z if z > 0 else 0.0, ValueError, "raised ValueError .* pass a vectorised function"),
        (lambda z: np.ones_like(z), ValueError, "constant on .* no non-zero frequency"),
        (lambda z: np.zeros_like(z), ValueError, "constant on .* no non-zero frequency"),
    ],
    ids=["scalar", "short", "matrix", "complex", "text", "nan", "pole", "overflow", "scalar-only", "branch",
         "ones", "zeros"],
)  # fmt: skip
def test_a_callable_that_is_no_activation_is_an_error_that_says_why(activation, error, message):
    with pytest.raises(error, match=r"activation=<.*" + message):
        spectrum_of(activation)
