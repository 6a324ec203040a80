"""Estimators, pipelines and options as skl2onnx converts them, in ONNX Runtime."""

import copy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

import onnxruntime
from onnx.reference import ReferenceEvaluator
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
    UInt64TensorType,
)

import sknnk.onnx
from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
    bundle,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32).astype(np.float64)  # what float32 can say, so that both get the same
y = np.sin(X[:, 0]) + X[:, 1]
NAMES = np.array(["high", "low", "middle"])
labels, sides = NAMES[np.argsort(np.argsort(y)) // 20], (y > 0.0).astype(int)
FIXED = {"activation": "gaussian", "length_scale": 1.5, "alpha": 0.01, "feature_map": "random", "random_state": 0}
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-9}


def session_of(model, types=None, **options):
    proto = to_onnx(model, X[:1].astype(np.float32) if types is None else None, initial_types=types, **options)
    return onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def outputs_of(model, dtype=np.float32, **options):
    """Outputs of a converted model for the rows, in a dtype."""
    kind = FloatTensorType if dtype == np.float32 else DoubleTensorType
    return session_of(model, [("X", kind([None, X.shape[1]]))], **options).run(None, {"X": X.astype(dtype)})


def trained(kind, targets, activation="relu"):
    """A small network; a few steps make its weights no longer those of the start."""
    network = kind(hidden_layer_sizes=(6, 5, 4), activation=activation, random_state=0, max_iter=1)
    for _ in range(20):
        network.partial_fit(X, targets, **({"classes": np.unique(targets)} if kind is MLPClassifier else {}))
    return network


@pytest.fixture(scope="module")
def models(small_search):
    """Every public estimator, and what `bundle` makes."""
    both = np.stack([y, y**2], axis=1)
    classifier, regressor = trained(MLPClassifier, labels), trained(MLPRegressor, both, "tanh")
    shared = {"n_components": 16, "X": X, "random_state": 0}
    with pytest.warns(UserWarning, match="squared error of the analytic bundle"):  # of three layers
        analytic = bundle(regressor, n_components=(64, 32, 16), method="analytic", X=X, random_state=0)
    part = bundle(regressor, n_layers=1, **shared)
    return {
        "URFSampler": URFSampler("gelu", random_state=0).fit(X),
        "unbiased": URFSampler("tanh", mode="unbiased", weight_norm=0.2, random_state=0).fit(X),
        "positive": URFSampler("tanh", mode="positive", weight_norm=0.2, random_state=0).fit(X),
        "ArcCosineSampler": ArcCosineSampler(random_state=0).fit(X),
        "regressor": BundledNetworkRegressor(32, **FIXED).fit(X, y),
        "automatic regressor": BundledNetworkRegressor(random_state=0).fit(X, y),
        "two targets": BundledNetworkRegressor((16, 20), **FIXED).fit(X, both),
        "fitted to float32": BundledNetworkRegressor(32, **FIXED).fit(X.astype(np.float32), y),
        "regressor CV": BundledNetworkRegressorCV((8, 16), alphas=(0.1, 1.0), cv=3, random_state=0).fit(X, y),
        "classifier": BundledNetworkClassifier(32, **FIXED).fit(X, labels),
        "two classes": BundledNetworkClassifier(32, **FIXED).fit(X, sides),
        "landmarks": BundledNetworkClassifier(32, **FIXED | {"feature_map": "kernel"}).fit(X, sides),
        "classifier CV": BundledNetworkClassifierCV((8, 16), alphas=(0.1, 1.0), cv=3, random_state=0).fit(X, labels),
        "bundle": bundle(regressor, **shared),
        "classifier bundle": bundle(classifier, **shared),
        "bundle of one logit": bundle(trained(MLPClassifier, sides), **shared),
        "part": part,
        "classifier part": bundle(classifier, n_layers=1, **shared),
        "part of one logit": bundle(trained(MLPClassifier, sides), n_layers=1, **shared),
        "part fitted again": copy.deepcopy(part).fit(X, y),
        "analytic": analytic,
    }


