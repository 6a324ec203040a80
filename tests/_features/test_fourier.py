import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sknnk._features.fourier import arc_cosine_features, feature_scale, fourier_features

DEGREES = (0, 1, 2)
DTYPES = [np.float64, np.float32]
SIZES = 2 ** np.arange(6, 13, 2)
shapes = {"n_samples": st.integers(0, 6), "n_features": st.integers(1, 5), "n_components": st.integers(1, 9)}
quick = settings(deadline=None, max_examples=50)


def cho_saul(x, y, degree):
    """The arc-cosine kernel of Cho and Saul (2009), equations 3 to 6."""
    lengths = np.linalg.norm(x) * np.linalg.norm(y)
    angle = np.arccos(np.clip(x @ y / lengths, -1.0, 1.0))
    sine, cosine, rest = np.sin(angle), np.cos(angle), np.pi - angle
    angular = (rest, sine + rest * cosine, 3 * sine * cosine + rest * (1 + 2 * cosine**2))[degree]
    return lengths**degree * angular / np.pi


def trig(X, weights, n_components):
    return fourier_features(X, weights, np.empty((X.shape[0], n_components), dtype=X.dtype))


def arc(X, weights, degree, offset=0.0):
    offset = np.broadcast_to(np.asarray(offset, dtype=X.dtype), weights.shape[1])
    return arc_cosine_features(X, weights, offset, degree, np.empty((X.shape[0], weights.shape[1]), dtype=X.dtype))


def error_slope(products, exact):
    """Slope of log root-mean-square error against log m, when means of m products estimate `exact`."""
    errors = [np.sqrt(np.mean((products.reshape(-1, m).mean(axis=1) - exact) ** 2)) for m in SIZES]
    return np.polyfit(np.log(SIZES), np.log(errors), 1)[0]


# 2^21 products make 512 independent estimates at the largest size, whose root-mean-square error is then known to 3 %
# and the slope to 0.007: a seventh of the tolerance.
@pytest.mark.parametrize("degree", DEGREES)
def test_arc_cosine_features_converge_to_the_kernel_of_cho_and_saul_at_the_root_of_m(degree):
    rng = np.random.default_rng(degree)
    X = np.array([[0.6, -0.2, 1.1], [1.0, 0.9, 0.3]])
    features = arc(X, rng.standard_normal((3, 2**21)), degree)
    products = 2.0 * features[0] * features[1]
    exact = cho_saul(*X, degree)
    assert abs(products.mean() - exact) < 5 * products.std() / np.sqrt(products.size)
    assert error_slope(products, exact) == pytest.approx(-0.5, rel=0.1)


def test_fourier_features_converge_to_the_gaussian_kernel_at_the_root_of_m():
    X = np.array([[0.6, -0.2, 1.1], [1.0, 0.3, 0.3]])
    features = trig(X, np.random.default_rng(3).standard_normal((3, 2**21)), 2**22)
    products = (features[0] * features[1]).reshape(-1, 2).sum(axis=1)
    exact = np.exp(-0.5 * np.sum((X[0] - X[1]) ** 2))
    assert abs(products.mean() - exact) < 5 * products.std() / np.sqrt(products.size)
    assert error_slope(products, exact) == pytest.approx(-0.5, rel=0.1)


@pytest.mark.parametrize("degree", DEGREES)
def test_a_slope_test_would_notice_a_biased_map(degree):
    X = np.array([[0.6, -0.2, 1.1], [1.0, 0.9, 0.3]])
    features = arc(X, np.random.default_rng(degree).standard_normal((3, 2**21)), degree, offset=0.1)
    slope = error_slope(2.0 * features[0] * features[1], cho_saul(*X, degree))
    assert slope != pytest.approx(-0.5, rel=0.1)


@pytest.mark.parametrize("degree", DEGREES)
def test_an_offset_is_one_more_input_equal_to_the_bias(degree):
    rng = np.random.default_rng(4)
    X, weights, bias = rng.normal(size=(5, 3)), rng.normal(size=(4, 8)), 0.7
    extended = np.hstack([X, np.full((5, 1), bias)])
    offset = bias * weights[-1]
    assert np.allclose(arc(X, weights[:-1], degree, offset), arc(extended, weights, degree), rtol=1e-13, atol=1e-14)


