"""The dual solver costs what the rows cost, and serves for every penalty."""

import numpy as np
import pytest

from sknnk._ridge.costs import Shape
from sknnk._ridge.penalties import Penalty
from sknnk._ridge.solvers.by_rows import ByRows


@pytest.mark.parametrize("alphas", [None, np.zeros((1, 1)), np.ones((3, 2))])
def test_every_penalty_is_accepted(alphas):
    assert ByRows().accepts(Penalty(alphas))


def test_time_and_memory_grow_with_the_rows():
    few, many = Shape(1000, 200, 10), Shape(10_000, 200, 10)
    assert ByRows().cost(many) > 500.0 * ByRows().cost(few)
    assert 60.0 < ByRows().memory(many) / ByRows().memory(few) < 100.0
