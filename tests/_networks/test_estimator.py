"""What regressor and classifier share; targets of both kinds come from the same rows."""

import numpy as np
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.utils._param_validation import InvalidParameterError

import sknnk._networks.fitting
from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._ridge.moments import Moments
from sknnk._ridge.solvers.eigen import coefficients, decompose

FIXED = {
    "n_components": 48,
    "activation": "gaussian",
    "directions": "orthogonal",
    "frequencies": "isotropic",
    "length_scale": 2.0,
    "alpha": 0.1,
    "input_transform": None,
    "direct_link": False,
    "random_state": 0,
}
REGRESSOR = BundledNetworkRegressor(**FIXED)
CLASSIFIER = BundledNetworkClassifier(**FIXED)
AUTO = [BundledNetworkRegressor(64, random_state=0), BundledNetworkClassifier(64, random_state=0)]


def both(test):
    return pytest.mark.parametrize("network", [REGRESSOR, CLASSIFIER], ids=["regressor", "classifier"])(test)


def both_on_auto(test):
    return pytest.mark.parametrize("network", AUTO, ids=["regressor", "classifier"])(test)


def rows(n_samples, n_features=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))


def targets(network, X, seed=0):
    """A smooth function of the first columns with a little noise, or its thirds."""
    noise = np.random.default_rng(seed + 1).normal(size=len(X))
    y = np.sin(X[:, 0]) + X[:, -1] ** 2 + 0.1 * noise
    return np.digitize(y, np.quantile(y, [1 / 3, 2 / 3])) if is_classifier(network) else y


def chunks(network, X, y, order, sizes, **weights):
    """Fit rows in the given order, in consecutive chunks of the given sizes."""
    network = clone(network)
    classes = {"classes": np.unique(y)} if is_classifier(network) else {}
    for part in np.split(order, np.cumsum(sizes)):
        network.partial_fit(X[part], y[part], **classes, **{k: w[part] for k, w in weights.items()})
    return network


def output(network, X):
    return network.predict_proba(X) if is_classifier(network) else network.predict(X)


def scores(network, X):
    return network.decision_function(X) if is_classifier(network) else network.predict(X)


def assert_same_network(one, other, X, rtol=1e-8):
    """Relative to the largest entry of each array."""
    for name in ("output_coef_", "intercept_", "alpha_", "effective_dof_", "noise_variance_"):
        expected = np.asarray(getattr(other, name))
        # Residuals outside of the range of the features are a difference of squares in the primal.
        atol = max(rtol, 1e-6 * (name == "noise_variance_")) * np.abs(expected).max()
        np.testing.assert_allclose(getattr(one, name), expected, rtol=0, atol=atol, err_msg=name)
    expected = scores(other, X)
    np.testing.assert_allclose(scores(one, X), expected, rtol=0, atol=rtol * np.abs(expected).max())
    assert one.n_samples_seen_ == other.n_samples_seen_


def tried(network):
    """Every kernel of the search but for its length scale, with the rows and features it was tried on."""
    return [(*candidate[:3], n_rows, n_columns) for candidate, n_rows, n_columns, _ in network.search_history_]


# One fit, many ways


@both
@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("sizes", [(100,), (7, 50, 1, 90), [1] * 30])
def test_one_fit_equals_shuffled_chunks(network, solver, sizes):
    X = rows(200)
    y, weight = targets(network, X), np.random.default_rng(5).uniform(0.5, 2.0, 200)
    whole = clone(network).set_params(solver=solver).fit(X, y, sample_weight=weight)
    order = np.random.default_rng(0).permutation(200)
    assert_same_network(chunks(network, X, y, order, sizes, sample_weight=weight), whole, X)


@both_on_auto
def test_after_the_first_chunk_the_order_of_the_others_does_not_matter(network):
    X = rows(300)
    y = targets(network, X)
    first, rest = np.arange(100), np.arange(100, 300)
    one = chunks(network, X, y, np.r_[first, rest], [100, 70])
    other = chunks(network, X, y, np.r_[first, rest[::-1]], [100, 9, 31])
    assert_same_network(one, other, X, rtol=1e-6)


