"""Ridge regression from moments: factor once, then every penalty costs next to nothing.

A system is diagonalised once (from the Gram matrix, or from the rows when there are fewer of them than columns). In its
eigenbasis the coefficients, the residual, the effective degrees of freedom and generalised cross-validation are sums
over eigenvalues, for any penalty. Nothing here ever sees an input row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ._moments import Moments

Array = NDArray[np.float64]

# Above this share of the rows the fit nearly interpolates and generalised cross-validation is a ratio of two vanishing
# numbers (the double-descent peak).
_MAX_DOF_SHARE = 0.9
_GRID_PER_DECADE = 8
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class RidgeSystem:
    """A centred least-squares problem in the eigenbasis of its Gram matrix.

    Parameters
    ----------
    eigenvalues : ndarray of shape (rank,)
        Positive eigenvalues of the centred Gram matrix, decreasing.
    basis : ndarray of shape (n_columns, rank)
        Their eigenvectors.
    projections : ndarray of shape (rank, n_targets)
        The centred targets along each left singular vector.
    outside : ndarray of shape (n_targets,)
        Squares of the targets outside the range of the features; no penalty can reduce them.
    mean : ndarray of shape (n_columns,)
        Mean of the features.
    target_mean : ndarray of shape (n_targets,)
        Mean of the targets.
    n_samples : int
        Number of rows with positive weight.
    weight : float
        Sum of the weights.
    alpha_floor : float
        Smallest penalty that the precision of the Gram matrix supports.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._moments import Moments
    >>> from sknnk._ridge import coefficients, decompose
    >>> rng = np.random.default_rng(0)
    >>> F = rng.normal(size=(50, 3))
    >>> Y = F @ np.array([[1.0], [2.0], [3.0]])
    >>> coef, intercept = coefficients(decompose(Moments.from_block(F, Y)), 1e-9)
    >>> coef.round(6).ravel()
    array([1., 2., 3.])
    """

    eigenvalues: Array
    basis: Array
    projections: Array
    outside: Array
    mean: Array
    target_mean: Array
    n_samples: int
    weight: float
    alpha_floor: float

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, or the number of rows if that is larger."""
        return max(self.weight, float(self.n_samples))


def decompose(moments: Moments, precision: float = _EPS) -> RidgeSystem:
    """Diagonalise the Gram matrix of moments.

    Parameters
    ----------
    moments : Moments
        Of features and targets.
    precision : float, default=machine epsilon of float64
        Relative precision of the feature values; bounds the penalty from below.

    Returns
    -------
    RidgeSystem
        With as many eigenvalues as the Gram matrix has above its own rounding error.
    """
    eigenvalues, basis = _largest(*eigh(moments.gram, lower=False, driver="evd"), precision)
    projections = basis.T @ moments.cross / np.sqrt(eigenvalues)[:, None]
    outside = np.maximum(moments.target_square - np.sum(projections**2, axis=0), 0.0)
    return RidgeSystem(
        eigenvalues,
        basis,
        projections,
        outside,
        moments.mean,
        moments.target_mean,
        moments.n_samples,
        moments.weight,
        _alpha_floor(eigenvalues, moments.mean.size, precision),
    )


