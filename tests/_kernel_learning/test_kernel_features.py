import numpy as np
import pytest
from scipy import sparse

from sknnk._data.inputs import dense_inputs
from sknnk._data.quantiles import fit_quantile_map
from sknnk._features.layer_spec import Candidate
from sknnk._kernel_learning import kernel_features
from sknnk._kernel_learning.kernel_features import prepare_kernel

AUTO = Candidate("auto", "auto", "auto", "auto")
TRANSFORMS = ["quantile", None]


def table(n=40, seed=0, dtype=np.float64):
    """Inputs with zeros and a constant column, two targets, and integer weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * (rng.random((n, 3)) < 0.9)
    X[:, 2] = 0.5
    Y = np.column_stack([np.sin(2.0 * X[:, 0]), X[:, 1] ** 2]) + 0.1 * rng.normal(size=(n, 2))
    return X.astype(dtype), Y, rng.integers(1, 4, n).astype(float)


def task_of(X, Y, weight, kernel=AUTO, alphas=None, transform="quantile", learn=True, seed=3, threads=1):
    return prepare_kernel(X, Y, weight, kernel, alphas, transform, learn, seed, threads)


def same_task(a, b, rtol=1e-9):
    assert len(a.choice.best.kernels) == len(b.choice.best.kernels)
    assert a.choice.best.alpha == pytest.approx(b.choice.best.alpha, rel=rtol)
    for name in ("X", "Y", "sample_weight"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12, atol=1e-12)
    for kernel, other in zip(a.choice.best.kernels, b.choice.best.kernels, strict=True):
        assert (kernel.activation, kernel.frequencies) == (other.activation, other.frequencies)
        np.testing.assert_allclose(kernel.scales, other.scales, rtol=rtol)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_task_holds_the_distinct_transformed_rows_in_another_order(transform):
    X, Y, weight = table()
    task = task_of(X, Y, weight, transform=transform)
    inputs = dense_inputs(fit_quantile_map(X.T, weight) if transform else None, X)
    order, expected = np.lexsort(task.Y.T), np.lexsort(Y.T)
    assert np.array_equal(task.X[order], inputs[expected])
    assert np.array_equal(task.Y[order], Y[expected])
    assert np.array_equal(task.sample_weight[order], weight[expected])
    assert not np.array_equal(order, np.arange(len(X))) and not np.array_equal(task.Y, Y)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_task_does_not_depend_on_the_order_of_rows_nor_on_how_they_are_repeated_nor_on_threads(transform):
    X, Y, weight = table()
    expected = task_of(X, Y, weight, transform=transform)
    order = np.random.default_rng(0).permutation(len(X))
    same_task(task_of(X[order], Y[order], weight[order], transform=transform), expected)
    every = np.repeat(np.arange(len(X)), weight.astype(int))
    same_task(task_of(X[every], Y[every], np.ones(len(every)), transform=transform), expected)
    same_task(task_of(X, Y, weight, transform=transform, threads=2), expected)
    same_task(task_of(sparse.csr_array(X), Y, weight, transform=transform), expected)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9])
def test_too_few_rows_to_compare_kernels_get_the_first_family_and_equal_length_scales(n):
    X, Y, weight = table(n)
    task = task_of(X[:, :2], Y, weight)
    compared = {(k.activation, k.frequencies) for fit in task.choice.history for k in fit.kernels}
    assert len(compared) == (3 if n >= 8 else 1)
    if n < 8:
        assert compared == {("cauchy", "coordinatewise")}
        assert all(np.ptp(k.scales) == 0.0 for fit in task.choice.history for k in fit.kernels)
    assert 0.0 < task.choice.best.alpha < np.inf


@pytest.mark.parametrize(
    "length_scale",
    [0.0, -1.0, np.inf, np.nan, 5e-324, [1.0, 2.0], [[1.0, 1.0, 1.0]], [1.0, -1.0, 1.0], [1.0, np.nan, 1.0]],
)
def test_a_length_scale_that_fits_no_table_is_refused_by_name(length_scale):
    X, Y, weight = table()
    with pytest.raises(ValueError, match=r"length_scale.* does not fit X with 3 features; give one positive"):
        task_of(X, Y, weight, kernel=AUTO._replace(length_scale=length_scale))


def test_a_large_table_is_sampled(monkeypatch):
    monkeypatch.setattr(kernel_features, "SAMPLE_ROWS", 20)
    monkeypatch.setattr(kernel_features, "EXACT_ROWS", 15)
    X, Y, weight = table()
    task = task_of(X, Y, weight, transform=None)
    assert len(task.X) == 20 and np.all(np.isin(task.Y, Y))


def with_a_rare_class(n=300):
    """Two classes that a column tells apart, and a third one that two rows have by chance."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 2))
    labels = (X[:, 0] > 0.0).astype(int)
    labels[[5, 17]] = 2
    return X, 2.0 * np.eye(3)[labels] - 1.0


def test_a_class_of_two_rows_judges_kernels_by_its_two_rows():
    X, Y = with_a_rare_class()
    arguments = (X, Y, np.ones(len(X)), AUTO._replace(activation="cauchy"), None, None, False, 0, 1)
    judged, alike = prepare_kernel(*arguments, common_unit=True), prepare_kernel(*arguments)
    # The error of the rare class is about its variance: a third of the mean if each class counts alike, and otherwise
    # its share of the variance of all, which is below one in fifty.
    assert judged.choice.best.error < 0.3 < 0.33 < alike.choice.best.error
    assert np.ptp(judged.spread) == 0.0 < np.ptp(alike.spread)
