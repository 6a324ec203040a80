"""BLAS and LAPACK of SciPy, called without the interpreter lock, so that several threads can compute at once."""

import ctypes
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from scipy.linalg import cython_blas, cython_lapack

from .typing import Floats


def call_blas(name: str, *arguments: bytes | int | float | Floats) -> None:
    """Call a routine of BLAS.

    SciPy's own wrappers hold the interpreter lock, and copy matrices that are part of another one.

    Parameters
    ----------
    name : str
        Name of the routine, without the letter of its precision.
    *arguments : bytes, int, float or ndarray
        As in the reference implementation, except that a matrix stands for itself and its leading dimension. It is in
        Fortran order, or part of a matrix that is. All matrices are float32, or all are float64.

    Raises
    ------
    ValueError
        If a matrix is in C order, or has another dtype than the first: BLAS would read other numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._compute.blas import call_blas
    >>> L, B = np.asfortranarray([[2.0, 0.0], [1.0, 1.0]]), np.asfortranarray([[4.0], [5.0]])
    >>> call_blas("trsm", b"L", b"L", b"N", b"N", 2, 1, 1.0, L, B)
    >>> B.ravel()
    array([2., 3.])
    """
    precision, pointers = _pointers(arguments)
    _routine(precision, name)(*pointers)


def lapack(name: str, *arguments: bytes | int | float | Floats) -> int:
    """Call a routine of LAPACK, as :func:`call_blas` does.

    Parameters
    ----------
    name : str
        Name of the routine, without the letter of its precision.
    *arguments : bytes, int, float or ndarray
        As in the reference implementation, without leading dimensions and without the ``info`` at the end.

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
    (precision, pointers), info = _pointers(arguments), ctypes.c_int(0)
    _routine(precision, name)(*pointers, ctypes.byref(info))
    return info.value


def _pointers(arguments: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The letter of the precision, and what the routine gets."""
    matrix = next(each for each in arguments if isinstance(each, np.ndarray))
    dtype = matrix.dtype
    pointers: list[Any] = []
    for each in arguments:
        if not isinstance(each, np.ndarray):
            pointers.append(_reference(type(each).__name__, each, dtype.char))
            continue
        if each.dtype != dtype or (len(each) > 1 and each.strides[0] != each.itemsize):
            raise ValueError(
                f"a matrix of shape {each.shape} must be in Fortran order and {dtype}, as the first; got "
                f"{each.dtype}. Use np.asfortranarray(matrix, dtype)."
            )
        # A single column has an arbitrary stride.
        leading = max(each.strides[1] // each.itemsize, len(each), 1)
        pointers += [each.ctypes.data, _reference("int", leading, dtype.char)]
    return dtype.char, pointers


@lru_cache(maxsize=4096)
def _reference(kind: str, value: Any, precision: str) -> Any:
    """A pointer to a letter or number, which BLAS only reads; the same few are asked for again and again."""
    real = ctypes.c_double if precision == "d" else ctypes.c_float
    kinds: dict[str, Any] = {"bytes": ctypes.c_char, "int": ctypes.c_int, "float": real}
    return ctypes.byref(kinds[kind](value))


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
