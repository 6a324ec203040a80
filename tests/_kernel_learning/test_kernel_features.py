from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from sknnk._data.inputs import dense_inputs
from sknnk._data.quantiles import fit_quantile_map
from sknnk._features.kernel_map import landmark_map
from sknnk._features.layer_spec import Candidate
from sknnk._kernel_learning import kernel_features
from sknnk._kernel_learning.kernel_features import KernelMatrix, fit_exact, prepare_kernel
from sknnk._kernels.kernels import kernel_matrix
from sknnk._ridge.solvers.dual import solve_dual

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
    layers, fit = fit_exact(task, 1)
    assert np.all(np.isfinite(layers.columns(X[:, :2]))) and np.all(np.isfinite(fit.solution.coef))


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


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_exact_columns_are_kernels_with_the_rows(transform, kind, dtype):
    X, Y, weight = table(dtype=dtype)
    task = task_of(X, Y, weight, transform=transform)
    layers, _ = fit_exact(task, 1)
    inputs = dense_inputs(task.input_map, X)
    columns = layers.columns(kind(X))
    assert columns.dtype == dtype and columns.shape == (40, layers.n_columns)
    np.testing.assert_allclose(
        columns, kernel_matrix(task.choice.best.kernels, inputs, task.X), rtol=4.0 * np.finfo(dtype).eps
    )
    out = np.empty_like(columns)
    assert layers.raw_columns(kind(X), out=out) is out and np.array_equal(out, columns)
    assert np.array_equal(layers.column_scale, np.ones(40))
    assert (layers.samplers, layers.link_scale, layers.n_linked) == ((), None, 0)
    layers.check_range(np.full((1, 3), 1e300))


@pytest.mark.parametrize("n_components", [1, 12, 40])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_landmark_columns_are_the_kernel_projected_on_the_landmarks(n_components, dtype):
    X, Y, weight = table(dtype=dtype)
    task = task_of(X, Y, weight, learn=False, transform=None)
    layers = landmark_map(task.input_map, task.choice.best.kernels, task.X[:n_components])
    columns = layers.columns(X)
    assert columns.dtype == dtype and columns.shape == (40, n_components)
    kernels, centres = task.choice.best.kernels, task.X[:n_components]
    K, across = kernel_matrix(kernels, centres, centres), kernel_matrix(kernels, X, centres)
    nystrom = across @ np.linalg.solve(K + 1e-8 * np.eye(n_components), across.T)
    # The jitter bounds the condition number by 40 / 1e-8, and columns in single precision keep six digits.
    np.testing.assert_allclose(
        columns.astype(float) @ columns.T, nystrom, rtol=0, atol=1e-9 if dtype == np.float64 else 1e-5
    )
    if n_components == 40:
        np.testing.assert_allclose(columns @ columns.T, kernel_matrix(kernels, X, X), rtol=0, atol=1e-5)


def test_fewer_landmarks_are_a_leading_block_of_more():
    X, Y, weight = table()
    task = task_of(X, Y, weight)
    few, many = (landmark_map(task.input_map, task.choice.best.kernels, task.X[:n]).columns(X) for n in (9, 25))
    # The jitter is a share of the diagonal of the kernel, which is constant.
    np.testing.assert_allclose(many[:, :9], few, rtol=0, atol=1e-9)


def test_the_exact_fit_is_the_dual_solution_and_its_report_what_explicit_formulas_say():
    X, Y, weight = table()
    task = task_of(X, Y, weight)
    layers, fit = fit_exact(task, 2)
    K, n, alpha = kernel_matrix(layers.kernels, task.X, task.X), len(X), task.choice.best.alpha
    expected = solve_dual(K.copy(order="F"), task.Y, task.sample_weight, alpha)
    assert np.array_equal(fit.solution.alpha, np.full(task.Y.shape[1], alpha))
    np.testing.assert_allclose(fit.solution.coef, expected.coef, rtol=1e-7, atol=1e-9)
    basis = solve_dual(K.copy(order="F"), np.eye(n), task.sample_weight, alpha)
    hat = K @ basis.coef + basis.intercept
    dof = np.trace(hat) - 1.0
    assert fit.effective_dof == pytest.approx(dof, rel=1e-7)
    squares = task.sample_weight @ (task.Y - hat @ task.Y) ** 2
    np.testing.assert_allclose(fit.noise_variance, squares / (weight.sum() - 1.0 - dof), rtol=1e-6)
    held = fit.held_out
    assert np.array_equal(held.inputs, task.X) and np.array_equal(held.targets, task.Y)
    single = np.flatnonzero(task.sample_weight == 1.0)[0]
    kept = np.delete(np.arange(n), single)
    without = solve_dual(K[np.ix_(kept, kept)].copy(order="F"), task.Y[kept], task.sample_weight[kept], alpha)
    expected = task.Y[single] - K[single, kept] @ without.coef - without.intercept
    np.testing.assert_allclose(held.residuals[single], expected, rtol=1e-6)


def test_the_kernel_matrix_of_the_rows_is_the_same_in_blocks_and_whole_and_new_each_time():
    X, Y, weight = table()
    task = task_of(X, Y, weight)
    rows = KernelMatrix(task.choice.best.kernels, task.X)
    whole = rows.matrix(1)
    assert whole.flags.f_contiguous and whole.dtype == np.float64 and rows.n_rows == len(whole) == len(task.X)
    np.testing.assert_allclose(np.tril(whole), np.tril(kernel_matrix(rows.kernels, task.X, task.X)), rtol=1e-12)
    start = 0
    for block in rows.blocks(2):
        for i, row in enumerate(block):
            np.testing.assert_allclose(row[i:], whole[start + i :, start + i], rtol=1e-12)
        start += len(block)
    assert start == rows.n_rows and not np.shares_memory(whole, rows.matrix(1))


def test_held_out_rows_are_the_last_ones_and_say_nearly_what_all_say(monkeypatch):
    X, Y, weight = table()
    task = task_of(X, Y, weight)
    every = fit_exact(task, 1)[1]
    monkeypatch.setattr(kernel_features, "_HELD_ROWS", 15)
    some = fit_exact(task, 1)[1]
    np.testing.assert_allclose(some.held_out.residuals, every.held_out.residuals[-15:], rtol=1e-6)
    assert np.array_equal(some.held_out.inputs, task.X[-15:])
    assert 0.6 < some.effective_dof / every.effective_dof < 1.6


def test_a_penalty_too_small_for_float64_is_raised_until_the_factor_exists():
    X, Y, weight = table()
    task = task_of(X, Y, weight, Candidate("gaussian", "auto", "isotropic", 50.0))
    task = replace(task, choice=replace(task.choice, best=replace(task.choice.best, alpha=1e-19)))
    fit = fit_exact(task, 1)[1]
    alpha = fit.solution.alpha[0]
    assert 1e-19 < alpha < 1e-10 and np.all(fit.solution.alpha == alpha)
    assert np.log10(alpha / 1e-19) == pytest.approx(np.rint(np.log10(alpha / 1e-19)))
    assert np.all(np.isfinite(fit.solution.coef))


def test_a_fit_without_spare_rows_reports_no_noise():
    X, Y, _ = table(1)
    fit = fit_exact(task_of(X, Y, np.ones(1)), 1)[1]
    assert fit.effective_dof == pytest.approx(0.0, abs=1e-12)
    assert np.array_equal(fit.noise_variance, np.zeros(2))
