"""A ridge regression before it is solved: the rows, the map that makes columns of them, and the penalty."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from .._compute import Array, ArraySpace, Floats, Indices, Tensor
from .penalties import Penalty


class FeatureMap(Protocol):
    """What a solver needs of a map from rows to columns."""

    @property
    def n_columns(self) -> int:
        """Number of columns."""

    @property
    def column_scale(self) -> Array:
        """Factors of shape (n_columns,) between the raw columns and those that are penalised."""

    def columns(self, X: Any) -> Floats:
        """Columns of rows, in a new array of the dtype of `X`."""

    def raw_columns(self, X: Any, out: Floats | None = None) -> Floats:
        """Columns of rows without `column_scale`, written to `out` where it is given."""


@runtime_checkable
class PreparedMap(FeatureMap, Protocol):
    """A map whose inputs and weights can be converted once for many passes over the rows."""

    @property
    def cosines_first_order(self) -> Indices:
        """Positions of the columns in the order in which `cosines_first` writes them."""

    def cosines_first(self, X: Any) -> tuple[Callable[[Any, Floats], Floats], Any]:
        """Return ``columns(rows of inputs, out)``, in the order `cosines_first_order`, and the transformed inputs."""

    def of_transformed(self) -> FeatureMap:
        """The same columns, of inputs that are transformed already."""


class TensorColumns(Protocol):
    """The columns of a map on a device."""

    space: ArraySpace
    dtype: Any
    n_columns: int

    def transformed(self, X: Tensor) -> Tensor:
        """Rows as `raw_columns` takes them."""

    def raw_columns(self, inputs: Tensor) -> Tensor:
        """Columns of transformed rows without `column_scale`, in `dtype`."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Minimise ``|Y - 1 b' - F B|^2 + alpha |B|^2``, weighted, for the columns ``F`` of the rows.

    Parameters
    ----------
    feature_map : FeatureMap
        Makes the columns; the penalty is on coefficients of the scaled ones.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows, at least one, in float32 or float64.
    Y : ndarray of shape (n_samples, n_targets)
        Targets, in the units of the solver.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    penalty : Penalty
        What may be chosen.
    tol : float, default=1e-4
        Relative residual at which conjugate gradients stop.
    max_iter : int, default=200
        Largest number of their passes over the rows.
    seed : int, default=0
        Draws their samples of the rows.
    tensors : TensorColumns, optional
        The same columns on a device, where rows are summed and the system is solved.
    """

    feature_map: FeatureMap
    X: Any
    Y: Array
    sample_weight: Array
    penalty: Penalty
    tol: float = 1e-4
    max_iter: int = 200
    seed: int = 0
    tensors: TensorColumns | None = None

    @property
    def precision(self) -> float:
        """Relative precision of the feature values."""
        return float(np.finfo(self.X.dtype).eps)
