"""Fitted estimators in files of skops."""

import numpy as np
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

import sknnk
from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
    bundle,
    trusted_types,
)

pandas = pytest.importorskip("pandas")
skops = pytest.importorskip("skops.io")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
y = np.sin(X[:, 0]) + X[:, 1]
labels = np.where(y > 0.0, "above", "below")
# A column with gaps; the last one is a category of many values.
RAW = np.where((X > 1.0) & (np.arange(3) == 0), np.nan, X)
FIXED = {"activation": "gaussian", "length_scale": 1.5, "alpha": 0.01, "random_state": 0}
LANDMARKS = FIXED | {"feature_map": "kernel"}


def trained(kind, targets):
    network = kind(hidden_layer_sizes=(6, 5), random_state=0)
    return network.partial_fit(X, targets, **({"classes": np.unique(targets)} if kind is MLPClassifier else {}))


def analytic_bundle():
    """Too few features for a good estimate, as the warning says; a file is none the worse for that."""
    network = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", random_state=0).partial_fit(X, y)
    with pytest.warns(UserWarning, match="squared error of the analytic bundle"):
        return bundle(network, n_components=16, X=X, method="analytic", random_state=0)


def fast_sampler():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sknnk._features.samplers._FAST_FROM", 3)
        return URFSampler(directions="hadamard", random_state=0).fit(X)


MODELS = {
    "bounded": lambda: URFSampler("gelu", random_state=0).fit(X),
    "unbiased": lambda: URFSampler("tanh", mode="unbiased", weight_norm=0.2, random_state=0).fit(X),
    "positive": lambda: URFSampler("tanh", mode="positive", weight_norm=0.2, random_state=0).fit(X),
    "fast": fast_sampler,
    "arc-cosine": lambda: ArcCosineSampler(random_state=np.random.RandomState(0)).fit(X),
    "primal": lambda: BundledNetworkRegressor((16, 20), **FIXED, solver="primal").fit(X, y),
    "dual": lambda: BundledNetworkRegressor(16, **FIXED, solver="dual").fit(X, y),
    "cg": lambda: BundledNetworkRegressor(16, **FIXED, solver="cg").fit(X, y),
    "partial": lambda: BundledNetworkRegressor(16, **FIXED).partial_fit(X, y),
    "landmarks": lambda: BundledNetworkRegressor(16, **LANDMARKS).fit(X, y),
    "exact": lambda: BundledNetworkRegressor(**LANDMARKS).fit(X, y),
    "blocks": lambda: BundledNetworkRegressor(8, block_size=20, **LANDMARKS).fit(X, y),
    "automatic": lambda: BundledNetworkRegressor(random_state=0).fit(X, y),
    "trend": lambda: BundledNetworkRegressor(**LANDMARKS).fit(np.sort(X, axis=0), np.sort(X[:, 0])),
    "counts": lambda: BundledNetworkRegressor(**FIXED, loss="poisson").fit(X, np.exp(y)),
    "sizes": lambda: BundledNetworkRegressor(**FIXED, loss="gamma").fit(X, np.exp(y)),
    "medians": lambda: BundledNetworkRegressor(**FIXED, loss="absolute_error").fit(X, y),
    "huber": lambda: BundledNetworkRegressor(16, **FIXED, loss="huber").fit(X, y),
    "logits": lambda: BundledNetworkClassifier(**FIXED, loss="log_loss").fit(X, labels),
    "searched counts": lambda: BundledNetworkRegressorCV(8, loss="poisson", alphas=1.0, cv=2).fit(X, np.exp(y)),
    "searched logits": lambda: BundledNetworkClassifierCV(8, loss="log_loss", alphas=1.0, cv=2).fit(X, labels),
    "raw table": lambda: BundledNetworkRegressor(16, **FIXED, categorical_features=[2]).fit(RAW, y),
    "classifier": lambda: BundledNetworkClassifier(16, **FIXED, class_weight="balanced").fit(X, labels),
    "exact classifier": lambda: BundledNetworkClassifier(**LANDMARKS).fit(X, labels),
    "CV": lambda: BundledNetworkRegressorCV((8, 16), alphas=(0.1, 1.0), cv=3, random_state=0).fit(X, y),
    "classifier CV": lambda: BundledNetworkClassifierCV((8, 16), alphas=(0.1,), cv=3, random_state=0).fit(X, labels),
    "bundle": lambda: bundle(trained(MLPRegressor, y), n_components=16, X=X, random_state=0),
    "analytic": analytic_bundle,
    "part": lambda: bundle(trained(MLPRegressor, y), n_components=16, X=X, n_layers=1, random_state=0),
    "classifier part": lambda: bundle(trained(MLPClassifier, labels), n_components=16, X=X, n_layers=1, random_state=0),
    "pipeline": lambda: make_pipeline(URFSampler("relu", random_state=0), Ridge()).fit(X, y),
}


