import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sknnk._features.unbiased.features import unbiased_map, unbiased_phi, unbiased_psi
from sknnk._features.unbiased.variance import balanced_split

SCHEMES = ("trigonometric", "positive")
OMEGA, AMPLITUDES, COUNTS = np.array([0.5, 1.0]), np.array([0.3 - 0.2j, -0.4j]), np.array([3, 5])


def series(z, constant=0.0, slope=0.0):
    return constant + slope * z + (AMPLITUDES * np.exp(1j * np.multiply.outer(z, OMEGA))).real.sum(axis=-1)


def drawn(scheme, d, rng, counts=COUNTS, constant=0.0, slope=0.0, spare=0, norms=(1.0, 1.0)):
    sides = norms if scheme == "trigonometric" else norms[::-1]
    directions = rng.normal(size=(d, counts.sum()))
    n_components = 1 + (d if slope else 0) + 2 * int(counts.sum()) + spare
    return unbiased_map(
        scheme,
        directions,
        balanced_split(OMEGA, *sides, d),
        OMEGA,
        AMPLITUDES,
        counts,
        n_components=n_components,
        constant=constant,
        slope=slope,
        input_norm=norms[0],
    )


def layer(rng, d, n=6, units=4, norms=(1.0, 1.0)):
    X, W = rng.normal(size=(n, d)), rng.normal(size=(units, d))
    X *= norms[0] / np.linalg.norm(X, axis=1).max()
    return X, W * (norms[1] / np.linalg.norm(W, axis=1).max()), rng.uniform(-0.5, 0.5, units)


def phi_of(drawn_map, X):
    return unbiased_phi(*drawn_map, X, np.full((X.shape[0], drawn_map[0].n_components), np.nan, dtype=X.dtype))


@pytest.mark.parametrize(("norms", "slope"), [((1.0, 1.0), 0.0), ((0.5, 2.5), 0.7)])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_mean_over_draws_is_the_series(scheme, norms, slope):
    rng = np.random.default_rng(0)
    X, W, b = layer(rng, 3, norms=norms)
    estimates = []
    for _ in range(4000):
        m = drawn(scheme, 3, rng, constant=0.2, slope=slope, norms=norms)
        estimates.append(phi_of(m, X) @ unbiased_psi(*m, W, b).T)
    error = np.std(estimates, axis=0, ddof=1) / np.sqrt(len(estimates))
    difference = np.mean(estimates, axis=0) - series(X @ W.T + b, 0.2, slope)
    # 96 comparisons: four standard errors are exceeded once in a hundred and sixty runs.
    assert np.all(np.abs(difference) < 4.0 * error)
    assert error.max() < 0.02


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_pair_is_the_mean_over_a_direction_and_its_opposite(scheme):
    rng = np.random.default_rng(1)
    X, W, b = layer(rng, 4)
    m, weights = drawn(scheme, 4, rng)
    np.testing.assert_allclose(
        phi_of((m, weights), X) @ unbiased_psi(m, weights, W, b).T,
        phi_of((m, -weights), X) @ unbiased_psi(m, -weights, W, b).T,
        rtol=1e-12,
    )


def test_both_schemes_exchange_the_roles_of_rows_and_weights():
    rng = np.random.default_rng(2)
    X, W, _ = layer(rng, 4)
    directions = rng.normal(size=(4, COUNTS.sum()))
    split = balanced_split(OMEGA, 1.0, 1.0, 4)
    maps = [unbiased_map(scheme, directions, split, OMEGA, AMPLITUDES, COUNTS, n_components=17) for scheme in SCHEMES]
    one = phi_of(maps[0], X) @ unbiased_psi(*maps[0], W, np.zeros(4)).T
    other = phi_of(maps[1], W) @ unbiased_psi(*maps[1], X, np.zeros(6)).T
    np.testing.assert_allclose(one, other.T, rtol=1e-10)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_constant_and_linear_columns_are_exact_and_a_spare_column_is_zero(scheme):
    rng = np.random.default_rng(3)
    X, W, b = layer(rng, 3)
    m = drawn(scheme, 3, rng, constant=0.2, slope=0.7, spare=1)
    phi, psi = phi_of(m, X), unbiased_psi(*m, W, b)
    assert phi.shape[1] == psi.shape[1] == 1 + 3 + 16 + 1
    np.testing.assert_array_equal(phi[:, 0], 1.0)
    np.testing.assert_array_equal(phi[:, 1:4], X)
    np.testing.assert_allclose(phi[:, :4] @ psi[:, :4].T, 0.2 + 0.7 * (X @ W.T + b), rtol=1e-13)
    assert not phi[:, -1].any() and not psi[:, -1].any()


