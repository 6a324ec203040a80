"""Nodes of an ONNX graph under construction, and tables whose columns are spread over several of its values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from .._compute import Array, Indices


class Graph:
    """Nodes and constants in order of evaluation; called, it adds a node and returns the name of its value.

    Parameters
    ----------
    name : str
        Unique in the model; all names inside begin with it.

    Examples
    --------
    >>> import numpy as np
    >>> graph = Graph("layer")
    >>> graph("MatMul", "X", np.eye(2))
    'layer/MatMul_1'
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[tuple[str, list[str], str, dict[str, Any]]] = []
        self.constants: list[TensorProto] = []

    def __call__(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node; inputs are names of values, or arrays, which become constants."""
        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        output = self._new_name(operator)
        self.nodes.append((operator, names, output, attributes))
        return output

    def constant(self, values: Any) -> str:
        """Add an array: integers and text as they are, every other number as float64."""
        values, name = np.asarray(values), self._new_name("constant")
        if values.dtype.kind in "OUS":
            self.constants.append(helper.make_tensor(name, TensorProto.STRING, values.shape, values.tolist()))
        else:
            dtype = np.int64 if values.dtype.kind in "bui" else np.float64
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=dtype), name))
        return name

    def subgraph(self, name: str) -> "Graph":
        """Begin a graph for an attribute, such as the body of a loop."""
        return Graph(self._new_name(name))

    def sum(self, terms: Sequence[str]) -> str:
        """Add values up."""
        total = terms[0]
        for term in terms[1:]:
            total = self("Add", total, term)
        return total

    def as_attribute(self, inputs: dict[str, int], outputs: Sequence[str]) -> Any:
        """Close a graph that is an attribute: its inputs with their number of dimensions, and its outputs."""
        nodes = [
            helper.make_node(operator, names, [output], **attributes)
            for operator, names, output, attributes in self.nodes
        ]
        taken = [
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None] * rank) for name, rank in inputs.items()
        ]
        given = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in outputs]
        return helper.make_graph(nodes, self.name, taken, given, self.constants)

    def add_to(self, container: Any) -> None:
        """Hand everything over to the model that skl2onnx puts together."""
        for tensor in self.constants:
            text = tensor.data_type == TensorProto.STRING
            content = [each.decode() for each in tensor.string_data] if text else tensor
            container.add_initializer(tensor.name, tensor.data_type, list(tensor.dims), content)
        for operator, names, output, attributes in self.nodes:
            container.add_node(operator, names, [output], name=output, **attributes)

    def _new_name(self, what: str) -> str:
        return f"{self.name}/{what}_{len(self.nodes) + len(self.constants)}"


@dataclass(frozen=True, eq=False)
class Columns:
    """A table whose columns are those of several values, in any order.

    Cosines and sines come as two values where Phi interleaves them. A product with a matrix needs no interleaving: it
    is the sum of two products, with factors and constant columns folded into the matrix.

    Parameters
    ----------
    parts : tuple of (str, ndarray)
        Names of values, and the columns of the table that each of them holds.
    factors : ndarray of shape (n_columns,)
        The table has the values times these.
    constants : ndarray of shape (n_columns,)
        Entries of the columns that no value holds, and zero elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> Columns.of("X", 3).width
    3
    """

    parts: tuple[tuple[str, Indices], ...]
    factors: Array
    constants: Array

    @classmethod
    def of(cls, value: str, width: int, factor: float = 1.0) -> "Columns":
        """One value with as many columns."""
        return cls(((value, np.arange(width)),), np.full(width, factor), np.zeros(width))

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.factors.size

    def followed_by(self, other: "Columns") -> "Columns":
        """The columns of another table to the right of these."""
        moved = tuple((value, place + self.width) for value, place in other.parts)
        return Columns(
            self.parts + moved,
            np.concatenate([self.factors, other.factors]),
            np.concatenate([self.constants, other.constants]),
        )

    def times(self, graph: Graph, matrix: Array, offset: Any = 0.0) -> str:
        """Product with a matrix, plus an offset of shape (n_outputs,)."""
        scaled = matrix * self.factors[:, None]
        total = graph.sum([graph("MatMul", value, scaled[place]) for value, place in self.parts])
        offset = offset + self.constants @ matrix
        return graph("Add", total, np.atleast_2d(offset)) if np.any(offset) else total

    def squared_norms(self, graph: Graph) -> str:
        """Squared norms of the rows, shape (n_samples, 1)."""
        ones = [(value, self.factors[place] ** 2) for value, place in self.parts]
        sums = [graph("MatMul", graph("Mul", value, value), weights[:, None]) for value, weights in ones]
        constant = float(self.constants @ self.constants)
        return graph("Add", graph.sum(sums), np.full((1, 1), constant)) if constant else graph.sum(sums)

    def joined(self, graph: Graph) -> str:
        """The table as one value."""
        held = np.concatenate([place for _, place in self.parts])
        missing = np.setdiff1d(np.arange(self.width), held)
        values, order = [value for value, _ in self.parts], held
        if missing.size:
            # The number of rows is not known yet; a product with zeros has the right number.
            values.append(graph("MatMul", values[0], np.zeros((len(self.parts[0][1]), missing.size))))
            order = np.concatenate([held, missing])
        table = graph("Concat", *values, axis=1) if len(values) > 1 else values[0]
        if np.any(order != np.arange(self.width)):
            table = graph("Gather", table, np.argsort(order), axis=1)
        if np.any(self.factors != 1.0):
            table = graph("Mul", table, self.factors[None, :])
        return graph("Add", table, self.constants[None, :]) if np.any(self.constants) else table
