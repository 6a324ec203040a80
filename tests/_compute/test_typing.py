"""A type of arrays says the dtype, and no shape."""

from typing import get_args

import numpy as np
import pytest

from sknnk._compute.typing import Array, Complexes, Floats, Indices


@pytest.mark.parametrize(
    ("kind", "scalar"),
    [(Array, np.float64), (Floats, np.floating), (Complexes, np.complex128), (Indices, np.intp)],
)
def test_a_type_of_arrays_says_the_dtype_alone(kind, scalar):
    shape, dtype = get_args(kind)
    assert get_args(dtype) == (scalar,)
    assert shape not in ((int,), tuple[int], tuple[int, int])
