"""Kernels learned from few rows: family, length scales of the columns and penalty, by closed-form cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._blocks import one_blas_thread
from ._dual import DualSolution
from ._kernel_scores import CrossValidation, Score, climb
from ._kernels import Kernel, squared_gradients, symmetric_kernel_matrix
from ._length_scales import column_deviations, typical_length_scale
from ._progress import Step, no_step
from ._rows import UNIT_ROWS
from ._spectra import spectrum_of

Array = NDArray[np.float64]

# Smooth structure along any direction, heavy tails along the axes, heavy tails along any direction: each is far ahead
# on some tables.
_FAMILIES: tuple[tuple[str, str], ...] = (
    ("cauchy", "coordinatewise"),
    ("gaussian", "isotropic"),
    ("cauchy", "isotropic"),
)
_LENGTH_FACTORS = (1.0, 0.5, 2.0, 0.25, 4.0)
# Rows of the three stages: many kernels, learning of the length scales, the decision between the best; and how many
# rows at the end of the last two are left out in turn.
_STAGE_ROWS = (500, 1000, UNIT_ROWS)
_JUDGED_ROWS, _HELD_ROWS = 500, 1000
_ROUNDS = 5
_GRADIENT_ROWS = 500
# A sum of kernels may be this much worse on the held rows: it varies less than a single kernel that was picked there.
_TOLERANCE = 1.02
# A column that no gradient sees keeps this share of the largest scale: a later round may still find it.
_LEAST_SCALE = 1e-3
# Penalties, for kernels of value one at distance zero.
_FIRST_ALPHA, _SMALL_ALPHA, _FEW_TIMES = 1e-2, 1e-2, 5.0
# Step of the unit of length, its bounds, and the share of the error that a step must gain.
_LENGTH_STEP, _LENGTH_BOUNDS, _LENGTH_GAINS = 2.0**0.5, (1e-2, 1e2), (1e-3, 1e-3)
MIN_ROWS = 8
_error = attrgetter("error")


@dataclass(frozen=True, eq=False)
class Fit:
    """A kernel that was tried.

    Parameters
    ----------
    kernels : tuple of Kernel
        The summands.
    alpha : float
        Its best penalty.
    error : float
        Cross-validated squared error relative to the variance of the targets.
    n_rows : int
        Rows it was tried on.
    stage : str
        ``"length scale"``, ``"refinement"`` of the best, ``"feature learning"`` or ``"decision"``.
    """

    kernels: tuple[Kernel, ...]
    alpha: float
    error: float
    n_rows: int
    stage: str


@dataclass(frozen=True, eq=False)
class KernelChoice:
    """What the search found.

    Parameters
    ----------
    best : Fit
        The kernel of least error in the decision.
    learned : tuple of Fit
        The best kernel with learned length scales of every family, the best family first.
    history : list of Fit
        Everything tried, in order.
    """

    best: Fit
    learned: tuple[Fit, ...]
    history: list[Fit]


def kernel_families(activation: Any, frequencies: str) -> list[tuple[Any, str]]:
    """Families that agree with what the user fixed.

    Parameters
    ----------
    activation : str or callable
        An activation, or ``"auto"``.
    frequencies : {"auto", "isotropic", "coordinatewise"}
        A coupling, or ``"auto"``.

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
    families = [
        (own if free else activation, coupling if frequencies == "auto" else frequencies) for own, coupling in _FAMILIES
    ]
    return [family for i, family in enumerate(families) if family not in families[:i]]


