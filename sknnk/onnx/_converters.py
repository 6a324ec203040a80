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
    Float16TensorType,
    FloatTensorType,
    Int8TensorType,
    Int16TensorType,
    Int32TensorType,
    Int64TensorType,
    StringTensorType,
    UInt8TensorType,
    UInt16TensorType,
    UInt32TensorType,
)
from skl2onnx.common.utils_classifier import get_label_classes
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from .._bundling import PartlyBundledClassifier, PartlyBundledRegressor
from .._cross_validation import BundledNetworkClassifierCV, BundledNetworkRegressorCV
from .._features import ArcCosineSampler, URFSampler, n_columns_of
from .._networks import BundledNetworkClassifier, BundledNetworkRegressor, table_encoder
from ._features import sampler_columns
from ._graphs import Columns, Graph
from ._networks import (
    class_probabilities,
    class_scores,
    n_network_columns,
    network_columns,
    network_means,
    network_scores,
)
from ._pipelines import register_pipelines

_SAMPLERS = (URFSampler, ArcCosineSampler)
_REGRESSORS = (BundledNetworkRegressor, BundledNetworkRegressorCV)
_CLASSIFIERS = (BundledNetworkClassifier, BundledNetworkClassifierCV)
# From this version on, axes are inputs of operators, and a softmax is taken along one of them.
_LEAST_OPSET = 13
_NUMBERS = (
    *(FloatTensorType, DoubleTensorType, Float16TensorType, BooleanTensorType),
    *(Int64TensorType, Int32TensorType, Int16TensorType, Int8TensorType),
    *(UInt32TensorType, UInt16TensorType, UInt8TensorType),
)
# Types that skl2onnx does not know for the inputs of estimators, and those that hold the same numbers.
_WIDER = {
    Float16TensorType: FloatTensorType,
    Int16TensorType: Int64TensorType,
    UInt16TensorType: Int64TensorType,
    UInt32TensorType: Int64TensorType,
}
_OPTIONS_OF_CLASSIFIERS: dict[str, list[Any]] = {
    "zipmap": [True, False, "columns"],
    "nocl": [False, True],
    "output_class_labels": [False, True],
    "raw_scores": [False, True],
}
_OPTIONS_OF_NETWORKS: dict[str, list[Any]] = {"transform": [False, True]}


def register_converters() -> None:
    """Tell skl2onnx how to convert every estimator of this package."""
    kind: type
    for kind in (*_SAMPLERS, *_REGRESSORS, PartlyBundledRegressor):
        _register(kind, _OPTIONS_OF_NETWORKS if kind in _REGRESSORS else {}, _parse_numbers)
    for kind in (*_CLASSIFIERS, PartlyBundledClassifier):
        own = _OPTIONS_OF_NETWORKS if kind in _CLASSIFIERS else {}
        _register(kind, _OPTIONS_OF_CLASSIFIERS | own, _parse_classes)
    register_pipelines((*_REGRESSORS, *_CLASSIFIERS))


def _register(kind: type, options: dict[str, Any], parser: Callable[..., Any]) -> None:
    alias = f"Sknnk{kind.__name__}"
    update_registered_converter(kind, alias, _infer_outputs, _convert, parser=parser, options=options)


