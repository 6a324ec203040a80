"""Networks bundled in part: a bundled front, and the last layers as they were."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from .._compute import Array
from .._data import Dataset
from .._integration import VersionedState, replace_attributes
from .._networks import ClassTargets, log_probabilities, probabilities, scores_without_row
from .._ridge import Moments, Penalty, Solution, solve_moments
from .trained_networks import ACTIVATION_FUNCTIONS


class _PartlyBundledNetwork(VersionedState, BaseEstimator):
    """Bundled front, hidden layers that were not bundled, and an output matrix."""

    def __init__(self, front, activation, layers):
        self.front = front
        self.activation = activation
        self.layers = layers

    @property
    def feature_importances_(self) -> Array:
        """Shares of the input columns in the mean squared slopes of the bundled layers."""
        shares: Array = self.front.estimator.feature_importances_
        return shares

    def _hidden(self, X: Any) -> Array:
        """Inputs of the output matrix; the front validates the rows, and knows the names of their columns."""
        hidden = ACTIVATION_FUNCTIONS[self.activation](np.asarray(self.front.predict(X), dtype=np.float64))
        for layer in self.layers[:-1]:
            hidden = layer(hidden)
        return hidden

    def _linear_outputs(self, X: Any) -> Array:
        check_is_fitted(self, "output_coef_")
        return np.asarray(self._hidden(X) @ self.output_coef_.T + self.intercept_)

    def _publish(self, **attributes: Any) -> Any:
        """Replace fitted attributes at once; returns the estimator."""
        replace_attributes(self, {**vars(self), **attributes})
        return self

    def _output_layer(self) -> dict[str, Any]:
        """Fitted attributes of the output matrix of the network."""
        last = self.layers[-1]
        return {"output_coef_": last.weights, "intercept_": last.bias, "output_activation_": last.activation}

    def _solved(self, X: Any, Y: Array, sample_weight: Any) -> tuple[dict[str, Any], Solution, Dataset]:
        """Fitted attributes of an output matrix by least squares, its solution, and the rows in front of the matrix."""
        weights = _check_sample_weight(sample_weight, Y, dtype=np.float64, ensure_non_negative=True)
        data = Dataset.of(self._hidden(X), np.asarray(Y, dtype=np.float64), weights)
        sums = Moments.from_block(data.X, data.Y, data.sample_weight)
        solution = solve_moments(sums, Penalty(), float(np.finfo(np.float64).eps))
        attributes = {
            "output_coef_": solution.coef.T,
            "intercept_": solution.intercept,
            "alpha_": solution.alpha * data.weight_unit,
            "output_activation_": "identity",
        }
        return attributes, solution, data


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
    feature_importances_ : ndarray of shape (n_features,)
        Share of each column in the mean squared slopes of the bundled layers.
    output_coef_ : ndarray of shape (n_targets, n_hidden)
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
        """Solve for the output layer in closed form; all layers in front of it stay the same.

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
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        check_consistent_length(X, y)
        attributes, _, _ = self._solved(X, y.reshape(len(y), -1), sample_weight)
        return self._publish(**attributes, flat_=y.ndim == 1)

    def with_output_layer(self, description: dict[str, Any], flat: bool) -> "PartlyBundledRegressor":
        """Start from the output layer of the network.

        Parameters
        ----------
        description : dict of str to object
            `n_features_in_` and perhaps `feature_names_in_`.
        flat : bool
            Whether predictions are a vector.

        Returns
        -------
        PartlyBundledRegressor
            The estimator itself.
        """
        return self._publish(**self._output_layer(), **description, flat_=flat)

    def predict(self, X: Any) -> Array:
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
        outputs = self._linear_outputs(X)
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
    feature_importances_ : ndarray of shape (n_features,)
        Share of each column in the mean squared slopes of the bundled layers.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    output_coef_ : ndarray of shape (n_outputs, n_hidden)
        Weights of the output layer: those of the network, or those of `fit`.
    intercept_ : ndarray of shape (n_outputs,)
        Its biases.
    inverse_temperature_ : float
        Factor of the scores inside the softmax: one half for a single logit, one for several, fitted by `fit`.
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
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        check_classification_targets(y)
        targets = ClassTargets.of(y, None)
        attributes, solution, data = self._solved(X, targets.encode(y), sample_weight)
        scores = data.X @ solution.coef + solution.intercept
        without = scores_without_row(scores, data.Y, solution.dof, solution.n_effective)
        targets = targets.calibrated(without, targets.labels_of(data.Y), data.sample_weight)
        return self._publish(**attributes, **targets.attributes())

    def with_output_layer(self, description: dict[str, Any], classes: NDArray[Any]) -> "PartlyBundledClassifier":
        """Start from the output layer of the network.

        Parameters
        ----------
        description : dict of str to object
            `n_features_in_` and perhaps `feature_names_in_`.
        classes : ndarray of shape (n_classes,)
            Labels of the outputs.

        Returns
        -------
        PartlyBundledClassifier
            The estimator itself.
        """
        # A single logit is the difference of two classes; least-squares scores of two classes differ by twice their
        # size.
        temperature = 0.5 if len(self.layers[-1].bias) == 1 else 1.0
        targets = ClassTargets(classes, None, temperature)
        return self._publish(**self._output_layer(), **description, **targets.attributes())

    def decision_function(self, X: Any) -> Array:
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
        scores = self._linear_outputs(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> Array:
        """Predict class probabilities: a softmax of the logits, or after `fit` of calibrated scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one.
        """
        return np.asarray(probabilities(self._linear_outputs(X), self.inverse_temperature_))

    def predict_log_proba(self, X: Any) -> Array:
        """Predict logarithms of class probabilities, finite where a probability rounds to zero.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            At most zero.
        """
        return np.asarray(log_probabilities(self._linear_outputs(X), self.inverse_temperature_))

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