def search_kernel(
    families: Sequence[tuple[Any, str]],
    length_scale: Any,
    alphas: Sequence[float] | None,
    learn_features: bool,
    X: Array,
    Y: Array,
    sample_weight: Array,
    rng: np.random.Generator,
    threads: int = 1,
    done: Step = no_step,
) -> KernelChoice:
    """Choose kernel and penalty by cross-validation on growing samples.

    First every family at several length scales, on few rows. Then, on more rows, rounds of feature learning for the
    best of each family: the length scales of the columns follow the mean squared slopes of the function that was
    fitted, and the round of least held-out error is refined. Last a decision between the families and sums of the best
    of them, on still more rows.

    Parameters
    ----------
    families : sequence of tuple
        Activation and coupling of each family.
    length_scale : float, ndarray of shape (n_features,) or None
        Fixed length scales; None to search and learn them.
    alphas : sequence of float or None
        Penalties to choose from; None for any.
    learn_features : bool
        Whether the length scales of the columns are learned.
    X : ndarray of shape (n_samples, n_features)
        Inputs in an order without meaning, as :func:`unit_rows` gives them.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.
    threads : int, default=1
        Threads over blocks of kernel matrices; the result does not depend on it.
    done : callable, optional
        Called after each kernel that was tried.

    Returns
    -------
    KernelChoice
        The winner and everything tried.
    """
    standard, unit = _standardised(Y, sample_weight), float(sample_weight.mean())
    task = _Task(X, standard, sample_weight, alphas, unit, threads, done)
    # One family after another: SciPy holds Python's lock while LAPACK runs.
    tried = [
        _family_fits(task, family, length_scale, learn_features, child)
        for family, child in zip(families, rng.spawn(len(families)), strict=True)
    ]
    history = [fit for fits in tried for fit in fits]
    learned = _best_of_each(tried, {"feature learning"})
    best = _best_of_each(tried, {"refinement", "feature learning"})
    if len(best) == 1:
        return KernelChoice(best[0], learned, history)
    # Of thousands of rows, where two threads do take less time than one.
    finals = _decision(task, best)
    return KernelChoice(finals[-1], learned, history + finals)


def _best_of_each(tried: Sequence[Sequence[Fit]], stages: set[str]) -> tuple[Fit, ...]:
    """The best fit of every family among those of some stages, the best family first."""
    found = ([fit for fit in fits if fit.stage in stages] for fits in tried)
    return tuple(sorted((min(fits, key=_error) for fits in found if fits), key=_error))


def kernels_tried(n_families: int, free: bool, learn: bool) -> int:
    """Kernels that :func:`search_kernel` tries at most, with length scales that are `free` and those it may learn."""
    of_each = len(_LENGTH_FACTORS) + 2 + (_ROUNDS + 1 if learn else 0) if free else 2
    return n_families * of_each + (2 * n_families if n_families > 1 else 0)


@dataclass(frozen=True, eq=False)
class _Task:
    """Rows of the search, and how kernels are judged on the first few of them."""

    X: Array
    Y: Array
    sample_weight: Array
    alphas: Sequence[float] | None = None
    unit: float = 1.0
    threads: int = 1
    done: Step = no_step

    def leading(self, n_rows: int) -> "_Task":
        return replace(self, X=self.X[:n_rows], Y=self.Y[:n_rows], sample_weight=self.sample_weight[:n_rows])

    def validation(self, n_held: int) -> CrossValidation:
        return CrossValidation(self.Y, self.sample_weight, n_held, self.alphas, self.unit)

    def matrix(self, kernels: Sequence[Kernel]) -> Array:
        return symmetric_kernel_matrix(kernels, self.X, self.threads)

    def fit(self, kernels: tuple[Kernel, ...], score: Score, stage: str) -> Fit:
        self.done()
        return Fit(kernels, score.alpha, score.error, len(self.X), stage)


def _standardised(Y: Array, sample_weight: Array) -> Array:
    centred = Y - np.average(Y, axis=0, weights=sample_weight)
    spread = np.sqrt(np.average(centred**2, axis=0, weights=sample_weight))
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0.0))


def _family_fits(
    task: _Task, family: tuple[Any, str], length_scale: Any, learn: bool, rng: np.random.Generator
) -> list[Fit]:
    """One family at several length scales on few rows, and the best of them refined on more."""
    few, n_features = task.leading(_STAGE_ROWS[0]), task.X.shape[1]
    if length_scale is None:
        deviations = column_deviations(few.X, few.sample_weight)
        typical = typical_length_scale(deviations, spectrum_of(family[0]), "gaussian", family[1])
        scales = [np.full(n_features, 1.0 / (factor * typical)) for factor in _LENGTH_FACTORS]
    else:
        scales = [np.broadcast_to(1.0 / np.asarray(length_scale, dtype=np.float64), n_features)]
    validation, tried = few.validation(len(few.X)), [(Kernel(*family, each),) for each in scales]
    with one_blas_thread():
        start = validation.allowed(_FIRST_ALPHA * task.unit)
        fits = [few.fit(each, validation.score(few.matrix(each), start), "length scale") for each in tried]
        kernels = min(fits, key=_error).kernels
        alpha = validation.best(few.matrix(kernels), start).alpha
    free, more = length_scale is None, task.leading(_STAGE_ROWS[1])
    return fits + _refined(more, kernels[0], alpha, free, learn and free, rng)


