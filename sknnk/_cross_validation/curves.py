"""Scores of one kernel for every number of features and every penalty."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from .._compute import Array, Indices, machine_memory
from .._data import Dataset, TableEncoder, transform_inputs
from .._ridge import partitions
from .candidates import PreparedPlan, SearchPlan, link_scale_of
from .raw_tables import FitTable
from .scorers import Labelled, Scoring, candidate_scores
from .splits import AllRows, MomentSets, RowSets, Table

# Largest number of groups of rows whose moments are in memory at one time.
_MAX_ATOMS = 16
# Up to this many rows for each column, the features of all rows are kept instead of moments.
_HELD_ROWS = 1.5


@dataclass(frozen=True, eq=False)
class SearchedRows:
    """The rows of a search, and how they are split.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Validated rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets of the least squares.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights.
    fit_weight : callable
        ``fit_weight(train)`` gives the weights of all rows, those of their classes included, for a training set.
    fit_weight_is_shared : bool
        Whether these are the same for every training set.
    labelled : Labelled
        What scorers see.
    splits : list of (train, test)
        Row positions.
    fit_table : callable or None
        What :func:`encoded_rows` gives.
    """

    X: Any
    Y: Array
    sample_weight: Array
    fit_weight: Callable[[Indices], Array]
    fit_weight_is_shared: bool
    labelled: Labelled
    splits: list[tuple[Indices, Indices]]
    fit_table: FitTable | None = None

    def training_rows(self, rows: Indices, weight: Array) -> Dataset:
        """Rows of positive weight among some, for weights of all rows."""
        seen = rows[weight[rows] > 0.0]
        return Dataset.of(self.X[seen], self.Y[seen], weight[seen])

    def all_rows(self) -> Dataset:
        """All rows of positive weight, encoded."""
        return self.encoded(np.arange(len(self.Y)), self.sample_weight, int)[1]

    def encoded(
        self, train: Indices, weight: Array, seed: Callable[[], int]
    ) -> tuple[Any, Dataset, dict[str, TableEncoder]]:
        """All rows as a training set encodes them, its rows of positive weight, and what a network is told of it."""
        rows = self.training_rows(train, weight)
        if self.fit_table is None:
            return self.X, rows, {}
        table, own = self.fit_table(rows.X, rows.sample_weight, rows.Y, seed)
        X = table(self.X)
        if not table.keeps_columns:  # statistics of its own rows come from others among them
            X[train[weight[train] > 0.0]] = own
        return X, replace(rows, X=own), {"_table": table}

    @property
    def weight_unit(self) -> float:
        """What one row weighs in a fit to all rows."""
        every = np.arange(len(self.Y))
        return self.training_rows(every, self.fit_weight(every)).weight_unit


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores and times of the candidates that share a kernel.

    Parameters
    ----------
    test, train, times : dict of str to ndarray of shape (n_alphas, n_counts, n_splits)
        Scores by the name of the scorer, and seconds.
    whole : AllRows or None
        All rows, where the final fit need not look at them again.
    """

    test: dict[str, Array]
    train: dict[str, Array]
    times: dict[str, Array]
    whole: AllRows | None


def count_curves(
    plan: SearchPlan,
    task: SearchedRows,
    scoring: Scoring,
    counts: tuple[int, ...],
    alphas: Array,
    preprocessing: str,
    return_train_score: bool,
) -> Curves:
    """Score every count and penalty on every split.

    Parameters
    ----------
    plan : SearchPlan
        The kernel, with as many features as the largest count.
    task : SearchedRows
        Rows and splits.
    scoring : Scoring
        The scorers.
    counts : tuple of int
        Numbers of features.
    alphas : ndarray of shape (n_alphas,)
        Penalties.
    preprocessing : {"once", "fold"}
        Whether the network is prepared on all rows, or on each training set.
    return_train_score : bool
        Whether training sets are scored, too.

    Returns
    -------
    Curves
        The scores.
    """
    shape = (alphas.size, len(counts), len(task.splits))
    sides: tuple[dict[str, Array], dict[str, Array]] = ({}, {})
    times = {"fit_time": np.zeros(shape), "score_time": np.zeros(shape)}
    whole, started = None, perf_counter()
    for first, sets, latest in _sets(plan, task, preprocessing):
        whole, covered = latest, slice(first, first + len(sets.splits))
        # All candidates share the time of a pass over the rows equally.
        times["fit_time"][:, :, covered] += (perf_counter() - started) / times["fit_time"][:, :, covered].size
        for j, count in enumerate(counts):
            for split, both, seconds in _scores_of_sets(sets, count, alphas, task, scoring, return_train_score):
                plan.execution.progress()
                for side, scores in zip(sides, both, strict=True):
                    for name, values in scores.items():
                        side.setdefault(name, np.empty(shape))[:, j, first + split] = values
                for name, spent in zip(times, seconds, strict=True):
                    times[name][:, j, first + split] += spent / alphas.size
        started = perf_counter()
    return Curves(*sides, times, whole)


