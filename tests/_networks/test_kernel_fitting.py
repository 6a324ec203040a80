"""Networks whose columns are kernels: the exact one is solved for the kernel, the penalty and the rows of its task."""

from dataclasses import replace

import numpy as np
import pytest

from sknnk import BundledNetworkRegressor
from sknnk._features.kernel_map import KernelMap
from sknnk._integration import Execution
from sknnk._kernels import kernel_matrix
from sknnk._networks import fitted_network, kernel_fitting
from sknnk._networks.kernel_fitting import _fitted_exactly
from sknnk._ridge.solvers.dual import solve_dual


def table(n=40, seed=0):
    """Inputs with zeros and a constant column, two targets, and integer weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * (rng.random((n, 3)) < 0.9)
    X[:, 2] = 0.5
    Y = np.column_stack([np.sin(2.0 * X[:, 0]), 1e3 * X[:, 1] ** 2]) + 0.1 * rng.normal(size=(n, 2))
    return X, Y, rng.integers(1, 4, n).astype(float)


def exact(n=40, weight=None, **options):
    X, Y, own = table(n)
    options = {"feature_map": "kernel", "random_state": 0, **options}
    network = BundledNetworkRegressor(**options).fit(X, Y, sample_weight=own if weight is None else weight)
    return network, fitted_network(network)


def solved(fitted, task):
    """The exact network of another task."""
    parts = (task, fitted.choice, fitted.target_units, fitted.targets, fitted.n_samples, fitted.dtype)
    return _fitted_exactly(*parts, fitted.weight_unit, "auto", Execution())


def test_the_exact_fit_is_the_dual_solution_and_its_report_what_explicit_formulas_say():
    network, fitted = exact()
    task, units, n = fitted.kernel_rows, fitted.target_units, 40
    assert isinstance(fitted.feature_map, KernelMap) and np.array_equal(fitted.feature_map.centres, task.X)
    K, alpha = kernel_matrix(network.kernels_, task.X, task.X), task.choice.best.alpha
    assert np.array_equal(network.alpha_, np.full(2, alpha)) and np.ptp(units) > 0.0
    expected = solve_dual(K.copy(order="F"), task.Y * units, task.sample_weight, alpha)
    np.testing.assert_allclose(network.output_coef_.T, expected.coef, rtol=1e-7, atol=1e-6)
    basis = solve_dual(K.copy(order="F"), np.eye(n), task.sample_weight, alpha)
    hat = K @ basis.coef + basis.intercept
    dof = np.trace(hat) - 1.0
    assert network.effective_dof_ == pytest.approx(np.full(2, dof), rel=1e-7)
    squares = task.sample_weight @ ((task.Y - hat @ task.Y) * units) ** 2
    np.testing.assert_allclose(network.noise_variance_, squares / (task.sample_weight.sum() - 1.0 - dof), rtol=1e-6)
    held = fitted.held_out_residuals()
    assert np.array_equal(held.X, task.X) and np.array_equal(held.Y, task.Y)
    assert np.array_equal(held.sample_weight, task.sample_weight)
    single = np.flatnonzero(task.sample_weight == 1.0)[0]
    kept = np.delete(np.arange(n), single)
    without = solve_dual(K[np.ix_(kept, kept)].copy(order="F"), task.Y[kept], task.sample_weight[kept], alpha)
    expected = task.Y[single] - K[single, kept] @ without.coef - without.intercept
    np.testing.assert_allclose(held.residuals[single], expected, rtol=1e-6)


def test_held_out_rows_are_the_last_ones_and_say_nearly_what_all_say(monkeypatch):
    _, every = exact()
    monkeypatch.setattr(kernel_fitting, "HELD_ROWS", 15)
    _, some = exact()
    np.testing.assert_allclose(some.held_out.residuals, every.held_out.residuals[-15:], rtol=1e-6)
    for name in ("X", "Y", "sample_weight"):
        assert np.array_equal(getattr(some.held_out, name), getattr(every.held_out, name)[-15:])
    assert np.all(some.solution.dof / every.solution.dof > 0.6)
    assert np.all(some.solution.dof / every.solution.dof < 1.6)


def test_a_penalty_too_small_for_float64_is_raised_until_the_factor_exists():
    _, fitted = exact(activation="gaussian", frequencies="isotropic", length_scale=50.0)
    task = fitted.kernel_rows
    task = replace(task, choice=replace(task.choice, best=replace(task.choice.best, alpha=1e-19)))
    small = solved(fitted, task)
    [alpha] = set(small.solution.alpha)
    assert 1e-19 < alpha < 1e-10
    assert np.log10(alpha / 1e-19) == pytest.approx(np.rint(np.log10(alpha / 1e-19)))
    assert np.all(np.isfinite(small.coef))


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9])
def test_few_rows_have_finite_coefficients_and_one_row_no_noise(n):
    network, _ = exact(n, np.ones(n))
    assert np.all(np.isfinite(network.output_coef_)) and np.all(np.isfinite(network.transform(table(n)[0])))
    if n == 1:
        assert network.effective_dof_ == pytest.approx(np.zeros(2), abs=1e-12)
        assert np.array_equal(network.noise_variance_, np.zeros(2))


def test_rows_that_are_added_are_centres_of_a_new_network_and_the_old_one_stays():
    network, before = exact()
    coef = before.coef.copy()
    X, Y, weight = table(15, seed=1)
    network.partial_fit(X, Y, sample_weight=weight)
    after = fitted_network(network)
    assert after is not before and np.array_equal(before.coef, coef)
    assert after.feature_map.n_columns == 55 and after.n_samples == before.n_samples + 15
    again = solved(after, after.kernel_rows)
    np.testing.assert_array_equal(again.coef, after.coef)
    assert after.kernel_rows.choice is before.kernel_rows.choice


@pytest.mark.parametrize(("copies", "refined"), [(1, True), (2, False)])
def test_blocks_refine_the_kernel_of_many_rows_unless_these_repeat(copies, refined, monkeypatch):
    # What is gained by remembering a row that comes again is not seen where rows are merged.
    told, refine = [], kernel_fitting.refined_in_blocks
    monkeypatch.setattr(kernel_fitting, "SEARCH_ROWS", 30)
    monkeypatch.setattr(kernel_fitting, "refined_in_blocks", lambda *args: told.append(0) or refine(*args))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y = np.sin(X[:, 0]) + 0.1 * rng.normal(size=40)
    rows = np.concatenate([np.arange(40), np.tile(np.arange(20), copies - 1)])
    model = BundledNetworkRegressor(activation="gaussian", frequencies="isotropic", feature_learning=None)
    model.set_params(random_state=0).fit(X[rows], y[rows])
    assert bool(told) == refined and np.all(np.isfinite(model.predict(X)))
