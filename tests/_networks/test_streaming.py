"""Rows that come chunk by chunk: what is chosen from the first of them, and what is remembered of all."""

import pickle
import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
import skops.io as skops
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.metrics import log_loss, r2_score
from sklearn.neural_network import MLPClassifier

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, bundle, trusted_types
from sknnk._networks import fitted_network, held_out, kernel_fitting, streaming

REGRESSOR = BundledNetworkRegressor(
    64,
    activation="gaussian",
    frequencies="isotropic",
    length_scale=1.5,
    input_transform="quantile",
    random_state=0,
    n_jobs=1,
)
LOSSES = {"loss", "quantile"}  # other ones for classes than for numbers
CLASSIFIER = BundledNetworkClassifier(**{name: v for name, v in REGRESSOR.get_params().items() if name not in LOSSES})
LANDMARKS = {"n_components": "auto", "feature_map": "kernel"}
NETWORKS = {
    "regressor": REGRESSOR,
    "classifier": CLASSIFIER,
    "penalty": clone(REGRESSOR).set_params(alpha=0.1, frequencies="auto", input_transform="auto"),
    "robust": clone(REGRESSOR).set_params(input_transform="robust"),
    "plain": clone(REGRESSOR).set_params(input_transform=None),
    "exact": clone(REGRESSOR).set_params(**LANDMARKS),
    "exact classifier": clone(CLASSIFIER).set_params(**LANDMARKS),
    "landmarks": clone(REGRESSOR).set_params(**LANDMARKS).set_params(n_components=10),
    "state": clone(REGRESSOR).set_params(random_state=np.random.RandomState(3)),
}


