import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit

from sknnk._data.rows import distinct_rows
from sknnk._features.layer_spec import Candidate
from sknnk._kernel_learning import successive_halving
from sknnk._kernel_learning.successive_halving import candidates, cross_validated_errors, halving_search
from sknnk._kernels.spectra import spectrum_of

quick = settings(deadline=None, max_examples=40)
KERNELS = [
    Candidate("gaussian", "orthogonal", "isotropic", 0.5),
    Candidate("gaussian", "orthogonal", "isotropic", 2.0),
    Candidate("cauchy", "gaussian", "coordinatewise", 1.0),
    Candidate("cauchy", "gaussian", "coordinatewise", 4.0),
    Candidate("laplace", "orthogonal", "isotropic", 1.0),
]


def exact_kernel(kernel, X):
    """The kernel that the features of a candidate converge to."""
    kappa = spectrum_of(kernel.activation).kernel
    if kernel.frequencies == "isotropic":
        return kappa(cdist(X, X) / kernel.length_scale)
    return np.prod(kappa(np.abs(X[:, None, :] - X[None]) / kernel.length_scale), axis=2)


def exact_features(kernel, X, _n_components=None):
    """As many columns as rows, whose dot products are the kernel."""
    values, vectors = np.linalg.eigh(exact_kernel(kernel, X))
    return vectors * np.sqrt(np.maximum(values, 0.0))


def sample_of(X, Y, weights=None):
    return distinct_rows(X, Y, np.ones(len(X)) if weights is None else weights)


def searched(options, sample, features=exact_features, seed=0, threads=1):
    return halving_search(options, features, *sample, np.random.default_rng(seed), threads)


