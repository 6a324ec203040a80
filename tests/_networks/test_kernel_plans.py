import numpy as np
import pytest

from sknnk import BundledNetworkRegressor
from sknnk._networks.kernel_plans import KernelPlan, planned, sizes_for
from sknnk._networks.specification import NetworkSpec


def plan(n_rows, **parameters):
    return planned(NetworkSpec.of(BundledNetworkRegressor(**parameters).get_params()), n_rows)


@pytest.mark.parametrize(
    ("parameters", "n_rows", "expected"),
    [
        ({}, 12_000, KernelPlan(12_000, 12_000, is_exact=True)),
        ({}, 30_000, KernelPlan(1000, 7402)),
        ({}, 10**6, KernelPlan(1000, 3000)),
        ({"block_size": 100}, 5000, KernelPlan(1000, 100)),
        ({"block_size": 5000}, 5000, KernelPlan(5000, 5000, is_exact=True)),
        ({"block_size": None}, 5000, KernelPlan(3000, None)),
        ({"n_components": 200}, 5000, KernelPlan(200, None)),
        ({"n_components": 200, "block_size": 100}, 5000, KernelPlan(200, 100)),
        ({"n_components": 200, "block_size": 100}, 150, KernelPlan(150, 100)),
        ({"n_components": 200, "block_size": None}, 200, KernelPlan(200, 200, is_exact=True)),
        ({"n_components": (300,)}, 100, KernelPlan(100, 100, is_exact=True)),
    ],
)
def test_sizes_are_those_asked_for_or_suit_the_rows(parameters, n_rows, expected):
    assert plan(n_rows, **parameters) == expected


def test_blocks_cost_in_proportion_to_the_rows():
    def cost(n_rows):
        sizes = sizes_for(n_rows)
        return n_rows * (sizes.block_size**2 / 3 + sizes.block_size * sizes.n_landmarks + sizes.n_landmarks**2)

    assert cost(10**6) <= 10.5 * cost(10**5)


def test_blocks_in_float64_are_smaller_so_that_they_take_no_longer():
    single, double = sizes_for(30_000), sizes_for(30_000, single=False)
    assert double.block_size == 4090 and 2.0 < (single.block_size / double.block_size) ** 2 < 4.0
    assert sizes_for(12_000, single=False).is_exact


def test_blocks_are_smaller_the_more_rows_there_are_and_the_cost_never_falls():
    sizes = [sizes_for(n_rows) for n_rows in range(11_000, 200_000, 1000)]
    assert np.all(np.diff([each.block_size for each in sizes if not each.is_exact]) <= 0)
    assert sizes[-1].block_size == 3000 and sizes[3].block_size > 11_000
