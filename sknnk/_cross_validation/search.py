"""The search over feature counts and penalties that both cross-validated networks share."""

import warnings
from inspect import signature
from itertools import product
from numbers import Integral, Real
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _routing_enabled, process_routing

from .._data import weighted_rows
from .._features import COUPLINGS, DIRECTIONS
from .._kernels import ACTIVATIONS
from .._networks import BundledNetwork
from .curves import Curves, Task, count_curves, fix_length_scale
from .results import search_results, simplest_within_one_standard_error
from .scorers import Scoring

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

_OF_THE_SEARCH = {"n_components", "alpha", "random_state", "verbose"}


class CountSearch(BundledNetwork):
    """Cross-validation of feature counts and penalties in one pass over the rows for each kernel."""

    _network_class: Any
    _default_scoring: str
    # Differences of the default score that are no reason to choose.
    _least_difference = 0.0

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "alphas": [Interval(Real, 0, None, closed="left"), "array-like"],
        "activations": [StrOptions({"auto", *ACTIVATIONS}), callable, list, tuple],
        "length_scales": [StrOptions({"auto", "scale"}), Interval(Real, 0, None, closed="neither"), list, tuple],
        "directions": [StrOptions({"auto", *DIRECTIONS})],
        "frequencies": [StrOptions({"auto", *COUPLINGS})],
        "preprocessing": [StrOptions({"once", "fold"})],
        "cv": ["cv_object"],
        "scoring": [str, callable, list, tuple, set, dict, None],
        "refit": ["boolean", str, callable],
        "selection": [StrOptions({"best", "one_standard_error"})],
        "return_train_score": ["boolean"],
        "input_transform": [StrOptions({"auto", "quantile", "robust"}), None],
        "direct_link": ["boolean"],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @property
    def partial_fit(self) -> Any:
        """Not available: cross-validation needs all rows."""
        raise AttributeError(f"{type(self).__name__} has no partial_fit: cross-validation needs all rows.")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_system")

    def get_metadata_routing(self) -> MetadataRouter:
        """Metadata that `fit` passes on: to the scorers and, `groups` above all, to the splitter.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(scorer=self._scorer(), method_mapping=MethodMapping().add(caller="fit", callee="score"))
            .add(splitter=check_cv(self.cv), method_mapping=MethodMapping().add(caller="fit", callee="split"))
        )

    def _scorer(self) -> Any:
        return check_scoring(self, self._default_scoring if self.scoring is None else self.scoring)

    def _routed(self, sample_weight: Any, params: dict[str, Any]) -> Bunch:
        """Parameters of the splitter and of the scorers."""
        if _routing_enabled():
            given = {} if sample_weight is None else {"sample_weight": sample_weight}
            return process_routing(self, "fit", **given, **params)
        if unknown := sorted(params.keys() - {"groups"}):
            raise TypeError(f"fit got {unknown}; without metadata routing it takes sample_weight and groups.")
        score = {} if sample_weight is None or not self._scorer_takes_weights() else {"sample_weight": sample_weight}
        return Bunch(splitter=Bunch(split=params), scorer=Bunch(score=score))

    def _scorer_takes_weights(self) -> bool:
        scorer = self._scorer()
        if hasattr(scorer, "_accept_sample_weight"):
            accepts = bool(scorer._accept_sample_weight())
        else:
            accepts = "sample_weight" in signature(scorer).parameters
        if not accepts:
            warnings.warn(
                f"scoring={self.scoring!r} takes no sample_weight, so that scores are unweighted.", stacklevel=4
            )
        return accepts

    def _splits(self, X: Any, y: Any, sample_weight: Array, params: dict[str, Any]) -> list[tuple[Rows, Rows]]:
        """Row positions of the training and test set of every split."""
        weighted_rows(X, y, sample_weight)
        splitter = check_cv(self.cv, y, classifier=is_classifier(self))
        splits = [(_positions(train), _positions(test)) for train, test in splitter.split(X, y, **params)]
        if not splits:
            raise ValueError(f"cv={self.cv!r} has no splits.")
        for i, sides in enumerate(splits):
            for rows, side in zip(sides, ("training", "test"), strict=True):
                if not np.any(sample_weight[rows] > 0.0):
                    raise ValueError(f"cv={self.cv!r} leaves no {side} row of positive weight in split {i}.")
        return splits

    def _search(self, task: Task, sample_weight: Any, score_params: dict[str, Any]) -> None:
        """Score every candidate, choose one, and become the network that it stands for."""
        counts, alphas = self._counts(), self._alphas()
        self._check_kernels()
        scoring = self._scoring(sample_weight, score_params)
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        networks, curves = [], []
        kernels = list(product(_axis(self.activations), _axis(self.length_scales)))
        plan = (scoring, counts, alphas, self.preprocessing, self.return_train_score)
        with self._progress.part("search", len(kernels)) as search:
            for kernel in kernels:
                networks.append(self._network(*kernel, max(counts), seed))
                # For each split a part that chooses, one that sums, and a step per count.
                with search.part("score-counts", len(task.splits) * (2 + len(counts))) as networks[-1]._progress:
                    curves.append(count_curves(networks[-1], task, *plan))
                del networks[-1]._progress
                if self.verbose:
                    size = f"{len(task.splits)} splits, {len(counts)} counts, {alphas.size} alphas"
                    print(f"[{type(self).__name__}] {kernel}: {size}")
        self.n_splits_ = len(task.splits)
        self._report(curves, counts, alphas)
        self._choose()
        if self.refit:
            self._refit(networks, curves, task, sample_weight)

    def _scoring(self, sample_weight: Any, params: dict[str, Any]) -> Scoring:
        scorer = self._scorer()
        self.scorer_ = getattr(scorer, "_scorers", scorer)
        self.multimetric_ = isinstance(self.scorer_, dict)
        if self.multimetric_ and not (self.refit is False or callable(self.refit) or self.refit in self.scorer_):
            raise ValueError(
                f"refit={self.refit!r} must name the score to choose by, one of {sorted(self.scorer_)}, or be False "
                "or a function of cv_results_."
            )
        scorers = self.scorer_ if self.multimetric_ else {"score": scorer}
        shared = params.keys() <= {"sample_weight"} and (sample_weight is None) == (not params)
        return Scoring(scorers, scorer, params, shared)

    def _counts(self) -> tuple[int, ...]:
        counts = np.atleast_1d(self.n_components)
        if counts.ndim != 1 or not counts.size or counts.dtype.kind not in "iu" or counts.min() < 1:
            raise ValueError(f"n_components={self.n_components!r} must be positive integers, e.g. (256, 512, 1024).")
        return tuple(int(n) for n in counts)

    def _alphas(self) -> Array:
        alphas = np.atleast_1d(np.asarray(self.alphas, dtype=np.float64))
        if alphas.ndim != 1 or not alphas.size or not np.all((alphas >= 0.0) & np.isfinite(alphas)):
            raise ValueError(f"alphas={self.alphas!r} must be non-negative finite numbers, e.g. np.logspace(-4, 2, 7).")
        return alphas

    def _check_kernels(self) -> None:
        """Refuse choices that would look at the targets of test rows."""
        for name in ("activations", "length_scales", "directions", "frequencies"):
            values = _axis(getattr(self, name))
            if not values:
                raise ValueError(f"{name}={getattr(self, name)!r} is empty.")
            if self.preprocessing == "once" and any(isinstance(value, str) and value == "auto" for value in values):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} would be chosen by the targets of test rows with "
                    'preprocessing="once"; name what to compare, or choose on each training set with '
                    'preprocessing="fold".'
                )

    def _network(self, activation: Any, length_scale: Any, count: int, seed: int) -> Any:
        """Network of these parameters, neither prepared nor fitted."""
        network = self._network_class(count, activation=activation, alpha=1.0, random_state=seed)
        shared = network.get_params().keys() - _OF_THE_SEARCH
        network.set_params(**{name: value for name, value in self.get_params().items() if name in shared})
        network.set_params(length_scale=length_scale)
        for name in ("n_features_in_", "feature_names_in_", "_flat_targets", "classes_"):
            if hasattr(self, name):
                setattr(network, name, getattr(self, name))
        return network

    def _report(self, curves: list[Curves], counts: tuple[int, ...], alphas: Array) -> None:
        grid: dict[str, list[Any]] = {"n_components": list(counts), "alpha": list(alphas)}
        activations, length_scales = _axis(self.activations), _axis(self.length_scales)
        if isinstance(self.activations, list | tuple):
            grid["activation"] = activations
        if isinstance(self.length_scales, list | tuple):
            grid["length_scale"] = length_scales

        def by_candidate(tables: list[Array]) -> Array:
            # In the order of ParameterGrid: activation, alpha, length_scale, n_components.
            table = np.reshape(tables, (len(activations), len(length_scales), *tables[0].shape))
            return np.swapaxes(table, 1, 2).reshape(-1, table.shape[-1])

        parts = ("times", "test", "train")
        tables = (
            {name: by_candidate([getattr(each, part)[name] for each in curves]) for name in getattr(curves[0], part)}
            for part in parts
        )
        self.cv_results_ = search_results(list(ParameterGrid(grid)), *tables)

    def _choose(self) -> None:
        """Set what GridSearchCV calls the best candidate."""
        if self.multimetric_ and self.refit is False:
            return
        metric, results = self.refit if self.multimetric_ else "score", self.cv_results_
        if callable(self.refit):
            self.best_index_ = self.refit(results)
            if self.best_index_ not in range(len(results["params"])):
                raise ValueError(f"refit returned {self.best_index_!r}, which is no position in cv_results_['params'].")
        else:
            if np.isnan(results[f"mean_test_{metric}"]).any():
                warnings.warn(f"mean_test_{metric} is not a number for some candidates.", UserWarning, stacklevel=3)
            if self.selection == "best":
                means, best = results[f"mean_test_{metric}"], int(results[f"rank_test_{metric}"].argmin())
                least = self._least_difference if self.scoring is None else 0.0
                self.best_index_ = int(np.argmax(means >= means[best] - least))
            else:
                self.best_index_ = simplest_within_one_standard_error(results, metric)
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, networks: list[Any], curves: list[Curves], task: Task, sample_weight: Any) -> None:
        """Fit the chosen network to all rows, from their moments where these are known, and take its attributes."""
        started = perf_counter()
        count, alpha = self.best_params_["n_components"], float(self.best_params_["alpha"])
        position = self._kernel_position()
        network, whole = networks[position], curves[position].whole
        if whole is not None:
            network = whole.solved(count, alpha)
            self._finish(network, task)
        else:
            fix_length_scale(network, task, np.arange(len(task.Y)), task.sample_weight)
            network.set_params(n_components=count, alpha=alpha)
            with self._progress.fit_of(network, "refit"):
                network.fit(task.labelled.X, task.labelled.y, sample_weight)
        self.best_estimator_ = network
        own = network.get_params()
        self.__dict__.update({name: value for name, value in vars(network).items() if name not in own})
        self.n_components_ = count
        self.refit_time_ = perf_counter() - started

    def _kernel_position(self) -> int:
        """Which of the kernels the best candidate has: candidates are sorted by activation, alpha, length scale."""
        n_activations, n_scales = len(_axis(self.activations)), len(_axis(self.length_scales))
        n_alphas, n_counts = self._alphas().size, len(self._counts())
        shape = (n_activations, n_alphas, n_scales, n_counts)
        activation, _, length_scale, _ = np.unravel_index(int(self.best_index_), shape)
        return int(activation) * n_scales + int(length_scale)

    def _finish(self, network: Any, task: Task) -> None:
        """Complete a network that was solved from sums."""


def _axis(values: Any) -> list[Any]:
    """Values of a parameter that may be one value, or a list or tuple of them."""
    return list(values) if isinstance(values, list | tuple) else [values]


def _positions(rows: Any) -> Rows:
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.intp)
