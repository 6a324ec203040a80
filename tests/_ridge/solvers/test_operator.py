"""The operator of all rows equals the matrices it stands for, and solver="cg" the direct solvers."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._ridge.solvers.operator import FeatureOperator

FIXED = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 2.0}


def table(n_samples=600, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, 4))
    return X, np.sin(2.0 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * rng.standard_normal(n_samples)


def operator(F, scale, weight, threads=1):
    return FeatureOperator(lambda rows, out: np.add(rows, 0.0, out=out), scale, F, weight, threads)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.standard_normal((101, 7)) + 5.0, rng.uniform(0.5, 2.0, 7), rng.uniform(0.1, 3.0, 101)


def test_mean_cross_and_gram_are_the_weighted_centred_ones(rows):
    F, scale, weight = rows
    Y = np.random.default_rng(1).standard_normal((101, 2)) + 3.0
    centred, centred_targets = (
        F * scale - np.average(F * scale, axis=0, weights=weight),
        Y - np.average(Y, axis=0, weights=weight),
    )
    ours = operator(F, scale, weight)
    np.testing.assert_allclose(ours.mean, np.average(F * scale, axis=0, weights=weight))
    cross, target_mean, square = ours.cross(Y)
    np.testing.assert_allclose(cross, centred.T @ (weight[:, None] * centred_targets), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(target_mean, np.average(Y, axis=0, weights=weight))
    np.testing.assert_allclose(square, weight @ centred_targets**2)
    V = np.random.default_rng(2).standard_normal((7, 3))
    gram = centred.T @ (weight[:, None] * centred)
    np.testing.assert_allclose(ours.gram_product(V), gram @ V, rtol=1e-9, atol=1e-9)


def test_columns_may_be_written_in_another_order(rows):
    F, scale, weight = rows
    order = np.random.default_rng(4).permutation(7)
    Y, V = (np.random.default_rng(seed).standard_normal((n, 2)) for seed, n in ((1, 101), (2, 7)))
    ours = operator(F, scale, weight)
    other = FeatureOperator(lambda rows, out: np.add(rows[:, order], 0.0, out=out), scale, F, weight, 1, order)
    for one, two in zip(ours.cross(Y), other.cross(Y), strict=True):
        np.testing.assert_allclose(one, two)
    np.testing.assert_allclose(ours.mean, other.mean)
    np.testing.assert_allclose(ours.gram_product(V), other.gram_product(V))
    narrow = other.as_precise_as_needed(np.ones(1), 1e-3)
    np.testing.assert_allclose(ours.gram_product(V), narrow.gram_product(V), rtol=1e-4, atol=1e-2)


def test_threads_change_no_digit(rows):
    F, scale, weight = rows
    V = np.random.default_rng(2).standard_normal((7, 3))
    one, three = operator(F, scale, weight, 1).gram_product(V), operator(F, scale, weight, 3).gram_product(V)
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("direct", ["primal", "dual"])
def test_cg_network_is_the_direct_one(direct):
    X, y = table()
    weight = np.random.default_rng(3).uniform(0.5, 2.0, len(y))
    settings = {"n_components": 150, "alpha": 0.3, "random_state": 0, **FIXED}
    iterative = BundledNetworkRegressor(solver="cg", tol=1e-10, **settings).fit(X, y, weight)
    exact = BundledNetworkRegressor(solver=direct, **settings).fit(X, y, weight)
    np.testing.assert_allclose(iterative.output_coef_, exact.output_coef_, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(iterative.intercept_, exact.intercept_, rtol=1e-6)
    # The sketch has every row here, so what it only estimates otherwise is exact too.
    np.testing.assert_allclose(iterative.noise_variance_, exact.noise_variance_, rtol=1e-6)
    assert iterative.n_iter_ > 0
    assert exact.n_iter_ == 1


@pytest.mark.parametrize(
    ("n_components", "tol", "penalties"),
    [(151, 1e-8, [0.3, 0.3]), (151, 1e-8, [0.01, 10.0]), (2100, 1e-3, [0.3, 1.0])],
)
def test_more_rows_than_the_sketch_has_agree_with_the_direct_solution_to_the_tolerance(n_components, tol, penalties):
    X, y = table(2600)
    Y = np.column_stack([y, X[:, 1]])
    weight = np.random.default_rng(3).uniform(0.5, 2.0, len(y))
    settings = {"n_components": n_components, "alpha": [penalties], "random_state": 0, **FIXED}
    iterative = BundledNetworkRegressor(solver="cg", tol=tol, **settings).fit(X, Y, weight)
    exact = BundledNetworkRegressor(solver="primal", **settings).fit(X, Y, weight)
    # Of the right side: products of the columns with the targets, in the units in which the network solves.
    columns, alpha = iterative.transform(X), np.array(penalties)
    centred, means = columns - np.average(columns, axis=0, weights=weight), np.average(Y, axis=0, weights=weight)
    right = centred.T @ (weight[:, None] * (Y - means))
    left = centred.T @ (weight[:, None] * (centred @ iterative.output_coef_.T)) + alpha * iterative.output_coef_.T
    assert np.all(np.linalg.norm(left - right, axis=0) <= 1.1 * tol * np.linalg.norm(right, axis=0))
    np.testing.assert_allclose(iterative.predict(X), exact.predict(X), atol=max(20.0 * tol, 1e-6) * np.std(Y))


def test_cg_handles_several_targets_sparse_rows_and_automatic_penalties():
    X, y = table()
    Y = np.column_stack([y, 100.0 * y, -y])
    network = BundledNetworkRegressor(120, solver="cg", random_state=0).fit(sparse.csr_array(X), Y)
    assert network.score(X, Y) > 0.9
    mean, std = network.predict(X[:5], return_std=True)
    assert mean.shape == std.shape == (5, 3)
    assert np.all(std > 0.0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(network)).predict(X), network.predict(X))


def test_cg_classifier_agrees_with_the_direct_one():
    X, y = table()
    labels = np.digitize(y, [0.0, 1.0])
    settings = {"n_components": 150, "alpha": 0.3, "random_state": 0, **FIXED}
    iterative = BundledNetworkClassifier(solver="cg", tol=1e-8, **settings).fit(X, labels)
    exact = BundledNetworkClassifier(solver="primal", **settings).fit(X, labels)
    np.testing.assert_allclose(iterative.predict_proba(X), exact.predict_proba(X), atol=1e-4)


def test_cg_says_what_it_needs():
    X, y = table(100)
    with pytest.raises(ValueError, match=r"solver='cg' needs one positive alpha.*alpha=\[0.1, 1.0\]"):
        BundledNetworkRegressor(50, solver="cg", alpha=[0.1, 1.0]).fit(X, y)
    with pytest.raises(ValueError, match="solver='cg' needs one positive alpha"):
        BundledNetworkRegressor(50, solver="cg", alpha=0.0).fit(X, y)
    fitted = BundledNetworkRegressor(50, solver="cg", alpha=1.0).fit(X, y)
    with pytest.raises(ValueError, match=r"solver='cg' keeps no sums.*solver='primal'"):
        fitted.partial_fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 passes"):
        BundledNetworkRegressor(50, solver="cg", alpha=1e-6, tol=1e-12, max_iter=1, **FIXED).fit(X, y)


def test_float32_rows_serve_where_neither_tolerance_nor_penalty_notices(rows):
    F, scale, weight = rows
    wide = operator(F, scale, weight)
    narrow = wide.as_precise_as_needed(np.array([1.0]), tol=1e-4)
    V = np.random.default_rng(2).standard_normal((7, 3))
    product = narrow.gram_product(V)
    assert product.dtype == np.float64
    assert 0.0 < np.max(np.abs(product - wide.gram_product(V))) <= 1e-5 * np.max(np.abs(product))
    assert wide.as_precise_as_needed(np.array([1.0]), tol=1e-8) is wide
    assert wide.as_precise_as_needed(np.array([1e-12]), tol=1e-4) is wide
    assert narrow.as_precise_as_needed(np.array([1.0]), tol=1e-4) is narrow


@pytest.mark.parametrize("outlier", [1e9, 1e300])
def test_rows_that_float32_cannot_hold_stay_float64(outlier):
    X, y = table()
    X[:, 0] *= 1e-2
    X[17, 0] += outlier
    settings = {"n_components": 100, "alpha": 0.3, "random_state": 0, **FIXED}
    iterative = BundledNetworkRegressor(solver="cg", tol=1e-4, **settings).fit(X, y)
    exact = BundledNetworkRegressor(solver="primal", **settings).fit(X, y)
    np.testing.assert_allclose(iterative.predict(X), exact.predict(X), atol=1e-2 * np.std(y))

    def phases(rows, out):
        return np.sin(rows, out=out)

    wide = FeatureOperator(phases, np.ones(4), X, np.ones(len(X)), 1)
    assert wide.as_precise_as_needed(np.ones(1), 1e-4) is wide


def test_means_come_with_the_products_of_the_targets(rows):
    F, scale, weight = rows
    seen = []
    ours = FeatureOperator(
        lambda rows, out: (seen.append(len(rows)), np.add(rows, 0.0, out=out))[1], scale, F, weight, 1
    )
    ours.cross(np.ones((101, 1)))
    np.testing.assert_allclose(ours.mean, np.average(F * scale, axis=0, weights=weight))
    assert sum(seen) == 101
