"""Networks of other losses than squares: columns chosen by squares, and then repeated weighted solutions."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..._compute import Array
from ..._data import Dataset, distinct_rows
from ..._features import KernelMap, RandomMap
from ..._integration import Execution
from ..._losses import State
from ..._ridge import Penalty
from ..fitted import FittedNetwork
from ..fitting import fit_network
from ..kernel_fitting import chosen_map, with_dense_rows
from ..specification import NetworkSpec
from ..targets import ClassTargets, NumericTargets
from ..tensor_rows import refuse_tensors
from .guides import guided_columns, robust_fit
from .penalties import PenaltyTrials, penalty_of_squares
from .recipes import Recipe, robust_scale, weighted_quantile, within_reach
from .rows import RowColumns
from .samples import Learned, SampledRows, sampled_units
from .solving import Job, SolvedLosses, solved_by_sums, solved_losses
from .targets import LossTargets


def fit_any_loss(
    spec: NetworkSpec, data: Dataset, targets: NumericTargets | ClassTargets, execution: Execution
) -> FittedNetwork:
    """Fit a network to rows, with the loss that the parameters name.

    Parameters
    ----------
    spec, data, targets, execution
        As in :func:`fit_network`.

    Returns
    -------
    FittedNetwork
        The network.

    Raises
    ------
    ValueError
        As :func:`fit_network`, and if a parameter does not go together with the loss.
    """
    penalty = spec.penalty(data.n_targets, data.weight_unit)
    data = with_dense_rows(spec, data, penalty)
    if spec.uses_squares:
        return fit_network(spec, data, targets, execution)
    return LossColumns.chosen(spec, data, targets, execution).fitted(spec)


@dataclass(frozen=True, eq=False)
class LossColumns:
    """Columns that squares chose for a loss, on which it can be minimised with any penalty.

    Parameters
    ----------
    data, rows : Dataset
        The rows as they were given, and the distinct ones among them.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    recipes : list of (Recipe, slice)
        The losses, and the targets of each.
    learned : LearnedKernel or LearnedLayers
        The columns.
    begin : ndarray of shape (n_samples, n_targets)
        Outputs for the distinct rows that steps may begin with.
    seed : int
        Seed of everything random.
    execution : Execution
        Threads, blocks and progress.
    """

    data: Dataset
    rows: Dataset
    targets: NumericTargets | ClassTargets
    recipes: list[tuple[Recipe, slice]]
    learned: Learned
    begin: Array
    seed: int
    execution: Execution

    @classmethod
    def chosen(
        cls,
        spec: NetworkSpec,
        data: Dataset,
        targets: NumericTargets | ClassTargets,
        execution: Execution,
        seed: int | None = None,
    ) -> Self:
        """Choose columns; the penalty plays no part in it.

        Parameters
        ----------
        spec, data, targets, execution
            As in :func:`fit_any_loss`.
        seed : int, optional
            Seed of everything random, where it was drawn already.

        Returns
        -------
        LossColumns
            Ready for any penalty.

        Raises
        ------
        ValueError
            If a parameter does not go together with the loss.
        """
        refuse_tensors(execution.space, f"loss={spec.loss!r}")
        penalty = spec.penalty(data.n_targets, data.weight_unit)
        _check(spec, penalty)
        X, Y, weight, _ = distinct_rows(data.X, data.Y, data.sample_weight)
        rows = replace(data, X=X, Y=Y, sample_weight=weight)
        kind, seed = chosen_map(spec, rows, penalty), spec.seed() if seed is None else seed
        if kind == "kernel":
            spec.check_kernel_columns(penalty)
        recipes = recipes_of(spec.loss, spec.quantile, targets, data.n_targets)
        learned, begin = guided_columns(recipes[0][0], spec, kind, rows, seed, execution)
        return cls(data, rows, targets, recipes, learned, begin, seed, execution)

    @property
    def feature_map(self) -> RandomMap | KernelMap:
        """The columns; of a kernel those of the distinct rows."""
        return self.learned.map_of(self.rows.X)

    def fitted(self, spec: NetworkSpec) -> FittedNetwork:
        """Minimise the loss.

        Parameters
        ----------
        spec : NetworkSpec
            The parameters that the columns were chosen for, with any penalty.

        Returns
        -------
        FittedNetwork
            The network.
        """
        penalty = spec.penalty(self.data.n_targets, self.data.weight_unit)
        _check(spec, penalty)
        jobs, states, sampled = self._planned(penalty)
        start = np.hstack([sampled.outputs(each, self.rows.X, self.execution) for each in states])
        found = solved_losses(spec, self.learned, self.rows, start, jobs, self.seed, self.execution)
        return _completed(found, self.targets, len(self.data), self.data.X.dtype, self.data.weight_unit)

    def fitted_elsewhere(self, spec: NetworkSpec, columns: RowColumns, Y: Array, sample_weight: Array) -> FittedNetwork:
        """Minimise the loss over other rows than those that chose the columns.

        Parameters
        ----------
        spec : NetworkSpec
            As for `fitted`.
        columns : RowColumns
            The rows, with these columns.
        Y : ndarray of shape (n_samples, n_targets)
            Targets.
        sample_weight : ndarray of shape (n_samples,)
            Positive weights, in the unit of those of the rows that chose.

        Returns
        -------
        FittedNetwork
            The network.
        """
        penalty = spec.penalty(self.data.n_targets, self.data.weight_unit)
        _check(spec, penalty)
        jobs, states, sampled = self._planned(penalty)
        start = np.hstack([columns.outputs(sampled.weights(each)) + each.intercept for each in states])
        plan = (self.learned.choice, Y, sample_weight, start, jobs, self.seed, self.execution)
        found = solved_by_sums(columns, *plan)
        return _completed(found, self.targets, len(Y), columns.dtype, self.data.weight_unit)

    def _planned(self, penalty: Penalty) -> tuple[list[Job], list[State], SampledRows]:
        """Scale and penalty of every loss, tried out on a sample; and networks of the sample that steps begin with."""
        rows, n_targets = self.rows, self.rows.n_targets
        sample = sampled_units(replace(rows, Y=np.hstack([rows.Y, self.begin])), self.seed)
        sampled, weight = SampledRows.of(self.learned, sample.X, self.execution), sample.sample_weight
        Y_sample, start_sample = np.hsplit(sample.Y, [n_targets])
        squares, jobs, states = self.learned.alphas(n_targets), [], []
        for recipe, columns in self.recipes:
            Y, start, scale, alpha = Y_sample[:, columns], start_sample[:, columns], 1.0, float(squares[columns].mean())
            left_out = start
            if recipe.is_robust:
                scale = robust_scale((Y - start)[:, 0], weight)
                fit = robust_fit(sampled, Y, start, weight, alpha, scale)
                start, scale = fit.state.values, fit.scale
                move = weighted_quantile(fit.residuals, weight, recipe.level)
                # Targets of the fit lie too close to it to say how flat the loss is at new ones.
                start, left_out = start + move, Y - fit.residuals[:, None] + move
            loss = recipe.loss(scale, Y.shape[1])
            trials = PenaltyTrials(sampled, *within_reach(loss, Y, left_out), weight)
            if penalty.candidates is None:
                best = trials.best_near(penalty_of_squares(loss, Y, weight, left_out, alpha), start)
            else:
                best = trials.best_of(penalty.candidates[:, 0].tolist(), start)
            jobs.append(Job(recipe, columns, loss, best.alpha))
            states.append(best.state)
        return jobs, states, sampled


def _completed(
    found: SolvedLosses, targets: NumericTargets | ClassTargets, n_samples: int, dtype: Any, weight_unit: float
) -> FittedNetwork:
    """The network of a solution."""
    if isinstance(targets, LossTargets):
        targets = targets.fitted(tuple(job.loss for job in found.minima.jobs))
    elif isinstance(targets, ClassTargets):
        # A single logit is the difference of two classes, which is twice their score.
        targets = replace(targets, inverse_temperature=0.5 if targets.n_targets == 1 else 1.0)
    solution = found.minima.solution(found.coef)
    parts = (found.feature_map, solution, np.ones(len(solution.alpha)), found.choice, targets)
    fitted = FittedNetwork(*parts, n_samples, dtype, found.solver, held_out=found.held_out(targets))
    return replace(fitted, weight_unit=weight_unit)


def recipes_of(
    loss: str, quantile: Any, targets: NumericTargets | ClassTargets, n_targets: int
) -> list[tuple[Recipe, slice]]:
    """The losses that a network minimises, and the columns of the targets of each.

    Parameters
    ----------
    loss : str
        Name of the loss.
    quantile : float or array-like of float
        Level, or levels, of quantiles.
    targets : NumericTargets or ClassTargets
        What the targets mean.
    n_targets : int
        Columns of the encoded targets.

    Returns
    -------
    list of (Recipe, slice)
        One for each part that can be solved by itself.
    """
    if isinstance(targets, ClassTargets):
        return [(Recipe(loss), slice(None))]
    if isinstance(targets, LossTargets) and targets.levels:
        return [(Recipe(loss, level), slice(0, 1)) for level in targets.levels]
    level = float(quantile) if loss == "quantile" else 0.5
    return [(Recipe(loss, level), slice(t, t + 1)) for t in range(n_targets)]


def mean_curvature(loss: str, quantile: Any, data: Dataset, targets: NumericTargets | ClassTargets) -> float:
    """What penalties of squares are multiplied by, so that those of a loss smooth as much.

    Parameters
    ----------
    loss : str
        Name of a loss other than squares.
    quantile : float or array-like of float
        Level, or levels, of quantiles.
    data : Dataset
        Rows of positive weight.
    targets : NumericTargets or ClassTargets
        What the targets mean.

    Returns
    -------
    float
        Mean curvature of the loss at outputs that are almost a constant, over rows and outputs; one for squares.
    """
    weight, curvatures = data.sample_weight, []
    for recipe, columns in recipes_of(loss, quantile, targets, data.n_targets):
        Y, scale = data.Y[:, columns], 1.0
        if recipe.is_robust:
            start = np.full_like(Y, weighted_quantile(Y[:, 0], weight, recipe.level))
            scale = robust_scale((Y - start)[:, 0], weight)
        else:
            start = recipe.start(Y, weight)
        curvatures.append(penalty_of_squares(recipe.loss(scale, Y.shape[1]), Y, weight, start, 1.0))
    return float(np.mean(curvatures))


def _check(spec: NetworkSpec, penalty: Penalty) -> None:
    """Refuse parameters that other losses than squares do not have."""
    if spec.solver not in ("auto", "primal"):
        raise ValueError(
            f"solver={spec.solver!r} solves for squares alone; with loss={spec.loss!r} use solver='auto' or 'primal'."
        )
    alphas = penalty.candidates
    if alphas is not None and (alphas.shape[1] > 1 or not np.all(alphas > 0.0)):
        raise ValueError(
            f"alpha={spec.alpha!r} must be 'auto', a positive number or positive candidates with loss={spec.loss!r}."
        )
