"""Ridge paths of training sets that lack few of the rows, from one factorisation of all rows."""

from collections.abc import Sequence

import numpy as np
from scipy.linalg.blas import dgemm

from ..._compute import Array
from ..moments import Moments
from ..rounding import alpha_floor
from ..solvers import RidgeSystem, coefficients, conjugate_gradients, shifted_solutions

# Relative errors that squared errors may have, and the least one of predictions that is worth asking for.
_ERROR_OF_SQUARES, _LEAST_TOLERANCE = 5e-7, 1e-8
# A factorisation takes longer than this many iterations for ten penalties.
_MAX_ITER = 60
# Side of the tiles that are transposed at a time, which stay in a core's cache.
_TILE = 64


def coefficient_path(system: RidgeSystem, alphas: Array) -> tuple[Array, Array]:
    """Solve for every penalty.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    alphas : ndarray of shape (n_alphas,)
        Penalties.

    Returns
    -------
    coef : ndarray of shape (n_columns, n_alphas, n_targets)
        Coefficients.
    intercept : ndarray of shape (n_alphas, n_targets)
        Intercepts.
    """
    solutions = [coefficients(system, alpha) for alpha in alphas]
    return np.stack([coef for coef, _ in solutions], axis=1), np.stack([intercept for _, intercept in solutions])


def tridiagonal_path(moments: Moments, alphas: Array, precision: float) -> tuple[Array, Array] | None:
    """Solve for every penalty without eigenvectors.

    Parameters
    ----------
    moments : Moments
        Of the training set.
    alphas : ndarray of shape (n_alphas,)
        Penalties.
    precision : float
        Relative precision of the feature values.

    Returns
    -------
    (coef, intercept), or None
        As :func:`coefficient_path`; None where a penalty is too small to hide the rounding of the Gram matrix.
    """
    if alphas.min() < alpha_floor(np.array([np.trace(moments.gram)]), len(moments.mean), precision):
        return None
    # The upper triangle is what moments hold, and the lower one what is read.
    coef = shifted_solutions(np.asfortranarray(moments.gram.T), moments.cross, alphas)
    return None if coef is None else (coef, moments.target_mean - np.einsum("dat,d->at", coef, moments.mean))


def paths_without(
    whole: RidgeSystem,
    column_scale: Array,
    rests: Sequence[Moments],
    penalty_factors: Sequence[Array],
    alphas: Array,
) -> list[tuple[Array, Array]] | None:
    """Solve for every penalty on all rows but some, for several choices of the rows to leave out.

    In the eigenbasis of all rows the Gram matrix of most of them is nearly their share of the eigenvalues, so conjugate
    gradients preconditioned by that need about a dozen products. All penalties share these, and all training sets share
    the change of basis: what takes time is to read the matrices.

    Parameters
    ----------
    whole : RidgeSystem
        The problem on all rows, for scaled columns.
    column_scale : ndarray of shape (n_columns,)
        The factors between the columns of `rests` and those of `whole`.
    rests : sequence of Moments
        The rows to leave out of each training set. The unused triangles of their Gram matrices are filled in.
    penalty_factors : sequence of ndarray of shape (n_columns,)
        Factor of the penalty, column by column, in each training set.
    alphas : ndarray of shape (n_alphas,)
        Positive penalties.

    Returns
    -------
    list of (coef, intercept), or None
        As :func:`coefficient_path`, for each training set and scaled columns; None where iterating takes longer than
        factorisations.
    """
    basis = whole.basis
    sets = [_TrainingSet(whole, column_scale, *each, alphas) for each in zip(rests, penalty_factors, strict=True)]
    own = [slice(i * sets[0].penalties.size, (i + 1) * sets[0].penalties.size) for i in range(len(sets))]
    root = np.asfortranarray(np.hstack([each.root for each in sets]))
    diagonal = np.asfortranarray(np.hstack([whole.eigenvalues[:, None] + each.penalties for each in sets]))

    def product(vectors: Array) -> Array:
        # All products by SciPy's BLAS: the idle threads of another one, NumPy's, would wait for work in a loop.
        inside = root * vectors
        rows = dgemm(1.0, basis, inside)
        more = np.empty_like(rows)
        for each, columns in zip(sets, own, strict=True):
            more[:, columns] = each.correction(rows[:, columns])
        return np.asarray(root * (diagonal * inside + dgemm(1.0, basis, more, trans_a=True)))

    right_side = root * np.hstack([each.cross for each in sets])
    for rest in rests:
        _mirror(rest.gram)
    # The preconditioner is in the product, so that the iteration measures errors in the norm of the predictions.
    no_alpha = np.zeros(right_side.shape[1])
    tolerance = _tolerance(whole)
    solution, _, residual = conjugate_gradients(product, right_side, no_alpha, np.copy, tolerance, _MAX_ITER)
    if not residual <= tolerance:
        return None
    coef = dgemm(1.0, basis, root * solution)
    return [each.finished(coef[:, columns], alphas.size) for each, columns in zip(sets, own, strict=True)]


