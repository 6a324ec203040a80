import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance

from sknnk._networks.losses.scores import explained_share

RNG = np.random.default_rng(0)
Y = RNG.gamma(2.0, size=40)
PREDICTED = Y * RNG.uniform(0.8, 1.2, size=40)
WEIGHT = RNG.uniform(0.5, 2.0, size=40)


def pinball(y, predicted, sample_weight):
    return mean_pinball_loss(y, predicted, sample_weight=sample_weight, alpha=0.5)


@pytest.mark.parametrize(
    ("loss", "metric"),
    [("poisson", mean_poisson_deviance), ("gamma", mean_gamma_deviance), ("quantile", pinball)],
)
def test_a_share_of_the_loss_of_the_best_constant_is_explained(loss, metric):
    def of_constant(constant):
        return metric(Y, np.full(len(Y), constant), sample_weight=WEIGHT)

    best = min(map(of_constant, [*Y, np.average(Y, weights=WEIGHT)]))
    expected = 1.0 - metric(Y, PREDICTED, sample_weight=WEIGHT) / best
    assert explained_share(Y, PREDICTED, WEIGHT, loss=loss) == pytest.approx(expected, rel=0.02)


def test_targets_and_levels_are_averaged():
    two, predicted = np.column_stack([Y, 2.0 * Y + 1.0]), np.column_stack([PREDICTED, 2.0 * Y + 0.9])
    each = [explained_share(*pair, loss="gamma") for pair in zip(two.T, predicted.T, strict=True)]
    assert explained_share(two, predicted, loss="gamma") == pytest.approx(np.mean(each))
    each = [explained_share(Y, PREDICTED, loss="quantile", quantile=level) for level in (0.2, 0.9)]
    both = explained_share(Y, np.column_stack([PREDICTED, PREDICTED]), loss="quantile", quantile=[0.2, 0.9])
    assert both == pytest.approx(np.mean(each))


def test_the_absolute_error_is_that_of_medians():
    expected = 1.0 - mean_absolute_error(Y, PREDICTED) / mean_absolute_error(Y, np.full(len(Y), np.median(Y)))
    assert explained_share(Y, PREDICTED, loss="absolute_error") == pytest.approx(expected)
