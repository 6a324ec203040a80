"""URFSampler as the estimator of a layer: the experiment of the paper, as claims."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import ndtr
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnk import URFSampler
from sknnk._kernels.spectra import ACTIVATIONS, spectrum_of

FUNCTIONS = {
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "gelu": lambda z: z * ndtr(z),
    "relu": lambda z: np.maximum(z, 0.0),
    "softplus": lambda z: np.log1p(np.exp(z)),
}
# The root mean square errors asked for at 1024 and at 16384 columns.
BARS = {"sin": (0.05, 0.02), "tanh": (0.05, 0.02), "gelu": (0.10, 0.02), "relu": (0.13, 0.05)}
MODES = ("unbiased", "positive")


def ball(rng, n, d):
    X = rng.normal(size=(n, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X[1:] *= rng.random((n - 1, 1)) ** (1.0 / d)
    return X


def layer(d, n=12, units=12, seed=0):
    rng = np.random.default_rng([seed, d])
    return ball(rng, n, d), ball(rng, units, d), rng.uniform(-0.5, 0.5, units)


def estimates(sampler, X, W, b, n_seeds):
    fitted = (sampler.set_params(random_state=seed).fit(X) for seed in range(n_seeds))
    return np.array([each.transform(X) @ each.transform_weights(W, b).T for each in fitted])


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize(("mode", "directions", "d"), [("unbiased", "orthogonal", 32), ("positive", "gaussian", 8)])
def test_the_mean_over_200_seeds_is_the_fitted_series(activation, d, mode, directions):
    X, W, b = layer(d, n=5, units=4)
    sampler = URFSampler(activation, n_components=512, mode=mode, directions=directions)
    values = estimates(sampler, X, W, b, 200)
    error = values.std(axis=0, ddof=1) / np.sqrt(200)
    z = X @ W.T + b
    assert np.all(np.abs(values.mean(axis=0) - sampler.spectrum_(z)) < 4.0 * error)
    # Power: a bias of a few thousandths would be seen.
    assert error.max() < 0.006
    # The bias of the series is what its attribute says, or less.
    assert np.abs(sampler.spectrum_(z) - FUNCTIONS[activation](z)).max() <= sampler.spectrum_.max_error + 1e-15
    assert np.all(np.abs(z) <= sampler.spectrum_.half_width)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("d", [8, 32])
@pytest.mark.parametrize("activation", BARS)
def test_root_mean_square_errors_are_below_the_bars(activation, d, mode):
    X, W, b = layer(d, n=40, units=40)
    for n_components, n_seeds, bar in zip((1024, 16384), (10, 2), BARS[activation], strict=True):
        sampler = URFSampler(activation, n_components=n_components, mode=mode)
        errors = estimates(sampler, X, W, b, n_seeds) - FUNCTIONS[activation](X @ W.T + b)
        assert np.isfinite(errors).all()
        assert np.sqrt(np.mean(errors**2)) < 0.75 * bar


@pytest.mark.parametrize("directions", ["gaussian", "orthogonal", "qmc", "hadamard"])
def test_every_coupling_is_unbiased(directions):
    X, W, b = layer(6, n=4, units=4)
    sampler = URFSampler("tanh", n_components=200, mode="unbiased", directions=directions)
    values = estimates(sampler, X, W, b, 200)
    error = values.std(axis=0, ddof=1) / np.sqrt(200)
    assert np.all(np.abs(values.mean(axis=0) - sampler.spectrum_(X @ W.T + b)) < 4.0 * error)


@pytest.mark.parametrize("activation", ["sin", "cos"])
@pytest.mark.parametrize("directions", ["gaussian", "orthogonal"])
def test_the_error_falls_with_the_root_of_the_number_of_components(activation, directions):
    X, W, b = layer(8)
    counts = np.array([129, 513, 2049])
    errors = []
    for m in counts:
        sampler = URFSampler(activation, n_components=m, mode="unbiased", directions=directions)
        errors.append(np.sqrt(np.mean((estimates(sampler, X, W, b, 40) - FUNCTIONS[activation](X @ W.T + b)) ** 2)))
    assert np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(-0.5, rel=0.15)


@pytest.mark.parametrize("activation", ["sin", "gelu", "relu"])
def test_orthogonal_directions_have_lower_error_than_independent_ones(activation):
    X, W, b = layer(16)
    errors = {}
    for directions in ("gaussian", "orthogonal"):
        sampler = URFSampler(activation, n_components=512, mode="unbiased", directions=directions)
        values = estimates(sampler, X, W, b, 100)
        errors[directions] = np.mean((values - sampler.spectrum_(X @ W.T + b)) ** 2, axis=(1, 2))
    difference = errors["gaussian"].mean() - errors["orthogonal"].mean()
    assert difference > 4.0 * np.sqrt(sum(each.var() for each in errors.values()) / 100)


def plain_estimate(spectrum, X, W, b, n_directions, rng):
    """Universal random features as they are written down, with frequencies in proportion to their amplitudes."""
    k = rng.choice(spectrum.frequencies.size, n_directions, p=np.abs(spectrum.amplitudes) / spectrum.l1_norm)
    omega, phase = spectrum.frequencies[k], spectrum.amplitudes[k] / np.abs(spectrum.amplitudes[k])
    g, s = rng.normal(size=(X.shape[1], n_directions)), np.sqrt(omega)
    log_phi = 1j * (X @ g) * omega / s + 0.5 * np.sum(X**2, axis=1)[:, None] * (omega / s) ** 2
    log_psi = (W @ g) * s - 0.5 * np.sum(W**2, axis=1)[:, None] * s**2 + 1j * np.multiply.outer(b, omega)
    with np.errstate(over="ignore", invalid="ignore"):
        product = np.exp(log_phi) @ (np.exp(log_psi) * phase).T
    return spectrum.constant + spectrum.l1_norm / n_directions * product.real


def test_the_plain_spectrum_of_relu_diverges_where_the_fitted_one_converges():
    X, W, b = layer(8)
    exact = FUNCTIONS["relu"](X @ W.T + b)
    plain = spectrum_of("relu")
    rng = np.random.default_rng(0)
    for m in (1024, 16384):
        errors = [np.abs(plain_estimate(plain, X, W, b, m // 2, rng) - exact).max() for _ in range(10)]
        # Far beyond the function, or no number at all; and what is seen is nothing beside what is rare.
        assert not np.max(errors) < 100.0
    second_moment = plain.l1_norm * np.abs(plain.amplitudes) @ np.exp(2.0 * plain.frequencies)
    assert second_moment / 16384 > 1e30
    for m, bar in ((1024, 0.08), (16384, 0.03)):
        sampler = URFSampler("relu", n_components=m, mode="unbiased", random_state=0).fit(X)
        error = sampler.transform(X) @ sampler.transform_weights(W, b).T - exact
        assert np.sqrt(np.mean(error**2)) < bar
    # The same plain estimator is right where its frequencies are low.
    sine = [plain_estimate(spectrum_of("sin"), X, W, b, 8000, rng) for _ in range(20)]
    assert np.sqrt(np.mean((np.mean(sine, axis=0) - np.sin(X @ W.T + b)) ** 2)) < 0.02


def test_rows_of_psi_do_not_depend_on_the_rows_of_phi_and_the_layer_stays_linear_in_psi():
    X, W, b = layer(5)
    sampler = URFSampler("gelu", n_components=100, mode="unbiased", random_state=0).fit(X)
    psi = sampler.transform_weights(W, b)
    np.testing.assert_allclose(sampler.transform_weights(W[:2], b[:2]), psi[:2])
    mixed = sampler.transform(X) @ (2.0 * psi[0] - psi[1])
    expected = sampler.transform(X) @ psi.T
    np.testing.assert_allclose(mixed, 2.0 * expected[:, 0] - expected[:, 1])


def squashed(z):
    return z / (1.0 + np.abs(z))


@pytest.mark.filterwarnings("ignore:.*cannot estimate")
@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([*ACTIVATIONS, np.arctan, squashed]),
    st.sampled_from(MODES),
    st.integers(1, 70),
    st.integers(1, 12),
    st.integers(1, 4),
    st.sampled_from([np.float64, np.float32]),
    st.floats(1e-3, 1e3),
)
def test_any_layer_gives_exactly_n_components_finite_columns(activation, mode, m, d, units, dtype, size):
    rng = np.random.default_rng(0)
    X, W = (size * ball(rng, 6, d)).astype(dtype), ball(rng, units, d).astype(dtype)
    sampler = URFSampler(activation, n_components=m, mode=mode, random_state=0).fit(X)
    phi, psi = sampler.transform(X), sampler.transform_weights(W, np.zeros(units))
    assert phi.shape == (6, m) and psi.shape == (units, m)
    assert phi.dtype == psi.dtype == dtype
    assert np.isfinite(phi).all() and np.isfinite(psi).all() and np.isfinite(phi @ psi.T).all()
    assert sampler.get_feature_names_out().size == m
    # The first column is the constant, exactly.
    assert np.ptp(phi[:, 0]) == 0.0 and phi[0, 0] > 0.0


def test_one_column_is_the_mean_of_the_activation():
    X, W, b = layer(4)
    with pytest.warns(UserWarning, match="cannot estimate"):
        sampler = URFSampler("gaussian", n_components=1, mode="unbiased", random_state=0).fit(X)
    values = sampler.transform(X) @ sampler.transform_weights(W, b).T
    assert np.ptp(values) < 1e-12
    assert 0.3 < values[0, 0] < 1.0


def test_hopeless_ranges_warn_with_a_remedy_and_stay_finite():
    X, W, _ = layer(4)
    for activation in ("cauchy", "gaussian", "sin", "cos"):
        with pytest.warns(UserWarning, match=r"cannot estimate .* Scale X or the weights until .* mode=\"bounded\""):
            sampler = URFSampler(activation, mode="unbiased", random_state=0).fit(100.0 * X)
        estimate = sampler.transform(100.0 * X) @ sampler.transform_weights(W).T
        assert np.isfinite(estimate).all()
    # A ReLU looks the same at any size, and the spectrum follows it.
    URFSampler("relu", mode="unbiased", random_state=0).fit(100.0 * X)


def test_what_lies_outside_the_range_warns_with_the_value_to_set_and_stays_finite():
    X, W, b = layer(4)
    sampler = URFSampler("tanh", mode="unbiased", n_components=500, random_state=0).fit(X)
    with pytest.warns(UserWarning, match="the largest in fit was 1: .* or with weight_norm=3"):
        phi = sampler.transform(3.0 * X)
    with pytest.warns(UserWarning, match="W has norms up to 2 .* weight_norm=2 or more"):
        sampler.transform_weights(2.0 * W, b)
    with pytest.warns(UserWarning, match="b values up to 0.9.* weight_norm=1.8 or more"):
        psi = sampler.transform_weights(W, np.full(12, 0.9))
    assert np.isfinite(phi @ psi.T).all()
    # What the warning asks for makes it go away.
    wide = URFSampler("tanh", mode="unbiased", weight_norm=3.0, n_components=500, random_state=0).fit(X)
    wide.transform_weights(3.0 * W, np.full(12, 1.5))
    with pytest.warns(UserWarning, match="the largest in fit was 1"):
        phi = sampler.transform(1e6 * X)
    assert np.isfinite(phi).all()


def test_modes_that_would_not_be_unbiased_are_refused():
    X = np.eye(4)
    for settings_ in ({"directions": "sparse"}, {"frequencies": "coordinatewise"}):
        with pytest.raises(ValueError, match="is not unbiased; use frequencies"):
            URFSampler(mode="unbiased", **settings_).fit(X)


def test_weights_have_features_in_the_modes_that_estimate_layers_only():
    X = np.eye(4)
    assert not hasattr(URFSampler(), "transform_weights")
    assert hasattr(URFSampler(mode="unbiased"), "transform_weights")
    fitted = URFSampler("sin", mode="unbiased", random_state=0).fit(X)
    # A parameter changed after fit says nothing about what was fitted.
    assert hasattr(fitted.set_params(mode="bounded"), "transform_weights")
    fitted.transform_weights(X)
    bounded = URFSampler(random_state=0).fit(X).set_params(mode="unbiased")
    assert not hasattr(bounded, "transform_weights")
    with pytest.raises(AttributeError) as raised:
        URFSampler().fit(X).transform_weights(X)
    assert 'needs mode="unbiased"' in str(raised.value.__cause__)


@pytest.mark.parametrize("mode", MODES)
def test_a_sampler_is_clonable_picklable_and_takes_sparse_rows_and_tables(mode):
    X, W, b = layer(6)
    X[np.abs(X) < 0.2] = 0.0
    sampler = URFSampler(squashed, n_components=80, mode=mode, random_state=3).fit(X)
    expected = sampler.transform(X) @ sampler.transform_weights(W, b).T
    copies = (pickle.loads(pickle.dumps(sampler)), clone(sampler).fit(X), clone(sampler).fit(sparse.csr_array(X)))
    for copy in copies:
        np.testing.assert_allclose(copy.transform(X) @ copy.transform_weights(W, b).T, expected, rtol=1e-9)
    np.testing.assert_allclose(sampler.transform(sparse.csr_matrix(X)), sampler.transform(X), atol=1e-12)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    written = clone(sampler).set_output(transform="pandas").fit_transform(frame)
    np.testing.assert_allclose(written.to_numpy(), sampler.transform(X), rtol=1e-12)


@pytest.mark.parametrize("mode", ["unbiased", "positive"])
@pytest.mark.parametrize("activation", ["tanh", "gaussian"])
@pytest.mark.parametrize(("size", "dtype"), [(1e155, np.float64), (1e300, np.float64), (1e30, np.float32)])
def test_rows_and_weights_whose_squares_overflow_are_named_with_their_size(mode, activation, size, dtype):
    sampler = URFSampler(activation, mode=mode, n_components=40, random_state=0)
    huge = np.full((3, 2), size, dtype=dtype)
    with pytest.raises(ValueError, match=r"^X has a row of norm 1\.41e\+\d+, whose square overflows float"):
        sampler.fit(huge)
    fitted = clone(sampler).set_params(n_components=400, weight_norm=0.5).fit(np.eye(2, dtype=dtype))
    with pytest.raises(ValueError, match=r"^W has a row of norm 1\.41e\+\d+, whose square overflows float"):
        fitted.transform_weights(huge)
    with pytest.raises(ValueError, match=r"^weight_norm is 1e\+200, whose square overflows float64"):
        sampler.set_params(weight_norm=1e200).fit(np.eye(2, dtype=dtype))


# Single columns, and rows beyond those of fit, are what some checks are about.
@pytest.mark.filterwarnings("ignore:.*cannot estimate", "ignore:X has a row of norm")
@parametrize_with_checks(
    [
        URFSampler("gelu", mode="unbiased", weight_norm=0.01, n_components=20),
        URFSampler("gaussian", mode="unbiased", directions="gaussian", n_components=20),
        URFSampler(np.tanh, mode="positive", weight_norm=0.01, n_components=21, directions="qmc"),
    ]
)
def test_every_check_of_scikit_learn_passes(estimator, check):
    check(estimator)


def test_a_teacher_is_learned_from_unbiased_features_inside_a_pipeline():
    # The class of all theta contains every layer: least squares finds one from its outputs.
    X, W, b = layer(5, n=400)
    y = np.tanh(X @ W.T + b).sum(axis=1)
    pipeline = make_pipeline(URFSampler("tanh", n_components=200, mode="unbiased", random_state=0), Ridge(alpha=1e-6))
    assert pipeline.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.999
