import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.metrics import accuracy_score, make_scorer, recall_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RepeatedStratifiedKFold

from sknnk import BundledNetworkClassifier, BundledNetworkClassifierCV

THREE = load_wine(return_X_y=True)
TWO = tuple(part[::2] for part in load_breast_cancer(return_X_y=True))
TABLES = {"two classes": TWO, "three classes": THREE}
COUNTS, ALPHAS = (8, 24), (10.0, 0.1, 1e-3)
KERNEL = {"directions": "orthogonal", "frequencies": "isotropic", "input_transform": None, "random_state": 0}


def rows_of(table):
    X, y = TABLES[table]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    # Names and an order of the classes that is not that of their first appearance.
    return X, np.array(["one", "three", "two"])[y]


def both(table, counts=COUNTS, cv=3, fit=None, class_weight=None, **options):
    X, y = rows_of(table)
    search = BundledNetworkClassifierCV(
        counts, alphas=ALPHAS, length_scales=5.0, cv=cv, class_weight=class_weight, **KERNEL, **options
    )
    network = BundledNetworkClassifier(activation="gaussian", length_scale=5.0, class_weight=class_weight, **KERNEL)
    expected = GridSearchCV(network, {"alpha": ALPHAS, "n_components": counts}, cv=cv, **options)
    search.fit(X, y, **(fit or {}))
    expected.fit(X, y, **(fit or {}))
    return search, expected


def assert_same_search(search, expected, table):
    ours, theirs = search.cv_results_, expected.cv_results_
    assert list(ours) == list(theirs)
    for key, values in theirs.items():
        if key.startswith(("split", "mean_t", "std_t")):
            np.testing.assert_allclose(ours[key], values, atol=1e-6, err_msg=key)
    assert search.best_params_ == expected.best_params_
    X, _ = rows_of(table)
    np.testing.assert_array_equal(search.predict(X), expected.predict(X))
    np.testing.assert_allclose(search.predict_proba(X), expected.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(search.classes_, expected.classes_)


SCORES = (None, "balanced_accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro")
ROWS = (8, 250)  # the second one is more than there are rows in a fold
PAIRS = [(scoring, table) for scoring in SCORES for table in TABLES]


# Each score and each table with both numbers of features, in turns.
@pytest.mark.parametrize(
    ("scoring", "table", "counts"),
    [(scoring, table, (COUNTS, ROWS)[(i // 2 + i) % 2]) for i, (scoring, table) in enumerate(PAIRS)],
)
def test_scores_choice_and_probabilities_are_those_of_grid_search(scoring, table, counts):
    assert_same_search(*both(table, counts, scoring=scoring, return_train_score=True), table)


@pytest.mark.parametrize(
    "cv", [KFold(4, shuffle=True, random_state=0), RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)]
)
def test_every_splitter_gives_the_scores_of_grid_search(cv):
    assert_same_search(*both("three classes", cv=cv), "three classes")


def test_groups_give_the_scores_of_grid_search():
    groups = np.arange(len(THREE[1])) % 10
    assert_same_search(*both("three classes", cv=GroupKFold(5), fit={"groups": groups}), "three classes")


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_weights_count_in_fit_and_scores_as_in_grid_search(scoring):
    weight = np.random.default_rng(0).integers(0, 4, size=len(TWO[1])).astype(float)
    assert_same_search(*both("two classes", fit={"sample_weight": weight}, scoring=scoring), "two classes")


@pytest.mark.parametrize(
    ("class_weight", "weighted", "counts"),
    [
        ("balanced", False, COUNTS),
        ("balanced", True, ROWS),
        ({"one": 1.0, "two": 5.0, "three": 0.5}, False, ROWS),
        ({"one": 1.0, "two": 5.0, "three": 0.5}, True, COUNTS),
    ],
)
def test_class_weights_are_those_of_each_training_set(class_weight, weighted, counts):
    weight = np.random.default_rng(0).integers(0, 4, size=len(THREE[1])).astype(float)
    fit = {"sample_weight": weight} if weighted else {}
    # A search takes the unit of weights that are no numbers of rows from all rows, and temperatures see it a little.
    scoring = "neg_log_loss" if class_weight == "balanced" else "balanced_accuracy"
    search, expected = both("three classes", counts, fit=fit, class_weight=class_weight, scoring=scoring)
    assert_same_search(search, expected, "three classes")


@pytest.mark.parametrize("weighted", [False, True])
def test_the_default_score_counts_rows_by_the_weights_of_their_classes(weighted):
    class_weight = {"one": 1.0, "two": 5.0, "three": 0.5}
    weight = np.random.default_rng(0).integers(0, 4, size=len(THREE[1])).astype(float)
    fit = {"sample_weight": weight} if weighted else {}

    def weighted_accuracy(network, X, y, sample_weight=None):
        of_rows = np.vectorize(class_weight.get)(y) * (1.0 if sample_weight is None else sample_weight)
        return accuracy_score(y, network.predict(X), sample_weight=of_rows)

    X, y = rows_of("three classes")
    options = {"alphas": ALPHAS, "length_scales": 5.0, "cv": 3, "class_weight": class_weight, **KERNEL}
    scores = [
        BundledNetworkClassifierCV(COUNTS, scoring=scoring, **options).fit(X, y, **fit).cv_results_["mean_test_score"]
        for scoring in (None, weighted_accuracy, "accuracy")
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-7)
    assert not np.allclose(scores[0], scores[2], rtol=1e-3)


def test_heavy_classes_are_not_ignored_by_the_choice():
    # On noise, a network that fits every row has the best plain accuracy and forgets the weights.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), rng.permutation(100) % 2
    model = BundledNetworkClassifierCV((8, 64), class_weight={0: 1e3, 1: 1e-4}, random_state=0).fit(X, y)
    assert np.mean(model.predict(rng.normal(size=(100, 3))) == 0) > 0.9


def test_several_scores_are_those_of_grid_search():
    scoring = {"recall": make_scorer(recall_score, pos_label="three"), "auc": "roc_auc", "loss": "neg_log_loss"}
    search, expected = both("two classes", scoring=scoring, refit="auc")
    assert_same_search(search, expected, "two classes")
    assert search.scorer_.keys() == scoring.keys()


def test_any_function_of_a_fitted_network_is_a_score():
    def entropy(estimator, X, y):
        share = estimator.predict_proba(X)
        return float(np.mean(share * np.log(share))) + estimator.score(X[::2], y[::2])

    assert_same_search(*both("three classes", scoring=entropy), "three classes")


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("preprocessing", ["once", "fold"])
def test_the_final_fit_is_the_network_with_the_chosen_parameters(preprocessing, class_weight):
    X, y = rows_of("three classes")
    options = {"class_weight": class_weight, "random_state": 0}
    search = BundledNetworkClassifierCV(
        COUNTS, alphas=ALPHAS, length_scales=3.0, preprocessing=preprocessing, **options
    )
    search.fit(X, y)
    kernel = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 3.0}
    network = BundledNetworkClassifier(**kernel, **options).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_allclose(search.output_coef_, network.output_coef_, rtol=1e-6, atol=1e-9)
    assert search.inverse_temperature_ == pytest.approx(network.inverse_temperature_)
    np.testing.assert_allclose(search.predict_proba(X), network.predict_proba(X), atol=1e-8)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        BundledNetworkClassifierCV(4).fit(np.ones((9, 2)), np.zeros(9))