TABLE = pandas.DataFrame(RAW, columns=["gaps", "size", "age"]).assign(
    city=RNG.choice(["Bonn", "Oslo", "Rome"], 60), grade=pandas.Categorical(RNG.choice(["poor", "good"], 60))
)
NUMBERS, WORDS = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")
COLUMNS = {
    "one-hot": lambda: make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["gaps", "size"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city", "grade"]),
    ),
    "by type": lambda: make_column_transformer((KNNImputer(), NUMBERS), (TargetEncoder(), WORDS)),
    "ordinal": lambda: make_column_transformer(
        (IterativeImputer(max_iter=2), ["gaps", "size", "age"]), (OrdinalEncoder(), ["city"])
    ),
    "infrequent": lambda: make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), KBinsDiscretizer(3)), slice(0, 3)),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(min_frequency=3)), ["city"]),
    ),
}


@pytest.fixture(scope="module")
def pipelines():
    """Raw tables through imputers and encoders of scikit-learn."""
    return {
        name: make_pipeline(build(), BundledNetworkRegressor(8, **FIXED)).fit(TABLE, y)
        for name, build in COLUMNS.items()
    }


@pytest.mark.parametrize("name", COLUMNS)
def test_imputers_and_encoders_in_front_of_a_network_are_trusted(pipelines, name):
    loaded = skops.loads(skops.dumps(pipelines[name]), trusted=trusted_types())
    np.testing.assert_array_equal(loaded.predict(TABLE), pipelines[name].predict(TABLE), strict=True)


@pytest.fixture(scope="module")
def models():
    """Every kind of fitted estimator, with what is learned when it is first asked for."""
    built = {name: build() for name, build in MODELS.items()}
    for name, model in built.items():
        if hasattr(model, "predict_interval") and name != "analytic":
            model.predict_interval(X[:3])
    return built


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_estimator_gives_the_same_bits(models, name):
    model = models[name]
    loaded = skops.loads(skops.dumps(model), trusted=trusted_types())
    assert type(loaded) is type(model)
    for method in ("transform", "predict", "predict_proba", "predict_interval", "decision_function"):
        if hasattr(model, method) and (method != "predict_interval" or name != "analytic"):
            np.testing.assert_array_equal(getattr(loaded, method)(X), getattr(model, method)(X), strict=True)


def test_a_loaded_network_goes_on_learning(models):
    loaded = skops.loads(skops.dumps(models["partial"]), trusted=trusted_types())
    again = MODELS["partial"]().partial_fit(X[:20], y[:20])
    np.testing.assert_array_equal(loaded.partial_fit(X[:20], y[:20]).output_coef_, again.output_coef_)


def test_the_list_holds_what_is_asked_for_and_nothing_else(models, pipelines):
    every = [*models.values(), *pipelines.values()]
    asked = {name for model in every for name in skops.get_untrusted_types(data=skops.dumps(model))}
    # skops knows it where the experiment was enabled before skops was imported, and asks elsewhere.
    asked.add("sklearn.impute._iterative.IterativeImputer")
    assert asked == set(trusted_types())


def test_every_public_estimator_is_among_the_models(models):
    public = {getattr(sknnk, name) for name in sknnk.__all__}
    assert {kind for kind in public if isinstance(kind, type) and hasattr(kind, "fit")} <= set(
        map(type, models.values())
    )


def softsign(z):
    return z / (1.0 + np.abs(z))


def test_a_function_of_the_user_is_not_trusted():
    data = skops.dumps(URFSampler(softsign, random_state=0).fit(X))
    with pytest.raises(TypeError, match="softsign"):
        skops.loads(data, trusted=trusted_types())


def test_every_call_gives_a_list_of_its_own():
    trusted_types().clear()
    assert trusted_types()
