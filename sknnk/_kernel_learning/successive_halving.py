"""The "auto" choices: kernels and penalties compared by closed-form cross-validation on few rows and few features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._compute import Array, Floats, Indices, over_threads
from .._features import Candidate
from .._integration import Step, ignore_step
from .._ridge import Moments, RidgeSystem, decompose, decompose_rows, prediction_path

# Activation, directions and frequencies to try. No kernel is best everywhere: each is far ahead on some tables.
_FAMILIES = (
    ("gaussian", "orthogonal", "isotropic"),  # smooth along any direction
    ("cauchy", "gaussian", "coordinatewise"),  # heavy tails along the columns
    ("cauchy", "sparse", "coordinatewise"),  # the same for one to three columns at a time
    ("gaussian", "sparse", "isotropic"),  # smooth in one to three columns at a time
)
# Penalties to try, for features of norm one. In the Bayesian reading a penalty is the ratio of the variances of noise
# and signal, which does not depend on the number of rows.
_ALPHAS = np.logspace(-7, 3, 21)
# Parts of the rows, each of which is left out once.
_N_FOLDS = 4
# Rows, features and candidates of each round: first all candidates on few rows, then the best six on more.
_ROUNDS = ((500, 256, None), (2000, 512, 6))
# Fewer distinct rows are too few to compare kernels on.
_MIN_DISTINCT_ROWS = 8


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
    input_transform : {"quantile", "robust", "standard", None}
        Transform of the inputs that it is for, where this was chosen, too.
    """

    candidate: Candidate
    alpha: Array | None
    history: list[tuple[Candidate, int, int, float]]
    input_transform: str | None = None


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


def halving_search(
    options: Sequence[Candidate],
    features: Callable[[Candidate, Any, int], Floats],
    X: Array,
    Y: Array,
    sample_weight: Array,
    groups: Indices,
    rng: np.random.Generator,
    threads: int = 1,
    done: Step = ignore_step,
    shares: Array | None = None,
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
    shares : ndarray of shape (n_targets,), optional
        Non-negative weights of the targets' relative errors; None for equal ones.

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
        errors = [float(np.average(np.min(curve, axis=0), weights=shares)) for curve in curves]
        history += [(o, int(rows.sum()), n_components, e) for o, e in zip(best, errors, strict=False)]
        order = np.argsort(errors, kind="stable")
        best, alpha = [best[i] for i in order], _ALPHAS[np.argmin(curves[order[0]], axis=0)]
    return Choice(best[0], alpha, history)


def n_comparisons(n_options: int) -> int:
    """Comparisons that :func:`halving_search` makes at most.

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


def cross_validated_errors(features: Floats, Y: Array, sample_weight: Array, folds: Indices, alphas: Array) -> Array:
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


def _decompose(features: Floats, Y: Array, sample_weight: Array) -> RidgeSystem:
    if features.shape[1] > len(features):
        return decompose_rows(features, Y, sample_weight)
    return decompose(Moments.from_block(features, Y, sample_weight))
