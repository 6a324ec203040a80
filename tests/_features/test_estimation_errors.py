import warnings
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknnk import URFSampler, estimation_error_bound, estimation_variance
from sknnk._features import estimation_errors, samplers
from sknnk._features.estimation_errors import _orthogonal_pairs
from sknnk._kernels.spectra import ACTIVATIONS

MODES = ("unbiased", "positive")


def ball(rng, n, d):
    """Uniform points of the unit ball, the first on its surface so that the range of the fit is exactly one."""
    X = rng.normal(size=(n, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    X[1:] *= rng.random((n - 1, 1)) ** (1.0 / d)
    return X


def layer(d, n=8, units=5, seed=0):
    rng = np.random.default_rng([seed, d])
    return ball(rng, n, d), ball(rng, units, d), rng.uniform(-0.5, 0.5, units)


def estimates(sampler, X, W, b, n_seeds):
    fitted = (sampler.set_params(random_state=seed).fit(X) for seed in range(n_seeds))
    return np.array([each.transform(X) @ each.transform_weights(W, b).T for each in fitted])


@pytest.mark.parametrize(("activation", "d"), list(zip(ACTIVATIONS, cycle([8, 32]), strict=False)))
def test_the_variance_bound_holds_for_every_activation(activation, d):
    X, W, b = layer(d, n=30, units=30)
    for mode in MODES:
        sampler = URFSampler(activation, n_components=1024, mode=mode, directions="gaussian", random_state=0).fit(X)
        predicted = estimation_variance(sampler, X, W, b)
        bound = sampler.spectrum_.variance_bound
        assert predicted.max() <= bound
        # Opposite signs of the constant and worst phases cost it a factor; it says what to expect all the same.
        assert predicted.max() > bound / 10.0
    measured = estimates(sampler.set_params(directions="orthogonal"), X, W, b, 60).var(axis=0, ddof=1)
    # Orthogonal directions, of less variance; 60 draws know the mean over 900 pairs within a few per cent.
    assert measured.mean() < 1.05 * predicted.mean()
    assert measured.mean() < bound


def corner_layer(d):
    """Rows and weights of norm one, parallel, opposite and in between, and biases at both ends of their range."""
    X, W, b = layer(d, n=12, units=12)
    X, W = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (X, W))
    W[:4], W[4:6], b[::2], b[1::4] = X[:4], -X[4:6], 0.5, -0.5
    return X, W, b


def measured_variance(sampler, X, W, b, n_seeds):
    """Variance over seeds and its standard error."""
    values = estimates(sampler, X, W, b, n_seeds)
    squares = (values - values.mean(axis=0)) ** 2 * (n_seeds / (n_seeds - 1.0))
    measured, error = squares.mean(axis=0), squares.std(axis=0) / np.sqrt(n_seeds)
    # Where squares happen to be small their spread is, too, and says little; what is usual counts then.
    return measured, np.maximum(error, measured * np.sqrt(np.mean((error / measured) ** 2)))


def whole_range(d):
    """Points of the balls, and points at the edge, all against all."""
    return tuple(np.concatenate(each) for each in zip(layer(d, n=10, units=10), corner_layer(d), strict=True))


@pytest.mark.parametrize("directions", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_predicted_variance_is_the_measured_one(activation, directions):
    X, W, b = whole_range(5)
    sampler = URFSampler(activation, n_components=120, mode="unbiased", directions=directions)
    measured, error = measured_variance(sampler, X, W, b, 150)
    predicted = estimation_variance(sampler, X, W, b)
    # 484 comparisons, of squares with heavy tails.
    assert np.all(np.abs(measured - predicted) < 5.0 * error)
    assert predicted.mean() / measured.mean() == pytest.approx(1.0, abs=0.2)
    # Power: half or twice as much would be seen at most of the points.
    assert np.median(measured - 0.5 * predicted - 3.0 * error) > 0.0
    assert np.median(2.0 * predicted - measured - 3.0 * error) > 0.0


@pytest.mark.parametrize("d", [1, 2, 8, 32])
@pytest.mark.parametrize(("activation", "directions"), [("sin", "gaussian"), ("cos", "orthogonal")])
def test_for_a_single_frequency_the_predicted_variance_is_that_measured_in_any_dimension(activation, d, directions):
    X, W, b = whole_range(d)
    sampler = URFSampler(activation, n_components=129, mode="positive", directions=directions)
    measured, error = measured_variance(sampler, X, W, b, 100)
    predicted = estimation_variance(sampler, X, W, b)
    assert np.all(np.abs(measured - predicted) < 6.0 * error)
    # Far within the factor of three that a bound may be off.
    assert 0.75 < predicted.mean() / measured.mean() < 1.35


def test_blocks_and_pairs_of_orthogonal_directions_are_counted():
    X, W, b = layer(5)
    sampler = URFSampler("relu", n_components=60, mode="unbiased", random_state=0).fit(X)
    pairs, n = _orthogonal_pairs(sampler), int(sampler.spectrum_.counts.sum())
    whole, rest = divmod(n, 5)
    assert pairs.sum() == whole * 20 + rest * (rest - 1)
    assert np.all(pairs == pairs.T) and np.all(pairs >= 0.0)
    # What was fitted decides, whatever was set afterwards.
    expected = estimation_variance(sampler, X, W, b)
    np.testing.assert_array_equal(estimation_variance(sampler.set_params(directions="gaussian"), X, W, b), expected)
    assert not _orthogonal_pairs(sampler.fit(X)).any()
    assert expected.mean() < 0.8 * estimation_variance(sampler, X, W, b).mean()


def test_variance_of_many_rows_is_that_of_each(monkeypatch):
    X, W, b = layer(5, n=50)
    sampler = URFSampler("gelu", n_components=100, mode="unbiased", random_state=0).fit(X)
    expected = estimation_variance(sampler, X, W, b)
    monkeypatch.setattr(estimation_errors, "_COVARIANCE_ENTRIES", 1)
    np.testing.assert_allclose(estimation_variance(sampler, X, W, b), expected, rtol=1e-9)


def squashed(z):
    return z / (1.0 + np.abs(z))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*ACTIVATIONS, np.arctan, squashed]),
    st.sampled_from(MODES),
    st.sampled_from(["gaussian", "orthogonal", "qmc", "hadamard"]),
    st.integers(1, 80),
    st.integers(1, 12),
    st.integers(1, 4),
    st.floats(0.01, 4.0),
)
def test_any_layer_has_a_variance_below_the_bound_and_an_error_bound(activation, mode, directions, m, d, units, size):
    X, W, b = layer(d, n=5, units=units)
    settings_ = {"n_components": m, "mode": mode, "directions": directions, "random_state": 0}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sampler = URFSampler(activation, weight_norm=size, **settings_).fit(X)
    # A hopeless error is said, and nothing else is.
    assert ["cannot estimate" in str(each.message) for each in caught] == [True] * len(caught)
    assert len(caught) == (sampler.spectrum_.relative_error > samplers._HOPELESS)
    variance = estimation_variance(sampler, X, size * W, size * b)
    assert variance.shape == (5, units)
    assert np.all(variance >= 0.0)
    assert directions == "orthogonal" or np.all(variance <= sampler.spectrum_.variance_bound * (1.0 + 1e-9))
    # Degree four is what orthogonal directions may cost; see the eigenvalues in doc/notes/orthogonal_directions.md.
    assert np.all(variance <= 2.5 * sampler.spectrum_.variance_bound)
    assert np.all(estimation_error_bound(sampler, X, size * W, size * b) >= sampler.spectrum_.max_error)


