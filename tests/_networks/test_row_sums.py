"""Sums over rows: of the raw columns, in as many steps as announced."""

from dataclasses import replace

import numpy as np
import pytest

from sknnk import URFSampler
from sknnk._data import Dataset
from sknnk._features import RandomMap
from sknnk._integration import Execution
from sknnk._networks.row_sums import summed_rows, summing_steps

rng = np.random.default_rng(0)
DATA = Dataset(rng.normal(size=(100, 3)), rng.normal(size=(100, 2)), rng.integers(1, 4, 100).astype(float))
MAP = RandomMap(None, 0.5, (URFSampler("tanh", n_components=8, random_state=0).fit(DATA.X),))


@pytest.mark.parametrize("batch_size", [None, 7, 100])
@pytest.mark.parametrize("threads", [1, 3])
def test_sums_are_those_of_the_raw_columns_however_they_are_cut(batch_size, threads):
    sums = summed_rows(MAP, DATA, Execution(threads, batch_size))
    columns, weight = MAP.raw_columns(DATA.X), DATA.sample_weight
    centred = columns - np.average(columns, axis=0, weights=weight)
    targets = DATA.Y - np.average(DATA.Y, axis=0, weights=weight)
    np.testing.assert_allclose(np.triu(sums.gram), np.triu(centred.T @ (weight[:, None] * centred)), atol=1e-9)
    np.testing.assert_allclose(sums.cross, centred.T @ (weight[:, None] * targets), atol=1e-9)
    assert (sums.n_samples, sums.weight) == (100, weight.sum())


@pytest.mark.parametrize("batch_size", [None, 7, 100])
def test_every_block_is_a_step(batch_size):
    class Counter:
        n = 0

        def __call__(self):
            self.n += 1

    counter = Counter()
    execution = Execution(1, batch_size)
    summed_rows(MAP, DATA, replace(execution, progress=counter))
    assert counter.n == summing_steps(100, MAP.n_columns, execution)
