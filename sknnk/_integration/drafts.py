"""A copy of an estimator to write on, and the one step that gives an estimator new attributes."""

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


def replace_attributes(estimator: object, attributes: dict[str, Any]) -> None:
    """Give an estimator other attributes, all at once.

    An interrupt comes before or after this step, never inside. So a reader finds the earlier attributes or the new
    ones, never a mixture.

    Parameters
    ----------
    estimator : estimator
        Any.
    attributes : dict of str to object
        All that it is to have, parameters too. The estimator keeps this dictionary.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> ridge = Ridge()
    >>> replace_attributes(ridge, {**vars(ridge), "alpha": 2.0})
    >>> ridge.alpha
    2.0
    """
    estimator.__dict__ = attributes
