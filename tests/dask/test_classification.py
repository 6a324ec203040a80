"""What is particular to classes: labels of any kind, spread unevenly, with weights of their own."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from sknnk import BundledNetworkClassifier
from sknnk.dask import DaskBundledNetworkClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 2))
Z = X[:, 0] + 0.5 * RNG.normal(size=90)
LABELS = np.array(["low", "high", "some"], dtype=object)[np.digitize(Z, [-0.5, 0.9])]
# In order of their labels: most partitions hold a single one.
ORDER = np.argsort(LABELS, kind="stable")
SETTINGS = {"alpha": 0.1, "solver": "primal", "random_state": 0}


def lazy(array, chunks=10):
    return da.from_array(array, chunks=chunks)


def pair(**keywords):
    return DaskBundledNetworkClassifier(8, **SETTINGS, **keywords), BundledNetworkClassifier(8, **SETTINGS, **keywords)


@pytest.mark.parametrize("class_weight", [None, "balanced", {"low": 2.0}, {"some": 0.0}])
def test_labels_may_be_missing_from_partitions_and_classes_have_weights(class_weight):
    distributed_network, network = pair(class_weight=class_weight)
    weights = RNG.integers(0, 3, 90).astype(float)
    distributed_network.fit(lazy(X[ORDER]), lazy(LABELS[ORDER]), lazy(weights))
    network.fit(X[ORDER], LABELS[ORDER], weights)
    np.testing.assert_allclose(distributed_network.output_coef_, network.output_coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(distributed_network.classes_, network.classes_)
    assert distributed_network.n_samples_seen_ == network.n_samples_seen_
    probabilities = distributed_network.predict_proba(lazy(X))
    np.testing.assert_allclose(probabilities.compute(), network.predict_proba(X), rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(distributed_network.predict(lazy(X)).compute(), network.predict(X))
    np.testing.assert_allclose(distributed_network.feature_importances_, network.feature_importances_, rtol=1e-6)
    logarithms = distributed_network.predict_log_proba(lazy(X))
    assert logarithms.chunks == ((10,) * 9, (3,))
    np.testing.assert_allclose(logarithms.compute(), network.predict_log_proba(X), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(
        distributed_network.predict_log_proba(X), distributed_network.to_local().predict_log_proba(X)
    )
    # The local network knows rows of all partitions, and goes on from them.
    if class_weight != "balanced":
        more = distributed_network.to_local().partial_fit(X[:1], LABELS[:1])
        np.testing.assert_allclose(more.predict_proba(X), network.predict_proba(X), atol=0.1)


def test_two_classes_have_one_score():
    y = Z > 0.0
    distributed_network, network = pair()
    distributed_network.fit(lazy(X), lazy(y))
    network.fit(X, y)
    scores = distributed_network.decision_function(lazy(X))
    assert scores.shape == (90,) and scores.chunks == ((10,) * 9,)
    np.testing.assert_allclose(scores.compute(), network.decision_function(X), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        distributed_network.predict_proba(lazy(X)).compute(), network.predict_proba(X), rtol=1e-5
    )
    assert distributed_network.predict(lazy(X)).dtype == bool


def test_a_frame_of_labels_gives_a_series_of_labels():
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": LABELS})
    rows = dd.from_pandas(frame, npartitions=4)
    distributed_network, network = pair()
    distributed_network.fit(rows[["a", "b"]], rows["y"])
    network.fit(frame[["a", "b"]], frame["y"])
    predicted = distributed_network.predict(rows[["a", "b"]])
    assert isinstance(predicted, dd.Series)
    assert predicted.compute().tolist() == network.predict(frame[["a", "b"]]).tolist()
    assert distributed_network.score(rows[["a", "b"]], rows["y"]) == network.score(frame[["a", "b"]], frame["y"])
    assert isinstance(distributed_network.predict_proba(rows[["a", "b"]]), da.Array)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros(90), "y holds one class"),
        (np.where(np.arange(90) == 15, np.nan, 1.0), "Partition 1: Input y contains NaN"),
        (Z, r"Partition \d: Unknown label type: continuous"),
        (np.ones((90, 2)), "y has two dimensions"),
    ],
)
def test_what_is_no_classification_is_refused(y, words):
    with pytest.raises(ValueError, match=words):
        DaskBundledNetworkClassifier(8).fit(lazy(X), lazy(y))


def test_classes_of_weight_zero_alone_leave_no_row():
    with pytest.raises(ValueError, match="class_weight, is zero for every row"):
        DaskBundledNetworkClassifier(8, class_weight={0: 0.0, 1: 0.0}).fit(lazy(X), lazy((Z > 0).astype(int)))


def test_scores_need_a_label_for_each_row():
    y = (Z > 0).astype(int)
    network = DaskBundledNetworkClassifier(8, **SETTINGS).fit(lazy(X), lazy(y))
    short = lazy(y)[lazy(np.arange(90) > 2)]
    with pytest.raises(ValueError, match="X has 10 rows here, and y has 7"):
        network.score(lazy(X), short)
