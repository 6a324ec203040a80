"""Scores of the candidates of a search by any scorer of scikit-learn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Self

from sklearn.metrics import mean_squared_error, r2_score, root_mean_squared_error
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from .._compute import Array, Floats, Indices
from .._data import Dataset
from .._integration import Execution
from .._networks import ClassTargets, FittedNetwork
from .._ridge import SquaredErrors, coefficient_path
from .splits import MomentSets, RowSets

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
        Whether scores use the same weights as the fit.
    as_given : callable or dict of str to callable
        What `scorer_` of the search is.
    """

    scorers: Mapping[str, Any]
    evaluate: Callable[..., Any]
    params: Mapping[str, Any]
    weight_is_shared: bool
    as_given: Any

    @property
    def multimetric(self) -> bool:
        """Whether there are several scores."""
        return isinstance(self.as_given, dict)

    def closed_forms(self) -> dict[str, Callable[[SquaredErrors], Array]] | None:
        """Scores as functions of squared errors; None if one of them is not."""
        forms = {name: _closed_form(scorer) for name, scorer in self.scorers.items()}
        return forms if self.weight_is_shared and all(forms.values()) else None  # type: ignore[return-value]

    def needs_probabilities(self) -> bool:
        """Whether a scorer may need probabilities, and not only scores of classes or predicted classes."""
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
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets or class labels, of any kind.
    """

    X: Any
    y: Any


@dataclass(frozen=True, eq=False)
class RememberingNetwork(FittedNetwork):
    """Network that remembers its outputs for some rows, which were computed together with those of other networks.

    A scorer calls methods such as `predict` of every candidate with the same rows. The features of these rows are
    computed once for all candidates. The methods of a candidate still return its own exact predictions.

    Parameters
    ----------
    outputs : list of tuple
        Rows as given, the same rows validated, and the outputs for them.
    """

    outputs: tuple[tuple[Any, Any, Floats], ...] = ()

    @classmethod
    def of(cls, fitted: FittedNetwork, outputs: Sequence[tuple[Any, Any, Floats]]) -> Self:
        """Let a network remember outputs."""
        own = {each.name: getattr(fitted, each.name) for each in fields(FittedNetwork)}
        return cls(**own, outputs=tuple(outputs))

    def known_rows(self, X: Any) -> Any:
        """The validated rows, if `X` is the object that they were made from."""
        return next((validated for given, validated, _ in self.outputs if given is X), None)

    def scores(self, X: Any, execution: Execution) -> Floats:
        """Output of the network, copied where it is known."""
        known = next((outputs for _, validated, outputs in self.outputs if validated is X), None)
        return super().scores(X, execution) if known is None else known.copy()


def candidate_scores(
    sets: MomentSets | RowSets,
    split: int,
    count: int,
    alphas: Array,
    labelled: Labelled,
    scoring: Scoring,
    return_train_score: bool,
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
    networks = _completed(sets, sets.solved_networks(split, count, system, alphas), train, path, scoring)
    scores = []
    for rows in (test, train) if return_train_score else (test,):
        X, y = _safe_indexing(labelled.X, rows), _safe_indexing(labelled.y, rows)
        remembering = _remembering(sets, networks, X, sets.table.X[rows], rows, path)
        candidates = [sets.prepared.as_candidate(network) for network in remembering]
        params = _check_method_params(labelled.X, params=scoring.params, indices=rows)
        scores.append([named_scores(scoring.evaluate(candidate, X, y, **params)) for candidate in candidates])
    return scores[0], scores[-1]


def named_scores(score: Any) -> dict[str, float]:
    """What a scorer gave, as scores by their names.

    Parameters
    ----------
    score : float or dict of str to float
        One score, or several.

    Returns
    -------
    dict of str to float
        A single one is called ``"score"``.
    """
    return score if isinstance(score, dict) else {"score": score}


def _remembering(
    sets: MomentSets | RowSets, networks: Sequence[FittedNetwork], given: Any, validated: Any, rows: Indices, path: Any
) -> list[RememberingNetwork]:
    """The networks, with their outputs for some rows."""
    outputs = (sets.predictions(rows, path) * sets.prepared.target_units).astype(validated.dtype)
    return [RememberingNetwork.of(network, [(given, validated, outputs[:, i])]) for i, network in enumerate(networks)]


def _completed(
    sets: MomentSets | RowSets, networks: list[FittedNetwork], train: Indices, path: Any, scoring: Scoring
) -> list[FittedNetwork]:
    """The networks with what scorers may ask for: temperatures of classifiers, rows for intervals."""
    targets = sets.prepared.plan.targets
    if isinstance(targets, ClassTargets) and not scoring.needs_probabilities():
        # The predicted class does not depend on the temperature.
        sure = replace(targets, inverse_temperature=1.0)
        return [replace(network, targets=sure) for network in networks]
    rows = train[sets.table.weight[train] > 0.0]
    X, Y = sets.table.X[rows], sets.table.Y[rows] * sets.prepared.target_units
    data = Dataset(X, Y, sets.table.weight[rows], sets.prepared.network.weight_unit)
    known = _remembering(sets, networks, None, X, rows, path) if isinstance(targets, ClassTargets) else networks
    return [sets.prepared.completed(network, data) for network in known]
