import numpy as np
import pytest

from sknnk._losses import Poisson
from sknnk._networks.losses.targets import LossTargets, checked_levels


def test_logarithmic_losses_predict_exponentials_in_the_dtype_of_the_scores():
    targets = LossTargets(1, True, "poisson").fitted((Poisson(),))
    means = targets.means(np.array([[0.0], [1.0]], dtype=np.float32))
    assert means.dtype == np.float32
    np.testing.assert_allclose(means.ravel(), [1.0, np.e], rtol=1e-6)
    np.testing.assert_array_equal(targets.within_range(np.array([-1.0, 2.0])), [0.0, 2.0])


def test_quantiles_are_sorted_into_the_order_of_their_levels():
    targets = LossTargets(3, False, "quantile", (0.9, 0.1, 0.5))
    np.testing.assert_array_equal(targets.means(np.array([[1.0, 2.0, 3.0]])), [[3.0, 1.0, 2.0]])


def test_several_quantiles_have_one_column_of_targets():
    y = np.arange(4.0)
    targets = LossTargets.for_loss(y, np.dtype(float), "quantile", [0.1, 0.9])
    assert targets.n_targets == 2 and not targets.flat
    assert targets.encode(y, y.dtype).shape == (4, 1)
    single = LossTargets.for_loss(y, np.dtype(float), "quantile", 0.1)
    assert single.n_targets == 1 and single.flat and not single.levels


@pytest.mark.parametrize("levels", [[], [0.0, 0.5], [[0.5]], [1.5]])
def test_levels_beyond_zero_and_one_are_refused(levels):
    with pytest.raises(ValueError, match="must be a number between 0 and 1"):
        checked_levels(levels)


def test_intervals_are_for_means_and_medians_alone():
    LossTargets(1, True, "absolute_error").check_intervals()
    with pytest.raises(ValueError, match="quantile="):
        LossTargets(1, True, "quantile").check_intervals()
