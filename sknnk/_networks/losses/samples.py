"""Columns that squares choose, and the products of the columns of some rows, on which losses are tried out."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._compute import Array, one_blas_thread
from ..._data import Dataset, dense_inputs, unit_rows
from ..._features import KernelMap, RandomMap
from ..._integration import Execution
from ..._kernel_learning import KernelTask
from ..._losses import State
from ..._ridge import Penalty
from ..choice import NetworkChoice
from ..fitting import PreparedNetwork, prepare_network
from ..kernel_fitting import choice_of, chosen_kernel
from ..specification import NetworkSpec
from .rows import ColumnsHere, ExactRows, GivenKernel, precise_columns

# Rows on which losses are tried out.
SAMPLE_SIZE = 800


@dataclass(frozen=True, eq=False)
class LearnedKernel:
    """A kernel that squares chose.

    Parameters
    ----------
    task : KernelTask
        The kernel; its rows are merged where guides are equal.
    choice : NetworkChoice
        How it was chosen.
    guide : ndarray of shape (n_samples, n_targets)
        Targets of the squares, in their units, in the order of the table.
    """

    task: KernelTask
    choice: NetworkChoice
    guide: Array

    def alphas(self, n_targets: int) -> Array:
        """Penalty of squares for each target."""
        return np.full(n_targets, self.task.choice.best.alpha)

    def map_of(self, X: Array) -> KernelMap:
        """Columns whose centres are some raw rows."""
        inputs = np.asarray(dense_inputs(self.task.input_map, X), dtype=np.float64)
        return KernelMap(self.task.input_map, self.task.choice.best.kernels, inputs)


@dataclass(frozen=True, eq=False)
class LearnedLayers:
    """Random columns that squares chose.

    Parameters
    ----------
    prepared : PreparedNetwork
        The columns.
    """

    prepared: PreparedNetwork

    @property
    def choice(self) -> NetworkChoice:
        """How they were chosen."""
        return self.prepared.choice

    def alphas(self, n_targets: int) -> Array:
        """Penalty of squares for each target; one where there were too few rows for a choice."""
        centre = self.choice.centre
        return np.ones(n_targets) if centre is None else np.asarray(centre)

    def map_of(self, X: Array) -> RandomMap:
        """The columns, which do not depend on the rows."""
        assert isinstance(self.prepared.feature_map, RandomMap)
        return self.prepared.feature_map


Learned = LearnedKernel | LearnedLayers


def learned_columns(spec: NetworkSpec, kind: str, guide: Dataset, seed: int, execution: Execution) -> Learned:
    """Choose columns by squares.

    Parameters
    ----------
    spec : NetworkSpec
        The parameters.
    kind : {"kernel", "random"}
        Kind of columns.
    guide : Dataset
        Rows, with the targets of the squares.
    seed : int
        Seed of everything random.
    execution : Execution
        Threads and progress.

    Returns
    -------
    LearnedKernel or LearnedLayers
        What was chosen.
    """
    scaled = guide.in_units(guide.units)
    if kind == "kernel":
        task = chosen_kernel(spec, scaled, None, seed, execution)
        return LearnedKernel(task, choice_of(task, seed, "agop" in spec.learning), scaled.Y)
    sizes = spec.layer_sizes(float(guide.sample_weight.sum()))
    prepared = prepare_network(spec, scaled, np.ones(guide.n_targets), sizes, Penalty(), execution, seed)
    prepared.feature_map.check_range(guide.X)
    return LearnedLayers(prepared)


@dataclass(frozen=True, eq=False)
class SampledRows:
    """Some rows, and the products of their columns.

    Parameters
    ----------
    feature_map : RandomMap or KernelMap
        The columns.
    X : {ndarray, CSR array} of shape (n_rows, n_features)
        The rows.
    rows : ExactRows
        The same as weighted solutions see them.
    """

    feature_map: RandomMap | KernelMap
    X: Any
    rows: ExactRows

    @classmethod
    def of(cls, learned: Learned, X: Any, execution: Execution) -> "SampledRows":
        """Multiply the columns of rows with each other."""
        feature_map = learned.map_of(X)
        with one_blas_thread():
            columns = precise_columns(feature_map, X)
            kernel = columns if isinstance(feature_map, KernelMap) else columns @ columns.T
        ones = np.ones(len(kernel), dtype=np.int64)
        return cls(feature_map, X, ExactRows(GivenKernel(kernel), len(kernel), ones, execution.threads))

    def weights(self, state: State) -> Array:
        """Coefficients of the columns of the map, for a network of these rows."""
        if isinstance(self.feature_map, RandomMap):
            return np.asarray(precise_columns(self.feature_map, self.X).T @ state.coef)
        return state.coef

    def outputs(self, state: State, X: Any, execution: Execution) -> Array:
        """Outputs of a network of these rows for others, of shape (n_samples, n_outputs)."""
        others = ColumnsHere(self.feature_map, X, execution)
        return others.outputs(self.weights(state)) + state.intercept


def sampled_units(data: Dataset, seed: int) -> Dataset:
    """Draw rows, where a weight of two is two rows.

    Parameters
    ----------
    data : Dataset
        Distinct rows.
    seed : int
        Draws them.

    Returns
    -------
    Dataset
        Up to 800 of them.
    """
    rng = np.random.default_rng([seed, len(data)])
    X, Y, weight = unit_rows(data.X, data.Y, data.sample_weight, rng, SAMPLE_SIZE)
    return replace(data, X=X, Y=Y, sample_weight=weight)
