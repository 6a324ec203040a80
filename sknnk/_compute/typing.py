"""The types of arrays, each under one name.

A shape is said in the docstring of the function that takes the array.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
"""Numbers in double precision."""

Floats = NDArray[np.floating]
"""Numbers in either precision: float64, or float32 where the rows are float32."""

Complexes = NDArray[np.complex128]
"""Complex numbers in double precision."""

Indices = NDArray[np.intp]
"""Whole numbers that count or point into another array."""

Tensor = Any
"""An array of another library than NumPy: the array API standard has no type for it."""
