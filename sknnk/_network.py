"""What all bundled networks share: preparation, accumulation of rows, and the closed-form solution."""

import os
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ._directions import COUPLINGS, DIRECTIONS
from ._layers import prepare_layers, row_blocks
from ._moments import Moments
from ._ridge import (
    RidgeSystem,
    alpha_grid,
    choose_alpha,
    coefficients,
    decompose,
    decompose_rows,
    effective_dof,
    noise_variance,
    recovered_moments,
)
from ._spectra import ACTIVATIONS
from ._tuning import Candidate

_BATCH_SIZE = 512
# The full data may refine the penalty that cross-validation found on a sample by up to ten times either way.
_ALPHA_WINDOW = np.logspace(-1.0, 1.0, 17)[:, None]


class BundledNetwork(BaseEstimator):
    """Everything but the meaning of the targets."""

    _parameter_constraints: dict = {
        "n_components": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), tuple, list],
        "activation": [StrOptions({"auto", *ACTIVATIONS}), callable],
        "length_scale": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither"), "array-like"],
        "directions": [StrOptions({"auto", *DIRECTIONS})],
        "frequencies": [StrOptions({"auto", *COUPLINGS})],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left"), "array-like"],
        "solver": [StrOptions({"auto", "primal", "dual"})],
        "input_transform": [StrOptions({"quantile"}), None],
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
        input_transform="quantile",
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
        for rows in row_blocks(X.shape[0], self._batch_rows()):
            columns[rows] = self._layers.columns(X[rows])
        return columns

    def _validated(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)

    def _fit_rows(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> None:
        X, Y, sample_weight = weighted_rows(X, Y, sample_weight)
        self._prepare(X, Y, sample_weight)
        self.solver_ = self._chosen_solver(X.shape[0])
        Y = Y / self._target_scale
        precision = float(np.finfo(X.dtype).eps)
        if self.solver_ == "dual":
            self._solve(decompose_rows(self._layers.columns(X), Y, sample_weight, precision), X.dtype)
        else:
            self._solve(self._decomposed(self._accumulated(None, X, Y, sample_weight), precision), X.dtype)

    def _partial_fit_rows(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> None:
        X, Y, sample_weight = weighted_rows(X, Y, sample_weight)
        moments = None
        if not hasattr(self, "_layers"):
            self._prepare(X, Y, sample_weight)
        elif hasattr(self, "moments_"):
            moments = self.moments_
        else:
            moments = recovered_moments(self._system).scaled(1.0 / self._layers.column_scale)
        self.solver_ = "primal"
        self.moments_ = self._accumulated(moments, X, Y / self._target_scale, sample_weight)
        self._solve(self._decomposed(self.moments_, float(np.finfo(X.dtype).eps)), X.dtype)

    def _forget(self) -> None:
        """Drop the state of earlier calls of partial_fit."""
        for name in ("_layers", "moments_"):
            self.__dict__.pop(name, None)

    def _prepare(self, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> None:
        """Fix everything that later chunks must share: units, layers and automatic choices."""
        self._n_effective = max(float(sample_weight.sum()), float(len(Y)))
        self._target_scale = _binary_magnitude(Y)
        self.n_components_ = self._layer_sizes()
        self._layers, choice = prepare_layers(
            X,
            Y / self._target_scale,
            sample_weight,
            Candidate(self.activation, self.directions, self.frequencies, self.length_scale),
            self.n_components_,
            self.input_transform,
            self.direct_link,
            check_random_state(self.random_state).randint(np.iinfo(np.int32).max),
            self.n_jobs,
        )
        self.samplers_ = self._layers.samplers
        self.activation_, self.directions_, self.frequencies_, self.length_scale_ = choice.candidate
        self.search_history_, self._searched_alpha = choice.history, choice.alpha

    def _layer_sizes(self) -> tuple[int, ...]:
        if isinstance(self.n_components, str):
            return (1024,) if self._n_effective <= 2000 else (2048,)
        sizes = (self.n_components,) if isinstance(self.n_components, Integral) else tuple(self.n_components)
        if not sizes or any(not isinstance(n, Integral) or isinstance(n, bool) or n < 1 for n in sizes):
            raise ValueError(
                f"n_components={self.n_components!r} must be 'auto', a positive integer, or one positive integer per "
                "bundled layer, e.g. (512, 1024)."
            )
        return tuple(int(n) for n in sizes)

    def _chosen_solver(self, n_samples: int) -> str:
        solver = self.solver
        if solver == "auto":
            solver = "dual" if n_samples < self._layers.n_columns else "primal"
        _check_memory(self._layers.n_columns, n_samples, solver)
        return solver

    def _batch_rows(self) -> int:
        return _BATCH_SIZE if isinstance(self.batch_size, str) else int(self.batch_size)

    def _accumulated(self, moments: Moments | None, X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> Moments:
        """Add rows to moments of raw columns, block by block."""
        if moments is None:
            moments = Moments.empty(self._layers.n_columns, Y.shape[1])
        for rows in row_blocks(X.shape[0], self._batch_rows()):
            moments.update(self._layers.raw_columns(X[rows]), Y[rows], sample_weight[rows])
        return moments

    def _decomposed(self, moments: Moments, precision: float) -> RidgeSystem:
        return decompose(moments.scaled(self._layers.column_scale), precision)

    def _solve(self, system: RidgeSystem, dtype: Any) -> None:
        """Choose the penalty and set everything that depends on it."""
        self._system = system
        alpha = self._chosen_alpha(system)
        coef, intercept = coefficients(system, alpha)
        fitted = {
            "coef_": (coef * self._target_scale).T.astype(dtype),
            "intercept_": (intercept * self._target_scale).astype(dtype),
            "alpha_": alpha,
            "effective_dof_": effective_dof(system, alpha),
            "noise_variance_": noise_variance(system, alpha) * self._target_scale**2,
        }
        for name, values in fitted.items():
            setattr(self, name, values[0] if self._flat_targets else values)
        self.n_samples_seen_ = system.n_samples
        if self.verbose:
            print(
                f"[{type(self).__name__}] {system.n_samples} rows, {coef.shape[0]} columns, solver={self.solver_}, "
                f"alpha={self.alpha_}, effective_dof={self.effective_dof_}"
            )

    def _chosen_alpha(self, system: RidgeSystem) -> np.ndarray:
        """Penalty for each target: given, or of least generalised cross-validation."""
        n_targets = system.outside.size
        if isinstance(self.alpha, str):
            if self._searched_alpha is None:
                return choose_alpha(system, alpha_grid(system))
            window = np.maximum(self._searched_alpha * _ALPHA_WINDOW, system.alpha_floor)
            return choose_alpha(system, window)
        alpha = np.asarray(self.alpha, dtype=np.float64)
        if alpha.size == 0 or not np.all((alpha >= 0.0) & np.isfinite(alpha)):
            raise ValueError(f"alpha={self.alpha!r} must be 'auto' or hold non-negative finite numbers.")
        if alpha.ndim == 1:
            return choose_alpha(system, alpha[:, None])
        if alpha.ndim == 2 and alpha.shape != (1, n_targets):
            raise ValueError(
                f"alpha of shape {alpha.shape} must be a number, one row of candidates of shape (n_alphas,), or one "
                f"value per target of shape (1, {n_targets})."
            )
        return np.broadcast_to(alpha, (1, n_targets))[0].copy()

    def _scores(self, X: Any) -> np.ndarray:
        """Output of the network for validated rows, shape (n_samples, n_targets)."""
        n_columns = self._layers.n_columns
        weights = (np.reshape(self.coef_, (-1, n_columns)) * self._layers.column_scale).T.astype(X.dtype)
        scores = np.empty((X.shape[0], weights.shape[1]), dtype=X.dtype)
        for rows in row_blocks(X.shape[0], self._batch_rows()):
            np.matmul(self._layers.raw_columns(X[rows]), weights, out=scores[rows])
        scores += np.asarray(self.intercept_, dtype=X.dtype)
        return scores

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def weighted_rows(X: Any, Y: np.ndarray, sample_weight: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
    """Leave out rows of weight zero.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Rows.
    Y : ndarray of shape (n_samples, ...)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Non-negative weights.

    Returns
    -------
    X, Y, sample_weight
        The rows of positive weight; the very same objects when that is all of them.

    Raises
    ------
    ValueError
        If no weight is positive.
    """
    seen = sample_weight > 0.0
    if seen.all():
        return X, Y, sample_weight
    if not seen.any():
        raise ValueError("sample_weight is zero for every row; at least one row needs a positive weight.")
    return X[seen], Y[seen], sample_weight[seen]


def _binary_magnitude(Y: np.ndarray) -> np.ndarray:
    """Power of two next to the largest entry of each column; dividing by it changes no digit and avoids overflow."""
    largest = np.max(np.abs(Y), axis=0)
    return np.exp2(np.floor(np.log2(largest, where=largest > 0.0, out=np.zeros_like(largest))))


def _check_memory(n_columns: int, n_samples: int, solver: str) -> None:
    """Refuse a system that cannot fit, before an allocation brings the machine down."""
    # The matrix, its eigenvectors and the workspace of the eigensolver; the dual also keeps the feature rows twice.
    size = 3 * n_columns**2 if solver == "primal" else 3 * n_samples**2 + 2 * n_samples * n_columns
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else np.inf
    if 8 * size > available:
        raise ValueError(
            f"solver={solver!r} with {n_columns} columns (n_components and the direct link) and {n_samples} rows needs "
            f"about {8e-9 * size:.0f} GB, and the machine has {1e-9 * available:.0f} GB; use fewer n_components"
            + (", or direct_link=False." if n_columns > 10_000 else ".")
        )
