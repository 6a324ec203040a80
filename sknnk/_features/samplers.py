"""URFSampler: universal random features as a scikit-learn transformer."""

import warnings
from copy import copy
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._compute import ArraySpace, Floats, Tensor
from .._kernels import ACTIVATIONS, column_deviations, numeric_length_scale, spectrum_of, typical_length_scale
from .directions import COUPLINGS, DIRECTIONS, frequencies, hadamard_frequencies
from .fourier import feature_scale, fourier_features
from .tensor_features import fourier_tensor
from .transformer import RandomFeatureSampler
from .unbiased import (
    UnbiasedMap,
    UnbiasedSpectrum,
    balanced_split,
    checked_weights,
    largest_norm,
    layer_spectrum,
    refuse_overflow,
    unbiased_map,
    unbiased_phi,
    unbiased_psi,
)

# From this many input columns on, the fast Hadamard product is faster than the dense one (measured on two cores).
_FAST_FROM = 2048
# Expected error, in standard deviations of the activation, from which on an estimate is useless.
_HOPELESS = 0.75
# Largest relative excess of a norm over the planned one that is taken for rounding.
_ROUNDING = 1e-5


def _estimates_layers(sampler: "URFSampler") -> bool:
    # After fit, what was fitted decides, not the parameter.
    if getattr(sampler, "_map", None) is None and (sampler.mode == "bounded" or hasattr(sampler, "spectrum_")):
        raise AttributeError(
            'transform_weights needs mode="unbiased" or "positive"; mode="bounded" estimates no layer.'
        )
    return True


