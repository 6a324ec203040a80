import numpy as np
import pytest

from sknnk._losses import Gamma, Huber, Logistic, Pinball, Poisson, Softmax
from sknnk._networks.losses.recipes import Recipe, robust_scale, weighted_quantile, within_reach


@pytest.mark.parametrize(
    ("name", "n_outputs", "kind"),
    [
        ("huber", 1, Huber),
        ("absolute_error", 1, Pinball),
        ("quantile", 1, Pinball),
        ("poisson", 1, Poisson),
        ("gamma", 1, Gamma),
        ("log_loss", 1, Logistic),
        ("log_loss", 3, Softmax),
    ],
)
def test_every_name_has_its_loss(name, n_outputs, kind):
    assert isinstance(Recipe(name).loss(1.0, n_outputs), kind)


def test_the_scale_of_normal_numbers_is_their_deviation_whatever_a_few_others_are():
    values = np.random.default_rng(0).normal(size=4000)
    values[:40] = 1e6
    assert robust_scale(values, np.ones(4000)) == pytest.approx(1.0, abs=0.05)
    assert robust_scale(np.zeros(5), np.ones(5)) == 1.0


def test_the_scale_is_positive_where_most_residuals_are_zero():
    values = np.zeros(100)
    values[:20] = 3.0
    assert 0.0 < robust_scale(values, np.ones(100)) < 3.0


def test_a_weighted_quantile_is_that_of_repeated_values():
    rng = np.random.default_rng(0)
    values, copies = rng.normal(size=30), rng.integers(1, 4, 30)
    for level in (0.05, 0.5, 0.9):
        repeated = np.quantile(np.repeat(values, copies), level, method="inverted_cdf")
        assert weighted_quantile(values, copies.astype(float), level) == repeated


def test_steps_begin_at_finite_outputs():
    counts, weight = np.array([[0.0], [4.0]]), np.ones(2)
    np.testing.assert_allclose(Recipe("poisson").start(counts, weight), np.log([[1.0], [3.0]]))
    classes = np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0]])
    assert np.all(np.isfinite(Recipe("log_loss").start(classes, weight)))


def test_targets_out_of_reach_choose_no_penalty():
    Y, left_out = np.array([[0.0], [3.0], [-500.0]]), np.array([[0.5], [0.5], [0.5]])
    loss, near = within_reach(Huber(1.0, 20.0), Y, left_out)
    assert loss == Huber(1.0) and near.tolist() == [[0.0], [3.0], [0.5]]
    pinball = Pinball(0.9, 0.1)
    assert within_reach(pinball, Y, left_out) == (pinball, Y)
