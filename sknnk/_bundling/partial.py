"""Networks bundled in part: a bundled front, and the last layers as they were."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.preprocessing import label_binarize
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, check_X_y

from .._ridge import Moments, Penalty, decompose, solve_system
from .trained_networks import ACTIVATION_FUNCTIONS

Floats = NDArray[np.float64]


class _PartlyBundledNetwork(BaseEstimator):
    """Front, hidden layers that were left, and an output matrix."""

    def __init__(self, front, activation, layers):
        self.front = front
        self.activation = activation
        self.layers = layers

    def _hidden(self, X: Any) -> Floats:
        """Inputs of the output matrix."""
        hidden = ACTIVATION_FUNCTIONS[self.activation](np.asarray(self.front.predict(X), dtype=np.float64))
        for layer in self.layers[:-1]:
            hidden = layer(hidden)
        return hidden

    def _linear_outputs(self, X: Any) -> Floats:
        check_is_fitted(self, "coef_")
        return self._hidden(X) @ self.coef_.T + self.intercept_

    def _keep_output_layer(self, n_features: int) -> None:
        """Start from the output matrix of the network."""
        last = self.layers[-1]
        self.coef_, self.intercept_, self.n_features_in_ = last.weights, last.bias, n_features
        self.output_activation_ = last.activation

    def _solve(self, X: Any, Y: Floats, sample_weight: Any) -> None:
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        solution = solve_system(decompose(Moments.from_block(self._hidden(X), Y, weights)), Penalty())
        self.alpha_, self.intercept_, self.coef_ = solution.alpha, solution.intercept, solution.coef.T
        self.n_features_in_, self.output_activation_ = X.shape[1], "identity"


class PartlyBundledRegressor(MultiOutputMixin, RegressorMixin, _PartlyBundledNetwork):
    """Regression network whose first layers are bundled, as :func:`bundle` with `n_layers` makes it.

    Parameters
    ----------
    front : FrozenEstimator
        The bundled layers, a fitted :class:`BundledNetworkRegressor` of the arguments of the next layer's activation.
    activation : str
        That activation.
    layers : tuple of DenseLayer
        The layers behind it.

    Attributes
    ----------
    coef_ : ndarray of shape (n_targets, n_hidden)
        Weights of the output layer: those of the network, or those of `fit`.
    intercept_ : ndarray of shape (n_targets,)
        Its biases.
    n_features_in_ : int
        Number of input columns.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.neural_network import MLPRegressor
    >>> from sklearn.preprocessing import scale
    >>> from sknnk import bundle
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = scale(X), scale(y)
    >>> mlp = MLPRegressor(hidden_layer_sizes=(64, 32), early_stopping=True, random_state=0).fit(X, y)
    >>> partly = bundle(mlp, n_components=128, X=X, n_layers=1, random_state=0)
    >>> partly.score(X, mlp.predict(X)) > 0.95
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "PartlyBundledRegressor":
        """Solve for the output layer in closed form; everything in front of it stays.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        PartlyBundledRegressor
            The estimator itself.
        """
        checked, y = check_X_y(X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self.flat_ = y.ndim == 1
        self._solve(checked, np.asarray(y, dtype=np.float64).reshape(len(y), -1), sample_weight)
        return self

    def predict(self, X: Any) -> Floats:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        outputs = self._linear_outputs(check_array(X, dtype=np.float64))
        outputs = ACTIVATION_FUNCTIONS[self.output_activation_](outputs)
        return outputs[:, 0] if self.flat_ else outputs


class PartlyBundledClassifier(ClassifierMixin, _PartlyBundledNetwork):
    """Classification network whose first layers are bundled, as :func:`bundle` with `n_layers` makes it.

    Parameters
    ----------
    front : FrozenEstimator
        The bundled layers, a fitted :class:`BundledNetworkRegressor` of the arguments of the next layer's activation.
    activation : str
        That activation.
    layers : tuple of DenseLayer
        The layers behind it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    coef_ : ndarray of shape (n_outputs, n_hidden)
        Weights of the output layer: those of the network, or those of `fit`.
    intercept_ : ndarray of shape (n_outputs,)
        Its biases.
    n_features_in_ : int
        Number of input columns.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.neural_network import MLPClassifier
    >>> from sklearn.preprocessing import scale
    >>> from sknnk import bundle
    >>> X, y = load_wine(return_X_y=True)
    >>> X = scale(X)
    >>> mlp = MLPClassifier(hidden_layer_sizes=(32, 16), learning_rate_init=0.01, random_state=0).fit(X, y)
    >>> partly = bundle(mlp, n_components=128, X=X, n_layers=1, random_state=0)
    >>> bool(np.mean(partly.predict(X) == mlp.predict(X)) > 0.95)
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "PartlyBundledClassifier":
        """Solve for the output layer in closed form, by one-vs-rest least squares on the logits' signs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        PartlyBundledClassifier
            The estimator itself.
        """
        checked, y = check_X_y(X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"y holds one class, {self.classes_.tolist()}; a classifier needs at least two.")
        Y = label_binarize(y, classes=self.classes_, neg_label=-1, pos_label=1).astype(np.float64)
        self._solve(checked, Y, sample_weight)
        return self

    def decision_function(self, X: Any) -> Floats:
        """Logits of the network, or least-squares scores after `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
            The larger, the likelier.
        """
        scores = self._linear_outputs(check_array(X, dtype=np.float64))
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> Floats:
        """Predict class probabilities as the network does, by a softmax of the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.stack([expit(-scores), expit(scores)], axis=1)
        return np.asarray(softmax(scores, axis=1))

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class of the largest score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])