@both
def test_merged_moments_of_parts_give_the_coefficients_of_one_fit(network):
    X = rows(200)
    y = targets(network, X)
    whole = clone(network).fit(X, y)
    Y = 2.0 * (y[:, None] == whole.classes_) - 1.0 if is_classifier(network) else y[:, None]
    columns = whole.transform(X)
    parts = [Moments.from_block(columns[i::3], Y[i::3]) for i in range(3)]
    coef, intercept = coefficients(decompose(parts[0] + (parts[1] + parts[2])), whole.alpha)
    np.testing.assert_allclose(np.atleast_2d(whole.output_coef_), coef.T, rtol=0, atol=1e-8 * np.abs(coef).max())
    np.testing.assert_allclose(whole.intercept_, intercept, rtol=1e-8)


@both
@pytest.mark.parametrize("solver", ["primal", "dual"])
@pytest.mark.parametrize("n_first", [20, 150])
def test_partial_fit_continues_a_fit(network, solver, n_first):
    X = rows(200)
    y = targets(network, X)
    first, rest = np.arange(n_first), np.arange(n_first, 200)
    continued = clone(network).set_params(solver=solver).fit(X[first], y[first])
    assert continued.solver_ == solver
    assert not hasattr(continued, "moments_")
    continued.partial_fit(X[rest[:7]], y[rest[:7]]).partial_fit(X[rest[7:]], y[rest[7:]])
    assert_same_network(continued, clone(network).fit(X, y), X)
    # And a new fit forgets all of it.
    assert_same_network(continued.fit(X[first], y[first]), clone(network).fit(X[first], y[first]), X)
    assert_same_network(continued.partial_fit(X[rest], y[rest]), clone(network).fit(X, y), X)


@both
def test_coefficients_are_those_of_ridge_regression_on_the_explicit_features(network):
    X = rows(200)
    y, weight = targets(network, X), np.random.default_rng(5).uniform(0.5, 2.0, 200)
    for settings in ({"solver": "primal"}, {"solver": "dual"}, {"direct_link": True}, {"n_components": (24, 300)}):
        fitted = clone(network).set_params(**settings).fit(X, y, sample_weight=weight)
        Y = 2.0 * (y[:, None] == fitted.classes_) - 1.0 if is_classifier(network) else y
        columns = fitted.transform(X)
        ridge = Ridge(alpha=0.1, solver="cholesky").fit(columns, Y, sample_weight=weight)
        largest = np.abs(ridge.coef_).max()
        np.testing.assert_allclose(fitted.output_coef_, ridge.coef_, rtol=0, atol=1e-8 * largest)
        np.testing.assert_allclose(fitted.intercept_, ridge.intercept_, rtol=0, atol=1e-8 * largest)
        np.testing.assert_allclose(columns @ fitted.output_coef_.T + fitted.intercept_, scores(fitted, X), atol=1e-10)


@both_on_auto
def test_features_times_coefficients_are_the_scores(network):
    X = rows(300)
    fitted = clone(network).fit(X, targets(network, X))
    new = rows(50, seed=3)
    assert fitted.transform(new).shape == (50, 3 + 64)
    np.testing.assert_allclose(
        fitted.transform(new) @ fitted.output_coef_.T + fitted.intercept_, scores(fitted, new), atol=1e-10
    )


# Weights


@both_on_auto
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_integer_weights_equal_repeated_rows_with_every_choice_on_auto(network, container):
    X = rows(120)
    X[np.abs(X) < 0.4] = 0.0
    y, weight = targets(network, X), np.random.default_rng(1).integers(0, 4, 120)
    for settings in ({}, {"input_transform": None}, {"n_components": (30, 20)}):
        weighted = clone(network).set_params(**settings).fit(container(X), y, sample_weight=weight)
        order = np.random.default_rng(2).permutation(weight.sum())
        repeated = clone(network).set_params(**settings)
        repeated.fit(container(np.repeat(X, weight, axis=0)[order]), np.repeat(y, weight)[order])
        assert weighted.activation_ == repeated.activation_
        np.testing.assert_allclose(output(weighted, X), output(repeated, X), rtol=0, atol=1e-6)


