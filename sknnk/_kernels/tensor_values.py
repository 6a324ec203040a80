"""Values of kernels between rows that are tensors: whole blocks at a time, as a card likes them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._compute import ArraySpace, Tensor
from .kernels import Kernel
from .spectra import SeriesSpectrum, spectrum_of

# From this many coordinates on, squared distances come from a product of matrices.
_MANY_COORDINATES = 17
# Pairs of rows that are closer than this share of the typical squared distance from the middle are compared directly,
# because a product loses their digits.
_CLOSE = {"float64": 1e-6, "float32": 1e-4}
# If more than this share of the pairs is that close, all of them are compared directly.
_FEW_SHARE = 0.05
# Coordinates are cut off here, so that sums of squares stay finite.
_FARTHEST = {"float64": 1e100, "float32": 1e15}


class TensorKernels:
    """A sum of kernels on a device.

    Parameters
    ----------
    space : ArraySpace
        Of the rows.
    kernels : sequence of Kernel
        The summands.
    precision : {"float64", "float32"}
        Of the values.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.externals.array_api_compat import numpy
    >>> laplace = TensorKernels(ArraySpace(numpy, "cpu"), [Kernel("cauchy", "isotropic", np.ones(1))], "float64")
    >>> a, b = laplace.coordinates(np.array([[0.0], [1.0]])), laplace.coordinates(np.zeros((1, 1)))
    >>> laplace.values(a, b).round(4).tolist()
    [[1.0], [0.3679]]
    """

    def __init__(self, space: ArraySpace, kernels: Sequence[Kernel], precision: str) -> None:
        self.space, self.dtype = space, space.dtype(precision)
        self._precision = "float32" if self.dtype == space.xp.float32 else "float64"
        self._kernels = tuple(kernels)
        self._scales = [space.wide_tensor(kernel.scales) for kernel in kernels]
        self._projections = [
            None if kernel.projection is None else space.wide_tensor(kernel.projection) for kernel in kernels
        ]

    def coordinates(self, rows: Tensor) -> list[Tensor]:
        """Transformed rows, of shape (..., n_rows, n_features), in the coordinates of each kernel."""
        xp, farthest, found = self.space.xp, _FARTHEST[self._precision], []
        for scales, projection in zip(self._scales, self._projections, strict=True):
            scaled = xp.clip(xp.astype(rows, self.space.wide) * scales, -farthest, farthest)
            found.append(xp.astype(scaled if projection is None else scaled @ projection, self.dtype))
        return found

    def values(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """The kernel of all pairs of rows, from what `coordinates` gives of both.

        The shape is (n_rows, n_centres), or (n_stacks, n_rows, n_centres) for a stack of rows and one of centres.
        """
        total: Any = None
        for kernel, left, right in zip(self._kernels, a, b, strict=True):
            values = self._of_one(kernel, left, right)
            if kernel.weight != 1.0:
                values *= kernel.weight
            total = values if total is None else total + values
        return total

    def _of_one(self, kernel: Kernel, a: Tensor, b: Tensor) -> Tensor:
        xp = self.space.xp
        if kernel.frequencies == "isotropic":
            return self._profile(kernel, self._squared_distances(a, b))
        if kernel.activation == "cauchy":
            distances = self.space.zeros((*a.shape[:-1], b.shape[-2]), self.dtype)
            for j in range(a.shape[-1]):
                distances += xp.abs(_differences(a, b, j))
            return xp.exp(-distances)
        values: Any = 1.0
        for j in range(a.shape[-1]):
            values = self._profile(kernel, xp.square(_differences(a, b, j))) * values
        return values

    def _profile(self, kernel: Kernel, squares: Tensor) -> Tensor:
        """The profile of a kernel at squared distances."""
        xp, activation = self.space.xp, kernel.activation
        if activation == "gaussian":
            return xp.exp(-0.5 * squares)
        if activation == "laplace":
            return 1.0 / (1.0 + squares)
        if activation in ("cauchy", "sech"):
            powers = xp.exp(-xp.sqrt(squares))
            return powers if activation == "cauchy" else 2.0 * powers / (1.0 + powers * powers)
        spectrum = spectrum_of(activation)
        assert isinstance(spectrum, SeriesSpectrum)
        total: Any = 0.0
        for frequency, share in zip(spectrum.frequencies, np.abs(spectrum.amplitudes) / spectrum.l1_norm, strict=True):
            total = float(share) * xp.exp(-0.5 * float(frequency) ** 2 * squares) + total
        return total

    def _squared_distances(self, a: Tensor, b: Tensor) -> Tensor:
        if a.shape[-1] < _MANY_COORDINATES:
            return self._by_coordinate(a, b)
        xp = self.space.xp
        middle = xp.mean(b, axis=-2, keepdims=True)
        left, right = a - middle, b - middle
        norms = xp.sum(right * right, axis=-1)
        squares = xp.sum(left * left, axis=-1)[..., :, None] + norms[..., None, :]
        squares -= 2.0 * (left @ xp.matrix_transpose(right))
        close = squares < _CLOSE[self._precision] * xp.mean(norms, axis=-1)[..., None, None]
        n_close = int(xp.sum(xp.astype(close, xp.int8), dtype=xp.int64))
        if n_close > _FEW_SHARE * math.prod(squares.shape):
            return self._by_coordinate(a, b)
        if n_close:
            *stack, i, j = xp.nonzero(close)
            squares[close] = xp.sum(xp.square(_picked(xp, a, stack, i) - _picked(xp, b, stack, j)), axis=1)
        return squares

    def _by_coordinate(self, a: Tensor, b: Tensor) -> Tensor:
        squares = self.space.zeros((*a.shape[:-1], b.shape[-2]), self.dtype)
        for j in range(a.shape[-1]):
            squares += self.space.xp.square(_differences(a, b, j))
        return squares


def _differences(a: Tensor, b: Tensor, j: int) -> Tensor:
    return a[..., j][..., :, None] - b[..., j][..., None, :]


def _picked(xp: Any, rows: Tensor, stack: list[Tensor], positions: Tensor) -> Tensor:
    """Rows at some positions, of shape (n_positions, n_coordinates), perhaps each in its own member of a stack."""
    places = stack[0] * rows.shape[-2] + positions if stack else positions
    return xp.take(xp.reshape(rows, (-1, rows.shape[-1])), places, axis=0)
