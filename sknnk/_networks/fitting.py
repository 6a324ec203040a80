"""The part of a bundled network that works with kernels: landmark columns, and the spread of held-out residuals."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .._compute import machine_memory, n_threads
from .._data import binary_magnitude, dense_inputs, multiplicities, sampled_rows
from .._features import Candidate, landmark_map
from .._integration import NO_PROGRESS, Task
from .._kernel_learning import (
    EXACT_ROWS,
    MIN_ROWS,
    N_LANDMARKS,
    SAMPLE_ROWS,
    HeldOut,
    KernelTask,
    fit_exact,
    prepare_kernel,
)
from .._kernels import Kernel
from .._ridge import posterior_variance

# Columns up to which distances between all rows are quick; beyond, projections on random directions cost less.
_MAX_COMPARED_FEATURES = 1000
_HELD_ROWS = 1000


class KernelNetwork:
    """Choice and fit of kernel columns; `BundledNetwork` is the rest."""

    n_components_: tuple[int, ...]
    samplers_: tuple[Any, ...]
    directions_: str | None
    length_scale_: Any
    search_history_: list[Any]
    _layers: Any
    _system: Any
    _searched_alpha: Any
    _task: KernelTask
    _spread: Any
    _progress: Task = NO_PROGRESS
    # Share of the error that learned length scales must gain over equal ones.
    _learned_gain = 0.0

    def _chosen_map(self: Any, X: Any, Y: np.ndarray, alphas: np.ndarray | None) -> str:
        """Landmark columns where nothing asks for random ones and the rows are few enough to be compared."""
        if self.feature_map != "auto":
            return str(self.feature_map)
        defaults = (self.n_components, self.directions, self.solver)
        if self.feature_learning in ("resample", "both") or any(
            not isinstance(value, str) or value != "auto" for value in defaults
        ):
            return "random"
        one_penalty = alphas is None or (alphas.shape[1] == 1 and bool(np.all(alphas > 0.0)))
        narrow = isinstance(X, np.ndarray) and X.shape[1] <= _MAX_COMPARED_FEATURES
        fits = narrow and one_penalty and X.shape[0] >= MIN_ROWS and self._are_few(X, Y)
        return "landmarks" if fits else "random"

    def _are_few(self, X: np.ndarray, Y: np.ndarray) -> bool:
        """Whether the distinct rows of a table can all be centres: repeating rows must not change the choice."""
        if EXACT_ROWS < len(X) <= SAMPLE_ROWS:
            return len(np.unique(np.column_stack([X, Y]), axis=0)) <= EXACT_ROWS
        return len(X) <= EXACT_ROWS

    def _learning(self: Any) -> set[str]:
        """What is learned before the fit: "agop" and "resample", or one of them, or nothing."""
        free = all(isinstance(value, str) and value == "auto" for value in (self.activation, self.n_components))
        learning = {"agop", "resample"} if self.feature_learning == "both" else {self.feature_learning}
        if self.feature_learning == "auto":
            learning = {"agop", "resample"} if free else set()
        return learning & ({"agop", "resample"} if isinstance(self.length_scale, str) else {"resample"})

    def _fit_kernel(self: Any, X: Any, Y: np.ndarray, sample_weight: np.ndarray, alphas: np.ndarray | None) -> None:
        """Fit with kernel columns: all rows as centres and one factorisation, or landmarks and sums over the rows."""
        if alphas is not None and (alphas.shape[1] != 1 or not np.all(alphas > 0.0)):
            raise ValueError(
                f"alpha={self.alpha!r} must be 'auto', a positive number or positive candidates with "
                "feature_map='landmarks'; use feature_map='random' for one penalty per target or none."
            )
        if self.feature_learning in ("resample", "both"):
            raise ValueError(
                f"feature_learning={self.feature_learning!r} draws random frequencies again, which "
                "feature_map='landmarks' does not have; use feature_learning='agop', or feature_map='random'."
            )
        self._target_scale = binary_magnitude(Y)
        task = self._kernel_task(X, Y / self._target_scale, sample_weight, alphas)
        n_components = self._n_landmarks(task)
        self.n_components_ = (n_components,)
        if n_components < len(task.X) or not task.complete:
            # A sample of the rows gives landmarks; sums over all rows are what is solved.
            self.solver_ = "primal"
            self._check_memory(X.shape, self.solver_)
            self._layers = landmark_map(task.input_map, task.choice.best.kernels, task.X[:n_components])
            self._searched_alpha = np.full(Y.shape[1], task.choice.best.alpha)
            Y = Y / self._target_scale
            self._solve_moments(self._summed(X, Y, sample_weight), alphas, X.dtype)
            self._hold_out(X, Y, sample_weight)
        else:
            self._solve_exactly(task, X.shape[0], X.dtype)

    def _kernel_task(
        self: Any, X: Any, Y: np.ndarray, sample_weight: np.ndarray, alphas: np.ndarray | None
    ) -> KernelTask:
        self._seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        learns = "agop" in self._learning()
        task = prepare_kernel(
            X,
            Y,
            sample_weight,
            Candidate(self.activation, self.directions, self.frequencies, self.length_scale),
            None if alphas is None else alphas[:, 0].tolist(),
            self.input_transform,
            learns,
            self._seed,
            n_threads(self.n_jobs),
            self._progress,
            self._learned_gain,
        )
        kernels = task.choice.best.kernels
        self.kernels_, self.samplers_, self.directions_ = kernels, (), None
        self.input_transform_ = task.input_transform
        self.activation_, self.frequencies_ = kernels[0].activation, kernels[0].frequencies
        self.length_scale_ = 1.0 / kernels[0].column_scales
        self.search_history_ = [(fit.kernels, fit.n_rows, fit.n_rows, fit.error) for fit in task.choice.history]
        if learns:
            self.feature_importances_ = _importances(kernels)
        return task

    def _n_landmarks(self: Any, task: KernelTask) -> int:
        """Number of centres: all distinct rows when there are few, or as many as asked for."""
        n_distinct = len(task.X)
        if not isinstance(self.n_components, str):
            sizes = np.atleast_1d(self._layer_sizes(np.ones(1)))
            if len(sizes) > 1:
                raise ValueError(
                    f"n_components={self.n_components!r} asks for several layers, which feature_map='landmarks' does "
                    "not have; give one number, or use feature_map='random'."
                )
            return min(int(sizes[0]), n_distinct)
        return n_distinct if task.complete and n_distinct <= EXACT_ROWS else min(N_LANDMARKS, n_distinct)

    def _extend_exactly(self: Any, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> None:
        """Solve anew with more centres; kernel, penalty and input transform stay those of the first rows."""
        inputs = dense_inputs(self._task.input_map, X)
        n_rows = len(self._task.X) + len(inputs)
        if n_rows > EXACT_ROWS:
            raise ValueError(
                f"partial_fit would bring the exact feature map to {n_rows} rows, and it takes {EXACT_ROWS}; start a "
                "new network with feature_map='random'."
            )
        task = KernelTask(
            self._task.input_map,
            np.vstack([inputs, self._task.X]),
            np.vstack([Y, self._task.Y]),
            np.concatenate([sample_weight, self._task.sample_weight]),
            self._task.choice,
            complete=True,
            input_transform=self._task.input_transform,
        )
        self.n_components_ = (n_rows,)
        self._solve_exactly(task, self.n_samples_seen_ + X.shape[0], X.dtype)

    def _solve_exactly(self: Any, task: KernelTask, n_samples: int, dtype: Any) -> None:
        n_rows = len(task.X)
        # In float64, or half of it in float64 and a factor in float32.
        size, available = 8.0 * n_rows**2, machine_memory()
        if size > available:
            raise ValueError(
                f"n_components={self.n_components!r} asks for the exact feature map of {n_rows} rows, whose kernel "
                f"matrix needs {1e-9 * size:.0f} GB, and the machine has {1e-9 * available:.0f} GB; use fewer "
                "n_components."
            )
        self.solver_, self._system, self.n_iter_, self._task = "dual", None, 1, task
        with self._progress.part("solve", 1) as done:
            self._layers, fit = fit_exact(task, n_threads(self.n_jobs))
            done()
        self._keep_held_out(fit.held_out, task.choice.best.kernels)
        every = np.ones(task.Y.shape[1])
        self._set_solution(
            n_samples,
            fit.solution.coef,
            fit.solution.intercept,
            fit.solution.alpha * every,
            fit.effective_dof * every,
            fit.noise_variance,
            dtype,
        )

    def _hold_out(self: Any, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> None:
        """Keep some of the rows; what a fit without them would say is worked out when it is asked for."""
        rows = self._held_rows(X.shape[0])
        self._kept_rows, self._spread = (X[rows], Y[rows], sample_weight[rows]), None

    def _residuals_of_kept_rows(self: Any) -> tuple[HeldOut, tuple[Kernel, ...]]:
        """Residuals that rows would have in a fit without them, from their leverage on this fit."""
        X, Y, weight = self._kept_rows
        columns = self._layers.columns(X).astype(np.float64)
        coef = np.reshape(self.coef_, (-1, columns.shape[1])).T / self._target_scale
        intercept = np.reshape(self.intercept_, -1) / self._target_scale
        unit = weight / multiplicities(weight)
        leverage = unit[:, None] * posterior_variance(self._diagonalised(), columns, np.reshape(self.alpha_, -1))
        residuals = (Y - columns @ coef - intercept) / np.maximum(1.0 - leverage, 1e-3)
        inputs = dense_inputs(self._layers.input_map, X)
        return HeldOut(inputs, Y, residuals, weight), self._first_kernels(inputs)

    def _held_rows(self: Any, n_samples: int) -> Any:
        """Positions of the rows that `_hold_out` looks at."""
        return sampled_rows(n_samples, _HELD_ROWS, np.random.default_rng(self._seed))

    def _first_kernels(self: Any, inputs: np.ndarray) -> tuple[Kernel, ...]:
        """The kernel that the columns approximate, for a deep network that of its first layer."""
        if self.feature_map_ == "landmarks":
            return tuple(self.kernels_)
        scale = np.broadcast_to(1.0 / np.asarray(self.samplers_[0].length_scale_, dtype=np.float64), inputs.shape[1])
        return (Kernel(self.activation_, self.frequencies_, scale),)

    def _keep_held_out(self: Any, held_out: HeldOut, kernels: tuple[Kernel, ...]) -> None:
        """Keep what the kind of network needs of held-out rows; nothing here."""


def _importances(kernels: tuple[Kernel, ...]) -> np.ndarray:
    """Shares of the columns in the squared inverse length scales, averaged over kernels."""
    scales = [kernel.column_scales for kernel in kernels]
    squares = [(each / each.max()) ** 2 for each in scales]
    return np.asarray(np.mean([each / each.sum() for each in squares], axis=0))
