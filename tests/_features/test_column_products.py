import numpy as np
import pytest

from sknnk import URFSampler
from sknnk._features import RandomMap
from sknnk._features.column_products import column_products
from sknnk._features.kernel_map import KernelMap, landmark_map, single_is_harmless
from sknnk._kernels import Kernel

X = np.random.default_rng(0).normal(size=(50, 4))
KERNELS = (Kernel("cauchy", "isotropic", np.ones(4), 0.5), Kernel("cauchy", "coordinatewise", np.ones(4), 0.5))
MAPS = {
    "random": RandomMap(None, 2.0, (URFSampler("gaussian", n_components=12, random_state=0).fit(X),)),
    "exact": KernelMap(None, KERNELS, X),
    "landmarks": landmark_map(None, KERNELS, X[:9]),
}


@pytest.mark.parametrize("name", MAPS)
def test_products_are_those_of_the_columns_whoever_makes_them(name):
    layers, rows = MAPS[name], np.random.default_rng(1).normal(size=(30, 4))
    weights = np.random.default_rng(2).normal(size=(layers.n_columns, 2))
    expected = layers.raw_columns(rows) @ weights
    for write in (layers.write_scores, lambda *arguments: column_products(layers, *arguments)):
        out = np.empty((30, 2))
        write(rows, weights, out)
        np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-12)
        short = np.empty((30, 2), dtype=np.float32)
        write(rows, weights, short)
        np.testing.assert_allclose(short, expected, rtol=1e-6, atol=1e-6)


def test_float32_in_predictions_errs_by_a_small_part_of_the_noise_where_it_is_called_harmless():
    rng = np.random.default_rng(0)
    centres, rows, n = rng.normal(size=(4000, 6)), rng.normal(size=(300, 6)), 4000
    kernels = tuple(Kernel(each.activation, each.frequencies, np.full(6, 0.5), each.weight) for each in KERNELS)
    coef = rng.normal(size=(n, 1))
    noise = np.array([(3e-7 * np.linalg.norm(coef) / 2e-3) ** 2]) * 1.001
    assert single_is_harmless(coef, noise, n) and not single_is_harmless(coef, 0.9 * noise, n)
    assert not single_is_harmless(coef, noise, 100)
    found = []
    for single in (False, True):
        found.append(np.empty((300, 1)))
        KernelMap(None, kernels, centres, single=single).write_scores(rows, coef, found[-1])
    error = np.std(found[1] - found[0])
    assert 0.0 < error < 2e-3 * np.sqrt(noise[0])
