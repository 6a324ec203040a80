import numpy as np
import pytest

from sknnk import URFSampler
from sknnk._compute import arrays, on_host
from sknnk._data import fit_quantile_map
from sknnk._features import BlockMap, KernelMap, RandomMap, SymmetricKernel, blocked_kernel, landmark_map
from sknnk._features.tensor_maps import TensorKernelRows, tensor_map
from sknnk._kernels import Kernel

X = np.random.default_rng(0).normal(size=(40, 3))
KERNELS = (Kernel("cauchy", "isotropic", np.ones(3)),)
INPUTS = fit_quantile_map(X.T)


def random_map(input_map=INPUTS, sizes=(10, 7)):
    first = URFSampler("gelu", n_components=sizes[0], random_state=0).fit(X)
    second = URFSampler("gaussian", n_components=sizes[1], random_state=1).fit(first.transform(X))
    return RandomMap(input_map, 0.5, (first, second))


def block_map():
    kernel, _ = blocked_kernel(KERNELS, X, n_landmarks=5, block_size=15)
    rng = np.random.default_rng(1)
    local, overlap = rng.normal(size=(40, 2)), rng.normal(size=(len(kernel.blocks), 5, 2))
    return BlockMap.of(INPUTS, kernel, local, overlap)


MAPS = {
    "random": random_map(),
    "without a transform": random_map(None),
    "exact": KernelMap(INPUTS, KERNELS, X),
    "landmarks": landmark_map(INPUTS, KERNELS, X[:8]),
    "blocks": block_map(),
}


@pytest.mark.parametrize("name", MAPS)
def test_columns_and_scores_are_those_of_numpy(space, name):
    feature_map, rows = MAPS[name], X[:9] * 1.5
    placed = tensor_map(feature_map, space, "float64")
    inputs, columns = placed.transformed(space.tensor(rows)), feature_map.raw_columns(rows)
    assert placed.n_columns == feature_map.n_columns and placed.score_width > 0
    np.testing.assert_allclose(on_host(placed.raw_columns(inputs)), columns, atol=1e-12)
    weights = np.random.default_rng(2).normal(size=(feature_map.n_columns, 2))
    expected = np.empty((9, 2))
    feature_map.write_scores(rows, weights, expected)
    np.testing.assert_allclose(on_host(placed.scores(inputs, space.tensor(weights))), expected, atol=1e-11)


@pytest.mark.parametrize("entries", [1, 45, 200])
def test_memory_does_not_change_what_blocks_say(space, entries, monkeypatch):
    placed = tensor_map(MAPS["blocks"], space, "float64")
    monkeypatch.setattr(arrays, "_BLOCK_ENTRIES", entries)
    found = on_host(placed.raw_columns(placed.transformed(space.tensor(X))))
    np.testing.assert_allclose(found, MAPS["blocks"].raw_columns(X), atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_only_features_of_float32_rows_are_float32(space, name):
    placed = tensor_map(MAPS[name], space, "float32")
    columns = on_host(placed.raw_columns(placed.transformed(space.tensor(X[:2].astype(np.float32)))))
    assert columns.dtype == ("float32" if isinstance(MAPS[name], RandomMap) else "float64")


def test_rows_that_overflow_are_refused_where_no_transform_bounds_them(space):
    rows = space.tensor(np.full((1, 3), 1e200))
    for name, feature_map in MAPS.items():
        placed = tensor_map(feature_map, space, "float64")
        if name == "without a transform":
            with pytest.raises(ValueError, match="overflow"):
                placed.check_range(rows)
        else:
            placed.check_range(rows)


def test_the_kernel_of_rows_is_that_of_numpy(space):
    rows = TensorKernelRows(space, KERNELS, X)
    values = on_host(rows.kernel_tensor(slice(10, 40), slice(0, 10), "float64"))
    np.testing.assert_allclose(values, SymmetricKernel(KERNELS, X).matrix(threads=1)[10:, :10], atol=1e-13)


def test_a_map_without_a_counterpart_is_named(space):
    with pytest.raises(TypeError, match="object"):
        tensor_map(object(), space, "float64")