def codes(n_samples, seed, n_columns=2):
    """Rows of few values, so that many repeat, some with different targets."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (n_samples, n_columns)).astype(float)
    return X, rng.integers(0, 2, (n_samples, 1)).astype(float), rng.integers(1, 5, n_samples).astype(float)


# The sample.


@given(n_samples=st.integers(1, 30), seed=st.integers(0, 99), n_columns=st.integers(1, 4))
@quick
def test_distinct_rows_carry_all_the_weight_and_do_not_depend_on_the_order(n_samples, seed, n_columns):
    X, Y, w = codes(n_samples, seed, n_columns)
    rows, targets, weights, groups = distinct_rows(X, Y, w)
    table = np.hstack([rows, targets])
    assert len(np.unique(table, axis=0)) == len(table) == len(np.unique(np.hstack([X, Y]), axis=0))
    for row, weight in zip(table, weights, strict=True):
        assert weight == w[np.all(np.hstack([X, Y]) == row, axis=1)].sum()
    order = np.random.default_rng(seed).permutation(n_samples)
    for a, b in zip(distinct_rows(X[order], Y[order], w[order]), (rows, targets, weights, groups), strict=True):
        assert np.array_equal(a, b)


@given(n_samples=st.integers(1, 30), seed=st.integers(0, 99))
@quick
def test_repeated_rows_are_weights_and_equal_inputs_one_group(n_samples, seed):
    X, Y, w = codes(n_samples, seed)
    counts = w.astype(int)
    weighted, repeated = distinct_rows(X, Y, w), sample_of(X.repeat(counts, axis=0), Y.repeat(counts, axis=0))
    assert all(np.array_equal(a, b) for a, b in zip(weighted, repeated, strict=True))
    rows, _, _, groups = weighted
    same_input = np.all(rows[:, None] == rows[None], axis=2)
    assert np.array_equal(groups[:, None] == groups[None], same_input)
    assert np.array_equal(np.unique(groups), np.arange(groups[-1] + 1))


def untidy(X, seed):
    """The same matrix with entries in two parts and out of order, and some zeros that are stored."""
    rng = np.random.default_rng(seed)
    part = rng.integers(-4, 5, X.shape) / 4.0
    order = np.argsort(rng.random((len(X), 2 * X.shape[1])), axis=1)
    columns = np.take_along_axis(np.tile(np.arange(X.shape[1]), (len(X), 2)), order, axis=1)
    values = np.take_along_axis(np.hstack([part, X - part]), order, axis=1)
    kept = (values != 0.0) | (rng.random(values.shape) < 0.3)
    pointers = np.append(0, np.cumsum(kept.sum(axis=1)))
    return sparse.csr_array((values[kept], columns[kept], pointers), shape=X.shape)


@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.integers(1, 4))
@quick
def test_the_order_of_the_columns_does_not_matter(n_samples, seed, n_columns):
    rng = np.random.default_rng(seed)
    X, Y = rng.integers(0, 3, (n_samples, n_columns)).astype(float), rng.normal(size=(n_samples, 2))
    columns = rng.permutation(n_columns)
    rows, *others = distinct_rows(X, Y, np.ones(n_samples))
    turned, *turned_others = distinct_rows(X[:, columns] * 1e6, Y, np.ones(n_samples))
    np.testing.assert_array_equal(turned, rows[:, columns] * 1e6)
    for a, b in zip(turned_others, others, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix, lambda X: untidy(X, 0)])
@given(n_samples=st.integers(1, 30), seed=st.integers(0, 99), n_columns=st.integers(1, 5))
@quick
def test_csr_rows_are_merged_and_sorted_as_dense_ones(kind, n_samples, seed, n_columns):
    X, Y, w = codes(n_samples, seed, n_columns)
    X *= np.random.default_rng(seed).choice([1.0, 0.5, -7.0], X.shape)
    rows, *others = distinct_rows(kind(X), Y, w)
    dense_rows, *dense_others = distinct_rows(X, Y, w)
    assert sparse.issparse(rows) and np.array_equal(rows.toarray(), dense_rows)
    assert all(np.array_equal(a, b) for a, b in zip(others, dense_others, strict=True))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_the_dtype_of_the_inputs_is_kept(kind, dtype):
    X, Y, w = codes(10, 0)
    assert distinct_rows(kind(X.astype(dtype)), Y, w)[0].dtype == dtype


# The candidates.


def test_what_is_fixed_is_kept_and_the_rest_is_tried_without_repetition():
    def scales(activation, directions, frequencies):
        return [1.0, 2.0]

    everything = candidates("auto", "auto", "auto", scales)
    assert everything[:2] == [Candidate("gaussian", "orthogonal", "isotropic", s) for s in (1.0, 2.0)]
    assert len({c[:3] for c in everything}) == len(everything) / 2 == len(successive_halving._FAMILIES)
    assert {c.activation for c in candidates(np.tanh, "auto", "auto", scales)} == {np.tanh}
    assert {c.directions for c in candidates("auto", "qmc", "auto", scales)} == {"qmc"}
    assert {c.frequencies for c in candidates("auto", "auto", "isotropic", scales)} == {"isotropic"}
    assert candidates("relu", "qmc", "isotropic", scales) == [
        Candidate("relu", "qmc", "isotropic", s) for s in (1.0, 2.0)
    ]


def test_length_scales_are_those_of_each_family():
    seen = candidates("auto", "auto", "auto", lambda *family: [len("".join(family))])
    assert all(c.length_scale == len("".join(c[:3])) for c in seen)


# Cross-validation.


@pytest.mark.parametrize("n_columns", [3, 25, 60])
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_those_of_explicit_folds_with_ridge(n_columns, weighted):
    rng = np.random.default_rng(n_columns)
    features, folds = rng.normal(size=(40, n_columns)) / np.sqrt(n_columns) + 1.0, rng.permutation(40) % 4
    Y = features @ rng.normal(size=(n_columns, 2)) + 0.3 * rng.normal(size=(40, 2))
    w = rng.uniform(0.1, 3.0, 40) if weighted else np.ones(40)
    alphas = np.array([1e-4, 0.1, 10.0])
    expected = np.zeros((3, 2))
    for i, alpha in enumerate(alphas):
        for kept, held in PredefinedSplit(folds).split():
            model = Ridge(alpha, solver="svd").fit(features[kept], Y[kept], sample_weight=w[kept])
            expected[i] += w[held] @ (Y[held] - model.predict(features[held])) ** 2
    expected /= w @ (Y - np.average(Y, axis=0, weights=w)) ** 2
    assert np.allclose(cross_validated_errors(features, Y, w, folds, alphas), expected, rtol=1e-7)


def test_a_target_without_variance_counts_nothing():
    rng = np.random.default_rng(0)
    Y = np.column_stack([rng.normal(size=20), np.full(20, 3.0)])
    errors = cross_validated_errors(rng.normal(size=(20, 4)), Y, np.ones(20), np.arange(20) % 4, np.array([0.1, 1.0]))
    assert np.array_equal(errors[:, 1], [0.0, 0.0]) and np.all(errors[:, 0] > 0.0)


def test_folds_are_even_and_never_split_equal_inputs(monkeypatch):
    seen = []
    real = successive_halving.cross_validated_errors
    monkeypatch.setattr(successive_halving, "cross_validated_errors", lambda *a: seen.append((a[1], a[3])) or real(*a))
    X, _, w = codes(400, 0, n_columns=4)
    Y = np.arange(400.0)[:, None]
    sample = distinct_rows(X, Y, w)
    groups = sample[3]
    searched(KERNELS[:1], sample)
    ((targets, folds),) = seen
    assert len(targets) == 400 > groups[-1] + 1
    of_group = {(g, f) for g, f in zip(groups, folds, strict=True)}
    assert len(of_group) == groups[-1] + 1
    assert np.ptp(np.bincount([f for _, f in of_group])) <= 1 and {f for _, f in of_group} == {0, 1, 2, 3}


# The search.


@pytest.mark.parametrize("truth", KERNELS)
def test_the_kernel_that_made_the_data_is_found(truth):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(250, 3))
    Y = exact_features(truth, X) @ rng.normal(size=(250, 60)) + 0.5 * rng.normal(size=(250, 60))
    choice = searched(KERNELS, sample_of(X, Y))
    assert choice.candidate == truth
    # In the Bayesian reading the best penalty is the variance of the noise, 0.25; the grid has two a decade.
    assert 0.25 / 4 < np.median(choice.alpha) < 0.25 * 4


def random_features(kernel, X, n_components):
    rng = np.random.default_rng(0)
    phases = X @ rng.normal(size=(X.shape[1], n_components // 2)) / kernel.length_scale
    return np.hstack([np.cos(phases), np.sin(phases)]) * np.sqrt(2.0 / n_components)


def smooth_sample(n_samples=60):
    X = np.random.default_rng(1).normal(size=(n_samples, 2))
    return sample_of(X, np.column_stack([np.sin(2.0 * X[:, 0]), X[:, 1] ** 2]))


def test_threads_change_nothing():
    one, two = (searched(KERNELS, smooth_sample(), threads=threads) for threads in (1, 2))
    assert one.candidate == two.candidate and np.array_equal(one.alpha, two.alpha)
    assert [h[:3] for h in one.history] == [h[:3] for h in two.history]
    assert np.allclose([h[3] for h in one.history], [h[3] for h in two.history], rtol=1e-6)


def test_the_choice_and_its_penalty_are_the_least_of_the_explicit_errors():
    sample = X, Y, w, groups = smooth_sample()
    choice = searched(KERNELS[:2], sample, random_features, seed=7)
    folds = np.random.default_rng(7).permutation(60)[groups] % 4
    curves = [
        cross_validated_errors(random_features(k, X, 256), Y, w, folds, successive_halving._ALPHAS) for k in KERNELS[:2]
    ]
    best = int(np.argmin([c.min(axis=0).mean() for c in curves]))
    assert choice.candidate == KERNELS[best]
    assert np.array_equal(choice.alpha, successive_halving._ALPHAS[curves[best].argmin(axis=0)])
    for (kernel, n_samples, n_components, error), k, curve in zip(choice.history, KERNELS, curves, strict=False):
        assert (kernel, n_samples, n_components) == (k, 60, 256)
        assert error == pytest.approx(curve.min(axis=0).mean(), rel=1e-9)


@pytest.mark.parametrize("n_groups", [1, 7, 8])
def test_fewer_than_eight_distinct_inputs_leave_the_default_without_a_penalty(n_groups):
    X = np.arange(20.0)[:, None] % n_groups
    choice = searched(KERNELS, sample_of(X, np.arange(20.0)[:, None]))
    if n_groups < 8:
        assert (choice.candidate, choice.alpha, choice.history) == (KERNELS[0], None, [])
    else:
        assert choice.alpha.shape == (1,) and len(choice.history) == len(KERNELS)


def test_no_rows_leave_the_default():
    nothing = np.zeros((0, 2)), np.zeros((0, 1)), np.zeros(0), np.zeros(0, dtype=np.intp)
    assert searched(KERNELS, nothing).candidate == KERNELS[0]


@pytest.mark.parametrize(
    ("n_samples", "n_options", "expected"),
    [(40, 5, [(40, 8)] * 5), (90, 5, [(50, 8)] * 5 + [(80, 16)] * 2), (90, 1, [(80, 16)]), (40, 1, [(40, 8)])],
)
def test_the_best_half_run_again_on_more_rows(monkeypatch, n_samples, n_options, expected):
    monkeypatch.setattr(successive_halving, "_ROUNDS", ((50, 8, None), (80, 16, 2)))
    choice = searched(KERNELS[:n_options], smooth_sample(n_samples), random_features)
    assert [h[1:3] for h in choice.history] == expected
    first = sorted(choice.history[:n_options], key=lambda h: h[3])
    again = choice.history[n_options:]
    assert [h[0] for h in again] == [h[0] for h in first[: len(again)]]
    assert choice.candidate == min(again or first, key=lambda h: h[3])[0]
