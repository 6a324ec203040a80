"""bundle: a trained network becomes a bundled one, all of its parameters in one matrix."""

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from .._compute import Array, n_threads
from .._features import RandomMap, URFSampler, largest_norm
from .._kernels import ACTIVATIONS
from .._networks import (
    BundledNetwork,
    BundledNetworkClassifier,
    BundledNetworkRegressor,
    ClassTargets,
    FittedNetwork,
    NetworkChoice,
    NumericTargets,
    as_estimator,
    described_columns,
    description_of,
    fitted_network,
)
from .._ridge import GivenSolution
from .kernel_choice import chosen_kernel
from .partial import PartlyBundledClassifier, PartlyBundledRegressor
from .trained_networks import ACTIVATION_FUNCTIONS, DenseLayer, TrainedEstimator, TrainedNetwork, read_network

# Least norm of weights, for a layer whose weights are all zero.
_TINY = 1e-12
# Squared error, relative to the variance, above which a warning says that the bundle does not replace the network.
_DISAGREEMENT = 0.1
# Number of random rows that are used as inputs of a network if no rows are given.
_N_STANDARD_ROWS = 1000
# Parameters of a network, in the order of `Candidate.parameters`.
_KERNEL_PARAMETERS = ("activation", "directions", "frequencies", "length_scale")

# Parameters of a network for numbers that one for classes has not, or has with other values.
_OF_NUMBERS = ("loss", "quantile")


