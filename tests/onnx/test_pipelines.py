"""Networks inside of pipelines, unions and column transformers are converted as transformers."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

import onnxruntime
from skl2onnx import to_onnx

import sknnk.onnx  # noqa: F401
from sknnk import (
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
y = 100.0 * X[:, 0] + X[:, 1] ** 2
labels = np.digitize(y, [-50.0, 50.0])
FIXED = {"activation": "gaussian", "length_scale": 1.5, "alpha": 0.01, "random_state": 0, "n_jobs": 1}
NETWORKS = {
    # One column alone: what it predicts has the shape of what it gives.
    "narrow": BundledNetworkRegressor(1, **FIXED, feature_map="random", direct_link=False),
    "regressor": BundledNetworkRegressor(8, **FIXED),
    "landmarks": BundledNetworkRegressor(8, **FIXED, feature_map="kernel"),
    "classifier": BundledNetworkClassifier(8, **FIXED),
    "CV": BundledNetworkRegressorCV((4, 8), alphas=(0.1,), cv=2, random_state=0),
    "classifier CV": BundledNetworkClassifierCV((4, 8), alphas=(0.1,), cv=2, random_state=0),
}
SHAPES = {
    "a step follows": lambda net: make_pipeline(StandardScaler(), net, Ridge()),
    "two steps follow": lambda net: make_pipeline(net, StandardScaler(), Ridge()),
    "in a pipeline in a pipeline": lambda net: make_pipeline(make_pipeline(StandardScaler(), net), Ridge()),
    "in a union": lambda net: make_pipeline(FeatureUnion([("n", net), ("s", StandardScaler())]), Ridge()),
    "in a column transformer": lambda net: make_pipeline(ColumnTransformer([("n", net, [0, 2])]), Ridge()),
    "a classifier follows": lambda net: make_pipeline(net, StandardScaler(), LogisticRegression()),
}


def run(model, **options):
    proto = to_onnx(model, X[:1], **options)
    return onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"]).run(
        None, {"X": X}
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_its_columns_go_on(name, shape):
    classes = "classifier" in name or "classifier" in shape
    model = SHAPES[shape](NETWORKS[name]).fit(X, labels if classes else y)
    options = {"options": {id(model[-1]): {"zipmap": False}}} if "classifier" in shape else {}
    found = run(model, **options)[0].ravel()
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_without_a_step_behind_them_give_their_columns(name):
    for model in (FeatureUnion([("n", NETWORKS[name])]), ColumnTransformer([("n", NETWORKS[name], [0, 1])])):
        expected = model.fit_transform(X, labels if "classifier" in name else y)
        np.testing.assert_allclose(run(model)[0], expected, atol=1e-9)


def test_the_last_step_predicts_and_an_option_that_is_given_stays():
    model = make_pipeline(StandardScaler(), NETWORKS["regressor"]).fit(X, y)
    np.testing.assert_allclose(run(model)[0][:, 0], model.predict(X), rtol=1e-9)
    columns = run(model, options={id(model[-1]): {"transform": True}})[0]
    np.testing.assert_allclose(columns, model.transform(X), atol=1e-9)
    union = FeatureUnion([("n", NETWORKS["regressor"])]).fit(X, y)
    network = union.transformer_list[0][1]
    predicted = run(union, options={id(network): {"transform": False}})[0]
    np.testing.assert_allclose(predicted[:, 0], network.predict(X), rtol=1e-9)


def test_a_search_in_the_middle_is_refused_and_told_the_remedy():
    search = GridSearchCV(NETWORKS["regressor"], {"alpha": [0.1, 1.0]}, cv=2)
    model = make_pipeline(search, Ridge()).fit(X, y)
    with pytest.raises(ValueError, match=r"GridSearchCV of BundledNetworkRegressor.*best_estimator_"):
        run(model)
    model.steps[0] = ("network", model[0].best_estimator_)
    np.testing.assert_allclose(run(model)[0][:, 0], model.predict(X), rtol=1e-7)