def table(n, seed=0, classes=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    y = np.sin(2.0 * X[:, 0]) + X[:, 1] + 0.1 * rng.normal(size=n)
    return X, np.array(["low", "middle", "high"])[np.digitize(y, [-0.5, 0.5])] if classes else y


def stream(network, X, y, sizes, weight=None, between=lambda model: model):
    """Chunks of these sizes, and the rest."""
    model, start = clone(network), 0
    known = {"classes": ["high", "low", "middle"]} if is_classifier(model) else {}
    for size in (*sizes, X.shape[0] - sum(sizes)):
        rows = slice(start, start + size)
        weights = {} if weight is None else {"sample_weight": weight[rows]}
        model = between(model.partial_fit(X[rows], y[rows], **known, **weights))
        start += size
    return model


def outputs(model, X):
    if is_classifier(model):
        return [model.predict_proba(X), model.decision_function(X)]
    return [model.predict(X), model.predict_interval(X), *model.predict(X, return_std=True)]


def assert_same(one, other, X, rtol=1e-6):
    assert one.n_samples_seen_ == other.n_samples_seen_
    for found, expected in zip(outputs(one, X), outputs(other, X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


# While rows are few


@pytest.mark.parametrize("name", NETWORKS)
def test_chunks_of_one_row_are_one_chunk_while_rows_are_few(name):
    X, y = table(24, classes="classifier" in name)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 24)
    together, single = (stream(NETWORKS[name], X, y, sizes, weight) for sizes in ((), [1] * 23))
    for expected, found in zip(outputs(together, X), outputs(single, X), strict=True):
        # Weights are divided by the unit of the rows so far, which rounds them.
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    assert single.n_samples_seen_ == 24
    assert hasattr(single, "moments_") == hasattr(together, "moments_") == ("exact" not in name)
    if "exact" not in name:
        assert single.moments_.n_samples == 24


@pytest.mark.parametrize("kind", [np.float32, sparse.csr_array, sparse.csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("name", ["regressor", "classifier"])
def test_rows_of_every_kind_are_kept(name, kind):
    X, y = table(300, classes=name == "classifier")
    X[np.abs(X) < 0.3] = 0.0
    X = X.astype(np.float32) if kind is np.float32 else kind(X)
    if kind is pd.DataFrame:
        X.columns = ["a", "b", "c"]
        X, model = X.to_numpy(), stream(NETWORKS[name], X, y, [1, 1, 30, 250])
        # Columns with names are the same columns.
        model = pickle.loads(pickle.dumps(model))
        assert list(model.feature_names_in_) == ["a", "b", "c"] and model.n_samples_seen_ == 300
        return
    one, other = stream(NETWORKS[name], X, y, [1, 1, 30, 250]), stream(NETWORKS[name], X, y, [282, 9])
    assert_same(one, other, X, 1e-3 if kind is np.float32 else 1e-6)
    if kind is np.float32:
        assert fitted_network(one).dtype == "float32" and fitted_network(one).held_out.X.dtype == np.float32


def test_sparse_and_dense_chunks_may_follow_each_other():
    X, y = table(60)
    mixed = clone(REGRESSOR)
    for start, kind in ((0, np.asarray), (20, sparse.csr_array), (40, np.asarray)):
        rows = slice(start, start + 20)
        mixed.partial_fit(kind(X[rows]), y[rows])
    assert_same(mixed, stream(REGRESSOR, X, y, ()), X)


@pytest.mark.parametrize("first", [1, 2, 5])
@pytest.mark.parametrize("name", ["regressor", "exact", "penalty", "robust"])
def test_a_tiny_first_chunk_does_no_harm(name, first):
    (X, y), (new, truth) = table(600), table(500, seed=1)
    model = stream(NETWORKS[name], X, y, [first, 200])
    assert r2_score(truth, model.predict(new)) > 0.9


@pytest.mark.parametrize("name", ["regressor", "exact", "robust"])
def test_columns_that_are_constant_in_the_first_rows_alone_count(name):
    (X, y), (new, truth) = table(600), table(500, seed=1)
    X[:100] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = stream(NETWORKS[name], X, y, [40, 60])
    assert r2_score(truth, model.predict(new)) > 0.6


# Once they are many


def test_columns_that_begin_to_vary_too_late_are_named():
    X, y = table(600)
    X[:300, 1] = 7.0
    frame = pd.DataFrame(X, columns=["width", "height", "depth"])
    model = clone(REGRESSOR).partial_fit(frame[:300], y[:300])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(frame[:100], y[:100])
    with pytest.warns(UserWarning, match=r"\['height'\].*one value.*ignores"):
        model.partial_fit(frame[300:], y[300:])
    for rows in (X, sparse.csr_array(X)):
        model = clone(REGRESSOR).fit(rows[:300], y[:300])
        with pytest.warns(UserWarning, match=r"\[1\].*one value"):
            model.partial_fit(rows[300:], y[300:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stream(NETWORKS["plain"], X, y, [300])
    before = dict(vars(model))
    with warnings.catch_warnings(), pytest.raises(UserWarning):
        warnings.simplefilter("error")
        model.partial_fit(X[300:], y[300:])
    assert all(vars(model)[name] is value for name, value in before.items())


@pytest.mark.parametrize("name", NETWORKS)
def test_once_layers_are_fixed_size_and_number_of_chunks_do_not_matter(name, monkeypatch):
    monkeypatch.setattr(streaming, "FEW_ROWS", 40)
    monkeypatch.setattr(held_out, "HELD_ROWS", 60)
    X, y = table(110, classes="classifier" in name)
    one, other = (stream(NETWORKS[name], X, y, [30, 15, *more]) for more in ([1] * 25, [25]))
    assert fitted_network(one).first_rows is None
    if "exact" not in name:
        assert len(fitted_network(one).held_out.Y) == 60 and one.moments_.n_samples == 110
    if name != "state":
        assert_same(one, other, X, 1e-5)


@pytest.mark.parametrize("name", ["plain", "classifier", "exact", "exact classifier", "landmarks"])
def test_a_fit_that_is_continued_is_one_fit(name, monkeypatch):
    monkeypatch.setattr(held_out, "HELD_ROWS", 50)
    X, y = table(120, classes="classifier" in name)
    network = clone(NETWORKS[name]).set_params(alpha=0.1, input_transform=None, direct_link=False)
    parts = clone(network).fit(X[:70], y[:70])
    for row in range(70, 120):
        parts.partial_fit(X[[row]], y[[row]])
    if name in ("plain", "exact"):
        np.testing.assert_allclose(parts.predict(X), clone(network).fit(X, y).predict(X), rtol=1e-6)
    if name == "plain":
        np.testing.assert_allclose(parts.predict_interval(X), clone(network).fit(X, y).predict_interval(X), rtol=1e-6)
    assert parts.n_samples_seen_ == 120


@pytest.mark.parametrize("name", ["regressor", "exact", "landmarks"])
def test_a_last_chunk_of_one_row_keeps_the_intervals(name):
    (X, y), (new, truth) = table(600), table(500, seed=1)
    model = stream(NETWORKS[name], X, y, [599])
    lower, upper = model.predict_interval(new, 0.9).T
    assert np.all(np.isfinite(upper)) and 0.8 < np.mean((lower <= truth) & (truth <= upper)) < 0.97


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("begin", "name"),
    [*product(["fit", "partial_fit"], ["classifier", "exact classifier"]), ("bundle", None)],
)
def test_a_last_chunk_of_one_row_keeps_the_probabilities(name, begin):
    (X, y), (new, truth) = table(600, classes=True), table(500, seed=1, classes=True)
    if begin == "bundle":
        mlp = MLPClassifier((16,), max_iter=500, random_state=0).fit(X, y)
        model = bundle(mlp, n_components=64, X=X, random_state=0)
    else:
        known = {} if begin == "fit" else {"classes": np.unique(y)}
        model = getattr(clone(NETWORKS[name]), begin)(X, y, **known)
    before = log_loss(truth, model.predict_proba(new))
    for row in range(2):
        model.partial_fit(X[[row]], y[[row]])
        assert log_loss(truth, model.predict_proba(new)) < before + 0.02


def test_what_is_remembered_is_drawn_from_all_rows_alike(monkeypatch):
    monkeypatch.setattr(held_out, "HELD_ROWS", 100)
    counts = np.zeros(4)
    X = np.arange(400.0)[:, None]
    for seed in range(30):
        settings = {"n_components": 4, "alpha": 1.0, "input_transform": None, "length_scale": 100.0}
        model = BundledNetworkRegressor(**settings, activation="gaussian", random_state=seed)
        model.fit(X[:200], X[:200, 0])
        for start in range(200, 400, 50):
            model.partial_fit(X[start : start + 50], X[start : start + 50, 0])
        held = fitted_network(model).held_out
        np.testing.assert_allclose(held.Y[:, 0] * fitted_network(model).target_units, held.X[:, 0])
        assert len(np.unique(held.X)) == 100
        counts += np.histogram(held.X, bins=4, range=(0, 400))[0]
    assert np.all(np.abs(counts - 750.0) < 4.0 * np.sqrt(750.0))


def test_the_centres_of_the_exact_map_whose_residuals_are_kept_are_drawn_from_all_alike(monkeypatch):
    monkeypatch.setattr(kernel_fitting, "HELD_ROWS", 100)
    monkeypatch.setattr(streaming, "FEW_ROWS", 10)
    X, y = table(400)
    X[:, 2] = np.arange(400.0)
    plain = clone(NETWORKS["exact"]).set_params(input_transform=None, length_scale=100.0)
    held = fitted_network(stream(plain, X, y, [200, 100])).held_out
    assert len(held.X) == 100 and 30 <= np.sum(held.X[:, 2] >= 200.0) <= 70


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "state"])  # a saved generator is another one
def test_a_stream_goes_on_after_it_was_saved(name, monkeypatch):
    monkeypatch.setattr(streaming, "FEW_ROWS", 60)
    X, y = table(120, classes="classifier" in name)

    def written_and_read(model):
        return pickle.loads(pickle.dumps(skops.loads(skops.dumps(model), trusted=trusted_types())))

    sizes = [3, 37, 40]
    one, other = stream(NETWORKS[name], X, y, sizes), stream(NETWORKS[name], X, y, sizes, between=written_and_read)
    for found, expected in zip(outputs(other, X), outputs(one, X), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_memory_does_not_grow_with_the_stream():
    X, y = table(4000)
    early, late = stream(REGRESSOR, X[:1300], y[:1300], [300]), stream(REGRESSOR, X, y, [300, 1000, 1000])
    sizes = [len(pickle.dumps(model)) for model in (early, late)]
    assert sizes[1] < 1.01 * sizes[0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_analytic_bundle_says_that_it_takes_no_rows():
    X, y = table(80, classes=True)
    mlp = MLPClassifier((4,), max_iter=20, random_state=0).fit(0.1 * X, y)
    mlp.coefs_ = [0.1 * each for each in mlp.coefs_]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analytic = bundle(mlp, n_components=512, X=0.1 * X, method="analytic", random_state=0)
    before = dict(vars(analytic))
    with pytest.raises(ValueError, match=r"given.*no rows.*partial_fit.*fit"):
        analytic.partial_fit(0.1 * X, y)
    assert all(vars(analytic)[name] is value for name, value in before.items())
