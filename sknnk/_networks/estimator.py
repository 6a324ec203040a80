"""What all bundled networks share: preparation, accumulation of rows, and the closed-form solution."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .._compute import block_length, n_threads, over_threads, row_blocks, scratch
from .._data import binary_magnitude, is_valid_already, possible_transforms, weighted_rows
from .._features import COUPLINGS, DIRECTIONS, Candidate
from .._integration import LinkedEstimator, Step, no_step
from .._kernel_learning import layer_sizes, prepare_layers
from .._kernels import ACTIVATIONS
from .._ridge import (
    MOST_PASSES,
    FeatureOperator,
    Moments,
    PenalisedMoments,
    PenalisedSystem,
    RidgeSystem,
    accumulated_moments,
    alpha_grid,
    check_memory,
    choose_alpha,
    coefficients,
    decompose,
    decompose_rows,
    effective_dof,
    is_one_penalty,
    is_worth_two_precisions,
    n_blocks,
    noise_variance,
    penalised_solution,
    predicted_costs,
    recovered_moments,
    sketched,
    solve_in_two_precisions,
    solve_iteratively,
    solved_for_best,
)
from .fitting import KernelNetwork

# Cross-validation on a sample finds the order of magnitude; more rows and features call for the same penalty or a
# smaller one (within ten times of the least test error on eight tables, which chose this window: re-check on others).
_ALPHA_WINDOW = np.logspace(-1.0, 0.25, 11)[:, None]
_DOF_INFLATION = 1.4
_OF_SOME_FITS = ("moments_", "kernels_", "feature_importances_", "solver_costs_", "_task", "_held_out", "_kept_rows")


class BundledNetwork(KernelNetwork, LinkedEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Everything but the meaning of the targets."""

    moments_: Moments
    n_iter_: int

    _parameter_constraints: dict = {
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), tuple, list],
        "activation": [StrOptions({"auto", *ACTIVATIONS}), callable],
        "length_scale": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither"), "array-like"],
        "directions": [StrOptions({"auto", *DIRECTIONS})],
        "frequencies": [StrOptions({"auto", *COUPLINGS})],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left"), "array-like"],
        "solver": [StrOptions({"auto", "primal", "dual", "cg"})],
        "feature_map": [StrOptions({"auto", "random", "landmarks"})],
        "feature_learning": [StrOptions({"auto", "agop", "resample", "both"}), None],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "input_transform": [StrOptions({"auto", "quantile", "robust"}), None],
        "direct_link": ["boolean"],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        activation="auto",
        length_scale="auto",
        directions="auto",
        frequencies="auto",
        alpha="auto",
        solver="auto",
        tol=1e-4,
        max_iter=200,
        feature_map="auto",
        feature_learning="auto",
        input_transform="auto",
        direct_link=True,
        batch_size="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.activation = activation
        self.length_scale = length_scale
        self.directions = directions
        self.frequencies = frequencies
        self.alpha = alpha
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.feature_map = feature_map
        self.feature_learning = feature_learning
        self.input_transform = input_transform
        self.direct_link = direct_link
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def transform(self, X: Any) -> np.ndarray:
        """Evaluate the network up to its output matrix.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            The direct link, if there is one, and the features of the last bundled layer:
            ``transform(X) @ coef_.T + intercept_`` is the prediction.
        """
        X = self._validated(X)
        columns = np.empty((X.shape[0], self._layers.n_columns), dtype=X.dtype)

        def evaluate(rows: slice) -> None:
            columns[rows] = self._layers.columns(X[rows])

        self._over_blocks(evaluate, X.shape[0])
        return columns

    def _validated(self, X: Any) -> Any:
        whole = hasattr(self, "_layers") and not hasattr(self, "feature_names_in_")
        if not is_valid_already(X, self.n_features_in_ if whole else None):
            check_is_fitted(self)
            X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        self._layers.check_range(X)
        return X

    def _fit_rows(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> None:
        X, Y, sample_weight = weighted_rows(X, Y, sample_weight)
        alphas = self._given_alphas(Y.shape[1])
        for name in _OF_SOME_FITS:
            self.__dict__.pop(name, None)
        self.feature_map_ = self._chosen_map(X, Y, alphas)
        if self.feature_map_ == "landmarks":
            self._fit_kernel(X, Y, sample_weight, alphas)
            return
        self.n_components_ = self._layer_sizes(sample_weight)
        self.solver_ = self._chosen_solver(X.shape, alphas)
        self._prepare(X, Y, sample_weight)
        Y = Y / self._target_scale
        if self.solver_ == "cg":
            self._solve_iteratively(X, Y, sample_weight, alphas)
        elif self.solver_ == "dual":
            precision = float(np.finfo(X.dtype).eps)
            self._solve(decompose_rows(self._layers.columns(X), Y, sample_weight, precision), alphas, X.dtype)
        else:
            self._solve_sums(X, Y, sample_weight, alphas)
        self._hold_out(X, Y, sample_weight)

    def _partial_fit_rows(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> None:
        X, Y, sample_weight = weighted_rows(X, Y, sample_weight)
        alphas = self._given_alphas(Y.shape[1])
        moments = None
        if self._is_first_call() and self.feature_map == "landmarks":
            self.feature_map_ = "landmarks"
            self._fit_kernel(X, Y, sample_weight, alphas)
            return
        if not self._is_first_call() and self._system is None:
            self._extend_exactly(X, Y / self._target_scale, sample_weight)
            return
        if self._is_first_call():
            self.feature_map_ = "random"
            self.n_components_ = self._layer_sizes(sample_weight)
            self._check_memory(X.shape, "primal")
            self._prepare(X, Y, sample_weight)
        elif hasattr(self, "moments_"):
            moments = self.moments_
        else:
            if self.solver_ == "cg":
                raise ValueError("solver='cg' keeps no sums that partial_fit could add to; fit with solver='primal'.")
            fit = self._system
            moments = fit.moments() if isinstance(fit, PenalisedMoments) else recovered_moments(fit)
            moments = moments.scaled(1.0 / self._layers.column_scale)
        self.solver_ = "primal"
        Y = Y / self._target_scale
        added = self._accumulated(X, Y, sample_weight)
        self.moments_ = added if moments is None else moments + added
        self._solve_moments(self.moments_, alphas, X.dtype)
        self._hold_out(X, Y, sample_weight)

    def _is_first_call(self) -> bool:
        """Whether there is nothing that partial_fit could continue."""
        return not hasattr(self, "_system")

    def _prepare(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> None:
        """Fix everything that later chunks must share: units, layers and automatic choices."""
        self._draw_seed()
        self._target_scale = binary_magnitude(Y)
        self._choose_layers(X, Y / self._target_scale, sample_weight)
        self._layers.check_range(X)

    def _draw_seed(self) -> None:
        self._seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)

    def _choose_layers(self, X: Any, Y: Any, sample_weight: Any) -> None:
        """Make the automatic choices on a sample and draw the layers; of the rows, only ``rows[positions]`` is used."""
        kernel = Candidate(self.activation, self.directions, self.frequencies, self.length_scale)
        plan = (kernel, self.n_components_, self.input_transform, self.direct_link, self._seed)
        self._layers, choice = prepare_layers(
            *(X, Y, sample_weight, *plan),
            penalty_given=not isinstance(self.alpha, str),
            threads=n_threads(self.n_jobs),
            learning=self._learning(),
            progress=self._progress,
        )
        self.samplers_, self.input_transform_ = self._layers.samplers, possible_transforms(self.input_transform)[0]
        self.activation_, self.directions_, self.frequencies_, self.length_scale_ = choice.candidate.parameters
        self.search_history_, self._searched_alpha = choice.history, choice.alpha

    def _layer_sizes(self, sample_weight: np.ndarray) -> tuple[int, ...]:
        return layer_sizes(self.n_components, max(sample_weight.sum(), sample_weight.size))

    def _chosen_solver(self, shape: tuple[int, int], alphas: np.ndarray | None) -> str:
        """The solver asked for, or the cheapest of those that can serve; what each would cost is kept."""
        n_columns = self.n_components_[-1] + (shape[1] if self.direct_link else 0)
        one = alphas is not None and alphas.size == 1
        self.solver_costs_ = predicted_costs(shape[0], n_columns, shape[1], self.tol, one)
        if alphas is not None and (len(alphas) > 1 or not np.all(alphas)):
            # Conjugate gradients solve for one positive penalty.
            del self.solver_costs_["cg"]
        solver = self.solver
        if solver == "auto":
            solver = min(self.solver_costs_, key=self.solver_costs_.__getitem__)
        if solver not in self.solver_costs_:
            raise ValueError(f"solver='cg' needs one positive alpha, or 'auto'; got alpha={self.alpha!r}.")
        self._check_memory(shape, solver)
        return solver

    def _check_memory(self, shape: tuple[int, int], solver: str) -> None:
        check_memory(self.n_components, self.n_components_, shape[1] if self.direct_link else 0, shape, solver)

    def _over_blocks(self, function: Callable[[slice], None], n_samples: int) -> None:
        """Call a function for blocks of rows that stay in a core's cache, over threads."""
        size = min(max(block_length(n_samples, self._layers.n_columns), 16), self._most_rows() or n_samples)
        over_threads(function, [(rows,) for rows in row_blocks(n_samples, size)], n_threads(self.n_jobs))

    def _accumulated(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray, done: Step = no_step) -> Moments:
        """Moments of the raw columns of these rows."""
        features, plan = (self._layers.raw_columns, self._layers.n_columns), (self._most_rows(), n_threads(self.n_jobs))
        return accumulated_moments(*features, X, Y, sample_weight, *plan, done)

    def _summed(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> Moments:
        with self._progress.part("sum-rows", self._n_blocks(len(Y))) as done:
            return self._accumulated(X, Y, sample_weight, done)

    def _n_blocks(self, n_samples: int) -> int:
        return n_blocks(n_samples, self._layers.n_columns, self._most_rows())

    def _most_rows(self) -> int | None:
        return None if isinstance(self.batch_size, str) else int(self.batch_size)

    def _solve_sums(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray, alphas: np.ndarray | None) -> None:
        around = None if self._searched_alpha is None else self._searched_alpha * _ALPHA_WINDOW
        tried = around if alphas is None else alphas
        if tried is not None and is_worth_two_precisions(tried, X, self._layers.n_columns, float(sample_weight.sum())):
            plan = (*self._choice_among(alphas), self._most_rows(), n_threads(self.n_jobs))
            with self._progress.part("sum-rows", self._n_blocks(len(Y)) + MOST_PASSES) as done:
                solved = solve_in_two_precisions(self._layers, (X, Y, sample_weight), tried, *plan, done)
            if solved is not None:
                self._publish_solved(solved, X.dtype)
                return
        self._solve_moments(self._summed(X, Y, sample_weight), alphas, X.dtype)

    def _solve_moments(self, moments: Moments, alphas: np.ndarray | None, dtype: Any) -> None:
        """Solve for a penalty that is given, or choose one; diagonalise only where rounding calls for it."""
        moments, precision = moments.scaled(self._layers.column_scale), float(np.finfo(dtype).eps)
        if is_one_penalty(alphas):
            solved = penalised_solution(moments, float(alphas[0, 0]), precision)
        else:
            solved = solved_for_best(moments, *self._choice_among(alphas), precision)
        if solved is None:
            self._solve(decompose(moments, precision), alphas, dtype)
        else:
            self._publish_solved(solved, dtype)

    def _diagonalised(self) -> RidgeSystem:
        """The system in its eigenbasis, which most fits do without."""
        return self._system.diagonal if isinstance(self._system, PenalisedMoments) else self._system

    def _solve(self, system: RidgeSystem, alphas: np.ndarray | None, dtype: Any) -> None:
        """Choose the penalty and solve for it."""
        candidates, inflation = self._choice_among(alphas)
        alpha = choose_alpha(system, candidates(system), inflation)
        self._publish(system, alpha, coefficients(system, alpha)[0], noise_variance(system, alpha), dtype)

    def _choice_among(self, alphas: np.ndarray | None) -> tuple[Callable[[PenalisedSystem], np.ndarray], float]:
        """The penalties to try on a system, and the inflation of its degrees of freedom."""
        if alphas is None:
            return self._searched_alphas, _DOF_INFLATION
        return lambda system: alphas, 1.0

    def _solve_iteratively(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray, alphas: np.ndarray | None) -> None:
        """Solve for the penalty given, or for one within the window around the searched one."""
        sketch = sketched(self._layers.columns, X, Y, sample_weight, np.random.default_rng(self._seed))
        if alphas is None:
            # No moments, no generalised cross-validation: the geometric middle of its window.
            alphas = np.exp(np.mean(np.log(self._searched_alphas(sketch)), axis=0, keepdims=True))
        alpha = np.broadcast_to(alphas[0], (Y.shape[1],)).copy()
        layers, (columns, inputs) = self._layers, self._layers.unpaired(X)
        plan = (inputs, sample_weight, n_threads(self.n_jobs), layers.unpaired_order)
        operator = FeatureOperator(columns, layers.column_scale, *plan).as_precise_as_needed(alpha, self.tol)
        with self._progress.part("conjugate-gradients", self.max_iter) as done:
            solution = solve_iteratively(operator, Y, sketch, alpha, self.tol, self.max_iter, self._seed, done)
        self._publish(solution[0], alpha, *solution[1:3], X.dtype, n_iter=solution[-1])

    def _publish_solved(self, solved: PenalisedMoments, dtype: Any) -> None:
        self._publish(solved, solved.alpha, solved.coef, solved.noise, dtype)

    def _publish(
        self, system: Any, alpha: np.ndarray, coef: np.ndarray, noise: np.ndarray, dtype: Any, n_iter: int = 1
    ) -> None:
        """Set everything that depends on the solution, in the units of the targets."""
        self._system, self.n_iter_ = system, n_iter
        intercept = system.target_mean - system.mean @ coef
        dof = system.dof if isinstance(system, PenalisedMoments) else effective_dof(system, alpha)
        self._set_solution(system.n_samples, coef, intercept, alpha, dof, noise, dtype)

    def _set_solution(
        self,
        n_samples: int,
        coef: np.ndarray,
        intercept: np.ndarray,
        alpha: np.ndarray,
        dof: np.ndarray,
        noise: np.ndarray,
        dtype: Any,
    ) -> None:
        fitted = {
            "coef_": (coef * self._target_scale).T.astype(dtype),
            "intercept_": (intercept * self._target_scale).astype(dtype),
            "alpha_": alpha,
            "effective_dof_": dof,
            "noise_variance_": noise * self._target_scale**2,
        }
        for name, values in fitted.items():
            setattr(self, name, values[0] if self._flat_targets else values)
        self.n_samples_seen_ = n_samples
        if self.verbose:
            print(
                f"[{type(self).__name__}] {n_samples} rows, {coef.shape[0]} columns, solver={self.solver_}, "
                f"alpha={self.alpha_}, effective_dof={self.effective_dof_}"
            )

    def _searched_alphas(self, system: PenalisedSystem) -> np.ndarray:
        if self._searched_alpha is None:
            return alpha_grid(system)
        return np.maximum(self._searched_alpha * _ALPHA_WINDOW, system.least_choice)

    def _given_alphas(self, n_targets: int) -> np.ndarray | None:
        """Candidates for the penalty, of shape (n_alphas, 1) or (n_alphas, n_targets); None for "auto"."""
        if isinstance(self.alpha, str):
            return None
        alpha = np.asarray(self.alpha, dtype=np.float64)
        if alpha.size == 0 or not np.all((alpha >= 0.0) & np.isfinite(alpha)):
            raise ValueError(f"alpha={self.alpha!r} must be 'auto' or hold non-negative finite numbers.")
        if alpha.ndim > 1 and alpha.shape != (1, n_targets):
            raise ValueError(
                f"alpha of shape {alpha.shape} must be a number, candidates of shape (n_alphas,), or one value per "
                f"target of shape (1, {n_targets})."
            )
        return alpha if alpha.ndim == 2 else alpha.reshape(-1, 1)

    def _scores(self, X: Any) -> np.ndarray:
        """Output of the network for validated rows, shape (n_samples, n_targets)."""
        weights, intercept = self._output_weights(X.dtype)
        scores = np.empty((X.shape[0], weights.shape[1]), dtype=X.dtype)

        def evaluate(rows: slice) -> None:
            columns = scratch("columns", (rows.stop - rows.start, len(weights)), X.dtype)
            np.matmul(self._layers.raw_columns(X[rows], columns), weights, out=scores[rows])

        self._over_blocks(evaluate, X.shape[0])
        scores += intercept
        return scores

    def _output_weights(self, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Output matrix for raw columns, and intercept, in the dtype of the rows."""
        scaled = (np.reshape(self.coef_, (-1, self._layers.n_columns)) * self._layers.column_scale).T
        return np.ascontiguousarray(scaled, dtype=dtype), np.asarray(self.intercept_, dtype=dtype)

    @property
    def _n_features_out(self) -> int:
        return self._layers.n_columns

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
