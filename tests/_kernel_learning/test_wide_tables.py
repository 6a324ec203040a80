import numpy as np
import pytest
from scipy import sparse

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
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


def test_products_of_kernels_are_tried_on_many_columns_only_where_they_are_asked_for():
    assert {family[1] for family in kernel_families("auto", "auto", 1000)} == {"isotropic", "coordinatewise"}
    assert {family[1] for family in kernel_families("auto", "auto", 1001)} == {"isotropic"}
    assert {family[1] for family in kernel_families("auto", "coordinatewise", 1001)} == {"coordinatewise"}


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_nothing_of_the_size_of_columns_by_columns_is_made(kind, monkeypatch):
    """One such matrix of 6000 columns has 36 million entries: the largest array here stays far below."""
    sizes, eigh, qr, zeros = [], np.linalg.eigh, np.linalg.qr, np.zeros

    def noted(function):
        def call(*args, **kwargs):
            found = function(*args, **kwargs)
            sizes.extend(np.size(each) for each in (found if isinstance(found, tuple) else (found,)))
            return found

        return call

    for name, function in (("eigh", eigh), ("qr", qr)):
        monkeypatch.setattr(np.linalg, name, noted(function))
    monkeypatch.setattr(np, "zeros", noted(zeros))
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(80, 3))
    X = factors @ rng.normal(size=(3, 6000)) + 0.5 * rng.normal(size=(80, 6000))
    X = sparse.csr_array(np.where(X > 1.0, X, 0.0)) if kind == "sparse" else X
    y = factors[:, 0] + 0.1 * rng.normal(size=80)
    regressor = BundledNetworkRegressor(random_state=0).fit(X[:60], y[:60])
    assert max(sizes, default=0) < 6_000_000
    assert regressor.score(X[60:], y[60:]) > 0.4
    _, deviation = regressor.predict(X[60:], return_std=True)
    assert np.all(deviation > 0.0)
    assert np.all(np.isfinite(regressor.predict_interval(X[60:])))
    classifier = BundledNetworkClassifier(random_state=0).fit(X[:60], y[:60] > 0.0)
    assert classifier.score(X[60:], y[60:] > 0.0) > 0.6
    np.testing.assert_allclose(classifier.predict_proba(X[60:]).sum(axis=1), 1.0)
