"""What skl2onnx asks for: which outputs an estimator has, of which types and shapes, and its nodes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx._parse import _parse_sklearn_classifier, _parse_sklearn_simple_model
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from skl2onnx.common.utils_classifier import get_label_classes
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from .._bundling import PartlyBundledClassifier, PartlyBundledRegressor
from .._cross_validation import BundledNetworkClassifierCV, BundledNetworkRegressorCV
from .._features import ArcCosineSampler, URFSampler, n_columns_of
from .._networks import BundledNetworkClassifier, BundledNetworkRegressor
from ._features import sampler_columns
from ._graphs import Columns, Graph
from ._networks import class_probabilities, class_scores, n_network_columns, network_columns, network_scores

_SAMPLERS = (URFSampler, ArcCosineSampler)
_REGRESSORS = (BundledNetworkRegressor, BundledNetworkRegressorCV)
_CLASSIFIERS = (BundledNetworkClassifier, BundledNetworkClassifierCV)
# From this version on, axes are inputs of operators, and a softmax is taken along one of them.
_LEAST_OPSET = 13
_NUMBERS = (FloatTensorType, DoubleTensorType, Int64TensorType, BooleanTensorType)
_OPTIONS_OF_CLASSIFIERS: dict[str, list[Any]] = {
    "zipmap": [True, False, "columns"],
    "nocl": [False, True],
    "output_class_labels": [False, True],
    "raw_scores": [False, True],
}
_OPTIONS_OF_NETWORKS: dict[str, list[Any]] = {"transform": [False, True]}


def register_converters() -> None:
    """Tell skl2onnx how to convert every estimator of this package."""
    for kind in (*_SAMPLERS, *_REGRESSORS, PartlyBundledRegressor):
        _register(kind, _OPTIONS_OF_NETWORKS if kind in _REGRESSORS else {}, _parse_numbers)
    for kind in (*_CLASSIFIERS, PartlyBundledClassifier):
        own = _OPTIONS_OF_NETWORKS if kind in _CLASSIFIERS else {}
        _register(kind, _OPTIONS_OF_CLASSIFIERS | own, _parse_classes)


def _register(kind: type, options: dict[str, Any], parser: Callable[..., Any]) -> None:
    alias = f"Sknnk{kind.__name__}"
    update_registered_converter(kind, alias, _infer_outputs, _convert, parser=parser, options=options)


def _parse_numbers(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """One output: numbers."""
    _check(model, inputs)
    return _parse_sklearn_simple_model(scope, model, inputs, custom_parsers)


def _parse_classes(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Labels and probabilities, or with the option of that name what `transform` returns."""
    _check(model, inputs)
    if _gives_columns(scope, model):
        operator = scope.declare_local_operator(f"Sknnk{type(model).__name__}", model)
        operator.inputs = inputs
        operator.outputs.append(scope.declare_local_variable("variable", FloatTensorType()))
        return operator.outputs
    zipped = scope.get_options(model, {"zipmap": True})["zipmap"] is True
    if zipped and any(isinstance(each.type, DoubleTensorType) for each in inputs):
        raise ValueError(
            f"zipmap=True for {type(model).__name__} with DoubleTensorType: the operator ZipMap takes float32 alone; "
            "pass options={'zipmap': False} or 'columns', or declare FloatTensorType."
        )
    return _parse_sklearn_classifier(scope, model, inputs, custom_parsers)


def _gives_columns(scope: Any, model: Any) -> bool:
    has_option = isinstance(model, (*_REGRESSORS, *_CLASSIFIERS))
    return has_option and bool(scope.get_options(model, {"transform": False})["transform"])


def _check(model: Any, inputs: Any) -> None:
    """Refuse what has no conversion, before skl2onnx meets it."""
    check_is_fitted(model)
    name = type(model).__name__
    for each in inputs:
        if not isinstance(each.type, _NUMBERS):
            raise TypeError(
                f"{name} has the input {each.raw_name!r} of type {each.type}, which holds no dense numbers; declare "
                "FloatTensorType or DoubleTensorType, and encode text in front of it, e.g. by OneHotEncoder."
            )
    widths: list[Any] = [each.type.shape[1] if len(each.type.shape) > 1 else None for each in inputs]
    known = all(isinstance(width, int) for width in widths)
    if known and sum(widths) != model.n_features_in_:
        raise ValueError(
            f"initial_types declares {sum(widths)} columns for {name}, and it was fitted to {model.n_features_in_}; "
            f"declare FloatTensorType([None, {model.n_features_in_}])."
        )
    if is_classifier(model):
        _check_classes(model)