@given(dtype=st.sampled_from(DTYPES), **shapes)
@quick
def test_fourier_columns_are_the_cosines_and_sines_of_the_projections(n_samples, n_features, n_components, dtype):
    rng = np.random.default_rng(n_components)
    X = rng.normal(size=(n_samples, n_features)).astype(dtype)
    weights = rng.normal(size=(n_features, -(-n_components // 2))).astype(dtype)
    features = trig(X, weights, n_components)
    phases = X.astype(float) @ weights.astype(float)
    expected = np.empty((n_samples, n_components + n_components % 2))
    expected[:, 0::2], expected[:, 1::2] = np.cos(phases), np.sin(phases)
    assert features.dtype == dtype
    assert np.allclose(features, expected[:, :n_components], rtol=0, atol=40 * np.finfo(dtype).eps)


@given(**shapes)
@quick
def test_leading_columns_are_the_narrower_map_and_odd_counts_drop_a_sine(n_samples, n_features, n_components):
    rng = np.random.default_rng(n_features)
    X, weights = rng.normal(size=(n_samples, n_features)), rng.normal(size=(n_features, 6))
    wide, narrow = trig(X, weights, 12), trig(X, weights[:, : -(-n_components // 2)], n_components)
    assert np.allclose(wide[:, :n_components], narrow, rtol=0, atol=1e-14)
    for degree in DEGREES:
        k = min(n_components, 6)
        assert np.allclose(arc(X, weights, degree)[:, :k], arc(X, weights[:, :k], degree), rtol=1e-13, atol=1e-14)


@given(n_samples=st.integers(1, 5), n_pairs=st.integers(1, 20), scale=st.floats(1e-150, 1e3))
@quick
def test_rows_of_whole_pairs_have_norm_one(n_samples, n_pairs, scale):
    rng = np.random.default_rng(n_pairs)
    features = trig(scale * rng.normal(size=(n_samples, 2)), rng.normal(size=(2, n_pairs)), 2 * n_pairs)
    norms = np.linalg.norm(feature_scale(2 * n_pairs) * features, axis=1)
    assert np.allclose(norms, 1.0, rtol=1e-14, atol=0)


@given(degree=st.sampled_from(DEGREES), exponent=st.integers(-500, 500))
@quick
def test_arc_cosine_features_are_homogeneous_at_any_scale(degree, exponent):
    rng = np.random.default_rng(5)
    X, weights = rng.normal(size=(4, 3)), rng.normal(size=(3, 7))
    # Powers of two commute with rounding, so this holds to the last digit.
    assert np.array_equal(arc(2.0**exponent * X, weights, degree), 2.0 ** (degree * exponent) * arc(X, weights, degree))


@given(degree=st.sampled_from(DEGREES), dtype=st.sampled_from(DTYPES), density=st.floats(0.0, 1.0))
@quick
def test_csr_rows_give_what_dense_rows_give(degree, dtype, density):
    rng = np.random.default_rng(6)
    X = (rng.normal(size=(6, 4)) * (rng.random((6, 4)) < density)).astype(dtype)
    weights = rng.normal(size=(4, 5)).astype(dtype)
    tolerance = {"rtol": 0, "atol": 50 * np.finfo(dtype).eps}
    for rows in (sparse.csr_array(X), sparse.csr_matrix(X)):
        assert np.allclose(trig(rows, weights, 9), trig(X, weights, 9), **tolerance)
        features = arc(rows, weights, degree, offset=0.3)
        assert type(features) is np.ndarray and features.dtype == dtype
        assert np.allclose(features, arc(X, weights, degree, offset=0.3), **tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 0.25, 1e-30, 3e7])
def test_a_scale_multiplies_every_entry(dtype, scale):
    rng = np.random.default_rng(8)
    X, weights, offset = (rng.normal(size=s).astype(dtype) for s in ((6, 3), (3, 5), 5))
    tolerance = {"rtol": 0, "atol": 20 * np.finfo(dtype).eps * scale}
    for n in (9, 10):
        out = fourier_features(X, weights, np.empty((6, n), dtype=dtype), scale)
        assert out.dtype == dtype and np.allclose(out, scale * trig(X, weights, n).astype(float), **tolerance)
    for degree in DEGREES:
        out = arc_cosine_features(X, weights, offset, degree, np.empty((6, 5), dtype=dtype), scale)
        expected = scale * arc(X, weights, degree, offset).astype(float)
        assert out.dtype == dtype and np.allclose(out, expected, rtol=10 * np.finfo(dtype).eps, atol=0)


def test_the_step_is_one_half_at_zero():
    assert np.array_equal(arc(np.array([[1.0], [0.0], [-1.0]]), np.ones((1, 1)), 0), [[1.0], [0.5], [0.0]])


@pytest.mark.parametrize("n_columns", [7, 8])
def test_maps_write_into_a_strided_block_and_return_it(n_columns):
    rng = np.random.default_rng(7)
    X, weights = rng.normal(size=(4, 3)), rng.normal(size=(3, 8))
    whole = np.full((4, 20), 9.0)
    out = whole[:, 5 : 5 + n_columns]
    assert fourier_features(X, weights[:, :4], out) is out
    assert np.array_equal(out, trig(X, weights[:, :4], n_columns))
    for degree in DEGREES:
        assert arc_cosine_features(X, weights[:, :n_columns], np.zeros(n_columns), degree, out) is out
        assert np.array_equal(out, arc(X, weights[:, :n_columns], degree))
    assert np.all(whole[:, :5] == 9.0) and np.all(whole[:, 5 + n_columns :] == 9.0)


@pytest.mark.parametrize("n_components", [1, 2, 7, 1000])
def test_scale_is_the_root_of_two_over_the_count(n_components):
    assert feature_scale(n_components) ** 2 * n_components == pytest.approx(2.0, rel=1e-15)


def test_no_columns_have_a_finite_scale():
    assert np.isfinite(feature_scale(0))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_components", [1, 2, 7, 8])
@pytest.mark.parametrize("n_samples", [0, 1, 300])
def test_columns_that_do_not_alternate_are_the_same_in_another_order(n_samples, n_components, dtype):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n_samples, 3)).astype(dtype)
    weights = rng.normal(size=(3, -(-n_components // 2))).astype(dtype)
    alternating, apart = (
        fourier_features(X, weights, np.empty((n_samples, n_components), dtype=dtype), 0.5, each)
        for each in (True, False)
    )
    n_sines = n_components // 2
    np.testing.assert_array_equal(apart[:, :n_sines], alternating[:, 0 : 2 * n_sines : 2])
    np.testing.assert_array_equal(apart[:, n_sines : 2 * n_sines], alternating[:, 1 : 2 * n_sines : 2])
    np.testing.assert_array_equal(apart[:, 2 * n_sines :], alternating[:, 2 * n_sines :])
