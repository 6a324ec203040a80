import pickle
import subprocess
import sys
import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils._param_validation import InvalidParameterError

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, bundle, bundle_report

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 4))
y = np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=600)


@pytest.fixture(scope="module")
def mlp():
    return MLPRegressor(hidden_layer_sizes=(64, 64), early_stopping=True, max_iter=300, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def bundled(mlp):
    return bundle(mlp, n_components=300, X=X, random_state=0)


def test_a_bundle_is_the_network_on_rows_that_neither_has_seen(mlp, bundled):
    new = np.random.default_rng(1).normal(size=(500, 4))
    assert isinstance(bundled, BundledNetworkRegressor)
    assert bundled.score(new, mlp.predict(new)) > 0.95
    assert bundled.predict(new).shape == (500,)


def test_more_features_agree_better(mlp, bundled):
    new = np.random.default_rng(1).normal(size=(500, 4))
    few = bundle(mlp, n_components=20, X=X, random_state=0)
    assert few.score(new, mlp.predict(new)) < bundled.score(new, mlp.predict(new))


def test_unlabelled_rows_are_all_that_calibration_sees(mlp, bundled):
    # Rows in another order are the same rows, and labels are nowhere.
    again = bundle(mlp, n_components=300, X=X, random_state=0)
    np.testing.assert_array_equal(again.predict(X), bundled.predict(X))


def test_fit_solves_again_on_the_same_features(bundled):
    refitted = clone(bundled).fit(X, y)
    np.testing.assert_allclose(refitted.transform(X), bundled.transform(X), atol=1e-12)
    assert not np.allclose(refitted.output_coef_, bundled.output_coef_, atol=1e-3)
    assert refitted.score(X, y) > bundled.score(X, y)


def test_refitting_beats_the_network_on_new_rows(mlp, bundled):
    new = np.random.default_rng(2).normal(size=(2000, 4))
    truth = np.sin(2.0 * new[:, 0]) + new[:, 1] * new[:, 2]
    assert clone(bundled).fit(X, y).score(new, truth) > mlp.score(new, truth)


def test_it_pickles_clones_and_lives_in_pipelines(mlp, bundled):
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(bundled)).predict(X), bundled.predict(X))
    pipeline = Pipeline([("scale", StandardScaler()), ("bundle", bundled)])
    assert cross_val_score(pipeline, X, y, cv=3, error_score="raise").min() > 0.8
    # In the place of the network, without fitting anything again.
    trained = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(32,), early_stopping=True, max_iter=2000, random_state=0)
    )
    trained.fit(X, y)
    replaced = Pipeline(
        [*trained.steps[:-1], ("bundle", bundle(trained[-1], n_components=200, X=trained[:-1].transform(X)))]
    )
    assert replaced.score(X, trained.predict(X)) > 0.9


def test_names_of_columns_are_seen(mlp, bundled):
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = bundle(mlp, n_components=300, X=frame, random_state=0)
    assert named.feature_names_in_.tolist() == list("abcd")
    # A frame may be laid out by columns, and sums of its rows rounded otherwise.
    np.testing.assert_allclose(named.predict(frame), bundled.predict(X), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("kind", "method"), [(MLPRegressor, "calibrated"), (MLPClassifier, "analytic")])
def test_columns_in_another_order_than_those_of_the_network_are_refused(kind, method):
    frame = pd.DataFrame(X[:60], columns=list("abcd"))
    targets = y[:60] if kind is MLPRegressor else (y[:60] > 0.0).astype(int)
    known = {} if kind is MLPRegressor else {"classes": [0, 1]}
    mlp = kind(hidden_layer_sizes=(5,), random_state=0).partial_fit(frame, targets, **known)
    settings = {"n_components": 16, "method": method, "random_state": 0}
    for wrong in (frame[list("dcba")], frame.rename(columns={"a": "e"})):
        with pytest.raises(ValueError, match="feature names should match"):
            bundle(mlp, X=wrong, **settings)
    coarse = pytest.warns(UserWarning, match="squared error of the analytic") if method == "analytic" else nullcontext()
    with coarse:
        named = bundle(mlp, X=frame, **settings)
    assert named.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(frame[list("dcba")])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_classifier_has_the_labels_logits_and_probabilities_of_the_network(n_classes):
    rows, labels = load_iris(return_X_y=True)
    rows, labels = scale(rows[labels < n_classes]), np.array(["a", "b", "c"])[labels[labels < n_classes]]
    network = MLPClassifier(hidden_layer_sizes=(32, 16), learning_rate_init=0.01, max_iter=400, random_state=0)
    network.fit(rows, labels)
    bundled = bundle(network, n_components=200, X=rows, random_state=0)
    assert isinstance(bundled, BundledNetworkClassifier)
    assert bundled.classes_.tolist() == network.classes_.tolist()
    assert np.mean(bundled.predict(rows) == network.predict(rows)) > 0.98
    assert np.abs(bundled.predict_proba(rows) - network.predict_proba(rows)).mean() < 0.02
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(bundled)).predict_proba(rows), bundled.predict_proba(rows))
    assert clone(bundled).fit(rows, labels).score(rows, labels) > 0.95