@both_on_auto
def test_rows_of_weight_zero_are_absent(network):
    X = rows(150)
    y, weight = targets(network, X), np.ones(150)
    weight[100:] = 0.0
    y[100:] = y[100:][::-1]
    zeros = clone(network).fit(X, y, sample_weight=weight)
    absent = clone(network).fit(X[:100], y[:100])
    np.testing.assert_array_equal(zeros.output_coef_, absent.output_coef_)
    np.testing.assert_array_equal(output(zeros, X), output(absent, X))
    assert zeros.n_samples_seen_ == 100


@both
def test_weights_that_are_no_weights_are_refused(network):
    X = rows(20)
    y = targets(network, X)
    with pytest.raises(ValueError, match="at least one non-zero number"):
        clone(network).fit(X, y, sample_weight=np.zeros(20))
    with pytest.raises(ValueError, match=r"[Nn]egative values in"):
        clone(network).fit(X, y, sample_weight=np.r_[-1.0, np.ones(19)])
    with pytest.raises(ValueError, match="contains NaN"):
        clone(network).fit(X, y, sample_weight=np.r_[np.nan, np.ones(19)])
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(19,\), expected \(20,\)"):
        clone(network).fit(X, y, sample_weight=np.ones(19))


# Kinds of rows


@both_on_auto
def test_float32_rows_give_float32_results_close_to_those_of_float64(network):
    X = rows(200).astype(np.float32)
    y = targets(network, X.astype(np.float64))
    for settings in ({}, {"input_transform": None}, {"solver": "primal", "n_components": (40, 40)}):
        settings = {"alpha": 0.1, "length_scale": 2.0, "activation": "gaussian", "directions": "qmc", **settings}
        single = clone(network).set_params(**settings).fit(X, y)
        double = clone(network).set_params(**settings).fit(X.astype(np.float64), y)
        assert single.output_coef_.dtype == single.transform(X).dtype == output(single, X).dtype == np.float32
        assert double.output_coef_.dtype == output(double, X.astype(np.float64)).dtype == np.float64
        np.testing.assert_allclose(output(single, X), output(double, X.astype(np.float64)), rtol=0, atol=2e-3)


@both_on_auto
@pytest.mark.parametrize(
    ("input_transform", "container"),
    [("quantile", sparse.csr_matrix), (None, sparse.csr_array), ("quantile", sparse.csc_array)],
)
def test_sparse_rows_equal_dense_ones_with_every_choice_on_auto(network, input_transform, container):
    X = rows(90, 6)
    y = targets(network, X)
    X[np.abs(X) < 1.0] = 0.0
    network = clone(network).set_params(input_transform=input_transform)
    dense, spread = clone(network).fit(X, y), clone(network).fit(container(X), y)
    assert tried(spread) == tried(dense)
    np.testing.assert_allclose(output(spread, container(X)), output(dense, X), rtol=0, atol=1e-8)
    np.testing.assert_allclose(spread.transform(container(X)), dense.transform(X), rtol=0, atol=1e-12)
    parts = chunks(network, container(X).tocsr(), y, np.arange(90), [50])
    np.testing.assert_allclose(
        output(parts, container(X)), output(chunks(network, X, y, np.arange(90), [50]), X), atol=1e-8
    )


@both
def test_sparse_rows_with_64_bit_indices_are_read(network):
    X = rows(60) * (rows(60, seed=1) > 0)
    wide = sparse.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    y = targets(network, X)
    np.testing.assert_allclose(
        clone(network).fit(wide, y).output_coef_, clone(network).fit(X, y).output_coef_, atol=1e-9
    )


