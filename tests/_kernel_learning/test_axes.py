import numpy as np
import pytest

from sknnk._kernel_learning import axes
from sknnk._kernel_learning.axes import MOST_TURNS, rotated_by_agop, turned_while_better
from sknnk._kernel_learning.kernel_scores import Score
from sknnk._kernel_learning.trials import SearchTask
from sknnk._kernels import Kernel


def rows_of(n=200, n_features=6, seed=0, angle=True, noise=0.05):
    """Targets that depend on one combination of the columns, or on one column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    direction = np.ones(n_features) / np.sqrt(n_features) if angle else np.eye(n_features)[0]
    return X, np.sin(2.0 * X @ direction)[:, None] + noise * rng.normal(size=(n, 1))


@pytest.mark.parametrize(
    ("errors", "n_tried", "n_kept"),
    [([0.9], 1, 0), ([0.5, 0.45], 2, 1), ([0.5, 0.3, 0.1, 0.0], MOST_TURNS, MOST_TURNS), ([np.nan], 1, 0)],
)
def test_axes_are_turned_while_each_turn_gains_its_share_and_the_last_that_did_is_kept(
    errors, n_tried, n_kept, monkeypatch
):
    X, Y = rows_of(40)
    task = SearchTask(X, Y, np.ones(40))
    left = iter(errors)

    class Validation:
        def score(self, values, alpha):
            return Score(alpha, next(left), None)

    turned = [Kernel("gaussian", "isotropic", np.full(6, 0.1 * (i + 1))) for i in range(5)]
    monkeypatch.setattr(axes, "rotated_by_agop", lambda task, kernel, *_: turned[turned.index(kernel) + 1])
    rng = np.random.default_rng(0)
    kernel, values, tried = turned_while_better(task, task, Validation(), turned[0], 0.1, 1.0, 0.2, rng)
    assert [fit.kernels[0] for fit in tried] == turned[1 : n_tried + 1]
    assert kernel is turned[n_kept] and (values is None) == (n_kept == 0)


def test_targets_without_slopes_and_kernels_that_cannot_be_factored_turn_nothing():
    X, Y = rows_of(40)
    kernel, rng = Kernel("gaussian", "isotropic", np.full(6, 0.4)), np.random.default_rng(0)
    flat = SearchTask(X, np.zeros_like(Y), np.ones(40))
    assert rotated_by_agop(flat, kernel, 0.1, rng) is None
    twice = SearchTask(np.vstack([X, X]), np.vstack([Y, Y]), np.ones(80))
    assert rotated_by_agop(twice, kernel, 1e-300, rng) is None
    same = SearchTask(np.ones((40, 6)), Y, np.ones(40))
    assert rotated_by_agop(same, kernel, 0.1, rng) is None


@pytest.mark.parametrize(
    ("products", "ratio"),
    [
        # Half of the product of different axes is left: eigenvalues 2.5 and 1.5 instead of 3 and 1.
        ([[2.0, 1.0], [1.0, 2.0]], np.sqrt(1.5 / 2.5)),
        # An axis without slopes keeps a thousandth of the largest scale.
        ([[1.0, 0.0], [0.0, 0.0]], 1e-3),
    ],
)
def test_axes_are_scaled_by_roots_of_shrunk_products_and_typical_rows_stay_as_far_apart(products, ratio, monkeypatch):
    X, Y = rows_of(50, 2)
    monkeypatch.setattr(axes, "gradient_products", lambda *_: np.array(products))
    kernel = Kernel("gaussian", "isotropic", np.array([0.4, 0.8]))
    turned = rotated_by_agop(SearchTask(X, Y, np.ones(50)), kernel, 0.1, np.random.default_rng(0))
    lengths = np.linalg.svd(turned.projection, compute_uv=False)
    assert lengths[1] / lengths[0] == pytest.approx(ratio)
    before, after = (
        np.sqrt(np.sum(np.var(each, axis=0))) for each in (X * kernel.scales, X * kernel.scales @ turned.projection)
    )
    assert after == pytest.approx(before)
    # Axes of a kernel that has some are learned in its own coordinates.
    again = rotated_by_agop(SearchTask(X, Y, np.ones(50)), turned, 0.1, np.random.default_rng(0))
    assert again.projection.shape == (2, 2) and not np.allclose(again.projection, turned.projection)
