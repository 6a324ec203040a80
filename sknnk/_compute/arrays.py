"""Arrays of other libraries than NumPy, on a processor or a card, by the array API standard.

Everything that computes on such tensors gets an `ArraySpace`, and uses what the standard has and what is here. So no
other file knows which library it is.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

import numpy as np
from sklearn._config import get_config
from sklearn.externals import array_api_compat
from sklearn.utils._array_api import (
    _convert_to_numpy,
    _is_numpy_namespace,
    _max_precision_float_dtype,
    get_namespace_and_device,
)

from .typing import Array, Tensor

# Numbers in a block of columns on a device: enough to keep a card busy, and half a gigabyte in float64.
_BLOCK_ENTRIES = 2**26
# Matrices with more rows are factored one by one: each of them keeps a card busy, and libraries are made for stacks of
# small ones.
_LARGE_MATRIX = 1024


@dataclass(frozen=True, eq=False)
class ArraySpace:
    """A library of arrays that follows the array API standard, and a device of it.

    Parameters
    ----------
    xp : module
        The library, as scikit-learn sees it.
    device : object
        The device, in the words of the library.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.externals.array_api_compat import numpy
    >>> space = ArraySpace(numpy, "cpu")
    >>> space.cholesky(space.tensor(np.array([[4.0, 2.0], [2.0, 2.0]])))
    array([[2., 0.],
           [1., 1.]])
    """

    xp: Any
    device: Any

    @property
    def key(self) -> tuple[str, str]:
        """What tells this space from others."""
        return self.xp.__name__, str(self.device)

    @cached_property
    def wide(self) -> Any:
        """The dtype of highest precision that the device has: float64 on all but a few."""
        return _max_precision_float_dtype(self.xp, self.device)

    def dtype(self, name: str) -> Any:
        """A dtype of the library by its name; float32 in place of float64 where the device has none."""
        return self.wide if name == "float64" else getattr(self.xp, name)

    def tensor(self, values: Any, dtype: Any = None) -> Tensor:
        """Copy an array or number of NumPy to the device.

        Parameters
        ----------
        values : ndarray, number or tensor
            What to copy; a tensor of this space is taken as it is.
        dtype : object, optional
            A dtype of the library; by default that of the values.

        Returns
        -------
        tensor
            Of the same shape.
        """
        if isinstance(values, np.ndarray):
            dtype = self.dtype(values.dtype.name) if dtype is None else dtype
            # Memory of its own: the library might warn of memory that is read-only, and a user may write to the result.
            values = values.copy()
        return self.xp.asarray(values, dtype=dtype, device=self.device)

    def wide_tensor(self, values: Any) -> Tensor:
        """Copy an array of NumPy to the device, in its highest precision."""
        return self.tensor(np.asarray(values, dtype=np.float64))

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Tensor:
        """An array of zeros on the device."""
        return self.xp.zeros(shape, dtype=dtype, device=self.device)

    def with_diagonal(self, matrix: Tensor, values: Any, in_place: bool = False) -> Tensor:
        """Square matrices plus a number, or a vector of numbers for each, on their diagonals; new memory by default."""
        n, matrix = matrix.shape[-1], matrix if in_place else self.xp.asarray(matrix, copy=True)
        flat = self.xp.reshape(matrix, (*matrix.shape[:-2], n * n))
        flat[..., :: n + 1] += values
        return self.xp.reshape(flat, matrix.shape)

    def cholesky(self, matrix: Tensor) -> Tensor | None:
        """Lower Cholesky factors of symmetric matrices; None if one of them is not positive definite.

        Parameters
        ----------
        matrix : tensor of shape (n, n) or (n_matrices, n, n)
            Both triangles are given.

        Returns
        -------
        tensor of the same shape, or None
            The factors, zero above the diagonal.
        """
        xp, linalg = self.xp, self.xp.linalg
        if hasattr(linalg, "cholesky_ex"):  # PyTorch: tells without an error
            if matrix.ndim > 2 and matrix.shape[-1] > _LARGE_MATRIX:
                factor, failed = (xp.stack(each) for each in zip(*map(linalg.cholesky_ex, matrix), strict=True))
            else:
                factor, failed = linalg.cholesky_ex(matrix)
            return None if bool(xp.any(failed != 0)) else factor
        try:
            factor = linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            return None
        return factor if bool(xp.all(xp.isfinite(factor))) else None

    def solve_lower(self, factor: Tensor, right: Tensor, transposed: bool = False) -> Tensor:
        """Solve with lower triangular matrices, or with their transposes.

        Parameters
        ----------
        factor : tensor of shape (n, n) or (n_matrices, n, n)
            Zero above the diagonal.
        right : tensor of shape (n, n_columns) or (n_matrices, n, n_columns)
            Right sides.
        transposed : bool, default=False
            Whether to solve with the transpose.

        Returns
        -------
        tensor of the shape of `right`
            The solutions.
        """
        matrix = self.xp.matrix_transpose(factor) if transposed else factor
        if hasattr(self.xp.linalg, "solve_triangular"):  # beyond the standard; without it, any solver will do
            return self.xp.linalg.solve_triangular(matrix, right, upper=transposed)
        return self.xp.linalg.solve(matrix, right)

    def solve_factored(self, factor: Tensor, right: Tensor) -> Tensor:
        """Solve with a matrix of which the lower Cholesky factor is given."""
        return self.solve_lower(factor, self.solve_lower(factor, right), transposed=True)


def space_of(X: Any) -> ArraySpace | None:
    """Where rows that a user gave live, if scikit-learn's ``array_api_dispatch`` is on.

    Parameters
    ----------
    X : object
        Rows.

    Returns
    -------
    ArraySpace or None
        None for arrays of NumPy, for everything that is no array of the standard, and without dispatch.

    Raises
    ------
    ValueError
        For collections of Dask, which have no memory of their own.

    Examples
    --------
    >>> import numpy as np
    >>> space_of(np.zeros((2, 1))) is None
    True
    """
    if isinstance(X, np.ndarray) or not get_config()["array_api_dispatch"]:
        return None
    xp, is_array, device = get_namespace_and_device(X)
    if not is_array or _is_numpy_namespace(xp):
        return None
    if xp.__name__.split(".")[-1] == "array" and "dask" in xp.__name__:
        raise ValueError("X is a Dask collection, and array_api_dispatch=True takes tensors; use sknnk.dask instead.")
    return ArraySpace(xp, device)


def is_tensor(values: Any) -> TypeGuard[Tensor]:
    """Whether something is an array of the standard, and none of NumPy.

    Parameters
    ----------
    values : object
        Anything.

    Returns
    -------
    bool
        Whatever scikit-learn's settings are.

    Examples
    --------
    >>> import numpy as np
    >>> is_tensor(np.zeros(2)), is_tensor([1.0])
    (False, False)
    """
    return not isinstance(values, np.ndarray | np.generic) and array_api_compat.is_array_api_obj(values)


def tensor_space(values: Tensor) -> ArraySpace:
    """Where a tensor lives, whatever scikit-learn's settings are.

    Parameters
    ----------
    values : tensor
        As `is_tensor` tells.

    Returns
    -------
    ArraySpace
        Its library and device.
    """
    return ArraySpace(array_api_compat.get_namespace(values), values.device)


def on_host(values: Any) -> Any:
    """Copy a tensor to an array of NumPy.

    Parameters
    ----------
    values : object
        A tensor, or anything else.

    Returns
    -------
    ndarray or object
        Everything that is no tensor stays as it is.

    Examples
    --------
    >>> on_host([1.0])
    [1.0]
    """
    return np.asarray(_convert_to_numpy(values, tensor_space(values).xp)) if is_tensor(values) else values


def wide_on_host(values: Tensor) -> Array:
    """Copy a tensor to a float64 array of NumPy.

    Parameters
    ----------
    values : tensor
        Of any floating dtype.

    Returns
    -------
    ndarray
        Of the same shape.
    """
    return np.asarray(on_host(values), dtype=np.float64)


def tensor_rows(n_columns: int, batch_size: int | None = None) -> int:
    """Rows of a block of columns on a device.

    Parameters
    ----------
    n_columns : int
        Columns of each row.
    batch_size : int, optional
        Upper bound.

    Returns
    -------
    int
        At least one.

    Examples
    --------
    >>> tensor_rows(8192), tensor_rows(8192, 100)
    (8192, 100)
    """
    automatic = max(_BLOCK_ENTRIES // max(n_columns, 1), 1)
    return automatic if batch_size is None else min(batch_size, automatic)


def interpolated(space: ArraySpace, x: Tensor, knots: Tensor, scores: Tensor, slopes: Tensor) -> Tensor:
    """Values of a piecewise linear map, constant beyond its knots.

    Parameters
    ----------
    space : ArraySpace
        Of all tensors.
    x : tensor of shape (n,)
        Where.
    knots, scores : tensor of shape (n_knots,)
        Increasing arguments and their values, at least two.
    slopes : tensor of shape (n_knots - 1,)
        Between the knots.

    Returns
    -------
    tensor of shape (n,)
        The values.
    """
    xp, last = space.xp, knots.shape[0] - 1
    inside = xp.minimum(xp.maximum(x, knots[0]), knots[last])
    left = xp.searchsorted(knots, inside, side="right") - 1
    left = xp.where(left > last - 1, left * 0 + (last - 1), left)
    return xp.take(scores, left) + xp.take(slopes, left) * (inside - xp.take(knots, left))


def stacked(parts: list[Any]) -> Any:
    """Stack arrays of NumPy, or tensors, along a new last axis.

    Parameters
    ----------
    parts : list of ndarray or of tensor
        Of one shape.

    Returns
    -------
    ndarray or tensor
        As the parts.

    Examples
    --------
    >>> stacked([np.zeros(2), np.ones(2)])
    array([[0., 1.],
           [0., 1.]])
    """
    return (tensor_space(parts[0]).xp if is_tensor(parts[0]) else np).stack(parts, axis=-1)


def softmax(space: ArraySpace, values: Tensor, logarithm: bool = False) -> Tensor:
    """Softmax of the rows of a matrix, or its logarithm.

    Parameters
    ----------
    space : ArraySpace
        Of the matrix.
    values : tensor of shape (n_rows, n_columns)
        Any finite numbers.
    logarithm : bool, default=False
        Whether to give the logarithm, finite where the softmax rounds to zero.

    Returns
    -------
    tensor of shape (n_rows, n_columns)
        The softmax.
    """
    xp = space.xp
    centred = values - xp.max(values, axis=1, keepdims=True)
    powers = xp.exp(centred)
    total = xp.sum(powers, axis=1, keepdims=True)
    return centred - xp.log(total) if logarithm else powers / total


def largest_in(space: ArraySpace, values: Tensor) -> float:
    """Largest absolute entry of a tensor; zero if there is none.

    Parameters
    ----------
    space : ArraySpace
        Of the tensor.
    values : tensor
        Of any shape.

    Returns
    -------
    float
        The entry.
    """
    return float(space.xp.max(space.xp.abs(values))) if math.prod(values.shape) else 0.0
