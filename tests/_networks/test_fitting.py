"""From rows to a fitted network, and from a fitted network and more rows to another one."""

import numpy as np
import pytest

from sknnk import BundledNetworkRegressor
from sknnk._data import Dataset
from sknnk._integration import Execution
from sknnk._networks.fitting import fit_network, prepare_network, solved_sums
from sknnk._networks.row_sums import summed_rows
from sknnk._networks.specification import NetworkSpec
from sknnk._networks.streaming import extend_network
from sknnk._networks.targets import NumericTargets
from sknnk._ridge import Penalty

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(80, 3)), rng.normal(size=(80, 1))
DATA, TARGETS = Dataset(X, Y, np.ones(80)), NumericTargets(1, True)
FIXED = {"activation": "gaussian", "length_scale": 1.5, "directions": "orthogonal", "frequencies": "isotropic"}


def spec(n_components=12, **parameters):
    network = BundledNetworkRegressor(n_components, **{**FIXED, "random_state": 0, **parameters})
    return NetworkSpec.of(network.get_params())


def predictions(fitted):
    return fitted.scores(X, Execution())


@pytest.mark.parametrize("alpha", [0.1, "auto", [0.1, 1.0]])
def test_a_network_in_two_chunks_is_that_of_one_fit(alpha):
    parameters = spec(alpha=alpha)
    one = extend_network(None, parameters, DATA, TARGETS, Execution())
    first = extend_network(None, parameters, DATA.rows(slice(0, 50)), TARGETS, Execution())
    before = predictions(first).copy()
    both = extend_network(first, parameters, DATA.rows(slice(50, 80)), TARGETS, Execution())
    assert both.n_samples == 80 and first.n_samples == 50
    np.testing.assert_array_equal(predictions(first), before)
    if alpha == 0.1 and one.feature_map.input_map is None:
        np.testing.assert_allclose(predictions(both), predictions(one), rtol=1e-9)


def test_chunks_continue_a_fit():
    parameters = spec(alpha=0.1, input_transform=None)
    whole = fit_network(parameters, DATA, TARGETS, Execution())
    first = fit_network(parameters, DATA.rows(slice(0, 50)), TARGETS, Execution())
    both = extend_network(first, parameters, DATA.rows(slice(50, 80)), TARGETS, Execution())
    if first.feature_map.link_scale == whole.feature_map.link_scale:
        np.testing.assert_allclose(predictions(both), predictions(whole), rtol=1e-8)
    columns = both.columns(X, Execution())
    system = columns - columns.mean(axis=0)
    expected = np.linalg.solve(system.T @ system + 0.1 * np.eye(columns.shape[1]), system.T @ (Y - Y.mean()))
    np.testing.assert_allclose(both.coef[0], expected[:, 0], rtol=1e-7, atol=1e-9)


def test_iterations_keep_no_sums_that_a_chunk_could_be_added_to():
    fitted = fit_network(spec(alpha=0.1, solver="cg"), DATA, TARGETS, Execution())
    with pytest.raises(ValueError, match="solver='cg' keeps no sums that partial_fit could add to"):
        extend_network(fitted, spec(alpha=0.1), DATA, TARGETS, Execution())


def test_a_prepared_network_is_solved_for_any_rows():
    units, penalty = DATA.units, Penalty(np.array([[0.1]]))
    scaled = DATA.in_units(units)
    prepared = prepare_network(spec(alpha=0.1), scaled, units, (12,), penalty, Execution())
    fitted = solved_sums(prepared, summed_rows(prepared.feature_map, scaled, Execution()), TARGETS, X.dtype)
    np.testing.assert_allclose(
        predictions(fitted), predictions(fit_network(spec(alpha=0.1), DATA, TARGETS, Execution())), rtol=1e-9
    )
    assert fitted.sums is None and fitted.solver == "primal"


@pytest.mark.parametrize(
    ("parameters", "solver"), [({}, "primal"), ({"solver": "dual"}, "dual"), ({"solver": "cg"}, "cg")]
)
def test_what_the_solvers_would_cost_is_kept(parameters, solver):
    fitted = fit_network(spec(alpha=0.1, **parameters), DATA, TARGETS, Execution())
    assert fitted.solver == solver and fitted.solver_costs.keys() == {"primal", "dual", "cg"}
