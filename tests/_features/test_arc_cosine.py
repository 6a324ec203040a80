import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknnk import ArcCosineSampler


def arc_cosine_kernel(degree, x, w):
    """Cho & Saul 2009, equations 3, 5 to 8, for one pair of vectors."""
    norms = np.linalg.norm(x) * np.linalg.norm(w)
    cosine = np.clip(x @ w / norms, -1.0, 1.0)
    angle, sine = np.arccos(cosine), np.sqrt(1.0 - cosine**2)
    opening = np.pi - angle
    angular = (opening, sine + opening * cosine, 3.0 * sine * cosine + opening * (1.0 + 2.0 * cosine**2))[degree]
    return norms**degree * angular / np.pi


@pytest.mark.parametrize("bias", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("directions", ["gaussian", "orthogonal"])
def test_rows_times_weights_estimate_the_arc_cosine_kernel_of_a_layer(degree, bias, directions):
    rng = np.random.default_rng(0)
    scales = np.array([0.5, 1.0, 4.0])
    X, W = rng.normal(size=(4, 3)) * scales, rng.normal(size=(5, 3)) / scales
    b = rng.normal(size=5) if bias else None
    estimates = []
    for seed in range(100):
        sampler = ArcCosineSampler(
            degree, n_components=200, length_scale=scales, bias=bias, directions=directions, random_state=seed
        ).fit(X)
        estimates.append(sampler.transform(X) @ sampler.transform_weights(W, b).T)
    rows = np.column_stack([X / scales, np.full(4, bias)])
    units = np.column_stack([W * scales, b / bias if bias else np.zeros(5)])
    # The two vectors meet in the argument of the layer.
    np.testing.assert_allclose(rows @ units.T, X @ W.T + (0.0 if b is None else b), atol=1e-12)
    exact = np.array([[arc_cosine_kernel(degree, x, w) for w in units] for x in rows])
    error = np.std(estimates, axis=0, ddof=1) / 10.0
    assert np.all(np.abs(np.mean(estimates, axis=0) - exact) < 4.5 * error)
    assert error.max() < 0.05 * np.abs(exact).max()


def test_weights_have_the_features_of_rows_when_there_is_nothing_to_scale():
    X = np.random.default_rng(1).normal(size=(6, 4))
    sampler = ArcCosineSampler(n_components=30, length_scale=1.0, random_state=0).fit(X)
    np.testing.assert_allclose(sampler.transform_weights(X, np.ones(6)), sampler.transform(X), rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2),
    st.integers(1, 40),
    st.integers(1, 6),
    st.integers(1, 5),
    st.sampled_from([np.float32, np.float64]),
)
def test_shapes_and_precision_follow_the_weights(degree, m, d, units, dtype):
    rng = np.random.default_rng(0)
    sampler = ArcCosineSampler(degree, n_components=m, random_state=0).fit(rng.normal(size=(7, d)))
    W = rng.normal(size=(units, d)).astype(dtype)
    psi = sampler.transform_weights(W, np.ones(units))
    assert (psi.shape, psi.dtype) == ((units, m), dtype)
    copy = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(copy.transform_weights(W, np.ones(units)), psi)


def test_biases_need_a_bias_and_weights_the_right_width():
    sampler = ArcCosineSampler(bias=0.0, random_state=0).fit(np.eye(3))
    sampler.transform_weights(np.eye(3), np.zeros(3))
    with pytest.raises(ValueError, match="fit with bias=1"):
        sampler.transform_weights(np.eye(3), np.ones(3))
    with pytest.raises(ValueError, match="W has 2 columns"):
        sampler.transform_weights(np.ones((1, 2)))
