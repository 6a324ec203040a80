import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.class_weight import compute_sample_weight

from sknnk import BundledNetworkClassifier, BundledNetworkClassifierCV, BundledNetworkRegressor, URFSampler
from sknnk._networks import fitting, kernel_fitting

FIXED = {
    "n_components": 48,
    "activation": "gaussian",
    "directions": "orthogonal",
    "frequencies": "isotropic",
    "length_scale": 2.0,
    "alpha": 0.1,
    "input_transform": None,
    "random_state": 0,
}


def blobs(n_samples, n_classes=3, seed=0, spread=0.7):
    """Classes around the corners of a regular polygon, overlapping."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n_samples)
    angles = 2.0 * np.pi * y / n_classes
    return np.column_stack([np.cos(angles), np.sin(angles)]) + spread * rng.normal(size=(n_samples, 2)), y


# Classes


@pytest.mark.parametrize("feature_map", ["kernel", "random"])
def test_classes_share_one_unit_in_the_search_and_targets_do_not(feature_map, monkeypatch):
    asked = []
    for module, name in ((kernel_fitting, "prepare_kernel"), (fitting, "prepare_layers")):
        inner = getattr(module, name)
        monkeypatch.setattr(
            module,
            name,
            lambda *given, inner=inner, **named: asked.append(named["common_unit"]) or inner(*given, **named),
        )
    X, y = blobs(60)
    n_components = "auto" if feature_map == "kernel" else 16
    BundledNetworkClassifier(n_components, random_state=0).fit(X, y)
    BundledNetworkRegressor(n_components, random_state=0).fit(X, np.eye(3)[y])
    assert asked == [True, False]


@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_predictions_probabilities_and_scores_agree(n_classes):
    X, y = blobs(60 * n_classes, n_classes, spread=0.2)
    model = BundledNetworkClassifier(**FIXED).fit(X, y)
    new = 3.0 * np.random.default_rng(1).normal(size=(500, 2))
    scores, shares = model.decision_function(new), model.predict_proba(new)
    assert shares.shape == (500, n_classes)
    assert np.all(shares >= 0.0)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(new), np.argmax(shares, axis=1))
    if n_classes == 2:
        assert scores.shape == (500,) and model.output_coef_.shape == (1, 50)
        np.testing.assert_array_equal(model.predict(new), scores > 0.0)
    else:
        assert scores.shape == (500, n_classes) and model.output_coef_.shape == (n_classes, 50)
        np.testing.assert_array_equal(model.predict(new), np.argmax(scores, axis=1))
    assert model.score(X, y) > 0.6


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logarithms_of_probabilities_are_finite_far_away(n_classes):
    X, y = blobs(60, n_classes)
    search = BundledNetworkClassifierCV((8,), alphas=(0.1,), cv=2, input_transform=None, random_state=0)
    for model in (BundledNetworkClassifier(**FIXED), search):
        model.fit(X, y)
        np.testing.assert_allclose(model.predict_log_proba(X), np.log(model.predict_proba(X)), rtol=1e-9, atol=1e-12)
        far = 1e4 * X
        assert np.any(model.predict_proba(far) == 0.0)
        assert np.all(np.isfinite(model.predict_log_proba(far)))


def test_scores_are_those_of_the_regressor_on_targets_of_minus_one_and_one():
    X, y = blobs(200)
    model = BundledNetworkClassifier(**FIXED).fit(X, y)
    regressor = BundledNetworkRegressor(**FIXED).fit(X, 2.0 * (y[:, None] == np.arange(3)) - 1.0)
    np.testing.assert_allclose(model.decision_function(X), regressor.predict(X), atol=1e-12)


@pytest.mark.parametrize(
    "labels",
    [
        ["one", "two", "three"],
        np.array(["one", "two", "three"], dtype=object),
        [-5, 7, 100],
        [0.0, 1.0, 2.0],
        np.array([3, 1, 2], dtype=np.uint8),
    ],
)
def test_labels_may_be_anything_that_sorts(labels):
    X, y = blobs(200)
    labels = np.asarray(labels)
    model = BundledNetworkClassifier(**FIXED).fit(X, labels[y])
    plain = BundledNetworkClassifier(**FIXED).fit(X, np.argsort(np.argsort(labels))[y])
    np.testing.assert_array_equal(model.classes_, np.sort(labels))
    np.testing.assert_array_equal(model.predict(X), np.sort(labels)[plain.predict(X)])
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X))
    assert model.score(X, labels[y]) > 0.7


def test_two_labels_may_be_booleans():
    X, y = blobs(100, 2)
    model = BundledNetworkClassifier(**FIXED).fit(X, y == 1)
    assert model.predict(X).dtype == bool
    np.testing.assert_array_equal(model.predict(X), BundledNetworkClassifier(**FIXED).fit(X, y).predict(X) == 1)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (["a", "a", "a", "a"], r"y holds one class, \['a'\]; a classifier needs at least two"),
        ([0.1, 0.5, 0.7, 0.2], "Unknown label type: continuous"),
        ([[0, 1], [1, 0], [0, 0], [1, 1]], "1d array"),
        ([np.nan, 1.0, 0.0, 1.0], "contains NaN"),
        (None, "requires y to be passed"),
    ],
)
def test_targets_that_are_no_classes_are_refused(bad, words):
    X = np.random.default_rng(0).normal(size=(4, 2))
    with pytest.raises(ValueError, match=words):
        BundledNetworkClassifier(**FIXED).fit(X, bad)


def test_a_class_of_one_row_is_a_class():
    X, y = blobs(100, 2)
    y[0] = 2
    model = BundledNetworkClassifier(30, random_state=0).fit(X, y)
    assert model.predict_proba(X).shape == (100, 3)
    assert np.isfinite(model.predict_proba(X)).all()
    two = BundledNetworkClassifier(30, random_state=0).fit(X[:2], [0, 1])
    np.testing.assert_allclose(two.predict_proba(X).sum(axis=1), 1.0)


# Weights of classes


@pytest.mark.parametrize("labels", [np.array([0, 1, 2]), np.array(["a", "b", "c"])])
def test_class_weights_are_sample_weights(labels):
    X, codes = blobs(200)
    keep = (codes != 1) | (np.arange(200) % 4 == 0)
    X, y = X[keep], labels[codes[keep]]
    own = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    weights = {labels[0]: 2.0, labels[2]: 0.5}
    weighted = BundledNetworkClassifier(**FIXED, class_weight=weights).fit(X, y, sample_weight=own)
    by_hand = BundledNetworkClassifier(**FIXED).fit(X, y, sample_weight=own * compute_sample_weight(weights, y))
    np.testing.assert_allclose(weighted.predict_proba(X), by_hand.predict_proba(X), atol=1e-12)
    balanced = BundledNetworkClassifier(**FIXED, class_weight="balanced").fit(X, y)
    by_hand = BundledNetworkClassifier(**FIXED).fit(X, y, sample_weight=compute_sample_weight("balanced", y))
    np.testing.assert_allclose(balanced.predict_proba(X), by_hand.predict_proba(X), atol=1e-12)
    plain = BundledNetworkClassifier(**FIXED).fit(X, y)
    rare = y == labels[1]
    assert np.mean(balanced.predict(X)[rare] == labels[1]) > np.mean(plain.predict(X)[rare] == labels[1])


def test_balance_counts_weights_and_not_rows():
    X, y = blobs(120)
    weight = np.random.default_rng(1).integers(0, 4, 120)
    model = BundledNetworkClassifier(40, class_weight="balanced", random_state=0)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-6)


def test_a_class_of_weight_zero_is_never_predicted():
    X, y = blobs(150)
    for settings, weight in (({"class_weight": {0: 0.0}}, None), ({}, np.where(y == 0, 0.0, 1.0))):
        for balance in ({}, {"class_weight": "balanced"}) if weight is not None else ({},):
            model = BundledNetworkClassifier(**FIXED, **settings, **balance).fit(X, y, sample_weight=weight)
            assert model.classes_.tolist() == [0, 1, 2]
            assert set(model.predict(X)) == {1, 2}
            assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("bad", [{0: -1.0}, {0: np.nan}, {0: np.inf}])
def test_class_weights_that_are_no_weights_are_refused(bad):
    X, y = blobs(50)
    with pytest.raises(ValueError, match=r"class_weight=.* must hold non-negative finite numbers"):
        BundledNetworkClassifier(**FIXED, class_weight=bad).fit(X, y)
    with pytest.raises(ValueError, match="class_weight, is zero for every row"):
        BundledNetworkClassifier(**FIXED, class_weight={0: 0, 1: 0, 2: 0}).fit(X, y)


# Chunks


def test_chunks_may_lack_classes_that_were_announced():
    X, y = blobs(200)
    order = np.argsort(y, kind="stable")
    model = BundledNetworkClassifier(**{**FIXED, "direct_link": False}, class_weight={0: 1.0, 2: 3.0})
    whole = clone(model).fit(X, y)
    parts = clone(model)
    for part in np.array_split(order, 6):
        parts.partial_fit(X[part], y[part], classes=[0, 1, 2])
    np.testing.assert_allclose(
        parts.output_coef_, whole.output_coef_, rtol=0, atol=1e-8 * np.abs(whole.output_coef_).max()
    )
    np.testing.assert_array_equal(parts.predict(X), whole.predict(X))


def test_the_first_chunk_needs_the_classes_and_later_ones_must_not_leave_them():
    X, y = blobs(60)
    with pytest.raises(ValueError, match="classes=None in the first call of partial_fit; pass all class labels"):
        BundledNetworkClassifier(**FIXED).partial_fit(X, y)
    model = BundledNetworkClassifier(**FIXED).partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    coef = model.output_coef_
    with pytest.raises(ValueError, match=r"y holds labels \[3\] that are not in classes=\[0, 1, 2\]"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match=r"y holds labels \['x'\] that are not in"):
        model.partial_fit(X[:2], ["x", "x"])
    with pytest.raises(
        ValueError, match=r"classes=\[0, 1\] differ from those of the first call of partial_fit, \[0, 1, 2\]"
    ):
        model.partial_fit(X, y % 2, classes=[0, 1])
    np.testing.assert_array_equal(model.output_coef_, coef)
    assert model.n_samples_seen_ == 120
    with pytest.raises(ValueError, match=r"holds one class"):
        BundledNetworkClassifier(**FIXED).partial_fit(X, np.zeros(60), classes=[0])


def test_balanced_classes_have_no_partial_fit_and_say_why():
    model = BundledNetworkClassifier(class_weight="balanced")
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'") as raised:
        model.partial_fit([[0.0], [1.0]], [0, 1], classes=[0, 1])
    assert "pass a dict of weights" in str(raised.value.__cause__)


# Probabilities


def test_probabilities_have_a_lower_loss_than_the_shares_of_the_classes_and_than_certainty():
    for load in (load_breast_cancer, load_wine):
        X, y = load(return_X_y=True)
        model = BundledNetworkClassifier(128, random_state=0)
        shares = cross_val_predict(model, X, y, cv=3, method="predict_proba")
        prior = log_loss(y, cross_val_predict(DummyClassifier(), X, y, cv=3, method="predict_proba"))
        assert log_loss(y, shares) < 0.25 * prior
        assert accuracy_score(y, np.argmax(shares, axis=1)) > 0.93


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_rows_that_are_all_told_apart_leave_a_doubt_of_one_in_their_number(n_classes):
    X, y = blobs(100, n_classes, spread=0.02)
    model = BundledNetworkClassifier(64, input_transform=None, random_state=0).fit(X, y)
    new, truth = blobs(1000, n_classes, seed=1, spread=0.02)
    assert model.score(new, truth) == 1.0
    doubt = 1.0 - model.predict_proba(new).max(axis=1).mean()
    assert doubt == pytest.approx(1.0 / 102.0, rel=0.2)


def test_probabilities_of_classes_without_signal_are_their_shares():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 3)), (rng.random(600) < 0.5).astype(int)
    model = BundledNetworkClassifier(64, random_state=0).fit(X, y)
    assert np.abs(model.predict_proba(rng.normal(size=(200, 3)))[:, 1] - 0.5).mean() < 0.1


def test_confidence_is_matched_by_accuracy_on_new_rows():
    X, y = blobs(1000, spread=0.8)
    new, truth = blobs(5000, seed=1, spread=0.8)
    model = BundledNetworkClassifier(64, random_state=0).fit(X, y)
    shares = model.predict_proba(new)
    # Exact for blobs of equal spread: a softmax of distances to the corners.
    corners = np.column_stack([np.cos(2 * np.pi * np.arange(3) / 3), np.sin(2 * np.pi * np.arange(3) / 3)])
    logits = -0.5 * np.sum((new[:, None] - corners) ** 2, axis=2) / 0.8**2
    exact = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert log_loss(truth, shares) < log_loss(truth, exact) + 0.05
    hit = shares.argmax(axis=1) == truth
    assert shares.max(axis=1).mean() == pytest.approx(hit.mean(), abs=0.03)


def test_probabilities_have_the_dtype_of_the_rows():
    X, y = blobs(100)
    model = BundledNetworkClassifier(**FIXED).fit(X.astype(np.float32), y)
    assert model.predict_proba(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(model.predict_proba(X.astype(np.float32)).sum(axis=1), 1.0, atol=1e-6)


# On tables and inside scikit-learn


def test_digits_are_read():
    X, y = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X[:900], y[:900], random_state=0)
    model = BundledNetworkClassifier(256, random_state=0).fit(train, y_train)
    assert model.score(test, y_test) > 0.93
    assert log_loss(y_test, model.predict_proba(test)) < 0.4


def test_a_pipeline_with_a_column_transformer_is_searched():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X.iloc[:, :6].assign(size=np.where(X["mean radius"] > 14, "large", "small"))
    encoder = make_column_transformer((OneHotEncoder(drop="if_binary"), ["size"]), remainder="passthrough")
    pipeline = make_pipeline(encoder, BundledNetworkClassifier(32, activation="relu", random_state=0))
    grid = {
        "bundlednetworkclassifier__alpha": [1e12, "auto"],
        "bundlednetworkclassifier__class_weight": [None, "balanced"],
    }
    search = GridSearchCV(pipeline, grid, cv=2, scoring="neg_log_loss", error_score="raise").fit(X, y)
    assert search.best_params_["bundlednetworkclassifier__alpha"] == "auto"
    assert search.best_score_ > -0.3
    linear = make_pipeline(encoder, URFSampler(random_state=0, directions="sparse"), RidgeClassifierCV())
    assert cross_val_score(linear, X, y, cv=3, error_score="raise").min() > 0.8


def test_sample_weights_are_routed_as_metadata():
    X, y = load_wine(return_X_y=True)
    weight = np.where(y == 0, 0.0, 1.0)
    network = BundledNetworkClassifier(32, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(clone(network).set_fit_request(sample_weight=True)).fit(X, y, sample_weight=weight)
        request = clone(network).set_partial_fit_request(sample_weight=True, classes=True)
        assert request.get_metadata_routing().partial_fit.requests == {"sample_weight": True, "classes": True}
    direct = clone(network).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(routed.predict_proba(X), direct.predict_proba(X))
    assert set(routed.predict(X)) == {1, 2}


def test_a_whole_weight_of_a_class_is_a_cost_like_any_other():
    # As numbers of copies, of which others are left where one is left out, they would praise a fit that remembers rows.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 2))
    y = X[:, 0] + 0.5 * rng.normal(size=160) > 1.0
    models = [
        BundledNetworkClassifier(class_weight={True: cost, False: 1}, random_state=0).fit(X, y) for cost in (8, 8.01)
    ]
    whole, other = (model.predict_proba(X)[:, 1] for model in models)
    np.testing.assert_allclose(whole, other, atol=0.01)
    assert models[0].effective_dof_[0] < 80