@both
def test_tables_are_read_with_their_names(network):
    frame = load_diabetes(as_frame=True).data[:100]
    y = targets(network, frame.to_numpy())
    expected = output(clone(network).fit(frame.to_numpy(), y), frame.to_numpy())
    for table in (frame, pl.from_pandas(frame)):
        fitted = clone(network).fit(table, y)
        assert fitted.feature_names_in_.tolist() == list(frame.columns)
        np.testing.assert_array_equal(output(fitted, table), expected)
    assert isinstance(fitted.set_output(transform="polars").transform(frame), pl.DataFrame)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[list(frame.columns)[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.partial_fit(frame[list(frame.columns)[::-1]], y)


@both
def test_text_in_an_array_is_refused(network):
    with pytest.raises(ValueError, match="X holds text in the column 1; add the positions of categories"):
        clone(network).fit(np.array([[1.0, "red"], [2.0, "green"]], dtype=object), [0, 1])


# What must not matter


@both_on_auto
def test_blocks_and_threads_do_not_matter(network, monkeypatch):
    X = rows(120)
    y = targets(network, X)
    for solver in ("primal", "dual"):
        network = clone(network).set_params(solver=solver)
        expected = clone(network).fit(X, y)
        for settings in ({"batch_size": 1}, {"batch_size": 77}, {"batch_size": 10**9}, {"n_jobs": 2}):
            assert_same_network(clone(network).set_params(**settings).fit(X, y), expected, X, rtol=1e-7)
        monkeypatch.setattr(sknnk._compute.threads, "_FEWEST_ENTRIES", 1)
        monkeypatch.setattr(sknnk._compute.threads, "_MOST_ENTRIES", 1)
        assert_same_network(clone(network).set_params(n_jobs=2).fit(X, y), expected, X, rtol=1e-7)
        monkeypatch.undo()


@both_on_auto
def test_the_order_of_the_rows_does_not_matter(network):
    X = rows(200)
    y, order = targets(network, X), np.random.default_rng(1).permutation(200)
    assert_same_network(clone(network).fit(X[order], y[order]), clone(network).fit(X, y), X, rtol=1e-6)


@both_on_auto
@pytest.mark.parametrize(
    ("unit", "settings"),
    [(1e150, {}), (1e-150, {}), (1e150, {"input_transform": None}), (1e-150, {"input_transform": None})],
)
def test_the_unit_of_the_rows_does_not_matter(network, unit, settings):
    X, new = rows(80), rows(50, seed=7)
    network, y = clone(network).set_params(**settings), targets(network, X)
    expected = output(clone(network).fit(X, y), new)
    np.testing.assert_allclose(output(clone(network).fit(unit * X, y), unit * new), expected, rtol=0, atol=1e-6)


@both_on_auto
def test_monotone_maps_of_the_columns_do_not_matter_behind_the_quantile_transform(network):
    X, new = rows(200), rows(50, seed=7)
    y, units = targets(network, X), np.array([1e6, 1.0, 1e-6])
    fitted = clone(network).fit(X, y)
    rescaled = clone(network).fit(X * units - 3.0 * units, y)
    np.testing.assert_allclose(output(rescaled, new * units - 3.0 * units), output(fitted, new), atol=1e-6)
    # Between two training rows a bent map moves the point where the line meets; at the rows nothing changes.
    np.testing.assert_allclose(output(clone(network).fit(np.exp(X), y), np.exp(X)), output(fitted, X), atol=1e-8)


@both_on_auto
def test_columns_without_variance_do_not_matter(network):
    X = rows(150)
    y = targets(network, X)
    for settings in ({}, {"input_transform": None}, {"directions": "hadamard"}):
        fitted = clone(network).set_params(**settings).fit(np.hstack([X, np.full((150, 2), 7.0)]), y)
        assert fitted.score(np.hstack([X, np.full((150, 2), 7.0)]), y) > 0.8
        new = np.hstack([rows(20, seed=4), np.full((20, 2), 7.0)])
        assert np.isfinite(output(fitted, new)).all()
    alone = clone(network).fit(np.full((150, 2), 7.0), y)
    np.testing.assert_allclose(output(alone, [[7.0, 7.0], [1.0, 9.0]]), output(alone, [[7.0, 7.0]] * 2))


@both_on_auto
def test_one_column_is_enough(network):
    X = rows(150, 1)
    y = targets(network, X)
    for directions in ("auto", "sparse", "hadamard", "qmc", "orthogonal", "gaussian"):
        assert clone(network).set_params(directions=directions).fit(X, y).score(X, y) > 0.8


@both_on_auto
@pytest.mark.parametrize("settings", [{}, {"input_transform": None}])
@pytest.mark.parametrize("n_samples", [2, 3, 7, 9, 30])
def test_few_rows_give_a_finite_model(network, settings, n_samples):
    X = rows(n_samples)
    y = targets(network, X)
    fitted = clone(network).set_params(**settings).fit(X, y)
    assert np.isfinite(output(fitted, rows(20, seed=1))).all()
    assert np.isfinite(fitted.effective_dof_).all() and np.all(fitted.effective_dof_ <= n_samples)


@both_on_auto
@pytest.mark.parametrize("solver", ["auto", "primal", "dual"])
@pytest.mark.parametrize("n_samples", [66, 67, 68])
def test_as_many_rows_as_columns_is_no_peak_of_the_error(network, solver, n_samples):
    # 64 features and three links make 67 columns.
    X, new = rows(n_samples), rows(2000, seed=9)
    fitted = clone(network).set_params(solver=solver).fit(X, targets(network, X))
    more = clone(network).set_params(solver=solver).fit(rows(40), targets(network, rows(40)))
    assert fitted.output_coef_.shape[-1] == 67
    truth = targets(network, new)
    assert fitted.score(new, truth) > max(0.4, more.score(new, truth) - 0.1)


@both
@pytest.mark.parametrize("n_samples", [30, 47, 48, 49, 100])
def test_both_solvers_give_the_same_network(network, n_samples):
    X = rows(n_samples)
    y = targets(network, X)
    primal, dual = (clone(network).set_params(solver=solver).fit(X, y) for solver in ("primal", "dual"))
    assert_same_network(dual, primal, X)


@both_on_auto
def test_a_copy_of_every_row_does_not_fool_the_choice_of_the_penalty(network):
    X, new = rows(150), rows(2000, seed=9)
    y, truth = targets(network, X), targets(network, new)
    once = clone(network).fit(X, y)
    twice = clone(network).fit(np.vstack([X, X]), np.r_[y, y])
    assert twice.score(new, truth) > once.score(new, truth) - 0.05


def test_near_copies_of_rows_do_not_fool_the_choice_of_the_penalty():
    # Copies on both sides of a fold would reward a network that knows them by heart.
    X, new = rows(150), rows(2000, seed=9)
    truth = targets(REGRESSOR, new)
    rng = np.random.default_rng(3)
    y = targets(REGRESSOR, X) + rng.normal(size=150)
    model = BundledNetworkRegressor(200, random_state=0)
    once = clone(model).fit(X, y)
    copies = np.r_[y, y, y] + 1e-6 * rng.normal(size=450)
    assert clone(model).fit(np.vstack([X, X, X]), copies).score(new, truth) > once.score(new, truth) - 0.1


@both
def test_rows_that_overflow_without_an_input_transform_are_refused(network):
    X = rows(50)
    y = targets(network, X)
    fitted = clone(network).fit(X, y)
    with pytest.raises(ValueError, match=r"X holds values up to 1e\+300, which overflow float64"):
        fitted.predict(np.full((1, 3), 1e300))
    with pytest.raises(ValueError, match=r"X holds values up to .*, which overflow float64"):
        clone(network).fit(1e300 * X, y)
    assert np.isfinite(clone(network).set_params(input_transform="quantile").fit(X, y).predict(np.full((1, 3), 1e300)))


# Depth


@both_on_auto
@pytest.mark.parametrize("n_components", [(40, 60), [40, 60], (20, 30, 50)])
def test_deep_networks_beat_a_constant(network, n_components):
    X, new = rows(300), rows(1000, seed=9)
    fitted = clone(network).set_params(n_components=n_components).fit(X, targets(network, X))
    assert fitted.n_components_ == tuple(n_components)
    assert len(fitted.samplers_) == len(n_components)
    constant = 1 / 3 if is_classifier(network) else 0.0
    assert fitted.score(new, targets(network, new)) > constant + 0.3
    hidden = fitted.samplers_[0].transform(rows(5))
    np.testing.assert_allclose(np.linalg.norm(hidden, axis=1), 1.0, rtol=1e-12)


@both
def test_a_deep_network_is_its_samplers_in_a_row(network):
    X = rows(100)
    fitted = clone(network).set_params(n_components=(30, 20, 50)).fit(X, targets(network, X))
    columns = X
    for sampler in fitted.samplers_:
        columns = sampler.transform(columns)
    np.testing.assert_allclose(fitted.transform(X), columns, atol=1e-13)


@both
def test_the_columns_of_a_smaller_network_are_the_first_of_a_wider_one(network):
    X = rows(100)
    y = targets(network, X)
    wide, narrow = (
        clone(network).set_params(n_components=n, direct_link=True).fit(X, y).transform(X) for n in (64, 16)
    )
    np.testing.assert_allclose(narrow[:, :3], wide[:, :3], rtol=0, atol=0)
    np.testing.assert_allclose(narrow[:, 3:] * np.sqrt(16), wide[:, 3:19] * np.sqrt(64), rtol=0, atol=1e-13)


# Errors


@both
@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([[np.inf, 1.0], [0.0, 1.0]], "contains infinity"),
        ([["a", "b"], ["c", "d"]], "X holds text in the columns 0, 1"),
        (np.empty((0, 2)), "0 sample"),
        (np.empty((2, 0)), "0 feature"),
        ([0.0, 1.0], "Expected 2D array"),
    ],
)
def test_rows_that_are_no_numbers_are_refused(network, bad, words):
    y = [0, 1][: len(bad)]
    with pytest.raises(ValueError, match=words):
        clone(network).fit(bad, y)
    with pytest.raises(ValueError, match=words):
        clone(network).partial_fit(bad, y)
    fitted = clone(network).fit(rows(20, 2), targets(network, rows(20, 2)))
    with pytest.raises(ValueError, match=words):
        fitted.predict(bad)


