"""The search over feature counts and penalties that both cross-validated networks share."""

import warnings
from collections.abc import Collection
from dataclasses import replace
from inspect import signature
from itertools import product
from numbers import Integral, Real
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _routing_enabled, process_routing
from sklearn.utils.validation import check_is_fitted

from .._compute import Array, Floats, Indices, blas_threads_of, n_threads
from .._features import COUPLINGS, DIRECTIONS
from .._integration import (
    NO_PROGRESS,
    Execution,
    IntegratedEstimator,
    Task,
    current_progress,
    replace_attributes,
)
from .._kernels import ACTIVATIONS
from .._networks import BundledNetwork, ClassTargets, NumericTargets
from .candidates import SearchPlan, check_activations
from .curves import Curves, SearchedRows, count_curves
from .folds import splits_of_rows, warn_of_later_rows
from .loss_curves import loss_curves, penalty_unit
from .results import search_results, simplest_within_one_standard_error
from .scorers import Scoring

# Parameters of a network that the search sets itself.
_OF_THE_SEARCH = {"n_components", "alpha", "random_state", "verbose"}
# Penalties to compare for rows of weight one.
_ALPHAS = (100.0, 10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5)


def of_best(name: str) -> property:
    """A fitted attribute of the chosen network."""

    def attribute(self: "CountSearch") -> Any:
        return getattr(self.best_estimator_, name)

    return property(attribute, doc=f"`{name}` of the chosen network.")