def _tolerance(whole: RidgeSystem) -> float:
    """Relative error of the predictions, in their own norm, that leaves squared errors as precise as they need be.

    An error ``e`` of predictions of length ``p`` changes the square of a residual of length ``r`` by ``2 e p r``, that
    is by ``2 e p / r`` of itself; no penalty leaves a smaller ``r`` than the part outside the range of the features.
    """
    inside = np.sum(whole.projections**2, axis=0)
    share = np.divide(whole.outside, inside, out=np.ones_like(inside), where=inside > 0.0)
    return float(max(_LEAST_TOLERANCE, 0.5 * _ERROR_OF_SQUARES * min(1.0, np.sqrt(np.min(share)))))


def _mirror(gram: Array) -> None:
    """Copy the upper triangle to the lower one: a few columns are multiplied by a full matrix twice as fast."""
    for start in range(0, len(gram), _TILE):
        stop = start + _TILE
        tile = np.triu(gram[start:stop, start:stop])
        gram[start:stop, start:stop] = tile + np.triu(tile, 1).T
        # Square tiles stay in the cache while they are turned.
        for across in range(stop, len(gram), _TILE):
            gram[across : across + _TILE, start:stop] = gram[start:stop, across : across + _TILE].T


class _TrainingSet:
    """All rows but some, in the eigenbasis of all rows, with a column for each penalty and target."""

    def __init__(self, whole: RidgeSystem, column_scale: Array, rest: Moments, penalty_factor: Array, alphas: Array):
        self._scale, self._rest = column_scale, rest
        # As in the difference of two Moments.
        weight = whole.weight - rest.weight
        self._pull = -whole.weight * rest.weight / weight
        self._shift, target_shift = column_scale * rest.mean - whole.mean, rest.target_mean - whole.target_mean
        self._mean = whole.mean - rest.weight / weight * self._shift
        self._target_mean = whole.target_mean - rest.weight / weight * target_shift
        cross = self._pull * np.outer(self._shift, target_shift) - column_scale[:, None] * rest.cross
        self.penalties = np.repeat(alphas, target_shift.size)
        self._more_penalty = np.outer(penalty_factor - 1.0, self.penalties)
        self.cross = np.tile(whole.cross + dgemm(1.0, whole.basis, cross, trans_a=True), alphas.size)
        self.root = (weight / whole.weight * whole.eigenvalues[:, None] + self.penalties) ** -0.5

    def correction(self, vectors: Array) -> Array:
        """What Gram matrix and penalty of the training set have beyond those of all rows, times vectors."""
        image = dgemm(-1.0, self._rest.gram, np.asfortranarray(self._scale[:, None] * vectors))
        image = self._scale[:, None] * image + self._more_penalty * vectors
        return np.asarray(image + (self._pull * self._shift)[:, None] * np.einsum("d,dk->k", self._shift, vectors))

    def finished(self, coef: Array, n_alphas: int) -> tuple[Array, Array]:
        """Coefficients by penalty and target, and intercepts."""
        coef = coef.reshape(len(coef), n_alphas, -1)
        return coef, self._target_mean - np.einsum("dat,d->at", coef, self._mean)
