"""Graphs and the tables of their columns."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from sknnk.onnx._graphs import Columns, Graph

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 3))


@pytest.fixture
def scattered():
    """A table of seven columns: two values, a constant and a column of zeros between them."""
    parts = (("A", np.array([4, 1])), ("B", np.array([0, 3, 6])))
    factors, constants = np.array([2.0, 0.5, 1.0, 2.0, 3.0, 1.0, 1.0]), np.array([0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 0.0])
    table = np.zeros((5, 7)) + constants
    table[:, [4, 1]] += A * factors[[4, 1]]
    table[:, [0, 3, 6]] += B * factors[[0, 3, 6]]
    return Columns(parts, factors, constants), table


def test_joined_columns_are_the_table(evaluated, scattered):
    columns, table = scattered
    graph = Graph("g")
    np.testing.assert_allclose(evaluated(graph, columns.joined(graph), A=A, B=B), table, rtol=1e-15)


def test_one_value_as_it_is_needs_no_node():
    graph = Graph("g")
    assert Columns.of("X", 3).joined(graph) == "X"
    assert not graph.nodes


def test_a_product_with_the_columns_is_one_with_the_table(evaluated, scattered):
    columns, table = scattered
    matrix, offset = RNG.normal(size=(7, 4)), RNG.normal(size=4)
    graph = Graph("g")
    result = evaluated(graph, columns.times(graph, matrix, offset), A=A, B=B)
    np.testing.assert_allclose(result, table @ matrix + offset, rtol=1e-13)


def test_squared_norms_are_those_of_the_rows(evaluated, scattered):
    columns, table = scattered
    graph = Graph("g")
    norms = evaluated(graph, columns.squared_norms(graph), A=A, B=B)
    np.testing.assert_allclose(norms[:, 0], np.sum(table**2, axis=1), rtol=1e-14)


def test_squared_norms_of_values_alone(evaluated):
    graph = Graph("g")
    norms = evaluated(graph, Columns.of("A", 2, 3.0).squared_norms(graph), A=A)
    np.testing.assert_allclose(norms[:, 0], 9.0 * np.sum(A**2, axis=1), rtol=1e-14)


def test_tables_side_by_side(evaluated, scattered):
    columns, table = scattered
    both = Columns.of("A", 2, -1.0).followed_by(columns)
    graph = Graph("g")
    np.testing.assert_allclose(evaluated(graph, both.joined(graph), A=A, B=B), np.hstack([-A, table]), rtol=1e-15)


def test_constants_keep_their_kind():
    graph = Graph("g")
    for values in (np.array([1, 2]), np.array([True]), np.array([0.5], dtype=np.float32), np.array(["a", "b"])):
        graph.constant(values)
    assert [each.data_type for each in graph.constants] == [7, 7, 11, 8]
    assert len({each.name for each in graph.constants}) == 4
