"""Targets are encoded before the fit, and decoded after it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sknnk._data import multiplicities
from sknnk._networks.targets import ClassTargets, NumericTargets, check_magnitude, scores_without_row

F64, F32 = np.dtype(np.float64), np.dtype(np.float32)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 3)])
def test_numbers_that_are_encoded_and_decoded_are_the_same(shape):
    y = RNG.normal(size=shape)
    targets = NumericTargets.of(y, F64)
    Y = targets.encode(y, F64)
    assert Y.shape == (5, targets.n_targets) == (5, 1 if len(shape) == 1 else shape[1])
    assert targets.flat == (len(shape) == 1)
    np.testing.assert_array_equal(targets.decode(Y), y, strict=True)
    ends = np.stack([Y - 1.0, Y + 1.0], axis=2)
    assert targets.decode(ends).shape == (*shape, 2)
    assert targets.attributes() == {}


def test_integers_become_numbers_of_float64():
    y = np.arange(3, dtype=np.int8)
    assert NumericTargets.of(y, F32).encode(y, F32).dtype == np.float64


@pytest.mark.parametrize(("first", "n"), [((4,), 2), ((4, 3), 2), ((4, 2), 1)])
def test_more_rows_have_as_many_targets(first, n):
    targets = NumericTargets.of(np.ones(first), F64)
    with pytest.raises(ValueError, match=f"y has {n} targets, but earlier rows had {targets.n_targets}"):
        targets.encode(np.ones((6, n)), F64)


def test_sparse_targets_are_refused():
    with pytest.raises(ValueError, match=r"y\.toarray\(\)"):
        NumericTargets.of(sparse.csr_array(np.eye(3)), F64)


@pytest.mark.parametrize(("dtype", "limit"), [(F64, 1.3e154), (F32, 1.8e19)])
def test_targets_whose_squares_overflow_are_refused_and_the_next_smaller_ones_are_not(dtype, limit):
    check_magnitude(limit, dtype)
    with np.errstate(over="ignore"):
        assert np.isinf(dtype.type(1.1 * limit) ** 2)
    remedy = "or pass X as float64" if dtype == F32 else "rescale y."
    with pytest.raises(ValueError, match=remedy):
        check_magnitude(1.1 * limit, dtype)
    with pytest.raises(ValueError, match="y holds values up to"):
        NumericTargets.of(np.array([0.0, -1.1 * limit]), dtype)


LABELS = st.lists(st.integers(-3, 3), min_size=2, max_size=20).filter(lambda labels: len(set(labels)) > 1)


@given(LABELS)
def test_classes_that_are_encoded_and_decoded_are_the_same(labels):
    labels = np.array(labels)
    targets = ClassTargets.of(labels, None)
    Y = targets.encode(labels)
    n = len(targets.classes)
    assert Y.shape == (len(labels), targets.n_targets) == (len(labels), 1 if n == 2 else n)
    assert set(Y.ravel()) == {-1.0, 1.0}
    np.testing.assert_array_equal(targets.decode(Y), labels)
    np.testing.assert_array_equal(targets.labels_of(Y), targets.positions(labels))
    np.testing.assert_array_equal(targets.classes[targets.positions(labels)], labels)
    np.testing.assert_array_equal(targets.classes, np.unique(labels))
    if n > 2:
        np.testing.assert_array_equal(Y.sum(axis=1), 2.0 - n)


def test_text_has_classes_too_and_no_row_has_no_target():
    targets = ClassTargets.of(np.array(["b", "a", "c", "b"]), None)
    assert targets.encode(np.array(["c"])).tolist() == [[-1.0, -1.0, 1.0]]
    assert targets.encode(np.array([], dtype=str)).shape == (0, 3)


def test_one_class_and_unknown_classes_are_refused():
    with pytest.raises(ValueError, match=r"one class, \[3\]; a classifier needs at least two"):
        ClassTargets.of(np.array([3, 3]), None)
    targets = ClassTargets.of(np.array([0, 1]), None)
    with pytest.raises(ValueError, match=r"labels \[2, 5\] that are not in classes=\[0, 1\]"):
        targets.encode(np.array([0, 5, 2]))


@given(LABELS, st.integers(0, 9))
def test_balanced_classes_have_equal_weights_in_sum(labels, seed):
    labels = np.array(labels)
    targets = ClassTargets.of(labels, "balanced")
    weight = np.random.default_rng(seed).integers(1, 4, len(labels)).astype(float)
    weighted = targets.weighted(labels, weight)
    sums = np.bincount(targets.positions(labels), weights=weighted)
    np.testing.assert_allclose(sums, weight.sum() / len(targets.classes))
    every = np.repeat(labels, weight.astype(int))
    repeated = targets.weighted(every, np.ones(len(every)))
    np.testing.assert_allclose(np.repeat(weighted / weight, weight.astype(int)), repeated)


def test_rows_without_weight_are_no_part_of_the_balance():
    labels, weight = np.array([0, 0, 1, 1, 1]), np.array([1.0, 1.0, 0.0, 0.0, 1.0])
    targets = ClassTargets.of(labels, "balanced")
    np.testing.assert_allclose(targets.weighted(labels, weight), [0.75, 0.75, 0.0, 0.0, 1.5])
    assert targets.weights_of_classes(np.array([0, 0]), np.ones(2))[1] == 0.0
    np.testing.assert_array_equal(targets.weighted(labels, np.zeros(5)), np.zeros(5))


def test_weights_of_classes_may_be_given():
    labels = np.array(["a", "b", "a"])
    targets = ClassTargets.of(labels, {"a": 2.0, "b": 0.5})
    np.testing.assert_allclose(targets.weighted(labels, np.array([1.0, 1.0, 3.0])), [2.0, 0.5, 6.0])
    for bad in (-1.0, np.inf):
        with pytest.raises(ValueError, match=r"class_weight=.* non-negative finite"):
            ClassTargets.of(labels, {"a": bad, "b": 1.0}).weighted(labels, np.ones(3))


@pytest.mark.parametrize("class_weight", [{"a": 9, "b": 1}, "balanced"])
def test_whole_weights_of_classes_are_costs_and_no_copies(class_weight):
    labels, ones = np.repeat(["a", "b"], [2, 18]), np.ones(20)
    weights = ClassTargets.of(labels, class_weight).weighted(labels, ones)
    assert weights[0] / weights[-1] == pytest.approx(9.0) and multiplicities(weights).max() == 1
    # Equal ones are the same as none.
    equal = ClassTargets.of(labels, {"a": 3.0, "b": 3.0}).weighted(labels, ones)
    np.testing.assert_array_equal(equal, 3.0 * ones)


def test_calibration_gives_other_targets_with_a_temperature_and_the_same_likeliest_classes():
    labels = np.arange(300) % 3
    plain = ClassTargets.of(labels, None)
    scores = plain.encode(labels) + RNG.normal(size=(300, 3))
    assert plain.attributes().keys() == {"classes_"}
    calibrated = plain.calibrated(scores, labels, np.ones(300))
    assert plain.inverse_temperature is None
    assert calibrated.attributes()["inverse_temperature_"] == calibrated.inverse_temperature > 0.0

    def loss(targets):
        return -np.log(targets.probabilities(scores)[np.arange(300), labels]).mean()

    assert loss(calibrated) < loss(plain) - 1e-3
    np.testing.assert_allclose(calibrated.probabilities(scores).sum(axis=1), 1.0)
    np.testing.assert_array_equal(calibrated.decode(scores), plain.decode(scores))


def test_equal_scores_are_a_tie_that_the_first_class_wins():
    targets = ClassTargets.of(np.array(["x", "y"]), None)
    assert targets.decode(np.array([[0.0], [1e-300], [1e-3]])).tolist() == ["x", "x", "y"]


def test_scores_without_the_row_are_farther_from_the_target_by_the_mean_leverage():
    scores, Y = RNG.normal(size=(20, 2)), np.sign(RNG.normal(size=(20, 2)))
    found = scores_without_row(scores, Y, np.array([3.0, 9.0]), 20.0)
    np.testing.assert_allclose(Y - found, (Y - scores) / (1.0 - np.array([0.2, 0.5])))
    # As many degrees of freedom as rows: nothing is known, and nothing is divided by zero.
    np.testing.assert_allclose(Y - scores_without_row(scores, Y, np.full(2, 30.0), 20.0), (Y - scores) * 100.0)
