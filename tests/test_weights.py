"""Weights have no unit of their own: a common factor changes nothing automatic, and a whole weight is a repetition."""

import numpy as np
import pytest
from sklearn.base import clone

from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
)
from sknnk._networks import streaming

FACTORS = [1e-300, 1 / 400, 2e11, 1e300]
RNG = np.random.default_rng(0)
N = 60
X, NEW = RNG.normal(size=(N, 2)), RNG.normal(size=(20, 2))
y = np.sin(2.0 * X[:, 0]) + X[:, 1] + 0.3 * RNG.normal(size=N)
WHOLE, REAL = RNG.integers(1, 4, N).astype(float), RNG.uniform(0.3, 2.0, N)
FEW = {"activation": "gaussian", "length_scale": 1.0, "random_state": 0}
REGRESSORS = {
    "exact": BundledNetworkRegressor(feature_map="kernel", **FEW),
    "landmarks": BundledNetworkRegressor(20, feature_map="kernel", **FEW),
    "primal": BundledNetworkRegressor(30, feature_map="random", solver="primal", **FEW),
    "dual": BundledNetworkRegressor(90, feature_map="random", solver="dual", **FEW),
    "cg": BundledNetworkRegressor(30, feature_map="random", solver="cg", tol=1e-10, **FEW),
    "auto": BundledNetworkRegressor(16, random_state=0),
}


def said(model, y, weight, X=X):
    """Everything that a fit says, and its penalty."""
    model = clone(model).fit(X, y, weight)
    if isinstance(model, BundledNetworkClassifier):
        return {"proba": model.predict_proba(NEW), "dof": model.effective_dof_, "solver": model.solver_}, model.alpha_
    mean, std = model.predict(NEW, return_std=True)
    found = {"mean": mean, "std": std, "interval": model.predict_interval(NEW, 0.8), "solver": model.solver_}
    return {**found, "dof": model.effective_dof_, "noise": model.noise_variance_}, model.alpha_


def assert_same(found, expected, rtol):
    assert found.pop("solver") == expected["solver"]
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize(
    ("weight", "factors"),
    [(np.ones(N), (1e-300, 3.0)), (WHOLE, (1 / 400, 1e25)), (REAL, (2e11, 1e300))],
    ids=["ones", "whole", "real"],
)
@pytest.mark.parametrize("name", REGRESSORS)
def test_a_common_factor_changes_no_prediction_deviation_or_interval(name, weight, factors):
    expected, alpha = said(REGRESSORS[name], y, weight)
    for factor in factors:
        found, own = said(REGRESSORS[name], y, factor * weight)
        assert_same(found, expected, 1e-7)
        assert own == pytest.approx(factor * alpha, rel=1e-9)


@pytest.mark.parametrize("feature_map", ["kernel", "random"])
@pytest.mark.parametrize("by_class", [False, True])
def test_a_common_factor_changes_no_probability_whether_of_rows_or_of_classes(feature_map, by_class):
    model = BundledNetworkClassifier(20, feature_map=feature_map, **FEW)
    expected, _ = said(model, y > 0.0, np.ones(N))
    for factor in FACTORS:
        scaled = model.set_params(class_weight={False: factor, True: factor} if by_class else None)
        found, _ = said(scaled, y > 0.0, np.ones(N) if by_class else np.full(N, factor))
        assert_same(found, expected, 1e-7)


@pytest.mark.parametrize("name", REGRESSORS)
def test_writing_the_table_out_by_its_weights_any_number_of_times_changes_nothing_automatic(name):
    expected, _ = said(REGRESSORS[name], y, WHOLE)
    # Random columns look at rows one by one for deviations of residuals, and landmarks are drawn: the fit is the same.
    for times in (1, 2):
        every = np.repeat(np.arange(N), WHOLE.astype(int) * times)
        found, _ = said(REGRESSORS[name], y[every], np.ones(len(every)), X[every])
        names = ("mean", "dof", "noise")
        assert_same({**{n: found[n] for n in names}, "solver": expected["solver"]}, expected, 1e-5)


@pytest.mark.parametrize("name", ["exact", "primal", "dual"])
def test_a_fit_with_the_penalty_that_was_found_is_the_same_fit(name):
    for factor in (1 / 400, 1.0, 2e11):
        _, alpha = said(REGRESSORS[name], y, factor * WHOLE)
        first = clone(REGRESSORS[name]).fit(X, y, factor * WHOLE)
        again = clone(REGRESSORS[name]).set_params(alpha=float(alpha)).fit(X, y, factor * WHOLE)
        np.testing.assert_allclose(again.predict(NEW), first.predict(NEW), rtol=1e-6)


