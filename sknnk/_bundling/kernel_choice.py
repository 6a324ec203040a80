"""The choice of a kernel for a bundled network that replaces a trained one."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import norm as vector_norm

from .._compute import Array, over_threads
from .._data import distinct_rows, fit_quantile_map
from .._features import Candidate, URFSampler
from .._kernel_learning import Choice, candidates, cross_validated_errors, halving_search
from .._kernels import column_deviations, spectrum_of, typical_length_scale

# Number of rows on which kernels are compared.
_SEARCH_ROWS = 4000
# Number of rows on which the relevance of the columns is measured.
_RELEVANCE_ROWS = 500
# Number of kernels that are compared again with more features,
_N_FINALISTS = 3
# of which there are at most this many,
_FINAL_COMPONENTS = 1024
# by cross-validation with this many folds.
_N_FOLDS = 4
# Factor of the error without the quantile map: see `chosen_kernel`.
_HANDICAP = 1.25
# Penalties to compare.
_ALPHAS = np.logspace(-7.0, 0.0, 15)
# Length scales to compare, in units of the typical one.
_LENGTH_FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0)
# Least relevance of a column, as a share of the largest. With it the column has almost no effect.
_LEAST_RELEVANCE = 0.02


def chosen_kernel(
    network: Callable[[Array], Array], X: Array, n_components: int, seed: int, threads: int = 1
) -> tuple[Candidate, str | None]:
    """Kernel and input transform that reproduce a network best on held-out rows.

    The kernels of a bundled network are compared, with and without the quantile map of the inputs. Each is tried with
    one length scale for all columns, and with length scales that are inversely proportional to how much the network
    depends on each column. The first cross-validation uses few features. The best kernels are then compared with as
    many features as asked for, at most 1024.

    Parameters
    ----------
    network : callable
        Gives outputs of shape (n_samples, n_outputs).
    X : ndarray of shape (n_samples, n_features)
        Rows like those it will see.
    n_components : int
        Number of random features.
    seed : int
        Seed of the search.
    threads : int, default=1
        Threads over which kernels are spread.

    Returns
    -------
    kernel : Candidate
        Activation, directions, frequencies and length scale.
    input_transform : {"quantile", None}
        As :class:`BundledNetworkRegressor` takes it.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> kernel, _ = chosen_kernel(lambda X: np.sin(4.0 * X[:, :1]), X, 100, seed=0)
    >>> scale = np.asarray(kernel.length_scale)
    >>> bool(scale[0] < scale[1])  # only the first column matters
    True
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(X))[:_SEARCH_ROWS]
    X, outputs = X[rows], network(X[rows])
    quantiles = fit_quantile_map(X.T)
    # The quantile map bounds the inputs, and so the outputs where rows are rare. To leave it out must lower the error
    # clearly.
    found: list[tuple[float, Candidate, str | None]] = []
    for input_transform, handicap in (("quantile", 1.0), (None, _HANDICAP)):

        def inputs_of(rows: Array, mapped: bool = input_transform is not None) -> Array:
            return np.asarray(quantiles(rows, np.empty(rows.shape))) if mapped else rows

        relevance = column_relevance(network, X[:_RELEVANCE_ROWS], inputs_of)
        inputs = inputs_of(X)
        choice = _searched(inputs, outputs, relevance, seed, threads)
        finalists = list({id(each): each for each, *_ in choice.history[-_N_FINALISTS:]}.values()) or [choice.candidate]
        tried = [(each, inputs, outputs, n_components, seed) for each in finalists if len(finalists) > 1]
        errors = over_threads(_cross_validated_error, tried, threads) or [0.0]
        found += [(handicap * error, each, input_transform) for error, each in zip(errors, finalists, strict=True)]
    _, kernel, transform = min(found, key=lambda each: each[0])
    return kernel, transform


def column_relevance(
    network: Callable[[Array], Array], X: Array, inputs_of: Callable[[Array], Array] = lambda X: X
) -> Array:
    """How fast the outputs of a network change with each of its inputs.

    One column at a time, every value is replaced by the value that is a tenth of the ranks higher. The squared change
    of the outputs is divided by the squared change of the transformed input, both summed over rows.

    Parameters
    ----------
    network : callable
        Gives outputs of shape (n_samples, n_outputs).
    X : ndarray of shape (n_samples, n_features)
        Rows.
    inputs_of : callable
        Transform of rows in which changes of the input are measured.

    Returns
    -------
    ndarray of shape (n_features,)
        Scaled to a mean square of one; all ones if no column matters. The squares are the diagonal of the average
        gradient outer product (AGOP), with differences instead of gradients.

    References
    ----------
    Radhakrishnan et al., "Mechanism for feature learning in neural networks and backpropagation-free machine learning
    models", Science 2024.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> column_relevance(lambda X: X @ np.array([[3.0], [-1.0], [0.0]]), X).round(2)
    array([1.64, 0.55, 0.  ])
    """
    before, at = network(X), inputs_of(X)
    relevance = np.zeros(X.shape[1])
    for j in range(X.shape[1]):
        order = np.argsort(X[:, j], kind="stable")
        moved = X.copy()
        moved[order, j] = np.roll(X[order, j], -max(1, len(X) // 10))
        change = np.sum((inputs_of(moved)[:, j] - at[:, j]) ** 2)
        if change > 0.0:
            relevance[j] = np.sqrt(np.sum((network(moved) - before) ** 2) / change)
    size = np.sqrt(np.mean(relevance**2))
    return relevance / size if size > 0.0 else np.ones_like(relevance)


def _searched(inputs: Array, outputs: Array, relevance: Array, seed: int, threads: int) -> Choice:
    """Best kernel for given inputs, by closed-form cross-validation."""
    deviations = column_deviations(inputs)
    unit = np.maximum(relevance, _LEAST_RELEVANCE * relevance.max())

    def length_scales(activation: Any, directions: str, frequencies: str) -> list[Any]:
        spectrum = spectrum_of(activation)
        common = typical_length_scale(deviations, spectrum, directions, frequencies)
        each = typical_length_scale(deviations * unit, spectrum, directions, frequencies) / unit
        return [factor * scale for scale in (common, each) for factor in _LENGTH_FACTORS]

    def features(candidate: Candidate, rows: Array, size: int) -> Array:
        return _features(candidate, rows, size, seed)

    options = candidates("auto", "auto", "auto", length_scales)
    sample = distinct_rows(inputs, outputs, np.ones(len(inputs)))
    return halving_search(options, features, *sample, np.random.default_rng(seed), threads)


def _features(candidate: Candidate, rows: Array, size: int, seed: int) -> Array:
    """Direct link and random features."""
    link = vector_norm(column_deviations(rows)) or 1.0
    sampler = URFSampler(
        candidate.activation,
        n_components=size,
        length_scale=candidate.length_scale,
        directions=candidate.directions,
        frequencies=candidate.frequencies,
        random_state=seed,
    )
    return np.hstack([rows / link, sampler.fit(rows).transform(rows)])


def _cross_validated_error(candidate: Candidate, inputs: Array, outputs: Array, size: int, seed: int) -> float:
    """Squared error on held-out rows, relative to the variance, for the best penalty."""
    folds = np.arange(len(inputs)) % min(_N_FOLDS, len(inputs))
    columns = _features(candidate, inputs, min(size, _FINAL_COMPONENTS), seed)
    errors = cross_validated_errors(columns, outputs, np.ones(len(inputs)), folds, _ALPHAS)
    return float(np.min(np.mean(errors, axis=1)))
