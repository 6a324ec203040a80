"""The kernel of a bundled layer with infinitely many units, as a value: its family, its scales and its axes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._compute import Array, Floats

# Length scales beyond which all rows count as equally far away.
_FARTHEST = 1e100


@dataclass(frozen=True, eq=False)
class Kernel:
    """The kernel of an activation's infinitely wide layer, with one length scale per input column.

    Parameters
    ----------
    activation : str or callable
        Gives the profile ``kappa`` of one coordinate or of the distance.
    frequencies : {"isotropic", "coordinatewise"}
        ``kappa(|d|)`` of the scaled difference ``d`` of two rows, or the product of ``kappa(|d_j|)`` over columns.
    scales : ndarray of shape (n_features,)
        Factors of the columns: inverse length scales.
    weight : float, default=1.0
        Factor of the kernel, for sums of kernels: the layers side by side.
    projection : ndarray of shape (n_features, n_coordinates), optional
        Coordinates in which rows are compared, as combinations of the columns in units of their scales; default: these
        columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._kernels import Kernel, kernel_matrix
    >>> laplace = Kernel("cauchy", "coordinatewise", np.array([1.0, 0.5]))
    >>> kernel_matrix([laplace], np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]])).round(4)
    array([[0.1353]])
    """

    activation: str | Callable[..., Any]
    frequencies: str
    scales: Array
    weight: float = 1.0
    projection: Array | None = None

    @property
    def column_scales(self) -> Array:
        """Inverse length scales along the columns, those of a projection included."""
        if self.projection is None:
            return self.scales
        scales: Array = self.scales * np.linalg.norm(self.projection, axis=1)
        return scales

    @property
    def axes(self) -> Array:
        """Directions along which the kernel compares rows, the one of the shortest length scale first.

        The shape is (n_axes, n_features). The length of a direction is its inverse length scale. If two rows differ by
        ``d``, an isotropic kernel depends on the norm of ``axes @ d``, and its directions are orthogonal to each other.
        A coordinatewise kernel is a product over the entries of ``axes @ d``.

        Examples
        --------
        >>> import numpy as np
        >>> Kernel("cauchy", "isotropic", np.array([0.5, 2.0])).axes
        array([[0. , 2. ],
               [0.5, 0. ]])
        """
        turn = np.diag(self.scales) if self.projection is None else self.scales[:, None] * self.projection
        if self.frequencies == "isotropic" and self.projection is not None:
            directions, lengths, _ = np.linalg.svd(turn, full_matrices=False)
            found = (directions * lengths).T
            # Either sign is the same direction: the largest component is positive.
            signs = np.sign(found[np.arange(len(found)), np.abs(found).argmax(axis=1)])
            return np.asarray(np.where(signs == 0.0, 1.0, signs)[:, None] * found)
        return np.asarray(turn.T[np.argsort(-np.linalg.norm(turn, axis=0), kind="stable")])


def in_coordinates(kernel: Kernel, rows: Floats) -> Array:
    """Rows in the coordinates in which a kernel compares them.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    rows : ndarray of shape (n_rows, n_features)
        Rows.

    Returns
    -------
    ndarray of shape (n_rows, n_coordinates)
        In units of the length scales, cut off where squares of differences would overflow.

    Examples
    --------
    >>> import numpy as np
    >>> in_coordinates(Kernel("gaussian", "isotropic", np.array([1.0, 0.5])), np.array([[2.0, 4.0]]))
    array([[2., 2.]])
    """
    with np.errstate(over="ignore"):
        scaled: Array = np.clip(rows * kernel.scales, -_FARTHEST, _FARTHEST)
    return scaled if kernel.projection is None else scaled @ kernel.projection
