"""Length scales and weights of the chosen kernels, improved together along the gradient of the leave-one-out error.

The rounds before follow the slopes of the fit. These say how much a column matters, but not how quickly the target
changes along it, and nothing of the weights of a sum. The error of rows left out knows both.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from .._compute import Array, over_threads
from .._kernels import Kernel, column_deviations
from .kernel_scores import Score
from .leave_one_out import LeaveOneOutError
from .trials import Fit, SearchTask

# Rows at the end of the table that judge: one in three of few rows, and at most this many of many.
_JUDGED_PART, _MOST_JUDGED = 3, 1000
# Most of the other rows whose errors are lowered, and the fewest of them for each number that is tuned.
_MOST_ROWS, _ROWS_FOR_EACH = 1500, 10
# Of fewer rows, too few are left to judge.
_FEWEST_ROWS = 500
# Steps at most, and the share of the error that a step must gain.
_MOST_STEPS, _STEP_GAIN = 10, 1e-4
# One of two starts has at least this share of the largest scale for every column, in units of the deviations of the
# columns. A smaller scale has next to no slope, and would stay.
_LEAST_SHARE = 0.05
# Standard deviation of the logarithms of the factors as they are expected. It keeps factors near one, unless many rows
# ask for others.
_EXPECTED = 0.5
# The largest factor, and the inverse of the smallest.
_LARGEST = 10.0
# By how many of its standard errors the judging rows must gain.
_STANDARD_ERRORS = 0.3


def tuned_kernels(task: SearchTask, fit: Fit, learned_gain: float = 0.0) -> Fit | None:
    """Lower the leave-one-out error of kernels by their length scales and weights.

    Parameters
    ----------
    task : SearchTask
        The rows.
    fit : Fit
        The kernels, and the penalty, which stays.
    learned_gain : float, default=0.0
        Share of the error that must be gained on the last rows, which take no part.

    Returns
    -------
    Fit or None
        What was found, with its error on the last rows. None where these do not gain, or where there are too few rows
        for so many length scales.

    Notes
    -----
    There are two starts: the kernels as they are, and the same with no column that counts for next to nothing, which
    finds columns that matter only together. L-BFGS finds the length of its steps by itself: there is no learning rate.
    A small penalty on the logarithms of all factors keeps them near zero. It is that of a normal distribution, and
    weighs little where there are many rows.
    """
    n = len(task.X)
    n_last = min(n // _JUDGED_PART, _MOST_JUDGED)
    learning = task.leading(min(n - n_last, _MOST_ROWS))
    error = LeaveOneOutError(learning, fit.kernels, fit.alpha)
    if n < _FEWEST_ROWS or len(learning.X) < _ROWS_FOR_EACH * error.n_parameters:
        return None
    deviations = column_deviations(learning.X, learning.sample_weight)
    raised = tuple(_with_every_column(kernel, deviations) for kernel in fit.kernels)
    changes = any(np.any(one.scales != other.scales) for one, other in zip(raised, fit.kernels, strict=True))
    starts = [error, replace(error, kernels=raised)] if changes else [error]
    # The starts are independent, and threads gain more from that than inside of one.
    shared = [(replace(start, task=learning.beside(len(starts) - 1)),) for start in starts]
    ends = [_of_equal_weight(kernels, fit.kernels) for kernels in over_threads(_tuned, shared, task.threads)]
    last, weight = task.validation(n_last), task.sample_weight[n - n_last :]
    before, *after = (last.squared_residuals(task.values(*kernels), fit.alpha) for kernels in (fit.kernels, *ends))
    errors = [np.inf if each is None else float(np.average(each, weights=weight)) for each in after]
    best = int(np.argmin(errors))
    least = after[best]
    if before is None or least is None:
        return None
    gain, asked = np.average(before - least, weights=weight), learned_gain * np.average(before, weights=weight)
    spread = np.sqrt(np.average((before - least - gain) ** 2, weights=weight) / n_last)
    if not gain > max(asked, _STANDARD_ERRORS * spread):
        return None
    return task.fit(ends[best], Score(fit.alpha, errors[best], None), "tuning")


def _with_every_column(kernel: Kernel, deviations: Array) -> Kernel:
    """A kernel in which no column counts for next to nothing. Columns that matter only together are found that way."""
    if kernel.projection is not None:
        return kernel
    spans = kernel.scales * deviations
    # Where the factor would be beyond all numbers, the column is as good as constant, and keeps its scale.
    varies = deviations > np.finfo(np.float64).tiny ** 0.5 * np.max(deviations)
    least = np.divide(_LEAST_SHARE * spans.max(), deviations, out=np.zeros_like(spans), where=varies)
    return replace(kernel, scales=np.maximum(kernel.scales, least))


def _tuned(error: LeaveOneOutError) -> tuple[Kernel, ...]:
    """Kernels of the least error, in some steps from those that are given."""
    strength, bound = 1.0 / (len(error.task.X) * _EXPECTED**2), float(np.log(_LARGEST))

    def objective(parameters: Array) -> tuple[float, Array]:
        value, gradient = error(parameters)
        return value + strength * float(parameters @ parameters), gradient + 2.0 * strength * parameters

    found = minimize(
        objective,
        np.zeros(error.n_parameters),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-bound, bound)] * error.n_parameters,
        options={"maxiter": _MOST_STEPS, "ftol": _STEP_GAIN},
    )
    return error.kernels_at(found.x)


def _of_equal_weight(kernels: tuple[Kernel, ...], before: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
    """Kernels whose weights have the sum that they had before, so that penalties mean the same."""
    factor = sum(kernel.weight for kernel in before) / sum(kernel.weight for kernel in kernels)
    return tuple(replace(kernel, weight=kernel.weight * factor) for kernel in kernels)
