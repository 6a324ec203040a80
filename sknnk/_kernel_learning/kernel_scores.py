"""How well a kernel predicts rows that were left out: cross-validated errors, and the penalty of the least."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .._compute import Array, Floats
from .._ridge import DualSolution, held_out_residuals, solve_dual

# Parts of the held rows, each of which is left out once.
_N_FOLDS = 4
# Smallest and largest penalty, for kernels of value one at distance zero.
_ALPHA_BOUNDS = (1e-8, 1e3)
# Factor between one penalty of the search and the next.
_ALPHA_STEP = 10.0**0.5
# Share of the error that a step to a smaller and to a larger penalty must gain. The first is a thousandth, because
# kernels with a cusp would go to ever smaller penalties. The second only excludes rounding.
_ALPHA_GAINS = (1e-3, 1e-6)
# From this many rows and this penalty on, errors come from a matrix in float32. That takes half the time, and errors
# differ by less than one in two hundred (smooth and rough kernels of value one, 3000 rows).
_MANY_ROWS, _HARMLESS_ALPHA = 500, 3e-3
# Gives the kernel of the rows in a dtype. Only the lower triangle is read.
Matrix = Callable[[type[np.floating]], Floats]


def dtype_of_errors(alpha: float, sample_weight: Array) -> type[np.floating]:
    """The precision that errors of left-out rows need.

    Parameters
    ----------
    alpha : float
        Penalty of a kernel of value one at distance zero.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.

    Returns
    -------
    {numpy.float32, numpy.float64}
        Of the kernel matrix and its factor.

    Examples
    --------
    >>> import numpy as np
    >>> [dtype_of_errors(alpha, np.ones(1000)).__name__ for alpha in (0.1, 1e-6)]
    ['float32', 'float64']
    """
    single = len(sample_weight) >= _MANY_ROWS and alpha >= _HARMLESS_ALPHA * sample_weight.max()
    return np.float32 if single else np.float64


class Score(NamedTuple):
    """What cross-validation says of a kernel at one penalty.

    Parameters
    ----------
    alpha : float
        The penalty.
    error : float
        Mean squared error of the held rows; infinite when floating-point numbers cannot tell.
    solution : DualSolution or None
        The fit to all rows, from 500 of them on to the precision that errors need; None when the system is not
        positive definite.
    """

    alpha: float
    error: float
    solution: DualSolution | None


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Rows on which kernels are judged: the last ones are left out in turn, a quarter of them at a time.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    n_held : int
        Number of rows at the end on which fits are judged.
    alphas : sequence of float or None, default=None
        Penalties to choose from; None for any.
    unit : float, default=1.0
        Weight of a typical row: bounds of the penalty are multiples of it.
    threads : int, default=1
        Threads of a factorisation.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._kernel_learning.kernel_scores import CrossValidation
    >>> x = np.linspace(-1, 1, 40)[np.random.default_rng(0).permutation(40)]
    >>> rows = CrossValidation(x[:, None], np.ones(40), n_held=40)
    >>> K = np.exp(-np.abs(np.subtract.outer(x, x)))
    >>> bool(rows.best(K.astype, 1.0).error < rows.score(K.astype, 1.0).error < 1)
    True
    """

    Y: Array
    sample_weight: Array
    n_held: int
    alphas: Sequence[float] | None = None
    unit: float = 1.0
    threads: int = 1
    _memory: threading.local = field(default_factory=threading.local, init=False, repr=False)

    def allowed(self, alpha: float) -> float:
        """The penalty nearest to a given one, in proportion, that may be chosen."""
        return alpha if self.alphas is None else min(self.alphas, key=lambda each: abs(np.log(each / alpha)))

    def score(self, matrix: Matrix, alpha: float) -> Score:
        """Cross-validate a kernel at one penalty.

        Parameters
        ----------
        matrix : callable
            ``matrix(dtype)`` gives the kernel of the rows, shape (n_samples, n_samples), of which the lower triangle is
            read; asked for float32 where that is precise enough.
        alpha : float
            Positive penalty.

        Returns
        -------
        Score
            Of this penalty.
        """
        solution, residuals = self._left_out(matrix, alpha)
        if residuals is None:
            return Score(alpha, np.inf, None)
        weight = self.sample_weight[len(self.Y) - len(residuals) :]
        return Score(alpha, float(np.mean(np.average(residuals**2, axis=0, weights=weight))), solution)

    def squared_residuals(self, matrix: Matrix, alpha: float) -> Array | None:
        """Squared residuals of the held rows, of which :meth:`score` gives the weighted mean.

        Parameters
        ----------
        matrix, alpha
            As in :meth:`score`.

        Returns
        -------
        ndarray of shape (n_held,) or None
            Means over targets. None when floating-point numbers cannot tell.
        """
        _, residuals = self._left_out(matrix, alpha)
        return None if residuals is None else np.asarray(np.mean(residuals**2, axis=1))

    def _left_out(self, matrix: Matrix, alpha: float) -> tuple[DualSolution | None, Array | None]:
        """The fit to all rows, and residuals of the held rows in fits without their quarter."""
        n_held = min(self.n_held, len(self.Y))
        system = self._system(matrix(dtype_of_errors(alpha, self.sample_weight)))
        solution = solve_dual(system, self.Y, self.sample_weight, alpha, n_held, self.threads)
        return solution, None if solution is None else held_out_residuals(solution, _N_FOLDS)

    def _system(self, K: Floats) -> Floats:
        """A copy that may be overwritten. Its memory is used again: fresh memory may cost as much as the factor."""
        systems = vars(self._memory)
        name = K.dtype.char
        if name not in systems:
            systems[name] = np.empty_like(K, order="F")
        np.copyto(systems[name], K)
        system: Floats = systems[name]
        return system

    def best(self, matrix: Matrix, start: float, known: Score | None = None) -> Score:
        """Find the penalty of least cross-validated error.

        Parameters
        ----------
        matrix : callable
            ``matrix(dtype)`` gives the kernel of the rows, shape (n_samples, n_samples), of which the lower triangle is
            read; asked for float32 where that is precise enough.
        start : float
            Where to look first, when any penalty may be chosen.
        known : Score, optional
            Of this kernel at some penalty.

        Returns
        -------
        Score
            Of the next minimum, or of the best of the given penalties.
        """
        scores = {} if known is None else {known.alpha: known}

        def error(alpha: float) -> float:
            if alpha not in scores:
                scores[alpha] = self.score(matrix, alpha)
            return scores[alpha].error

        if self.alphas is not None:
            return scores[min(sorted(self.alphas, reverse=True), key=error)]
        low, high = _ALPHA_BOUNDS
        return scores[climb(error, start, _ALPHA_STEP, (low * self.unit, high * self.unit), _ALPHA_GAINS)]


