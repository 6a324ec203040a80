"""Rows that are held out are rows of the fit, and their residuals those of fits without them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sknnk import BundledNetworkRegressor
from sknnk._data import Dataset
from sknnk._networks import fitted_network, held_out
from sknnk._networks.held_out import HeldOutRows, held_rows, residuals_without_row

KERNEL = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 2.0}
KERNEL |= {"input_transform": None, "random_state": 0, "direct_link": False}


def table(n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    Y = np.column_stack([np.sin(X[:, 0]), 1e4 * X[:, 1] * X[:, 2]]) + 0.1 * rng.normal(size=(n, 2))
    return X, Y, rng.integers(1, 4, n).astype(float)


@given(st.integers(1, 5000), st.integers(0, 9))
def test_positions_are_all_or_a_thousand_increasing_ones(n, seed):
    positions = np.arange(n)[held_rows(n, seed)]
    assert len(positions) == min(n, held_out.HELD_ROWS)
    assert np.all(np.diff(positions) > 0) and positions[0] >= 0 and positions[-1] < n
    np.testing.assert_array_equal(positions, np.arange(n)[held_rows(n, seed)])
    if n > 1100:
        assert not np.array_equal(positions, np.arange(n)[held_rows(n, seed + 1)])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_the_sample_are_the_rows_at_these_positions(kind, monkeypatch):
    monkeypatch.setattr(held_out, "HELD_ROWS", 20)
    X, Y, weight = table()
    sample, positions = HeldOutRows.sample(Dataset(kind(X), Y, weight), 5), held_rows(60, 5)
    assert len(positions) == 20 and sample.residuals is None
    np.testing.assert_array_equal(sample.X.toarray() if sparse.issparse(sample.X) else sample.X, X[positions])
    np.testing.assert_array_equal(sample.Y, Y[positions])
    np.testing.assert_array_equal(sample.sample_weight, weight[positions])


def test_the_weight_of_one_copy_is_that_of_equal_rows_if_weights_stand_for_these():
    X, Y, _ = table(3)
    assert HeldOutRows(X, Y, np.array([0.5, 1.0, 1.5])).unit_weights().tolist() == [0.5, 0.5, 0.5]
    assert HeldOutRows(X, Y, np.array([0.5, 0.7, 1.0])).unit_weights().tolist() == [0.5, 0.7, 1.0]


@pytest.mark.parametrize("solver", ["primal", "dual"])
def test_residuals_are_those_of_a_fit_without_a_copy_of_the_row(solver):
    X, Y, weight = table()
    options = {**KERNEL, "n_components": 24, "alpha": 0.1, "solver": solver}
    network = BundledNetworkRegressor(**options).fit(X, Y, sample_weight=weight)
    fitted = fitted_network(network)
    held = fitted.held_out_residuals()
    np.testing.assert_array_equal(held.X, X)
    np.testing.assert_allclose(held.Y * fitted.target_units, Y, rtol=1e-15)
    assert fitted.held_out.residuals is None
    for row in (0, 17, 41):
        fewer = weight - (np.arange(60) == row)
        without = BundledNetworkRegressor(**options).fit(X, Y, sample_weight=fewer)
        expected = Y[row] - without.predict(X[row : row + 1])[0]
        np.testing.assert_allclose(held.residuals[row] * fitted.target_units, expected, rtol=1e-6)


@given(st.floats(0.0, 0.99), st.floats(-9.0, 9.0))
def test_the_residual_is_that_of_the_fit_over_the_freedom_of_the_row(leverage, residual):
    [[found]] = residuals_without_row(np.array([[residual]]), np.array([[leverage]]), 1e-16)
    assert found * (1.0 - leverage) == pytest.approx(residual, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("leverage", [1.0, 1.0 + 1e-9, 1.0 - 1e-9])
def test_a_row_that_determines_its_prediction_has_a_finite_residual(leverage):
    assert residuals_without_row(np.array([[0.5]]), np.array([[leverage]]), 1e-6) == pytest.approx(500.0)


def test_a_fit_that_nearly_interpolates_has_the_residuals_of_fits_without_the_row():
    X, Y = np.random.default_rng(0).normal(size=(2, 20, 1))
    model = BundledNetworkRegressor(128, alpha=1e-5, **{**KERNEL, "length_scale": 0.5}).fit(X, Y)
    held = fitted_network(model).held_out_residuals()
    for row in range(0, 20, 5):
        weight = np.ones(20)
        weight[row] = 0.0
        without = BundledNetworkRegressor(**model.get_params()).fit(X, Y, sample_weight=weight)
        expected = Y[row] - without.predict(X[row : row + 1])[0]
        np.testing.assert_allclose(held.residuals[row] * fitted_network(model).target_units, expected, rtol=1e-3)


@pytest.mark.parametrize("shape", ["linear", "waves"])
@pytest.mark.parametrize(
    ("input_transform", "distribution"), [("standard", "normal"), ("robust", "normal"), ("auto", "uniform")]
)
def test_deviations_of_targets_without_noise_have_the_size_of_errors_of_new_rows(input_transform, distribution, shape):
    """Where nothing else is uncertain, new rows lie between and beyond what the input transform has seen."""
    rng = np.random.default_rng(1)
    X, new = (getattr(rng, distribution)(size=(n, 2)) for n in (100, 2000))
    target = {"linear": lambda X: X @ [1.0, 2.0], "waves": lambda X: np.sin(3.0 * X).sum(axis=1)}[shape]
    network = BundledNetworkRegressor(input_transform=input_transform, random_state=0).fit(X, target(X))
    mean, std = network.predict(new, return_std=True)
    errors = target(new) - mean
    # They were up to some thousands of times too small.
    assert 0.05 < np.sqrt(np.mean((errors / std) ** 2)) < 6.0
    lower, upper = network.predict_interval(new, 0.9).T
    assert np.mean((lower <= target(new)) & (target(new) <= upper)) > 0.8