def test_digits_lose_less_than_a_point_at_five_times_fewer_numbers():
    rows, labels = load_digits(return_X_y=True)
    A, B, a, b = train_test_split(rows / 16.0, labels, test_size=0.3, random_state=0, stratify=labels)
    network = MLPClassifier(hidden_layer_sizes=(256, 256, 256), early_stopping=True, max_iter=60, random_state=0)
    network.fit(A, a)
    bundled = bundle(network, n_components=512, X=A, random_state=0)
    report = bundle_report(network, bundled, B)
    assert report.parameters_before > 20 * report.learned_after
    # Random directions and all.
    assert report.parameters_before > 5 * report.stored_after
    assert bundled.score(B, b) > network.score(B, b) - 0.01
    assert clone(bundled).fit(A, a).score(B, b) >= network.score(B, b)


@pytest.mark.parametrize("n_targets", [1, 3])
def test_small_networks_are_bundled_from_their_weights_alone(n_targets):
    # Arguments of about one, where unbiased features are accurate.
    weak = 0.3 * X
    targets = np.column_stack([np.tanh(weak @ w) for w in rng.normal(size=(n_targets, 4))])
    # Not to the last digit, where on some processors the line search finds no better point.
    network = MLPRegressor(
        hidden_layer_sizes=(12,), activation="tanh", alpha=0.3, solver="lbfgs", max_iter=5000, tol=1e-3, random_state=0
    ).fit(weak, targets if n_targets > 1 else targets[:, 0])
    analytic = bundle(network, n_components=4000, X=weak, method="analytic", random_state=0)
    assert analytic.predict(weak).shape == network.predict(weak).shape
    assert analytic.score(weak, network.predict(weak)) > 0.97
    # The output matrix is the output weights times Psi, and a prediction is Theta Phi.
    psi = analytic.samplers_[0].transform_weights(network.coefs_[0].T, network.intercepts_[0])
    np.testing.assert_allclose(analytic.output_coef_.reshape(n_targets, -1), network.coefs_[1].T @ psi, rtol=1e-10)
    outputs = analytic.transform(weak) @ np.transpose(analytic.output_coef_) + analytic.intercept_
    np.testing.assert_allclose(outputs, analytic.predict(weak), atol=1e-10)
    calibrated = bundle(network, n_components=200, X=weak, random_state=0)
    assert calibrated.score(weak, network.predict(weak)) > analytic.score(weak, network.predict(weak))


@pytest.mark.filterwarnings("ignore:.*cannot estimate", "ignore:The squared error of the analytic bundle")
def test_analytic_bundles_of_deep_networks_and_classifiers_have_the_right_shapes_and_are_finite(mlp):
    deep = bundle(mlp, n_components=(300, 400), X=X, method="analytic", random_state=0)
    assert deep.output_coef_.shape == (400,) and deep.n_components_ == (300, 400)
    assert np.isfinite(deep.predict(X)).all()
    rows, labels = load_iris(return_X_y=True)
    network = MLPClassifier(hidden_layer_sizes=(8,), solver="lbfgs", alpha=1.0, random_state=0).fit(scale(rows), labels)
    classifier = bundle(network, n_components=200, method="analytic", random_state=0)
    assert np.isfinite(classifier.decision_function(scale(rows))).all()
    assert classifier.predict_proba(scale(rows)).shape == (150, 3)


