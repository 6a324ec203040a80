"""Ridge paths of few rows with many nested columns, from the dot products of the rows."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dgemm, dsyrk

from ..._compute import Array, Floats, Indices
from ..rounding import alpha_floor
from ..solvers import shifted_solutions


class NestedKernel:
    """Dot products of centred rows, over the direct link and over the first features.

    Products over more features are those over fewer features plus the products over the features in between. So each
    column is read once, as long as the counts grow.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Raw columns; the direct link comes first.
    n_linked : int
        Number of columns of the direct link.

    Examples
    --------
    >>> import numpy as np
    >>> kernel = NestedKernel(np.array([[1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]), n_linked=1)
    >>> kernel.matrix(2, 1.0, 10.0)
    array([[ 21., -21.],
           [-21.,  21.]])
    """

    def __init__(self, columns: Floats, n_linked: int) -> None:
        self._columns, self._n_linked, self._count = columns, n_linked, 0
        self._linked = self._products(0, n_linked) if n_linked else np.zeros((len(columns), len(columns)))
        self._features = np.zeros_like(self._linked)

    def _products(self, start: int, stop: int) -> Array:
        """Products over some columns."""
        block = self._columns[:, start:stop]
        # The mean of all rows is subtracted here, and the rest of the mean of each training set later, without loss.
        centred = np.asfortranarray(block - np.mean(block, axis=0, dtype=np.float64))
        upper = dsyrk(1.0, centred)
        return np.add(upper, np.triu(upper, 1).T, order="C")

    def matrix(self, count: int, link_factor: float, feature_factor: float) -> Array:
        """Weighted sum of the products over the direct link and over the first `count` features.

        Parameters
        ----------
        count : int
            Number of features.
        link_factor, feature_factor : float
            The weights.

        Returns
        -------
        ndarray of shape (n_samples, n_samples)
            Symmetric.
        """
        if count < self._count:
            self._count, self._features = 0, np.zeros_like(self._linked)
        if count > self._count:
            self._features += self._products(self._n_linked + self._count, self._n_linked + count)
            self._count = count
        return link_factor * self._linked + feature_factor * self._features


@dataclass(frozen=True, eq=False)
class DualPath:
    """Solutions for every penalty as sums over training rows.

    Parameters
    ----------
    kernel : ndarray of shape (n_samples, n_samples)
        Products of all rows.
    train : ndarray of shape (n_train,)
        Positions of the training rows.
    coef : ndarray of shape (n_train, n_alphas, n_targets)
        Coefficients of the training rows.
    intercept : ndarray of shape (n_alphas, n_targets)
        Intercepts.
    """

    kernel: Array
    train: Indices
    coef: Array
    intercept: Array

    def predictions(self, rows: Indices) -> Array:
        """Predict rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
            Their positions.

        Returns
        -------
        ndarray of shape (n_rows, n_alphas, n_targets)
            The predictions.
        """
        # The product of the transposes, which are in the order of BLAS.
        flat = self.coef.reshape(len(self.train), -1)
        products = dgemm(1.0, flat.T, self.kernel[np.ix_(rows, self.train)].T)
        return np.asarray(products.T.reshape(len(rows), *self.intercept.shape) + self.intercept)


def dual_path(
    kernel: Array, train: Indices, Y: Array, sample_weight: Array, alphas: Array, precision: float
) -> DualPath | None:
    """Solve on some of the rows for every penalty.

    Parameters
    ----------
    kernel : ndarray of shape (n_samples, n_samples)
        Products of all rows, about any fixed point.
    train : ndarray of shape (n_train,)
        Positions of the training rows.
    Y : ndarray of shape (n_train, n_targets)
        Their targets.
    sample_weight : ndarray of shape (n_train,)
        Their weights, positive.
    alphas : ndarray of shape (n_alphas,)
        Penalties.
    precision : float
        Relative precision of the columns.

    Returns
    -------
    DualPath or None
        The solutions; None where a penalty is too small to hide the rounding of the products.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [5.0]])
    >>> path = dual_path(X @ X.T, np.array([0, 1, 2]), 3.0 * X[:3], np.ones(3), np.array([1e-6]), 1e-16)
    >>> path.predictions(np.array([3])).round(3).ravel()
    array([15.])
    """
    weight = sample_weight / sample_weight.sum()
    target_mean = weight @ Y
    matrix = kernel[np.ix_(train, train)]
    mean = matrix @ weight
    matrix -= mean - weight @ mean
    matrix -= mean[:, None]
    root = np.sqrt(sample_weight)
    if np.any(root != 1.0):
        matrix *= root
        matrix *= root[:, None]
    if alphas.min() < alpha_floor(np.array([np.trace(matrix)]), len(train), precision):
        return None
    # The transpose is in Fortran order, and the matrix symmetric.
    solutions = shifted_solutions(matrix.T, root[:, None] * (Y - target_mean), alphas)
    if solutions is None:
        return None
    # The coefficients sum to zero. So the mean of the training rows need not be subtracted from other rows.
    coef = root[:, None, None] * solutions
    return DualPath(kernel, train, coef, target_mean - np.einsum("n,nat->at", mean, coef))
