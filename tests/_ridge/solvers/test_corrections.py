"""A coarse solver corrects itself as long as its corrections shrink quickly."""

import numpy as np
import pytest

from sknnk._ridge.solvers.corrections import refined

BOUNDS = {"first_share": 1e-1, "last_share": 1e-12, "most_passes": 20}


def halving(inverse, passes):
    """Corrections to x in 3 x = 1 by an inverse that is not quite one third."""

    def correction(x):
        passes.append(x)
        step = inverse * (1.0 - 3.0 * x)
        return abs(step / x), lambda: x + step

    return correction


@pytest.mark.parametrize(("inverse", "n_passes"), [(1.0 / 3.0, 1), (0.333, 4), (0.32, 8)])
def test_the_better_the_solver_the_fewer_the_passes(inverse, n_passes):
    passes = []
    assert refined(inverse, halving(inverse, passes), **BOUNDS) == pytest.approx(1.0 / 3.0, rel=1e-11)
    assert len(passes) <= n_passes


def test_it_stops_after_the_passes_it_may_make():
    passes = []
    refined(0.32, halving(0.32, passes), **BOUNDS | {"last_share": 0.0, "most_passes": 3})
    assert len(passes) == 3
    assert refined(0.32, halving(0.32, passes), **BOUNDS | {"most_passes": 0}) == 0.32


@pytest.mark.parametrize("inverse", [0.2, 0.5])
def test_corrections_that_do_not_shrink_are_refused(inverse):
    assert refined(inverse, halving(inverse, []), **BOUNDS) is None


def test_what_is_not_a_number_is_refused_and_not_added():
    def correction(solution):
        return np.nan, lambda: pytest.fail("a correction that is not a number was added")

    assert refined(1.0, correction, **BOUNDS) is None
