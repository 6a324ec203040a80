"""Ridge paths of training sets that lack few of the rows, from one factorisation of all rows."""

from collections.abc import Sequence

import numpy as np
from scipy.linalg.blas import dgemm

from ..._compute import Array
from ..moments import Moments
from ..rounding import alpha_floor
from ..solvers import RidgeSystem, coefficients, conjugate_gradients, shifted_solutions

# Largest relative error of squared errors.
_ERROR_OF_SQUARES = 5e-7
# Smallest relative error of predictions that the iteration is asked for.
_LEAST_TOLERANCE = 1e-8
# Largest number of iterations. For ten penalties they take less time than a factorisation.
_MAX_ITER = 60
# Number of rows and of columns of a tile that is transposed at a time. It stays in a core's cache.
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
    # Moments hold the upper triangle, and the lower one is read: hence the transpose.
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

    A training set holds most of the rows. So its Gram matrix is nearly diagonal in the eigenbasis of all rows: it is
    about the eigenvalues times the share of the rows. With this preconditioner, conjugate gradients need about a dozen
    products. Reading the matrices takes most of the time. Therefore all penalties share the products, and all training
    sets share the change of basis.

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
        As :func:`coefficient_path`, for each training set and scaled columns; None if iterations take longer than
        factorisations.
    """
    basis = whole.basis
    sets = [_TrainingSet(whole, column_scale, *each, alphas) for each in zip(rests, penalty_factors, strict=True)]
    own = [slice(i * sets[0].penalties.size, (i + 1) * sets[0].penalties.size) for i in range(len(sets))]
    root = np.asfortranarray(np.hstack([each.root for each in sets]))
    diagonal = np.asfortranarray(np.hstack([whole.eigenvalues[:, None] + each.penalties for each in sets]))

    def product(vectors: Array) -> Array:
        # All products use SciPy's BLAS. NumPy has another BLAS, whose idle threads would compete for the cores.
        inside = root * vectors
        rows = dgemm(1.0, basis, inside)
        more = np.empty_like(rows)
        for each, columns in zip(sets, own, strict=True):
            more[:, columns] = each.correction(rows[:, columns])
        return np.asarray(root * (diagonal * inside + dgemm(1.0, basis, more, trans_a=True)))

    right_side = root * np.hstack([each.cross for each in sets])
    for rest in rests:
        _mirror(rest.gram)
    # The product includes the preconditioner, so the iteration measures errors in the norm of the predictions.
    no_alpha = np.zeros(right_side.shape[1])
    tolerance = _tolerance(whole)
    solution, _, residual = conjugate_gradients(product, right_side, no_alpha, np.copy, tolerance, _MAX_ITER)
    if not residual <= tolerance:
        return None
    coef = dgemm(1.0, basis, root * solution)
    return [each.finished(coef[:, columns], alphas.size) for each, columns in zip(sets, own, strict=True)]


def _tolerance(whole: RidgeSystem) -> float:
    """Relative error of the predictions at which squared errors are precise enough.

    If predictions of length ``p`` have the relative error ``e``, the square of a residual of length ``r`` changes by
    ``2 e p r``. The relative change is ``2 e p / r``. No penalty leaves a smaller ``r`` than the part outside the range
    of the features.
    """
    inside = np.sum(whole.projections**2, axis=0)
    share = np.divide(whole.outside, inside, out=np.ones_like(inside), where=inside > 0.0)
    return float(max(_LEAST_TOLERANCE, 0.5 * _ERROR_OF_SQUARES * min(1.0, np.sqrt(np.min(share)))))


def _mirror(gram: Array) -> None:
    """Copy the upper triangle to the lower one: products of a full matrix with few columns are twice as fast."""
    for start in range(0, len(gram), _TILE):
        stop = start + _TILE
        tile = np.triu(gram[start:stop, start:stop])
        gram[start:stop, start:stop] = tile + np.triu(tile, 1).T
        # Square tiles stay in the cache while they are transposed.
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
        """Vectors times the difference in Gram matrix and penalty between the training set and all rows."""
        image = dgemm(-1.0, self._rest.gram, np.asfortranarray(self._scale[:, None] * vectors))
        image = self._scale[:, None] * image + self._more_penalty * vectors
        return np.asarray(image + (self._pull * self._shift)[:, None] * np.einsum("d,dk->k", self._shift, vectors))

    def finished(self, coef: Array, n_alphas: int) -> tuple[Array, Array]:
        """Coefficients by penalty and target, and intercepts."""
        coef = coef.reshape(len(coef), n_alphas, -1)
        return coef, self._target_mean - np.einsum("dat,d->at", coef, self._mean)
