import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from sknnk._losses import Huber, Pinball


def test_a_huber_loss_is_squares_near_and_a_line_far_away():
    Y, F = np.array([[0.1], [50.0], [60.0]]), np.zeros((3, 1))
    near, far, farther = Huber(2.0).values(Y, F)
    np.testing.assert_allclose([near, farther - far], [0.5 * 0.01, 2.0 * 10.0])


def test_a_target_out_of_reach_pulls_no_more():
    loss, Y, F = Huber(2.0, 40.0), np.array([[30.0], [50.0], [6000.0]]), np.zeros((3, 1))
    np.testing.assert_array_equal(loss.gradient(Y, F)[:, 0], [-2.0, 0.0, 0.0])
    near, far, wild = loss.values(Y, F)
    assert near < far == wild


@pytest.mark.parametrize("loss", [Huber(2.0), Pinball(0.9, 0.3)])
def test_least_weights_are_a_share_of_those_of_squares_above_the_loss(loss):
    F = np.linspace(-9.0, 9.0, 7)[:, None]
    Y = np.full((7, 1), 0.5)
    weight = np.asarray(loss.least_weight(Y, F))[:, None] * 10.0
    for move in (-3.0, -0.1, 0.1, 3.0):
        square = loss.values(Y, F)[:, None] + loss.gradient(Y, F) * move + 0.5 * weight * move**2
        assert np.all(loss.values(Y, F + move)[:, None] <= square + 1e-9)


def test_a_narrow_kink_gives_the_pinball_loss_and_new_rows_are_judged_by_it():
    rng = np.random.default_rng(0)
    Y, F = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))
    expected = mean_pinball_loss(Y, F, alpha=0.1)
    np.testing.assert_allclose(Pinball(0.1, 1e-6).values(Y, F).mean(), expected, rtol=1e-4)
    np.testing.assert_allclose(Pinball(0.1, 0.5).judged(Y, F).mean(), expected, rtol=1e-12)


def test_the_rounded_loss_is_the_mean_over_blurred_targets():
    noise = np.random.default_rng(0).logistic(size=(1, 400_000))
    sharp = Pinball(0.3, 0.2).judged(0.4 + 0.2 * noise.T, np.zeros((noise.size, 1)))
    np.testing.assert_allclose(Pinball(0.3, 0.2).values(np.array([[0.4]]), np.zeros((1, 1))), sharp.mean(), rtol=5e-3)
