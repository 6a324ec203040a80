"""The estimator at the end of pipelines and searches, and the rows as it sees them."""

from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline


def last_estimator(estimator: Any) -> tuple[Any, list[Any]]:
    """What is left when searches and pipelines around an estimator are taken off.

    Parameters
    ----------
    estimator : estimator
        Fitted: an estimator, a pipeline that ends in one, a search over either, and so on.

    Returns
    -------
    estimator : estimator
        The innermost one.
    steps : list of transformers
        What rows pass through before they reach it, in order.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> last_estimator(make_pipeline(StandardScaler(), Ridge()))
    (Ridge(), [StandardScaler()])
    """
    steps: list[Any] = []
    while True:
        if isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                steps.append(estimator[:-1] if len(estimator) > 2 else estimator[0])
            estimator = estimator[-1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_") and not hasattr(estimator, "output_coef_"):
            # A search of scikit-learn wraps the estimator that it found. A CV network is a network itself.
            estimator = estimator.best_estimator_
        else:
            return estimator, steps


def transformed_rows(steps: list[Any], X: Any) -> Any:
    """Rows behind the steps of `last_estimator`.

    Parameters
    ----------
    steps : list of transformers
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Rows.

    Returns
    -------
    array-like of shape (n_samples, n_outputs)
        The rows that the estimator behind `steps` takes.
    """
    for step in steps:
        # A pipeline may hold the word "passthrough" in place of a step.
        X = X if isinstance(step, str) or step is None else step.transform(X)
    return X