@both
def test_another_number_of_columns_or_targets_is_refused(network):
    X = rows(20)
    y = targets(network, X)
    fitted = clone(network).fit(X, y)
    for call in (fitted.predict, fitted.transform, lambda X: fitted.partial_fit(X, y)):
        with pytest.raises(ValueError, match=r"X has 2 features, but .* is expecting 3 features"):
            call(X[:, :2])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(network).fit(X, y[:-1])


@both
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_components", 0),
        ("n_components", 1.5),
        ("n_components", "many"),
        ("activation", "reluu"),
        ("length_scale", -1.0),
        ("length_scale", "scale"),
        ("directions", "random"),
        ("frequencies", "both"),
        ("alpha", -1e-9),
        ("alpha", np.nan),
        ("alpha", "gcv"),
        ("solver", "lbfgs"),
        ("input_transform", "normal"),
        ("direct_link", "yes"),
        ("batch_size", 0),
        ("n_jobs", 1.5),
        ("random_state", "seed"),
        ("verbose", -1),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value_and_what_is_allowed(network, parameter, value):
    X = rows(20)
    network = clone(network).set_params(**{parameter: value})
    words = f"The '{parameter}' parameter of {type(network).__name__} must be .* Got {value!r}"
    for method in (network.fit, network.partial_fit):
        with pytest.raises(InvalidParameterError, match=words):
            method(X, targets(network, X))


