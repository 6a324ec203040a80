import numpy as np

from sknnk._compute import arrays, stacked_rows, stacks_of, unstacked


def test_stacks_hold_every_range_once_within_their_memory(monkeypatch):
    monkeypatch.setattr(arrays, "_BLOCK_ENTRIES", 100)
    entries = np.array([16, 49, 200, 25, 0, 16])
    stacks = stacks_of(entries)
    assert sorted(np.concatenate(stacks)) == list(range(6))
    assert all(len(stack) == 1 or len(stack) * entries[stack].max() <= 100 for stack in stacks)
    assert len(stacks) == 3


def test_rows_of_a_stack_end_together_and_come_back():
    starts, stops = np.array([0, 2, 7]), np.array([2, 7, 8])
    stacks = [(*stacked_rows(starts[some], stops[some]), some) for some in ([1, 0], [2])]
    for positions, is_own, some in stacks:
        np.testing.assert_array_equal(positions[:, -1], stops[some] - 1)
        np.testing.assert_array_equal(is_own.sum(axis=1), (stops - starts)[some])
    values = [(positions, own, np.where(own, positions, -1.0)[:, :, None]) for positions, own, _ in stacks]
    np.testing.assert_array_equal(unstacked(values, 8).ravel(), np.arange(8))
