import numpy as np
import pytest

from sknnk._kernel_learning.kernel_scores import Score
from sknnk._kernel_learning.trials import KernelValues, SearchTask, spread_of
from sknnk._kernels import Kernel, kernel_matrix


def task(n=30, threads=1, **kwargs):
    rng = np.random.default_rng(0)
    return SearchTask(
        rng.normal(size=(n, 3)), rng.normal(size=(n, 2)), rng.uniform(1.0, 2.0, n), threads=threads, **kwargs
    )


def test_values_are_evaluated_when_asked_for_and_once_for_each_dtype():
    seen = []

    def evaluate(dtype):
        seen.append(dtype)
        return np.full((2, 2), 1.0 / 3.0, dtype=dtype)

    values = KernelValues(evaluate)
    assert seen == []
    assert values(np.float32).dtype == np.float32 and values(np.float64).dtype == np.float64
    assert values(np.float64) is values(np.float64) and values(np.float32) is values(np.float32)
    assert seen == [np.float32, np.float64]
    # Exact values are rounded and not evaluated again.
    rounded = KernelValues(evaluate)
    np.testing.assert_array_equal(rounded(np.float64).astype(np.float32), rounded(np.float32))
    assert seen[2:] == [np.float64]


@pytest.mark.parametrize("threads", [1, 2])
def test_values_of_a_task_are_the_kernel_among_its_rows(threads):
    kernel, rows = Kernel("cauchy", "isotropic", np.ones(3)), task(threads=threads)
    exact = np.tril(kernel_matrix([kernel], rows.X, rows.X))
    np.testing.assert_array_equal(np.tril(rows.values(kernel)(np.float64)), exact)
    np.testing.assert_allclose(np.tril(rows.values(kernel)(np.float32)), exact, rtol=2e-6)


def test_a_leading_task_has_the_first_rows_and_all_else():
    done = []
    whole = task(alphas=[1.0], unit=2.0, done=lambda: done.append(1))
    few = whole.leading(7)
    for a, b in ((few.X, whole.X), (few.Y, whole.Y), (few.sample_weight, whole.sample_weight)):
        np.testing.assert_array_equal(a, b[:7])
    assert (few.alphas, few.unit, few.threads) == ([1.0], 2.0, 1)
    fit = few.fit((), Score(0.5, 0.25, None), "decision")
    assert (fit.alpha, fit.error, fit.n_rows, fit.stage, done) == (0.5, 0.25, 7, "decision", [1])


def test_kernels_of_a_task_are_judged_on_its_last_rows_with_its_penalties():
    rows = task(alphas=[0.1, 3.0], unit=2.0)
    validation = rows.validation(9)
    assert (validation.n_held, validation.alphas, validation.unit) == (9, [0.1, 3.0], 2.0)
    assert validation.Y is rows.Y and validation.sample_weight is rows.sample_weight


def test_targets_are_standardised_and_a_constant_one_is_zero():
    rng = np.random.default_rng(0)
    Y, weight = rng.normal(3.0, 2.0, (20, 2)), rng.uniform(1.0, 4.0, 20)
    found = SearchTask.of(np.zeros((20, 1)), np.column_stack([1e9 * Y, np.ones(20)]), weight, [1.0], 2)
    assert found.unit == pytest.approx(weight.mean()) and (found.alphas, found.threads) == ([1.0], 2)
    np.testing.assert_array_equal(found.Y[:, 2], 0.0)
    found = SearchTask.of(np.zeros((20, 1)), 1e9 * Y, weight)
    np.testing.assert_allclose(np.average(found.Y, axis=0, weights=weight), 0.0, atol=1e-14)
    np.testing.assert_allclose(np.average(found.Y**2, axis=0, weights=weight), 1.0)


@pytest.mark.parametrize(("threads", "n_others", "expected"), [(8, 2, 2), (2, 2, 1), (2, 0, 2), (1, 5, 1)])
def test_tasks_that_are_worked_on_at_the_same_time_share_the_threads(threads, n_others, expected):
    task = SearchTask(np.ones((3, 1)), np.ones((3, 1)), np.ones(3), threads=threads)
    assert task.beside(n_others).threads == expected and task.threads == threads


def test_targets_of_one_unit_are_divided_by_the_root_of_their_mean_variance():
    rng = np.random.default_rng(0)
    Y, weight = rng.normal(size=(20, 3)) * [1.0, 5.0, 0.0], rng.uniform(1.0, 4.0, 20)
    own, common = spread_of(Y, weight), spread_of(Y, weight, common=True)
    np.testing.assert_allclose(common, np.sqrt(np.mean(own**2)))
    found = SearchTask.of(np.zeros((20, 1)), Y, weight, spread=common)
    np.testing.assert_allclose(found.Y, (Y - np.average(Y, axis=0, weights=weight)) / common[0])
