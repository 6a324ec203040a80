"""What the random feature maps share as transformers of scikit-learn: validation, scaling, memory and blocks."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils._array_api import check_same_namespace
from sklearn.utils.validation import check_is_fitted, validate_data

from .._compute import (
    ArraySpace,
    Floats,
    Tensor,
    block_length,
    is_tensor,
    n_threads,
    on_host,
    over_threads,
    refuse_beyond_memory,
    row_blocks,
    space_of,
)
from .._data import nonfinite_placed, refuse_no_table, refuse_text, text_named
from .._integration import IntegratedEstimator, draft_of, replace_attributes, reports_progress
from .fourier import feature_scale
from .tensor_features import check_tensor_range
from .unbiased import largest_entry


class RandomFeatureSampler(
    IntegratedEstimator,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Validation, scaling and blocks shared by the samplers; subclasses draw weights and evaluate Phi."""

    @reports_progress(n_parts=0)
    def fit(self, X: Any, y: Any = None) -> "RandomFeatureSampler":
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
            If `X` holds NaN or infinity, is empty, or `length_scale` has a wrong shape, is not positive or too small,
            or the random weights do not fit into the memory of the machine.
        """
        self._validate_params()
        drawn = draft_of(self)
        drawn._fit_draft(X)
        # All attributes at once, so that a fit that is interrupted earlier leaves the sampler as it was.
        replace_attributes(self, vars(drawn).copy())
        return self

    def _fit_draft(self, X: Any) -> None:
        """Validate and draw, with attributes written one by one."""
        space = space_of(X)
        X = self._numbers(X if space is None else on_host(X))
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._n_features_out = int(self.n_components)
        shape = (X.shape[1], self._n_frequencies())
        self._refuse_beyond_memory("random_weights_", shape, np.float64)
        with np.errstate(over="ignore"):
            self._draw(X, np.random.default_rng(seed))
        if not np.isfinite(self.random_weights_).all():
            raise ValueError(
                f"length_scale={self.length_scale!r} comes to {np.min(self.length_scale_):.3g}, and random weights "
                f"divided by it overflow {X.dtype}; give a larger length_scale, or rescale X."
            )
        if space is not None:
            self._check_takes_tensors()
            self._convert(space.tensor)

    def transform(self, X: Any) -> Floats:
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
            in `fit`, or if the features do not fit into the memory of the machine.
        """
        check_is_fitted(self)
        check_same_namespace(X, self, attribute="random_weights_", method="transform")
        if is_tensor(self.random_weights_):
            return self._transformed_tensor(X)
        X = self._numbers(X, reset=False)
        self._check_range(X)
        self._refuse_beyond_memory("features", (X.shape[0], self._n_features_out), X.dtype)
        return self._phi(X, n_threads(None))

    def _transformed_tensor(self, X: Any) -> Tensor:
        """Phi of rows on the device of the weights."""
        space = space_of(X)
        if space is None:
            raise ValueError(
                f"{type(self).__name__} was fitted to tensors, and they are read as such only inside "
                "sklearn.config_context(array_api_dispatch=True). Transform there, or use sknnk.to_numpy(sampler)."
            )
        X = validate_data(self, X, dtype=[space.wide, space.xp.float32], reset=False)
        check_tensor_range(space, X, self.random_weights_, self.length_scale)
        return self._tensor_features(space, X, feature_scale(self._n_features_out))

    def _tensor_features(self, space: ArraySpace, X: Tensor, scale: float = 1.0) -> Tensor:
        """Features of rows on a device; a subclass says how."""
        raise NotImplementedError

    def _check_takes_tensors(self) -> None:
        """Accept tensors; a subclass refuses what does not run there."""

    def _convert(self, converter: Any) -> None:
        """Convert all fitted arrays but the names of columns."""
        for name, value in vars(self).items():
            is_array = is_tensor(value) or isinstance(value, np.ndarray)
            if is_array and name.endswith("_") and name != "feature_names_in_":
                setattr(self, name, converter(value))

    def __sklearn_array_api_convert__(self, converter: Any) -> "RandomFeatureSampler":
        """Return the same sampler with its fitted arrays in another library or on another device."""
        moved = draft_of(self)
        moved._convert(converter)
        if is_tensor(getattr(moved, "random_weights_", None)):
            moved._check_takes_tensors()
        return moved

    def _numbers(self, X: Any, reset: bool = True) -> Any:
        """Rows as scikit-learn validates them; columns of text are refused by name."""
        encoders = "put a ColumnTransformer with a OneHotEncoder or TargetEncoder"
        remedy = f"{type(self).__name__} takes numbers alone, so {encoders} in front of it"
        refuse_no_table(X)
        refuse_text(X, remedy)
        with nonfinite_placed(X), text_named(X, remedy):
            return validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=reset)

    def _n_frequencies(self) -> int:
        """Random directions to draw: one for a cosine and its sine."""
        return -(-self._n_features_out // 2)

    def _refuse_beyond_memory(self, what: str, shape: tuple[int, int], dtype: Any) -> None:
        n_bytes = float(shape[0]) * float(shape[1]) * np.dtype(dtype).itemsize
        described = f"n_components={self._n_features_out}, with {what} of shape {shape},"
        fewer_rows = ", or fewer rows at a time" if what == "features" else ""
        refuse_beyond_memory(described, n_bytes, f"use fewer n_components{fewer_rows}")

    def _phi(self, X: Any, threads: int = 1) -> Floats:
        """Phi of validated rows, block by block into one array."""
        features = np.empty((X.shape[0], self._n_features_out), dtype=X.dtype)
        scale = feature_scale(self._n_features_out)

        def evaluate(rows: slice) -> None:
            self._raw_features(X[rows], features[rows], scale)

        # Wide rows have many weights: each time they are read, they should serve many rows.
        size = max(block_length(X.shape[0], self._n_features_out), min(X.shape[1], 256), 16)
        blocks = row_blocks(X.shape[0], size)
        over_threads(evaluate, [(rows,) for rows in blocks], threads)
        return features

    def _check_range(self, X: Any) -> None:
        largest = largest_entry(X)
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
        tags.array_api_support = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def n_columns_of(sampler: RandomFeatureSampler) -> int:
    """Give the number of columns of a fitted sampler.

    Parameters
    ----------
    sampler : RandomFeatureSampler
        Fitted.

    Returns
    -------
    int
        What `n_components` was in `fit`.
    """
    return sampler._n_features_out