def test_an_analytic_bundle_has_seen_no_rows_and_says_so_when_asked_for_deviations():
    network = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", max_iter=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bundled = bundle(network.fit(X[:50], X[:50, 0]), n_components=300, X=X, method="analytic", random_state=0)
    with pytest.raises(ValueError, match=r"return_std=True and predict_interval need a fit to rows.*calibrated"):
        bundled.predict(X, return_std=True)


def test_a_deep_analytic_bundle_warns_that_it_is_hopeless(mlp):
    with pytest.warns(UserWarning, match="Use method='calibrated' with rows X"):
        bundle(mlp, n_components=200, X=X, method="analytic", random_state=0)


def test_torch_networks_are_bundled_like_any_other():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    network = nn.Sequential(nn.Linear(4, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, 3)).double().eval()
    with torch.no_grad():
        outputs = network(torch.from_numpy(X)).numpy()
    bundled = bundle(network, n_components=200, X=X, random_state=0)
    assert bundled.score(X, outputs) > 0.99
    classifier = bundle(network, n_components=200, X=X, classes=["x", "y", "z"], random_state=0)
    assert np.mean(classifier.predict(X) == np.array(["x", "y", "z"])[outputs.argmax(axis=1)]) > 0.97
    assert bundle_report(network, bundled, X).agreement > 0.99


def test_bundling_does_not_import_torch():
    code = (
        "import sys, numpy as np; from sklearn.neural_network import MLPRegressor; from sknnk import bundle; "
        "X = np.random.default_rng(0).normal(size=(60, 2)); "
        "mlp = MLPRegressor(hidden_layer_sizes=(5,), early_stopping=True, max_iter=900, random_state=0); "
        "mlp.fit(X, X[:, 0]); "
        "bundle(mlp, n_components=10, X=X); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(1, 5),
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.sampled_from(["relu", "tanh", "logistic", "identity"]),
    st.integers(1, 3),
    st.integers(1, 40),
    st.sampled_from(["calibrated", "analytic"]),
    st.data(),
)
def test_any_network_of_any_shape_is_bundled(d, hidden, activation, n_targets, m, method, data):
    draws = np.random.default_rng(d)
    rows = draws.normal(size=(40, d))
    targets = draws.normal(size=(40, n_targets))
    n_layers = data.draw(st.integers(1, len(hidden)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = MLPRegressor(hidden_layer_sizes=hidden, activation=activation, max_iter=2, random_state=0)
        network.fit(rows, targets if n_targets > 1 else targets[:, 0])
        bundled = bundle(network, n_components=m, X=rows, method=method, n_layers=n_layers, random_state=0)
    assert bundled.predict(rows).shape == network.predict(rows).shape
    assert np.isfinite(bundled.predict(rows)).all()
    copy = pickle.loads(pickle.dumps(bundled))
    np.testing.assert_array_equal(copy.predict(rows), bundled.predict(rows))
    report = bundle_report(network, bundled, rows)
    assert report.learned_after <= report.stored_after


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"X": None}, ValueError, 'X=None: method="calibrated" needs rows'),
        ({"X": X[:, :3]}, ValueError, "X has 3 features, and network takes 4"),
        ({"n_layers": 3}, ValueError, "n_layers=3 must lie between 1 and the number of hidden layers, which is 2"),
        ({"method": "exact"}, InvalidParameterError, "The 'method' parameter of bundle"),
        ({"n_components": 0}, InvalidParameterError, "The 'n_components' parameter of bundle"),
        ({"n_components": (5,), "method": "analytic"}, ValueError, "one for each of 2 layers"),
    ],
)
def test_a_wrong_argument_is_named(mlp, arguments, error, words):
    with pytest.raises(error, match=words):
        bundle(mlp, **{"n_components": 20, "X": X, **arguments})


def test_networks_that_end_in_an_activation_are_calibrated_only():
    counts = MLPRegressor(loss="poisson", hidden_layer_sizes=(8,), early_stopping=True, max_iter=2000, random_state=0)
    counts.fit(X, np.abs(np.round(y)))
    with pytest.raises(ValueError, match="ends in exp"):
        bundle(counts, n_components=50, X=X, method="analytic")
    assert bundle(counts, n_components=100, X=X, random_state=0).score(X, counts.predict(X)) > 0.9
