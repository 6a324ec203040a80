"""Networks inside of pipelines: where a step follows, or columns are put side by side, `transform` is meant."""

from collections.abc import Callable
from typing import Any

from skl2onnx import update_registered_parser
from skl2onnx._parse import sklearn_parsers_map
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline


def register_pipelines(networks: tuple[type, ...]) -> None:
    """Tell skl2onnx, which asks every estimator for its predictions, that networks may be transformers.

    Parameters
    ----------
    networks : tuple of type
        Those with the option ``transform``.
    """
    for kind in (Pipeline, FeatureUnion, ColumnTransformer):
        update_registered_parser(kind, _marking(sklearn_parsers_map[kind], networks))


def _marking(parser: Callable[..., Any], networks: tuple[type, ...]) -> Callable[..., Any]:
    def parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        _mark(scope, model, networks, transforms=False)
        return parser(scope, model, inputs, custom_parsers=custom_parsers)

    return parse


def _mark(scope: Any, model: Any, networks: tuple[type, ...], transforms: bool) -> None:
    """Set the option ``transform`` of networks whose columns go on, unless the user has set it."""
    if isinstance(model, Pipeline):
        for step in model.steps[:-1]:
            _mark(scope, step[1], networks, transforms=True)
        _mark(scope, model.steps[-1][1], networks, transforms)
    elif isinstance(model, FeatureUnion | ColumnTransformer):
        for part in model.transformer_list if isinstance(model, FeatureUnion) else model.transformers_:
            _mark(scope, part[1], networks, transforms=True)
    elif transforms and isinstance(model, GridSearchCV | RandomizedSearchCV):
        _refuse_search(model, networks)
    elif transforms and isinstance(model, networks):
        given = scope.options or {}
        own = {**(given.get(type(model)) or {}), **(given.get(id(model)) or {})}
        scope.add_options(id(model), {"transform": True, **own})


def _refuse_search(search: Any, networks: tuple[type, ...]) -> None:
    found = search.best_estimator_
    while isinstance(found, Pipeline):
        found = found.steps[-1][1]
    if isinstance(found, networks):
        raise ValueError(
            f"{type(search).__name__} of {type(found).__name__} is a step whose columns go on, and skl2onnx converts a "
            "search as its predictions; put best_estimator_ in its place."
        )
