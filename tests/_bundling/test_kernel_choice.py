import numpy as np
import pytest

from sknnk._bundling.kernel_choice import chosen_kernel, column_relevance

X = np.random.default_rng(0).normal(size=(600, 4))


def ridge_function(X):
    return np.sin(3.0 * X[:, :1]) + 0.1 * X[:, 1:2]


def test_relevance_is_the_size_of_the_gradient():
    slopes = np.array([[2.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, 0.0]])
    expected = np.linalg.norm(slopes, axis=1)
    relevance = column_relevance(lambda X: X @ slopes, X)
    np.testing.assert_allclose(relevance, expected / np.sqrt(np.mean(expected**2)), rtol=1e-10)
    # Measured in the unit of the transformed input.
    stretched = column_relevance(lambda X: X @ slopes, X, lambda X: X * [4.0, 1.0, 1.0, 1.0])
    assert stretched[0] / stretched[1] == pytest.approx(0.25 * relevance[0] / relevance[1])


def test_relevance_of_nothing_is_the_same_for_all():
    np.testing.assert_array_equal(column_relevance(lambda X: np.ones((len(X), 1)), X), 1.0)
    constant = np.column_stack([X[:, 0], np.ones(600)])
    assert column_relevance(lambda X: X[:, :1], constant)[1] == 0.0


def test_the_kernel_looks_where_the_network_looks():
    kernel, _ = chosen_kernel(ridge_function, X, 64, seed=0)
    scale = np.asarray(kernel.length_scale)
    assert scale.shape == (4,)
    assert scale[0] < scale[1] < scale[2]


def test_the_choice_depends_on_the_seed_alone_and_not_on_threads():
    first, second = (chosen_kernel(ridge_function, X, 64, seed=3, threads=threads) for threads in (1, 2))
    assert first[1] == second[1]
    np.testing.assert_array_equal(first[0].length_scale, second[0].length_scale)
    assert first[0][:3] == second[0][:3]


@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_few_rows_are_enough_to_have_a_kernel(n):
    kernel, transform = chosen_kernel(ridge_function, X[:n], 16, seed=0)
    assert np.all(np.asarray(kernel.length_scale) > 0.0)
    assert transform in ("quantile", None)