def _check_classes(model: Any) -> None:
    kind = model.classes_.dtype.kind
    whole = kind in "biu" or (kind == "f" and np.all(model.classes_ == np.trunc(model.classes_)))
    if not whole and not all(isinstance(each, str) for each in model.classes_):
        raise TypeError(
            f"classes_={model.classes_.tolist()} of {type(model).__name__} cannot be labels of an ONNX model, which "
            "are whole numbers or text; fit to labels of one of these kinds, e.g. by LabelEncoder."
        )


def _is_single(operator: Any) -> bool:
    return not any(isinstance(each.type, DoubleTensorType) for each in operator.inputs)


def _infer_outputs(operator: Any) -> None:
    """Types and shapes of the outputs: float64 where an input is, else float32."""
    model, n_samples = operator.raw_operator, operator.inputs[0].get_first_dimension()
    numbers = FloatTensorType if _is_single(operator) else DoubleTensorType
    if len(operator.outputs) == 2:
        labels = get_label_classes(operator.scope_inst, model)
        text = all(isinstance(each, str) for each in labels)
        operator.outputs[0].set_type((StringTensorType if text else Int64TensorType)([n_samples]))
        operator.outputs[1].set_type(numbers([n_samples, len(model.classes_)]))
        return
    if isinstance(model, _SAMPLERS) or _gives_columns(operator.scope_inst, model):
        width = n_columns_of(model) if isinstance(model, _SAMPLERS) else n_network_columns(model)
    else:
        width = len(np.atleast_2d(model.coef_))
    operator.outputs[0].set_type(numbers([n_samples, width]))


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Nodes of an estimator. They compute in float64: float32 would lose digits of phases and small distances."""
    if container.target_opset < _LEAST_OPSET:
        raise ValueError(
            f"target_opset={container.target_opset} is too old for {type(operator.raw_operator).__name__}; "
            f"use target_opset={_LEAST_OPSET} or more."
        )
    model, graph = operator.raw_operator, Graph(scope.get_unique_operator_name("sknnk"))
    kind = TensorProto.FLOAT if _is_single(operator) else TensorProto.DOUBLE
    inputs = [graph("Cast", each.full_name, to=TensorProto.DOUBLE) for each in operator.inputs]
    value = graph("Concat", *inputs, axis=1) if len(inputs) > 1 else inputs[0]
    if len(operator.outputs) == 2:
        outputs = _class_values(graph, scope, container, model, value, _is_single(operator))
        kinds = [None, kind]
    else:
        outputs = [_number_value(graph, scope, model, value, _is_single(operator))]
        kinds = [kind]
    graph.add_to(container)
    for output, each, to in zip(operator.outputs, outputs, kinds, strict=True):
        cast = ("Identity", {}) if to is None else ("Cast", {"to": to})
        name = scope.get_unique_operator_name("output")
        container.add_node(cast[0], [each], [output.full_name], name=name, **cast[1])


def _number_value(graph: Graph, scope: Any, model: Any, inputs: str, single: bool) -> str:
    """What the estimator's `transform` or `predict` returns."""
    if isinstance(model, _SAMPLERS):
        return sampler_columns(graph, model, Columns.of(inputs, model.n_features_in_), single).joined(graph)
    if _gives_columns(scope, model):
        return network_columns(graph, model, inputs, single)
    return network_scores(graph, model, inputs, single)


def _class_values(graph: Graph, scope: Any, container: Any, model: Any, inputs: str, single: bool) -> list[str]:
    """Labels, and probabilities or scores."""
    scores = network_scores(graph, model, inputs, single)
    probabilities = class_probabilities(graph, model, scores)
    likeliest = graph("ArgMax", probabilities, axis=1, keepdims=0)
    classes = get_label_classes(scope, model)
    labels = classes if classes.dtype.kind in "OU" else classes.astype(np.int64)
    raw = container.get_options(model, {"raw_scores": False})["raw_scores"]
    return [graph("Gather", labels, likeliest), class_scores(graph, model, scores) if raw else probabilities]
