"""Rows on which kernels are tried, and what is noted of each kernel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._compute import Array, Floats, Indices
from .._integration import Step, ignore_step
from .._kernels import Kernel, symmetric_kernel_matrix
from .kernel_scores import CrossValidation, Score


def spread_of(Y: Array, sample_weight: Array, common: bool = False) -> Array:
    """Standard deviations by which errors of the targets are divided.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    common : bool, default=False
        Whether all targets have the same unit, as classes have: then their mean variance is the unit of all. A class
        of two rows would otherwise weigh as much as one of thousands.

    Returns
    -------
    ndarray of shape (n_targets,)
        Standard deviations.

    Examples
    --------
    >>> import numpy as np
    >>> Y = np.array([[-1.0, 2.0], [1.0, -2.0], [1.0, -2.0], [-1.0, 2.0]])
    >>> spread_of(Y, np.ones(4)), spread_of(Y, np.ones(4), common=True) ** 2
    (array([1., 2.]), array([2.5, 2.5]))
    """
    centred = Y - np.average(Y, axis=0, weights=sample_weight)
    variance = np.average(centred**2, axis=0, weights=sample_weight)
    return np.sqrt(np.full_like(variance, variance.mean()) if common else variance)


def standardised(Y: Array, mean: Array, spread: Array) -> Array:
    """Targets less their means, in units of their spread; those without any are zero."""
    return np.divide(Y - mean, spread, out=np.zeros_like(Y), where=spread > 0.0)


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
        ``"length scale"``, ``"refinement"`` of the best, ``"feature learning"``, ``"decision"`` or ``"tuning"``.
    """

    kernels: tuple[Kernel, ...]
    alpha: float
    error: float
    n_rows: int
    stage: str


class KernelValues:
    """Values of a kernel among rows. They are computed at the first call, once for each dtype.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(dtype)`` gives the values.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._kernel_learning.trials import KernelValues
    >>> values = KernelValues(np.eye(2).astype)
    >>> values(np.float32) is values(np.float32)
    True
    """

    def __init__(self, evaluate: Callable[[type[np.floating]], Floats]) -> None:
        self._evaluate = evaluate
        self._known: dict[type[np.floating], Floats] = {}

    def __call__(self, dtype: type[np.floating]) -> Floats:
        if dtype not in self._known:
            exact = self._known.get(np.float64)
            self._known[dtype] = self._evaluate(dtype) if exact is None else exact.astype(dtype)
        return self._known[dtype]


@dataclass(frozen=True, eq=False)
class SearchTask:
    """Rows of the search, and how kernels are judged on the first few of them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Inputs in an order without meaning.
    Y : ndarray of shape (n_samples, n_targets)
        Standardised targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alphas : sequence of float or None
        Penalties to choose from; None for any.
    unit : float
        Weight of a typical row.
    threads : int
        Threads over blocks of kernel matrices.
    done : callable
        Called after each kernel that was tried.
    """

    X: Array
    Y: Array
    sample_weight: Array
    alphas: Sequence[float] | None = None
    unit: float = 1.0
    threads: int = 1
    done: Step = ignore_step

    @classmethod
    def of(
        cls,
        X: Array,
        Y: Array,
        sample_weight: Array,
        alphas: Sequence[float] | None = None,
        threads: int = 1,
        done: Step = ignore_step,
        spread: Array | None = None,
    ) -> "SearchTask":
        """The task of rows whose targets have any mean and unit; `spread` as `spread_of` gives it, else of each."""
        spread = spread_of(Y, sample_weight) if spread is None else spread
        standard = standardised(Y, np.average(Y, axis=0, weights=sample_weight), spread)
        return cls(X, standard, sample_weight, alphas, float(sample_weight.mean()), threads, done)

    def leading(self, n_rows: int) -> "SearchTask":
        """The task of the first rows."""
        return self.at(slice(n_rows))

    def beside(self, n_others: int) -> "SearchTask":
        """The task with its share of the threads, where others are worked on at the same time."""
        return replace(self, threads=max(self.threads // (n_others + 1), 1))

    def at(self, rows: slice | Indices) -> "SearchTask":
        """The task of some rows."""
        return replace(self, X=self.X[rows], Y=self.Y[rows], sample_weight=self.sample_weight[rows])

    def validation(self, n_held: int) -> CrossValidation:
        """What judges kernels on the last rows of the task."""
        return CrossValidation(self.Y, self.sample_weight, n_held, self.alphas, self.unit, self.threads)

    def values(self, *kernels: Kernel) -> KernelValues:
        """The sum of kernels among all rows of the task."""
        return KernelValues(lambda dtype: symmetric_kernel_matrix(kernels, self.X, self.threads, dtype))

    def fit(self, kernels: tuple[Kernel, ...], score: Score, stage: str) -> Fit:
        """Note that kernels were tried."""
        self.done()
        return Fit(kernels, score.alpha, score.error, len(self.X), stage)
