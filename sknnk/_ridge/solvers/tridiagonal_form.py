"""Many penalties of one symmetric matrix without its eigenvectors."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dormqr, dptsv, dsterf, dsytrd

from ..._compute import Array

# Number of columns that LAPACK reduces at a time.
_PANEL = 32
# Binary exponent from which on a matrix is scaled here. LAPACK itself scales from -406 and from 509 on.
_EXTREME = 400


@dataclass(frozen=True, eq=False)
class Tridiagonal:
    """A symmetric matrix as ``Q T Q'``, with an orthogonal ``Q`` and a tridiagonal ``T``.

    It takes a third of the time of eigenvectors, and is as useful: ``(Q T Q' + s I)^-1`` is ``Q (T + s I)^-1 Q'``.

    Parameters
    ----------
    diagonal : ndarray of shape (n,)
        Of ``T``.
    beside : ndarray of shape (n - 1,)
        Next to the diagonal of ``T``.
    reflectors : ndarray of shape (n - 1, n - 1)
        What makes up ``Q``, as LAPACK keeps it. The first coordinate stays as it is: the transform is that of a QR
        factorisation of the others.
    factors : ndarray of shape (n - 1,)
        Their factors.

    References
    ----------
    Golub and Van Loan, "Matrix computations", 4th edition, section 8.3.1; for ridge regression, Eldén, "Algorithms for
    the regularization of ill-conditioned least squares problems", BIT 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.solvers.tridiagonal_form import Tridiagonal
    >>> form = Tridiagonal.of(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> form.eigenvalues().round(6), form.solve(np.array([[1.0], [1.0]]), 1.0).round(6).ravel()
    (array([1., 3.]), array([0.25, 0.25]))
    """

    diagonal: Array
    beside: Array
    reflectors: Array
    factors: Array

    @classmethod
    def of(cls, matrix: Array) -> "Tridiagonal":
        """Bring a matrix to this form.

        Parameters
        ----------
        matrix : ndarray of shape (n, n)
            Symmetric, of which the lower triangle is read; overwritten where it is in Fortran order.

        Returns
        -------
        Tridiagonal
            The form.
        """
        n = len(matrix)
        if n == 1:
            return cls(matrix[0].astype(np.float64), np.empty(0), np.empty((0, 0)), np.empty(0))
        reduced, diagonal, beside, factors, _ = dsytrd(matrix, lower=1, lwork=_PANEL * n, overwrite_a=1)
        return cls(diagonal, beside, np.asfortranarray(reduced[1:, :-1]), factors)

    def eigenvalues(self) -> Array:
        """Eigenvalues of the matrix.

        Returns
        -------
        ndarray of shape (n,)
            Increasing.
        """
        if self.diagonal.size == 1:
            return self.diagonal
        exponent = math.frexp(max(np.abs(self.diagonal).max(), np.abs(self.beside).max()))[1]
        # LAPACK would divide a matrix of extreme norm by a number that causes rounding. A power of two causes none,
        # so a change of units changes no digit.
        unit = 2.0**exponent if abs(exponent) > _EXTREME else 1.0
        eigenvalues: Array = dsterf(self.diagonal / unit, self.beside / unit)[0] * unit
        return eigenvalues

    def rotated(self, vectors: Array, back: bool = False) -> Array:
        """``Q'`` times vectors, or ``Q`` times them.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_vectors)
            The vectors.
        back : bool, default=False
            Whether to multiply by ``Q``, from the basis of ``T`` to that of the matrix.

        Returns
        -------
        ndarray of shape (n, n_vectors)
            The products.
        """
        if self.diagonal.size == 1:
            return vectors
        space, transpose = _PANEL * (vectors.shape[1] + _PANEL), "N" if back else "T"
        lower, _, _ = dormqr("L", transpose, self.reflectors, self.factors, vectors[1:], lwork=space)
        return np.vstack([vectors[:1], lower])

    def solve(self, rotated: Array, shift: float) -> Array | None:
        """``(T + s I)^-1`` times vectors.

        Parameters
        ----------
        rotated : ndarray of shape (n, n_vectors)
            The vectors, brought to this basis by :meth:`rotated`.
        shift : float
            ``s``.

        Returns
        -------
        ndarray of shape (n, n_vectors), or None
            The solutions, in this basis; None if rounding leaves the shifted matrix not positive.
        """
        if self.diagonal.size == 1:
            return rotated / (self.diagonal + shift) if self.diagonal[0] + shift > 0.0 else None
        _, _, solution, failed = dptsv(self.diagonal + shift, self.beside, rotated)
        return None if failed else np.asarray(solution)


def shifted_solutions(matrix: Array, right_side: Array, shifts: Array) -> Array | None:
    """Solve ``(A + s I) X = B`` for every shift.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Positive semidefinite, of which the lower triangle is read; overwritten where it is in Fortran order.
    right_side : ndarray of shape (n, n_targets)
        ``B``.
    shifts : ndarray of shape (n_shifts,)
        Positive.

    Returns
    -------
    ndarray of shape (n, n_shifts, n_targets), or None
        ``X``; None if a shift is too small for rounding to leave the matrix positive.

    Examples
    --------
    >>> import numpy as np
    >>> A, B = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[1.0], [1.0]])
    >>> shifted_solutions(A, B, np.array([1.0, 7.0])).round(6).ravel()
    array([0.25, 0.1 , 0.25, 0.1 ])
    """
    n, n_targets = right_side.shape
    form = Tridiagonal.of(matrix)
    rotated = form.rotated(right_side)
    solutions = np.empty((n, shifts.size * n_targets), order="F")
    for i, shift in enumerate(shifts):
        solution = form.solve(rotated, float(shift))
        if solution is None:
            return None
        solutions[:, i * n_targets : (i + 1) * n_targets] = solution
    return form.rotated(solutions, back=True).reshape(n, shifts.size, n_targets)
