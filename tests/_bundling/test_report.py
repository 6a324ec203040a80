import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from sknnk import BundledNetworkRegressor, bundle, bundle_report
from sknnk._networks import fitted_network

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3))
y = np.sin(X[:, 0]) + X[:, 1]


@pytest.fixture(scope="module")
def mlp():
    return MLPRegressor(hidden_layer_sizes=(32, 16), early_stopping=True, max_iter=300, random_state=0).fit(X, y)


def test_every_number_is_counted(mlp):
    bundled = bundle(mlp, n_components=50, X=X, random_state=0)
    report = bundle_report(mlp, bundled, X)
    assert report.parameters_before == 3 * 32 + 32 + 32 * 16 + 16 + 16 + 1
    assert report.multiplications_before == 3 * 32 + 32 * 16 + 16
    # Output matrix, direct link and intercept; then the directions, and the map of the inputs if there is one.
    assert report.learned_after == 50 + 3 + 1
    input_map = fitted_network(bundled).feature_map.input_map
    knots = 0 if bundled.input_transform is None else 2 * sum(k.size for k in input_map.knots)
    assert report.stored_after == 54 + 3 * 25 + knots
    mapped = 0 if bundled.input_transform is None else 6
    assert report.multiplications_after == 3 * 25 + 4 * 25 + 53 + mapped


def test_agreement_is_r2_and_the_largest_difference(mlp):
    bundled = bundle(mlp, n_components=50, X=X, random_state=0)
    report = bundle_report(mlp, bundled, X[:40])
    assert report.agreement == pytest.approx(bundled.score(X[:40], mlp.predict(X[:40])))
    assert report.largest_difference == pytest.approx(np.abs(bundled.predict(X[:40]) - mlp.predict(X[:40])).max())


def test_layers_that_were_left_count_too(mlp):
    partly = bundle(mlp, n_components=50, X=X, n_layers=1, random_state=0)
    report = bundle_report(mlp, partly, X)
    assert report.learned_after == 16 * 53 + 16 + 16 + 1
    assert report.multiplications_after >= 3 * 25 + 4 * 25 + 16 * 53 + 16


def test_agreement_of_classifiers_is_the_share_of_equal_labels():
    rows, labels = load_iris(return_X_y=True)
    for n_classes in (2, 3):
        kept = labels < n_classes
        rows_, labels_ = scale(rows[kept]), labels[kept]
        network = MLPClassifier(hidden_layer_sizes=(16,), learning_rate_init=0.02, max_iter=400, random_state=0)
        network.fit(rows_, labels_)
        bundled = bundle(network, n_components=60, X=rows_, random_state=0)
        report = bundle_report(network, bundled, rows_)
        assert report.agreement == np.mean(bundled.predict(rows_) == network.predict(rows_))


def test_a_table_says_it_all(mlp):
    frame = pd.DataFrame(X, columns=list("abc"))
    named = MLPRegressor(hidden_layer_sizes=(8,), early_stopping=True, max_iter=1000, random_state=0).fit(frame, y)
    text = str(bundle_report(named, bundle(named, n_components=20, X=frame, random_state=0), frame))
    for words in (
        "learned parameters",
        "stored numbers",
        "multiplications",
        "ratio",
        "agreement 0.",
        "largest difference",
    ):
        assert words in text


def test_it_needs_something_fitted(mlp):
    with pytest.raises(NotFittedError):
        bundle_report(mlp, BundledNetworkRegressor(), X)
