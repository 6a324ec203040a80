import numpy as np
import pytest

from sknnk._data import Dataset
from sknnk._integration import Execution
from sknnk._networks.losses.samples import SAMPLE_SIZE, SampledRows, learned_columns, sampled_units
from sknnk._networks.specification import NetworkSpec


def spec(**changes):
    chosen = {
        "n_components": 30, "activation": "gaussian", "length_scale": 2.0, "directions": "orthogonal",
        "frequencies": "isotropic", "alpha": "auto", "solver": "auto", "tol": 1e-4, "max_iter": 200,
        "feature_map": "auto", "feature_learning": None, "input_transform": None, "direct_link": True,
        "random_state": 0,
    }  # fmt: skip
    return NetworkSpec(**{**chosen, **changes})


def data(n=60):
    X = np.random.default_rng(0).normal(size=(n, 2))
    return Dataset.of(X, np.sin(X[:, :1]), np.ones(n))


@pytest.mark.parametrize("kind", ["kernel", "random"])
def test_outputs_for_the_rows_themselves_are_those_of_the_solution(kind):
    table = data()
    learned = learned_columns(spec(), kind, table, 0, Execution())
    sampled = SampledRows.of(learned, table.X, Execution())
    state, _ = sampled.rows.solve(table.Y, table.sample_weight, float(learned.alphas(1)[0]))
    np.testing.assert_allclose(sampled.outputs(state, table.X, Execution()), state.values, atol=1e-6)
    assert np.mean((state.values - table.Y) ** 2) < 0.05


def test_a_weight_of_two_is_drawn_as_two_rows_and_no_more_than_enough_are():
    table = data(20)
    twice = Dataset(table.X, table.Y, np.where(np.arange(20) < 5, 2.0, 1.0))
    drawn = sampled_units(twice, 0)
    assert len(drawn) == 25 and np.all(drawn.sample_weight == 1.0)
    assert len(sampled_units(data(SAMPLE_SIZE + 5), 0)) == SAMPLE_SIZE
