import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import RidgeCV

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._kernel_learning import kernel_features, wide_tables
from sknnk._kernel_learning.search import kernel_families
from sknnk._kernel_learning.wide_tables import row_coordinates


@pytest.mark.parametrize("scale", [1.0, 1e200, 1e-200])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_rows_keep_their_products_in_the_space_that_they_span(scale, is_sparse):
    X = np.random.default_rng(0).normal(size=(20, 2300))
    rows = sparse.csr_array(X * scale) if is_sparse else X * scale
    coordinates = row_coordinates(rows) / scale
    assert coordinates.shape == (20, 20)
    np.testing.assert_allclose(coordinates @ coordinates.T, X @ X.T, rtol=1e-10, atol=1e-9)


def test_equal_rows_have_exactly_equal_coordinates():
    X = np.random.default_rng(0).normal(size=(20, 2300))
    places = np.array([3, 0, 3, 7, 0])
    coordinates = row_coordinates(X[places], groups=places)
    np.testing.assert_array_equal(coordinates[[0, 1]], coordinates[[2, 4]])
    np.testing.assert_allclose(coordinates @ coordinates.T, X[places] @ X[places].T, rtol=1e-10, atol=1e-9)


def test_products_of_kernels_are_tried_on_many_columns_only_where_they_are_asked_for():
    assert {family[1] for family in kernel_families("auto", "auto", 1000)} == {"isotropic", "coordinatewise"}
    assert {family[1] for family in kernel_families("auto", "auto", 1001)} == {"isotropic"}
    assert {family[1] for family in kernel_families("auto", "coordinatewise", 1001)} == {"coordinatewise"}


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_nothing_of_the_size_of_columns_by_columns_is_made(kind, monkeypatch):
    """One such matrix of 3000 columns has 9 million entries: the largest array here stays far below."""
    sizes, eigh, qr, zeros = [], np.linalg.eigh, np.linalg.qr, np.zeros

    def noted(function):
        def call(*args, **kwargs):
            # Before the call as well, which would take minutes.
            assert all(np.size(each) < 2_000_000 for each in args if isinstance(each, np.ndarray))
            found = function(*args, **kwargs)
            sizes.extend(np.size(each) for each in (found if isinstance(found, tuple) else (found,)))
            return found

        return call

    for name, function in (("eigh", eigh), ("qr", qr)):
        monkeypatch.setattr(np.linalg, name, noted(function))
    monkeypatch.setattr(np, "zeros", noted(zeros))
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(80, 3))
    X = factors @ rng.normal(size=(3, 3000)) + 0.5 * rng.normal(size=(80, 3000))
    X = sparse.csr_array(np.where(X > 1.0, X, 0.0)) if kind == "sparse" else X
    y = factors[:, 0] + 0.1 * rng.normal(size=80)
    regressor = BundledNetworkRegressor(random_state=0).fit(X[:60], y[:60])
    assert max(sizes, default=0) < 2_000_000
    assert regressor.score(X[60:], y[60:]) > 0.4
    _, deviation = regressor.predict(X[60:], return_std=True)
    assert np.all(deviation > 0.0)
    assert np.all(np.isfinite(regressor.predict_interval(X[60:])))
    classifier = BundledNetworkClassifier(random_state=0).fit(X[:60], y[:60] > 0.0)
    assert classifier.score(X[60:], y[60:] > 0.0) > 0.6
    np.testing.assert_allclose(classifier.predict_proba(X[60:]).sum(axis=1), 1.0)


def test_axes_are_not_learned_of_many_columns(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6))
    y = np.sin(1.5 * (X[:, 0] + X[:, 1]))
    for most, learned in ((1000, True), (4, False)):
        monkeypatch.setattr(wide_tables, "_MOST_COLUMNS", most)
        network = BundledNetworkRegressor(feature_map="kernel", input_transform="robust", random_state=0).fit(X, y)
        kernels = [kernel for tried, *_ in network.search_history_ for kernel in tried]
        assert any(kernel.projection is not None for kernel in kernels) is learned


def texts(n_samples, n_words, weighted, seed=0):
    """Words of texts that mix five topics, as counts or weighted by how rare they are, and a target of the mixture."""
    rng = np.random.default_rng(seed)
    frequencies = np.exp(1.5 * rng.normal(size=(5, n_words))) / np.arange(1, n_words + 1)
    mixture = rng.dirichlet(np.full(5, 0.3), n_samples)
    counts = rng.poisson(60 * mixture @ (frequencies / frequencies.sum(axis=1, keepdims=True))).astype(float)
    y = mixture @ rng.normal(size=5)
    if weighted:
        counts *= np.log(n_samples / (1.0 + np.count_nonzero(counts, axis=0)))
        counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    return sparse.csr_array(counts), y / y.std() + 0.3 * rng.normal(size=n_samples)


@pytest.mark.parametrize(("weighted", "feature_map"), [(True, "auto"), (False, "kernel")])
def test_texts_are_not_worse_than_in_a_linear_model_of_their_words(weighted, feature_map):
    X, y = texts(500, 5000, weighted)
    linear = RidgeCV(np.logspace(-3, 4, 15)).fit(X[:300].toarray(), y[:300]).score(X[300:].toarray(), y[300:])
    network = BundledNetworkRegressor(feature_map=feature_map, random_state=0).fit(X[:300], y[:300])
    assert linear > 0.7 and network.score(X[300:], y[300:]) > linear - 0.03
    lower, upper = network.predict_interval(X[300:], 0.9).T
    assert 0.84 < np.mean((lower <= y[300:]) & (y[300:] <= upper)) < 0.97


def test_a_search_in_the_space_of_the_rows_finds_the_kernel_that_it_finds_among_the_columns(monkeypatch):
    X, y = texts(60, 1100, True)
    rows = np.r_[0:60, 0:5]
    plan = {"feature_map": "kernel", "block_size": None, "random_state": 0}
    widths, coordinates = [], kernel_features.row_coordinates
    monkeypatch.setattr(
        kernel_features,
        "row_coordinates",
        lambda *args: widths.append(coordinates(*args).shape[1]) or coordinates(*args),
    )
    found = BundledNetworkRegressor(**plan).fit(X[rows], y[rows])
    assert widths and max(widths) <= 60
    monkeypatch.setattr(kernel_features, "sees_distances_alone", lambda *args: False)
    expected = BundledNetworkRegressor(**plan).fit(X[rows], y[rows])
    assert len(found.search_history_) == len(expected.search_history_)
    np.testing.assert_allclose(found.length_scale_, expected.length_scale_, rtol=1e-9)
    np.testing.assert_allclose(found.alpha_, expected.alpha_, rtol=1e-9)
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-7, atol=1e-7)
