"""Penalty and unit of length, chosen again where rows are as dense as they are in the whole table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._compute import Array, one_blas_thread, over_threads
from .._integration import Step, ignore_step
from .._kernels import Kernel, symmetric_kernel_matrix
from .kernel_features import KernelTask
from .kernel_scores import CrossValidation, climb
from .trials import Fit, KernelValues, standardised

# Inputs, targets and weights.
Rows = tuple[Array, Array, Array]
# Ratio of neighbouring units of length, and how far from the first unit the search goes.
_UNIT_STEP, _UNIT_BOUNDS = 2.0**0.5, (0.35, 2.0)
# Ratio of neighbouring penalties, and how far from the first penalty the search goes.
_ALPHA_STEP, _ALPHA_BOUNDS = 10.0**0.5, (1.0 / 30.0, 30.0)
# Share of the error that a step must gain, in either direction.
_GAINS = (2e-3, 2e-3)
# Rows at the end of each block that judge.
_JUDGING_ROWS = 500


@dataclass(frozen=True, eq=False)
class _Judge:
    """A block of neighbours, the last of which are left out in turn."""

    X: Array
    validation: CrossValidation

    def error(self, kernels: tuple[Kernel, ...], alpha: float, known: dict[object, KernelValues]) -> float:
        """Mean squared error of the rows left out, relative to the variance in the whole table."""
        if self not in known:
            known[self] = KernelValues(lambda dtype: symmetric_kernel_matrix(kernels, self.X, 1, dtype))
        return self.validation.score(known[self], alpha).error


def refined_on_blocks(
    task: KernelTask,
    blocks: Sequence[Rows],
    alphas: Sequence[float] | None,
    free_unit: bool,
    threads: int,
    done: Step = ignore_step,
) -> KernelTask:
    """Choose penalty and unit of length on some blocks of neighbours.

    The search for a kernel sees few rows, far from each other. More rows ask for other penalties, and often for other
    length scales. A few blocks of neighbours show it at little cost, because rows in them are as dense as in the table.

    Parameters
    ----------
    task : KernelTask
        Rows of the table, or a sample of them, and the kernel chosen on few of them.
    blocks : sequence of tuple
        All rows of some blocks, in random order: inputs, targets and weights.
    alphas : sequence of float or None
        Penalties to choose from; None for any.
    free_unit : bool
        Whether the unit of length may change.
    threads : int
        Threads over blocks; the result does not depend on it.
    done : callable, optional
        Called after each kernel that was tried.

    Returns
    -------
    KernelTask
        The same rows with the choice of least error.
    """
    weight = task.sample_weight
    mean = np.average(task.Y, axis=0, weights=weight)
    unit = float(weight.mean())

    judges = [
        _Judge(X, CrossValidation(standardised(Y, mean, task.spread), sample_weight, _JUDGING_ROWS, alphas, unit))
        for X, Y, sample_weight in blocks
    ]
    best = task.choice.best
    tried: list[Fit] = []
    bounds = (_ALPHA_BOUNDS[0] * best.alpha, _ALPHA_BOUNDS[1] * best.alpha)

    def fit(factor: float) -> float:
        kernels = tuple(replace(kernel, scales=kernel.scales / factor) for kernel in best.kernels)
        start = tried[-1].alpha if tried else best.alpha
        tried.append(_at_best_penalty(judges, kernels, start, bounds, alphas, threads))
        done()
        return tried[-1].error

    with one_blas_thread():
        if free_unit:
            climb(fit, 1.0, _UNIT_STEP, _UNIT_BOUNDS, _GAINS)
        else:
            fit(1.0)
    found = min(tried, key=lambda each: each.error)
    if not np.isfinite(found.error):
        return task
    return replace(task, choice=replace(task.choice, best=found, history=[*task.choice.history, *tried]))


def _at_best_penalty(
    judges: Sequence[_Judge],
    kernels: tuple[Kernel, ...],
    start: float,
    bounds: tuple[float, float],
    alphas: Sequence[float] | None,
    threads: int,
) -> Fit:
    known: list[dict[object, KernelValues]] = [{} for _ in judges]
    errors: dict[float, float] = {}

    def error(alpha: float) -> float:
        if alpha not in errors:
            arguments = [(judge, kernels, alpha, values) for judge, values in zip(judges, known, strict=True)]
            found = over_threads(_Judge.error, arguments, threads)
            errors[alpha] = float(np.mean(found))
        return errors[alpha]

    if alphas is not None:
        chosen = min(sorted(alphas, reverse=True), key=error)
    else:
        chosen = climb(error, start, _ALPHA_STEP, bounds, _GAINS)
    return Fit(kernels, chosen, errors[chosen], sum(len(judge.X) for judge in judges), "blocks")
