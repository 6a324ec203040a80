import numpy as np
import pytest

from sknnk._features.directions import orthogonal_directions
from sknnk._features.unbiased.covariance import _MAX_ORDERS, _weight, orthogonal_covariance
from sknnk._features.unbiased.variance import Split, balanced_split


def term_values(split, k, amplitude, u, v, directions):
    """The estimator of one term, for one direction a row of `directions`, written out."""
    kappa, s, q = (each[k] for each in split)
    a, d = (1.0 - q) / 8.0, directions.shape[1]
    exponent = np.sqrt(1.0 - 4.0 * a) * (directions @ (s * v) + 1j * directions @ (kappa * u))
    factor = 2.0 * a * np.sum(directions**2, axis=1) + 0.5 * kappa**2 * u @ u - 0.5 * s**2 * v @ v
    return (amplitude * np.cosh(exponent)).real * (1.0 - 4.0 * a) ** (d / 2.0) * np.exp(factor)


def first_two_of_each_block(d, n, rng):
    """Shape (n, d, 2)."""
    return orthogonal_directions(d, n * d, rng).reshape(d, n, d)[..., :2].transpose(1, 0, 2)


@pytest.mark.parametrize("d", [2, 3, 8])
def test_the_covariance_of_orthogonal_terms_is_the_measured_one(d):
    rng = np.random.default_rng(d)
    omega, c = np.array([0.8, 1.7]), np.exp(1j * np.array([0.3, 1.1]))
    u, v = rng.normal(size=(2, d))
    u, v = u / np.linalg.norm(u), 1.2 * v / np.linalg.norm(v)
    split = balanced_split(omega, 1.0, 1.2, d)
    pairs = first_two_of_each_block(d, 40_000, rng)
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weights = np.zeros((2, 2))
        weights[i, j] += 0.5
        weights[j, i] += 0.5
        first, second = (term_values(split, k, c[k], u, v, pairs[..., n]) for n, k in ((0, i), (1, j)))
        means = (c * np.exp(1j * omega * (u @ v))).real
        products = (first - means[i]) * (second - means[j])
        error = products.std() / np.sqrt(len(products))
        covariance = orthogonal_covariance(split, c[:, None], u @ u, v @ v, u @ v, d, weights)[0]
        assert abs(products.mean() - covariance) < 4.0 * error
        # Power, where the covariance is not all but zero.
        assert error < 0.25 * abs(covariance) or abs(covariance) < 0.01


@pytest.mark.parametrize("d", [2, 3, 8])
def test_eigenvalues_are_those_of_great_circles(d):
    rng = np.random.default_rng(d)
    blocks = first_two_of_each_block(d, 40_000, rng)
    blocks /= np.linalg.norm(blocks, axis=1, keepdims=True)
    for k, expected in ((1, -1.0 / (d - 1)), (2, 3.0 / ((d - 1) * (d + 1)))):
        # A harmonic polynomial of degree 2k.
        values = ((blocks[:, 0] + 1j * blocks[:, 1]) ** (2 * k)).real
        assert np.corrcoef(values.T)[0, 1] == pytest.approx(expected, abs=4.0 / np.sqrt(40_000))


def test_a_sum_over_great_circles_is_a_number_of_known_size():
    # In three dimensions the equator gives degree two half of the opposite sign, and five harmonics; by hand.
    mean = 1.5 / (2.5 * 1.5) / 2.0
    assert _weight(1, 3) == pytest.approx(-0.5 * 5.0 * mean**2, rel=1e-12)


def test_amplitudes_multiply_and_weights_add():
    rng = np.random.default_rng(0)
    split, c = balanced_split(np.array([0.5, 1.0, 2.0]), 1.0, 1.0, 6), np.ones((3, 2, 4)) * np.exp(1j * rng.random(4))
    place = (rng.random((2, 1)), rng.random((1, 4)), 0.1 * rng.random((2, 4)), 6)
    weights = rng.random((3, 3))
    weights += weights.T
    whole = orthogonal_covariance(split, c, *place, weights)
    assert whole.shape == (2, 4)
    np.testing.assert_allclose(orthogonal_covariance(split, 3.0 * c, *place, weights), 9.0 * whole)
    parts = 0.0
    for i in range(3):
        for j in range(3):
            one = np.zeros((3, 3))
            one[i, j] += 0.5 * weights[i, j]
            one[j, i] += 0.5 * weights[i, j]
            parts = parts + orthogonal_covariance(split, c, *place, one)
    np.testing.assert_allclose(parts, whole, rtol=1e-10)


def test_orders_stop_long_before_they_are_cut_off():
    split = Split(np.ones(1), np.ones(1), np.ones(1))
    assert abs(_weight(_MAX_ORDERS, 3)) < 1e-100
    # Large arguments, two ways: the identity of a real vector with itself on both sides holds at any size.
    for size in (0.01, 1.0, 20.0):
        covariance = orthogonal_covariance(split, [[1.0]], 0.0, size, 0.0, 2, np.ones((1, 1)))[0]
        # In the plane the second direction is the first one turned by a right angle, with a norm of its own.
        angle, log = 2.0 * np.pi * (np.arange(400) + 0.5) / 400, -0.5 * size
        mean = [mean_over_norms(np.sqrt(size) * wave) for wave in (np.cos(angle), np.sin(angle))]
        expected = np.mean(mean[0] * mean[1]) * np.exp(2.0 * log) - 1.0
        assert covariance == pytest.approx(expected, rel=1e-4, abs=1e-9)


def mean_over_norms(t):
    """``E cosh(r t)`` for the norm of a normal vector in the plane, by Simpson's rule."""
    r = np.linspace(0.0, 20.0, 4001)
    density = r * np.exp(-0.5 * r * r)
    weight = np.r_[1.0, np.tile([4.0, 2.0], 2000)[:-1], 1.0] * (r[1] - r[0]) / 3.0
    return np.cosh(np.multiply.outer(t, r)) @ (density * weight)


def test_what_overflows_is_no_number():
    split = Split(np.ones(1), np.ones(1), np.ones(1))
    assert not np.isfinite(orthogonal_covariance(split, [[1.0]], 0.0, 1e5, 0.0, 3, np.ones((1, 1)))[0])