@both
@pytest.mark.parametrize("value", [(), (10, 0), (10, 2.5), (True,), ["auto"]])
def test_layer_sizes_that_are_no_sizes_are_refused(network, value):
    with pytest.raises(
        ValueError, match=r"n_components=.* must be 'auto', a positive integer, or one positive integer per"
    ):
        clone(network).set_params(n_components=value).fit(rows(20), targets(network, rows(20)))


@both
@pytest.mark.parametrize("value", [[], [1.0, -1.0], [np.nan], [np.inf, 1.0]])
def test_penalties_that_are_no_penalties_are_refused(network, value):
    with pytest.raises(ValueError, match=r"alpha=.* must be 'auto' or hold non-negative finite numbers"):
        clone(network).set_params(alpha=value).fit(rows(20), targets(network, rows(20)))


@both
@pytest.mark.parametrize("shape", [(2, 2), (1, 7), (1, 1, 1)])
def test_penalties_of_a_wrong_shape_are_refused(network, shape):
    with pytest.raises(
        ValueError, match=r"alpha of shape .* must be a number, candidates of shape \(n_alphas,\), or one"
    ):
        clone(network).set_params(alpha=np.ones(shape)).fit(rows(20), targets(network, rows(20)))


@both
@pytest.mark.parametrize("value", [[1.0, 2.0], [1.0, 2.0, 0.0], [1.0, 2.0, np.nan]])
def test_length_scales_that_do_not_fit_the_columns_are_refused(network, value):
    with pytest.raises(ValueError, match=r"length_scale .*3 features"):
        clone(network).set_params(length_scale=value).fit(rows(20), targets(network, rows(20)))


