"""The hidden part of a bundled network: input transform, bundled layers and direct link, evaluated by row blocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import norm as vector_norm

from ._features import feature_scale
from ._length_scales import column_deviations, typical_length_scale
from ._quantiles import QuantileMap, fit_quantile_map
from ._samplers import URFSampler
from ._spectra import spectrum_of
from ._tuning import Candidate, Choice, candidates, distinct_rows, search

# Enough rows for quantiles to three digits, and for a search that ends in a few thousand.
_QUANTILE_ROWS = 200_000
_SEARCH_ROWS = 4000
_LENGTH_FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0)


@dataclass(frozen=True, eq=False)
class LayerStack:
    """Everything in front of the output matrix.

    Its columns are the direct link (the transformed inputs) followed by the features of the last bundled layer, so that
    leading columns are again a valid, smaller network. The factor ``sqrt(2 / n_components)`` of the last layer is kept
    apart in `column_scale` for the same reason.

    Parameters
    ----------
    input_map : QuantileMap or None
        Applied to the raw inputs.
    link_scale : float or None
        Factor of the direct link; None when there is none.
    samplers : tuple of URFSampler
        One fitted sampler per bundled layer.
    """

    input_map: QuantileMap | None
    link_scale: float | None
    samplers: tuple[URFSampler, ...]

    @property
    def n_linked(self) -> int:
        """Number of columns of the direct link."""
        return 0 if self.link_scale is None else self.samplers[0].n_features_in_

    @property
    def n_columns(self) -> int:
        """Number of columns in front of the output matrix."""
        return self.n_linked + self.samplers[-1].n_components

    @cached_property
    def column_scale(self) -> NDArray[np.float64]:
        """Factors of shape (n_columns,) between the raw columns and those of the network."""
        scale = np.ones(self.n_columns)
        scale[self.n_linked :] = feature_scale(self.samplers[-1].n_components)
        return scale

    def check_range(self, X: Any) -> None:
        """Refuse rows whose projections overflow, where no input transform bounds them.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.

        Raises
        ------
        ValueError
            If the phases of the first layer would not be finite.
        """
        if self.input_map is None:
            self.samplers[0]._check_range(X)

    def columns(self, X: Any) -> NDArray[np.floating]:
        """Evaluate the network up to the output matrix.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            In the dtype of `X`.
        """
        columns = self.raw_columns(X)
        columns *= self.column_scale.astype(X.dtype)
        return columns

    def raw_columns(self, X: Any, out: NDArray[np.floating] | None = None) -> NDArray[np.floating]:
        """Evaluate the network up to the output matrix, without `column_scale`.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.
        out : ndarray of shape (n_samples, n_columns), optional
            Receives the result.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            In the dtype of `X`.
        """
        columns = np.empty((X.shape[0], self.n_columns), dtype=X.dtype) if out is None else out
        hidden = transform_inputs(self.input_map, X)
        if self.link_scale is not None:
            columns[:, : self.n_linked] = hidden if isinstance(hidden, np.ndarray) else hidden.toarray()
            columns[:, : self.n_linked] *= self.link_scale
        for sampler in self.samplers[:-1]:
            hidden = sampler._phi(hidden)
        self.samplers[-1]._raw_features(hidden, columns[:, self.n_linked :])
        return columns


def transform_inputs(input_map: QuantileMap | None, X: Any) -> Any:
    """Apply the input transform, if there is one.

    Parameters
    ----------
    input_map : QuantileMap or None
        The transform.
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Raw inputs.

    Returns
    -------
    {ndarray, CSR array} of shape (n_samples, n_features)
        A new dense array in the dtype of `X`, or `X` itself without a transform.
    """
    if input_map is None:
        return X
    dense = X if isinstance(X, np.ndarray) else X.toarray()
    return input_map(dense, np.empty(dense.shape, dtype=X.dtype))


def dense_columns(X: Any) -> Iterator[NDArray[np.floating]]:
    """Iterate over the columns of an array, dense or sparse, one dense column at a time.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        The array.

    Yields
    ------
    ndarray of shape (n_samples,)
        The next column.
    """
    if isinstance(X, np.ndarray):
        yield from X.T
        return
    by_column = X.tocsc()
    for j in range(X.shape[1]):
        yield by_column[:, [j]].toarray().ravel()


def _build_samplers(
    kernel: Candidate, n_components: tuple[int, ...], inputs: Any, seeds: tuple[int, ...]
) -> tuple[URFSampler, ...]:
    """Fit one sampler per bundled layer, each on the features of the one before.

    The first layer has the kernel asked for. Later ones see rows on a sphere, where no coordinate means anything by
    itself: they share the activation and use isotropic orthogonal frequencies at their typical length scale.

    Parameters
    ----------
    kernel : Candidate
        Activation, directions, frequencies and length scale.
    n_components : tuple of int
        Columns of every layer.
    inputs : {ndarray, CSR array} of shape (n_samples, n_features)
        A sample of transformed inputs, for number, dtype and scale of the columns.
    seeds : tuple of int
        One integer seed per layer.

    Returns
    -------
    tuple of URFSampler
        Fitted.
    """
    activation, directions, frequencies, length_scale = kernel
    samplers: list[URFSampler] = []
    for size, seed in zip(n_components, seeds, strict=True):
        if samplers:
            inputs = samplers[-1]._phi(inputs)
            directions, frequencies, length_scale = "orthogonal", "isotropic", "scale"
        sampler = URFSampler(
            activation,
            n_components=size,
            length_scale=length_scale,
            directions=directions,
            frequencies=frequencies,
            random_state=seed,
        )
        samplers.append(sampler.fit(inputs))
    return tuple(samplers)


def prepare_layers(
    X: Any,
    Y: NDArray[np.float64],
    sample_weight: NDArray[np.float64],
    kernel: Candidate,
    n_components: tuple[int, ...],
    input_transform: str | None,
    direct_link: bool,
    seed: int,
    penalty_given: bool = False,
    threads: int = 1,
) -> tuple[LayerStack, Choice]:
    """Choose what is "auto" on a sample of the rows and draw the layers.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Training rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    kernel : Candidate
        What the user fixed; every other entry is ``"auto"``.
    n_components : tuple of int
        Columns of every layer.
    input_transform : {"quantile", None}
        Transform of the inputs.
    direct_link : bool
        Whether the transformed inputs reach the output matrix themselves.
    seed : int
        Seed of everything random; the layers of a wider network begin with those of a narrower one.
    penalty_given : bool, default=False
        Whether there is no penalty to choose; with a kernel that is fixed, too, nothing is searched.
    threads : int, default=1
        Threads for the search.

    Returns
    -------
    layers : LayerStack
        Fitted.
    choice : Choice
        The kernel, its cross-validated penalty and the history of the search.
    """
    row_rng, fold_rng = np.random.default_rng(seed).spawn(2)
    seeds = tuple(int(word >> 1) for word in np.random.SeedSequence(seed).generate_state(len(n_components)))
    input_map = None
    if input_transform == "quantile":
        rows = _sample(X.shape[0], _QUANTILE_ROWS, row_rng)
        input_map = fit_quantile_map(dense_columns(X[rows]), sample_weight[rows])
    rows = _sample(X.shape[0], _SEARCH_ROWS, row_rng)
    inputs = transform_inputs(input_map, X[rows])
    deviations = column_deviations(inputs, sample_weight[rows])
    link_scale = 1.0 / (vector_norm(deviations) or 1.0) if direct_link else None

    def features(candidate: Candidate, inputs: NDArray[np.floating], size: int) -> NDArray[np.floating]:
        sizes = tuple(min(size, n) for n in n_components)
        stack = LayerStack(None, link_scale, _build_samplers(candidate, sizes, inputs, seeds))
        return stack.columns(inputs)

    sample = distinct_rows(inputs, Y[rows], sample_weight[rows])
    options = _options(kernel, deviations)
    if len(options) == 1 and penalty_given:
        choice = Choice(options[0], None, [])
    else:
        choice = search(options, features, *sample, fold_rng, threads)
    samplers = _build_samplers(choice.candidate, n_components, sample[0], seeds)
    return LayerStack(input_map, link_scale, samplers), choice


def _sample(n_samples: int, size: int, rng: np.random.Generator) -> Any:
    """Positions of at most `size` rows, in order."""
    if n_samples <= size:
        return slice(None)
    return np.sort(rng.choice(n_samples, size, replace=False))


def _options(kernel: Candidate, deviations: NDArray[np.float64]) -> list[Candidate]:
    """Kernels to compare, with length scales around the typical one unless it is fixed."""

    def length_scales(activation: Any, directions: str, frequencies: str) -> list[Any]:
        if not isinstance(kernel.length_scale, str):
            return [kernel.length_scale]
        typical = typical_length_scale(deviations, spectrum_of(activation), directions, frequencies)
        return [factor * typical for factor in _LENGTH_FACTORS]

    return candidates(*kernel[:3], length_scales)
