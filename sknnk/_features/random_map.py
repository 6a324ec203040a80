"""Bundled layers, the input transform before and the direct link beside them, evaluated by row blocks."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._compute import Array, Floats, Indices
from .._data import QuantileMap, transform_inputs
from .._kernels import Kernel
from .column_products import column_products
from .fourier import feature_scale
from .layer_spec import Candidate
from .samplers import URFSampler


@dataclass(frozen=True, eq=False)
class RandomMap:
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
    whitening = None
    needs_float64 = False

    @property
    def n_linked(self) -> int:
        """Number of columns of the direct link."""
        return 0 if self.link_scale is None else self.samplers[0].n_features_in_

    @property
    def n_columns(self) -> int:
        """Number of columns in front of the output matrix."""
        return self.n_linked + self.samplers[-1].n_components

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernel that products of the columns approximate; of several layers that of the first."""
        sampler = self.samplers[0]
        scales = np.broadcast_to(1.0 / np.asarray(sampler.length_scale_, dtype=np.float64), sampler.n_features_in_)
        return (Kernel(sampler.activation, sampler.frequencies, scales),)

    @property
    def along_axes(self) -> bool:
        """Whether frequencies of the first layer are along learned combinations of the columns."""
        return bool(getattr(self.samplers[0], "_along_axes", False))

    @cached_property
    def column_scale(self) -> Array:
        """Factors of shape (n_columns,) between the raw columns and those of the network."""
        scale = np.ones(self.n_columns)
        scale[self.n_linked :] = feature_scale(self.samplers[-1].n_components)
        return scale

    @property
    def score_width(self) -> int:
        """Columns of a row that are in memory while scores are computed: all."""
        return self.n_columns

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

    def columns(self, X: Any) -> Floats:
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

    def cosines_first(self, X: Any) -> tuple[Callable[[Any, Floats], Floats], Any]:
        """Convert inputs and weights once, and return what evaluates blocks of them, all cosines before all sines.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.

        Returns
        -------
        columns : callable
            ``columns(rows of inputs, out)`` is `raw_columns` in the order `cosines_first_order`.
        inputs : {ndarray, CSR array} of shape (n_samples, n_features)
            Transformed, unless that would make a dense array of a sparse one.
        """
        layers, inputs = self, X
        if isinstance(X, np.ndarray):
            layers, inputs = self.of_transformed(), transform_inputs(self.input_map, X)
        converted: dict[Any, RandomMap] = {}

        def columns(rows: Any, out: Floats) -> Floats:
            if rows.dtype not in converted:
                converted[rows.dtype] = replace(layers, samplers=tuple(s._cast(rows.dtype) for s in layers.samplers))
            return converted[rows.dtype].raw_columns(rows, out, alternating=False)

        return columns, inputs

    @property
    def cosines_first_order(self) -> Indices:
        """Positions of the columns as `raw_columns` writes them with ``alternating=False``."""
        pairs = np.arange(self.n_linked, self.n_columns)[: self.samplers[-1].n_components // 2 * 2].reshape(-1, 2)
        last = np.arange(self.n_linked + pairs.size, self.n_columns)
        return np.concatenate([np.arange(self.n_linked), pairs.T.ravel(), last])

    def raw_columns(self, X: Any, out: Floats | None = None, alternating: bool = True) -> Floats:
        """Evaluate the network up to the output matrix, without `column_scale`.

        Parameters
        ----------
        X : {ndarray, CSR array} of shape (n_samples, n_features)
            Validated raw inputs.
        out : ndarray of shape (n_samples, n_columns), optional
            Receives the result.
        alternating : bool, default=True
            Whether cosines and sines alternate; otherwise columns are in the order `cosines_first_order`.

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
        self.samplers[-1]._raw_features(hidden, columns[:, self.n_linked :], alternating=alternating)
        return columns

    def write_scores(self, X: Any, weights: Floats, out: Floats) -> None:
        """Write products of raw columns and an output matrix to `out`; see :func:`column_products`."""
        column_products(self, X, weights, out)

    def of_transformed(self) -> "RandomMap":
        """The same columns, of inputs that are transformed already.

        Returns
        -------
        RandomMap
            Without an input transform.
        """
        return replace(self, input_map=None)


def build_samplers(
    kernel: Candidate, n_components: tuple[int, ...], inputs: Any, seeds: tuple[int, ...]
) -> tuple[URFSampler, ...]:
    """Fit one sampler per bundled layer, each on the features of the one before.

    The first layer has the kernel asked for. Later ones see rows on a sphere, where no coordinate means anything by
    itself: they share the activation and use isotropic orthogonal frequencies at their typical length scale.

    Parameters
    ----------
    kernel : Candidate
        Activation, directions, frequencies, length scale and axes.
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

    Examples
    --------
    >>> kernel = Candidate("gaussian", "orthogonal", "isotropic", 1.0)
    >>> first, second = build_samplers(kernel, (8, 6), np.eye(3), seeds=(0, 1))
    >>> first.n_features_in_, second.n_features_in_, second.n_components
    (3, 8, 6)
    """
    activation, directions, frequencies, length_scale, axes = kernel
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
        if axes is not None and len(samplers) == 1:
            samplers[0] = with_frequencies(sampler, own_frequencies(sampler), axes)
    return tuple(samplers)


def own_frequencies(sampler: URFSampler, axes: Floats | None = None) -> Array:
    """Frequency vectors of a fitted sampler in units of its length scale.

    Parameters
    ----------
    sampler : URFSampler
        Fitted.
    axes : ndarray of shape (n_features, n_features), optional
        Axes that its vectors are along.

    Returns
    -------
    ndarray of shape (n_features, n_frequencies)
        One vector a column.

    Examples
    --------
    >>> sampler = URFSampler("gaussian", n_components=4, length_scale=2.0, random_state=0).fit(np.eye(3))
    >>> np.allclose(own_frequencies(sampler), 2.0 * sampler.random_weights_)
    True
    """
    weights = sampler.random_weights_.astype(np.float64)
    along: Array = weights if axes is None else np.linalg.solve(axes, weights)
    return (along.T * sampler.length_scale_).T


def with_frequencies(sampler: URFSampler, frequencies: Floats, axes: Floats | None = None) -> URFSampler:
    """A fitted sampler with other frequency vectors.

    Parameters
    ----------
    sampler : URFSampler
        Fitted.
    frequencies : ndarray of shape (n_features, n_frequencies)
        One vector a column, in units of the length scale.
    axes : ndarray of shape (n_features, n_features), optional
        Combinations of the columns, one each, which the vectors are along.

    Returns
    -------
    URFSampler
        A copy.

    Examples
    --------
    >>> sampler = URFSampler("gaussian", n_components=4, length_scale=2.0, random_state=0).fit(np.eye(2))
    >>> with_frequencies(sampler, np.array([[1.0, 0.0], [0.0, 3.0]])).random_weights_
    array([[0.5, 0. ],
           [0. , 1.5]])
    """
    changed, weights = copy(sampler), (frequencies.T / sampler.length_scale_).T
    changed._projection, changed._along_axes = None, axes is not None
    changed.random_weights_ = (weights if axes is None else axes @ weights).astype(sampler.random_weights_.dtype)
    return changed