@both
@pytest.mark.parametrize("n_components", [10**7, (10**9, 10), (10, 10**12)])
@pytest.mark.parametrize("solver", ["auto", "primal", "dual"])
def test_a_network_that_memory_cannot_hold_is_refused_before_anything_is_drawn(
    network, n_components, solver, monkeypatch
):
    def draw(*args, **kwargs):
        raise AssertionError("drawn before memory was checked")

    monkeypatch.setattr(sknnk._networks.fitting, "prepare_layers", draw)
    monkeypatch.setattr(sknnk._ridge.solving, "machine_memory", lambda: 2.0**34)
    network = clone(network).set_params(n_components=n_components, solver=solver)
    X = rows(200)
    words = r"n_components=.* for 200 rows of 3 features needs about .* GB with solver=.* has 17 GB; use fewer"
    with pytest.raises(ValueError, match=words):
        network.fit(X, targets(network, X))
    if isinstance(n_components, int):
        with pytest.raises(ValueError, match=words):
            chunks(network, X, targets(network, X), np.arange(200), [])


@both
def test_a_call_of_partial_fit_that_fails_leaves_what_was_fitted(network):
    X = rows(200)
    y = targets(network, X)
    expected = chunks(network, X, y, np.arange(200), [120])
    for bad in ({"alpha": [-1.0]}, {"alpha": np.ones((1, 9))}):
        parts = chunks(network, X[:120], y[:120], np.arange(120), [])
        with pytest.raises(ValueError, match="alpha"):
            parts.set_params(**bad).partial_fit(X[120:], y[120:])
        with pytest.raises(ValueError, match="contains infinity"):
            parts.set_params(alpha=0.1).partial_fit(np.full((5, 3), np.inf), y[:5])
        before = dict(vars(parts))
        for fewer in (X[:5, :2], np.hstack([X[:5], X[:5]])):
            with pytest.raises(ValueError, match="is expecting 3 features"):
                parts.partial_fit(fewer, y[:5])
        assert vars(parts).keys() == before.keys() and all(vars(parts)[name] is before[name] for name in before)
        assert_same_network(parts.partial_fit(X[120:], y[120:]), expected, X)


@both
def test_a_first_call_that_fails_leaves_nothing_behind(network):
    X = rows(100)
    y = targets(network, X)
    for bad in ({"alpha": [-1.0]}, {"length_scale": [1.0]}, {"n_components": ()}):
        first = clone(network).set_params(**bad)
        with pytest.raises(ValueError, match=next(iter(bad))):
            chunks(first, X, y, np.arange(100), [])
    failed = clone(network).set_params(alpha=[-1.0])
    kinds = {"classes": np.unique(y)} if is_classifier(network) else {}
    with pytest.raises(ValueError, match="alpha"):
        failed.partial_fit(X, y, **kinds)
    failed.set_params(alpha=0.1).partial_fit(X, y, **kinds)
    assert_same_network(failed, clone(network).fit(X, y), X)


@both
def test_verbose_says_one_line_per_solution_and_silence_is_the_default(network, capsys):
    X = rows(60)
    y = targets(network, X)
    clone(network).fit(X, y)
    assert capsys.readouterr().out == ""
    clone(network).set_params(verbose=1).fit(X, y).partial_fit(X, y)
    lines = [line for line in capsys.readouterr().out.splitlines() if " rows, " in line]
    assert len(lines) == 2
    assert lines[0].startswith(f"[{type(network).__name__}] 60 rows, 48 columns, solver=primal, alpha=")
    assert "120 rows" in lines[1]


class Annotated(BundledNetworkRegressor):
    """A subclass that learns something of its own, before and after what it inherits."""

    def fit(self, X, y, sample_weight=None):
        self.largest_ = np.max(y)
        super().fit(X, y, sample_weight)
        self.smallest_ = np.min(y)
        return self


def test_what_a_subclass_learns_stays_and_what_an_earlier_fit_learned_goes():
    X, y = load_diabetes(return_X_y=True)
    model = Annotated(**FIXED).partial_fit(X, y)
    assert hasattr(model, "moments_")
    for target in (y, -y):
        model.fit(X, target)
        assert (model.smallest_, model.largest_) == (target.min(), target.max())
        assert not hasattr(model, "moments_")
