"""BLAS and LAPACK as SciPy brings them, called without the interpreter lock: matrices of several threads at a time."""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy.linalg import cython_blas, cython_lapack

from .typing import Floats


def blas(name: str, *arguments: bytes | int | float | Floats) -> None:
    """Call a routine of BLAS.

    SciPy's own wrappers hold the interpreter lock, and copy matrices that are part of another one.

    Parameters
    ----------
    name : str
        Of the routine, without the letter of its precision.
    *arguments : bytes, int, float or ndarray
        As in the reference implementation, in place of a matrix and its leading dimension the matrix alone: in Fortran
        order, or a part of one that has it. All are float32, or all float64.

    Raises
    ------
    ValueError
        If a matrix is in C order, or of another dtype than the first: BLAS would read it as another one.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._compute.blas import blas
    >>> L, B = np.asfortranarray([[2.0, 0.0], [1.0, 1.0]]), np.asfortranarray([[4.0], [5.0]])
    >>> blas("trsm", b"L", b"L", b"N", b"N", 2, 1, 1.0, L, B)
    >>> B.ravel()
    array([2., 3.])
    """
    matrix = _first_matrix(arguments)
    _routine(matrix.dtype.char, name)(*_pointers(arguments, matrix))


def lapack(name: str, *arguments: bytes | int | float | Floats) -> int:
    """Call a routine of LAPACK, as :func:`blas` does.

    Parameters
    ----------
    name : str
        Of the routine, without the letter of its precision.
    *arguments : bytes, int, float or ndarray
        As in the reference implementation, but for leading dimensions and for the ``info`` at the end.

    Returns
    -------
    int
        The ``info``: 0 for success.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._compute.blas import lapack
    >>> lapack("potrf", b"L", 2, np.asfortranarray([[1.0, 2.0], [2.0, 1.0]]))
    2
    """
    matrix, info = _first_matrix(arguments), ctypes.c_int(0)
    _routine(matrix.dtype.char, name)(*_pointers(arguments, matrix), ctypes.byref(info))
    return info.value


def _first_matrix(arguments: tuple[Any, ...]) -> Floats:
    return next(each for each in arguments if isinstance(each, np.ndarray))


def _pointers(arguments: tuple[Any, ...], matrix: Floats) -> list[Any]:
    real = ctypes.c_double if matrix.dtype == np.float64 else ctypes.c_float
    pointers: list[Any] = []
    for each in arguments:
        if isinstance(each, np.ndarray):
            if each.dtype != matrix.dtype or (len(each) > 1 and each.strides[0] != each.itemsize):
                raise ValueError(
                    f"a matrix of shape {each.shape} must be in Fortran order and {matrix.dtype}, as the first; got "
                    f"{each.dtype}. Use np.asfortranarray(matrix, dtype)."
                )
            # The stride of a single column says nothing.
            leading = max(each.strides[1] // each.itemsize, len(each), 1)
            pointers += [ctypes.c_void_p(each.ctypes.data), ctypes.byref(ctypes.c_int(leading))]
        else:
            kind = {bytes: ctypes.c_char, int: ctypes.c_int, float: real}[type(each)]
            pointers.append(ctypes.byref(kind(each)))
    return pointers


@cache
def _routine(precision: str, name: str) -> Callable[..., None]:
    """A function of SciPy's public interface for Cython, as ctypes calls it."""
    name = {"f": "s", "d": "d"}[precision] + name
    functions: Any = {**cython_blas.__pyx_capi__, **cython_lapack.__pyx_capi__}
    capsule, interface = functions[name], ctypes.pythonapi
    interface.PyCapsule_GetName.restype, interface.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    interface.PyCapsule_GetPointer.restype = ctypes.c_void_p
    interface.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    signature = interface.PyCapsule_GetName(capsule)
    address = interface.PyCapsule_GetPointer(capsule, signature)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (signature.count(b",") + 1))(address)
