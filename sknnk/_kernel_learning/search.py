"""Kernels learned from few rows: family, length scales of the columns and penalty, by closed-form cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np

from .._compute import over_threads
from .._kernels import Kernel, column_deviations, spectrum_of, typical_length_scale
from .axes import MOST_TURNS
from .comparison import along_learned_axes, decide
from .kernel_scores import Score, climb
from .length_scales import FACTOR_STEP, MOST_ROUNDS, refined_kernel
from .trials import Fit, SearchTask
from .tuning import tuned_kernels
from .whole_axes import ALONE_GAIN, along_whole_axes, compared_with_axes, judged_at_last, refined_at_last
from .whole_axes import MOST_ROUNDS as MOST_WHOLE_ROUNDS
from .wide_tables import is_wide

# Activation and frequencies of the kernels to try. Each of them is far ahead on some tables.
_FAMILIES: tuple[tuple[str, str], ...] = (
    ("cauchy", "coordinatewise"),  # heavy tails along the columns
    ("gaussian", "isotropic"),  # smooth along any direction
    ("cauchy", "isotropic"),  # heavy tails along any direction
)
# Factors of the typical length scale that are tried with equal scales for all columns.
_LENGTH_FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0)
# Share of the error that a step to another factor must gain, in either direction.
_FACTOR_GAINS = (1e-6, 1e-6)
# Rows of the first stage, which tries many kernels, and of the second, which learns length scales. The comparison of
# the best has all rows.
_STAGE_ROWS = (500, 1000)
# Inputs whose geometric mean error over families is this many times the least on few rows are not searched further. The
# first inputs, which are the most robust, get a larger factor.
_CLEARLY_WORSE, _FIRST_CLEARLY_WORSE = 1.1, 1.3
# Inputs that take part in the decision. What axes do for them is only seen there, so that one is not enough.
_MOST_INPUTS = 2
# Share of the error that other inputs than the first must gain in the end.
_INPUTS_GAIN = 0.02
# Part of the gain asked of learned length scales that tuning must reach: it changes less, and its judges see nothing of
# it before.
_TUNED_PART = 1.0 / 3.0
# First penalty, for kernels of value one at distance zero.
_FIRST_ALPHA = 1e-2
# Fewer rows are too few to compare kernels on.
MIN_ROWS = 8
_error = attrgetter("error")


@dataclass(frozen=True, eq=False)
class KernelChoice:
    """What the search found.

    Parameters
    ----------
    best : Fit
        The kernel of least error in the decision.
    place : int
        Which of the given inputs it is for.
    history : list of Fit
        Everything tried, in order.
    """

    best: Fit
    place: int
    history: list[Fit]

    def with_equal_scales(self, n_features: int) -> "KernelChoice":
        """The choice for columns, made in other coordinates of the same rows with one length scale for all of them."""

        def of_columns(fit: Fit) -> Fit:
            kernels = [replace(each, scales=np.full(n_features, each.scales[0])) for each in fit.kernels]
            return replace(fit, kernels=tuple(kernels))

        return replace(self, best=of_columns(self.best), history=[of_columns(fit) for fit in self.history])


def kernel_families(activation: Any, frequencies: str, n_features: int = 1) -> list[tuple[Any, str]]:
    """Families that agree with what the user fixed.

    Parameters
    ----------
    activation : str or callable
        An activation, or ``"auto"``.
    frequencies : {"auto", "isotropic", "coordinatewise"}
        A coupling, or ``"auto"``.
    n_features : int, default=1
        Columns of the table; of very many, products of kernels are only tried where they are asked for.

    Returns
    -------
    list of tuple
        Activation and coupling of each family, without repetitions.

    Examples
    --------
    >>> kernel_families("auto", "isotropic")
    [('cauchy', 'isotropic'), ('gaussian', 'isotropic')]
    """
    free = isinstance(activation, str) and activation == "auto"
    if frequencies == "auto" and is_wide(n_features):
        frequencies = "isotropic"
    families = [
        (own if free else activation, coupling if frequencies == "auto" else frequencies) for own, coupling in _FAMILIES
    ]
    return [family for i, family in enumerate(families) if family not in families[:i]]


def search_kernel(
    tasks: Sequence[SearchTask],
    families: Sequence[tuple[Any, str]],
    length_scale: Any,
    learn_features: bool,
    rng: np.random.Generator,
    learned_gain: float = 0.0,
) -> KernelChoice:
    """Choose kernel and penalty by cross-validation on growing samples.

    First, every family is tried at several length scales on few rows, with all inputs. Clearly worse inputs are left
    out. Second, with each of the others, the best of each family learns length scales of the columns on more rows.
    They follow the mean squared slopes of the function that was fitted, round by round, and the round of least held-out
    error is refined. Third, with the two inputs that have the best kernels, the families are compared on still more
    rows, with learned axes and as sums. Last, the choices for both inputs are compared, and with a kernel along whole
    axes, on the last rows. The length scales and weights of the winner are tuned.

    Parameters
    ----------
    tasks : sequence of SearchTask
        The rows, their inputs transformed in one way or another.
    families : sequence of tuple
        Activation and coupling of each family.
    length_scale : float, ndarray of shape (n_features,) or None
        Fixed length scales; None to search and learn them.
    learn_features : bool
        Whether length scales and axes are learned.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.
    learned_gain : float, default=0.0
        Share of the error that learned length scales must gain over equal ones in the decision.

    Returns
    -------
    KernelChoice
        The winner and everything tried with its inputs.
    """
    n_others = len(tasks) * len(families) - 1
    found = over_threads(
        _start,
        [(task.beside(n_others), family, length_scale) for task in tasks for family in families],
        tasks[0].threads,
    )
    starts = [found[i : i + len(families)] for i in range(0, len(found), len(families))]
    learn, free = learn_features, length_scale is None
    places = _possible_inputs(starts)
    # The same random rows for all inputs: so a search among several gives what a search with the best ones alone gives.
    seed = int(rng.integers(2**31))
    rngs = {place: np.random.default_rng(seed) for place in places}
    shares = {place: tasks[place].beside(len(places) - 1) for place in places}
    pairs = [(shares[place], starts[place], free, learn, rngs[place]) for place in places]
    refined = dict(zip(places, over_threads(_refined_families, pairs, tasks[0].threads), strict=True))
    history = [fit for tried in refined.values() for fits in tried for fit in fits]
    places = _best_inputs(refined)
    shares = {place: tasks[place].beside(len(places) - 1) for place in places}
    arguments = [(shares[place], refined[place], free, learn, rngs[place], learned_gain) for place in places]
    found = over_threads(_chosen, arguments, tasks[0].threads)
    # A single fit was chosen without a decision, and is in the history already.
    history += [fit for each in found if len(each) > 1 for fit in each]
    judged = [found[0][-1]]
    if len(places) > 1:
        judged = [judged_at_last(tasks[place], each[-1]) for place, each in zip(places, found, strict=True)]
        history += judged
    errors = [fit.error * (1.0 - _INPUTS_GAIN * (place == 0)) for place, fit in zip(places, judged, strict=True)]
    best = int(np.argmin(errors))
    choice = KernelChoice(found[best][-1], places[best], history)
    if learn and free and not is_wide(tasks[0].X.shape[1]):
        choice = _with_whole_axes(tasks, starts, choice, seed, learned_gain)
    found = _tuned_at_last(tasks[choice.place], choice.best, learn and free, learned_gain)
    return replace(choice, best=found[-1], history=choice.history + found)


def _tuned_at_last(task: SearchTask, fit: Fit, learn: bool, learned_gain: float) -> list[Fit]:
    """What tuning makes of the kernels, where it helps, and the choice at its best penalty."""
    tuned = tuned_kernels(task, fit, _TUNED_PART * learned_gain) if learn and not is_wide(task.X.shape[1]) else None
    return [refined_at_last(task, fit)] if tuned is None else [tuned, refined_at_last(task, tuned)]


def _with_whole_axes(
    tasks: Sequence[SearchTask],
    starts: Sequence[Sequence["_Start"]],
    choice: KernelChoice,
    seed: int,
    learned_gain: float,
) -> KernelChoice:
    """The choice, or what whole axes make of it: a sum with the same inputs, or other inputs that gain more."""
    places = [choice.place, *{len(tasks) - 1} - {choice.place}]
    plain = [_plain_isotropic(starts[place]) for place in places]
    if plain[0] is None:
        return choice
    shares = [tasks[place].beside(len(places) - 1) for place in places]
    arguments = [(share, fit, np.random.default_rng(seed)) for share, fit in zip(shares, plain, strict=True)]
    turned = over_threads(along_whole_axes, arguments, tasks[0].threads)
    history = choice.history + [fit for fit in turned if fit is not None]
    best, place = choice.best, choice.place
    compared = compared_with_axes(tasks[place], best, turned[0], learned_gain)
    history += compared
    best = compared[-1]
    if len(places) == 2 and turned[1] is not None:
        alone = compared_with_axes(tasks[places[1]], turned[1])[-1]
        history.append(alone)
        if alone.error < (1.0 - max(ALONE_GAIN, learned_gain)) * best.error:
            best, place = alone, places[1]
    return KernelChoice(best, place, history)


def _chosen(
    task: SearchTask,
    tried: Sequence[Sequence[Fit]],
    free: bool,
    learn: bool,
    rng: np.random.Generator,
    learned_gain: float,
) -> list[Fit]:
    """What the families are worth on more rows, with some inputs; the choice last."""
    best = _best_refined(tried)
    learn_axes = learn and free and not is_wide(task.X.shape[1])
    if len(best) == 1 and not (learn_axes and best[0].kernels[0].frequencies == "isotropic"):
        return [best[0]]
    return decide(task, best, learn_axes, rng, learned_gain)


def learned_kernels(task: SearchTask, families: Sequence[tuple[Any, str]], rng: np.random.Generator) -> list[Fit]:
    """Learn the length scales of the columns for every family, and axes for the best isotropic one; decide nothing.

    Parameters
    ----------
    task : SearchTask
        The rows.
    families : sequence of tuple
        Activation and coupling of each family.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.

    Returns
    -------
    list of Fit
        The best kernel with length scales of its own of each family, the best family first, and the isotropic one
        along axes, where these are better.
    """
    own = task.beside(len(families) - 1)
    starts = over_threads(_start, [(own, family, None) for family in families], task.threads)
    fits = _best_of_each(_refined_families(task, starts, True, True, rng), "feature learning")
    isotropic = [fit for fit in fits if fit.kernels[0].frequencies == "isotropic"]
    learn_axes = bool(isotropic) and not is_wide(task.X.shape[1])
    turned = along_learned_axes(task, isotropic[0], rng) if learn_axes else None
    return fits if turned is None else [*fits, turned]


def _possible_inputs(starts: Sequence[Sequence["_Start"]]) -> list[int]:
    """Positions of inputs that are worth a search: those that are not clearly worse than the best on few rows."""
    errors = np.maximum([[start.error for start in each] for each in starts], np.finfo(np.float64).tiny)
    with np.errstate(invalid="ignore"):  # of infinite errors
        ratios = np.exp(np.mean(np.log(errors) - np.log(errors[0]), axis=1))
    ratios = np.nan_to_num([1.0, *ratios[1:]], nan=np.inf)
    worse = np.where(np.arange(len(ratios)) == 0, _FIRST_CLEARLY_WORSE, _CLEARLY_WORSE)
    return np.flatnonzero(ratios <= worse * ratios.min()).tolist()


def _best_inputs(refined: dict[int, list[list[Fit]]]) -> list[int]:
    """Positions of the inputs whose best kernels have the least errors."""
    return sorted(sorted(refined, key=lambda place: _best_refined(refined[place])[0].error)[:_MOST_INPUTS])


def _refined_families(
    task: SearchTask, starts: Sequence["_Start"], free: bool, learn: bool, rng: np.random.Generator
) -> list[list[Fit]]:
    more = task.leading(_STAGE_ROWS[1]).beside(len(starts) - 1)

    def refined(start: _Start, child: np.random.Generator) -> list[Fit]:
        return start.fits + refined_kernel(more, start.kernel, _first_alpha(more, start), free, learn and free, child)

    return over_threads(refined, list(zip(starts, rng.spawn(len(starts)), strict=True)), task.threads)


def _plain_isotropic(starts: Sequence["_Start"]) -> Fit | None:
    """An isotropic fit with equal length scales and the heaviest tails: of the Laplace kernel where it was tried."""
    fits = [min(start.fits, key=_error) for start in starts if start.kernel.frequencies == "isotropic"]
    return fits[-1] if fits else None


def _best_refined(tried: Sequence[Sequence[Fit]]) -> list[Fit]:
    """The best fits of every family with equal length scales and with learned ones, the best first.

    Scales look too good on the rows they were learned from. The rows of the decision tell whether they are better.
    """
    return sorted(_best_of_each(tried, "refinement") + _best_of_each(tried, "feature learning"), key=_error)


def _best_of_each(tried: Sequence[Sequence[Fit]], stage: str) -> list[Fit]:
    """The best fit of every family among those of a stage, the best family first."""
    found = ([fit for fit in fits if fit.stage == stage] for fits in tried)
    return sorted((min(fits, key=_error) for fits in found if fits), key=_error)


def kernels_tried(n_families: int, free: bool, learn: bool, decide: bool = True, n_inputs: int = 1) -> int:
    """Kernels that are tried at most, with length scales that are `free` and that may be learned, and a decision."""
    at_first = len(_LENGTH_FACTORS) if free else 1
    of_each = 2 + (MOST_ROUNDS + 1) * learn if free else 1
    decides = decide and (n_families > 1 or (free and learn))
    turns = (MOST_TURNS + (not decide)) * (free and learn)
    decided = decides * (2 + (free and learn)) * n_families + turns
    refined = n_families * n_inputs * (at_first + of_each)
    if not decide:
        return refined + decided
    # The best inputs are compared. Whole axes are learned with the choice among them and with the last inputs.
    n_compared = min(n_inputs, _MOST_INPUTS)
    whole = (min(n_inputs, 2) * (MOST_WHOLE_ROUNDS + 1) + 2) * (free and learn)
    return refined + n_compared * (decided + 1) + whole + 1 + (free and learn)


@dataclass(frozen=True, eq=False)
class _Start:
    """What a family gave on few rows at a first penalty: all fits, the best kernel and its score."""

    fits: list[Fit]
    kernel: Kernel
    score: Score

    @property
    def error(self) -> float:
        return self.score.error


def _start(task: SearchTask, family: tuple[Any, str], length_scale: Any) -> _Start:
    few, n_features = task.leading(_STAGE_ROWS[0]), task.X.shape[1]
    validation, tried = few.validation(len(few.X)), []
    if length_scale is None:
        deviations = column_deviations(few.X, few.sample_weight)
        typical = typical_length_scale(deviations, spectrum_of(family[0]), "gaussian", family[1])
        scales = np.full(n_features, 1.0 / typical)
    else:
        scales = np.broadcast_to(1.0 / np.asarray(length_scale, dtype=np.float64), n_features)
    alpha = validation.allowed(_FIRST_ALPHA * task.unit)

    def error(factor: float) -> float:
        kernel = Kernel(*family, scales / factor)
        score = validation.score(few.values(kernel), alpha)
        tried.append(_Start([few.fit((kernel,), score, "length scale")], kernel, score))
        return score.error

    if length_scale is None and len(few.X) == _STAGE_ROWS[0]:
        climb(error, 1.0, FACTOR_STEP, (min(_LENGTH_FACTORS), max(_LENGTH_FACTORS)), _FACTOR_GAINS)
    else:
        # With fewer rows there may be several minima, and all factors are tried in little time.
        for factor in _LENGTH_FACTORS if length_scale is None else (1.0,):
            error(factor)
    best = min(tried, key=_error)
    return replace(best, fits=[fit for each in tried for fit in each.fits])


def _first_alpha(task: SearchTask, start: _Start) -> float:
    """The best penalty on few rows."""
    few = task.leading(_STAGE_ROWS[0])
    return few.validation(len(few.X)).best(few.values(start.kernel), start.score.alpha, start.score).alpha