def _scores_of_sets(
    sets: MomentSets | RowSets,
    count: int,
    alphas: Array,
    task: SearchedRows,
    scoring: Scoring,
    return_train_score: bool,
) -> list[tuple[int, list[dict[str, Any]], tuple[float, float]]]:
    """Position of each split, test and training scores by name, and seconds spent on fitting and on scoring."""
    forms, started = scoring.closed_forms(), perf_counter()
    alphas = sets.prepared.penalties(alphas)
    paths = sets.paths(count, alphas) if forms else []
    fit_time = (perf_counter() - started) / len(sets.splits)
    sides = (False, True) if return_train_score else (False,)

    def scores(split: int) -> tuple[int, list[dict[str, Any]], tuple[float, float]]:
        started = perf_counter()
        both: list[dict[str, Any]]
        if forms:
            unit = sets.prepared.target_units**2
            errors = [sets.errors(split, count, paths[split], side).in_units(unit) for side in sides]
            both = [{name: form(each) for name, form in forms.items()} for each in errors]
        else:
            of_candidates = candidate_scores(sets, split, count, alphas, task.labelled, scoring, return_train_score)
            both = [{name: [each[name] for each in side] for name in side[0]} for side in of_candidates]
        return split, both if return_train_score else [both[0], {}], (fit_time, perf_counter() - started)

    # No threads: scorers of users may not be safe in threads, and our own work does not release the interpreter in
    # BLAS.
    return [scores(split) for split in range(len(sets.splits))]


def _sets(plan: SearchPlan, task: SearchedRows, preprocessing: str) -> Iterator[tuple[int, Any, AllRows | None]]:
    """Training and test sets: position of the first split, the sets, and what a final fit can start from."""
    shared = plan.prepared(task.all_rows()) if preprocessing == "once" else None
    if shared is not None and task.fit_weight_is_shared:
        yield from _shared_sets(shared, task)
        return
    for position, (train, test) in enumerate(task.splits):
        weight = task.fit_weight(train)
        X, rows, known = task.encoded(train, weight, plan.spec.seed)
        here = replace(plan, description={**plan.description, **known})
        own = here.prepared(rows) if shared is None else shared.weighted_as(rows)
        link_scale = own.feature_map.link_scale
        if shared is not None:
            [link_scale] = _link_scales(own, task, [(train, test)])
        table = Table.of(own, X, task.Y, weight)
        split = [(train, test)]
        if _features_fit_in_memory(task, own):
            yield position, RowSets(own, table, split, [link_scale]), None
        else:
            [partition] = partitions(len(task.Y), split, _MAX_ATOMS)
            yield position, MomentSets(own, table, partition, split, [link_scale]), None


def _shared_sets(prepared: PreparedPlan, task: SearchedRows) -> Iterator[tuple[int, Any, AllRows | None]]:
    """Sets that share one preparation. Each covers as many splits as have few patterns of membership."""
    link_scales = _link_scales(prepared, task, task.splits)
    weight = task.fit_weight(np.arange(len(task.Y)))
    prepared = prepared.weighted_as(task.training_rows(np.arange(len(task.Y)), weight))
    table = Table.of(prepared, task.X, task.Y, weight)
    # Class weights depend on each training set. With them, a final fit cannot use these sums.
    may_continue = weight is task.sample_weight
    if _features_fit_in_memory(task, prepared):
        sets: MomentSets | RowSets = RowSets(prepared, table, task.splits, link_scales)
        yield 0, sets, sets.whole() if may_continue else None
        return
    for partition in partitions(len(task.Y), task.splits, max(_MAX_ATOMS, len(task.splits) + 1)):
        _check_memory(prepared, len(partition.atoms))
        covered = slice(partition.first, partition.first + len(partition.train))
        sets = MomentSets(prepared, table, partition, task.splits[covered], link_scales[covered])
        yield partition.first, sets, sets.whole() if may_continue else None


def _features_fit_in_memory(task: SearchedRows, prepared: PreparedPlan) -> bool:
    return len(task.Y) <= _HELD_ROWS * prepared.feature_map.n_columns


def _check_memory(prepared: PreparedPlan, n_atoms: int) -> None:
    """Refuse moments that cannot fit, before an allocation brings the machine down."""
    # Besides the moments of each group: those of all rows and of one training set, a factorisation and its workspace.
    size, available = 8.0 * prepared.feature_map.n_columns**2 * (n_atoms + 8), machine_memory()
    if size > available:
        raise ValueError(
            f"n_components up to {prepared.network.choice.n_components[-1]} with {n_atoms} groups of rows needs about "
            f"{1e-9 * size:.0f} GB for the moments, and the machine has {1e-9 * available:.0f} GB; use smaller "
            "n_components or fewer splits."
        )


def _link_scales(
    prepared: PreparedPlan, task: SearchedRows, splits: list[tuple[Indices, Indices]]
) -> list[float | None]:
    """Factor that a network fitted on each training set would give the direct link."""
    if prepared.feature_map.link_scale is None:
        return [None] * len(splits)
    inputs, scales = transform_inputs(prepared.feature_map.input_map, task.X), []
    for train, _ in splits:
        weight = task.fit_weight(train)
        rows = train[weight[train] > 0.0]
        scales.append(link_scale_of(prepared, Dataset(inputs[rows], task.Y[rows], weight[rows])))
    return scales
