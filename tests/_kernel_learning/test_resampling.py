"""Frequencies move to where the target has them, judged on rows that did not say so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from sknnk._kernel_learning import resampling
from sknnk._kernel_learning.resampling import MOST_ROUNDS, _in_proportion, resampled

N = 450


class Problem:
    """Rows of two columns, a target that follows one direction quickly, and what `resampled` asks for."""

    def __init__(self, seed, n_vectors=25, n_columns=None, dtype=np.float64):
        self.rng = np.random.default_rng(seed)
        self.X = self.rng.standard_normal((N, 2)).astype(dtype)
        self.Y = np.sin(3.0 * self.X[:, :1] + 2.0 * self.X[:, 1:])
        self.n_columns = 2 * n_vectors if n_columns is None else n_columns
        self.first, self.seen = self.draw(n_vectors), []

    def draw(self, n):
        return self.rng.standard_normal((2, n))

    def columns(self, vectors):
        self.seen.append(vectors)
        phases = self.X @ vectors.astype(self.X.dtype)
        pairs = np.stack([np.cos(phases), np.sin(phases)], axis=2).reshape(len(self.X), -1)
        return pairs[:, : self.n_columns] / np.sqrt(vectors.shape[1])

    def solved(self, Y=None, weight=None, alpha=1e-2, **options):
        Y = self.Y if Y is None else Y
        weight = np.ones(N) if weight is None else weight
        return resampled(self.first, self.draw, self.columns, Y, weight, alpha, self.rng, **options)


def test_vectors_find_a_frequency_that_few_of_the_first_have(monkeypatch):
    # Means over ten draws. Where all vectors are drawn anew, the same rounds gain little: parents are what helps.
    learned = np.mean([min((found := Problem(seed).solved()).errors) / found.errors[0] for seed in range(10)])
    monkeypatch.setattr(resampling, "_FRESH_SHARE", 1.0)
    fresh = np.mean([min((found := Problem(seed).solved()).errors) / found.errors[0] for seed in range(10)])
    assert learned < 0.15
    assert fresh > 0.5


def test_the_best_round_is_returned_with_its_penalty():
    problem = Problem(0)
    found = problem.solved()
    best = int(np.argmin(found.errors))
    assert best > 0 and found.frequencies is problem.seen[best]
    phi, kept, held = problem.columns(found.frequencies), slice(300), slice(300, None)
    centred, targets = phi[kept] - phi[kept].mean(axis=0), problem.Y[kept] - problem.Y[kept].mean()
    coef = np.linalg.solve(centred.T @ centred + found.alpha * np.eye(50), centred.T @ targets)
    predicted = problem.Y[kept].mean() + (phi[held] - phi[kept].mean(axis=0)) @ coef
    assert np.mean((problem.Y[held] - predicted) ** 2) == pytest.approx(found.errors[best], rel=1e-3)


def test_rounds_end_when_three_have_been_no_better_and_each_is_told():
    told = []
    for seed in range(5):
        told.clear()
        errors = Problem(seed).solved(done=lambda: told.append(0)).errors
        assert len(errors) == len(told) <= MOST_ROUNDS + 1
        assert len(errors) == MOST_ROUNDS + 1 or int(np.argmin(errors)) == len(errors) - 4


def test_rows_that_judge_do_not_say_what_vectors_come_next(monkeypatch):
    monkeypatch.setattr(resampling, "_ALPHA_FACTORS", (1.0,))
    monkeypatch.setattr(resampling, "_PATIENCE", MOST_ROUNDS + 1)
    plain, changed = Problem(0), Problem(0)
    plain.solved()
    Y = changed.Y.copy()
    Y[300:] = 7.0
    changed.solved(Y)
    assert all(np.array_equal(a, b) for a, b in zip(plain.seen, changed.seen, strict=True))
    # And rows that learn do.
    other = Problem(0)
    Y = other.Y.copy()
    Y[:300] = Y[:300] ** 2
    other.solved(Y)
    assert not np.array_equal(plain.seen[1], other.seen[1])


def test_first_vectors_are_kept_where_too_little_is_gained(monkeypatch):
    problem = Problem(0)
    found = problem.solved(np.ones((N, 1)))
    assert found.frequencies is problem.first and len(found.errors) == 1
    monkeypatch.setattr(resampling, "_LEAST_GAIN", 1.0)
    problem = Problem(0)
    found = problem.solved()
    assert found.frequencies is problem.first and min(found.errors) < 0.5 * found.errors[0]


def test_a_system_that_cannot_be_solved_ends_the_search(monkeypatch):
    monkeypatch.setattr(resampling, "solve_dual", lambda *_: None)
    problem = Problem(0)
    found = problem.solved()
    assert found.frequencies is problem.first and found.errors == [np.inf] and found.alpha == 1e-2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_columns", [50, 49])
def test_a_last_cosine_without_sine_several_targets_and_either_precision(n_columns, dtype):
    problem = Problem(1, n_columns=n_columns, dtype=dtype)
    found = problem.solved(np.hstack([problem.Y, -problem.Y]))
    assert found.frequencies.shape == (2, 25) and found.frequencies.dtype == np.float64
    assert min(found.errors) < 0.5 * found.errors[0]


def test_linked_columns_are_no_vectors_and_weights_count():
    problem = Problem(2)
    plain = problem.columns
    problem.columns = lambda vectors: np.hstack([problem.X, plain(vectors)])
    found = problem.solved(n_linked=2)
    assert found.frequencies.shape == (2, 25) and min(found.errors) < 0.5 * found.errors[0]
    # Only ratios of weights matter, with the penalty in their unit; a wrong target of little weight does no harm.
    weight, wrong = np.full(N, 2.0), Problem(3)
    plain, doubled = Problem(3).solved(), Problem(3).solved(weight=weight, alpha=2e-2)
    np.testing.assert_allclose(doubled.errors, plain.errors, rtol=1e-3)
    wrong.Y[::10] = 50.0
    weight[::10] = 1e-6
    assert min(wrong.solved(weight=weight, alpha=2e-2).errors) < 0.1


def test_threads_of_blas_change_nothing():
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            results.append(Problem(4).solved())
    assert np.array_equal(results[0].frequencies, results[1].frequencies) and results[0].errors == results[1].errors


def test_sparse_vectors_stay_on_as_many_columns(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 12))
    Y = np.sin(5.0 * X[:, :1]) + np.cos(4.0 * X[:, 1:2] + X[:, 2:3])

    def draw(n):
        return rng.standard_normal((12, n)) * (rng.random((12, n)).argsort(axis=0) < 2)

    def columns(vectors):
        seen.append(vectors)
        phases = X @ vectors
        return np.stack([np.cos(phases), np.sin(phases)], axis=2).reshape(N, -1) / np.sqrt(vectors.shape[1])

    seen = []
    found = resampled(draw(40), draw, columns, Y, np.ones(N), 1e-2, rng)
    assert min(found.errors) < 0.7 * found.errors[0]
    assert all(np.all(np.count_nonzero(vectors, axis=0) == 2) for vectors in seen)
    # Not the same two columns for ever, also where no vector is drawn anew: some children take one over from a draw.
    monkeypatch.setattr(resampling, "_FRESH_SHARE", 0.0)
    seen.clear()
    resampled(draw(40), draw, columns, Y, np.ones(N), 1e-2, rng)
    first, *later = [{tuple(np.flatnonzero(vector)) for vector in vectors.T} for vectors in seen]
    assert set().union(*later) - first


def test_vectors_of_zeros_may_be_parents():
    rng = np.random.default_rng(0)
    zeros = np.zeros((2, 5))
    assert not resampling._stepped(zeros, rng).any()
    moved = resampling._mutated(zeros.copy(), lambda n: np.ones((2, n)), np.random.default_rng(3))
    assert set(np.unique(moved)) <= {0.0, 1.0}


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=30).filter(any), st.integers(1, 200), st.integers(0, 99))
def test_indices_occur_in_proportion(shares, n, seed):
    shares = np.array(shares)
    counts = np.bincount(_in_proportion(shares, n, np.random.default_rng(seed)), minlength=len(shares))
    expected = n * (shares / shares.max()) / np.sum(shares / shares.max())
    assert counts.sum() == n and np.all(np.abs(counts - expected) <= 1.0 + 1e-6)
