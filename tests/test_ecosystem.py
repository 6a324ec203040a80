"""The networks inside other people's code: tables, meta-estimators, searches, explanations and intervals.

The tests of MAPIE, Optuna, SHAP and skrub run where these are installed: ``pip install -e ".[test-ecosystem]"``.
"""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import StackingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, HalvingGridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
)

X, y = load_diabetes(return_X_y=True)
X_cancer, y_cancer = load_breast_cancer(return_X_y=True)
TRAIN, TEST = slice(0, 300), slice(300, None)
NAMES = [f"column {i}" for i in range(X.shape[1])]
TABLES = {
    "pandas": lambda rows: pd.DataFrame(rows, columns=NAMES),
    "polars": lambda rows: pl.DataFrame(rows, schema=NAMES),
    "pyarrow": lambda rows: pa.table(dict(zip(NAMES, rows.T, strict=True))),
}


KERNEL = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 4.0}


def regressor(**params):
    """A small network with a kernel that is given: no time goes into choosing one."""
    return BundledNetworkRegressor(64, random_state=0, **KERNEL | {"alpha": 0.1} | params)


@pytest.mark.parametrize("library", TABLES)
@pytest.mark.parametrize(
    ("model", "target"),
    [
        (regressor(), y),
        (BundledNetworkRegressorCV((32, 64), cv=3, random_state=0), y),
        (BundledNetworkClassifier(64, random_state=0, alpha=0.1, **KERNEL), y > 140.0),
        (BundledNetworkClassifierCV((32, 64), cv=3, random_state=0), y > 140.0),
    ],
)
def test_a_table_is_its_numbers_with_names(model, target, library):
    table = TABLES[library]
    expected = model.fit(X[TRAIN], target[TRAIN]).predict(X[TEST])
    model.fit(table(X[TRAIN]), target[TRAIN])
    np.testing.assert_array_equal(model.predict(table(X[TEST])), expected)
    assert model.n_features_in_ == len(NAMES)
    if library != "pyarrow":  # of which scikit-learn reads no names
        assert list(model.feature_names_in_) == NAMES
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(table(X[TEST])[NAMES[::-1]])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_targets_and_weights_may_be_columns(library):
    column = pd.Series if library == "pandas" else pl.Series
    weight = np.where(y[TRAIN] > 140.0, 2.0, 1.0)
    expected = regressor().fit(X[TRAIN], y[TRAIN], weight).predict(X[TEST])
    model = regressor().fit(TABLES[library](X[TRAIN]), column(y[TRAIN]), sample_weight=column(weight))
    np.testing.assert_array_equal(model.predict(TABLES[library](X[TEST])), expected)


@pytest.mark.parametrize("sampler", [URFSampler(n_components=6), ArcCosineSampler(n_components=6)])
@pytest.mark.parametrize(("library", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_samplers_write_tables_with_names(sampler, library, kind):
    sampler.set_params(random_state=0)
    features = make_column_transformer((sampler, NAMES[:3]), remainder=StandardScaler()).set_output(transform=library)
    written = features.fit_transform(TABLES[library](X))
    assert isinstance(written, kind)
    own = type(sampler).__name__.lower()
    assert list(written.columns)[:7] == [f"{own}__{own}{i}" for i in range(6)] + [f"remainder__{NAMES[3]}"]
    np.testing.assert_array_equal(written.to_numpy()[:, :6], sampler.fit(X[:, :3]).transform(X[:, :3]))


def test_weights_are_routed_through_a_search_and_a_pipeline():
    weight = np.where(y > 140.0, 3.0, 1.0)
    with config_context(enable_metadata_routing=True):
        network = regressor().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), network)
        search = GridSearchCV(pipeline, {"bundlednetworkregressor__alpha": [0.1, 1.0]}, cv=GroupKFold(3))
        search.fit(X, y, sample_weight=weight, groups=np.arange(len(y)) % 7)
    best = make_pipeline(StandardScaler(), regressor(alpha=search.best_params_["bundlednetworkregressor__alpha"]))
    best.fit(X, y, bundlednetworkregressor__sample_weight=weight)
    np.testing.assert_array_equal(search.predict(X), best.predict(X))
    assert not np.allclose(search.predict(X), best.fit(X, y).predict(X))


def test_groups_are_routed_through_a_pipeline_to_the_search_of_counts():
    groups = np.arange(len(y)) % 7
    with config_context(enable_metadata_routing=True):
        search = BundledNetworkRegressorCV((16, 32), alphas=(0.1, 1.0), cv=GroupKFold(3), random_state=0)
        routed = make_pipeline(StandardScaler(), search).fit(X, y, groups=groups)[-1]
    alone = BundledNetworkRegressorCV((16, 32), alphas=(0.1, 1.0), cv=GroupKFold(3), random_state=0)
    alone.fit(StandardScaler().fit_transform(X), y, groups=groups)
    np.testing.assert_array_equal(routed.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])


def test_a_transformed_target_comes_back_in_its_own_unit():
    model = TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp).fit(X[TRAIN], y[TRAIN])
    by_hand = np.exp(regressor().fit(X[TRAIN], np.log(y[TRAIN])).predict(X[TEST]))
    np.testing.assert_allclose(model.predict(X[TEST]), by_hand)
    assert model.score(X[TEST], y[TEST]) > 0.35


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_a_classifier_can_be_calibrated(method):
    network = BundledNetworkClassifier(64, random_state=0, alpha=0.1, **KERNEL)
    model = CalibratedClassifierCV(network, method=method, cv=3).fit(X_cancer[TRAIN], y_cancer[TRAIN])
    probabilities = model.predict_proba(X_cancer[TEST])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert model.score(X_cancer[TEST], y_cancer[TEST]) > 0.95
    assert log_loss(y_cancer[TEST], probabilities) < 0.25


