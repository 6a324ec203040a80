"""The parameters of a network as a value, and what they allow."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from .._compute import Array
from .._features import Candidate
from .._kernel_learning import MIN_ROWS, is_wide, layer_sizes
from .._ridge import Penalty

# From this many input columns on, projections on random directions cost less than distances between all rows.
_MAX_COMPARED_FEATURES = 1000
# Size of a sparse table as a dense one, up to which nothing is lost by making it one. A bound of its own, and not the
# memory of the machine, so that all machines choose alike.
_MOST_DENSE_BYTES = 2**28
# Beyond these bounds a penalty is none, or leaves nothing but the mean, whatever the features.
_LEAST_ALPHA = 1e-150


@dataclass(frozen=True, eq=False)
class NetworkSpec:
    """The parameters of a bundled network.

    Parameters
    ----------
    n_components, activation, length_scale, directions, frequencies, alpha, solver, tol, max_iter, feature_map, \
feature_learning, input_transform, direct_link, random_state, block_size, loss, quantile
        As in :class:`sknnk.BundledNetworkRegressor`.
    learned_gain : float
        Share of the error that learned length scales must gain over equal ones.
    """

    n_components: Any
    activation: Any
    length_scale: Any
    directions: str
    frequencies: str
    alpha: Any
    solver: str
    tol: float
    max_iter: int
    feature_map: str
    feature_learning: str | None
    input_transform: str | None
    direct_link: bool
    random_state: Any
    block_size: Any = "auto"
    learned_gain: float = 0.0
    loss: str = "squared_error"
    quantile: Any = 0.5

    @classmethod
    def of(cls, parameters: dict[str, Any], learned_gain: float = 0.0) -> Self:
        """Take the parameters of an estimator.

        Parameters
        ----------
        parameters : dict of str to object
            What its ``get_params(deep=False)`` gives. Parameters that this class does not have are ignored.
        learned_gain : float
            As the class has it.

        Returns
        -------
        NetworkSpec
            The parameters.
        """
        names = cls.__dataclass_fields__.keys() & parameters.keys()
        return cls(**{name: parameters[name] for name in names}, learned_gain=learned_gain)

    @property
    def uses_squares(self) -> bool:
        """Whether the loss is that of least squares, by its name in regression or classification."""
        return self.loss in ("squared_error", "squared")

    @property
    def has_classes(self) -> bool:
        """Whether the targets are classes, which the name of the loss tells."""
        return self.loss in ("squared", "log_loss")

    @property
    def kernel(self) -> Candidate:
        """What the user fixed of the kernel; every other entry is ``"auto"``."""
        return Candidate(self.activation, self.directions, self.frequencies, self.length_scale)

    @property
    def learning(self) -> set[str]:
        """What is learned before the fit: ``"agop"`` and ``"resample"``, one of them, or nothing."""
        learning = {"agop", "resample"} if self.feature_learning == "both" else {str(self.feature_learning)}
        if self.feature_learning == "auto":
            learning = {"agop", "resample"} if _is_auto(self.activation) and _is_auto(self.n_components) else set()
        return learning & ({"agop", "resample"} if isinstance(self.length_scale, str) else {"resample"})

    def learning_of(self, n_features: int) -> set[str]:
        """What is learned of random columns: in very wide tables, frequencies are drawn again only for who asks."""
        unasked = self.feature_learning == "auto" and is_wide(n_features)
        return self.learning - {"resample"} if unasked else self.learning

    def seed(self) -> int:
        """Draw the seed of everything random in a fit."""
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def layer_sizes(self, n_effective: float) -> tuple[int, ...]:
        """Columns of every bundled layer, for a number of rows."""
        return layer_sizes(self.n_components, n_effective)

    def n_linked(self, n_features: int) -> int:
        """Columns of the direct link."""
        return n_features if self.direct_link else 0

    def penalty(self, n_targets: int, weight_unit: float = 1.0) -> Penalty:
        """Penalties to choose from, as the user gave them but for the unit of the weights.

        Parameters
        ----------
        n_targets : int
            Number of targets.
        weight_unit : float, default=1.0
            Unit of the sample weights, as :class:`Dataset` has it.

        Returns
        -------
        Penalty
            Without candidates for ``"auto"``.

        Raises
        ------
        ValueError
            If `alpha` holds no penalties, or not one for each target.
        """
        if isinstance(self.alpha, str):
            return Penalty()
        try:
            alpha = np.asarray(self.alpha, dtype=np.float64)
        except (TypeError, ValueError):
            alpha = np.array([])
        if alpha.size == 0 or not np.all((alpha >= 0.0) & np.isfinite(alpha)):
            raise ValueError(f"alpha={self.alpha!r} must be 'auto' or hold non-negative finite numbers.")
        if alpha.ndim > 1 and alpha.shape != (1, n_targets):
            raise ValueError(
                f"alpha of shape {alpha.shape} must be a number, candidates of shape (n_alphas,), or one value per "
                f"target of shape (1, {n_targets})."
            )
        candidates = alpha if alpha.ndim == 2 else alpha.reshape(-1, 1)
        return Penalty(_in_unit(candidates, weight_unit))

    def allows_kernel_columns(self, X: Any, penalty: Penalty) -> bool:
        """Whether nothing asks for random columns, and the rows can be compared with each other.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Rows of positive weight.
        penalty : Penalty
            What `penalty` gives.

        Returns
        -------
        bool
            Whether ``feature_map="auto"`` may choose kernels.
        """
        defaults = (self.n_components, self.directions, self.solver)
        if self.feature_learning in ("resample", "both") or not all(map(_is_auto, defaults)):
            return False
        small = isinstance(X, np.ndarray) or math.prod(X.shape) * X.dtype.itemsize <= _MOST_DENSE_BYTES
        narrow = X.shape[1] <= _MAX_COMPARED_FEATURES
        return small and narrow and _is_common_and_positive(penalty) and X.shape[0] >= MIN_ROWS

    def check_kernel_columns(self, penalty: Penalty) -> None:
        """Refuse what kernels with rows do not have.

        Parameters
        ----------
        penalty : Penalty
            What `penalty` gives.

        Raises
        ------
        ValueError
            If there is one penalty for each target or one of zero, if frequencies shall be drawn again, or for several
            layers.
        """
        if not _is_common_and_positive(penalty):
            raise ValueError(
                f"alpha={self.alpha!r} must be 'auto', a positive number or positive candidates with "
                "feature_map='kernel'; use feature_map='random' for one penalty per target or none."
            )
        if self.feature_learning in ("resample", "both"):
            raise ValueError(
                f"feature_learning={self.feature_learning!r} draws random frequencies again, which "
                "feature_map='kernel' does not have; use feature_learning='agop', or feature_map='random'."
            )
        if not isinstance(self.n_components, str) and len(self.layer_sizes(1.0)) > 1:
            raise ValueError(
                f"n_components={self.n_components!r} asks for several layers, which feature_map='kernel' does "
                "not have; give one number, or use feature_map='random'."
            )


def _in_unit(alphas: Array, weight_unit: float) -> Array:
    """Penalties for weights in their unit; a positive one stays positive, and finite."""
    if weight_unit == 1.0:
        return alphas
    with np.errstate(over="ignore", under="ignore"):
        return np.where(alphas > 0.0, np.clip(alphas / weight_unit, _LEAST_ALPHA, 1.0 / _LEAST_ALPHA), 0.0)


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _is_common_and_positive(penalty: Penalty) -> bool:
    """Whether the penalties, where there are any, are positive and the same for all targets."""
    alphas = penalty.candidates
    return alphas is None or (alphas.shape[1] == 1 and bool(np.all(alphas > 0.0)))
