"""Ridge paths of many training sets that each lack few of the rows: one factorisation serves all of them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsymm

from ._iterative import conjugate_gradients
from ._moments import Moments
from ._ridge import RidgeSystem, coefficients

Array = NDArray[np.float64]

# Relative error in the norm of the predictions; that of a score is about the same.
_TOLERANCE = 1e-8
# Five direct factorisations take longer than this many iterations for ten penalties.
_MAX_ITER = 60


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


def paths_without(
    whole: RidgeSystem,
    column_scale: Array,
    rests: Sequence[Moments],
    penalty_factors: Sequence[Array],
    alphas: Array,
) -> list[tuple[Array, Array]] | None:
    """Solve for every penalty on all rows but some, for several choices of the rows left out.

    In the eigenbasis of all rows the Gram matrix of most of them is nearly their share of the eigenvalues, so conjugate
    gradients preconditioned by that need a dozen steps, in each of which all training sets share two matrix products.

    Parameters
    ----------
    whole : RidgeSystem
        The problem on all rows, for scaled columns.
    column_scale : ndarray of shape (n_columns,)
        The factors between the columns of `rests` and those of `whole`.
    rests : sequence of Moments
        The rows left out of each training set.
    penalty_factors : sequence of ndarray of shape (n_columns,)
        Factors of the penalty, column by column, in each training set.
    alphas : ndarray of shape (n_alphas,)
        Positive penalties.

    Returns
    -------
    list of (coef, intercept), or None
        As :func:`coefficient_path`, one for each training set, for scaled columns; None where iterating does not
        converge fast enough to be worth while.
    """
    sets = [_TrainingSet(whole, column_scale, *each, alphas) for each in zip(rests, penalty_factors, strict=True)]
    columns = np.cumsum([0, *(each.n_columns for each in sets)])
    slices = [slice(start, stop) for start, stop in pairwise(columns)]
    root = np.hstack([each.root for each in sets])
    diagonal = np.hstack([each.diagonal for each in sets])

    def product(vectors: Array) -> Array:
        inside = root * vectors
        rows = whole.basis @ inside
        rows = np.hstack([each.correction(rows[:, columns]) for each, columns in zip(sets, slices, strict=True)])
        return root * (diagonal * inside + whole.basis.T @ rows)

    right_side = root * np.hstack([each.cross for each in sets])
    no_sketch = replace(whole, rank=0)
    solution, _, residual = conjugate_gradients(
        product, right_side, np.zeros(right_side.shape[1]), no_sketch, _TOLERANCE, _MAX_ITER
    )
    if not residual <= _TOLERANCE:
        return None
    coef = whole.basis @ (root * solution)
    return [each.finished(coef[:, columns]) for each, columns in zip(sets, slices, strict=True)]


class _TrainingSet:
    """All rows but some, in the eigenbasis of all rows; a column for every penalty and target."""

    def __init__(
        self, whole: RidgeSystem, column_scale: Array, rest: Moments, penalty_factor: Array, alphas: Array
    ) -> None:
        n_targets = whole.target_mean.size
        self._scale, self._rest = column_scale, rest
        weight = whole.weight - rest.weight
        # As in the difference of two Moments.
        self._pull = -whole.weight * rest.weight / weight
        self._shift = column_scale * rest.mean - whole.mean
        target_shift = rest.target_mean - whole.target_mean
        self._mean = whole.mean - rest.weight / weight * self._shift
        self._target_mean = whole.target_mean - rest.weight / weight * target_shift
        cross = self._pull * np.outer(self._shift, target_shift) - column_scale[:, None] * rest.cross
        penalties = np.repeat(alphas, n_targets)
        self._more_penalty = np.outer(penalty_factor - 1.0, penalties)
        self._shape = (-1, alphas.size, n_targets)
        self.n_columns = penalties.size
        self.cross = np.tile(whole.cross + whole.basis.T @ cross, alphas.size)
        self.diagonal = whole.eigenvalues[:, None] + penalties
        self.root = (weight / whole.weight * whole.eigenvalues[:, None] + penalties) ** -0.5

    def correction(self, vectors: Array) -> Array:
        """What the Gram matrix and penalty of the training set have beyond those of all rows, times vectors."""
        scaled = np.asfortranarray(self._scale[:, None] * vectors)
        image = self._scale[:, None] * dsymm(-1.0, self._rest.gram, scaled)
        return image + np.outer(self._pull * self._shift, self._shift @ vectors) + self._more_penalty * vectors

    def finished(self, coef: Array) -> tuple[Array, Array]:
        """Coefficients by penalty, and intercepts."""
        coef = coef.reshape(self._shape)
        return coef, self._target_mean - np.einsum("dat,d->at", coef, self._mean)
