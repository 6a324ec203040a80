"""bundle: a trained network becomes a bundled one, all of its parameters in one matrix."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

from ._bundled_kernels import chosen_kernel
from ._classifier import BundledNetworkClassifier
from ._layers import LayerStack
from ._partial_bundling import PartlyBundledClassifier, PartlyBundledRegressor
from ._regressor import BundledNetworkRegressor
from ._samplers import URFSampler
from ._trained_layers import ACTIVATION_FUNCTIONS, DenseLayer, TrainedNetwork, read_network

# Rows that stand for the inputs of a network when none are given.
_N_STANDARD_ROWS = 1000


@validate_params(
    {
        "network": [HasMethods(["predict"]), HasMethods(["parameters"])],
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
    network,
    *,
    n_components,
    X=None,
    method="calibrated",
    n_layers=None,
    classes=None,
    alpha="auto",
    n_jobs=None,
    random_state=None,
):
    """Turn a trained network into a bundled one, all of its parameters in one matrix.

    Layer after layer is replaced by the dot product of random features of its input and a matrix that meets the weights
    of the next layer, until ``output = Theta Phi(x)`` is left.

    Parameters
    ----------
    network : MLPRegressor, MLPClassifier or torch.nn.Sequential
        The trained network. Of a sequential one, linear layers, activations and dropout are understood.
    n_components : int or tuple of int
        Number of random features; for ``method="analytic"`` one number for each bundled layer, or the same for all.
    X : array-like of shape (n_samples, n_features), optional
        Rows like those that the network will see, without labels. Needed for ``method="calibrated"``; otherwise they set
        the range of the inputs, which without them is taken to be that of standardised ones.
    method : {"calibrated", "analytic"}, default="calibrated"
        ``"calibrated"`` finds the matrix by least squares of the network's own outputs on the features of `X`, with a
        kernel that is chosen for them; far more accurate for its size. ``"analytic"`` computes it from the weights, by
        unbiased features; it works for small arguments of the activations, and warns where it cannot.
    n_layers : int, optional
        Number of hidden layers to bundle, from the input; the others stay as they are. All of them by default.
    classes : array-like of shape (n_classes,), optional
        Labels of the outputs of a PyTorch classifier, in order; without them it is taken for a regression network.
    alpha : "auto", float or array-like, default="auto"
        Penalty of the calibration, as in :class:`BundledNetworkRegressor`.
    n_jobs : int, optional
        Number of threads.
    random_state : int, RandomState instance or None, default=None
        Source of the random features.

    Returns
    -------
    BundledNetworkRegressor or BundledNetworkClassifier
        Fitted; ``fit(X, y)`` then solves for the matrix again, from labels and in closed form, on the same features. A
        classifier's `decision_function` are the logits of the network. With fewer `n_layers` than the network has hidden
        layers, an estimator that ends in the layers which were left, whose ``fit(X, y)`` solves for the last of them.

    Raises
    ------
    ValueError
        If the network is not fitted or not supported, or `X` is missing or does not fit it.

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
    >>> bundled.coef_.size < 0.1 * sum(weights.size for weights in mlp.coefs_)
    True
    >>> bundled.score(X, mlp.predict(X)) > 0.95
    True
    """
    trained = read_network(network, classes)
    n_hidden = len(trained.layers) - 1
    n_layers = n_hidden if n_layers is None else n_layers
    if not 1 <= n_layers <= n_hidden:
        raise ValueError(
            f"n_layers={n_layers} must be at least 1 and at most the number of hidden layers, and network has {n_hidden}."
        )
    rows = _checked_rows(X, trained, method, random_state)
    # What is fitted again later must draw the same features.
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    front = _front(trained, n_layers)
    if method == "calibrated":
        named = X if hasattr(X, "columns") else rows
        bundled = _calibrated(front, rows, named, n_components, {"alpha": alpha, "n_jobs": n_jobs, "random_state": seed})
    else:
        bundled = _analytic(front, rows, _sizes(n_components, n_layers), seed, n_jobs)
    if n_layers < n_hidden:
        tail = (DenseLayer(np.eye(len(trained.layers[n_layers].bias)), ...),)
    return bundled