def test_a_halving_search_over_rows_finds_the_better_penalty():
    grid = {"alpha": [0.1, 1.0, 1e6], "activation": ["gaussian", "cauchy"]}
    search = HalvingGridSearchCV(regressor(), grid, cv=3, min_resources=100, random_state=0).fit(X, y)
    assert search.n_iterations_ == 2
    assert search.best_params_["alpha"] < 1e6
    assert search.best_score_ > 0.4


def test_permutation_importance_finds_the_columns_that_matter():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 4))
    model = regressor().fit(rows, np.sin(2.0 * rows[:, 1]) + 0.5 * rows[:, 2])
    importance = permutation_importance(model, rows, np.sin(2.0 * rows[:, 1]) + 0.5 * rows[:, 2], random_state=0)
    order = np.argsort(importance.importances_mean)[::-1]
    assert set(order[:2]) == {1, 2}
    assert importance.importances_mean[order[2]] < 0.1 * importance.importances_mean[order[1]]


def test_a_stack_uses_the_network():
    parts = [("ridge", Ridge()), ("network", regressor())]
    stack = StackingRegressor(parts, RidgeCV(), cv=3).fit(X[TRAIN], y[TRAIN])
    # What the final regression sees is what cross-validation predicts.
    held_out = np.column_stack([cross_val_predict(each, X[TRAIN], y[TRAIN], cv=3) for _, each in parts])
    np.testing.assert_allclose(stack.final_estimator_.coef_, RidgeCV().fit(held_out, y[TRAIN]).coef_)
    assert stack.final_estimator_.coef_[1] > 0.1


def test_mapie_conforms_our_intervals():
    regression = pytest.importorskip("mapie.regression")
    data = (X[:200], y[:200]), (X[200:300], y[200:300])
    model = regression.SplitConformalRegressor(regressor(), confidence_level=0.9, prefit=False)
    model.fit(*data[0]).conformalize(*data[1])
    point, interval = model.predict_interval(X[TEST])
    np.testing.assert_array_equal(point, regressor().fit(*data[0]).predict(X[TEST]))
    covered = (interval[:, 0, 0] <= y[TEST]) & (y[TEST] <= interval[:, 1, 0])
    assert 0.8 < covered.mean() < 1.0


def test_mapie_makes_sets_of_classes():
    classification = pytest.importorskip("mapie.classification")
    network = BundledNetworkClassifier(64, random_state=0, alpha=0.1, **KERNEL).fit(X_cancer[:200], y_cancer[:200])
    model = classification.SplitConformalClassifier(network, confidence_level=0.95)
    model.conformalize(X_cancer[200:300], y_cancer[200:300])
    _, sets = model.predict_set(X_cancer[TEST])
    rows = np.arange(len(sets))
    assert sets[rows, y_cancer[TEST], 0].mean() > 0.9
    assert sets[:, :, 0].sum(axis=1).mean() < 1.5


def test_optuna_tunes_the_penalty_and_the_length_scale():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def score(trial):
        alpha = trial.suggest_float("alpha", 1e-3, 1e5, log=True)
        length_scale = trial.suggest_float("length_scale", 0.1, 100.0, log=True)
        network = regressor(activation="gaussian", directions="orthogonal", frequencies="isotropic")
        return (
            network.set_params(alpha=alpha, length_scale=length_scale).fit(X[TRAIN], y[TRAIN]).score(X[TEST], y[TEST])
        )

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(score, n_trials=12)
    scores = [trial.value for trial in study.trials]
    assert study.best_value == max(scores) > 0.4 > min(scores)


@pytest.mark.filterwarnings("ignore:The set_bad function:PendingDeprecationWarning")
def test_shap_values_sum_to_the_prediction():
    shap = pytest.importorskip("shap", exc_type=ImportError)
    model = regressor().fit(X[TRAIN], y[TRAIN])
    values = shap.Explainer(model.predict, X[:20])(X[TEST][:3])
    np.testing.assert_allclose(values.values.sum(axis=1) + values.base_values, model.predict(X[TEST][:3]), rtol=1e-6)
    # Body mass index and the triglycerides are what the disease follows.
    assert set(np.argsort(np.abs(values.values).mean(axis=0))[-3:]) & {2, 8}


@pytest.mark.parametrize("network", [regressor(), BundledNetworkRegressorCV((32, 64), cv=3, random_state=0)])
def test_skrub_makes_columns_of_dates_as_the_message_says(network):
    pytest.importorskip("skrub")
    rng = np.random.default_rng(0)
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 360, 200), unit="D")
    table = pd.DataFrame({"day": day, "city": rng.choice(["Bonn", "Oslo", None], 200), "x": rng.normal(size=200)})
    target = day.month + 3.0 * (table["city"] == "Oslo")
    table.loc[::10, "x"] = np.nan
    with pytest.raises(TypeError, match="dates") as refused:
        clone(network).fit(table, target)
    names = {"estimator": clone(network)}
    exec("\n".join(line.strip() for line in str(refused.value).splitlines() if line.startswith(" ")), names)
    for model in (names["model"], make_pipeline(names["TableVectorizer"](), network)):
        assert model.fit(table[:150], target[:150]).score(table[150:], target[150:]) > 0.8