def _parse_numbers(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """One output: numbers."""
    _check(model, inputs)
    inputs = _widened(scope, inputs)
    return _parse_sklearn_simple_model(scope, model, inputs, custom_parsers)


def _parse_classes(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Labels and probabilities, or with the option of that name what `transform` returns."""
    _check(model, inputs)
    inputs = _widened(scope, inputs)
    if _gives_columns(scope, model):
        operator = scope.declare_local_operator(f"Sknnk{type(model).__name__}", model)
        operator.inputs = inputs
        operator.outputs.append(scope.declare_local_variable("variable", _numbers_of(inputs)()))
        return operator.outputs
    zipped = scope.get_options(model, {"zipmap": True})["zipmap"] is True
    if zipped and any(isinstance(each.type, DoubleTensorType) for each in inputs):
        raise ValueError(
            f"zipmap=True for {type(model).__name__} with DoubleTensorType: the operator ZipMap takes float32 alone; "
            "pass options={'zipmap': False} or 'columns', or declare FloatTensorType."
        )
    return _parse_sklearn_classifier(scope, model, inputs, custom_parsers)


def _widened(scope: Any, inputs: Any) -> Any:
    """Inputs of types that skl2onnx passes on."""
    return [_cast(scope, each) if type(each.type) in _WIDER else each for each in inputs]


def _cast(scope: Any, value: Any) -> Any:
    operator = scope.declare_local_operator("SklearnCast")
    operator.inputs = [value]
    operator.outputs.append(scope.declare_local_variable("wider", _WIDER[type(value.type)](value.type.shape)))
    return operator.outputs[0]


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
                f"{name} has the input {each.raw_name!r} of type {each.type}, and takes dense floats, bools, and "
                "integers other than uint64; declare FloatTensorType or DoubleTensorType and pass such rows, and "
                "encode text in front of it, e.g. by OneHotEncoder."
            )
    _check_numbers(model)
    if is_classifier(model):
        _check_classes(model)


def _check_numbers(model: Any) -> None:
    """Refuse a network that was fitted to text or categories, which are no numbers of a table."""
    table = table_encoder(model)
    reader = None if table is None else table.reader
    if reader is None or not len(positions := reader.positions("category", "order")):
        return
    raise TypeError(
        f"{type(model).__name__} was fitted to categories in the columns {[reader.names[j] for j in positions]}, which "
        "categorical_features encodes, and this has no conversion to ONNX; fit a pipeline of a ColumnTransformer with "
        "OneHotEncoder or TargetEncoder and the network instead."
    )


def _check_width(model: Any, inputs: Any) -> None:
    """Refuse another number of columns, once types are inferred: before, those of parts of a table are not known."""
    widths: list[Any] = [each.type.shape[1] if len(each.type.shape) > 1 else None for each in inputs]
    known = all(isinstance(width, int) for width in widths)
    name, expected = type(model).__name__, model.n_features_in_
    if known and sum(widths) != expected:
        raise ValueError(
            f"initial_types declares {sum(widths)} columns for {name}, and it was fitted to {expected}; "
            f"declare FloatTensorType([None, {expected}])."
        )


def _check_classes(model: Any) -> None:
    kind = model.classes_.dtype.kind
    whole = kind in "biu" or (kind == "f" and np.all(model.classes_ == np.trunc(model.classes_)))
    if not whole and not all(isinstance(each, str) for each in model.classes_):
        raise TypeError(
            f"classes_={model.classes_.tolist()} of {type(model).__name__} cannot be labels of an ONNX model, which "
            "are whole numbers or text; fit to labels of one of these kinds, e.g. by LabelEncoder."
        )


def _numbers_of(inputs: Any) -> Any:
    """Type of the outputs: float64 where an input is, else float32."""
    return DoubleTensorType if any(isinstance(each.type, DoubleTensorType) for each in inputs) else FloatTensorType


def _is_single(operator: Any) -> bool:
    return _numbers_of(operator.inputs) is FloatTensorType


def _infer_outputs(operator: Any) -> None:
    """Types and shapes of the outputs."""
    model, n_samples = operator.raw_operator, operator.inputs[0].get_first_dimension()
    _check_width(model, operator.inputs)
    numbers = _numbers_of(operator.inputs)
    if len(operator.outputs) == 2:
        labels = get_label_classes(operator.scope_inst, model)
        text = all(isinstance(each, str) for each in labels)
        operator.outputs[0].set_type((StringTensorType if text else Int64TensorType)([n_samples]))
        operator.outputs[1].set_type(numbers([n_samples, len(model.classes_)]))
        return
    if isinstance(model, _SAMPLERS) or _gives_columns(operator.scope_inst, model):
        width = n_columns_of(model) if isinstance(model, _SAMPLERS) else n_network_columns(model)
    else:
        width = len(np.atleast_2d(model.output_coef_))
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
    scores = network_scores(graph, model, inputs, single)
    return network_means(graph, model, scores) if isinstance(model, _REGRESSORS) else scores


def _class_values(graph: Graph, scope: Any, container: Any, model: Any, inputs: str, single: bool) -> list[str]:
    """Labels, and probabilities or scores."""
    scores = network_scores(graph, model, inputs, single)
    probabilities = class_probabilities(graph, model, scores)
    likeliest = graph("ArgMax", probabilities, axis=1, keepdims=0)
    classes = get_label_classes(scope, model)
    labels = classes if classes.dtype.kind in "OU" else classes.astype(np.int64)
    raw = container.get_options(model, {"raw_scores": False})["raw_scores"]
    return [graph("Gather", labels, likeliest), class_scores(graph, model, scores) if raw else probabilities]