@pytest.mark.parametrize("scale", [1e3, 1e40, 1e75])
def test_variance_beyond_all_numbers_is_infinite_and_never_missing(scale):
    X, W, b = layer(5)
    for directions in ("gaussian", "orthogonal"):
        sampler = URFSampler("sin", n_components=60, mode="unbiased", directions=directions, random_state=0)
        with pytest.warns(UserWarning, match="cannot estimate"):
            sampler.fit(scale * X)
        variance = estimation_variance(sampler, scale * X, W, b)
        assert not np.isnan(variance).any()
        if scale == 1e3 and directions == "gaussian":
            assert np.all(variance <= sampler.spectrum_.variance_bound)
        if scale == 1e75:
            assert np.isinf(variance).any()


@pytest.mark.parametrize("d", [8, 32])
@pytest.mark.parametrize("activation", ["sin", "cos"])
def test_for_a_single_frequency_the_bound_is_within_three_times_the_measured_variance(activation, d):
    # Uniform in the unit balls, with one row of norm one for the range of the fit.
    X, W, b = layer(d, n=20, units=20)
    X[0] /= np.linalg.norm(X[0])
    sampler = URFSampler(activation, n_components=1024, mode="unbiased", directions="gaussian")
    measured = estimates(sampler, X, W, b, 200).var(axis=0, ddof=1)
    bound = sampler.spectrum_.variance_bound
    assert bound / 3.0 < measured.mean() < bound
    # 200 draws know a variance to a tenth of it, and the largest of 400 is the largest error, too.
    assert measured.max() < 1.4 * bound