def _refined(task: _Task, kernel: Kernel, alpha: float, free: bool, learn: bool, rng: np.random.Generator) -> list[Fit]:
    """The kernel on more rows, rounds of feature learning, and the best of them at its best length and penalty."""
    validation = task.validation(_JUDGED_ROWS)
    if free:
        kernel = _at_best_length(task, validation, kernel, alpha, _LENGTH_FACTORS[0] / _LENGTH_FACTORS[1])
    score = validation.best(task.matrix([kernel]), alpha)
    plain = task.fit((kernel,), score, "refinement")
    rounds = _rounds(task, validation, kernel, score, rng) if learn else []
    if not free:
        return [plain]

    def polished(fit: Fit) -> Fit:
        kernel = _at_best_length(task, validation, fit.kernels[0], fit.alpha, _LENGTH_STEP)
        return task.fit((kernel,), validation.best(task.matrix([kernel]), fit.alpha), fit.stage)

    if not rounds:
        return [plain, polished(plain)]
    learned = polished(min(rounds, key=_error))
    return [plain, *rounds, learned, *([polished(plain)] if plain.error < learned.error else [])]


def _rounds(
    task: _Task, validation: CrossValidation, kernel: Kernel, score: Score, rng: np.random.Generator
) -> list[Fit]:
    """Kernels whose length scales follow the slopes of the fit before."""
    deviations, fits = column_deviations(task.X, task.sample_weight), []
    for i in range(_ROUNDS):
        if score.solution is None:
            break
        kernel = _learned(task, kernel, score.solution, deviations, rng)
        # The first round changes the kernel most; later ones can do with its penalty.
        score = (validation.score if i else validation.best)(task.matrix([kernel]), score.alpha)
        fits.append(task.fit((kernel,), score, "feature learning"))
    return fits


def _at_best_length(task: _Task, validation: CrossValidation, kernel: Kernel, alpha: float, step: float) -> Kernel:
    """The kernel in the best unit of length at one penalty."""

    def resized(factor: float) -> Kernel:
        return replace(kernel, scales=factor * kernel.scales)

    def error(factor: float) -> float:
        return validation.score(task.matrix([resized(factor)]), alpha).error

    return resized(climb(error, 1.0, step, _LENGTH_BOUNDS, _LENGTH_GAINS))


def _learned(
    task: _Task, kernel: Kernel, solution: DualSolution, deviations: Array, rng: np.random.Generator
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


def _decision(task: _Task, families: Sequence[Fit]) -> list[Fit]:
    """Every family, then sums of the best two, three, ..., judged on rows at the end of all; and the choice refined."""
    validation, small = task.validation(_HELD_ROWS), _SMALL_ALPHA * task.unit
    matrices = [task.matrix(fit.kernels) for fit in families]
    # Where rows repeat, remembering them is a minimum of its own, at a small penalty.
    repeat = len(np.unique(task.X, axis=0)) < len(task.X)

    def summed(places: Sequence[int]) -> Array:
        total = matrices[places[0]].copy(order="F")
        for place in places[1:]:
            total += matrices[place]
        total /= len(places)
        return total

    def scored(places: Sequence[int]) -> Fit:
        kernels = tuple(replace(families[place].kernels[0], weight=1.0 / len(places)) for place in places)
        start = validation.allowed(float(np.exp(np.mean([np.log(families[place].alpha) for place in places]))))
        starts = (start, small) if repeat and validation.alphas is None and start > _FEW_TIMES * small else (start,)
        K = summed(places)
        return task.fit(kernels, min((validation.score(K, each) for each in starts), key=_error), "decision")

    singles = [scored([place]) for place in range(len(families))]
    order = sorted(range(len(families)), key=lambda place: singles[place].error)
    nested = [singles[order[0]], *(scored(order[:n]) for n in range(2, len(order) + 1))]
    least = min(fit.error for fit in nested)
    size = max(n for n, fit in enumerate(nested, 1) if fit.error <= _TOLERANCE * least)
    chosen = nested[size - 1]
    score = validation.best(summed(order[:size]), chosen.alpha, Score(chosen.alpha, chosen.error, None))
    return [*singles, *nested[1:], task.fit(chosen.kernels, score, "decision")]