@validate_params(
    {
        "network": [object],
        "n_components": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "X": ["array-like", None],
        "method": [StrOptions({"calibrated", "analytic"})],
        "n_layers": [Interval(Integral, 1, None, closed="left"), None],
        "classes": ["array-like", None],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left"), "array-like"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def bundle(
    network: TrainedEstimator,
    *,
    n_components: Any,
    X: Any = None,
    method: str = "calibrated",
    n_layers: int | None = None,
    classes: Any = None,
    alpha: Any = "auto",
    n_jobs: int | None = None,
    random_state: Any = None,
) -> Any:
    """Turn a trained network into a bundled one, all of its parameters in one matrix.

    The new network multiplies random features ``Phi(x)`` of a row by one matrix ``Theta``. In theory each layer is
    replaced by a matrix times random features of its input. This matrix is multiplied with the weights of the next
    layer, and so on. In the end only ``Theta`` is left.

    Parameters
    ----------
    network : MLPRegressor, MLPClassifier or torch.nn.Sequential
        The trained network. A sequential one may have linear layers, activations and dropout.
    n_components : int or tuple of int
        Number of random features; for ``method="analytic"`` one number for each bundled layer, or the same for all.
    X : array-like of shape (n_samples, n_features), optional
        Rows like those that the network will predict, without labels. ``method="calibrated"`` needs them.
        ``"analytic"`` takes the range of the inputs from them; without them it assumes standardised inputs.
    method : {"calibrated", "analytic"}, default="calibrated"
        ``"calibrated"`` chooses a kernel. Then it finds the matrix by least squares, so that the outputs for `X` are
        close to those of the network. It is far more accurate for its size. ``"analytic"`` computes the matrix from the
        weights, by unbiased features. It works for one layer of small weights, and warns if it does not work.
    n_layers : int, optional
        Number of hidden layers to bundle, counted from the input; the others stay as they are. By default all.
    classes : array-like of shape (n_classes,), optional
        Labels of the outputs of a PyTorch classifier, in their order. Without them a PyTorch network is taken for a
        regressor.
    alpha : "auto", float or array-like, default="auto"
        Penalty of the least squares of ``"calibrated"``, as in :class:`BundledNetworkRegressor`.
    n_jobs : int, optional
        Number of threads.
    random_state : int, RandomState instance or None, default=None
        Source of the random features.

    Returns
    -------
    BundledNetworkRegressor or BundledNetworkClassifier
        A fitted estimator. Its ``fit(X, y)`` solves for the matrix again, from labels and on the same features. The
        `decision_function` of a classifier gives the logits of the network. With fewer `n_layers` than hidden layers,
        the estimator ends in the layers that were not bundled, and its ``fit(X, y)`` solves for the last of these.

    Raises
    ------
    ValueError
        If the network is not fitted or not supported, or if `X` is missing or does not fit. A data frame must have the
        same columns, in the same order, as the one that the network was fitted to.

    See Also
    --------
    bundle_report : Sizes before and after, and how well the two agree.

    References
    ----------
    Sehanobish et al., "Scalable Neural Network Kernels", ICLR 2024, arXiv 2310.13225, section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.neural_network import MLPRegressor
    >>> from sklearn.preprocessing import scale
    >>> from sknnk import bundle
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = scale(X), scale(y)
    >>> mlp = MLPRegressor(hidden_layer_sizes=(64, 64), early_stopping=True, random_state=0).fit(X, y)
    >>> bundled = bundle(mlp, n_components=256, X=X, random_state=0)
    >>> bundled.output_coef_.size < 0.1 * sum(weights.size for weights in mlp.coefs_)
    True
    >>> bundled.score(X, mlp.predict(X)) > 0.95
    True
    """
    trained = read_network(network, classes)
    n_hidden = len(trained.layers) - 1
    n_layers = n_hidden if n_layers is None else n_layers
    if not 1 <= n_layers <= n_hidden:
        raise ValueError(
            f"n_layers={n_layers} must lie between 1 and the number of hidden layers, which is {n_hidden}."
        )
    # An integer, so that a later fit draws the same features.
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    rows = _checked_rows(X, trained.n_inputs, method, seed)
    # The rows as they came, so that names of columns are seen.
    named = X if hasattr(X, "columns") else rows
    if hasattr(X, "columns") and hasattr(network, "feature_names_in_"):
        described_columns(network, X, reset=False)
    front = _front(trained, n_layers)
    if method == "analytic":
        bundled = _analytic(front, rows, named, n_components, seed)
    else:
        settings = {"n_components": n_components, "alpha": alpha, "n_jobs": n_jobs, "random_state": seed}
        bundled = _calibrated(front, rows, named, settings)
    return bundled if n_layers == n_hidden else _with_tail(bundled, trained, n_layers)


def _checked_rows(X: Any, n_inputs: int, method: str, seed: int) -> Array:
    if X is None:
        if method == "calibrated":
            raise ValueError('X=None: method="calibrated" needs rows, labelled or not; pass X, or method="analytic".')
        return np.random.default_rng(seed).standard_normal((_N_STANDARD_ROWS, n_inputs))
    X = check_array(X, dtype=np.float64, input_name="X")
    if X.shape[1] != n_inputs:
        raise ValueError(f"X has {X.shape[1]} features, and network takes {n_inputs}.")
    return X


def _front(trained: TrainedNetwork, n_layers: int) -> TrainedNetwork:
    """The layers to bundle, and the linear map behind them."""
    last = trained.layers[n_layers]
    if n_layers == len(trained.layers) - 1:
        return trained
    linear = DenseLayer(last.weights, last.bias, "identity")
    return TrainedNetwork((*trained.layers[:n_layers], linear), None, False)


def _calibrated(front: TrainedNetwork, rows: Array, X: Any, settings: dict[str, Any]) -> BundledNetwork:
    """Least squares of the network's outputs on features of unlabelled rows."""
    size = int(np.max(settings["n_components"]))
    kernel, transform = chosen_kernel(front, rows, size, settings["random_state"], n_threads(settings["n_jobs"]))
    chosen = dict(zip(_KERNEL_PARAMETERS, kernel.parameters, strict=True))
    settings = {**settings, **chosen, "input_transform": transform}
    outputs = front(rows)
    regressor = BundledNetworkRegressor(**settings).fit(X, outputs[:, 0] if front.flat else outputs)
    return regressor if front.classes is None else _as_classifier(regressor, front.classes)


def _as_classifier(regressor: BundledNetworkRegressor, classes: NDArray[Any]) -> BundledNetworkClassifier:
    """Turn a regression network for logits into a classifier."""
    fitted = fitted_network(regressor)
    # A single logit is the difference of two classes; least-squares scores of two classes differ by twice their size.
    temperature = 0.5 if len(classes) == 2 and len(fitted.coef) == 1 else 1.0
    targets = ClassTargets(classes, None, temperature)
    shared = {name: value for name, value in regressor.get_params(deep=False).items() if name not in _OF_NUMBERS}
    classifier = BundledNetworkClassifier(**shared)
    return as_estimator(classifier, replace(fitted, targets=targets), description_of(regressor))


def _analytic(front: TrainedNetwork, rows: Array, X: Any, n_components: Any, seed: int) -> BundledNetwork:
    """Multiply Psi of every layer into the weights of the next one."""
    *hidden, last = front.layers
    if last.activation != "identity":
        raise ValueError(f'network ends in {last.activation}, which no matrix can; use method="calibrated".')
    sizes = (n_components,) * len(hidden) if isinstance(n_components, Integral) else tuple(n_components)
    if len(sizes) != len(hidden):
        raise ValueError(f"n_components={n_components!r} must be one number, or one for each of {len(hidden)} layers.")
    samplers: list[URFSampler] = []
    inputs, carried = rows, np.eye(front.n_inputs)
    for place, (layer, size) in enumerate(zip(hidden, sizes, strict=True)):
        weights, bias = layer.weights @ carried, float(np.max(np.abs(layer.bias)))
        reach = largest_norm(inputs) or 1.0
        sampler = URFSampler(
            layer.activation if layer.activation in ACTIVATIONS else ACTIVATION_FUNCTIONS[layer.activation],
            n_components=size,
            mode="unbiased",
            weight_norm=max(largest_norm(weights), 2.0 * bias / reach, _TINY),
            random_state=seed + place,
        )
        inputs, carried = sampler.fit_transform(inputs), sampler.transform_weights(weights, layer.bias)
        samplers.append(sampler)
    _warn_of_disagreement(front(rows), inputs @ carried.T @ last.weights.T + last.bias)
    return _from_matrix(front, X, tuple(samplers), last.weights @ carried, last.bias, sizes, seed)


def _warn_of_disagreement(expected: Array, outputs: Array) -> None:
    error = float(np.mean((outputs - expected) ** 2) / (np.mean(expected.var(axis=0)) or 1.0))
    if error > _DISAGREEMENT:
        warnings.warn(
            f"The squared error of the analytic bundle is {error:.2g} of the variance of the network's outputs: its "
            "estimates need small weights and few layers. Use method='calibrated' with rows X, or more n_components.",
            stacklevel=5,
        )


def _from_matrix(
    front: TrainedNetwork,
    X: Any,
    samplers: tuple[URFSampler, ...],
    coef: Array,
    intercept: Array,
    sizes: Any,
    seed: int,
) -> BundledNetwork:
    """A bundled network with a given output matrix."""
    activation = samplers[0].activation
    regressor = BundledNetworkRegressor(
        sizes if len(sizes) > 1 else sizes[0],
        activation=activation,
        input_transform=None,
        direct_link=False,
        random_state=seed,
    )
    choice = NetworkChoice(
        sizes, activation, "orthogonal", "isotropic", samplers[0].length_scale_, None, [], None, seed
    )
    parts = (RandomMap(None, None, samplers), GivenSolution(coef.T, intercept), np.ones(len(coef)), choice)
    fitted = FittedNetwork(*parts, NumericTargets(len(coef), front.flat), 0, np.dtype(np.float64), None)
    regressor = as_estimator(regressor, fitted, described_columns(regressor, X, reset=True))
    return regressor if front.classes is None else _as_classifier(regressor, front.classes)


def _with_tail(bundled: BundledNetwork, trained: TrainedNetwork, n_layers: int) -> Any:
    """Put the layers that are not bundled behind the bundled ones."""
    joint = (FrozenEstimator(bundled), trained.layers[n_layers].activation, trained.layers[n_layers + 1 :])
    if trained.classes is None:
        return PartlyBundledRegressor(*joint).with_output_layer(description_of(bundled), flat=trained.flat)
    return PartlyBundledClassifier(*joint).with_output_layer(description_of(bundled), classes=trained.classes)