class CountSearch(IntegratedEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Cross-validation of feature counts and penalties in one pass over the rows for each kernel."""

    _network_class: type[BundledNetwork]
    _default_scoring: Any
    loss: str
    # Values of the default score that differ by at most this count as equal.
    _least_difference = 0.0

    output_coef_ = of_best("output_coef_")
    feature_importances_ = of_best("feature_importances_")
    intercept_ = of_best("intercept_")
    alpha_ = of_best("alpha_")
    effective_dof_ = of_best("effective_dof_")
    noise_variance_ = of_best("noise_variance_")
    n_samples_seen_ = of_best("n_samples_seen_")
    n_iter_ = of_best("n_iter_")
    solver_ = of_best("solver_")
    solver_costs_ = of_best("solver_costs_")
    samplers_ = of_best("samplers_")
    feature_map_ = of_best("feature_map_")
    activation_ = of_best("activation_")
    directions_ = of_best("directions_")
    frequencies_ = of_best("frequencies_")
    length_scale_ = of_best("length_scale_")
    input_transform_ = of_best("input_transform_")
    search_history_ = of_best("search_history_")

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "alphas": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left"), "array-like"],
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
        "input_transform": [StrOptions({"auto", "quantile", "robust", "standard"}), None],
        "direct_link": ["boolean"],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_is_fitted__(self) -> bool:
        return "best_estimator_" in vars(self)

    @property
    def _n_features_out(self) -> int:
        return int(np.shape(self.output_coef_)[-1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def transform(self, X: Any) -> Floats:
        """Evaluate the chosen network up to its output matrix.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            ``transform(X) @ output_coef_.T + intercept_`` is the prediction.
        """
        return self._chosen().transform(X)

    def _chosen(self) -> Any:
        """The network that the search chose."""
        if "cv_results_" in vars(self) and "best_estimator_" not in vars(self):
            raise NotFittedError(
                f"refit=False left results and no network; fit {self._network_class.__name__} with best_params_ "
                "or with one of cv_results_['params'], or search with refit=True."
            )
        check_is_fitted(self)
        return self.best_estimator_

    def get_metadata_routing(self) -> MetadataRouter:
        """Metadata that `fit` and `score` pass on to the scorers, and `fit` to the splitter, mainly `groups`.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        to_scorer = MethodMapping().add(caller="fit", callee="score").add(caller="score", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(scorer=self._scorer(), method_mapping=to_scorer)
            .add(splitter=check_cv(self.cv), method_mapping=MethodMapping().add(caller="fit", callee="split"))
        )

    def _score(self, X: Any, y: Any, sample_weight: Any, params: dict[str, Any]) -> float:
        """Score of the chosen network by what it was chosen by; by the default where a function chose among several."""
        network, scorer = self._chosen(), self.scorer_
        if self.multimetric_ and callable(self.refit):
            scorer = get_scorer(self._default_scoring)
        elif isinstance(scorer, dict):
            scorer = scorer[self.refit]
        routed = self._routed("score", sample_weight, params)
        score: Any = scorer(network, X, y, **routed.scorer.score)
        return float(score[self.refit] if isinstance(score, dict) else score)

    def _scorer(self) -> Any:
        return check_scoring(self, self._default_scoring if self.scoring is None else self.scoring)

    def _routed(self, method: str, sample_weight: Any, params: dict[str, Any]) -> Bunch:
        """Parameters of the splitter and of the scorers."""
        if _routing_enabled():
            given = {} if sample_weight is None else {"sample_weight": sample_weight}
            return process_routing(self, method, **given, **params)
        takes = ["sample_weight", "groups"] if method == "fit" else ["sample_weight"]
        if unknown := sorted(params.keys() - set(takes)):
            raise TypeError(f"{method} got {unknown}; without metadata routing it takes {' and '.join(takes)}.")
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

    def _splits(self, X: Any, y: Any, sample_weight: Array, params: dict[str, Any]) -> list[tuple[Indices, Indices]]:
        """Row positions of the training and test set of every split."""
        splits = splits_of_rows(self.cv, X, y, sample_weight, params, is_classifier(self))
        if self.preprocessing == "once" and self.input_transform is not None:
            warn_of_later_rows(self.cv, splits)
        return splits

    def _search(
        self,
        task: SearchedRows,
        targets: NumericTargets | ClassTargets,
        description: dict[str, Any],
        sample_weight: Any,
        score_params: dict[str, Any],
    ) -> None:
        """Score every candidate, choose one, fit it to all rows, and publish what was found."""
        counts, progress = self._counts(), current_progress()
        alphas = self._alphas(penalty_unit(self, targets, task))
        self._check_kernels()
        scoring = self._scoring(sample_weight, score_params)
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        plans, curves = [], []
        kernels = list(product(_axis(self.activations), _axis(self.length_scales)))
        with progress.part("search", len(kernels)) as search, blas_threads_of(n_threads(self.n_jobs)):
            for kernel in kernels:
                # Each split has a part that chooses, a part that sums, and a step for each count.
                with search.part("score-counts", len(task.splits) * (2 + len(counts))) as part:
                    execution = self._execution(part)
                    plan = SearchPlan(self._network(*kernel, max(counts), seed), targets, description, execution)
                    settings = (scoring, counts, alphas, self.preprocessing, self.return_train_score)
                    scored = count_curves if plan.spec.uses_squares else loss_curves
                    curves.append(scored(plan, task, *settings))
                plans.append(replace(plan, execution=self._execution(NO_PROGRESS)))
                if self.verbose:
                    size = f"{len(task.splits)} splits, {len(counts)} counts, {alphas.size} alphas"
                    print(f"[{type(self).__name__}] {kernel}: {size}")
        # A single function may give several scores, which is not known before it is called.
        multimetric = scoring.multimetric or curves[0].test.keys() != {"score"}
        if multimetric:
            self._check_refit(curves[0].test)
        results = self._report(curves, counts, alphas)
        found: dict[str, Any] = {"n_splits_": len(task.splits), "cv_results_": results}
        found |= {"scorer_": scoring.as_given, "multimetric_": multimetric}
        found |= self._choice(results, multimetric)
        if self.refit:
            with blas_threads_of(n_threads(self.n_jobs)):
                found |= self._refit(found, plans, curves, task, sample_weight)
        self._publish({**found, **targets.attributes(), **description})

    def _execution(self, progress: Task) -> Execution:
        batch_size = None if isinstance(self.batch_size, str) else int(self.batch_size)
        return Execution(n_threads(self.n_jobs), batch_size, progress)

    def _publish(self, found: dict[str, Any]) -> None:
        """Replace all fitted attributes at once. No other method writes them; others' own attributes stay."""
        written = vars(self).get("_written", ())
        kept = {name: value for name, value in vars(self).items() if name not in written}
        replace_attributes(self, {**kept, **found, "_written": tuple(found)})

    def _scoring(self, sample_weight: Any, params: dict[str, Any]) -> Scoring:
        scorer = self._scorer()
        given = getattr(scorer, "_scorers", scorer)
        if isinstance(given, dict):
            self._check_refit(given)
        scorers = given if isinstance(given, dict) else {"score": scorer}
        shared = params.keys() <= {"sample_weight"} and (sample_weight is None) == (not params)
        return Scoring(scorers, scorer, params, shared, given)

    def _check_refit(self, names: Collection[str]) -> None:
        """Refuse several scores of which none is the one to choose by."""
        if not (self.refit is False or callable(self.refit) or self.refit in names):
            raise ValueError(
                f"refit={self.refit!r} must name the score to choose by, one of {sorted(names)}, or be False "
                "or a function of cv_results_."
            )

    def _counts(self) -> tuple[int, ...]:
        counts = np.atleast_1d(self.n_components)
        if counts.ndim != 1 or not counts.size or counts.dtype.kind not in "iu" or counts.min() < 1:
            raise ValueError(f"n_components={self.n_components!r} must be positive integers, e.g. (256, 512, 1024).")
        return tuple(int(n) for n in counts)

    def _alphas(self, unit: float) -> Array:
        if isinstance(self.alphas, str):
            return np.array(_ALPHAS) * unit
        alphas = np.atleast_1d(np.asarray(self.alphas, dtype=np.float64))
        if alphas.ndim != 1 or not alphas.size or not np.all((alphas >= 0.0) & np.isfinite(alphas)):
            raise ValueError(f"alphas={self.alphas!r} must be 'auto' or non-negative finite numbers.")
        return alphas

    def _check_kernels(self) -> None:
        """Refuse choices that would look at the targets of test rows, and unknown ones."""
        check_activations(self.activations, _axis(self.activations))
        for name in ("activations", "length_scales", "directions", "frequencies"):
            values = _axis(getattr(self, name))
            if not values:
                raise ValueError(f"{name}={getattr(self, name)!r} is empty.")
            if self.preprocessing == "once" and any(isinstance(value, str) and value == "auto" for value in values):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} would use the targets of test rows with "
                    'preprocessing="once"; list the values to compare, or set preprocessing="fold".'
                )

    def _network(self, activation: Any, length_scale: Any, count: int, seed: int) -> BundledNetwork:
        """Network of these parameters, not fitted."""
        network = self._network_class(count, activation=activation, alpha=1.0, random_state=seed)
        shared = network.get_params().keys() - _OF_THE_SEARCH
        network.set_params(**{name: value for name, value in self.get_params().items() if name in shared})
        return network.set_params(length_scale=length_scale)

    def _report(self, curves: list[Curves], counts: tuple[int, ...], alphas: Array) -> dict[str, Any]:
        """What GridSearchCV calls `cv_results_`."""
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
        return search_results(list(ParameterGrid(grid)), *tables)

    def _choice(self, results: dict[str, Any], multimetric: bool) -> dict[str, Any]:
        """What GridSearchCV calls the best candidate."""
        if multimetric and self.refit is False:
            return {}
        metric = self.refit if multimetric else "score"
        if callable(self.refit):
            best = self.refit(results)
            if best not in range(len(results["params"])):
                raise ValueError(f"refit returned {best!r}, which is no position in cv_results_['params'].")
            return {"best_index_": best, "best_params_": results["params"][best]}
        if np.isnan(results[f"mean_test_{metric}"]).any():
            warnings.warn(f"mean_test_{metric} is not a number for some candidates.", UserWarning, stacklevel=3)
        best = self._best_position(results, metric)
        score = results[f"mean_test_{metric}"][best]
        return {"best_index_": best, "best_score_": score, "best_params_": results["params"][best]}

    def _best_position(self, results: dict[str, Any], metric: str) -> int:
        if self.selection != "best":
            return simplest_within_one_standard_error(results, metric)
        means, best = results[f"mean_test_{metric}"], int(results[f"rank_test_{metric}"].argmin())
        least = self._least_difference if self.scoring is None else 0.0
        return int(np.argmax(means >= means[best] - least))

    def _refit(
        self,
        found: dict[str, Any],
        plans: list[SearchPlan],
        curves: list[Curves],
        task: SearchedRows,
        sample_weight: Any,
    ) -> dict[str, Any]:
        """Fit the chosen network to all rows, from their moments where these are known."""
        started = perf_counter()
        count, alpha = found["best_params_"]["n_components"], float(found["best_params_"]["alpha"])
        position = self._kernel_position(int(found["best_index_"]))
        plan, whole = plans[position], curves[position].whole
        if whole is not None:
            prepared = replace(whole.prepared, plan=replace(whole.prepared.plan, execution=plan.execution))
            network = prepared.as_candidate(prepared.completed(whole.solved(count, alpha), task.all_rows()))
        else:
            network = plan.with_length_scale(task.all_rows()).candidate(count, alpha)
            with current_progress().fit_of(network, "refit"):
                network.fit(task.labelled.X, task.labelled.y, sample_weight)
        return {"best_estimator_": network, "n_components_": count, "refit_time_": perf_counter() - started}

    def _kernel_position(self, best: int) -> int:
        """Which of the kernels the best candidate has: candidates are sorted by activation, alpha, length scale."""
        n_activations, n_scales = len(_axis(self.activations)), len(_axis(self.length_scales))
        n_alphas, n_counts = self._alphas(1.0).size, len(self._counts())
        shape = (n_activations, n_alphas, n_scales, n_counts)
        activation, _, length_scale, _ = np.unravel_index(best, shape)
        return int(activation) * n_scales + int(length_scale)


def _axis(values: Any) -> list[Any]:
    """Values of a parameter that may be one value, or a list or tuple of them."""
    return list(values) if isinstance(values, list | tuple) else [values]
