"""What a search reports: scores by split in the format of GridSearchCV, and the choice made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from .._compute import Array


def search_results(
    params: Sequence[Mapping[str, Any]],
    times: Mapping[str, Array],
    test_scores: Mapping[str, Array],
    train_scores: Mapping[str, Array],
) -> dict[str, Any]:
    """Assemble ``cv_results_``.

    Parameters
    ----------
    params : sequence of dict
        Parameters of each candidate.
    times : dict of str to ndarray of shape (n_candidates, n_splits)
        ``"fit_time"`` and ``"score_time"``.
    test_scores, train_scores : dict of str to ndarray of shape (n_candidates, n_splits)
        Scores by the name of the scorer; training scores may be empty.

    Returns
    -------
    dict
        With the keys, in the order, of scikit-learn's GridSearchCV.

    Examples
    --------
    >>> import numpy as np
    >>> scores = {"score": np.array([[0.1, 0.3], [0.4, 0.6]])}
    >>> results = search_results([{"alpha": 1.0}, {"alpha": 2.0}], {}, scores, {})
    >>> results["mean_test_score"], results["rank_test_score"]
    (array([0.2, 0.5]), array([2, 1], dtype=int32))
    """
    results: dict[str, Any] = {}
    for name, seconds in times.items():
        results[f"mean_{name}"], results[f"std_{name}"] = seconds.mean(axis=1), seconds.std(axis=1)
    for key in params[0]:
        results[f"param_{key}"] = _masked([each[key] for each in params])
    results["params"] = [dict(each) for each in params]
    for name, scores in test_scores.items():
        results |= _by_split(f"test_{name}", scores)
        results[f"rank_test_{name}"] = _ranks(results[f"mean_test_{name}"])
        if name in train_scores:
            results |= _by_split(f"train_{name}", train_scores[name])
    return results


def _by_split(name: str, scores: Array) -> dict[str, Array]:
    columns = {f"split{i}_{name}": column.copy() for i, column in enumerate(scores.T)}
    return {**columns, f"mean_{name}": scores.mean(axis=1), f"std_{name}": scores.std(axis=1)}


def _ranks(means: Array) -> NDArray[np.int32]:
    """Rank one for the best. Scores that are NaN share the last rank."""
    if np.isnan(means).all():
        return np.ones(means.size, dtype=np.int32)
    known = np.where(np.isnan(means), np.nanmin(means) - 1.0, means)
    return rankdata(-known, method="min").astype(np.int32)


def _masked(values: list[Any]) -> "np.ma.MaskedArray[Any, Any]":
    """Parameter values as GridSearchCV has them: numbers in their own dtype, anything else as objects."""
    array = np.ma.MaskedArray(np.empty(len(values), dtype=object), mask=False)
    if all(isinstance(value, int | float | np.number) for value in values):
        array = np.ma.MaskedArray(np.array(values), mask=False)
    else:
        for i, value in enumerate(values):
            array[i] = value
    return array


def simplest_within_one_standard_error(results: Mapping[str, Any], metric: str = "score") -> int:
    """Choose the smallest network that the best one does not beat by more than its standard error.

    Parameters
    ----------
    results : dict
        ``cv_results_``.
    metric : str, default="score"
        Name of the score.

    Returns
    -------
    int
        Among candidates whose mean test score is at least the best minus its standard error over the splits: the one
        with fewest features; of those the one with the largest penalty, and of those the best.

    References
    ----------
    Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984, section 3.4.3.

    Examples
    --------
    >>> params = {"param_n_components": [64, 128], "param_alpha": [1.0, 1.0]}
    >>> simplest_within_one_standard_error({
    ...     "mean_test_score": np.array([0.5, 0.52]), "std_test_score": np.array([0.1, 0.1]),
    ...     "split0_test_score": np.zeros(2), "split1_test_score": np.zeros(2), **params})
    0
    """
    means, deviations = np.asarray(results[f"mean_test_{metric}"]), np.asarray(results[f"std_test_{metric}"])
    if np.isnan(means).all():
        return 0
    n_splits = sum(key.startswith("split") and key.endswith(f"_test_{metric}") for key in results)
    best = int(np.nanargmax(means))
    enough = np.flatnonzero(means >= means[best] - deviations[best] / np.sqrt(n_splits))
    size, alpha = (np.asarray(results[f"param_{key}"], dtype=np.float64) for key in ("n_components", "alpha"))
    return int(enough[np.lexsort((-means[enough], -alpha[enough], size[enough]))[0]])
