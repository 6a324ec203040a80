"""The hidden part of a bundled network: input transform, bundled layers and direct link, evaluated by row blocks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import norm as vector_norm

from ._features import feature_scale
from ._inputs import fitted_input_map, quantile_rows, sampled_rows, transform_inputs
from ._kernel_search import MIN_ROWS, kernel_families, kernels_tried, learned_kernels
from ._kernel_trials import Fit, SearchTask
from ._length_scales import column_deviations, typical_length_scale
from ._progress import UNWATCHED, Step, Task
from ._quantiles import QuantileMap
from ._rows import unit_rows
from ._samplers import URFSampler
from ._spectra import spectrum_of
from ._tuning import Candidate, Choice, candidates, distinct_rows, n_comparisons, search

# Enough rows for a search that ends in a few thousand.
_SEARCH_ROWS = 4000
_LENGTH_FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0)
# Of learned kernels: random features may want shorter ones than the kernel itself.
_LEARNED_FACTORS = (1.0, 0.5)


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

    def unpaired(self, X: Any) -> tuple[Callable[[Any, NDArray[np.floating]], NDArray[np.floating]], Any]:
        """What is left to evaluate when inputs and weights are converted once for all.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.

        Returns
        -------
        columns : callable
            ``columns(rows of inputs, out)`` is `raw_columns` in the order `unpaired_order`.
        inputs : {ndarray, CSR array} of shape (n_samples, n_features)
            Transformed, unless that would make a dense array of a sparse one.
        """
        layers, inputs = self, X
        if isinstance(X, np.ndarray):
            layers, inputs = replace(self, input_map=None), transform_inputs(self.input_map, X)
        converted: dict[Any, LayerStack] = {}

        def columns(rows: Any, out: NDArray[np.floating]) -> NDArray[np.floating]:
            if rows.dtype not in converted:
                converted[rows.dtype] = replace(layers, samplers=tuple(s._cast(rows.dtype) for s in layers.samplers))
            return converted[rows.dtype].raw_columns(rows, out, paired=False)

        return columns, inputs

    @property
    def unpaired_order(self) -> NDArray[np.intp]:
        """Positions of the columns as `raw_columns` writes them with ``paired=False``."""
        pairs = np.arange(self.n_linked, self.n_columns)[: self.samplers[-1].n_components // 2 * 2].reshape(-1, 2)
        last = np.arange(self.n_linked + pairs.size, self.n_columns)
        return np.concatenate([np.arange(self.n_linked), pairs.T.ravel(), last])

    def raw_columns(self, X: Any, out: NDArray[np.floating] | None = None, paired: bool = True) -> NDArray[np.floating]:
        """Evaluate the network up to the output matrix, without `column_scale`.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.
        out : ndarray of shape (n_samples, n_columns), optional
            Receives the result.
        paired : bool, default=True
            Whether cosines and sines alternate; otherwise columns are in the order `unpaired_order`.

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
        self.samplers[-1]._raw_features(hidden, columns[:, self.n_linked :], paired=paired)
        return columns


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
    learn_features: bool = False,
    progress: Task = UNWATCHED,
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
    input_transform : {"auto", "quantile", "robust", None}
        Transform of the inputs.
    direct_link : bool
        Whether the transformed inputs reach the output matrix themselves.
    seed : int
        Seed of everything random; the layers of a wider network begin with those of a narrower one.
    penalty_given : bool, default=False
        Whether there is no penalty to choose; with a kernel that is fixed, too, nothing is searched.
    threads : int, default=1
        Threads for the search.
    learn_features : bool, default=False
        Whether length scales of the columns are learned, and compared with equal ones.
    progress : Task, optional
        The fit, of which the choice is a part.

    Returns
    -------
    layers : LayerStack
        Fitted.
    choice : Choice
        The kernel, its cross-validated penalty and the history of the search.
    """
    row_rng, fold_rng, learning_rng = np.random.default_rng(seed).spawn(3)
    seeds = tuple(int(word >> 1) for word in np.random.SeedSequence(seed).generate_state(len(n_components)))
    input_map = fitted_input_map(X, sample_weight, input_transform, row_rng)
    rows = sampled_rows(X.shape[0], _SEARCH_ROWS, row_rng)
    inputs = transform_inputs(input_map, X[rows])
    deviations = column_deviations(inputs, sample_weight[rows])
    link_scale = 1.0 / (vector_norm(deviations) or 1.0) if direct_link else None

    def features(candidate: Candidate, inputs: NDArray[np.floating], size: int) -> NDArray[np.floating]:
        sizes = tuple(min(size, n) for n in n_components)
        stack = LayerStack(None, link_scale, _build_samplers(candidate, sizes, inputs, seeds))
        return stack.columns(inputs)

    sample = distinct_rows(inputs, Y[rows], sample_weight[rows])
    options = _options(kernel, deviations)
    if len(options) == 1 and penalty_given and not learn_features:
        choice = Choice(options[0], None, [])
    else:
        with progress.part("choose-kernel", _n_choices(kernel, len(options), learn_features)) as done:
            if learn_features:
                options += _learned_options(kernel, sample[:3], learning_rng, threads, done)
            choice = search(options, features, *sample, fold_rng, threads, done)
    samplers = _build_samplers(choice.candidate, n_components, sample[0], seeds)
    return LayerStack(input_map, link_scale, samplers), choice


def _n_choices(kernel: Candidate, n_options: int, learn_features: bool) -> int:
    """Kernels that are tried at most, those with learned length scales included."""
    if not learn_features:
        return n_comparisons(n_options)
    n_families = len(kernel_families(kernel.activation, kernel.frequencies))
    return kernels_tried(n_families, True, True, decide=False) + n_comparisons(
        n_options + 2 * len(_LEARNED_FACTORS) * n_families
    )


def rows_looked_at(n_samples: int, input_transform: str | None, seed: int) -> tuple[Any, Any]:
    """Positions of the rows that `prepare_layers` looks at, whatever the rows are.

    Parameters
    ----------
    n_samples : int
        Number of training rows.
    input_transform : {"auto", "quantile", "robust", None}
        Transform of the inputs.
    seed : int
        The seed that `prepare_layers` is given.

    Returns
    -------
    quantile_rows, search_rows : slice or ndarray of int
        Increasing positions, ``slice(None)`` for all rows; the first is None without an input transform.

    Examples
    --------
    >>> rows_looked_at(100, None, seed=0)
    (None, slice(None, None, None))
    """
    rng = np.random.default_rng(seed).spawn(3)[0]
    for_quantiles = None if input_transform is None else quantile_rows(n_samples, rng)
    return for_quantiles, sampled_rows(n_samples, _SEARCH_ROWS, rng)


def _options(kernel: Candidate, deviations: NDArray[np.float64]) -> list[Candidate]:
    """Kernels to compare, with length scales around the typical one unless it is fixed."""

    def length_scales(activation: Any, directions: str, frequencies: str) -> list[Any]:
        if not isinstance(kernel.length_scale, str):
            return [kernel.length_scale]
        typical = typical_length_scale(deviations, spectrum_of(activation), directions, frequencies)
        return [factor * typical for factor in _LENGTH_FACTORS]

    return candidates(*kernel[:3], length_scales)


def _learned_options(
    kernel: Candidate,
    sample: tuple[Any, NDArray[np.float64], NDArray[np.float64]],
    rng: np.random.Generator,
    threads: int,
    done: Step,
) -> list[Candidate]:
    """Kernels with one learned length scale per column."""
    X, Y, sample_weight = sample
    if len(Y) < MIN_ROWS:
        return []
    X = X if isinstance(X, np.ndarray) else X.toarray()
    rows = unit_rows(X, Y, sample_weight, rng)
    families = kernel_families(kernel.activation, kernel.frequencies)
    fits = learned_kernels(SearchTask.of(*rows, None, threads, done), families, rng)
    deviations = column_deviations(X, sample_weight)
    return [each for fit in fits for each in _as_candidates(kernel.directions, fit, deviations)]


def _as_candidates(directions: str, fit: Fit, deviations: NDArray[np.float64]) -> list[Candidate]:
    """A learned kernel as layers of random features: along dense directions and, by columns, along sparse ones."""
    learned = fit.kernels[0]
    dense = "orthogonal" if learned.frequencies == "isotropic" else "gaussian"
    along = [directions] if directions != "auto" else [dense, "sparse"][: 1 if dense == "orthogonal" else 2]
    spectrum, coupling = spectrum_of(learned.activation), learned.frequencies
    units = [typical_length_scale(deviations * learned.scales, spectrum, each, coupling) for each in (dense, *along)]
    return [
        Candidate(learned.activation, each, coupling, factor * unit / units[0] / learned.scales)
        for each, unit in zip(along, units[1:], strict=True)
        for factor in _LEARNED_FACTORS
    ]
