"""ArcCosineSampler: arc-cosine random features as a scikit-learn transformer."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._compute import ArraySpace, Floats, Tensor, is_tensor
from .._kernels import column_deviations, numeric_length_scale, spectrum_of, typical_length_scale
from .directions import DIRECTIONS
from .fourier import arc_cosine_features, feature_scale
from .tensor_features import arc_cosine_tensor
from .transformer import RandomFeatureSampler
from .unbiased import checked_weights


class ArcCosineSampler(RandomFeatureSampler):
    """Arc-cosine random features: the ReLU-SNNK and its relatives.

    The features are ``Phi(x) = sqrt(2 / m) max(0, G x)^degree`` with standard normal rows of ``G``. Their dot products
    estimate the arc-cosine kernel of Cho and Saul. This is the kernel of an infinitely wide layer of step, ReLU or
    squared ReLU units. It is no estimate of a given layer ``relu(w . x)``; see ``mode="unbiased"`` of
    :class:`URFSampler`.

    Parameters
    ----------
    degree : {0, 1, 2}, default=1
        0 is the step function, 1 is ReLU, 2 is squared ReLU.
    n_components : int, default=100
        Number of columns.
    length_scale : "scale", float or array-like of shape (n_features,), default="scale"
        `X` is divided by this number, or each column by its own. ``"scale"`` is the square root of the total variance.
    bias : float, default=1.0
        Value of a constant input that is added as one more column. With zero, features of ``2 * X`` are ``2 ** degree``
        times those of `X`.
    directions : {"gaussian", "orthogonal", "sparse", "qmc", "hadamard"}, default="orthogonal"
        How the random directions are drawn, as in :class:`URFSampler`.
    random_state : int, RandomState instance or None, default=None
        Source of the random weights. The same integer gives nested columns for growing `n_components`.

    Attributes
    ----------
    random_weights_ : ndarray of shape (n_features, n_components)
        Random directions, already divided by the length scale.
    random_offset_ : ndarray of shape (n_components,)
        The bias times its direction: an offset that is added to every projection.
    length_scale_ : float or ndarray of shape (n_features,)
        The length scale in use.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
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

    __module__ = "sknnk"

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

    def _draw(self, X: Any, rng: np.random.Generator) -> None:
        deviations = column_deviations(X)
        self.length_scale_ = numeric_length_scale(self.length_scale, deviations.size)
        if self.length_scale_ is None:
            self.length_scale_ = typical_length_scale(deviations, spectrum_of("gaussian"), "gaussian", "isotropic")
        # The bias is one more input coordinate, so one more row of directions.
        weights = DIRECTIONS[self.directions](deviations.size + 1, self._n_features_out, rng)
        self.random_weights_ = (weights[:-1].T / self.length_scale_).T.astype(X.dtype, copy=False)
        self._degree, self._bias = self.degree, float(self.bias)
        self.random_offset_ = (self.bias * weights[-1]).astype(X.dtype, copy=False)

    def _n_frequencies(self) -> int:
        return self._n_features_out

    def transform_weights(self, W: Any, b: Any = None) -> Floats:
        """Evaluate Psi, which for this kernel is the same map as Phi.

        Parameters
        ----------
        W : array-like of shape (n_units, n_features)
            Weights of a layer, one unit a row.
        b : array-like of shape (n_units,), optional
            Biases; zero when not given.

        Returns
        -------
        ndarray of shape (n_units, n_components)
            ``transform(X) @ transform_weights(W, b).T`` estimates the arc-cosine kernel between the rows, divided by
            the length scale and with `bias` appended, and the weights, multiplied by the length scale and with
            ``b / bias`` appended: the dot product of these two vectors is ``w . x + b``. In the dtype of `W`.

        Raises
        ------
        ValueError
            If `W` or `b` hold NaN or infinity or do not fit, or if there are biases although the sampler has none.

        Examples
        --------
        >>> import numpy as np
        >>> from sknnk import ArcCosineSampler
        >>> x = np.array([[0.6, 0.8]])
        >>> sampler = ArcCosineSampler(n_components=4000, length_scale=1.0, bias=0.0, random_state=0).fit(x)
        >>> round(float((sampler.transform(x) @ sampler.transform_weights(x).T)[0, 0]), 1)  # |x| |w| for parallel ones
        1.0
        """
        check_is_fitted(self)
        if is_tensor(self.random_weights_):
            raise ValueError("transform_weights runs on arrays of NumPy alone; use sknnk.to_numpy(sampler).")
        W, b = checked_weights(W, b, self.n_features_in_)
        if self._bias == 0.0 and np.any(b):
            raise ValueError("b must be None or zero for a sampler fitted with bias=0; fit with bias=1.")
        self._refuse_beyond_memory("features", (len(W), self._n_features_out), W.dtype)
        # Directions are stored divided by the length scale, once for the rows and once more for the weights.
        units = (W * np.square(self.length_scale_)).astype(W.dtype, copy=False)
        offset = np.multiply.outer(b / (self._bias or 1.0) ** 2, self.random_offset_).astype(W.dtype, copy=False)
        psi = np.empty((len(W), self._n_features_out), dtype=W.dtype)
        weights = self.random_weights_.astype(W.dtype, copy=False)
        return arc_cosine_features(units, weights, offset, self._degree, psi, feature_scale(self._n_features_out))

    def _raw_features(self, X: Any, out: Floats, scale: float = 1.0) -> None:
        weights = self.random_weights_.astype(X.dtype, copy=False)
        arc_cosine_features(X, weights, self.random_offset_.astype(X.dtype, copy=False), self._degree, out, scale)

    def _tensor_features(self, space: ArraySpace, X: Tensor, scale: float = 1.0) -> Tensor:
        weights, offset = (
            space.xp.astype(each, X.dtype, copy=False) for each in (self.random_weights_, self.random_offset_)
        )
        return arc_cosine_tensor(space, X, weights, offset, self._degree, scale)


def degree_of(sampler: ArcCosineSampler) -> int:
    """Give the degree of the features of a fitted sampler.

    Parameters
    ----------
    sampler : ArcCosineSampler
        Fitted.

    Returns
    -------
    int
        What `degree` was in `fit`.
    """
    return sampler._degree
