import numpy as np
import pytest

from sknnk._losses import Gamma, Huber, Logistic, Pinball, Poisson, Softmax


def targets(kind, n=40):
    rng = np.random.default_rng(0)
    if kind == "classes":
        return np.where(np.eye(3)[rng.integers(0, 3, n)] > 0.0, 1.0, -1.0)
    numbers = rng.normal(size=(n, 1))
    return {
        "numbers": numbers,
        "signs": np.sign(numbers),
        "counts": np.floor(np.exp(numbers)),
        "sizes": np.exp(numbers),
    }[kind]


CASES = [
    (Huber(0.7), "numbers"),
    (Pinball(0.2, 0.3), "numbers"),
    (Poisson(), "counts"),
    (Gamma(), "sizes"),
    (Logistic(), "signs"),
    (Softmax(), "classes"),
]


@pytest.mark.parametrize(("loss", "kind"), CASES)
def test_the_gradient_is_that_of_the_values_and_the_curvature_that_of_the_gradient(loss, kind):
    Y = targets(kind)
    F, step = np.random.default_rng(1).normal(size=Y.shape), 1e-6
    diagonal, outer = loss.curvature(Y, F)
    for k in range(Y.shape[1]):
        above, below = F.copy(), F.copy()
        above[:, k] += step
        below[:, k] -= step
        slope = (loss.values(Y, above) - loss.values(Y, below)) / (2.0 * step)
        np.testing.assert_allclose(loss.gradient(Y, F)[:, k], slope, atol=1e-8)
        bend = (loss.gradient(Y, above) - loss.gradient(Y, below)) / (2.0 * step)
        own = np.zeros_like(F)
        own[:, k] = diagonal[:, k]
        if outer is not None:
            own -= outer * outer[:, [k]]
        # The threshold of the Huber loss is inside a step for no row here.
        np.testing.assert_allclose(own, bend, atol=1e-7)


@pytest.mark.parametrize(("loss", "kind"), CASES)
def test_values_are_not_negative_and_neither_is_the_curvature(loss, kind):
    Y = targets(kind)
    F = np.random.default_rng(1).normal(size=Y.shape)
    diagonal, outer = loss.curvature(Y, F)
    assert np.all(loss.values(Y, F) >= 0.0) and np.all(loss.judged(Y, F) >= 0.0)
    assert np.all(diagonal >= 0.0) and (outer is None or np.all(diagonal >= outer**2))


@pytest.mark.parametrize(("loss", "kind"), CASES)
def test_outputs_far_out_overflow_nowhere(loss, kind):
    Y = targets(kind)
    for size in (1e4, -1e4):
        F = np.full(Y.shape, size)
        for values in (loss.values(Y, F), loss.gradient(Y, F), loss.curvature(Y, F)[0], loss.means(F)):
            assert np.all(np.isfinite(values))
