"""Ridge regression with many features: preconditioned conjugate gradients on an operator that is never formed."""

from collections.abc import Callable

import numpy as np

from ..._compute import Array
from ..._integration import Step, ignore_step
from .eigen import RidgeSystem


def conjugate_gradients(
    product: Callable[[Array], Array],
    right_side: Array,
    alpha: Array,
    improved: Callable[[Array], Array],
    tol: float,
    max_iter: int,
    done: Step = ignore_step,
) -> tuple[Array, int, float]:
    """Solve ``(G + alpha I) B = C`` for all targets at once, each with its own penalty.

    Parameters
    ----------
    product : callable
        ``product(V)`` is ``G V`` for ``V`` of shape (n_columns, n_targets).
    right_side : ndarray of shape (n_columns, n_targets)
        ``C``.
    alpha : ndarray of shape (n_targets,)
        Positive penalties.
    improved : callable
        ``improved(V)`` applies a preconditioner: about ``(G + alpha I)^-1 V`` up to a factor for each target, a
        symmetric and positive definite map.
    tol : float
        Stop when the residual of every target is below `tol` times its right side.
    max_iter : int
        Largest number of products.
    done : callable, optional
        Called after each product.

    Returns
    -------
    solution : ndarray of shape (n_columns, n_targets)
        ``B``.
    n_iter : int
        Number of products.
    residual : float
        Largest relative residual reached.

    References
    ----------
    Frangella, Tropp and Udell, "Randomized Nystrom preconditioning", SIAM J. Matrix Anal. Appl. 2023, section 5;
    Rudi, Carratino and Rosasco, "FALKON", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> F = np.random.default_rng(0).normal(size=(50, 8))
    >>> F -= F.mean(axis=0)
    >>> B, n_iter, _ = conjugate_gradients(
    ...     lambda V: F.T @ (F @ V), np.ones((8, 1)), np.ones(1), lambda V: V / 50.0, tol=1e-10, max_iter=50
    ... )
    >>> bool(np.allclose((F.T @ F + np.eye(8)) @ B, 1.0))
    True
    """
    solution, residual = np.zeros_like(right_side), right_side.copy()
    target = tol * np.linalg.norm(right_side, axis=0)
    direction = improved(residual)
    energy = _dot(residual, direction)
    for n_iter in range(max_iter + 1):
        size = np.linalg.norm(residual, axis=0)
        if n_iter == max_iter or np.all(size <= target):
            break
        image = product(direction) + alpha * direction
        step = _ratio(energy, _dot(direction, image))
        solution += step * direction
        residual -= step * image
        gradient = improved(residual)
        previous, energy = energy, _dot(residual, gradient)
        direction = gradient + _ratio(energy, previous) * direction
        done()
    relative = np.divide(size * tol, target, out=np.zeros_like(size), where=target > 0.0)
    return solution, n_iter, float(np.max(relative, initial=0.0))


def preconditioned(sketch: RidgeSystem, vectors: Array, alpha: Array) -> Array:
    """Apply the inverse of the sketch plus penalty, up to a factor.

    Outside the span of the sketch, all eigenvalues are taken to be its smallest one.

    Parameters
    ----------
    sketch : RidgeSystem
        Eigenpairs of the approximation.
    vectors : ndarray of shape (n_columns, n_targets)
        What to apply it to.
    alpha : ndarray of shape (n_targets,)
        Positive penalties.

    Returns
    -------
    ndarray of shape (n_columns, n_targets)
        ``(l + alpha) U (L + alpha)^-1 U' V + (I - U U') V`` for the smallest eigenvalue ``l``.
    """
    if not sketch.rank:
        return vectors.copy()
    basis, eigenvalues = sketch.basis[:, : sketch.rank], sketch.eigenvalues[: sketch.rank, None]
    shrink = (eigenvalues[-1] + alpha) / (eigenvalues + alpha)
    return np.asarray(vectors + basis @ ((shrink - 1.0) * (basis.T @ vectors)))


def _dot(left: Array, right: Array) -> Array:
    return np.einsum("ij,ij->j", left, right)


def _ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient, zero where a target has converged exactly."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0.0)
