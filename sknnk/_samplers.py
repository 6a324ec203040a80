"""URFSampler and ArcCosineSampler: random feature maps as scikit-learn transformers."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ._blocks import n_threads, over_threads, row_blocks
from ._directions import COUPLINGS, DIRECTIONS, frequencies
from ._features import arc_cosine_features, feature_scale, fourier_features
from ._length_scales import column_deviations, numeric_length_scale, typical_length_scale
from ._spectra import ACTIVATIONS, spectrum_of

# Features in a block of transform: they stay in a core's cache while they are computed.
_CACHE_ENTRIES = 2**17


class _RandomFeatureSampler(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Validation, scaling and blocks shared by the samplers; subclasses draw weights and evaluate Phi."""

    def fit(self, X: Any, y: Any = None) -> "_RandomFeatureSampler":
        """Draw the random weights for the number, scale and dtype of the columns of `X`.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows. Only their shape, dtype and, with ``length_scale="scale"``, their variances are used.
        y : None
            Ignored.

        Returns
        -------
        object
            The fitted transformer itself.

        Raises
        ------
        ValueError
            If `X` holds NaN or infinity, is empty, or `length_scale` has a wrong shape, is not positive or too small.
        """
        self._validate_params()
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._n_features_out = int(self.n_components)
        with np.errstate(over="ignore"):
            self._draw(column_deviations(X), np.random.default_rng(seed), X.dtype)
        if not np.isfinite(self.random_weights_).all():
            raise ValueError(
                f"length_scale={self.length_scale!r} comes to {np.min(self.length_scale_):.3g}, and random weights "
                f"divided by it overflow {X.dtype}; give a larger length_scale, or rescale X."
            )
        return self

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Evaluate Phi.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The features, in the dtype of `X` (float64 or float32). ``Phi(x) . Phi(y)`` estimates the kernel.

        Raises
        ------
        ValueError
            If `X` holds NaN, infinity, values so large that a projection overflows, or another number of columns than
            in `fit`.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        self._check_range(X)
        return self._phi(X, n_threads(None))

    def _phi(self, X: Any, threads: int = 1) -> NDArray[np.floating]:
        """Phi of validated rows, block by block into one array."""
        features = np.empty((X.shape[0], self._n_features_out), dtype=X.dtype)
        scale = feature_scale(self._n_features_out)

        def evaluate(rows: slice) -> None:
            self._raw_features(X[rows], features[rows], scale)

        blocks = row_blocks(X.shape[0], max(_CACHE_ENTRIES // self._n_features_out, 16))
        over_threads(evaluate, [(rows,) for rows in blocks], threads)
        return features

    def _check_range(self, X: Any) -> None:
        values = X if isinstance(X, np.ndarray) else X.data
        largest = float(np.max(np.abs(values), initial=0.0))
        weight = float(np.max(np.sum(np.abs(self.random_weights_), axis=0, dtype=np.float64), initial=0.0))
        # The root leaves room for the square in arc-cosine features of degree two.
        if not largest * weight < float(np.finfo(X.dtype).max) ** 0.5:
            raise ValueError(
                f"X holds values up to {largest:.3g}, which overflow {X.dtype} at length_scale={self.length_scale!r}; "
                "rescale X or fit with a larger length_scale."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class URFSampler(_RandomFeatureSampler):
    """Universal random features: any activation as a random feature map.

    A layer ``f(w . x + b)`` is rewritten as a dot product of a map Phi of the input and a map Psi of the parameters.
    This transformer is Phi in *bounded* mode: pairs of cosines and sines, without the envelope that an unbiased
    estimate of the layer needs and that one outlying row would blow up. Its rows have norm one and

    ``Phi(x) . Phi(y)  ->  k(x, y)``  as  `n_components` grows,

    where ``k`` is the kernel of the activation: ``kappa(|x - y| / length_scale)`` with isotropic frequencies, the
    product of ``kappa(|x_j - y_j| / length_scale_j)`` over the columns with coordinatewise ones.

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
        The distance, in units of `X`, over which features vary. ``"scale"`` sets it so that the kernel of two typical
        rows is ``1 / e``, whatever the activation, the number of columns and their common unit; for isotropic Gaussian
        frequencies that is the square root of the total variance.
    directions : {"gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="orthogonal"
        How the random directions are coupled. ``"orthogonal"`` has the lowest error for smooth kernels; ``"sparse"``
        makes every feature depend on one to three columns.
    frequencies : {"isotropic", "coordinatewise"}, default="isotropic"
        One frequency per direction (a kernel of the Euclidean distance), or one per entry (a product kernel, often
        better for tables).
    random_state : int, RandomState instance or None, default=None
        Source of the random weights. The same integer gives nested columns for growing `n_components`.

    Attributes
    ----------
    spectrum_ : Spectrum
        The activation as a sum of cosines.
    random_weights_ : ndarray of shape (n_features, n_frequencies)
        Frequency vectors, already divided by the length scale; ``n_frequencies = ceil(n_components / 2)``.
    length_scale_ : float or ndarray of shape (n_features,)
        The length scale in use.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
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
    """

    _parameter_constraints: dict = {
        "activation": [StrOptions(set(ACTIVATIONS)), callable],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "length_scale": [StrOptions({"scale"}), Interval(Real, 0, None, closed="neither"), "array-like"],
        "directions": [StrOptions(set(DIRECTIONS))],
        "frequencies": [StrOptions(set(COUPLINGS))],
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
        random_state=None,
    ):
        self.activation = activation
        self.n_components = n_components
        self.length_scale = length_scale
        self.directions = directions
        self.frequencies = frequencies
        self.random_state = random_state

    def _draw(self, deviations: NDArray[np.float64], rng: np.random.Generator, dtype: Any) -> None:
        self.spectrum_ = spectrum_of(self.activation)
        self.length_scale_ = numeric_length_scale(self.length_scale, deviations.size)
        if self.length_scale_ is None:
            self.length_scale_ = typical_length_scale(deviations, self.spectrum_, self.directions, self.frequencies)
        weights = frequencies(
            deviations.size,
            -(-self._n_features_out // 2),
            scale_quantile=self.spectrum_.scales,
            directions=self.directions,
            coupling=self.frequencies,
            rng=rng,
        )
        self.random_weights_ = (weights.T / self.length_scale_).T.astype(dtype, copy=False)

    def _raw_features(self, X: Any, out: NDArray[np.floating], scale: float = 1.0) -> None:
        fourier_features(X, self.random_weights_.astype(X.dtype, copy=False), out, scale)


class ArcCosineSampler(_RandomFeatureSampler):
    """Arc-cosine random features: the ReLU-SNNK and its relatives.

    ``Phi(x) = sqrt(2 / m) max(0, G x)^degree`` with standard normal rows of ``G``; ``Phi(x) . Phi(y)`` estimates the
    arc-cosine kernel of Cho and Saul, the kernel of an infinitely wide layer of step, ReLU or squared ReLU units.
    It does not equal ``relu(w . x)``: it is a kernel of its own.

    Parameters
    ----------
    degree : {0, 1, 2}, default=1
        0 the step function, 1 ReLU, 2 squared ReLU.
    n_components : int, default=100
        Number of columns.
    length_scale : "scale", float or array-like of shape (n_features,), default="scale"
        `X` is divided by it before the bias is appended. ``"scale"`` is the square root of the total variance.
    bias : float, default=1.0
        Value of the additional constant input; zero makes the features homogeneous in `X`.
    directions : {"gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="orthogonal"
        How the random directions are coupled.
    random_state : int, RandomState instance or None, default=None
        Source of the random weights. The same integer gives nested columns for growing `n_components`.

    Attributes
    ----------
    random_weights_ : ndarray of shape (n_features, n_components)
        Random directions, already divided by the length scale.
    random_offset_ : ndarray of shape (n_components,)
        The share of the bias in every projection.
    length_scale_ : float or ndarray of shape (n_features,)
        The length scale in use.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, when `X` has string column names.

    See Also
    --------
    URFSampler : Bounded features for any activation.

    References
    ----------
    Cho and Saul, "Kernel methods for deep learning", NeurIPS 2009; Sehanobish et al., "Scalable Neural Network
    Kernels", ICLR 2024, arXiv 2310.13225, section 3.3.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sknnk import ArcCosineSampler
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ArcCosineSampler(degree=1, n_components=64, random_state=0).fit_transform(X).shape
    (442, 64)
    """

    _parameter_constraints: dict = {
        "degree": [Interval(Integral, 0, 2, closed="both")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "length_scale": [StrOptions({"scale"}), Interval(Real, 0, None, closed="neither"), "array-like"],
        "bias": [Interval(Real, None, None, closed="neither")],
        "directions": [StrOptions(set(DIRECTIONS))],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        degree=1,
        *,
        n_components=100,
        length_scale="scale",
        bias=1.0,
        directions="orthogonal",
        random_state=None,
    ):
        self.degree = degree
        self.n_components = n_components
        self.length_scale = length_scale
        self.bias = bias
        self.directions = directions
        self.random_state = random_state

    def _draw(self, deviations: NDArray[np.float64], rng: np.random.Generator, dtype: Any) -> None:
        self.length_scale_ = numeric_length_scale(self.length_scale, deviations.size)
        if self.length_scale_ is None:
            self.length_scale_ = typical_length_scale(deviations, spectrum_of("gaussian"), "gaussian", "isotropic")
        # The bias is one more input coordinate, so one more row of directions.
        weights = DIRECTIONS[self.directions](deviations.size + 1, self._n_features_out, rng)
        self.random_weights_ = (weights[:-1].T / self.length_scale_).T.astype(dtype, copy=False)
        self._degree = self.degree
        self.random_offset_ = (self.bias * weights[-1]).astype(dtype, copy=False)

    def _raw_features(self, X: Any, out: NDArray[np.floating], scale: float = 1.0) -> None:
        weights = self.random_weights_.astype(X.dtype, copy=False)
        arc_cosine_features(X, weights, self.random_offset_.astype(X.dtype, copy=False), self._degree, out, scale)