def test_positive_features_are_positive_and_trigonometric_ones_bounded_in_range():
    rng = np.random.default_rng(4)
    X, _, _ = layer(rng, 5, n=200)
    positive = phi_of(drawn("positive", 5, rng), X)
    assert positive.min() > 0.0
    assert np.abs(phi_of(drawn("trigonometric", 5, rng), X)).max() <= 1.0 + 1e-12
    # Damped features are bounded whatever the direction: the largest of many is that of a formula, not of luck.
    many = drawn("positive", 5, rng, counts=np.array([4000, 4000]))
    q, s = many[0].split.damping, many[0].split.growth
    limit = np.exp(2.5 * np.log(0.5 * (1 + q)) + s**2 / (q - 1.0)).max()
    assert phi_of(many, X).max() <= limit


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [1e-30, 1.0, 30.0, 1e4, 1e15])
def test_nothing_overflows_however_large_rows_and_weights_are(scheme, size, dtype):
    rng = np.random.default_rng(5)
    X, W, b = (each.astype(dtype) for each in layer(rng, 4, norms=(size, size)))
    m, weights = drawn(scheme, 4, rng, norms=(1.0, 1.0))
    phi, psi = phi_of((m, weights.astype(dtype)), X), unbiased_psi(m, weights, W, b)
    assert phi.dtype == psi.dtype == dtype
    assert np.isfinite(phi).all() and np.isfinite(psi).all()
    assert np.isfinite(phi @ psi.T).all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sparse_rows_and_a_scale_give_the_same_features(scheme):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(20, 6)) * (rng.random((20, 6)) < 0.4)
    m = drawn(scheme, 6, rng, slope=0.5, norms=(3.0, 1.0))
    expected = phi_of(m, X)
    for container in (sparse.csr_array, sparse.csr_matrix):
        np.testing.assert_allclose(phi_of(m, container(X)), expected, atol=1e-13)
    scaled = unbiased_phi(*m, X, np.empty_like(expected), 0.25)
    np.testing.assert_allclose(scaled, 0.25 * expected, atol=1e-15)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SCHEMES),
    st.integers(1, 9),
    st.lists(st.integers(1, 12), min_size=2, max_size=2),
    st.sampled_from([0.0, 0.4]),
    st.integers(0, 3),
    st.integers(0, 5),
    st.integers(1, 4),
)
def test_any_shape_fits_together(scheme, d, counts, slope, spare, n, units):
    rng = np.random.default_rng(d)
    m = drawn(scheme, d, rng, counts=np.array(counts), slope=slope, spare=spare)
    X, W, b = rng.normal(size=(n, d)), rng.normal(size=(units, d)), rng.normal(size=units)
    estimate = phi_of(m, X) @ unbiased_psi(*m, W, b).T
    assert estimate.shape == (n, units)
    assert np.isfinite(estimate).all()
    assert np.bincount(m[0].terms).tolist() == counts


def test_each_term_is_spread_evenly_over_the_directions():
    terms = drawn("trigonometric", 2, np.random.default_rng(0), counts=np.array([100, 300]))[0].terms
    shares = [np.mean(terms[i : i + 40] == 0) for i in range(0, 400, 40)]
    np.testing.assert_allclose(shares, 0.25, atol=0.03)
