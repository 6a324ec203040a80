"""The comparison of the best kernels of several families, along learned axes too, and of sums of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from .._compute import Floats, over_threads
from .._data import places_of_equals
from .._kernels import Kernel
from .axes import turned_while_better
from .kernel_scores import CrossValidation
from .trials import Fit, KernelValues, SearchTask

# Rows on which kernels are compared.
_COMPARED_ROWS = 1500
# Rows at the end of these that are left out in turn.
_HELD_ROWS = 667
# Rows that axes are learned from and judged on at most; the others are fresh for the last comparison.
_SEEN_ROWS = 2000
# A kernel is compared on many rows only if its error on few rows is at most this many times the least of its family,
_BEHIND = 1.1
# and at most this many times the least of all.
_FAR_BEHIND = 1.5
# Factor by which the error of a sum of kernels may exceed the least one. A sum varies less than a single kernel that
# was picked on these rows.
_TOLERANCE = 1.02
# Penalty, in units of the task, at which a fit remembers repeated rows.
_SMALL_ALPHA = 1e-2
# Only a penalty this many times as large is far enough from it to be a minimum of its own.
_FEW_TIMES = 5.0
# Share of the error that each turn of the axes must gain here. What it gains on few rows may be gone on many.
_TURN_GAIN = 0.1
# The same share for axes that are compared with other candidates later on.
_LATER_COMPARED_GAIN = 0.01
# Of few rows, one in three judges axes,
_JUDGED_PART = 3
# but at least this many: fewer say nothing.
_FEWEST_JUDGED = 300
_error = attrgetter("error")


class _Option(NamedTuple):
    """A kernel that is compared: the penalty it came with, its values among the rows, and its error there."""

    kernel: Kernel
    alpha: float
    values: KernelValues
    fit: Fit


def decide(
    task: SearchTask, best: Sequence[Fit], learn_axes: bool, rng: np.random.Generator, learned_gain: float = 0.0
) -> list[Fit]:
    """Choose between the best kernel of every family and sums of them.

    First, every kernel is judged on the last of the first 1500 rows, and the best of every family is left. Second, the
    isotropic one of least error learns axes. Third, sums of the best two, three, ... are judged.

    Parameters
    ----------
    task : SearchTask
        The rows.
    best : sequence of Fit
        The best single kernels of every family, those of least error first: with and without learned length scales.
    learn_axes : bool
        Whether combinations of columns are learned.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.
    learned_gain : float, default=0.0
        Share of the error that learned length scales must gain over equal ones, and axes over columns: for axes at
        least a tenth.

    Returns
    -------
    list of Fit
        All that was tried; the choice comes last.
    """
    compared = _contenders(best, _FAR_BEHIND if learned_gain else _BEHIND)
    judge, every = _Judge.of(task.leading(_COMPARED_ROWS)).options(compared)
    tried = [option.fit for option in every]
    handicaps = [1.0 / (1.0 - learned_gain * (fit.stage == "feature learning")) for fit in compared]
    options = _best_of_families(every, handicaps)
    isotropic = [i for i, option in enumerate(options) if option.kernel.frequencies == "isotropic"]
    if learn_axes and isotropic:
        place = min(isotropic, key=lambda i: options[i].fit.error)
        options[place], turns = _along_learned_axes(task, judge, options[place], max(_TURN_GAIN, learned_gain), rng)
        tried += turns
    options.sort(key=lambda option: option.fit.error)
    leaders = [options[:n] for n in range(2, len(options) + 1)]
    sums = [options[0].values, *(_mean([each.values for each in few]) for few in leaders)]
    of_sum = judge.beside(len(leaders)).sum
    pairs = list(zip(leaders, sums[1:], strict=True))
    nested = [options[0].fit, *over_threads(of_sum, pairs, task.threads)]
    least = min(fit.error for fit in nested)
    size = max(n for n, fit in enumerate(nested, 1) if fit.error <= _TOLERANCE * least)
    return [*tried, *nested[1:], nested[size - 1]]


def _contenders(best: Sequence[Fit], behind: float) -> list[Fit]:
    """Kernels whose error on few rows is close to the least of their family, and not far from the least of all."""
    leaders = [next(fit for fit in best if _family(fit.kernels[0]) == _family(each.kernels[0])) for each in best]
    # The best isotropic one may learn axes. What it gains by them cannot be seen on few rows.
    isotropic = [fit for fit in best if fit.kernels[0].frequencies == "isotropic"][:1]
    return [
        fit
        for fit, leader in zip(best, leaders, strict=True)
        if fit in isotropic or fit.error <= min(behind * leader.error, _FAR_BEHIND * best[0].error)
    ]


def _family(kernel: Kernel) -> tuple[Any, str]:
    return kernel.activation, kernel.frequencies


def _best_of_families(options: Sequence[_Option], handicaps: Sequence[float]) -> list[_Option]:
    """The option of every family whose error is the least, times its handicap."""
    best: dict[tuple[Any, str], _Option] = {}
    for option, _ in sorted(zip(options, handicaps, strict=True), key=lambda each: each[0].fit.error * each[1]):
        best.setdefault(_family(option.kernel), option)
    return list(best.values())


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
    turned, _ = _along_learned_axes(task, judge, option, _LATER_COMPARED_GAIN, rng)
    return None if turned is option else turned.fit


def _mean(values: Sequence[KernelValues]) -> KernelValues:
    def evaluate(dtype: type[np.floating]) -> Floats:
        total = values[0](dtype).copy(order="F")
        for each in values[1:]:
            total += each(dtype)
        total /= len(values)
        return total

    return KernelValues(evaluate)


@dataclass(frozen=True, eq=False)
class _Judge:
    """Judges kernels on the held rows, at the penalty they come with or, where rows repeat, at a smaller one."""

    task: SearchTask
    validation: CrossValidation
    repeat: bool
    most: float = np.inf

    @classmethod
    def of(cls, task: SearchTask) -> "_Judge":
        repeat = task.alphas is None and len(places_of_equals(task.X)[0]) < len(task.X)
        return cls(task, task.validation(_HELD_ROWS), repeat)

    def beside(self, n_all: int) -> "_Judge":
        """The judge with its share of the threads, where this many kernels are judged at the same time."""
        own = self.task.beside(max(n_all - 1, 0))
        return replace(self, task=own, validation=replace(self.validation, threads=own.threads))

    def options(self, fits: Sequence[Fit]) -> tuple["_Judge", list[_Option]]:
        """Judge all kernels. Where rows repeat, the first kernel is judged before the others."""
        if not self.repeat:
            own = self.beside(len(fits))
            found = over_threads(own.option, [(fit.kernels[0], fit.alpha) for fit in fits], self.task.threads)
            return self, found
        judge, first = self.opened(fits[0])
        return judge, [first, *judge.options(fits[1:])[1]]

    def opened(self, fit: Fit) -> tuple["_Judge", _Option]:
        """Judge the first kernel. It tells for all others whether repeated rows are best remembered."""
        option = self.option(fit.kernels[0], fit.alpha)
        remembered = self.repeat and option.fit.alpha <= self._small
        return replace(self, repeat=False, most=self._small if remembered else np.inf), option

    @property
    def _small(self) -> float:
        return _SMALL_ALPHA * self.task.unit

    def option(self, kernel: Kernel, alpha: float, values: KernelValues | None = None) -> _Option:
        values = self.task.values(kernel) if values is None else values
        return _Option(kernel, alpha, values, self._fit((kernel,), alpha, values))

    def sum(self, options: Sequence[_Option], values: KernelValues) -> Fit:
        kernels = tuple(replace(option.kernel, weight=1.0 / len(options)) for option in options)
        return self._fit(kernels, float(np.exp(np.mean([np.log(option.alpha) for option in options]))), values)

    def _fit(self, kernels: tuple[Kernel, ...], alpha: float, values: KernelValues) -> Fit:
        start = min(self.validation.allowed(alpha), self.most)
        # Where rows repeat, there may be a second minimum at a small penalty, at which they are remembered.
        starts = (start, self._small) if self.repeat and start > _FEW_TIMES * self._small else (start,)
        score = min((self.validation.score(values, each) for each in starts), key=_error)
        return self.task.fit(kernels, score, "decision")


def _along_learned_axes(
    task: SearchTask, judge: _Judge, option: _Option, gain: float, rng: np.random.Generator
) -> tuple[_Option, list[Fit]]:
    """The option along the axes that its slopes ask for, where that helps, and all that was tried."""
    n_compared, alpha = len(judge.task.X), option.fit.alpha
    n_judged = _judging_rows(n_compared)
    learning = task.at(np.delete(np.arange(min(len(task.X), _SEEN_ROWS)), slice(n_compared - n_judged, n_compared)))
    is_fair = n_judged == _HELD_ROWS
    fair = judge.validation if is_fair else judge.task.validation(n_judged)
    least = option.fit.error if is_fair else fair.score(option.values, alpha).error
    kernel, values, tried = turned_while_better(learning, judge.task, fair, option.kernel, alpha, least, gain, rng)
    return option if values is None else judge.option(kernel, alpha, values), tried


def _judging_rows(n_compared: int) -> int:
    """How many of the rows that kernels are compared on, the last ones, judge axes. Axes are learned from all others.

    Products of slopes are so many that the rows they come from could not judge them.
    """
    n_judged = min(_HELD_ROWS, n_compared // 2)
    return n_judged if n_compared >= _COMPARED_ROWS else min(n_judged, max(n_compared // _JUDGED_PART, _FEWEST_JUDGED))
