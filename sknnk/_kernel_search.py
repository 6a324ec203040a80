"""Kernels learned from few rows: family, length scales of the columns and penalty, by closed-form cross-validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._blocks import one_blas_thread
from ._dual import DualSolution, held_out_residuals, solve_dual
from ._kernels import Kernel, kernel_matrix, squared_gradients, symmetric_kernel_matrix
from ._length_scales import column_deviations, typical_length_scale
from ._progress import Step, no_step
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
# Rows of the three stages: many kernels, learning of the length scales, the decision between the best.
_STAGE_ROWS = (500, 1000, 3000)
_HELD_ROWS = 1000
_ROUNDS = 5
_GRADIENT_ROWS = 500
_N_FOLDS = 4
# A sum of kernels may be this much worse on the held rows: it varies less than a single kernel that was picked there.
_TOLERANCE = 1.02
# A column that no gradient sees keeps this share of the largest scale: a later round may still find it.
_LEAST_SCALE = 1e-3
# Penalties, for kernels of value one at distance zero, and the step of the search among them.
_SMALL_ALPHA, _FEW_TIMES = 1e-2, 5.0
_FIRST_ALPHA, _ALPHA_STEP, _ALPHA_BOUNDS = 1e-2, 10.0**0.5, (1e-8, 1e3)
_LENGTH_STEP, _LENGTH_BOUNDS = 2.0**0.5, (1e-2, 1e2)
_CLEARLY = 1.0 - 1e-6
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
        ``"length scale"``, ``"feature learning"`` or ``"decision"``.
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
        The best kernel of every family, the best family first.
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
    fitted, and the round of least held-out error is kept. Last a decision between the families and sums of the best of
    them, on still more rows.

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
    task = _Task(X, _standardised(Y, sample_weight), sample_weight, alphas, float(sample_weight.mean()), done)
    # One family after another: SciPy holds Python's lock while LAPACK runs.
    with one_blas_thread():
        tried = [
            _family_fits(task, family, length_scale, learn_features, child)
            for family, child in zip(families, rng.spawn(len(families)), strict=True)
        ]
    history = [fit for fits in tried for fit in fits]
    stage = history[-1].stage
    learned = sorted((min((f for f in fits if f.stage == stage), key=_error) for fits in tried), key=_error)
    if len(learned) == 1:
        return KernelChoice(learned[0], tuple(learned), history)
    # Of thousands of rows, where two threads do take less time than one.
    finals = _decision(task, learned, threads)
    least = min(fit.error for fit in finals)
    best = next(fit for fit in reversed(finals) if fit.error <= _TOLERANCE * least)
    return KernelChoice(best, tuple(learned), history + finals)


def kernels_tried(n_families: int, free: bool, learn: bool) -> int:
    """Kernels that :func:`search_kernel` tries at most, with length scales that are `free` and those it may learn."""
    of_each = (len(_LENGTH_FACTORS) if free else 1) + (_ROUNDS + 1 if free and learn else 1)
    return n_families * of_each + (2 * n_families - 1 if n_families > 1 else 0)


def unit_rows(
    X: Array, Y: Array, sample_weight: Array, rng: np.random.Generator, size: int = _STAGE_ROWS[-1]
) -> tuple[Array, Array, Array]:
    """Draw rows for the search, the weight of a repeated row told apart from the weight of evidence.

    Where all weights are multiples of the smallest, a row of twice the smallest weight is two rows, and both can be
    drawn: held-out error then rewards a fit that remembers rows, as far as rows of the table do repeat. A table in
    which every row stands twice counts as the table without the copies.

    Parameters
    ----------
    X, Y, sample_weight : ndarray
        Distinct rows, their targets and total weights.
    rng : numpy.random.Generator
        Draws the rows.
    size : int
        Rows to draw at most.

    Returns
    -------
    X, Y, sample_weight : ndarray
        The rows drawn, in random order.
    """
    copies = copies_of(sample_weight)
    ends = np.cumsum(copies)
    drawn = rng.permutation(rng.choice(int(ends[-1]), min(int(ends[-1]), size), replace=False))
    rows = np.searchsorted(ends, drawn, side="right")
    return X[rows], Y[rows], sample_weight[rows] / copies[rows]


def copies_of(sample_weight: Array) -> NDArray[np.int64]:
    """Numbers of equal rows that weights stand for.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Returns
    -------
    ndarray of shape (n_samples,)
        Multiples of the smallest weight, or ones when the weights are no such multiples.

    Examples
    --------
    >>> copies_of(np.array([0.5, 1.0, 0.5])), copies_of(np.array([0.5, 0.7]))
    (array([1, 2, 1]), array([1, 1]))
    """
    ratio = sample_weight / sample_weight.min()
    copies = np.rint(ratio).astype(np.int64)
    if np.any(np.abs(ratio - copies) > 1e-9 * ratio) or copies.max() > _STAGE_ROWS[-1]:
        return np.ones(len(ratio), dtype=np.int64)
    return copies


@dataclass(frozen=True, eq=False)
class _Task:
    """Rows of the search; what is tried is scored on the first few of them, at penalties in units of the weights."""

    X: Array
    Y: Array
    sample_weight: Array
    alphas: Sequence[float] | None
    unit: float = 1.0
    done: Step = no_step

    def leading(self, n_rows: int) -> "_Task":
        return _Task(self.X[:n_rows], self.Y[:n_rows], self.sample_weight[:n_rows], self.alphas, self.unit, self.done)

    def best_alpha(self, K: Array, start: float, n_held: int) -> tuple[float, float, DualSolution | None]:
        """Penalty of least cross-validated error for the kernel of these rows."""
        scores: dict[float, tuple[float, DualSolution | None]] = {}

        def error(alpha: float) -> float:
            if alpha not in scores:
                scores[alpha] = self._scored(K, alpha, n_held)
            return scores[alpha][0]

        if self.alphas is not None:
            alpha = min(sorted(self.alphas, reverse=True), key=error)
        else:
            low, high = _ALPHA_BOUNDS
            alpha = _climb(error, start, _ALPHA_STEP, (low * self.unit, high * self.unit))
        return alpha, *scores[alpha]

    def _scored(self, K: Array, alpha: float, n_held: int) -> tuple[float, DualSolution | None]:
        solution = solve_dual(K.copy(order="F"), self.Y, self.sample_weight, alpha, n_held)
        if solution is None:
            return np.inf, None
        residuals = held_out_residuals(solution, [np.arange(i, n_held, _N_FOLDS) for i in range(min(_N_FOLDS, n_held))])
        if residuals is None:
            return np.inf, None
        squares = np.average(residuals**2, axis=0, weights=self.sample_weight[len(self.Y) - n_held :])
        return float(np.mean(squares)), solution


def _climb(function: Callable[[float], float], start: float, step: float, bounds: tuple[float, float]) -> float:
    """Walk down a geometric grid from `start` to the next minimum."""
    values: dict[int, float] = {}

    def at(i: int) -> float:
        if i not in values:
            values[i] = function(start * step**i)
        return values[i]

    # Where nothing but rounding tells two values apart, the walk ends.
    i, direction = 0, 1 if at(1) < _CLEARLY * at(0) else -1
    low, high = _CLEARLY * bounds[0], bounds[1] / _CLEARLY
    while low <= start * step ** (i + direction) <= high and at(i + direction) < _CLEARLY * at(i):
        i += direction
    return start * step**i


def _standardised(Y: Array, sample_weight: Array) -> Array:
    centred = Y - np.average(Y, axis=0, weights=sample_weight)
    spread = np.sqrt(np.average(centred**2, axis=0, weights=sample_weight))
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0.0))


def _family_fits(
    task: _Task, family: tuple[Any, str], length_scale: Any, learn: bool, rng: np.random.Generator
) -> list[Fit]:
    few, n_features = task.leading(_STAGE_ROWS[0]), task.X.shape[1]
    if length_scale is None:
        deviations = column_deviations(few.X, few.sample_weight)
        typical = typical_length_scale(deviations, spectrum_of(family[0]), "gaussian", family[1])
        scales = [np.full(n_features, 1.0 / (factor * typical)) for factor in _LENGTH_FACTORS]
    else:
        scales = [np.broadcast_to(1.0 / np.asarray(length_scale, dtype=np.float64), n_features)]
    fits, alpha = [], _FIRST_ALPHA * task.unit
    for each in scales:
        fits.append(_tried(few, (Kernel(*family, each),), alpha, "length scale"))
        alpha = fits[-1].alpha
    more = task.leading(_STAGE_ROWS[1])
    return fits + _refined(more, min(fits, key=_error), learn and length_scale is None, length_scale is None, rng)


def _tried(task: _Task, kernels: tuple[Kernel, ...], start: float, stage: str) -> Fit:
    alpha, error, _ = task.best_alpha(kernel_matrix(kernels, task.X, task.X), start, len(task.X))
    task.done()
    return Fit(kernels, alpha, error, len(task.X), stage)


def _refined(task: _Task, fit: Fit, learn: bool, free: bool, rng: np.random.Generator) -> list[Fit]:
    """The unit of length, then rounds of feature learning."""
    kernel, alpha, fits = fit.kernels[0], fit.alpha, []
    if free:
        kernel = _at_best_length(task, kernel, alpha)
    deviations = column_deviations(task.X, task.sample_weight)
    for i in range(_ROUNDS + 1 if learn else 1):
        if i == _ROUNDS:
            kernel = _at_best_length(task, kernel, alpha)
        alpha, error, solution = task.best_alpha(kernel_matrix([kernel], task.X, task.X), alpha, len(task.X))
        fits.append(Fit((kernel,), alpha, error, len(task.X), "feature learning"))
        task.done()
        if solution is None or i == _ROUNDS or not learn:
            break
        kernel = _learned(task, kernel, solution, deviations, rng)
    return fits


def _at_best_length(task: _Task, kernel: Kernel, alpha: float) -> Kernel:
    """The kernel in the best unit of length at one penalty."""

    def resized(factor: float) -> Kernel:
        return Kernel(kernel.activation, kernel.frequencies, factor * kernel.scales)

    def error(factor: float) -> float:
        return task._scored(kernel_matrix([resized(factor)], task.X, task.X), alpha, len(task.X))[0]

    return resized(_climb(error, 1.0, _LENGTH_STEP, _LENGTH_BOUNDS))


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
    slopes = np.sqrt(squared_gradients([near_one], inputs[rows], inputs, solution.coef))
    largest = slopes.max()
    if not largest > 0.0:
        return kernel
    scales = np.maximum(slopes / largest, _LEAST_SCALE)
    order = 1 if kernel.frequencies == "coordinatewise" else 2
    before, after = (np.linalg.norm(each * (deviations * unit), order) for each in (near_one.scales, scales))
    return Kernel(kernel.activation, kernel.frequencies, scales * (before / after * unit)) if after > 0.0 else kernel


def _decision(task: _Task, learned: list[Fit], threads: int) -> list[Fit]:
    """Every family, then the sums of the best two, three, ..., scored on held rows at the end of all rows."""
    singles = sorted((_decided(task, (fit,), threads) for fit in learned), key=_error)
    return singles + [_decided(task, singles[:n], threads) for n in range(2, len(singles) + 1)]


def _decided(task: _Task, summed: Sequence[Fit], threads: int) -> Fit:
    kernels = tuple(replace(kernel, weight=1.0 / len(summed)) for fit in summed for kernel in fit.kernels)
    K, n_held = symmetric_kernel_matrix(kernels, task.X, threads), min(_HELD_ROWS, len(task.X))
    start = float(np.exp(np.mean([np.log(fit.alpha) for fit in summed])))
    # Where rows repeat, remembering them is a minimum of its own, at a small penalty.
    small = _SMALL_ALPHA * task.unit
    starts = (start, small) if start > _FEW_TIMES * small else (start,)
    tried = [task.best_alpha(K, each, n_held)[:2] for each in starts]
    alpha, error = min(tried, key=lambda each: each[1])
    task.done()
    return Fit(kernels, alpha, error, len(task.X), "decision")
