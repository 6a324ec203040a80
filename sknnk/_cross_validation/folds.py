"""Training and test sets of a search as positions of rows, and what is wrong with them."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from .._compute import Array, Indices
from .._data import weighted_rows

Split = tuple[Indices, Indices]


def splits_of_rows(
    cv: Any, X: Any, y: Any, sample_weight: Array, params: dict[str, Any], has_classes: bool
) -> list[Split]:
    """Row positions of the training and test set of every split.

    Parameters
    ----------
    cv : int, splitter or iterable
        As in :func:`sklearn.model_selection.check_cv`.
    X, y : array-like
        Rows and targets.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the rows.
    params : dict of str to object
        For the splitter, such as `groups`.
    has_classes : bool
        Whether `y` holds classes, which a number of folds then divides evenly.

    Returns
    -------
    list of tuple of ndarray of int
        Training and test rows.

    Raises
    ------
    ValueError
        If there is no split, or a side of one has no row of positive weight.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.zeros((4, 1)), np.arange(4.0)
    >>> [(train.tolist(), test.tolist()) for train, test in splits_of_rows(2, X, y, np.ones(4), {}, False)]
    [([2, 3], [0, 1]), ([0, 1], [2, 3])]
    """
    weighted_rows(sample_weight, sample_weight, sample_weight)  # refuses weights that are all zero
    splitter = check_cv(cv, y, classifier=has_classes)
    splits = [(_positions(train), _positions(test)) for train, test in splitter.split(X, y, **params)]
    if not splits:
        raise ValueError(f"cv={cv!r} has no splits.")
    for i, sides in enumerate(splits):
        for rows, side in zip(sides, ("training", "test"), strict=True):
            if not np.any(sample_weight[rows] > 0.0):
                raise ValueError(f"cv={cv!r} leaves no {side} row of positive weight in split {i}.")
    return splits


def warn_of_later_rows(cv: Any, splits: Sequence[Split]) -> None:
    """Warn if every test set comes after its training set: preparing all rows at once then looks into the future.

    Parameters
    ----------
    cv : int, splitter or iterable
        For the message.
    splits : sequence of tuple of ndarray of int
        Training and test rows, as `splits_of_rows` gives them.

    Warns
    -----
    UserWarning
        If there is more than one split, and all are in the order of the rows.

    Examples
    --------
    >>> import warnings
    >>> splits = [(np.arange(2), np.arange(2, 4)), (np.arange(4), np.arange(4, 6))]
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_of_later_rows("TimeSeriesSplit(2)", splits)
    >>> "come after the training rows" in str(caught[0].message)
    True
    """
    if len(splits) > 1 and all(train.max() < test.min() for train, test in splits):
        warnings.warn(
            f"cv={cv!r} tests on rows that come after the training rows, as in time series, and preprocessing='once' "
            "scales the columns by all rows, later ones included. If columns drift with time, scores are too good; set "
            "preprocessing='fold'.",
            UserWarning,
            stacklevel=2,
        )


def _positions(rows: Any) -> Indices:
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.intp)
