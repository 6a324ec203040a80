"""Closed form on modules: the same coefficients as the numpy core gives."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from sklearn.linear_model import Ridge

from sknnk import URFSampler
from sknnk.torch import _closed_form
from sknnk.torch._closed_form import flat_rows, least_squares
from sknnk.torch._feature_modules import feature_module

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1) + 0.05 * rng.normal(size=(300, 2))
SAMPLER = URFSampler(n_components=40, random_state=0).fit(X)


def test_the_solution_is_a_ridge_regression_for_some_penalty(monkeypatch):
    weight, bias = least_squares(feature_module(SAMPLER), X, Y)
    features = SAMPLER.transform(X)
    residual = Y - features @ weight.T - bias
    # At a minimum the gradient of the squares is the penalty times the coefficients.
    gradient = (features - features.mean(axis=0)).T @ residual
    alpha = float(np.sum(gradient * weight.T) / np.sum(weight**2))
    ridge = Ridge(alpha).fit(features, Y)
    np.testing.assert_allclose(weight, ridge.coef_, atol=1e-6)
    np.testing.assert_allclose(bias, ridge.intercept_, atol=1e-6)
    assert alpha > 0.0


def test_blocks_do_not_change_the_solution(monkeypatch):
    whole = least_squares(feature_module(SAMPLER), X, Y)
    monkeypatch.setattr(_closed_form, "_ROWS", 37)
    for parts, at_once in zip(least_squares(feature_module(SAMPLER), X, Y), whole, strict=True):
        np.testing.assert_allclose(parts, at_once, rtol=1e-6, atol=1e-8)


def test_float32_features_give_nearly_the_same_solution():
    doubled, single = (least_squares(feature_module(SAMPLER).to(t), X, Y)[0] for t in (torch.float64, torch.float32))
    np.testing.assert_allclose(single, doubled, atol=1e-2 * np.abs(doubled).max())


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_features_in_half_precision_are_no_reason_to_smooth_everything(half):
    module = feature_module(SAMPLER).to(half)
    weight, bias = least_squares(module, X[:200], Y[:200])
    rounded = flat_rows(module(torch.from_numpy(X[200:]).to(half)))
    plain = least_squares(feature_module(SAMPLER), X[:200], Y[:200])
    errors = [
        np.mean((Y[200:] - features @ w.T - b) ** 2)
        for features, w, b in ((rounded, weight, bias), (SAMPLER.transform(X[200:]), *plain))
    ]
    assert errors[0] < 1.5 * errors[1]


def test_new_rows_are_predicted():
    weight, bias = least_squares(feature_module(SAMPLER), X[:200], Y[:200])
    error = Y[200:] - SAMPLER.transform(X[200:]) @ weight.T - bias
    assert np.mean(error**2) < 0.1 * np.mean(Y[200:] ** 2)


def test_leading_axes_count_as_rows():
    stacked = least_squares(feature_module(SAMPLER), torch.tensor(X).reshape(30, 10, 3), Y.reshape(30, 10, 2))
    np.testing.assert_allclose(stacked[0], least_squares(feature_module(SAMPLER), X, Y)[0])


@pytest.mark.parametrize(("n_inputs", "n_outputs"), [(10, 9), (1, 1)])
def test_rows_that_do_not_fit_are_refused(n_inputs, n_outputs):
    with pytest.raises(ValueError, match=rf"inputs has {n_inputs} rows and outputs {n_outputs}"):
        least_squares(feature_module(SAMPLER), X[:n_inputs], Y[:n_outputs])


def test_a_column_of_numbers_is_one_number_a_row():
    assert flat_rows([1.0, 2.0]).shape == (1, 2)
    assert flat_rows(3.0).shape == (1, 1)
    with torch.device("meta"):
        assert np.array_equal(flat_rows(np.eye(2)), np.eye(2))
    assert flat_rows(torch.ones(2, 2, requires_grad=True, dtype=torch.bfloat16)).dtype == np.float64
