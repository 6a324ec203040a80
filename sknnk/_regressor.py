"""BundledNetworkRegressor: a regression network with one matrix to learn, in closed form."""

from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, validate_data

from ._layers import row_blocks
from ._network import BundledNetwork
from ._ridge import posterior_variance


class BundledNetworkRegressor(MultiOutputMixin, RegressorMixin, BundledNetwork):
    """doc"""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BundledNetworkRegressor":
        """Fit the output matrix in closed form.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. An integer weight is the same as repeating the row.

        Returns
        -------
        BundledNetworkRegressor
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If the data hold NaN or infinity, have no row of positive weight, or a parameter does not fit them.
        """
        self._validate_params()
        self._forget()
        self._fit_rows(*self._checked_rows(X, y, sample_weight, reset=True))
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "BundledNetworkRegressor":
        """Add rows to the fit.

        The first call fixes what all chunks share: the input transform, the automatic choices and the random features.
        From then on the result is that of one fit to all rows, in whatever order and chunks they come. Each call solves
        for the output matrix once, so chunks of at least as many rows as there are features are the efficient ones.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        BundledNetworkRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            As `fit`, and if the number of columns or targets differs from that of earlier rows.
        """
        self._validate_params()
        self._partial_fit_rows(*self._checked_rows(X, y, sample_weight, reset=not hasattr(self, "_layers")))
        return self

    def _checked_rows(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Any, np.ndarray, np.ndarray]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
            reset=reset,
        )
        Y = np.asarray(y, dtype=np.float64)
        if reset:
            self._flat_targets = Y.ndim == 1
        Y = Y.reshape(len(Y), -1)
        if not reset and Y.shape[1] != self._target_scale.size:
            raise ValueError(f"y has {Y.shape[1]} targets, but earlier rows had {self._target_scale.size}.")
        return X, Y, _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict targets, with their uncertainty if asked for.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to return the standard deviation of new targets around the prediction: that of the noise and of the
            output matrix, in the Bayesian reading of ridge regression.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions, in the dtype of `X` (float64 or float32).
        std : ndarray of the same shape
            Standard deviations, in units of the target; only with ``return_std=True``.
        """
        X = self._validated(X)
        mean = self._scores(X)
        if not return_std:
            return mean[:, 0] if self._flat_targets else mean
        std = np.sqrt(self._predictive_variance(X)).astype(X.dtype)
        return (mean[:, 0], std[:, 0]) if self._flat_targets else (mean, std)

    def _predictive_variance(self, X: Any) -> np.ndarray:
        variance = np.empty((X.shape[0], self._target_scale.size))
        alpha = np.reshape(self.alpha_, -1)
        for rows in row_blocks(X.shape[0], self._batch_rows()):
            variance[rows] = posterior_variance(self._system, self._layers.columns(X[rows]), alpha)
        return np.reshape(self.noise_variance_, -1) * (1.0 + variance)
