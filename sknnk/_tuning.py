"""The "auto" choices: kernels and penalties compared by closed-form cross-validation on few rows and few features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._blocks import over_threads
from ._moments import Moments
from ._progress import Step, no_step
from ._ridge import RidgeSystem, decompose, decompose_rows, prediction_path

Array = NDArray[np.float64]

# No kernel wins everywhere: smooth rotation-free structure, heavy-tailed product kernels and low-order structure each
# have tables on which they are far ahead.
_FAMILIES = (
    ("gaussian", "orthogonal", "isotropic"),
    ("cauchy", "gaussian", "coordinatewise"),
    ("cauchy", "sparse", "coordinatewise"),
    ("gaussian", "sparse", "isotropic"),
)
# Penalties for features of norm one: in the Bayesian reading the ratio of noise to signal variance, which does not
# depend on the number of rows.
_ALPHAS = np.logspace(-7, 3, 21)
_N_FOLDS = 4
# Successive halving: every candidate on few rows, the best few again on more.
_ROUNDS = ((500, 256, None), (2000, 512, 6))
_MIN_DISTINCT_ROWS = 8


class Candidate(NamedTuple):
    """One kernel to try.

    Parameters
    ----------
    activation : str or callable
        The activation.
    directions, frequencies : str
        How directions are drawn, and the coupling of frequencies.
    length_scale : str, float or ndarray of shape (n_features,)
        Of the columns or, where there are any, along the axes.
    axes : ndarray of shape (n_features, n_features), optional
        Combinations of the columns along which an isotropic kernel compares rows.
    """

    activation: str | Callable
    directions: str
    frequencies: str
    length_scale: str | float | Array
    axes: Array | None = None

    @property
    def parameters(self) -> tuple[Any, str, str, Any]:
        """Activation, directions, frequencies and length scale of the columns, what axes do to them included."""
        length_scale: Any = self.length_scale
        if self.axes is not None:
            length_scale = length_scale / np.linalg.norm(self.axes, axis=1)
        return self.activation, self.directions, self.frequencies, length_scale


@dataclass(frozen=True, eq=False)
class Choice:
    """What the search found.

    Parameters
    ----------
    candidate : Candidate
        The kernel of least cross-validated error.
    alpha : ndarray of shape (n_targets,) or None
        Its best penalty for each target; None when there were too few rows to tell.
    history : list of tuple
        Every ``(candidate, n_samples, n_components, error)`` in the order tried; errors are relative to the variance
        of the targets.
    """

    candidate: Candidate
    alpha: Array | None
    history: list[tuple[Candidate, int, int, float]]


def candidates(
    activation: str | Callable,
    directions: str,
    frequencies: str,
    length_scales: Callable[[str | Callable, str, str], Sequence[float | Array]],
) -> list[Candidate]:
    """Every kernel that agrees with what the user fixed.

    Parameters
    ----------
    activation, directions, frequencies : str or callable
        Fixed values, or ``"auto"``.
    length_scales : callable
        Gives the length scales to try for an activation, directions and frequencies.

    Returns
    -------
    list of Candidate
        Without repetitions, the default kernel first.
    """
    fixed = (activation, directions, frequencies)
    families: list[Any] = [
        tuple(
            own if isinstance(value, str) and value == "auto" else value
            for value, own in zip(fixed, family, strict=True)
        )
        for family in _FAMILIES
    ]
    distinct: list[tuple[Any, str, str]] = [family for i, family in enumerate(families) if family not in families[:i]]
    return [Candidate(*family, scale) for family in distinct for scale in length_scales(*family)]


def distinct_rows(X: Any, Y: Array, sample_weight: Array) -> tuple[Any, Array, Array, NDArray[np.intp]]:
    """Merge repeated rows into weights and sort them.

    What is chosen from the result cannot depend on the order of the rows, nor on whether a row was repeated or given an
    integer weight, and copies of an input row share a group, so that they never sit on both sides of a fold. Rows are
    sorted by their columns in an order of what these say of the targets: that of the table does not matter.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features)
        Inputs.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Weights.

    Returns
    -------
    X, Y, sample_weight : ndarray
        The distinct rows, sorted.
    groups : ndarray of shape (n_distinct,)
        Equal for rows with equal inputs.
    """
    _, first, _ = _sorted_rows(X, Y)
    columns = _column_order(X[first], Y[first])
    rows, first, position = _sorted_rows(X[:, columns], Y)
    weights = np.asarray(np.bincount(position.ravel(), weights=sample_weight), dtype=np.float64)
    return X[first], rows[:, 1:], weights, rows[:, 0].astype(np.intp)


def _sorted_rows(X: Any, Y: Array) -> tuple[Array, NDArray[np.intp], NDArray[np.intp]]:
    """Ranks of inputs beside targets, the distinct ones in order, with where they are first and which each row is."""
    ranks = _sparse_row_ranks(X) if sparse.issparse(X) else np.unique(X, axis=0, return_inverse=True)[1]
    return np.unique(np.column_stack([ranks, Y]), axis=0, return_index=True, return_inverse=True)


def _column_order(X: Any, Y: Array) -> NDArray[np.intp]:
    """Columns by their products with the targets, in their own units."""
    # Centred, two classes are the same whether they have a column each or one together.
    targets = (Y - Y.mean(axis=0)) @ np.arange(1.0, Y.shape[1] + 1.0)
    with np.errstate(all="ignore"):  # of columns of zeros, or beyond all bounds: they come last
        shares = np.ravel(X.T @ targets) / np.ravel(abs(X).sum(axis=0)) / np.max(np.abs(targets))
    # Of ties, which rounding would tell apart by the order of the rows, the first column comes first.
    return np.argsort(np.round(shares, 9), kind="stable")


def _sparse_row_ranks(X: Any) -> NDArray[np.intp]:
    """Ranks among the distinct rows of the dense array: a choice must not depend on how zeros are stored."""
    X = sparse.csr_array(X, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    sign = np.sign(X.data)
    # Where two rows first differ, an entry decides against the zeros of the other row: the earlier, the more extreme.
    fields = (X.data, -sign * X.indices, sign)
    order = np.lexsort(fields)
    is_new = np.any([np.diff(field[order], prepend=field[order][:1]) != 0.0 for field in fields], axis=0)
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.cumsum(is_new)
    end_of_row = np.max(rank[sign < 0.0], initial=-1) + 1
    words = np.insert(rank + (sign > 0.0), X.indptr[1:], end_of_row).astype(">i8").tobytes()
    ends = 8 * (X.indptr[1:] + np.arange(1, X.shape[0] + 1))
    keys = np.empty(X.shape[0], dtype=object)
    keys[:] = [words[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return np.unique(keys, return_inverse=True)[1]


def search(
    options: Sequence[Candidate],
    features: Callable[[Candidate, Any, int], NDArray[np.floating]],
    X: Array,
    Y: Array,
    sample_weight: Array,
    groups: NDArray[np.intp],
    rng: np.random.Generator,
    threads: int = 1,
    done: Step = no_step,
) -> Choice:
    """Find the kernel and penalty of least cross-validated squared error by successive halving.

    Parameters
    ----------
    options : sequence of Candidate
        What to compare, the default first.
    features : callable
        ``features(candidate, rows, n_components)`` gives the scaled features of rows.
    X, Y, sample_weight, groups : ndarray
        A sample of the training rows, as :func:`distinct_rows` gives it.
    rng : numpy.random.Generator
        Draws the order of rows and the folds.
    threads : int, default=1
        Threads over which kernels are spread; the result does not depend on it.
    done : callable, optional
        Called after each comparison, from any thread.

    Returns
    -------
    Choice
        The winner; the default without a penalty when there are fewer than eight distinct input rows.
    """
    n_groups = int(groups[-1]) + 1 if groups.size else 0
    history: list[tuple[Candidate, int, int, float]] = []
    if n_groups < _MIN_DISTINCT_ROWS:
        return Choice(options[0], None, history)
    rank = rng.permutation(n_groups)[groups]
    best, alpha = list(options), None

    def scored(option: Candidate, rows: NDArray[np.bool_], n_components: int) -> Array:
        phi = features(option, X[rows], n_components)
        errors = cross_validated_errors(phi, Y[rows], sample_weight[rows], rank[rows] % _N_FOLDS, _ALPHAS)
        done()
        return errors

    for n_samples, n_components, keep in _rounds(n_groups, len(options)):
        rows = rank < n_samples
        curves = over_threads(scored, [(option, rows, n_components) for option in best[:keep]], threads)
        errors = [float(np.mean(np.min(curve, axis=0))) for curve in curves]
        history += [(o, int(rows.sum()), n_components, e) for o, e in zip(best, errors, strict=False)]
        order = np.argsort(errors, kind="stable")
        best, alpha = [best[i] for i in order], _ALPHAS[np.argmin(curves[order[0]], axis=0)]
    return Choice(best[0], alpha, history)


def n_comparisons(n_options: int) -> int:
    """Comparisons that :func:`search` makes at most.

    Parameters
    ----------
    n_options : int
        Kernels to compare.

    Returns
    -------
    int
        Those of all rounds.

    Examples
    --------
    >>> n_comparisons(20)
    26
    """
    return sum(n_options if keep is None else min(keep, n_options) for _, _, keep in _ROUNDS)


def _rounds(n_groups: int, n_options: int) -> tuple[tuple[int, int, int | None], ...]:
    if n_groups <= _ROUNDS[0][0]:
        return _ROUNDS[:1]
    return _ROUNDS if n_options > 1 else _ROUNDS[-1:]


def cross_validated_errors(
    features: NDArray[np.floating], Y: Array, sample_weight: Array, folds: NDArray[np.intp], alphas: Array
) -> Array:
    """Held-out squared errors of ridge regression for every penalty, relative to the variance of the targets.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_columns)
        Feature rows.
    Y : ndarray of shape (n_samples, n_targets)
        Targets.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    folds : ndarray of shape (n_samples,)
        Fold of each row.
    alphas : ndarray of shape (n_alphas,)
        Penalties.

    Returns
    -------
    ndarray of shape (n_alphas, n_targets)
        Weighted mean squared errors divided by the weighted variance; targets without variance count zero.
    """
    total = np.zeros((alphas.size, Y.shape[1]))
    for fold in np.unique(folds):
        held, kept = folds == fold, folds != fold
        system = _decompose(features[kept], Y[kept], sample_weight[kept])
        residual = Y[held] - prediction_path(system, features[held], alphas)
        total += np.einsum("i,aik->ak", sample_weight[held], residual**2)
    centred = Y - np.average(Y, axis=0, weights=sample_weight)
    spread = sample_weight @ centred**2
    return np.divide(total, spread, out=np.zeros_like(total), where=spread > 0.0)


def _decompose(features: NDArray[np.floating], Y: Array, sample_weight: Array) -> RidgeSystem:
    if features.shape[1] > len(features):
        return decompose_rows(features, Y, sample_weight)
    return decompose(Moments.from_block(features, Y, sample_weight))
