"""Class probabilities from least-squares scores, through one number fitted on held-out scores."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from .._compute import Array, is_tensor, tensor_space
from .._compute import softmax as tensor_softmax

# Logarithms of the smallest and largest inverse temperature: from no information to certainty at a margin of 0.05.
_BOUNDS = (-5.0, 5.0)


def held_out_scores(scores: Array, targets: Array, dof_share: Array) -> Array:
    """Scores that rows would have had without taking part in the fit.

    A row pulls its own prediction towards its target by its leverage; here every row has the mean leverage, as in
    generalised cross-validation.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_targets)
        Scores of the training rows.
    targets : ndarray of shape (n_samples, n_targets)
        Their targets.
    dof_share : ndarray of shape (n_targets,)
        Effective degrees of freedom divided by the number of rows, the intercept included; below one.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        ``targets - (targets - scores) / (1 - dof_share)``.

    Examples
    --------
    >>> import numpy as np
    >>> held_out_scores(np.array([[0.9]]), np.array([[1.0]]), np.array([0.5]))
    array([[0.8]])
    """
    return targets - (targets - scores) / (1.0 - dof_share)


def probabilities(scores: Array, inverse_temperature: float) -> Array:
    """Softmax of scaled one-vs-rest scores.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes) or (n_samples, 1)
        A single column is the score of the second of two classes, and minus that of the first.
    inverse_temperature : float
        Positive factor of the scores.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Rows sum to one and have their maximum where the scores have it.

    Examples
    --------
    >>> import numpy as np
    >>> probabilities(np.array([[0.0], [1.0]]), 1.0).round(3)
    array([[0.5  , 0.5  ],
           [0.119, 0.881]])
    """
    if is_tensor(scores):
        return tensor_softmax(tensor_space(scores), inverse_temperature * _per_class(scores))
    return softmax(inverse_temperature * _per_class(scores), axis=1)


def log_probabilities(scores: NDArray[Any], inverse_temperature: float) -> NDArray[Any]:
    """Logarithms of the :func:`probabilities`, finite where these round to zero.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes) or (n_samples, 1)
        As there.
    inverse_temperature : float
        Positive factor of the scores.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        At most zero.

    Examples
    --------
    >>> import numpy as np
    >>> log_probabilities(np.array([[500.0]]), 1.0)
    array([[-1000.,     0.]])
    """
    if is_tensor(scores):
        return tensor_softmax(tensor_space(scores), inverse_temperature * _per_class(scores), logarithm=True)
    return np.asarray(log_softmax(inverse_temperature * _per_class(scores), axis=1))


def fit_temperature(scores: Array, labels: NDArray[np.intp], sample_weight: Array, n_mislabelled: float = 0.0) -> float:
    """Inverse temperature of least logarithmic loss.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes) or (n_samples, 1)
        Held-out scores.
    labels : ndarray of shape (n_samples,)
        Class indices.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights.
    n_mislabelled : float, default=0.0
        Weight of rows that are assumed to belong to another class. If all rows are on the right side, the loss alone
        would give certainty. With a weight of one, the result is the rule of succession instead.

    Returns
    -------
    float
        Between exp(-5) and exp(5).

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2; for the
    mislabelled row, Platt, "Probabilistic outputs for support vector machines", 1999, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> scores, labels = np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([0, 1, 1, 0])
    >>> round(fit_temperature(scores, labels, np.array([3.0, 1.0, 3.0, 1.0])), 3)
    0.549
    """
    per_class = _per_class(scores)
    rows = np.arange(len(labels))

    n_classes = per_class.shape[1]
    doubt = (
        n_mislabelled / (sample_weight.sum() + 2.0 * n_mislabelled) / max(1, n_classes - 1) if n_mislabelled else 0.0
    )

    def loss(log_inverse: float) -> float:
        log_shares = log_softmax(np.exp(log_inverse) * per_class, axis=1)
        own, every = sample_weight @ log_shares[rows, labels], sample_weight @ log_shares.sum(axis=1)
        return -float((1.0 - n_classes * doubt) * own + doubt * every)

    return float(np.exp(minimize_scalar(loss, bounds=_BOUNDS, method="bounded").x))


def _per_class(scores: NDArray[Any]) -> NDArray[Any]:
    if scores.shape[1] > 1:
        return scores
    if is_tensor(scores):
        return tensor_space(scores).xp.concat([-scores, scores], axis=1)
    return np.hstack([-scores, scores])