MODELS = [
    *["URFSampler", "unbiased", "positive", "ArcCosineSampler", "regressor", "automatic regressor", "two targets"],
    *["fitted to float32", "regressor CV", "classifier", "two classes", "landmarks", "classifier CV", "bundle"],
    *["classifier bundle", "bundle of one logit", "part", "classifier part", "part of one logit"],
    *["part fitted again", "analytic"],
]


def test_every_public_estimator_is_among_the_models(models):
    public = {getattr(sknnk, name) for name in sknnk.__all__}
    estimators = {kind for kind in public if isinstance(kind, type) and hasattr(kind, "fit")}
    assert estimators <= {type(model) for model in models.values()}
    assert list(models) == MODELS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_equal_those_of_the_estimator(models, name, dtype):
    model, close = models[name], {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    if hasattr(model, "predict_proba"):
        found, probabilities = outputs_of(model, dtype, options={"zipmap": False})
        np.testing.assert_array_equal(found, model.predict(X))
        np.testing.assert_allclose(probabilities, model.predict_proba(X), **close)
        assert probabilities.dtype == dtype
        return
    expected = model.predict(X) if hasattr(model, "predict") else model.transform(X)
    (result,) = outputs_of(model, dtype)
    np.testing.assert_allclose(result, expected.reshape(len(X), -1), **close)
    assert result.dtype == dtype


@pytest.mark.parametrize("name", ["regressor", "two targets", "classifier", "landmarks", "bundle"])
def test_the_option_transform_converts_that_method(models, name):
    model = models[name]
    (columns,) = outputs_of(model, options={id(model): {"transform": True}})
    np.testing.assert_allclose(columns, model.transform(X), atol=1e-6)


def test_large_phases_lose_no_digits_in_float32():
    model = URFSampler("cauchy", frequencies="coordinatewise", length_scale=0.01, random_state=0).fit(X)
    exact = model.transform(X)
    assert np.abs(model.transform(X.astype(np.float32)) - exact).max() > 1e-4  # computed in float32 they do
    assert np.abs(outputs_of(model)[0] - exact).max() < 1e-7


def test_zipmap_gives_dictionaries_or_columns(models):
    model = models["classifier"]
    expected = model.predict_proba(X)
    _, dictionaries = outputs_of(model)
    np.testing.assert_allclose([[row[name] for name in NAMES] for row in dictionaries], expected, atol=1e-5)
    _, *columns = outputs_of(model, options={"zipmap": "columns"})
    np.testing.assert_allclose(np.hstack(np.reshape(columns, (3, -1, 1))), expected, atol=1e-5)


def test_options_of_classifiers(models):
    model, two = models["classifier"], models["two classes"]
    found, _ = outputs_of(model, options={id(model): {"zipmap": False, "nocl": True}})
    np.testing.assert_array_equal(NAMES[found], model.predict(X))
    *_, names = outputs_of(model, options={id(model): {"zipmap": False, "output_class_labels": True}})
    np.testing.assert_array_equal(names, NAMES)
    _, scores = outputs_of(model, options={id(model): {"zipmap": False, "raw_scores": True}})
    np.testing.assert_allclose(scores, model.decision_function(X), atol=1e-5)
    _, scores = outputs_of(two, options={id(two): {"zipmap": False, "raw_scores": True}})
    np.testing.assert_allclose(scores[:, 1], two.decision_function(X), atol=1e-5)


@pytest.mark.parametrize("classes", [[False, True], [1.0, 3.0], np.array(["a", "b"], dtype=object)])
def test_labels_of_every_kind(classes):
    model = BundledNetworkClassifier(16, **FIXED).fit(X, np.asarray(classes)[sides])
    found, probabilities = outputs_of(model, options={"zipmap": False})
    np.testing.assert_array_equal(found, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


def frame():
    cities = np.array(["Bonn", "Oslo", "Rome"])[RNG.integers(0, 3, len(X))]
    return pd.DataFrame({"age": X[:, 0] * 10.0 + 40.0, "income": np.exp(X[:, 1]), "city": cities})


@pytest.mark.parametrize("classifier", [False, True])
def test_a_pipeline_with_a_column_transformer(classifier):
    table = frame()
    numbers = ["age", "income"]
    table[numbers] = table[numbers].astype(np.float32)
    columns = ColumnTransformer([("numbers", StandardScaler(), numbers), ("city", OneHotEncoder(), ["city"])])
    network = BundledNetworkClassifier(32, **FIXED) if classifier else BundledNetworkRegressor(32, **FIXED)
    model = make_pipeline(columns, network).fit(table, labels if classifier else y)
    types = [("age", FloatTensorType([None, 1])), ("income", FloatTensorType([None, 1]))]
    types.append(("city", StringTensorType([None, 1])))
    options = {"zipmap": False} if classifier else None
    session = session_of(model, types, options=options)
    feeds = {name: table[[name]].to_numpy() for name in table}
    feeds["city"] = feeds["city"].astype(object)
    *found, numbers = session.run(None, feeds)
    exact = table.astype({"age": np.float64, "income": np.float64})
    expected = model.predict_proba(exact) if classifier else model.predict(exact)[:, None]
    np.testing.assert_allclose(numbers, expected, atol=1e-5)
    if classifier:
        np.testing.assert_array_equal(found[0], model.predict(exact))


def test_inside_of_other_estimators():
    model = make_pipeline(StandardScaler(), URFSampler("relu", random_state=0), Ridge()).fit(X, y)
    np.testing.assert_allclose(outputs_of(model, np.float64)[0][:, 0], model.predict(X), atol=1e-9)
    search = GridSearchCV(BundledNetworkRegressor(8, **FIXED), {"alpha": [0.1, 1.0]}, cv=2).fit(X, y)
    np.testing.assert_allclose(outputs_of(search, np.float64)[0][:, 0], search.predict(X), atol=1e-9)
    network = BundledNetworkClassifier(8, **FIXED)
    ensemble = VotingClassifier([("network", network)], voting="soft", flatten_transform=False).fit(X, labels)
    _, probabilities = outputs_of(ensemble, options={"zipmap": False})
    np.testing.assert_allclose(probabilities, ensemble.predict_proba(X), atol=1e-5)
    model = make_pipeline(BundledNetworkRegressor(16, **FIXED), Ridge()).fit(X, y)
    options = {id(model[0]): {"transform": True}}
    np.testing.assert_allclose(outputs_of(model, np.float64, options=options)[0][:, 0], model.predict(X), atol=1e-9)


@pytest.mark.parametrize("classifier", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"])
def test_rows_of_every_numeric_type(dtype, classifier):
    rows = np.round(np.abs(X) * 40.0).astype(dtype)
    network = BundledNetworkClassifier(16, **FIXED) if classifier else BundledNetworkRegressor(16, **FIXED)
    model = network.fit(rows.astype(np.float64), labels if classifier else y)
    proto = to_onnx(model, rows[:1], options={"zipmap": False} if classifier else None)
    *_, found = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"X": rows})
    expected = model.predict_proba(rows) if classifier else model.predict(rows)[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("transform", [None, "quantile", "robust"])
@pytest.mark.parametrize("feature_map", ["random", "kernel"])
def test_models_run_in_the_reference_runtime(transform, feature_map):
    model = BundledNetworkClassifier(**{**FIXED, "feature_map": feature_map}, input_transform=transform).fit(X, labels)
    proto = to_onnx(model, X[:1].astype(np.float32), options={"zipmap": False})
    found, probabilities = ReferenceEvaluator(proto).run(None, {"X": X.astype(np.float32)})
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(found, model.predict(X))
    assert {each.domain for each in proto.graph.node} <= {"", "ai.onnx.ml"}


def test_columns_that_come_one_by_one_and_as_whole_numbers():
    table = np.column_stack([X[:, 0], np.round(3.0 * X[:, 1]), X[:, 2] > 0.0])
    model = BundledNetworkRegressor(16, **FIXED).fit(table, y)
    kinds = [DoubleTensorType, Int64TensorType, BooleanTensorType]
    session = session_of(model, [(f"x{i}", kind([None, 1])) for i, kind in enumerate(kinds)])
    dtypes = [np.float64, np.int64, np.bool_]
    (result,) = session.run(None, {f"x{i}": table[:, [i]].astype(dtype) for i, dtype in enumerate(dtypes)})
    np.testing.assert_allclose(result[:, 0], model.predict(table), atol=1e-9)


@pytest.mark.parametrize("target_opset", [13, 15, 18, 21])
def test_every_version_of_the_operators(models, target_opset):
    for name in ("automatic regressor", "classifier", "unbiased"):
        options = {"zipmap": False} if name == "classifier" else None
        *_, result = outputs_of(models[name], target_opset=target_opset, options=options)
        *_, newest = outputs_of(models[name], options=options)
        np.testing.assert_allclose(result, newest, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_gaps", [0, 20])
def test_gaps_are_filled_inside_of_the_graph(dtype, n_gaps):
    rows = X.astype(dtype)
    rows[:n_gaps, 1] = np.nan
    network = BundledNetworkRegressor(16, **FIXED).fit(rows, y)
    rows[-2:, 0] = np.nan
    kind = FloatTensorType if dtype == np.float32 else DoubleTensorType
    for columns in (False, True):
        options = {id(network): {"transform": columns}}
        [result] = session_of(network, [("X", kind([None, 3]))], options=options).run(None, {"X": rows})
        expected = network.transform(rows) if columns else network.predict(rows)
        np.testing.assert_allclose(result.ravel(), expected.ravel(), atol=10 * TOLERANCE[dtype])


def test_a_network_of_text_columns_is_refused_with_what_to_do():
    table = pd.DataFrame({"size": X[:, 0], "colour": np.where(X[:, 1] > 0.0, "red", "blue")})
    network = BundledNetworkRegressor(16, **FIXED).fit(table, y)
    with pytest.raises(TypeError, match=r"categories in the columns \['colour'\], which categorical_features encodes"):
        session_of(network, [("size", FloatTensorType([None, 1])), ("colour", FloatTensorType([None, 1]))])


def test_refuses_what_has_no_conversion(models):
    model, network = models["classifier"], models["regressor"]
    with pytest.raises(ValueError, match="zipmap=True for BundledNetworkClassifier with DoubleTensorType"):
        outputs_of(model, np.float64)
    with pytest.raises(ValueError, match="declares 5 columns for BundledNetworkRegressor, and it was fitted to 3"):
        session_of(network, [("X", FloatTensorType([None, 5]))])
    with pytest.raises(TypeError, match=r"'X' of type StringTensorType.*OneHotEncoder"):
        session_of(network, [("X", StringTensorType([None, 3]))])
    with pytest.raises(TypeError, match=r"UInt64TensorType.*other than uint64"):
        session_of(network, [("X", UInt64TensorType([None, 3]))])
    with pytest.raises(ValueError, match=r"target_opset=12 is too old .* target_opset=13 or more"):
        outputs_of(network, target_opset=12)
    with pytest.raises(NotFittedError):
        outputs_of(BundledNetworkRegressor())
    with pytest.raises(NameError, match="squared"):
        outputs_of(network, options={id(network): {"squared": True}})
    halves = BundledNetworkClassifier(16, **FIXED).fit(X, np.array(["a", 0.5], dtype=object)[sides].astype(str))
    halves.classes_ = np.array([0.5, 1.5])
    with pytest.raises(TypeError, match=r"classes_=\[0.5, 1.5\].*whole numbers or text"):
        outputs_of(halves)


def test_the_import_says_what_to_install():
    code = (
        "import importlib.abc, sys\n"
        "class Missing(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.partition('.')[0] == 'skl2onnx':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}')\n"
        "sys.meta_path.insert(0, Missing())\n"
        "import sknnk\n"
        "try:\n    import sknnk.onnx\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "sknnk[onnx]"' in done.stdout


def test_a_line_beside_the_kernels_is_converted():
    t = np.arange(90.0)
    X, y = np.column_stack([t, t % 7]), 0.1 * t + np.sin(t % 7)
    model = BundledNetworkRegressor(activation="gaussian", frequencies="isotropic", random_state=0).fit(X, y)
    new = np.array([[45.0, 3.0], [500.0, 1.0]])
    assert model.trend_coef_[0] > 0.0
    (found,) = session_of(model, [("X", DoubleTensorType([None, 2]))]).run(None, {"X": new})
    np.testing.assert_allclose(found.ravel(), model.predict(new), rtol=1e-6)
