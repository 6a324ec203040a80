"""A kernel to try: what a bundled layer is drawn from."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .._compute import Array


class Candidate(NamedTuple):
    """One kernel to try.

    Parameters
    ----------
    activation : str or callable
        The activation.
    directions, frequencies : str
        How directions are drawn, and the coupling of frequencies.
    length_scale : str, float or ndarray of shape (n_features,)
        Of the columns or, where there are any, along the axes.
    axes : ndarray of shape (n_features, n_features), optional
        Combinations of the columns along which an isotropic kernel compares rows.
    """

    activation: str | Callable
    directions: str
    frequencies: str
    length_scale: str | float | Array
    axes: Array | None = None

    @property
    def parameters(self) -> tuple[Any, str, str, Any]:
        """Activation, directions, frequencies and length scale of the columns, what axes do to them included."""
        length_scale: Any = self.length_scale
        if self.axes is not None:
            length_scale = length_scale / np.linalg.norm(self.axes, axis=1)
        return self.activation, self.directions, self.frequencies, length_scale
