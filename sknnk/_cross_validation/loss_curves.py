"""Scores of one kernel where the loss is not that of squares: no sums are shared, and every candidate is fitted."""

from dataclasses import replace
from time import perf_counter

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from .._compute import Array
from .._integration import NO_PROGRESS
from .._networks import ClassTargets, LossColumns, NumericTargets, as_estimator, mean_curvature
from .candidates import SearchPlan
from .curves import Curves, SearchedRows
from .scorers import Scoring, named_scores

_SQUARES = ("squared_error", "squared")


def penalty_unit(search: BaseEstimator, targets: NumericTargets | ClassTargets, task: SearchedRows) -> float:
    """What penalties of squares, for rows of weight one, are multiplied by.

    Parameters
    ----------
    search : estimator
        With a parameter `loss`, and perhaps `quantile`.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    task : SearchedRows
        The rows.

    Returns
    -------
    float
        What one row weighs, times the mean curvature of the loss, which is one for squares.
    """
    if search.loss in _SQUARES:
        return task.weight_unit
    data, quantile = task.all_rows(), getattr(search, "quantile", 0.5)
    return task.weight_unit * mean_curvature(search.loss, quantile, data, targets)


def loss_curves(
    plan: SearchPlan,
    task: SearchedRows,
    scoring: Scoring,
    counts: tuple[int, ...],
    alphas: Array,
    preprocessing: str,
    return_train_score: bool,
) -> Curves:
    """Score every count and penalty on every split, by a fit for each of them.

    Parameters
    ----------
    plan, task, scoring, counts, alphas, preprocessing, return_train_score
        As :func:`count_curves` takes them. Input transforms are fitted to each training set in any case.

    Returns
    -------
    Curves
        The scores. The final fit begins anew.

    Raises
    ------
    ValueError
        If a penalty is not positive.
    """
    if not np.all(alphas > 0.0):
        raise ValueError(
            f"alphas must all be positive with loss={plan.spec.loss!r}, and hold {float(alphas.min())!r}; leave it out."
        )
    shape = (alphas.size, len(counts), len(task.splits))
    test: dict[str, Array] = {}
    train: dict[str, Array] = {}
    times = {"fit_time": np.zeros(shape), "score_time": np.zeros(shape)}
    quiet = replace(plan.execution, progress=NO_PROGRESS)
    for split, (rows, others) in enumerate(task.splits):
        _, data, known = task.encoded(rows, task.fit_weight(rows), plan.spec.seed)
        description = {**plan.description, **known}
        own = plan.with_length_scale(task.all_rows() if preprocessing == "once" else data)
        for j, count in enumerate(counts):
            started = perf_counter()
            # The penalty does not matter for the columns.
            columns = LossColumns.chosen(replace(own.spec, n_components=count), data, plan.targets, quiet)
            times["fit_time"][:, j, split] += (perf_counter() - started) / alphas.size
            for k, alpha in enumerate(alphas.tolist()):
                started = perf_counter()
                fitted = columns.fitted(replace(own.spec, n_components=count, alpha=alpha))
                candidate = as_estimator(own.candidate(count, alpha), fitted, description)
                times["fit_time"][k, j, split] += perf_counter() - started
                started = perf_counter()
                for side, seen in ((test, others), (train, rows))[: 1 + return_train_score]:
                    X, y = _safe_indexing(task.labelled.X, seen), _safe_indexing(task.labelled.y, seen)
                    params = _check_method_params(task.labelled.X, params=scoring.params, indices=seen)
                    for name, score in named_scores(scoring.evaluate(candidate, X, y, **params)).items():
                        side.setdefault(name, np.empty(shape))[k, j, split] = score
                times["score_time"][k, j, split] += perf_counter() - started
            plan.execution.progress()
    return Curves(test, train, times, None)
