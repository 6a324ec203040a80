"""An approximate inverse of a penalised Gram matrix from a sample of rows: preconditions conjugate gradients."""

from typing import Any

import numpy as np
from scipy.linalg.blas import get_blas_funcs
from scipy.linalg.lapack import get_lapack_funcs

from ..._compute import Array, Floats

# Share of the sample that is factored to see how much of a row the other rows leave unexplained.
_TRIED = 0.5
# Share of these rows whose pivots are averaged: the last ones, because most other rows come before them.
_LAST = 0.125
# From this many rows for each column on, a sample covers all directions well enough.
_PLENTY = 1.5
# Up to this many targets, one triangular solution for each is faster than LAPACK's solution for all.
_FEW_TARGETS = 4
# Factor by which the penalty grows while rounding makes the factorisation fail.
_MORE = 10.0


class SampledInverse:
    """Apply ``(F'F + mu I)^-1``, up to a factor, by one Cholesky factor in the precision of the rows.

    Parameters
    ----------
    rows : ndarray of shape (n_sampled, n_columns)
        ``F``: centred feature rows in random order, scaled so that ``F'F`` estimates the Gram matrix of all rows.
    alpha : float
        Positive penalty.

    Attributes
    ----------
    penalty : float
        ``mu``: `alpha` plus the part of other rows that the sample does not explain, spread evenly over the columns. It
        is larger if rounding needs that.

    References
    ----------
    Rudi, Carratino and Rosasco, "FALKON", NeurIPS 2017; Avron, Clarkson and Woodruff, "Faster kernel ridge regression
    using sketching and preconditioning", SIAM J. Matrix Anal. Appl. 2017.

    Examples
    --------
    >>> import numpy as np
    >>> F = np.random.default_rng(0).normal(size=(20, 3))
    >>> inverse = SampledInverse(F, 0.5)
    >>> V = np.ones((3, 1))
    >>> bool(np.allclose((F.T @ F + inverse.penalty * np.eye(3)) @ inverse(V), inverse.penalty * V))
    True
    """

    def __init__(self, rows: Floats, alpha: float) -> None:
        self._rows, self._by_rows = rows, len(rows) < rows.shape[1]
        self._syrk: Any = get_blas_funcs("syrk", (rows,))
        self._trsv: Any = get_blas_funcs("trsv", (rows,))
        self._potrf: Any = get_lapack_funcs("potrf", (rows,))
        self._potrs: Any = get_lapack_funcs("potrs", (rows,))
        gram = self._gram()
        self.penalty = alpha + self._unexplained(gram, alpha)
        self._factor, failed = self._factored(gram, self.penalty)
        while failed:
            self.penalty *= _MORE
            self._factor, failed = self._factored(self._gram(), self.penalty)

    def __call__(self, vectors: Array) -> Array:
        """Apply the inverse, times `penalty`.

        Parameters
        ----------
        vectors : ndarray of shape (n_columns, n_targets)
            What to apply it to.

        Returns
        -------
        ndarray of shape (n_columns, n_targets)
            The images.
        """
        narrow = vectors.astype(self._rows.dtype, copy=False)
        if self._by_rows:
            inside = self._rows.T @ self._solved(self._rows @ narrow)
            return np.asarray(narrow - inside, dtype=np.float64)
        return np.asarray(self.penalty * self._solved(narrow), dtype=np.float64)

    def _gram(self) -> Any:
        """The smaller one of ``F F'`` and ``F'F``, its upper triangle."""
        size = min(self._rows.shape)
        # New zeros from the operating system cost nothing. An array that the BLAS wrapper makes would be cleared first.
        gram = np.zeros((size, size), dtype=self._rows.dtype, order="F")
        # The transpose of a row-major array is column-major, so BLAS reads it in place.
        return self._syrk(1.0, self._rows.T, trans=int(self._by_rows), c=gram, overwrite_c=1)

    def _factored(self, gram: Any, penalty: float) -> tuple[Any, bool]:
        gram[np.diag_indices(len(gram))] += gram.dtype.type(penalty)
        factor, failed = self._potrf(gram, lower=0, overwrite_a=1, clean=0)
        return factor, bool(failed)

    def _unexplained(self, gram: Any, alpha: float) -> float:
        """Squares of all rows that a part of the sample does not explain, divided by the number of columns."""
        tried = int(_TRIED * len(gram))
        if not tried or len(self._rows) >= _PLENTY * self._rows.shape[1]:
            return 0.0
        if self._by_rows:
            block = np.asfortranarray(gram[:tried, :tried])
        else:
            block = self._syrk(1.0, self._rows[:tried].T, trans=1)
        block *= block.dtype.type(len(self._rows) / tried)
        factor, failed = self._factored(block, alpha)
        if failed:
            return 0.0
        # The square of a pivot is what remains of a row, given those before it.
        pivots = np.diag(factor)[-max(int(_LAST * tried), 1) :].astype(np.float64)
        return float(tried * max(float(np.mean(pivots**2)) - alpha, 0.0) / self._rows.shape[1])

    def _solved(self, right: Floats) -> Floats:
        solved = np.empty_like(right)
        if right.shape[1] > _FEW_TARGETS:
            return np.asarray(self._potrs(self._factor, right, lower=0)[0])
        for j in range(right.shape[1]):
            half = self._trsv(self._factor, right[:, j], lower=0, trans=1)
            solved[:, j] = self._trsv(self._factor, half, lower=0, trans=0, overwrite_x=1)
        return solved