class URFSampler(RandomFeatureSampler):
    """Universal random features: any activation as a random feature map.

    A layer ``f(w . x + b)`` is rewritten as a dot product of a map Phi of the input and a map Psi of the parameters.
    This transformer is Phi.

    *Bounded* mode is the mode for learning. Phi consists of pairs of cosines and sines. An unbiased estimate of a layer
    would also multiply each row by a factor, which is very large for outlying rows. This mode leaves it out. So rows of
    Phi have norm one, and

    ``Phi(x) . Phi(y)  ->  k(x, y)``  as  `n_components` grows,

    where ``k`` is the kernel of the activation. With isotropic frequencies it is ``kappa(|x - y| / length_scale)``.
    With coordinatewise frequencies it is the product of ``kappa(|x_j - y_j| / length_scale_j)`` over the columns.

    In *unbiased* mode `transform_weights` is Psi, and ``transform(X) @ transform_weights(W, b).T`` estimates
    ``activation(X @ W.T + b)``. The mean of the estimate over seeds is ``spectrum_(X @ W.T + b)``. It differs from the
    activation by at most ``spectrum_.max_error``, the bias. `fit` chooses the spectrum by the number of columns and the
    largest ``|x| |w|``. So more columns lower both the bias and the variance. The columns include a constant and, if it
    lowers the error, the input itself.

    Parameters
    ----------
    activation : str or callable, default="gaussian"
        ``"gaussian"``, ``"laplace"``, ``"cauchy"``, ``"sech"`` (named after the distribution of their frequencies:
        ``kappa(r)`` is ``exp(-r^2 / 2)``, ``1 / (1 + r^2)``, ``exp(-r)``, ``sech(r)``), ``"sin"``, ``"cos"``,
        ``"relu"``, ``"gelu"``, ``"silu"``, ``"tanh"``, ``"sigmoid"``, ``"softplus"``, ``"erf"``, ``"elu"``,
        ``"step"``, or any vectorised callable ``f(z) -> array``.
    n_components : int, default=100
        Number of columns. An odd number leaves the last cosine without its sine.
    length_scale : "scale", float or array-like of shape (n_features,), default="scale"
        The distance, in units of `X`, over which the kernel falls: much closer rows count as alike, and rows much
        farther apart as different. ``"scale"`` is the distance at which the kernel of two typical rows is ``1 / e``,
        for any activation, number of columns and common unit. For isotropic Gaussian frequencies it is the square root
        of the total variance.
    directions : {"gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="orthogonal"
        How the random directions are drawn. ``"gaussian"`` ones are independent. ``"orthogonal"`` ones have the lowest
        error for smooth kernels. With ``"sparse"`` every feature depends on one to three columns. ``"qmc"`` takes a
        quasi-random sequence. ``"hadamard"`` uses a transform that is fast for many columns.
    frequencies : {"isotropic", "coordinatewise"}, default="isotropic"
        ``"isotropic"`` draws one frequency for each direction: the kernel depends on the Euclidean distance.
        ``"coordinatewise"`` draws one for each entry of a direction: the kernel is a product over the columns, which is
        often better for tables.
    mode : {"bounded", "unbiased", "positive"}, default="bounded"
        ``"bounded"`` is for learning. ``"unbiased"`` estimates a given layer, by features that oscillate in the input
        and grow in the weights. In ``"positive"`` mode features grow in the input and oscillate in the weights, so
        random features are positive. These two modes do not use `length_scale`, because the weights fix the unit.
    weight_norm : float, default=1.0
        The largest norm of a row of weights that `transform_weights` will get. Its product with the largest norm of a
        row in `fit` is the range in which the spectrum is fitted. Biases may be up to half of this product.
    random_state : int, RandomState instance or None, default=None
        Source of the random weights. The same integer gives nested columns for growing `n_components` in bounded mode.

    Attributes
    ----------
    spectrum_ : Spectrum or UnbiasedSpectrum
        The activation as a sum of cosines, which can be called like a function. Except in bounded mode it has the
        attributes `max_error` (of the series, on the range of the fit) and `variance_bound` (of an estimate with
        independent directions).
    random_weights_ : ndarray of shape (n_features, n_frequencies)
        Frequency vectors, already divided by the length scale; ``n_frequencies = ceil(n_components / 2)`` in bounded
        mode.
    length_scale_ : float or ndarray of shape (n_features,)
        The length scale in use.
    input_norm_ : float
        The largest norm of a row in `fit`; not in bounded mode.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, when `X` has string column names.

    See Also
    --------
    ArcCosineSampler : The ReLU-SNNK.
    sklearn.kernel_approximation.RBFSampler : Random Fourier features of the RBF kernel alone.

    References
    ----------
    Sehanobish et al., "Scalable Neural Network Kernels", ICLR 2024, arXiv 2310.13225, section 3;
    Rahimi and Recht, "Random features for large-scale kernel machines", NeurIPS 2007;
    Yu et al., "Orthogonal random features", NeurIPS 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknnk import URFSampler
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(URFSampler("gelu", n_components=200, random_state=0), Ridge()).fit(X, y)
    >>> model[0].transform(X).shape
    (442, 200)

    A layer of two units, estimated:

    >>> import numpy as np
    >>> X, W = np.eye(4), np.array([[0.5, -0.5, 0.5, 0.5], [0.1, 0.2, 0.3, 0.4]])
    >>> sampler = URFSampler("tanh", n_components=2000, mode="unbiased", random_state=0).fit(X)
    >>> error = sampler.transform(X) @ sampler.transform_weights(W).T - np.tanh(X @ W.T)
    >>> bool(np.abs(error).max() < 0.05)
    True
    """

    __module__ = "sknnk"

    _parameter_constraints: dict = {
        "activation": [StrOptions(set(ACTIVATIONS)), callable],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "length_scale": [StrOptions({"scale"}), Interval(Real, 0, None, closed="neither"), "array-like"],
        "directions": [StrOptions(set(DIRECTIONS))],
        "frequencies": [StrOptions(set(COUPLINGS))],
        "mode": [StrOptions({"bounded", "unbiased", "positive"})],
        "weight_norm": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        activation="gaussian",
        *,
        n_components=100,
        length_scale="scale",
        directions="orthogonal",
        frequencies="isotropic",
        mode="bounded",
        weight_norm=1.0,
        random_state=None,
    ):
        self.activation = activation
        self.n_components = n_components
        self.length_scale = length_scale
        self.directions = directions
        self.frequencies = frequencies
        self.mode = mode
        self.weight_norm = weight_norm
        self.random_state = random_state

    def _draw(self, X: Any, rng: np.random.Generator) -> None:
        self._map: UnbiasedMap | None = None
        self._projection: Any = None
        if self.mode != "bounded":
            self._draw_layer(X, rng)
            return
        deviations = column_deviations(X)
        self.spectrum_: Any = spectrum_of(self.activation)
        self.length_scale_ = numeric_length_scale(self.length_scale, deviations.size)
        if self.length_scale_ is None:
            self.length_scale_ = typical_length_scale(deviations, self.spectrum_, self.directions, self.frequencies)
        n_frequencies = self._n_frequencies()
        if self._has_fast_product(deviations.size):
            projection = hadamard_frequencies(deviations.size, n_frequencies, self.spectrum_.scales, rng)
            self._projection = projection.scaled(1.0 / self.length_scale_, np.ones(n_frequencies))
            self.random_weights_ = self._projection.matrix().astype(X.dtype)
            return
        weights = frequencies(
            deviations.size,
            n_frequencies,
            scale_quantile=self.spectrum_.scales,
            directions=self.directions,
            coupling=self.frequencies,
            rng=rng,
        )
        self.random_weights_ = (weights.T / self.length_scale_).T.astype(X.dtype, copy=False)

    def _has_fast_product(self, n_features: int) -> bool:
        return self.directions == "hadamard" and self.frequencies == "isotropic" and n_features >= _FAST_FROM

    def _draw_layer(self, X: Any, rng: np.random.Generator) -> None:
        """Plan and draw for the estimation of a layer."""
        if self.frequencies != "isotropic" or self.directions == "sparse":
            raise ValueError(
                f"mode={self.mode!r} with directions={self.directions!r} and frequencies={self.frequencies!r} is not "
                'unbiased; use frequencies="isotropic" and any directions but "sparse", or mode="bounded".'
            )
        trigonometric, n_features = self.mode == "unbiased", X.shape[1]
        self.length_scale_, self.input_norm_ = 1.0, largest_norm(X)
        refuse_overflow("X has a row of norm", self.input_norm_, X.dtype)
        refuse_overflow("weight_norm is", float(self.weight_norm), np.float64)
        norms = (self.input_norm_ or 1.0, float(self.weight_norm))
        sides = norms if trigonometric else norms[::-1]
        series = layer_spectrum(self.activation, self._n_features_out, n_features, *sides, 1.5 * norms[0] * norms[1])
        self._warn_if_hopeless(series, norms)
        self.spectrum_, self._coupling = series, self.directions
        self._map, weights = unbiased_map(
            "trigonometric" if trigonometric else "positive",
            DIRECTIONS[self.directions](n_features, int(series.counts.sum()), rng),
            balanced_split(series.frequencies, *sides, n_features),
            series.frequencies,
            series.amplitudes,
            series.counts,
            constant=series.constant,
            slope=series.slope,
            n_components=self._n_features_out,
            input_norm=norms[0],
        )
        self.random_weights_ = weights.astype(X.dtype, copy=False)

    def _warn_if_hopeless(self, series: UnbiasedSpectrum, norms: tuple[float, float]) -> None:
        if series.relative_error > _HOPELESS:
            warnings.warn(
                f"n_components={self.n_components} cannot estimate activation={self.activation!r} for rows up to "
                f"{norms[0]:.3g} and weight_norm={norms[1]:.3g}: the error is {series.relative_error:.2g} standard "
                "deviations of it. Scale X or the weights until the product of their norms is about 1, use more "
                'n_components, or mode="bounded" to learn from the features.',
                stacklevel=5,
            )

    @available_if(_estimates_layers)
    def transform_weights(self, W: Any, b: Any = None) -> Floats:
        """Evaluate Psi, the other half of the estimate of a layer.

        Parameters
        ----------
        W : array-like of shape (n_units, n_features)
            Weights, one unit a row.
        b : array-like of shape (n_units,), optional
            Biases; zero when not given.

        Returns
        -------
        ndarray of shape (n_units, n_components)
            ``transform(X) @ transform_weights(W, b).T`` estimates ``activation(X @ W.T + b)``. In the dtype of `W`.

        Raises
        ------
        ValueError
            If `W` or `b` hold NaN or infinity, do not fit the input or each other, or have squares that overflow, or if
            the features do not fit into the memory of the machine.
        """
        check_is_fitted(self)
        W, b = checked_weights(W, b, self.n_features_in_)
        self._refuse_beyond_memory("features", (len(W), self._n_features_out), W.dtype)
        layer, largest, bias = self._map, largest_norm(W), float(np.max(np.abs(b), initial=0.0))
        assert layer is not None
        refuse_overflow("W has a row of norm", largest, W.dtype)
        needed = max(largest, 2.0 * bias / layer.input_norm)
        if needed > self.spectrum_.half_width / (1.5 * layer.input_norm) * (1.0 + _ROUNDING):
            warnings.warn(
                f"W has norms up to {largest:.3g} and b values up to {bias:.3g}, beyond what weight_norm was set for: "
                f"estimates are biased there. Fit with weight_norm={needed:.3g} or more.",
                stacklevel=2,
            )
        return unbiased_psi(layer, self.random_weights_, W, b) / W.dtype.type(feature_scale(self._n_features_out))

    def _check_range(self, X: Any) -> None:
        super()._check_range(X)
        if self._map is None:
            return
        largest, reach = largest_norm(X), self._map.input_norm
        if largest > reach * (1.0 + _ROUNDING):
            needed = self.spectrum_.half_width * largest / (1.5 * reach**2)
            warnings.warn(
                f"X has a row of norm {largest:.5g}, and the largest in fit was {reach:.5g}: estimates are biased "
                f"there. Fit to rows as large, or with weight_norm={needed:.5g}.",
                stacklevel=3,
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = self.mode == "bounded"
        return tags

    def _check_takes_tensors(self) -> None:
        if self._map is not None:
            raise ValueError(
                f'mode={self.mode!r} runs on arrays of NumPy alone; use mode="bounded" with tensors, or pass X as an '
                "array of NumPy."
            )

    def _tensor_features(self, space: ArraySpace, X: Tensor, scale: float = 1.0) -> Tensor:
        weights = space.xp.astype(self.random_weights_, X.dtype, copy=False)
        return fourier_tensor(space, X, weights, self._n_features_out, scale)

    def _cast(self, dtype: Any) -> "URFSampler":
        """A copy with weights of this dtype, so that they are not converted for every block of rows."""
        sampler = copy(self)
        sampler.random_weights_ = self.random_weights_.astype(dtype, copy=False)
        return sampler

    def _raw_features(self, X: Any, out: Floats, scale: float = 1.0, alternating: bool = True) -> None:
        weights = self.random_weights_.astype(X.dtype, copy=False)
        if self._projection is not None and isinstance(X, np.ndarray):
            fourier_features(X, self._projection, out, scale, alternating)
        elif self._map is None:
            fourier_features(X, weights, out, scale, alternating)
        else:
            unbiased_phi(self._map, weights, X, out, scale)


def unbiased_map_of(sampler: URFSampler) -> UnbiasedMap | None:
    """Give the plan behind the features of a fitted sampler.

    Parameters
    ----------
    sampler : URFSampler
        Fitted.

    Returns
    -------
    UnbiasedMap or None
        None in bounded mode.
    """
    return sampler._map
