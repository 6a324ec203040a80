"""Length scales of the columns, learned from the slopes of a fit in a few closed-form rounds."""

from dataclasses import replace

import numpy as np

from .._compute import Array
from .._kernels import Kernel, column_deviations, squared_gradients
from .._ridge import DualSolution
from .kernel_scores import CrossValidation, Score, climb
from .trials import Fit, SearchTask

# Factor between one unit of length and the next, while the kernel has equal scales.
FACTOR_STEP = 2.0
# The same factor, and the bounds of the unit, once the scales are learned.
_LENGTH_STEP, _LENGTH_BOUNDS = 2.0**0.5, (1e-2, 1e2)
# Share of the error that a step to another unit must gain, in either direction.
_LENGTH_GAINS = (1e-3, 1e-3)
# Rows at the end of the table that are left out in turn.
_JUDGED_ROWS = 500
# Rounds of learning at most.
MOST_ROUNDS = 5
# Share of the error by which a round must be better than all before; the first that is not is the last.
_ROUND_GAIN = 1e-3
# Rows over which squared slopes are averaged.
_GRADIENT_ROWS = 250
# Share of the largest scale that a column without slopes keeps: a later round may still find it.
_LEAST_SCALE = 1e-3


def refined_kernel(
    task: SearchTask, kernel: Kernel, alpha: float, free: bool, learn: bool, rng: np.random.Generator
) -> list[Fit]:
    """Bring a kernel to more rows, learn its length scales, and refine the best at its length and penalty.

    Parameters
    ----------
    task : SearchTask
        The rows.
    kernel : Kernel
        With equal length scales, or given ones.
    alpha : float
        First penalty.
    free : bool
        Whether the unit of length may change.
    learn : bool
        Whether each column gets a length scale of its own.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.

    Returns
    -------
    list of Fit
        The kernel as it was, the rounds of learning, and what was refined.
    """
    validation = task.validation(_JUDGED_ROWS)

    def polished(kernel: Kernel, alpha: float, step: float, known: Score | None = None) -> tuple[Kernel, Score]:
        """At its best length for a penalty, and then at its best penalty for that length."""
        scores = {1.0: known} if known else {}

        def error(factor: float) -> float:
            if factor not in scores:
                scores[factor] = validation.score(task.values(resized(factor)), alpha)
            return scores[factor].error

        def resized(factor: float) -> Kernel:
            return replace(kernel, scales=factor * kernel.scales)

        factor = climb(error, 1.0, step, _LENGTH_BOUNDS, _LENGTH_GAINS) if free else 1.0
        return resized(factor), validation.best(task.values(resized(factor)), alpha, scores.get(factor))

    if learn:
        # Its best length on fewer rows is a start; that of the kernel with learned scales is looked for below.
        score = validation.score(task.values(kernel), alpha)
    else:
        kernel, score = polished(kernel, alpha, FACTOR_STEP)
    plain = task.fit((kernel,), score, "refinement")
    if not free:
        return [plain]
    rounds = _rounds(task, validation, kernel, score, rng) if learn else []
    fits = [plain, *(task.fit((kernel,), score, "feature learning") for kernel, score in rounds)]
    if rounds:
        kernel, score = min(rounds, key=lambda each: each[1].error)
        kernel, score = polished(kernel, score.alpha, _LENGTH_STEP, score)
        fits.append(task.fit((kernel,), score, "feature learning"))
    if fits[0].error <= fits[-1].error:
        kernel, score = polished(plain.kernels[0], plain.alpha, _LENGTH_STEP, Score(plain.alpha, plain.error, None))
        fits.append(task.fit((kernel,), score, "refinement"))
    return fits


def _rounds(
    task: SearchTask, validation: CrossValidation, kernel: Kernel, score: Score, rng: np.random.Generator
) -> list[tuple[Kernel, Score]]:
    """Kernels whose length scales follow the slopes of the fit before, until that helps no more."""
    deviations = column_deviations(task.X, task.sample_weight)
    rounds: list[tuple[Kernel, Score]] = []
    least, gains = np.inf, True
    while len(rounds) < MOST_ROUNDS and gains and score.solution is not None:
        kernel = _learned(task, kernel, score.solution, deviations, rng)
        # The first round changes the kernel most; later ones can do with its penalty.
        score = (validation.score if rounds else validation.best)(task.values(kernel), score.alpha)
        rounds.append((kernel, score))
        gains = score.error < (1.0 - _ROUND_GAIN) * least
        least = min(least, score.error)
    return rounds


def _learned(
    task: SearchTask, kernel: Kernel, solution: DualSolution, deviations: Array, rng: np.random.Generator
) -> Kernel:
    """The kernel whose scales follow the slopes of a fit, two typical rows as far apart as before."""
    rows = rng.permutation(len(task.X))[:_GRADIENT_ROWS]
    # Inputs of any unit are brought near one, or squares of slopes overflow; a power of two changes no digit.
    unit = np.exp2(np.floor(np.log2(kernel.scales.max())))
    near_one = Kernel(kernel.activation, kernel.frequencies, kernel.scales / unit)
    with np.errstate(over="ignore"):  # of a constant column, which has no slopes
        inputs = task.X * unit
    slopes = np.sqrt(squared_gradients([near_one], inputs[rows], inputs, solution.coef, task.threads))
    largest = slopes.max()
    if not largest > 0.0:
        return kernel
    scales = np.maximum(slopes / largest, _LEAST_SCALE)
    order = 1 if kernel.frequencies == "coordinatewise" else 2
    before, after = (np.linalg.norm(each * (deviations * unit), order) for each in (near_one.scales, scales))
    return Kernel(kernel.activation, kernel.frequencies, scales * (before / after * unit)) if after > 0.0 else kernel
