"""A fitted network as a value: what it says of rows, and what is left of it when it travels."""

import pickle
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._integration import Execution
from sknnk._networks import fitted_network
from sknnk._networks.fitted import over_blocks

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
Y = np.column_stack([np.sin(X[:, 0]), 1e3 * X[:, 1]]) + 0.1 * rng.normal(size=(60, 2))
KERNEL = {"activation": "gaussian", "length_scale": 1.5, "random_state": 0, "n_jobs": 1}
MODELS = {
    "random": BundledNetworkRegressor(12, **KERNEL),
    "one penalty": BundledNetworkRegressor(12, **KERNEL, alpha=0.1),
    "exact": BundledNetworkRegressor(**KERNEL, feature_map="kernel"),
    "landmarks": BundledNetworkRegressor(12, **KERNEL, feature_map="kernel"),
    "cg": BundledNetworkRegressor(12, **KERNEL, solver="cg", alpha=0.1),
    "dual": BundledNetworkRegressor(80, **KERNEL, solver="dual"),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param].fit(X, Y)


def test_scores_are_columns_times_the_output_matrix(model):
    fitted = fitted_network(model)
    scores, columns = fitted.scores(X, Execution()), fitted.columns(X, Execution())
    np.testing.assert_allclose(scores, columns @ fitted.coef.T + fitted.intercept, rtol=1e-7, atol=1e-7)
    np.testing.assert_array_equal(scores, model.predict(X))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_rows_may_be_cut_in_any_way(model, threads, batch_size):
    fitted, execution = fitted_network(model), Execution(threads, batch_size)
    for method in (fitted.scores, fitted.columns, fitted.deviation):
        np.testing.assert_allclose(method(X, execution), method(X, Execution()), rtol=1e-9, atol=1e-9)


def test_units_of_the_targets_are_powers_of_two_and_show_nowhere(model):
    units = fitted_network(model).target_units
    assert np.array_equal(np.exp2(np.round(np.log2(units))), units) and units[1] > 100.0 * units[0]
    other = MODELS_BY_SIZE(model).fit(X, 1024.0 * Y)
    np.testing.assert_array_equal(other.output_coef_, 1024.0 * model.output_coef_)


def MODELS_BY_SIZE(model):
    return type(model)(**model.get_params())


def test_it_cannot_be_changed(model):
    with pytest.raises(FrozenInstanceError):
        fitted_network(model).solver = "other"


def test_attributes_of_the_estimator_are_its_attributes(model):
    attributes = fitted_network(model).attributes()
    assert attributes.keys() >= {"output_coef_", "intercept_", "alpha_", "effective_dof_", "samplers_", "solver_"}
    for name, value in attributes.items():
        np.testing.assert_equal(getattr(model, name), value)
    assert not {name for name in vars(model) if name.endswith("_")} - attributes.keys() - {"n_features_in_"}


def test_without_its_factor_it_predicts_the_same_and_takes_less_memory(model):
    fitted = fitted_network(model)
    fitted.deviation(X, Execution())
    light = fitted.without_factor()
    np.testing.assert_array_equal(light.scores(X, Execution()), fitted.scores(X, Execution()))
    assert len(pickle.dumps(light)) <= len(pickle.dumps(fitted))
    assert light.sums is None and light.kernel_rows is None
    assert light.solution.variance(np.zeros((1, fitted.feature_map.n_columns))) is None


def test_diagonalised_it_says_the_same_deviations(model):
    fitted = fitted_network(model)
    before = fitted.deviation(X, Execution())
    np.testing.assert_array_equal(fitted.diagonalised().deviation(X, Execution()), before)


@pytest.mark.parametrize("feature_map", ["random", "kernel"])
def test_probabilities_are_fitted_once_with_the_network(feature_map):
    labels = np.digitize(X[:, 0], [-0.5, 0.5])
    classifier = BundledNetworkClassifier(**KERNEL, feature_map=feature_map).fit(X, labels)
    fitted = fitted_network(classifier)
    assert fitted.targets.inverse_temperature == classifier.inverse_temperature_ > 0.0
    again = fitted.targets.probabilities(fitted.scores(X, Execution()))
    np.testing.assert_array_equal(classifier.predict_proba(X), again)


def test_the_type_of_the_rows_is_kept_by_name():
    fitted = fitted_network(BundledNetworkRegressor(4, **KERNEL).fit(X.astype(np.float32), Y))
    assert fitted.dtype == "float32" and fitted.coef.dtype == fitted.intercept.dtype == np.float32
    assert replace(fitted, dtype=np.float64).dtype == "float64"
    assert {each.name for each in fields(fitted)} >= {"feature_map", "solution", "target_units", "choice", "held_out"}


def test_blocks_cover_every_row_once():
    for n_samples in (0, 1, 15, 16, 1000):
        seen = np.zeros(n_samples, dtype=int)

        def count(rows, seen=seen):
            seen[rows] += 1

        over_blocks(count, n_samples, 2000, Execution(2, 7))
        assert np.all(seen == 1)
