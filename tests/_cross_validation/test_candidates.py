"""What the candidates of a search share, and the networks made of it."""

import numpy as np
import pytest

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, BundledNetworkRegressorCV
from sknnk._cross_validation.candidates import SearchPlan, leading_features, link_scale_of
from sknnk._data import Dataset, transform_inputs
from sknnk._integration import Execution
from sknnk._networks import ClassTargets, NumericTargets, fitted_network
from sknnk._ridge import decompose, decompose_rows
from sknnk._ridge.moments import Moments

RNG = np.random.default_rng(0)
N = 200
X = RNG.normal(size=(N, 3))
Y = np.column_stack([np.sin(X[:, 0]), 1e-6 * X[:, 1] ** 2]) + 0.1 * RNG.normal(size=(N, 2)) * [1.0, 1e-6]
WEIGHT = RNG.integers(1, 4, size=N).astype(float)
LABELS = np.digitize(Y[:, 0], [-0.4, 0.4])
DATA = Dataset(X, Y, WEIGHT)
KERNEL = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": "scale"}


def plan(count=16, kind=BundledNetworkRegressor, targets=None, **options):
    network = kind(count, alpha=1.0, random_state=0, **{**KERNEL, **options})
    targets = NumericTargets(2, False) if targets is None else targets
    return SearchPlan(network, targets, {"n_features_in_": 3}, Execution())


def length_scale(plan, data=DATA):
    return plan.with_length_scale(data).estimator.length_scale


def solved(prepared, count, data, alpha=0.1):
    """Network of the first features, and its rows diagonalised."""
    narrow = leading_features(prepared.feature_map, count, prepared.feature_map.link_scale)
    columns, scaled = narrow.columns(data.X), data.in_units(prepared.target_units)
    if len(columns) < narrow.n_columns:
        system = decompose_rows(columns, scaled.Y, scaled.sample_weight, np.finfo(float).eps)
    else:
        system = decompose(Moments.from_block(columns, scaled.Y, scaled.sample_weight), np.finfo(float).eps)
    return prepared.solved(narrow, system, alpha, data.X.dtype)


def test_the_length_scale_is_where_the_kernel_of_two_typical_rows_falls_to_one_over_e():
    found = length_scale(plan(input_transform=None), Dataset(X, Y, np.ones(N)))
    assert found == pytest.approx(np.sqrt(np.var(X, axis=0).sum()), rel=1e-6)


def test_the_length_scale_knows_weights_but_not_targets():
    given = length_scale(plan())
    assert length_scale(plan(), Dataset(X, -(Y**2), WEIGHT)) == given
    assert length_scale(plan(), Dataset(X, Y, np.ones(N))) != given
    every = np.repeat(np.arange(N), WEIGHT.astype(int))
    repeated = Dataset(X[every], Y[every], np.ones(len(every)))
    assert length_scale(plan(), repeated) == pytest.approx(given, rel=1e-9)


@pytest.mark.parametrize("name", ["activation", "directions", "frequencies"])
def test_an_automatic_kernel_chooses_its_length_scale_itself(name):
    assert length_scale(plan(**{name: "auto"})) == "auto"


@pytest.mark.parametrize("given", [3.0, "auto", np.array([1.0, 2.0, 3.0])])
def test_a_length_scale_that_is_no_rule_stays(given):
    fixed = plan(length_scale=given)
    assert fixed.with_length_scale(DATA) is fixed


def test_a_plan_stays_as_it_is_whatever_is_made_of_it():
    one = plan()
    one.prepared(DATA)
    candidate = one.candidate(5, 0.25)
    assert one.estimator.length_scale == "scale"
    assert (one.estimator.n_components, one.estimator.alpha) == (16, 1.0)
    assert candidate is not one.estimator and not hasattr(candidate, "output_coef_")
    assert (candidate.n_components, candidate.alpha) == (5, 0.25)
    changed = {"n_components": 5, "alpha": 0.25}
    assert candidate.get_params() == {**one.estimator.get_params(), **changed}


