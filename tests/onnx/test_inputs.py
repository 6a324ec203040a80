"""Filled gaps and the quantile map as nodes."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sknnk._data import fit_table_encoder
from sknnk._data.quantiles import fit_quantile_map
from sknnk.onnx._graphs import Graph
from sknnk.onnx._inputs import filled_value, quantile_value

RNG = np.random.default_rng(0)
COLUMNS = {
    "normal": RNG.normal(size=3000),  # more values than knots
    "heavy tails": RNG.standard_cauchy(size=3000),
    "large unit": 1e6 + RNG.normal(size=3000),
    "codes": RNG.integers(0, 4, size=3000).astype(float),
    "flag": (np.arange(3000) == 5).astype(float),
    "constant": np.full(3000, 3.0),
}


@pytest.fixture(scope="module")
def fitted():
    return fit_quantile_map(COLUMNS.values())


@pytest.mark.parametrize("rows", ["seen", "between", "beyond"])
def test_the_nodes_are_the_map(evaluated, fitted, rows):
    X = np.stack(list(COLUMNS.values()), axis=1)
    if rows == "between":
        X = 0.5 * (X + X[::-1])
    elif rows == "beyond":
        X = np.concatenate([X * 1e3, -X - 1e9, np.full((1, X.shape[1]), 1e300)])
    graph = Graph("g")
    result = evaluated(graph, quantile_value(graph, fitted, "X"), X=X)
    expected = fitted(X, np.empty_like(X))
    np.testing.assert_allclose(result, expected, atol=1e-12)
    assert np.mean(result == expected) > 0.9  # the same operations in the same order


def test_one_knot_sends_everything_to_its_score(evaluated):
    quantiles = fit_quantile_map(np.full((1, 4), 2.0))
    graph = Graph("g")
    result = evaluated(graph, quantile_value(graph, quantiles, "X"), X=np.array([[1.0], [2.0], [3.0]]))
    np.testing.assert_array_equal(result, np.zeros((3, 1)))


@pytest.mark.parametrize("with_gaps", [False, True])
def test_the_nodes_fill_gaps_as_the_table_does(evaluated, with_gaps):
    X = RNG.normal(size=(40, 3))
    X[:9, 1] = np.nan if with_gaps else 0.0
    table, _ = fit_table_encoder(None, X, np.ones(40), None, None)
    X[:3, 2] = np.nan
    graph = Graph("g")
    np.testing.assert_array_equal(evaluated(graph, filled_value(graph, table, "X"), X=X), table(X))


def test_without_a_table_nothing_is_added():
    assert filled_value(Graph("g"), None, "X") == "X"