@pytest.mark.parametrize("directions", ["gaussian", "orthogonal"])
@pytest.mark.parametrize("activation", ["sin", "tanh", "relu"])
def test_errors_exceed_the_bound_no_more_often_than_promised(activation, directions):
    X, W, b = layer(4)
    sampler = URFSampler(activation, n_components=100, mode="unbiased", directions=directions)
    values = estimates(sampler, X, W, b, 250)
    errors = np.abs(
        values - {"sin": np.sin, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[activation](X @ W.T + b)
    )
    for confidence in (0.8, 0.95):
        bound = estimation_error_bound(sampler, X, W, b, confidence=confidence)
        assert np.mean(errors > bound, axis=0).max() <= 1.0 - confidence
        # Power: a bound a fifth as large would not hold.
        assert np.mean(errors > 0.2 * bound) > 1.0 - confidence or activation == "relu"


def test_the_bound_falls_as_the_root_of_the_number_of_components_or_faster():
    X, W, b = layer(6)
    counts = np.array([16_000, 64_000, 256_000])
    bounds = [
        estimation_error_bound(
            URFSampler("sin", n_components=m, mode="unbiased", random_state=0).fit(X), X, W, b
        ).mean()
        for m in counts
    ]
    # The largest single term, which falls as 1 / m, has a share in it.
    assert -0.6 < np.polyfit(np.log(counts), np.log(bounds), 1)[0] <= -0.5


def test_more_confidence_is_a_larger_bound():
    X, W, b = layer(4)
    sampler = URFSampler("gelu", n_components=2000, mode="positive", random_state=0).fit(X)
    bounds = [estimation_error_bound(sampler, X, W, b, confidence=c) for c in (0.5, 0.9, 0.99, 0.999999)]
    assert np.all(np.diff(bounds, axis=0) > 0.0)
    assert np.isfinite(bounds).all()


def test_what_cannot_be_answered_is_refused():
    X = np.eye(3)
    with pytest.raises(ValueError, match='mode="bounded" and estimates no layer'):
        estimation_variance(URFSampler().fit(X), X, X)
    sampler = URFSampler(mode="unbiased", activation="sin").fit(X)
    for confidence in (0.0, 1.0, 2.0):
        with pytest.raises(ValueError, match="confidence="):
            estimation_error_bound(sampler, X, X, confidence=confidence)
    with pytest.raises(ValueError, match="X has 2 features"):
        estimation_variance(sampler, np.ones((1, 2)), X)
    with pytest.raises(ValueError, match="W has 2 columns"):
        estimation_variance(sampler, X, np.ones((1, 2)))
