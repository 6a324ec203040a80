"""A trained multilayer perceptron of scikit-learn or PyTorch as plain arrays."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .._compute import Array

# An MLPRegressor, an MLPClassifier, or a torch.nn.Sequential, whose library need not be installed.
TrainedEstimator = Any


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """``activation(X @ weights.T + bias)``.

    Parameters
    ----------
    weights : ndarray of shape (n_units, n_inputs)
        Weights, one unit a row.
    bias : ndarray of shape (n_units,)
        Biases.
    activation : str
        A key of `ACTIVATION_FUNCTIONS`.

    Examples
    --------
    >>> layer = DenseLayer(np.array([[1.0, -1.0]]), np.array([0.5]), "relu")
    >>> layer(np.array([[2.0, 1.0], [0.0, 3.0]]))
    array([[1.5],
           [0. ]])
    """

    weights: Array
    bias: Array
    activation: str

    def __call__(self, X: Array) -> Array:
        """Evaluate the layer."""
        return ACTIVATION_FUNCTIONS[self.activation](X @ self.weights.T + self.bias)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.weights.size + self.bias.size


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """Layers in order, and the meaning of the outputs.

    Parameters
    ----------
    layers : tuple of DenseLayer
        The last one's activation is what follows the linear output: ``"identity"`` for a classifier, whose outputs are
        logits here.
    classes : ndarray of shape (n_classes,) or None
        Class labels; one logit for two classes. None for regression.
    flat : bool
        Whether predictions are one number a row and not an array.

    Examples
    --------
    >>> double = DenseLayer(np.array([[2.0]]), np.zeros(1), "identity")
    >>> TrainedNetwork((double, double), None, True)(np.array([[1.5]]))
    array([[6.]])
    """

    layers: tuple[DenseLayer, ...]
    classes: NDArray[Any] | None
    flat: bool

    def __call__(self, X: Array) -> Array:
        """Outputs, or logits, of shape (n_samples, n_outputs)."""
        for layer in self.layers:
            X = layer(X)
        return X

    @property
    def n_inputs(self) -> int:
        """Number of input columns."""
        return int(self.layers[0].weights.shape[1])

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(layer.size for layer in self.layers)

    @property
    def multiplications(self) -> int:
        """Multiplications for one row."""
        return sum(layer.weights.size for layer in self.layers)


def read_network(network: TrainedEstimator, classes: Any = None) -> TrainedNetwork:
    """Read a trained network.

    Parameters
    ----------
    network : MLPRegressor, MLPClassifier or torch.nn.Sequential
        Fitted. PyTorch is not imported for it. Sequential networks may be nested, and use a module several times.
    classes : array-like of shape (n_classes,), optional
        Labels of the outputs of a PyTorch classifier.

    Returns
    -------
    TrainedNetwork
        The same function.

    Raises
    ------
    TypeError
        If it is none of the three.
    ValueError
        If it is not fitted, or has a part that is not supported: another module, a forward of its own, forward hooks.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=50, tol=1.0, random_state=0).fit(X, y)
    >>> bool(np.all(np.argmax(read_network(mlp)(X), axis=1) == mlp.predict(X)))
    True
    """
    if _sequential_class(network) is not None:
        return _read_sequential(network, classes)
    if not hasattr(network, "hidden_layer_sizes"):
        raise TypeError(
            f"network={type(network).__name__} is not supported; pass a fitted MLPRegressor, MLPClassifier or "
            "torch.nn.Sequential. Of a pipeline, pass the last step."
        )
    if not hasattr(network, "coefs_"):
        raise ValueError(f"network={network!r} is not fitted; call fit first.")
    return _read_sklearn(network)


def _read_sklearn(network: TrainedEstimator) -> TrainedNetwork:
    names = [_SKLEARN_NAMES[network.activation]] * (len(network.coefs_) - 1)
    classes = getattr(network, "classes_", None)
    last = "identity"
    if classes is not None and network.out_activation_ == "logistic" and network.n_outputs_ > 1:
        raise ValueError("network is a multilabel classifier; bundle one classifier for each label.")
    if classes is None:
        last = _SKLEARN_NAMES[network.out_activation_]
    layers = tuple(
        DenseLayer(np.asarray(weights.T, dtype=np.float64), np.asarray(bias, dtype=np.float64), name)
        for weights, bias, name in zip(network.coefs_, network.intercepts_, [*names, last], strict=True)
    )
    flat = classes is None and network.n_outputs_ == 1
    return TrainedNetwork(layers, None if classes is None else np.asarray(classes), flat)


def _sequential_class(module: Any) -> Any:
    """``torch.nn.Sequential``, if the module is one; found without importing PyTorch."""
    kinds = (kind for kind in type(module).__mro__ if kind.__module__ == "torch.nn.modules.container")
    return next((kind for kind in kinds if kind.__name__ == "Sequential"), None)


def _read_sequential(network: TrainedEstimator, classes: Any) -> TrainedNetwork:
    layers: list[DenseLayer] = []
    for name, module in _steps(network, "network"):
        kind = _torch_kind(module)
        if kind == "Linear":
            weights = _parameter(module.weight, f"{name}.weight")
            bias = np.zeros(len(weights)) if module.bias is None else _parameter(module.bias, f"{name}.bias")
            layers.append(DenseLayer(weights, bias, "identity"))
        elif not _does_nothing(module):
            activation = _torch_activation(module)
            if not layers or layers[-1].activation != "identity":
                raise ValueError(
                    f"network has {kind} where a Linear layer is expected, as {name}; it is not supported. Put a "
                    "Linear layer in front of every activation."
                )
            layers[-1] = DenseLayer(layers[-1].weights, layers[-1].bias, activation)
    if not layers:
        raise ValueError("network has no Linear layer.")
    _check_widths(layers)
    return TrainedNetwork(tuple(_without_probabilities(layers, classes)), _checked_classes(layers, classes), False)


def _steps(network: TrainedEstimator, name: str) -> Iterator[tuple[str, Any]]:
    """Modules in the order of their calls. A module that is called twice is given twice, unlike in `children`."""
    _check_forward(network, name)
    for key, module in network._modules.items():
        if _sequential_class(module) is not None:
            yield from _steps(module, f"{name}.{key}")
        elif module is not None:
            _check_forward(module, f"{name}.{key}")
            yield f"{name}.{key}", module


def _check_forward(module: Any, name: str) -> None:
    """Refuse a module that computes something else than its class says."""
    sequential = _sequential_class(module)
    if "forward" in vars(module) or (sequential is not None and type(module).forward is not sequential.forward):
        raise ValueError(f"{name} has a forward of its own, which is not supported; pass a plain torch.nn.Sequential.")
    if module._forward_hooks or module._forward_pre_hooks:
        raise ValueError(
            f"{name} has forward hooks, such as those of adapters or of pruning, which are not read; remove them first."
        )


def _torch_kind(module: Any) -> str:
    """Name of a class of PyTorch. Other classes have their module in the name, so they match none of it."""
    kind = type(module)
    return kind.__name__ if kind.__module__.startswith("torch.nn.") else f"{kind.__module__}.{kind.__name__}"


def _does_nothing(module: Any) -> bool:
    """Whether a trained module returns the rows of a table unchanged."""
    kind = _torch_kind(module)
    # From any other axis on, Flatten would make one row of all rows.
    return kind in _TORCH_IGNORED or (kind == "Flatten" and module.start_dim in (1, -1))


def _parameter(tensor: Any, name: str) -> Array:
    """A parameter of any dtype on any device; NumPy has no bfloat16."""
    if tensor.is_meta:
        raise ValueError(f"{name} is on the meta device and has no values; load the trained ones first.")
    return np.asarray(tensor.detach().cpu().double().numpy(), dtype=np.float64)


def _check_widths(layers: list[DenseLayer]) -> None:
    for place, (layer, following) in enumerate(pairwise(layers), start=1):
        if len(layer.weights) != following.weights.shape[1]:
            raise ValueError(
                f"network has a Linear layer of {len(layer.weights)} outputs in place {place} and one of "
                f"{following.weights.shape[1]} inputs behind it; they must be as many."
            )


def _torch_activation(child: Any) -> str:
    """Name of an activation module, if it is one of the plain ones."""
    kind = type(child).__name__
    plain = all(getattr(child, name) in allowed for name, allowed in _TORCH_SETTINGS.get(kind, {}).items())
    if _torch_kind(child) not in _TORCH_NAMES or not plain:
        names = ", ".join(_TORCH_NAMES)
        raise ValueError(
            f"network has {child}, which is not supported; supported are Linear and, with defaults, {names}."
        )
    return _TORCH_NAMES[kind]


def _without_probabilities(layers: list[DenseLayer], classes: Any) -> list[DenseLayer]:
    """Layers that end in logits if there are classes."""
    last = layers[-1]
    if classes is not None and last.activation in ("softmax", "sigmoid"):
        return [*layers[:-1], DenseLayer(last.weights, last.bias, "identity")]
    return layers


def _checked_classes(layers: list[DenseLayer], classes: Any) -> NDArray[Any] | None:
    if classes is None:
        return None
    labels, n_outputs = np.unique(np.asarray(classes)), len(layers[-1].weights)
    if len(labels) < 2 or n_outputs != (1 if len(labels) == 2 and n_outputs == 1 else len(labels)):
        raise ValueError(f"classes has {len(labels)} different labels, and the network {n_outputs} outputs.")
    if not np.array_equal(labels, np.asarray(classes)):
        raise ValueError("classes must be sorted, in the order of the outputs of the network.")
    return labels


def _identity(z: Array) -> Array:
    return z


def _softplus(z: Array) -> Array:
    return np.asarray(np.logaddexp(0.0, z))


ACTIVATION_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "identity": _identity,
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": lambda z: np.asarray(np.tanh(z)),
    "sigmoid": lambda z: np.asarray(special.expit(z)),
    "gelu": lambda z: np.asarray(z * special.ndtr(z)),
    "silu": lambda z: np.asarray(z * special.expit(z)),
    "softplus": _softplus,
    "elu": lambda z: np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0))),
    "softmax": lambda z: np.asarray(special.softmax(z, axis=1)),
    "exp": lambda z: np.asarray(np.exp(z)),
}
_SKLEARN_NAMES = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "exp": "exp"}
_TORCH_NAMES = {
    "ReLU": "relu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "GELU": "gelu",
    "SiLU": "silu",
    "Softplus": "softplus",
    "ELU": "elu",
    "Softmax": "softmax",
}
_TORCH_SETTINGS: dict[str, dict[str, tuple[Any, ...]]] = {
    "GELU": {"approximate": ("none",)},
    "Softplus": {"beta": (1,), "threshold": (20,)},
    "ELU": {"alpha": (1.0,)},
    "Softmax": {"dim": (1, -1, None)},
}
_TORCH_IGNORED = {"AlphaDropout", "Dropout", "Dropout1d", "FeatureAlphaDropout", "Identity"}