def test_a_given_penalty_is_in_the_unit_of_the_weights_as_in_ridge():
    for solver in ("primal", "dual", "cg"):
        model = BundledNetworkRegressor(90, feature_map="random", solver=solver, alpha=0.7, tol=1e-10, **FEW)
        twice = clone(model).set_params(alpha=1.4).fit(X, y, 2.0 * REAL)
        np.testing.assert_allclose(twice.predict(NEW), model.fit(X, y, REAL).predict(NEW), rtol=1e-6)


@pytest.mark.parametrize("name", ["exact", "primal"])
def test_chunks_keep_the_unit_of_the_first(name, monkeypatch):
    monkeypatch.setattr(streaming, "FEW_ROWS", 40)  # the last chunk is added to layers that are fixed

    def fitted(factor):
        model = clone(REGRESSORS[name])
        for rows in (slice(0, 30), slice(30, 45), slice(45, N)):
            model.partial_fit(X[rows], y[rows], factor * (1.0 + np.arange(N)[rows] // 15))
        return model.predict(NEW, return_std=True)

    for factor in (1e-12, 1 / 400, 2e11):
        np.testing.assert_allclose(fitted(factor), fitted(1.0), rtol=1e-7)
    # All weights of the last chunk are four, in the unit of the first: as if it came four times.
    repeated = clone(REGRESSORS[name])
    for rows in (slice(0, 30), slice(30, 45), *[slice(45, N)] * 4):
        repeated.partial_fit(X[rows], y[rows], np.where(np.arange(N) < 45, 1.0 + np.arange(N) // 15, 1.0)[rows])
    np.testing.assert_allclose(fitted(1.0)[0], repeated.predict(NEW), rtol=1e-6)


def test_cross_validated_networks_scale_their_penalties_with_the_weights():
    model = BundledNetworkRegressorCV((8, 16), alphas=(1.0, 0.1), cv=3, random_state=0)
    expected = model.fit(X, y, REAL).predict(NEW, return_std=True)
    for factor in (1e-12, 1 / 400, 1e3):
        scaled = clone(model).set_params(alphas=(factor * 1.0, factor * 0.1)).fit(X, y, factor * REAL)
        np.testing.assert_allclose(scaled.predict(NEW, return_std=True), expected, rtol=1e-7)
        assert scaled.best_params_["n_components"] == model.best_params_["n_components"]


@pytest.mark.parametrize("factor", [1e-12, 2e11])
def test_a_common_factor_of_rows_or_classes_changes_nothing_that_a_search_finds(factor):
    options = {"n_components": (8, 16), "cv": 3, "random_state": 0}
    model = BundledNetworkRegressorCV(**options).fit(X, y, REAL)
    scaled = clone(model).fit(X, y, factor * REAL)
    np.testing.assert_allclose(scaled.predict(NEW), model.predict(NEW), rtol=1e-7)
    assert scaled.best_index_ == model.best_index_ and scaled.alpha_ == pytest.approx(factor * model.alpha_, rel=1e-9)
    classes = [BundledNetworkClassifierCV(**options, class_weight={False: w, True: 2.0 * w}) for w in (1.0, factor)]
    expected, found = (each.fit(X, y > 0.0).predict_proba(NEW) for each in classes)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["exact", "primal", "dual", "auto"])
def test_one_row_of_enormous_weight_leaves_the_others_their_say(name):
    for heavy in (1e9, 1e18, 1e300):
        weight = np.ones(N)
        weight[0] = heavy
        mean = clone(REGRESSORS[name]).fit(X, y, weight).predict(X[1:])
        assert 1.0 - np.var(y[1:] - mean) / np.var(y[1:]) > 0.3


def test_kernels_with_rows_are_chosen_by_all_rows_however_heavy_one_is():
    truth, model = np.sin(2.0 * NEW[:, 0]) + NEW[:, 1], BundledNetworkRegressor(random_state=0)
    for place in range(3):
        weight = np.ones(N)
        weight[place] = 1e9
        assert model.fit(X, y, weight).score(NEW, truth) > 0.8
        # The heavy row itself is met.
        np.testing.assert_allclose(model.predict(X[[place]]), y[place], atol=1e-6)
