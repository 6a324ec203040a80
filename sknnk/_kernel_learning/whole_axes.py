"""An isotropic kernel along all axes that its slopes ask for, alone or in a sum, beside the kernels found so far.

Those have axes only where the columns alone are clearly worse. Where the target follows combinations of columns, whole
axes from equal length scales go further, and on standardised columns further still: bent columns have no straight
combinations.
"""

from dataclasses import dataclass, replace

import numpy as np

from .._compute import Floats, over_threads
from .._kernels import Kernel
from .axes import rotated_by_agop
from .kernel_scores import CrossValidation, climb
from .trials import Fit, KernelValues, SearchTask

# Rounds.
MOST_ROUNDS = 2
# Rows among which the rounds are judged, and how many of them, the last ones, are left out in turn.
_JUDGING_ROWS, _HELD_ROWS = 1500, 667
# Of few rows, one in three judges, and at most this many of many.
_JUDGED_PART, _MOST_JUDGED = 3, 1000
# Ratio of neighbouring units of length, how far from the last unit the search goes, and the share of the error that a
# step must gain.
_UNIT_STEP, _UNIT_BOUNDS, _UNIT_GAINS = 2.0, (0.1, 10.0), (1e-3, 1e-3)
# Share of the error that the new kernel alone must gain over everything else. A sum varies less.
ALONE_GAIN = 0.05
# The same for the sum over the first kernel, which costs less to evaluate.
_SUM_GAIN = 0.02
# Part of the gain asked of the new kernel alone that the sum must reach in any case.
_SUM_PART = 1.0 / 3.0
# Factor by which it may be worse alone. In a sum with a kernel that is worse still, half of the fit is wasted.
_WORSE_IN_SUM = 1.1


@dataclass(frozen=True, eq=False)
class RowParts:
    """Which rows learn axes, which judge the rounds, and which compare the result with other kernels.

    Parameters
    ----------
    learning : SearchTask
        Rows that axes are learned from.
    judging : SearchTask
        Rows among which each round is judged.
    validation : CrossValidation
        Those of them that axes are not learned from.
    last : CrossValidation
        Rows at the end of the table. Of many, nothing has seen them before.
    """

    learning: SearchTask
    judging: SearchTask
    validation: CrossValidation
    last: CrossValidation

    @classmethod
    def of(cls, task: SearchTask) -> "RowParts":
        """The parts of a table."""
        n = len(task.X)
        n_last = min(n // _JUDGED_PART, _MOST_JUDGED)
        last, n_seen = task.validation(n_last), n - n_last
        if n_seen < _JUDGING_ROWS:
            return cls(task.leading(n_seen), task, last, last)
        judging = task.leading(_JUDGING_ROWS)
        learning = np.delete(np.arange(n_seen), slice(_JUDGING_ROWS - _HELD_ROWS, _JUDGING_ROWS))
        return cls(task.at(learning), judging, judging.validation(_HELD_ROWS), last)


def along_whole_axes(task: SearchTask, plain: Fit, rng: np.random.Generator) -> Fit | None:
    """Turn an isotropic kernel along the whole matrix of products of slopes, again and again.

    Parameters
    ----------
    task : SearchTask
        The rows.
    plain : Fit
        Of an isotropic kernel with equal length scales.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.

    Returns
    -------
    Fit or None
        The round of least error at the best unit of length and penalty; None where a fit has no slopes.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit and Belkin, "Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models", Science 2024 (recursive feature machines).
    """
    parts, kernel, alpha = RowParts.of(task), plain.kernels[0], plain.alpha
    best: Fit | None = None
    for _ in range(MOST_ROUNDS):
        turned = rotated_by_agop(parts.learning, kernel, alpha, rng, shrinkage=1.0)
        if turned is None:
            break
        found = _at_best_length(parts, turned, alpha)
        kernel, alpha = found.kernels[0], found.alpha
        if best is None or found.error < best.error:
            best = found
    return best


def _at_best_length(parts: RowParts, kernel: Kernel, alpha: float) -> Fit:
    """The kernel at its best unit of length for a penalty, and then at its best penalty."""
    tried = {}

    def error(factor: float) -> float:
        resized = replace(kernel, scales=kernel.scales / factor)
        values = parts.judging.values(resized)
        tried[factor] = resized, values, parts.validation.score(values, alpha)
        return tried[factor][2].error

    resized, values, score = tried[climb(error, 1.0, _UNIT_STEP, _UNIT_BOUNDS, _UNIT_GAINS)]
    return parts.judging.fit((resized,), parts.validation.best(values, alpha, score), "decision")


def compared_with_axes(task: SearchTask, first: Fit, other: Fit | None = None, learned_gain: float = 0.0) -> list[Fit]:
    """Compare a kernel with another one along whole axes, and with the sum of both.

    Parameters
    ----------
    task : SearchTask
        The rows.
    first : Fit
        The kernel.
    other : Fit, optional
        The other kernel.
    learned_gain : float, default=0.0
        Share of the error that the other one alone must gain, at least a twentieth, and of which the sum must gain a
        third: a sum varies less.

    Returns
    -------
    list of Fit
        On rows from which no axes were learned, the choice last.
    """
    last, fits = RowParts.of(task).last, [first] if other is None else [first, other]
    values = [task.values(*fit.kernels) for fit in fits]

    def judged(kernels: tuple[Kernel, ...], values: KernelValues, alpha: float) -> Fit:
        return task.fit(kernels, last.score(values, last.allowed(alpha)), "decision")

    arguments = [(fit.kernels, each, fit.alpha) for fit, each in zip(fits, values, strict=True)]
    found = over_threads(judged, arguments, task.threads)
    if other is not None and found[1].error <= _WORSE_IN_SUM * found[0].error:
        halves = tuple(replace(kernel, weight=0.5 * kernel.weight) for fit in fits for kernel in fit.kernels)
        found.append(judged(halves, _mean(*values), float(np.sqrt(first.alpha * other.alpha))))
    gains = max(ALONE_GAIN, learned_gain), max(_SUM_GAIN, _SUM_PART * learned_gain)
    handicaps = [1.0, *(1.0 / (1.0 - gain) for gain in gains)]
    order = sorted(range(len(found)), key=lambda i: -handicaps[i] * found[i].error)
    return [found[i] for i in order]


def judged_at_last(task: SearchTask, fit: Fit) -> Fit:
    """The error of a kernel, at its penalty, on the last rows."""
    return task.fit(fit.kernels, task.validation(_MOST_JUDGED).score(task.values(*fit.kernels), fit.alpha), "decision")


def refined_at_last(task: SearchTask, fit: Fit) -> Fit:
    """A kernel at its best penalty for all rows."""
    return task.fit(fit.kernels, task.validation(_MOST_JUDGED).best(task.values(*fit.kernels), fit.alpha), "decision")


def _mean(first: KernelValues, second: KernelValues) -> KernelValues:
    def evaluate(dtype: type[np.floating]) -> Floats:
        total: Floats = np.asfortranarray(first(dtype) + second(dtype))
        total *= dtype(0.5)
        return total

    return KernelValues(evaluate)