def climb(
    function: Callable[[float], float],
    start: float,
    step: float,
    bounds: tuple[float, float],
    gains: tuple[float, float],
) -> float:
    """Walk down a geometric grid to the next minimum.

    Parameters
    ----------
    function : callable
        What shall be small; called once for each point.
    start : float
        First point of the grid.
    step : float
        Ratio of neighbours.
    bounds : tuple of float
        Least and largest point.
    gains : tuple of float
        By what share a step to the left, and one to the right, must lower the function.

    Returns
    -------
    float
        The last point that was better than the one before by that share.

    Examples
    --------
    >>> climb(lambda x: (x - 9.0) ** 2, 1.0, 2.0, bounds=(0.1, 100.0), gains=(1e-6, 1e-6))
    8.0
    """
    values: dict[int, float] = {}
    shares = {-1: 1.0 - gains[0], 1: 1.0 - gains[1]}

    def is_better(i: int, direction: int) -> bool:
        for place in (i, i + direction):
            if place not in values:
                values[place] = function(start * step**place)
        return values[i + direction] < shares[direction] * values[i]

    i, direction = 0, 1 if is_better(0, 1) else -1
    low, high = (1.0 - 1e-6) * bounds[0], (1.0 + 1e-6) * bounds[1]
    while low <= start * step ** (i + direction) <= high and is_better(i, direction):
        i += direction
    return start * step**i