def decompose_rows(
    features: NDArray[np.floating],
    targets: NDArray[np.floating],
    sample_weight: Array | None = None,
    precision: float = _EPS,
) -> RidgeSystem:
    """Diagonalise the dual system: for fewer rows than columns.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_columns)
        Feature rows.
    targets : ndarray of shape (n_samples, n_targets)
        Target rows.
    sample_weight : ndarray of shape (n_samples,), optional
        Non-negative weights with a positive sum; one each when not given.
    precision : float, default=machine epsilon of float64
        As in :func:`decompose`.

    Returns
    -------
    RidgeSystem
        The same solution path as :func:`decompose` gives from the moments of these rows.
    """
    w = np.ones(len(features)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    mean, target_mean = w @ features / w.sum(), w @ targets / w.sum()
    root = np.sqrt(w)[:, None]
    centred, centred_targets = (features - mean) * root, (targets - target_mean) * root
    eigenvalues, left = _largest(*eigh(centred @ centred.T, driver="evd"), precision)
    projections = left.T @ centred_targets
    return RidgeSystem(
        eigenvalues,
        centred.T @ (left / np.sqrt(eigenvalues)),
        projections,
        # The projection is taken from the rows, not from a sum of squares: nothing cancels.
        np.sum((centred_targets - left @ projections) ** 2, axis=0),
        mean,
        target_mean,
        int(np.count_nonzero(w)),
        float(w.sum()),
        _alpha_floor(eigenvalues, max(centred.shape), precision),
    )


def _largest(eigenvalues: Array, vectors: Array, precision: float) -> tuple[Array, Array]:
    """Eigenpairs above the rounding error of the matrix, in decreasing order."""
    if not eigenvalues.size:
        return eigenvalues, vectors
    error = max(eigenvalues[-1] * eigenvalues.size * precision, np.finfo(np.float64).tiny)
    rank = int(np.count_nonzero(eigenvalues > error))
    order = slice(None, -rank - 1 if rank < eigenvalues.size else None, -1)
    return eigenvalues[order], vectors[:, order]


def _alpha_floor(eigenvalues: Array, size: int, precision: float) -> float:
    return float(eigenvalues[0] * size * precision) if eigenvalues.size else _EPS


def alpha_grid(system: RidgeSystem) -> Array:
    """Penalties worth trying, from the precision of the Gram matrix to beyond its largest eigenvalue.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.

    Returns
    -------
    ndarray of shape (n_alphas, 1)
        Increasing, evenly spaced on a logarithmic scale.
    """
    if not system.eigenvalues.size:
        return np.ones((1, 1))
    low, high = np.log10(system.alpha_floor), np.log10(100.0 * system.eigenvalues[0])
    return np.logspace(low, high, int(np.ceil((high - low) * _GRID_PER_DECADE)) + 1)[:, None]


def coefficients(system: RidgeSystem, alpha: float | Array) -> tuple[Array, Array]:
    """Solve for one penalty, or one penalty per target.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    alpha : float or ndarray of shape (n_targets,)
        Non-negative penalties; zero gives the least-squares solution of least norm.

    Returns
    -------
    coef : ndarray of shape (n_columns, n_targets)
        The minimiser of ``|Y - 1 b' - F B|^2 + alpha |B|^2`` (weighted) in ``B``.
    intercept : ndarray of shape (n_targets,)
        The minimiser in ``b``, which is not penalised.
    """
    eigenvalues = system.eigenvalues[:, None]
    coef = system.basis @ (np.sqrt(eigenvalues) * system.projections / (eigenvalues + alpha))
    return coef, system.target_mean - system.mean @ coef


def prediction_path(system: RidgeSystem, features: NDArray[np.floating], alphas: Array) -> Array:
    """Predict rows for every penalty at once.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    features : ndarray of shape (n_samples, n_columns)
        Feature rows.
    alphas : ndarray of shape (n_alphas,)
        Penalties.

    Returns
    -------
    ndarray of shape (n_alphas, n_samples, n_targets)
        The predictions.
    """
    eigenvalues = system.eigenvalues[:, None]
    shrunken = np.sqrt(eigenvalues) * system.projections / (eigenvalues + alphas[:, None, None])
    return system.target_mean + ((features - system.mean) @ system.basis) @ shrunken


def effective_dof(system: RidgeSystem, alphas: float | Array) -> Array:
    """Effective degrees of freedom of the features (the intercept not counted).

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    alphas : float or ndarray of any shape
        Penalties.

    Returns
    -------
    ndarray of the shape of `alphas`
        ``sum_i lambda_i / (lambda_i + alpha)``.
    """
    alphas = np.asarray(alphas, dtype=np.float64)
    return np.sum(system.eigenvalues / (system.eigenvalues + alphas[..., None]), axis=-1)


def residual_squares(system: RidgeSystem, alphas: Array) -> Array:
    """Weighted sums of squared training residuals.

    The sum of what no penalty can reach and of shrunken projections cannot turn negative, whereas the expanded square
    ``y'y - 2 b'c + b'Gb`` cancels.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Penalties, common to all targets or one column per target.

    Returns
    -------
    ndarray of shape (n_alphas, n_targets)
        The sums of squares.
    """
    penalties = alphas[:, None, :]
    left_over = penalties / (system.eigenvalues[:, None] + penalties)
    return system.outside + np.sum((left_over * system.projections) ** 2, axis=1)


def gcv(system: RidgeSystem, alphas: Array) -> Array:
    """Generalised cross-validation: an estimate of the mean squared error on new rows.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Penalties, common to all targets or one column per target.

    Returns
    -------
    ndarray of shape (n_alphas, n_targets)
        ``n RSS / (n - 1 - dof)^2``, infinite where the fit nearly interpolates.

    References
    ----------
    Golub, Heath and Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter",
    Technometrics 1979.
    """
    n = system.n_effective
    dof = effective_dof(system, alphas)
    trusted = dof < _MAX_DOF_SHARE * (n - 1.0)
    free = np.where(trusted, n - 1.0 - dof, 1.0)
    return np.where(trusted, n * residual_squares(system, alphas) / free**2, np.inf)


def choose_alpha(system: RidgeSystem, candidates: Array) -> Array:
    """Penalty of least generalised cross-validation, for each target.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    candidates : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
        Penalties to choose from, common to all targets or one column per target.

    Returns
    -------
    ndarray of shape (n_targets,)
        The largest of the best penalties, so that targets without variance get the smoothest fit.
    """
    alphas = np.sort(np.broadcast_to(candidates, (len(candidates), system.outside.size)), axis=0)[::-1]
    best = np.argmin(gcv(system, alphas), axis=0)
    return alphas[best, np.arange(best.size)]


def noise_variance(system: RidgeSystem, alpha: Array) -> Array:
    """Estimate the variance of the targets around the fit.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    alpha : ndarray of shape (n_targets,)
        The penalty of each target.

    Returns
    -------
    ndarray of shape (n_targets,)
        ``RSS / (n - 1 - dof)``; zero where no degree of freedom is left.
    """
    free = system.n_effective - 1.0 - effective_dof(system, alpha)
    squares = residual_squares(system, alpha[None, :])[0]
    return np.where(free > 0.0, squares / np.where(free > 0.0, free, 1.0), 0.0)


def posterior_variance(system: RidgeSystem, features: NDArray[np.floating], alpha: Array) -> Array:
    """Variance of predictions in the Bayesian reading of ridge regression, in units of the noise variance.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.
    features : ndarray of shape (n_samples, n_columns)
        Feature rows.
    alpha : ndarray of shape (n_targets,)
        The penalty of each target.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        ``1 / n + phi' (F'F + alpha I)^-1 phi`` for the centred row ``phi``; directions that no training row touched
        keep their prior variance, and count nothing when there is no prior (``alpha`` zero).

    References
    ----------
    Bishop, "Pattern recognition and machine learning", 2006, section 3.3.2.
    """
    centred = features - system.mean
    inside = centred @ system.basis
    variance = 1.0 / system.n_effective + inside**2 @ (1.0 / (system.eigenvalues[:, None] + alpha))
    untouched = np.maximum(np.einsum("ij,ij->i", centred, centred) - np.einsum("ij,ij->i", inside, inside), 0.0)
    # What rounding leaves of a row inside the range is no untouched direction.
    untouched[untouched < _EPS * centred.shape[1]] = 0.0
    prior = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0.0)
    return variance + untouched[:, None] * prior


def recovered_moments(system: RidgeSystem) -> Moments:
    """Moments that a system was made from, so that more rows can be added to it.

    Parameters
    ----------
    system : RidgeSystem
        The diagonalised problem.

    Returns
    -------
    Moments
        Equal to the original ones up to rounding of the largest eigenvalue.
    """
    gram = np.asfortranarray(np.triu((system.basis * system.eigenvalues) @ system.basis.T))
    cross = system.basis @ (np.sqrt(system.eigenvalues)[:, None] * system.projections)
    target_square = system.outside + np.sum(system.projections**2, axis=0)
    return Moments(system.n_samples, system.weight, system.mean, system.target_mean, gram, cross, target_square)
