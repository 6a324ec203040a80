import numpy as np
import pytest
from sklearn.model_selection import KFold, LeaveOneOut, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

from sknnk._ridge.moments import Moments
from sknnk._ridge.paths.fold_moments import FoldMoments, partitions

RNG = np.random.default_rng(0)
N = 60
F, Y, W = RNG.normal(size=(N, 4)) + 3.0, RNG.normal(size=(N, 2)), RNG.uniform(0.5, 2.0, size=N)
ROWS = np.arange(N)
SPLITTERS = {
    "k folds": KFold(5, shuffle=True, random_state=0),
    "time series": TimeSeriesSplit(4),
    "time series with gaps": TimeSeriesSplit(4, max_train_size=20, gap=2, test_size=5),
    "shuffled": ShuffleSplit(7, test_size=0.2, train_size=0.5, random_state=0),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=4, random_state=0),
    "leave one out": LeaveOneOut(),
}


def splits_of(splitter):
    return list(splitter.split(F))


def folds_of(partition):
    return FoldMoments(partition, [Moments.from_block(F[rows], Y[rows], W[rows]) for rows in partition.atoms])


def assert_same(left, right):
    assert left.n_samples == right.n_samples
    for name in ("weight", "mean", "target_mean", "gram", "cross", "target_square"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", SPLITTERS)
def test_moments_of_all_sets_are_those_of_their_rows(name):
    splits = splits_of(SPLITTERS[name])
    seen = 0
    for partition in partitions(N, splits, max_atoms=8):
        folds = folds_of(partition)
        assert partition.first == seen
        np.testing.assert_array_equal(np.sort(np.concatenate(partition.atoms)), ROWS)
        assert_same(folds.total, Moments.from_block(F, Y, W))
        for i in range(len(partition.train)):
            train, test = splits[seen + i]
            assert_same(folds.train(i), Moments.from_block(F[train], Y[train], W[train]))
            assert_same(folds.test(i), Moments.from_block(F[test], Y[test], W[test]))
            left_out = np.setdiff1d(ROWS, train)
            assert_same(folds.rest(i), Moments.from_block(F[left_out], Y[left_out], W[left_out]))
        seen += len(partition.train)
    assert seen == len(splits)


@pytest.mark.parametrize(
    ("name", "n_runs", "n_atoms"),
    [("k folds", 1, 5), ("time series", 1, 5), ("repeated", 4, 6), ("leave one out", 9, 8)],
)
def test_rows_that_no_split_tells_apart_are_accumulated_together(name, n_runs, n_atoms):
    found = partitions(N, splits_of(SPLITTERS[name]), max_atoms=8)
    assert len(found) == n_runs
    assert max(len(partition.atoms) for partition in found) == n_atoms


def test_a_split_with_more_patterns_than_allowed_is_a_run_of_its_own():
    [partition] = partitions(N, [(np.repeat(ROWS, ROWS % 5), ROWS)], max_atoms=2)
    assert len(partition.atoms) == 5


def test_a_row_that_is_twice_in_a_training_set_counts_twice():
    train, test = RNG.choice(ROWS, N), ROWS[:10]
    [partition] = partitions(N, [(train, test)], max_atoms=8)
    folds = folds_of(partition)
    assert_same(folds.train(0), Moments.from_block(F[train], Y[train], W[train]))
    assert folds.rest(0) is None


def test_no_rest_is_known_where_no_row_is_left_out():
    [partition] = partitions(N, [(ROWS, ROWS[:10])], max_atoms=8)
    assert folds_of(partition).rest(0) is None
    assert_same(folds_of(partition).train(0), Moments.from_block(F, Y, W))


def test_leading_columns_are_those_of_a_smaller_map():
    splits = splits_of(SPLITTERS["k folds"])
    [partition] = partitions(N, splits, max_atoms=8)
    folds = folds_of(partition)
    train, _ = splits[2]
    assert_same(folds.leading(2).train(2), Moments.from_block(F[train, :2], Y[train], W[train]))
    assert folds.leading(4) is folds
