"""What networks for classes share: their parameters, and logarithms of their probabilities."""

from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions

from .estimator import BundledNetwork
from .targets import ClassTargets


class ClassWeightedNetwork(BundledNetwork):
    """The parameters of a classification network, and logarithms of its probabilities."""

    _parameter_constraints: dict = {
        **BundledNetwork._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        activation="auto",
        length_scale="auto",
        directions="auto",
        frequencies="auto",
        alpha="auto",
        solver="auto",
        tol=1e-4,
        max_iter=200,
        feature_map="auto",
        block_size="auto",
        feature_learning="auto",
        input_transform="auto",
        direct_link=True,
        categorical_features="from_dtype",
        class_weight=None,
        batch_size="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            n_components, activation=activation, length_scale=length_scale, directions=directions,
            frequencies=frequencies, alpha=alpha, solver=solver, tol=tol, max_iter=max_iter, feature_map=feature_map,
            block_size=block_size, feature_learning=feature_learning, input_transform=input_transform,
            direct_link=direct_link, categorical_features=categorical_features, batch_size=batch_size, n_jobs=n_jobs,
            random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.class_weight = class_weight

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict logarithms of class probabilities, finite where a probability rounds to zero.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            At most zero; columns in the order of `classes_`.
        """
        fitted, X = self._fitted_for(X, "predict_log_proba")
        assert isinstance(fitted.targets, ClassTargets)
        return fitted.targets.log_probabilities(fitted.scores(X, self._execution()))