@pytest.mark.parametrize("direct_link", [True, False])
@pytest.mark.parametrize("count", [1, 5, 16])
def test_the_first_features_are_those_of_a_network_of_that_size(count, direct_link):
    wide = plan(16, direct_link=direct_link).prepared(DATA).feature_map
    narrow = plan(count, direct_link=direct_link).prepared(DATA).feature_map
    cut = leading_features(wide, count, wide.link_scale)
    np.testing.assert_array_equal(cut.columns(X), narrow.columns(X))
    n_linked = 3 if direct_link else 0
    np.testing.assert_allclose(cut.raw_columns(X), wide.raw_columns(X)[:, : n_linked + count], atol=1e-14)


def test_columns_are_those_of_the_network_with_the_same_seed():
    prepared = plan().prepared(DATA)
    network = prepared.plan.candidate(16, 1.0).fit(X, Y, sample_weight=WEIGHT)
    np.testing.assert_array_equal(prepared.feature_map.columns(X), network.transform(X))
    assert np.all(np.log2(prepared.target_units) % 1.0 == 0.0) and np.ptp(prepared.target_units) > 0.0
    np.testing.assert_array_equal(prepared.target_units, fitted_network(network).target_units)


@pytest.mark.parametrize(("rows", "solver"), [(slice(None), "primal"), (slice(0, 10), "dual")])
@pytest.mark.parametrize("count", [9, 16])
def test_a_candidate_is_the_fitted_network_with_its_parameters(count, rows, solver):
    data = Dataset(X[rows], Y[rows], WEIGHT[rows])
    prepared = plan().prepared(data)
    candidate = prepared.as_candidate(prepared.completed(solved(prepared, count, data), data))
    assert (candidate.n_components, candidate.alpha, candidate.n_components_) == (count, 0.1, (count,))
    assert candidate.solver_ == solver
    plain = prepared.plan.candidate(count, 0.1).fit(data.X, data.Y, sample_weight=data.sample_weight)
    for name in ("output_coef_", "intercept_", "alpha_", "effective_dof_", "noise_variance_"):
        ours, theirs = getattr(candidate, name), getattr(plain, name)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-12, err_msg=name)
    assert candidate.n_samples_seen_ == plain.n_samples_seen_ == len(data)
    np.testing.assert_allclose(candidate.predict_interval(X), plain.predict_interval(X), rtol=1e-5, atol=1e-12)


def test_a_classifier_that_is_completed_has_the_temperature_of_the_fitted_one():
    targets = ClassTargets.of(LABELS, None)
    data = Dataset(X, targets.encode(LABELS), WEIGHT)
    prepared = plan(16, BundledNetworkClassifier, targets).prepared(data)
    network = solved(prepared, 9, data)
    assert network.targets.inverse_temperature is None
    candidate = prepared.as_candidate(prepared.completed(network, data))
    plain = prepared.plan.candidate(9, 0.1).fit(X, LABELS, sample_weight=WEIGHT)
    assert candidate.inverse_temperature_ == pytest.approx(plain.inverse_temperature_, rel=1e-6)
    np.testing.assert_allclose(candidate.predict_proba(X), plain.predict_proba(X), atol=1e-8)


def test_the_direct_link_is_scaled_as_that_of_a_network_of_these_rows():
    prepared, half = plan(input_transform=None).prepared(DATA), DATA.rows(np.arange(N // 2))
    narrow = Dataset(half.X * [1.0, 0.1, 3.0], half.Y, half.sample_weight)
    own = plan(input_transform=None, length_scale=prepared.plan.spec.length_scale).prepared(narrow)
    inputs = transform_inputs(prepared.feature_map.input_map, narrow.X)
    found = link_scale_of(prepared, Dataset(inputs, narrow.Y, narrow.sample_weight))
    assert found == pytest.approx(own.feature_map.link_scale, rel=1e-9)
    assert found != pytest.approx(prepared.feature_map.link_scale, rel=1e-2)


def test_an_unknown_activation_is_refused_by_the_name_of_the_parameter():
    with pytest.raises(ValueError, match=r"activations=\['gaussian', 'reluu'\] holds 'reluu', .* there are cauchy,"):
        BundledNetworkRegressorCV((8,), activations=["gaussian", "reluu"]).fit(X, Y)
