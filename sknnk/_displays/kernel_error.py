"""KernelErrorDisplay: how the error of a random feature map falls with its number of columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, check_random_state

from .._compute import Array
from .._features import ArcCosineSampler, URFSampler, named_function
from .._kernels import activation_name


class KernelErrorDisplay:
    """Root mean square error of an estimated kernel, or of an estimated layer, against the number of columns.

    The line is the mean over repetitions with different seeds, and the band holds all of them. Both axes are
    logarithmic. A random error without bias falls along a line of slope -1/2, which is drawn for comparison. Where a
    curve becomes flat, the rest of its error is bias.

    Use :meth:`from_estimator`; all parameters are stored as attributes.

    Parameters
    ----------
    n_components : ndarray of shape (n_counts,)
        Numbers of columns.
    errors : ndarray of shape (n_counts, n_repeats)
        Root mean square error of each repetition.
    name : str, default=None
        Label of the line.
    quantity : {"kernel", "layer"}, default="kernel"
        What was estimated.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, once drawn.
    figure_ : matplotlib Figure
        Their figure.
    line_ : matplotlib Line2D
        Mean errors.
    band_ : matplotlib artist
        From the least to the largest error.
    reference_line_ : matplotlib Line2D or None
        The line of slope -1/2.

    See Also
    --------
    URFSampler : Its kernel, and in unbiased mode its estimates of layers.
    ArcCosineSampler : Its kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk import KernelErrorDisplay, URFSampler
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> display = KernelErrorDisplay.from_estimator(URFSampler(), X, n_components=(10, 100, 1000))
    >>> display.errors.shape
    (3, 10)
    """

    __module__ = "sknnk"

    def __init__(self, *, n_components: Any, errors: Any, name: str | None = None, quantity: str = "kernel") -> None:
        self.n_components = n_components
        self.errors = errors
        self.name = name
        self.quantity = quantity

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        W: Any = None,
        b: Any = None,
        *,
        n_components: Sequence[int] = (64, 128, 256, 512, 1024, 2048),
        n_repeats: int = 10,
        exact: Any = None,
        random_state: Any = 0,
        name: str | None = None,
        ax: Any = None,
        reference: bool = True,
        line_kw: Mapping[str, Any] | None = None,
        band_kw: Mapping[str, Any] | None = None,
    ) -> "KernelErrorDisplay":
        """Fit copies of a sampler and draw their errors.

        Parameters
        ----------
        estimator : URFSampler or ArcCosineSampler
            Need not be fitted.
        X : array-like of shape (n_samples, n_features)
            Rows: the samplers are fitted to them, and the kernel is estimated between them.
        W : array-like of shape (n_units, n_features), default=None
            Weights of a layer to be estimated in place of the kernel, by a sampler in unbiased mode.
        b : array-like of shape (n_units,), default=None
            Its biases.
        n_components : sequence of int
            Numbers of columns to try.
        n_repeats : int, default=10
            Random states for each number.
        exact : array-like of shape (n_samples, n_samples) or (n_samples, n_units), default=None
            What the estimates are compared with; None is the kernel or the layer itself, where it is known.
        random_state : int, RandomState instance or None, default=0
            Source of the random states.
        name : str, default=None
            Label of the line; None is the activation of the sampler.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        reference : bool, default=True
            Whether to draw a line of slope -1/2.
        line_kw, band_kw : dict, default=None
            Passed to ``ax.plot`` and ``ax.fill_between``.

        Returns
        -------
        KernelErrorDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the exact kernel is not known and not given.
        """
        rows = check_array(X, dtype=np.float64, input_name="X")
        seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_repeats)
        errors = np.empty((len(n_components), n_repeats))
        for place, repeat in np.ndindex(errors.shape):
            setting = {"n_components": int(n_components[place]), "random_state": int(seeds[repeat])}
            sampler = clone(estimator).set_params(**setting).fit(rows)
            difference = _estimate(sampler, rows, W, b) - _target(sampler, rows, W, b, exact)
            errors[place, repeat] = np.sqrt(np.mean(difference**2))
        display = cls(
            n_components=np.asarray(n_components),
            errors=errors,
            name=name or _default_name(estimator),
            quantity="kernel" if W is None else "layer",
        )
        return display.plot(ax, reference=reference, line_kw=line_kw, band_kw=band_kw)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        reference: bool = True,
        line_kw: Mapping[str, Any] | None = None,
        band_kw: Mapping[str, Any] | None = None,
    ) -> "KernelErrorDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Label of the line; None is that of the display.
        reference : bool, default=True
            Whether to draw a line of slope -1/2.
        line_kw, band_kw : dict, default=None
            Passed to ``ax.plot`` and ``ax.fill_between``.

        Returns
        -------
        KernelErrorDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        self.ax_, self.figure_, counts = ax, ax.figure, np.asarray(self.n_components)
        mean = np.mean(self.errors, axis=1)
        (self.line_,) = ax.plot(counts, mean, **{"label": name or self.name, "marker": "o", **(line_kw or {})})
        fill = {"color": self.line_.get_color(), "alpha": 0.2, "linewidth": 0.0, **(band_kw or {})}
        self.band_ = ax.fill_between(counts, np.min(self.errors, axis=1), np.max(self.errors, axis=1), **fill)
        self.reference_line_ = None
        if reference:
            slope = mean[0] * np.sqrt(counts[0] / counts)
            style = {"color": "0.5", "linestyle": ":", "zorder": 0, "label": "slope -1/2"}
            (self.reference_line_,) = ax.plot(counts, slope, **style)
        ax.set(xscale="log", yscale="log", xlabel="Number of columns", ylabel=f"RMS error of the {self.quantity}")
        if ax.get_legend_handles_labels()[1]:
            ax.legend(loc="best")
        return self


def _estimate(sampler: URFSampler | ArcCosineSampler, X: Array, W: Any, b: Any) -> Array:
    phi = sampler.transform(X)
    return np.asarray(phi @ (phi if W is None else sampler.transform_weights(W, b)).T)


def _target(sampler: URFSampler | ArcCosineSampler, X: Array, W: Any, b: Any, exact: Any) -> Array:
    """What a fitted sampler estimates."""
    if exact is not None:
        return np.asarray(exact, dtype=np.float64)
    if isinstance(sampler, ArcCosineSampler):
        return _arc_cosine_target(sampler, X, W, b)
    if W is not None:
        _, function = named_function(sampler.activation)
        return np.asarray(function(X @ np.transpose(W) + (0.0 if b is None else np.asarray(b))), dtype=np.float64)
    if sampler.mode != "bounded" or sampler.directions == "sparse":
        raise ValueError(
            f"The kernel of {sampler!r} has no closed form; pass it as exact, or weights W to see the error of a layer."
        )
    rows = X / sampler.length_scale_
    differences = np.abs(rows[:, None] - rows[None])
    if sampler.frequencies == "isotropic":
        return np.asarray(sampler.spectrum_.kernel(np.linalg.norm(differences, axis=2)))
    return np.asarray(np.prod(sampler.spectrum_.kernel(differences), axis=2))


def _arc_cosine_target(sampler: ArcCosineSampler, X: Array, W: Any, b: Any) -> Array:
    """Cho and Saul (2009), equations 3 and 5 to 8."""
    rows = np.column_stack([X / sampler.length_scale_, np.full(len(X), sampler.bias)])
    units = rows
    if W is not None:
        weights = np.asarray(W) * sampler.length_scale_
        bias = np.zeros(len(weights)) if b is None else np.asarray(b) / (sampler.bias or 1.0)
        units = np.column_stack([weights, bias])
    norms = np.multiply.outer(np.linalg.norm(rows, axis=1), np.linalg.norm(units, axis=1))
    cosine = np.clip(rows @ units.T / np.maximum(norms, np.finfo(np.float64).tiny), -1.0, 1.0)
    sine, opening = np.sqrt(1.0 - cosine**2), np.pi - np.arccos(cosine)
    if sampler.degree == 0:
        return np.asarray(opening / np.pi)
    if sampler.degree == 1:
        return np.asarray(norms * (sine + opening * cosine) / np.pi)
    return np.asarray(norms**2 * (3.0 * sine * cosine + opening * (1.0 + 2.0 * cosine**2)) / np.pi)


def _default_name(estimator: Any) -> str:
    if isinstance(estimator, ArcCosineSampler):
        return f"arc-cosine, degree {estimator.degree}"
    return activation_name(estimator.activation)
