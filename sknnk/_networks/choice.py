"""What a fit chose before it solved."""

from dataclasses import dataclass
from typing import Any

from .._compute import Array


@dataclass(frozen=True, eq=False)
class NetworkChoice:
    """What a fit chose, or took as given, before it solved for the output matrix.

    Parameters
    ----------
    n_components : tuple of int
        Columns of every layer.
    activation, directions, frequencies, length_scale
        The kernel of the first layer.
    input_transform : {"quantile", "robust", "standard", None}
        Transform of the inputs.
    history : list of tuple
        Every kernel that was compared, with rows, features and error.
    centre : ndarray of shape (n_targets,) or None
        Penalty of each target that cross-validation on a sample found.
    seed : int
        Seed of everything random.
    importances : ndarray of shape (n_features,) or None
        Shares of the columns in the squared inverse length scales, where these were learned.
    """

    n_components: tuple[int, ...]
    activation: Any
    directions: str | None
    frequencies: str
    length_scale: Any
    input_transform: str | None
    history: list[Any]
    centre: Array | None
    seed: int
    importances: Array | None = None

    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the estimator."""
        return {
            "n_components_": self.n_components,
            "activation_": self.activation,
            "directions_": self.directions,
            "frequencies_": self.frequencies,
            "length_scale_": self.length_scale,
            "input_transform_": self.input_transform,
            "search_history_": self.history,
        }
