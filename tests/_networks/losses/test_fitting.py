"""Networks with other losses than squares: what they promise."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import log_loss, mean_pinball_loss, mean_poisson_deviance

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor

KERNEL = {
    "activation": "gaussian",
    "frequencies": "isotropic",
    "length_scale": 2.0,
    "input_transform": None,
    "random_state": 0,
}
RANDOM = {**KERNEL, "n_components": 40, "directions": "orthogonal", "feature_map": "random"}
LANDMARKS = {**KERNEL, "feature_map": "kernel", "n_components": 30}
BLOCKS = {**KERNEL, "feature_map": "kernel", "block_size": 60}
MAPS = [
    pytest.param(each, id=name) for name, each in {"kernel": KERNEL, "random": RANDOM, "landmarks": LANDMARKS}.items()
]


def rows(n=150, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, np.sin(X[:, 0]) + 0.5 * X[:, 1], rng


def table(loss, n=150, seed=0):
    X, signal, rng = rows(n, seed)
    if loss == "poisson":
        return X, rng.poisson(np.exp(signal)).astype(float)
    if loss == "gamma":
        return X, rng.gamma(4.0, np.exp(signal) / 4.0)
    return X, signal + 0.3 * rng.standard_t(3, size=n)


NUMERIC = ["huber", "absolute_error", "quantile", "poisson", "gamma"]


@pytest.mark.parametrize("loss", NUMERIC)
@pytest.mark.parametrize("settings", MAPS)
def test_every_loss_beats_a_constant_on_new_rows_with_every_kind_of_columns(settings, loss):
    X, y = table(loss)
    X_new, y_new = table(loss, 300, seed=1)
    model = BundledNetworkRegressor(loss=loss, **settings).fit(X, y)
    assert model.score(X_new, y_new) > 0.2
    assert 1 <= model.n_iter_ <= 12
    assert model.predict(X_new).shape == (300,)
    assert np.isfinite([model.alpha_, model.noise_variance_, model.effective_dof_]).all()


@pytest.mark.parametrize("loss", ["huber", "poisson"])
def test_one_block_of_many_is_near_the_exact_kernel(loss):
    X, y = table(loss, 200)
    exact, blocks = (BundledNetworkRegressor(loss=loss, alpha=0.5, **each).fit(X, y) for each in (KERNEL, BLOCKS))
    assert blocks.solver_ == "blocks" and exact.solver_ == "dual"
    assert np.corrcoef(exact.predict(X), blocks.predict(X))[0, 1] > 0.98


def test_outputs_in_blocks_are_those_of_the_map():
    X, y = table("poisson", 200)
    labels = (y > 1.0).astype(int) + (y > 3.0)
    model = BundledNetworkClassifier(loss="log_loss", alpha=0.5, **BLOCKS).fit(X, labels)
    exact = BundledNetworkClassifier(loss="log_loss", alpha=0.5, **KERNEL).fit(X, labels)
    assert np.abs(model.predict_proba(X) - exact.predict_proba(X)).mean() < 0.05


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("settings", MAPS)
def test_log_loss_gives_probabilities_better_than_the_shares_of_the_classes(settings, n_classes):
    X, signal, rng = rows(300)
    labels = np.digitize(signal + 0.5 * rng.logistic(size=300), np.linspace(-0.5, 0.5, n_classes - 1))
    model = BundledNetworkClassifier(loss="log_loss", **settings).fit(X[:150], labels[:150])
    shares = np.bincount(labels[:150], minlength=n_classes) / 150.0
    constant = log_loss(labels[150:], np.broadcast_to(shares, (150, n_classes)))
    assert log_loss(labels[150:], model.predict_proba(X[150:])) < 0.95 * constant
    logits = model.decision_function(X[150:])
    if n_classes == 2:
        np.testing.assert_allclose(model.predict_proba(X[150:])[:, 1], 1.0 / (1.0 + np.exp(-logits)), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X[150:]), np.argmax(model.predict_proba(X[150:]), axis=1))


def test_quantiles_do_not_cross_and_hold_their_share_of_new_rows():
    X, signal, rng = rows(500)
    y = signal + 0.3 * np.exp(0.5 * X[:, 1]) * rng.normal(size=500)
    levels = [0.95, 0.05, 0.5]
    model = BundledNetworkRegressor(loss="quantile", quantile=levels, **KERNEL).fit(X[:300], y[:300])
    upper, lower, middle = model.predict(X[300:]).T
    assert np.all(lower <= middle) and np.all(middle <= upper)
    assert 0.8 < np.mean((lower <= y[300:]) & (y[300:] <= upper)) < 0.98
    constant = np.quantile(y[:300], 0.05)
    worst = mean_pinball_loss(y[300:], np.full(200, constant), alpha=0.05)
    assert mean_pinball_loss(y[300:], lower, alpha=0.05) < worst
    assert model.alpha_.shape == (3,) and model.output_coef_.shape[0] == 3
    assert model.score(X[300:], y[300:]) > 0.0


def test_a_few_wild_targets_change_a_robust_network_little():
    X, signal, rng = rows(300)
    clean = 5.0 + signal + 0.2 * rng.normal(size=300)
    wild = clean[:200].copy()
    wild[::50] *= 100.0
    settings = {"random_state": 0, "input_transform": "quantile"}

    def error(y, loss):
        model = BundledNetworkRegressor(loss=loss, **settings).fit(X[:200], y)
        return np.sqrt(np.mean((model.predict(X[200:]) - clean[200:]) ** 2))

    best = error(clean[:200], "squared_error")
    assert error(wild, "huber") < 1.1 * best
    assert error(wild, "squared_error") > 2.0 * best


def test_wild_targets_bend_no_network_that_could_go_through_them():
    X, signal, rng = rows(200)
    clean = 5.0 + signal + 0.05 * rng.normal(size=200)
    wild = clean.copy()
    wild[:150:50] *= 100.0
    errors = []
    for y in (clean, wild):
        settings = {**KERNEL, "length_scale": 0.7, "alpha": 1e-5}
        model = BundledNetworkRegressor(loss="huber", **settings).fit(X[:150], y[:150])
        errors.append(np.sqrt(np.mean((model.predict(X[150:]) - clean[150:]) ** 2)))
    assert errors[1] < 1.1 * errors[0]


def test_counts_are_never_predicted_below_zero_and_neither_are_their_intervals():
    X, y = table("poisson", 200)
    model = BundledNetworkRegressor(loss="poisson", **KERNEL).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    interval = model.predict_interval(X, 0.9)
    assert np.all(mean > 0.0) and np.all(std > 0.0) and np.all(interval >= 0.0)
    assert 0.85 < np.mean((interval[:, 0] <= y) & (y <= interval[:, 1])) <= 1.0
    assert mean_poisson_deviance(y, mean) < mean_poisson_deviance(y, np.full(len(y), y.mean()))


@pytest.mark.parametrize("settings", MAPS)
def test_the_solution_is_that_of_poisson_regression_on_its_columns(settings):
    X, y = table("poisson", 80)
    model = BundledNetworkRegressor(loss="poisson", alpha=0.8, **settings).fit(X, y)
    if model.solver_ == "dual":
        # The kernel of the rows is the product of these columns.
        kernel = np.exp(-0.5 * ((X[:, None] - X) ** 2).sum(axis=2) / 4.0)
        values, vectors = np.linalg.eigh(kernel)
        columns = vectors * np.sqrt(np.maximum(values, 0.0))
    else:
        columns = model.transform(X)
    theirs = PoissonRegressor(alpha=0.8 / len(X), solver="newton-cholesky", tol=1e-12).fit(columns, y)
    np.testing.assert_allclose(model.predict(X), theirs.predict(columns), rtol=1e-3)


@pytest.mark.parametrize("loss", ["huber", "quantile", "gamma"])
def test_several_targets_are_fitted_one_at_a_time(loss):
    X, y = table(loss, 120)
    Y = np.column_stack([y, 3.0 * y])
    model = BundledNetworkRegressor(loss=loss, alpha=0.3, **KERNEL).fit(X, Y)
    assert model.predict(X).shape == (120, 2) and model.alpha_.shape == (2,)
    alone = clone(model).fit(X, y).predict(X)
    assert np.corrcoef(alone, model.predict(X)[:, 0])[0, 1] > 0.999


@pytest.mark.parametrize("loss", ["huber", "quantile", "poisson"])
@pytest.mark.parametrize("settings", MAPS)
def test_a_weight_of_two_is_two_rows_and_the_order_of_rows_does_not_matter(settings, loss):
    X, y = table(loss, 60)
    copies = np.random.default_rng(3).integers(1, 3, 60)
    order = np.random.default_rng(4).permutation(60)
    weighted = BundledNetworkRegressor(loss=loss, **settings).fit(X[order], y[order], copies[order])
    repeated = clone(weighted).fit(np.repeat(X, copies, axis=0), np.repeat(y, copies))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6)


@pytest.mark.parametrize("settings", MAPS)
def test_a_unit_of_the_targets_changes_nothing(settings):
    X = rows(100)[0]
    for loss, factor in (("huber", 1e5), ("quantile", 1e-5), ("gamma", 1e3)):
        y_loss = table(loss, 100)[1]
        small, large = (BundledNetworkRegressor(loss=loss, **settings).fit(X, c * y_loss) for c in (1.0, factor))
        np.testing.assert_allclose(factor * small.predict(X), large.predict(X), rtol=1e-3, atol=1e-3 * factor)


def test_float32_stays_float32_and_sparse_rows_are_taken():
    X, y = table("poisson", 100)
    single = BundledNetworkRegressor(loss="poisson", **RANDOM).fit(X.astype(np.float32), y)
    assert single.predict(X.astype(np.float32)).dtype == np.float32
    dense, thin = (BundledNetworkRegressor(loss="huber", **RANDOM).fit(each, y) for each in (X, sparse.csr_array(X)))
    np.testing.assert_allclose(thin.predict(sparse.csr_array(X)), dense.predict(X), rtol=1e-6)


def test_results_do_not_depend_on_threads_or_blocks():
    X, y = table("poisson", 120)
    for settings in (KERNEL, RANDOM):
        one = BundledNetworkRegressor(loss="poisson", n_jobs=1, **settings).fit(X, y)
        two = BundledNetworkRegressor(loss="poisson", n_jobs=2, batch_size=17, **settings).fit(X, y)
        np.testing.assert_allclose(one.predict(X), two.predict(X), rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "y", "words"),
    [
        ({"loss": "poisson"}, [-1.0] + [1.0] * 29, "out of the valid range of the loss 'poisson'"),
        ({"loss": "poisson"}, [0.0] * 30, "out of the valid range of the loss 'poisson'"),
        ({"loss": "gamma"}, [0.0] + [1.0] * 29, "out of the valid range of the loss 'gamma'"),
        ({"loss": "quantile", "quantile": [0.5, 1.0]}, np.arange(30.0), "quantile=.* between 0 and 1"),
        ({"loss": "quantile", "quantile": [0.1, 0.9]}, np.ones((30, 2)), r"quantile=\[0.1, 0.9\] asks for several"),
        ({"loss": "huber", "solver": "cg", "alpha": 1.0}, np.arange(30.0), "solver='cg' solves for squares alone"),
        ({"loss": "huber", "alpha": 0.0, "feature_map": "random"}, np.arange(30.0), "alpha=0.0 must be 'auto'"),
        ({"loss": "wild"}, np.arange(30.0), "The 'loss' parameter"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, y, words):
    with pytest.raises(ValueError, match=words):
        BundledNetworkRegressor(**settings).fit(rows(30)[0], y)


def test_partial_fit_and_intervals_of_quantiles_are_refused():
    X, y = table("huber", 60)
    with pytest.raises(AttributeError, match="partial_fit"):
        BundledNetworkRegressor(loss="huber").partial_fit(X, y)
    with pytest.raises(AttributeError, match="partial_fit"):
        BundledNetworkClassifier(loss="log_loss").partial_fit(X, y > 0.0)
    model = BundledNetworkRegressor(loss="quantile", **KERNEL).fit(X, y)
    for ask in (lambda: model.predict_interval(X), lambda: model.predict(X, return_std=True)):
        with pytest.raises(ValueError, match=r"loss='quantile' predicts quantiles"):
            ask()


@pytest.mark.parametrize("loss", NUMERIC)
def test_tiny_and_constant_tables_are_fitted(loss):
    X = np.arange(6.0)[:, None]
    for y in (np.full(6, 2.0), np.arange(1.0, 7.0)):
        assert np.all(np.isfinite(BundledNetworkRegressor(loss=loss, random_state=0).fit(X, y).predict(X)))
