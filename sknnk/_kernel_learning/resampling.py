"""Frequencies drawn again near those that a fit uses most, as long as rows that were left out gain by it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg.blas import get_blas_funcs

from .._compute import Array, Floats, Indices, one_blas_thread
from .._integration import Step, ignore_step
from .._ridge import solve_dual

MOST_ROUNDS = 10
# Rounds without a new least error after which the search ends, and the share of the error that it must gain at all.
_PATIENCE, _LEAST_GAIN = 3, 1e-2
# One row in so many judges.
_HELD_SHARE = 3
# Share of vectors drawn like the first ones, and of the others that take a coordinate over from such a draw.
_FRESH_SHARE, _MUTATED_SHARE = 0.25, 0.1
# Steps away from a parent, in units of a typical coordinate: log-uniform, as no single size is best for all tables.
_STEPS = (0.15, 1.65)
_ALPHA_FACTORS = (10.0**-0.5, 1.0, 10.0**0.5)
# Penalties of features of norm one from which on a matrix in float32 is as good, in half the time.
_HARMLESS_ALPHA = 3e-3


@dataclass(frozen=True, eq=False)
class Resampled:
    """The best round.

    Parameters
    ----------
    frequencies : ndarray of shape (n_features, n_frequencies)
        Frequency vectors, one a column.
    alpha : float
        The best penalty for them among those tried.
    errors : list of float
        Mean squared error of the held rows in each round, that of the first vectors first.
    """

    frequencies: Array
    alpha: float
    errors: list[float]


def resampled(
    frequencies: Array,
    draw: Callable[[int], Array],
    columns: Callable[[Array], Floats],
    Y: Array,
    sample_weight: Array,
    alpha: float,
    rng: np.random.Generator,
    n_linked: int = 0,
    done: Step = ignore_step,
) -> Resampled:
    """Draw frequency vectors again in proportion to their amplitudes, and keep the round of least held-out error.

    After each closed-form fit, vectors become parents in proportion to the length of their coefficients; children are a
    step away, on the coordinates that their parent uses. Some children take over one coordinate of a vector that is
    drawn anew, and a quarter of all vectors is.

    Parameters
    ----------
    frequencies : ndarray of shape (n_features, n_frequencies)
        First vectors, in any unit that all coordinates share.
    draw : callable
        ``draw(n)`` gives `n` more such vectors.
    columns : callable
        ``columns(frequencies)`` evaluates the network up to its output matrix, shape (n_samples, n_columns): linked
        columns, then the cosine and sine of each vector; the last sine may be missing.
    Y : ndarray of shape (n_samples, n_targets)
        Targets of unit variance. The last third of the rows judges.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    alpha : float
        Positive penalty to begin with.
    rng : numpy.random.Generator
        Source of randomness.
    n_linked : int, default=0
        Number of columns before those of the vectors.
    done : callable, optional
        Called after each round.

    Returns
    -------
    Resampled
        The vectors given, where no round gains a hundredth.

    References
    ----------
    Kammonen, Kiessling, Plechac, Sandberg and Szepessy, "Adaptive random Fourier features with Metropolis sampling",
    Foundations of Data Science 2020; resampling without Metropolis test: arXiv 2509.03151.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((600, 1))
    >>> features = lambda V: np.stack([np.cos(X @ V), np.sin(X @ V)], axis=2).reshape(600, -1) / V.shape[1] ** 0.5
    >>> plan = (lambda n: rng.standard_normal((1, n))), features, np.sin(4.0 * X), np.ones(600), 1e-2, rng
    >>> found = resampled(rng.standard_normal((1, 20)), *plan)
    >>> min(found.errors) < 0.1 * found.errors[0]
    True
    """
    vectors, errors = frequencies, []
    first = best = (np.inf, alpha, frequencies)
    # On one thread: another order of sums would draw other vectors.
    with one_blas_thread():
        for _ in range(MOST_ROUNDS + 1):
            error, alpha, coef = _fitted(columns(vectors), Y, sample_weight, alpha)
            errors.append(error)
            done()
            best = min(best, (error, alpha, vectors), key=lambda each: each[0])
            first = first if len(errors) > 1 else best
            if len(errors) - int(np.argmin(errors)) > _PATIENCE or not np.any(coef[n_linked:]):
                break
            vectors = _next_generation(vectors, _amplitudes(coef[n_linked:]), draw, rng)
    _, alpha, vectors = best if best[0] < (1.0 - _LEAST_GAIN) * first[0] else first
    return Resampled(vectors, alpha, errors)


def _fitted(phi: Floats, Y: Array, sample_weight: Array, alpha: float) -> tuple[float, float, Array]:
    """Held-out error, penalty and coefficients of the best penalty near the given one."""
    n_kept = len(Y) - len(Y) // _HELD_SHARE
    kept, held = slice(None, n_kept), slice(n_kept, None)
    single = min(_ALPHA_FACTORS) * alpha >= _HARMLESS_ALPHA * sample_weight.max()
    phi = np.ascontiguousarray(phi, dtype=np.float32 if single else np.float64)
    syrk: Any = get_blas_funcs("syrk", (phi,))
    K = syrk(1.0, phi[kept].T, trans=1, lower=1)
    found: list[tuple[float, float, Array]] = [(np.inf, alpha, np.zeros((phi.shape[1], Y.shape[1])))]
    for penalty in (factor * alpha for factor in _ALPHA_FACTORS):
        solution = solve_dual(K.copy(order="F"), Y[kept], sample_weight[kept], penalty)
        if solution is None:
            continue
        coef = (phi[kept].T @ solution.coef.astype(phi.dtype)).astype(np.float64)
        squares = (Y[held] - phi[held] @ coef - solution.intercept) ** 2
        found.append((float(np.mean(np.average(squares, axis=0, weights=sample_weight[held]))), penalty, coef))
    return min(found, key=lambda each: each[0])


def _amplitudes(coef: Array) -> Array:
    """Length of the coefficients of every vector, over cosine, sine and targets."""
    squares = np.sum(np.square(coef, dtype=np.float64), axis=1)
    squares = np.append(squares, np.zeros(len(squares) % 2))
    return np.asarray(np.sqrt(squares.reshape(-1, 2).sum(axis=1)))


def _next_generation(
    vectors: Array, amplitudes: Array, draw: Callable[[int], Array], rng: np.random.Generator
) -> Array:
    n_vectors = vectors.shape[1]
    n_fresh = int(_FRESH_SHARE * n_vectors)
    parents = vectors[:, _in_proportion(amplitudes, n_vectors - n_fresh, rng)]
    children = _mutated(_stepped(parents, rng), draw, rng)
    # In any order, so that the first vectors alone are a smaller network that is as good as any.
    return np.hstack([children, draw(n_fresh)])[:, rng.permutation(n_vectors)]


def _in_proportion(shares: Array, n: int, rng: np.random.Generator) -> Indices:
    """Indices that occur as often as their shares say, up to rounding."""
    reached = np.cumsum(shares / (shares.max() or 1.0))  # tiny shares have no digits of their own
    places = (np.arange(n) + rng.random()) / n * reached[-1]
    return np.minimum(np.searchsorted(reached, places), len(shares) - 1)


def _stepped(parents: Array, rng: np.random.Generator) -> Array:
    """Vectors a step away, on the coordinates that are not zero."""
    used = parents != 0.0
    if not used.any():
        return parents
    # Not the standard deviation, which heavy-tailed frequencies do not have.
    unit = np.median(np.abs(parents[used]))
    steps = unit * np.exp(rng.uniform(np.log(_STEPS[0]), np.log(_STEPS[1]), parents.shape[1]))
    return parents + used * steps * rng.standard_normal(parents.shape)


def _mutated(vectors: Array, draw: Callable[[int], Array], rng: np.random.Generator) -> Array:
    """Some vectors with one coordinate of another draw; where few coordinates are used, instead of one of these."""
    chosen = np.flatnonzero(rng.random(vectors.shape[1]) < _MUTATED_SHARE)
    for j, fresh in zip(chosen, draw(len(chosen)).T, strict=True):
        place, used = rng.choice(np.flatnonzero(fresh)), np.flatnonzero(vectors[:, j])
        if vectors[place, j] == 0.0 and used.size:
            vectors[rng.choice(used), j] = 0.0
        vectors[place, j] = fresh[place]
    return vectors
