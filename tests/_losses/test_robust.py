import numpy as np
from sklearn.metrics import mean_pinball_loss

from sknnk._losses import Huber, Pinball


def test_a_huber_loss_is_squares_near_and_a_line_far_away():
    Y, F = np.array([[0.1], [50.0], [60.0]]), np.zeros((3, 1))
    near, far, farther = Huber(2.0).values(Y, F)
    np.testing.assert_allclose([near, farther - far], [0.5 * 0.01, 2.0 * 10.0])


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
