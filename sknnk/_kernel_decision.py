"""The decision between the best kernels of several families, along learned axes, and sums of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._blocks import one_blas_thread
from ._dual import solve_dual
from ._kernel_scores import CrossValidation, Score
from ._kernel_trials import Fit, KernelValues, SearchTask
from ._kernels import Kernel, gradient_products, in_coordinates, symmetric_kernel_matrix
from ._length_scales import column_deviations

Array = NDArray[np.float64]

# Rows among which kernels are compared, the penalty of the choice being refined on all, and rows at the end that are
# left out in turn.
_COMPARED_ROWS, _HELD_ROWS = 2000, 1000
# A sum of kernels may be this much worse on them: it varies less than a single kernel that was picked there.
_TOLERANCE = 1.02
# A penalty at which repeated rows are remembered, and how much larger is one at which they may not be.
_SMALL_ALPHA, _FEW_TIMES = 1e-2, 5.0
# Axes are learned so many times at most, as long as each time gains this share of the error, on one row in three if
# there are few.
MOST_TURNS, _TURN_GAIN, _JUDGED_PART = 3, 1e-2, 3
# Rows over which products of slopes are averaged; the share of products along different axes that is believed, as they
# are noisy; and the share of the largest scale that an axis without slopes keeps.
_GRADIENT_ROWS, _BELIEVED_SHARE, _LEAST_SCALE = 500, 0.5, 1e-3
_error = attrgetter("error")


class _Option(NamedTuple):
    """A kernel among the rows of the decision, the penalty it came with, and what it is worth."""

    kernel: Kernel
    alpha: float
    values: KernelValues
    fit: Fit


def decide(task: SearchTask, best: Sequence[Fit], learn_axes: bool, rng: np.random.Generator) -> list[Fit]:
    """Choose between the best kernel of every family and sums of them.

    Every kernel is judged on rows at the end of the first two thousand, the isotropic one of least error also along
    axes that it learns, and then sums of the best two, three, ... The penalty of the choice is refined on all rows.

    Parameters
    ----------
    task : SearchTask
        The rows.
    best : sequence of Fit
        The best single kernel of every family.
    learn_axes : bool
        Whether combinations of columns are learned.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.

    Returns
    -------
    list of Fit
        All that was tried; the choice comes last.
    """
    judge, first = _Judge.of(task.leading(_COMPARED_ROWS)).opened(best[0])
    options = [first, *(judge.option(fit.kernels[0], fit.alpha) for fit in best[1:])]
    tried = [option.fit for option in options]
    isotropic = [i for i, option in enumerate(options) if option.kernel.frequencies == "isotropic"]
    if learn_axes and isotropic:
        place = min(isotropic, key=lambda i: options[i].fit.error)
        options[place], turns = _along_learned_axes(task, judge, options[place], rng)
        tried += turns
    options.sort(key=lambda option: option.fit.error)
    sums = [options[0].values, *(_mean([each.values for each in options[:n]]) for n in range(2, len(options) + 1))]
    nested = [options[0].fit, *(judge.sum(options[:n], sums[n - 1]) for n in range(2, len(options) + 1))]
    least = min(fit.error for fit in nested)
    size = max(n for n, fit in enumerate(nested, 1) if fit.error <= _TOLERANCE * least)
    return [*tried, *nested[1:], _refined(task, nested[size - 1], sums[size - 1])]


def along_learned_axes(task: SearchTask, fit: Fit, rng: np.random.Generator) -> Fit | None:
    """An isotropic kernel along combinations of the columns, where that lowers the error of rows set apart.

    Parameters
    ----------
    task : SearchTask
        The rows.
    fit : Fit
        Of the kernel, isotropic.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.

    Returns
    -------
    Fit or None
        None where the columns themselves are as good.
    """
    judge, option = _Judge.of(task.leading(_COMPARED_ROWS)).opened(fit)
    turned, _ = _along_learned_axes(task, judge, option, rng)
    return None if turned is option else turned.fit


def _refined(task: SearchTask, chosen: Fit, compared: KernelValues) -> Fit:
    """The choice at its best penalty for all rows."""
    if len(task.X) == chosen.n_rows:
        values, known = compared, Score(chosen.alpha, chosen.error, None)
    else:
        values, known = task.values(*chosen.kernels), None
    score = task.validation(_HELD_ROWS).best(values, chosen.alpha, known)
    return task.fit(chosen.kernels, score, "decision")


def _mean(values: Sequence[KernelValues]) -> KernelValues:
    def evaluate(dtype: type[np.floating]) -> NDArray[np.floating]:
        total = values[0](dtype).copy(order="F")
        for each in values[1:]:
            total += each(dtype)
        total /= len(values)
        return total

    return KernelValues(evaluate)


@dataclass(frozen=True, eq=False)
class _Judge:
    """What kernels are worth on the held rows, at the penalty they bring along or, where rows repeat, a smaller one."""

    task: SearchTask
    validation: CrossValidation
    repeat: bool
    most: float = np.inf

    @classmethod
    def of(cls, task: SearchTask) -> "_Judge":
        repeat = task.alphas is None and len(np.unique(task.X, axis=0)) < len(task.X)
        return cls(task, task.validation(_HELD_ROWS), repeat)

    def opened(self, fit: Fit) -> tuple["_Judge", _Option]:
        """The first kernel, which answers for all whether repeated rows are best remembered: that is up to the rows."""
        option = self.option(fit.kernels[0], fit.alpha)
        remembered = self.repeat and option.fit.alpha <= self._small
        return replace(self, repeat=False, most=self._small if remembered else np.inf), option

    @property
    def _small(self) -> float:
        return _SMALL_ALPHA * self.task.unit

    def option(self, kernel: Kernel, alpha: float) -> _Option:
        values = self.task.values(kernel)
        return _Option(kernel, alpha, values, self._fit((kernel,), alpha, values))

    def sum(self, options: Sequence[_Option], values: KernelValues) -> Fit:
        kernels = tuple(replace(option.kernel, weight=1.0 / len(options)) for option in options)
        return self._fit(kernels, float(np.exp(np.mean([np.log(option.alpha) for option in options]))), values)

    def _fit(self, kernels: tuple[Kernel, ...], alpha: float, values: KernelValues) -> Fit:
        start = min(self.validation.allowed(alpha), self.most)
        # Where rows repeat, remembering them is a minimum of its own, at a small penalty.
        starts = (start, self._small) if self.repeat and start > _FEW_TIMES * self._small else (start,)
        score = min((self.validation.score(values, each) for each in starts), key=_error)
        return self.task.fit(kernels, score, "decision")


def _along_learned_axes(
    task: SearchTask, judge: _Judge, option: _Option, rng: np.random.Generator
) -> tuple[_Option, list[Fit]]:
    """The kernel along the axes that its slopes ask for, again and again while that helps; and all that was tried."""
    tried: list[Fit] = []
    # Products of slopes are so many that the rows they come from could not judge them: all others are for learning.
    n_compared = len(judge.task.X)
    n_judged = min(_HELD_ROWS, n_compared // _JUDGED_PART)
    learning = task.at(np.delete(np.arange(len(task.X)), slice(n_compared - n_judged, n_compared)))
    fair = judge.task.validation(n_judged)

    def error(option: _Option) -> float:
        return option.fit.error if n_judged == _HELD_ROWS else fair.score(option.values, option.fit.alpha).error

    for _ in range(MOST_TURNS):
        # On one thread, or those of NumPy's BLAS would keep cores from those of SciPy's, which factors all matrices.
        with one_blas_thread():
            kernel = _turned(learning, option.kernel, option.fit.alpha, rng)
        if kernel is None:
            break
        along = judge.option(kernel, option.fit.alpha)
        tried.append(along.fit)
        if not error(along) < (1.0 - _TURN_GAIN) * error(option):
            break
        option = along
    return option, tried


def _turned(task: SearchTask, kernel: Kernel, alpha: float, rng: np.random.Generator) -> Kernel | None:
    """The kernel along axes that follow the slopes of its fit, two typical rows as far apart as before."""
    solution = solve_dual(symmetric_kernel_matrix([kernel], task.X, task.threads), task.Y, task.sample_weight, alpha)
    if solution is None:
        return None
    # In the coordinates of the kernel, slopes are of one order, whatever the units of the columns.
    inputs = in_coordinates(kernel, task.X)
    along = Kernel(kernel.activation, kernel.frequencies, np.ones(inputs.shape[1]))
    rows = rng.permutation(len(inputs))[:_GRADIENT_ROWS]
    products = gradient_products([along], inputs[rows], inputs, solution.coef, task.threads)
    squares, axes = np.linalg.eigh(_BELIEVED_SHARE * products + (1.0 - _BELIEVED_SHARE) * np.diag(np.diag(products)))
    if not squares[-1] > 0.0:
        return None
    turn = axes * np.sqrt(np.maximum(squares / squares[-1], _LEAST_SCALE**2))
    before, after = (np.linalg.norm(column_deviations(each, task.sample_weight)) for each in (inputs, inputs @ turn))
    turn *= before / after  # rows that are all equal have no slopes
    return replace(kernel, projection=turn if kernel.projection is None else kernel.projection @ turn)
