"""The cheapest solver is the one whose operation counts are least, and one that cannot serve is refused."""

import numpy as np
import pytest

from sknnk import BundledNetworkRegressor
from sknnk._compute.memory import machine_memory
from sknnk._ridge import Penalty, solving
from sknnk._ridge.solving import SOLVERS, check_memory, choose_solver, memory_size, predicted_costs


@pytest.mark.parametrize(
    ("n_samples", "n_columns", "cheapest"),
    [
        (200, 2000, "dual"),
        (100_000, 500, "primal"),
        (100_000, 2000, "primal"),
        (100_000, 10_000, "cg"),
        (1_000_000, 20_000, "cg"),
    ],
)
def test_cheapest_solver(n_samples, n_columns, cheapest):
    costs = predicted_costs(n_samples, n_columns, n_features=20)
    assert min(costs, key=costs.__getitem__) == cheapest


def test_the_preconditioner_costs_a_few_passes_however_many_rows_there_are():
    for n_samples in (20_000, 100_000, 1_000_000):
        costs = predicted_costs(n_samples, 10_000, 20, tol=1e-1)["cg"]
        each = predicted_costs(n_samples, 10_000, 20, tol=1e-2)["cg"] - costs
        assert 0.1 < costs / each < 3.0


@pytest.mark.parametrize("solver", ["primal", "cg"])
def test_cost_is_linear_in_the_rows_once_there_are_many(solver):
    few, many = (predicted_costs(n, 1000, 20)[solver] for n in (10**7, 10**8))
    assert 9.5 < many / few < 10.0 + 1e-9


def test_memory_does_not_grow_with_the_rows_but_for_the_dual():
    def size(n_samples, solver):
        return memory_size((2000,), 20, (n_samples, 20), solver)

    assert size(10**6, "primal") == size(10**5, "primal") < 1e9
    assert size(10**7, "cg") == size(10**6, "cg") < 2.0 * size(10**5, "cg")
    assert size(10**6, "dual") > 50.0 * size(10**5, "dual")


def test_cg_needs_less_memory_than_the_gram_matrix_of_many_features():
    assert memory_size((50_000,), 0, (10**6, 20), "cg") < 0.25 * memory_size((50_000,), 0, (10**6, 20), "primal")


def test_memory_of_the_machine_is_infinite_where_unknown(monkeypatch):
    assert 1e8 < machine_memory() < 1e15
    monkeypatch.delattr("os.sysconf")
    assert machine_memory() == float("inf")


def test_the_choice_and_its_reason_can_be_inspected():
    network = BundledNetworkRegressor(300, random_state=0).fit([[i, i % 7] for i in range(50)], range(50))
    assert network.solver_ == min(network.solver_costs_, key=network.solver_costs_.get) == "dual"
    several = BundledNetworkRegressor(30, alpha=[0.1, 1.0]).fit([[i, i % 7] for i in range(50)], range(50))
    assert set(several.solver_costs_) == {"primal", "dual"}


def test_a_given_penalty_saves_the_tridiagonal_form_and_a_coarse_tolerance_iterations():
    every, given = (predicted_costs(100_000, 10_000, 20, one_penalty=one) for one in (False, True))
    few = predicted_costs(15_000, 4000, 20, one_penalty=True)
    assert min(few, key=few.__getitem__) == "primal"
    assert given["primal"] < 0.7 * every["primal"] and given["cg"] == every["cg"]
    fine, coarse = (predicted_costs(100_000, 10_000, 20, tol=tol)["cg"] for tol in (1e-8, 1e-2))
    assert coarse < 0.3 * fine
    assert predicted_costs(100, 10, 2, tol=2.0)["cg"] > 0.0


def test_the_network_tells_its_penalties_and_its_tolerance():
    X, y = [[i, i % 7] for i in range(50)], range(50)
    one, two = (BundledNetworkRegressor(30, alpha=alpha, random_state=0).fit(X, y) for alpha in (1.0, [1.0, 2.0]))
    assert one.solver_costs_["primal"] < two.solver_costs_["primal"]
    coarse = BundledNetworkRegressor(30, alpha=1.0, tol=1e-2, random_state=0).fit(X, y)
    assert coarse.solver_costs_["cg"] < one.solver_costs_["cg"]


@pytest.mark.parametrize(
    ("solver", "remedy"), [("primal", "solver='cg'"), ("dual", "solver='primal'"), ("cg", "fewer rows")]
)
def test_a_system_beyond_the_memory_is_refused_with_a_remedy(solver, remedy, monkeypatch):
    monkeypatch.setattr(solving, "machine_memory", lambda: 1e6)
    with pytest.raises(ValueError, match=f"n_components=9 for 10000 rows of 20 features.*{remedy}"):
        check_memory(9, (5000,), 0, (10_000, 20), solver)
    with pytest.raises(ValueError, match="direct_link=False"):
        check_memory(9, (5000,), 20_000, (10_000, 20_000), solver)
    check_memory(9, (10,), 0, (100, 3), solver)


@pytest.mark.parametrize("alphas", [None, [[0.1]], [[0.1, 0.2]], [[0.1], [1.0]], [[0.0]]])
def test_the_solver_chosen_is_the_cheapest_of_those_that_can_serve(alphas):
    penalty = Penalty(None if alphas is None else np.array(alphas))
    for shape in ((200, 2000, 20), (100_000, 500, 20), (100_000, 10_000, 20)):
        chosen, costs = choose_solver("auto", *shape, penalty, 1e-4, alphas)
        every = predicted_costs(*shape, 1e-4, penalty.candidates is not None and penalty.candidates.size == 1)
        assert costs == {name: cost for name, cost in every.items() if SOLVERS[name].accepts(penalty)}
        assert costs[chosen] == min(costs.values())
        for asked in costs:
            assert choose_solver(asked, *shape, penalty, 1e-4, alphas) == (asked, costs)


@pytest.mark.parametrize("alphas", [[[0.1], [1.0]], [[0.0]]])
def test_a_solver_that_cannot_serve_says_what_it_needs(alphas):
    with pytest.raises(ValueError, match=r"^solver='cg' needs one positive alpha, or 'auto'; got alpha='as given'\.$"):
        choose_solver("cg", 100, 10, 3, Penalty(np.array(alphas)), 1e-4, "as given")
