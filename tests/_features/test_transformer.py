"""What both samplers do with rows: refuse what cannot be, and depend on nothing but the rows and the seed."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

import sknnk._compute.threads
from sknnk import ArcCosineSampler, URFSampler

ROWS = np.random.default_rng(0).normal(size=(10, 4))
BOTH = [URFSampler(n_components=20, random_state=0), ArcCosineSampler(n_components=20, random_state=0)]


def both(test):
    return pytest.mark.parametrize("sampler", BOTH, ids=["urf", "arc-cosine"])(test)


@both
def test_rows_whose_projections_overflow_are_refused_and_others_are_not(sampler):
    sampler.fit(ROWS)
    with pytest.raises(
        ValueError, match=r"X holds values up to 1e\+300, which overflow float64 at length_scale='scale'"
    ):
        sampler.transform(1e300 * np.eye(4))
    with pytest.raises(ValueError, match=r"X holds values up to 1e\+30, which overflow float32"):
        sampler.transform(np.float32(1e30) * np.eye(4, dtype=np.float32))
    with pytest.raises(ValueError, match="overflow float64"):
        sampler.transform(sparse.csr_array(1e300 * np.eye(4)))
    assert np.isfinite(sampler.transform(1e100 * np.eye(4))).all()


@both
def test_what_the_memory_of_the_machine_cannot_hold_is_refused_before_it_is_allocated(sampler):
    with pytest.raises(ValueError, match=r"n_components=10{14}, .*random_weights_.* needs .* GB, and the machine has"):
        clone(sampler).set_params(n_components=10**14).fit(ROWS)
    wide = clone(sampler).set_params(n_components=10**6).fit(ROWS[:, :1])
    with pytest.raises(ValueError, match=r"n_components=10{6}, .*features of shape.* needs 8e\+04 GB, .* fewer rows"):
        wide.transform(np.broadcast_to(ROWS[:1, :1], (10**7, 1)))


@pytest.mark.parametrize("sampler", [URFSampler("tanh", mode="unbiased", directions="gaussian"), ArcCosineSampler()])
def test_features_of_a_layer_are_refused_beyond_the_memory_as_well(sampler):
    wide = sampler.set_params(n_components=10**5, random_state=0).fit(ROWS[:, :1])
    with pytest.raises(ValueError, match=r"n_components=10{5}, .*features of shape.* needs 8e\+03 GB, .* fewer rows"):
        wide.transform_weights(np.broadcast_to(np.full((1, 1), 0.1), (10**7, 1)))


@both
def test_rows_so_small_that_the_weights_overflow_are_refused(sampler):
    with pytest.raises(ValueError, match=r"length_scale='scale' comes to .* overflow float32; give a larger"):
        sampler.fit(np.float32(1e-40) * ROWS.astype(np.float32))
    with pytest.raises(ValueError, match=r"length_scale=1e-310 does not .* The shortest is 1e-307"):
        type(sampler)(length_scale=1e-310).fit(ROWS)


@both
@pytest.mark.parametrize("value", [0.0, 1.0, -1e150])
def test_constant_columns_change_nothing(sampler, value):
    X = np.random.default_rng(0).normal(size=(20, 3))
    constant = np.full((20, 2), value)
    if abs(value) <= 1.0:
        phi = sampler.fit_transform(np.hstack([X, constant]))
        assert sampler.length_scale_ == pytest.approx(type(sampler)().fit(X).length_scale_)
        assert np.isfinite(phi).all()
        assert np.linalg.matrix_rank(phi) > 10
    phi = sampler.fit_transform(constant)
    assert np.isfinite(phi).all()
    assert np.ptp(phi) > 0.01 and np.ptp(phi, axis=0).max() == 0.0


@both
def test_one_row_and_one_column_are_enough(sampler):
    assert np.isfinite(sampler.fit_transform([[3.0, 4.0]])).all()
    assert sampler.fit_transform([[3.0], [4.0]]).shape == (2, 20)


@both
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[np.nan, 1.0]], "contains NaN"),
        ([[np.inf, 1.0]], "contains infinity"),
        ([["a", "b"]], "X holds text in the columns 0, 1"),
        (np.empty((0, 3)), "0 sample"),
        (np.empty((3, 0)), "0 feature"),
        ([1.0, 2.0], "Expected 2D array"),
    ],
)
def test_rows_that_are_no_numbers_are_refused(sampler, rows, words):
    with pytest.raises(ValueError, match=words):
        sampler.fit(rows)


@both
def test_a_generator_of_random_states_moves_on_and_a_copy_of_it_repeats(sampler):
    first, second = (type(sampler)(random_state=np.random.RandomState(5)) for _ in range(2))
    phi = first.fit_transform(ROWS)
    np.testing.assert_array_equal(second.fit_transform(ROWS), phi)
    assert not np.allclose(first.fit_transform(ROWS), phi)
    assert not np.allclose(type(sampler)().fit_transform(ROWS), type(sampler)().fit_transform(ROWS))
    assert not np.allclose(type(sampler)(random_state=0).fit_transform(ROWS), phi)


@both
@pytest.mark.parametrize("entries", [1, 20 * 33, 20 * 100, 10**9])
def test_features_do_not_depend_on_the_size_of_blocks(sampler, entries, monkeypatch):
    X = np.random.default_rng(0).normal(size=(100, 6))
    expected = sampler.fit(X).transform(X)
    monkeypatch.setattr(sknnk._compute.threads, "_FEWEST_ENTRIES", entries)
    monkeypatch.setattr(sknnk._compute.threads, "_MOST_ENTRIES", entries)
    np.testing.assert_allclose(sampler.transform(X), expected, rtol=0, atol=1e-13)


@both
def test_fitting_and_transforming_leave_the_rows_alone(sampler):
    X = np.asfortranarray(np.random.default_rng(0).normal(size=(30, 3)))
    before = X.copy()
    sampler.fit(X).transform(X)
    np.testing.assert_array_equal(X, before)
    X.setflags(write=False)
    sampler.fit(X).transform(X)
