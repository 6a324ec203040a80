"""Scores of the candidates of a search by any scorer of scikit-learn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import mean_squared_error, r2_score, root_mean_squared_error
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from .._ridge import SquaredErrors, coefficient_path

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

_FROM_SQUARED_ERRORS: dict[Any, Callable[[SquaredErrors], Array]] = {
    r2_score: SquaredErrors.r2,
    mean_squared_error: SquaredErrors.mean_squared_error,
    root_mean_squared_error: SquaredErrors.root_mean_squared_error,
}


@dataclass(frozen=True, eq=False)
class Scoring:
    """How candidates are scored.

    Parameters
    ----------
    scorers : dict of str to callable
        The scorers by name.
    evaluate : callable
        ``evaluate(network, X, y, **params)`` gives one score, or a dict of them.
    params : dict
        Parameters of `evaluate`; those with one entry per row are cut to the rows that are scored.
    weight_is_shared : bool
        Whether scores have the very weights of the fit.
    """

    scorers: Mapping[str, Any]
    evaluate: Callable[..., Any]
    params: Mapping[str, Any]
    weight_is_shared: bool

    def closed_forms(self) -> dict[str, Callable[[SquaredErrors], Array]] | None:
        """Scores as functions of squared errors; None if one of them is not."""
        forms = {name: _closed_form(scorer) for name, scorer in self.scorers.items()}
        return forms if self.weight_is_shared and all(forms.values()) else None  # type: ignore[return-value]

    def needs_probabilities(self) -> bool:
        """Whether a scorer may ask for more than scores of classes and the likeliest of them."""
        methods = (getattr(scorer, "_response_method", "predict_proba") for scorer in self.scorers.values())
        first = {method if isinstance(method, str) else method[0] for method in methods}
        return not first <= {"predict", "decision_function"}


def _closed_form(scorer: Any) -> Callable[[SquaredErrors], Array] | None:
    form = _FROM_SQUARED_ERRORS.get(getattr(scorer, "_score_func", None))
    if form is None or scorer._kwargs or scorer._response_method != "predict":
        return None
    return partial(_signed, form, scorer._sign)


def _signed(form: Callable[[SquaredErrors], Array], sign: float, errors: SquaredErrors) -> Array:
    return sign * form(errors)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Rows as the user gave them, for scorers.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows, of any kind.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets or class labels.
    labels : ndarray of shape (n_samples,) or None
        Class indices.
    """

    X: Any
    y: Any
    labels: Rows | None


class _Remembering:
    """Outputs of a network for rows that were evaluated together with those of other networks.

    A scorer calls `predict` and its like of every candidate with the same rows; with the features of these rows
    computed once for all of them, the candidate's own methods still give the very predictions that it would make.
    """

    def __init__(self, network: Any) -> None:
        self._network, self._known = network, []  # type: ignore[var-annotated]
        network._validated, network._scores = self.validated, self.scores

    def add(self, given: Any, validated: Any, outputs: NDArray[np.floating]) -> None:
        """Remember the outputs for rows, as given and as validated."""
        self._known.append((given, validated, outputs))

    def validated(self, X: Any) -> Any:
        """Validate rows unless they are known."""
        known = [validated for given, validated, _ in self._known if given is X]
        return known[0] if known else type(self._network)._validated(self._network, X)

    def scores(self, X: Any) -> Any:
        """Outputs of the network, copied where they are known."""
        known = [outputs for _, validated, outputs in self._known if validated is X]
        return known[0].copy() if known else type(self._network)._scores(self._network, X)


def candidate_scores(
    sets: Any, split: int, count: int, alphas: Array, labelled: Labelled, scoring: Scoring, return_train_score: bool
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Score a network for every penalty on the test set, and the training set if wanted, of a split.

    Parameters
    ----------
    sets : MomentSets or RowSets
        The sets.
    split : int
        Position among the splits of `sets`.
    count : int
        Number of features.
    alphas : ndarray of shape (n_alphas,)
        Penalties.
    labelled : Labelled
        All rows.
    scoring : Scoring
        The scorers.
    return_train_score : bool
        Whether the training set is scored.

    Returns
    -------
    test_scores, train_scores : list of dict of str to float
        Scores of each candidate by the name of the scorer.
    """
    train, test = sets.splits[split]
    system = sets.train_system(split, count)
    coef, intercept = coefficient_path(system, alphas)
    path = sets.scale(count, split)[:, None, None] * coef, intercept
    candidates = sets.solved_networks(split, count, system, alphas)
    memories = [_Remembering(candidate) for candidate in candidates]
    if labelled.labels is not None:
        _calibrate(sets, candidates, memories, train, path, labelled.labels, scoring)
    scores = []
    for rows in (test, train) if return_train_score else (test,):
        X, y = _safe_indexing(labelled.X, rows), _safe_indexing(labelled.y, rows)
        _remember(sets, memories, X, sets.table.X[rows], rows, path)
        params = _check_method_params(labelled.X, params=scoring.params, indices=rows)
        scores.append([_named(scoring.evaluate(candidate, X, y, **params)) for candidate in candidates])
    return scores[0], scores[-1]


def _named(score: Any) -> dict[str, float]:
    return score if isinstance(score, dict) else {"score": score}


def _remember(sets: Any, memories: list[_Remembering], given: Any, validated: Any, rows: Rows, path: Any) -> None:
    outputs = (sets.predictions(rows, path) * sets.network._target_scale).astype(validated.dtype)
    for i, memory in enumerate(memories):
        memory.add(given, validated, outputs[:, i])


def _calibrate(
    sets: Any,
    candidates: list[Any],
    memories: list[_Remembering],
    train: Rows,
    path: Any,
    labels: Rows,
    scoring: Scoring,
) -> None:
    """Fit the temperatures of classifiers, where a scorer may ask for probabilities."""
    if not scoring.needs_probabilities():
        # The likeliest class does not depend on it.
        for candidate in candidates:
            candidate.inverse_temperature_ = 1.0
        return
    rows = train[sets.table.weight[train] > 0.0]
    X = sets.table.X[rows]
    _remember(sets, memories, None, X, rows, path)
    for candidate in candidates:
        Y = sets.table.Y[rows] * sets.network._target_scale
        candidate._calibrate(X, labels[rows], Y, sets.table.weight[rows])
