"""A copy of an estimator to write on, while the estimator itself stays as it is."""

from typing import Any, TypeVar

Estimator = TypeVar("Estimator")


def draft_of(estimator: Estimator, attributes: dict[str, Any] | None = None) -> Estimator:
    """Make another estimator with the same attributes.

    scikit-learn's validation writes `n_features_in_` and `feature_names_in_` on what it is given. With a draft, the
    estimator of the user takes nothing over before its fit is complete.

    Parameters
    ----------
    estimator : estimator
        Any; it is not changed.
    attributes : dict of str to object, optional
        What it is to have; the attributes that the estimator has now, by default.

    Returns
    -------
    estimator
        Of the same class, with a dictionary of its own and the same values in it.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> ridge = Ridge()
    >>> draft = draft_of(ridge).set_params(alpha=2.0)
    >>> ridge.alpha, draft.alpha
    (1.0, 2.0)
    """
    draft = object.__new__(type(estimator))
    vars(draft).update(vars(estimator) if attributes is None else attributes)
    return draft
