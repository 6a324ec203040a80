"""Ridge regression from moments: factor once, then every penalty costs almost nothing.

A system is diagonalised once (from the Gram matrix, or from the rows when there are fewer of them than columns). In its
eigenbasis the coefficients, the residual and the variance of predictions are sums over eigenvalues, for any penalty.
The functions take features, never inputs. In every function `system` is such a diagonalised problem.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from ..._compute import Array, Floats
from ..moments import Moments
from ..penalties import Penalty, choose_alpha, effective_dof, noise_variance
from ..rounding import alpha_floor, known_rank, least_choice
from ..solution import BareSolution

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class RidgeSystem:
    """A centred least-squares problem in the eigenbasis of its Gram matrix.

    Parameters
    ----------
    eigenvalues : ndarray of shape (n_vectors,)
        Non-negative eigenvalues of the centred Gram matrix, decreasing.
    basis : ndarray of shape (n_columns, n_vectors)
        Their eigenvectors.
    cross : ndarray of shape (n_vectors, n_targets)
        Products of the features along each eigenvector with the targets.
    rank : int
        Number of eigenvalues above the rounding error of the Gram matrix. Smaller ones are used only in the
        coefficients, where the penalty hides their error.
    projections : ndarray of shape (rank, n_targets)
        The centred targets along each left singular vector.
    outside : ndarray of shape (n_targets,)
        Squared length of the part of each target that no combination of the features can reach.
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
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.solvers.eigen import coefficients, decompose
    >>> rng = np.random.default_rng(0)
    >>> F = rng.normal(size=(50, 3))
    >>> Y = F @ np.array([[1.0], [2.0], [3.0]])
    >>> coef, intercept = coefficients(decompose(Moments.from_block(F, Y)), 1e-9)
    >>> coef.round(6).ravel()
    array([1., 2., 3.])
    """

    eigenvalues: Array
    basis: Array
    cross: Array
    rank: int
    projections: Array
    outside: Array
    mean: Array
    target_mean: Array
    n_samples: int
    weight: float
    alpha_floor: float

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, whose unit is one row."""
        return self.weight

    @property
    def least_choice(self) -> float:
        """Smallest penalty that an automatic choice tries."""
        return least_choice(self.eigenvalues, self.alpha_floor)

    def residual_squares(self, alphas: Array) -> Array:
        """Weighted sums of squared training residuals.

        They are `outside` plus the squares of the shrunken projections, so they cannot be negative. The expanded square
        ``y'y - 2 b'c + b'Gb`` would lose digits by cancellation.

        Parameters
        ----------
        alphas : ndarray of shape (n_alphas, 1) or (n_alphas, n_targets)
            Penalties, common to all targets or one column per target.

        Returns
        -------
        ndarray of shape (n_alphas, n_targets)
            The sums of squares.
        """
        penalties = alphas[:, None, :]
        left_over = penalties / (self.eigenvalues[: self.rank, None] + penalties)
        squares: Array = self.outside + np.sum((left_over * self.projections) ** 2, axis=1)
        return squares


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
        With every eigenvector of the Gram matrix.
    """
    eigenvalues, basis = _decreasing(moments.gram)
    cross = basis.T @ moments.cross
    rank = known_rank(eigenvalues, precision)
    projections = cross[:rank] / np.sqrt(eigenvalues[:rank, None])
    outside = np.maximum(moments.target_square - np.sum(projections**2, axis=0), 0.0)
    floor = alpha_floor(eigenvalues, moments.mean.size, precision)
    sums = (moments.mean, moments.target_mean, moments.n_samples, moments.weight)
    return RidgeSystem(eigenvalues, basis, cross, rank, projections, outside, *sums, floor)


def decompose_rows(
    features: Floats,
    targets: Floats,
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
    centred, centred_targets = features - mean, (targets - target_mean) * root
    # In place, as new memory costs more than the product.
    centred *= root
    eigenvalues, left = _decreasing(centred @ centred.T)
    rank = known_rank(eigenvalues, precision)
    projections = left.T @ centred_targets
    basis = centred.T @ left
    # The root of a small eigenvalue is mostly rounding error; the length of its vector is not.
    lengths = np.sqrt(np.einsum("ij,ij->j", basis, basis))
    basis = np.divide(basis, lengths, out=basis, where=lengths > 0.0)
    # The projection is taken from the rows, not from a sum of squares: nothing cancels.
    outside = np.sum((centred_targets - left[:, :rank] @ projections[:rank]) ** 2, axis=0)
    cross = lengths[:, None] * projections
    floor = alpha_floor(eigenvalues, max(centred.shape), precision)
    sums = (mean, target_mean, int(np.count_nonzero(w)), float(w.sum()))
    return RidgeSystem(eigenvalues, basis, cross, rank, projections[:rank], outside, *sums, floor)


def _decreasing(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a positive semidefinite matrix, of which the upper triangle is read."""
    # LAPACK sorts increasingly. The negative matrix therefore gives decreasing order without a copy.
    eigenvalues, vectors = eigh(-matrix, lower=False, driver="evd", overwrite_a=True, check_finite=False)
    return np.maximum(-eigenvalues, 0.0), vectors


def coefficients(system: RidgeSystem, alpha: float | Array) -> tuple[Array, Array]:
    """Solve for one penalty, or one penalty per target.

    Parameters
    ----------
    alpha : float or ndarray of shape (n_targets,)
        Non-negative penalties; zero gives the least-squares solution of least norm.

    Returns
    -------
    coef : ndarray of shape (n_columns, n_targets)
        The minimiser of ``|Y - 1 b' - F B|^2 + alpha |B|^2`` (weighted) in ``B``.
    intercept : ndarray of shape (n_targets,)
        The minimiser in ``b``, which is not penalised.
    """
    coef = system.basis @ _shrunken(system, np.asarray(alpha, dtype=np.float64))
    return coef, system.target_mean - system.mean @ coef


def _shrunken(system: RidgeSystem, alphas: Array) -> Array:
    """Coefficients along the eigenvectors, shape (..., n_vectors, n_targets), for penalties of shape (..., 1 or T)."""
    penalties = alphas[..., None, :] if alphas.ndim else alphas
    penalised = system.eigenvalues[:, None] + penalties
    # With a penalty below the floor, eigenvalues below the rounding error would divide noise by noise.
    known = np.arange(system.eigenvalues.size)[:, None] < system.rank
    return np.divide(
        system.cross,
        penalised,
        out=np.zeros(np.broadcast_shapes(system.cross.shape, penalised.shape)),
        where=known | (penalties >= system.alpha_floor),
    )


def prediction_path(system: RidgeSystem, features: Floats, alphas: Array) -> Array:
    """Predict rows for every penalty at once.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_columns)
        Feature rows.
    alphas : ndarray of shape (n_alphas,)
        Penalties.

    Returns
    -------
    ndarray of shape (n_alphas, n_samples, n_targets)
        The predictions.
    """
    return system.target_mean + ((features - system.mean) @ system.basis) @ _shrunken(system, alphas[:, None])


def posterior_variance(system: RidgeSystem, features: Floats, alpha: Array) -> Array:
    """Variance of predictions in Bayesian ridge regression, in units of the noise variance.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_columns)
        Feature rows.
    alpha : ndarray of shape (n_targets,)
        The penalty of each target.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        ``1 / n + phi' (F'F + alpha I)^-1 phi`` for the centred row ``phi``; directions without training rows keep their
        prior variance. If ``alpha`` is zero, there is no prior and they are left out.

    References
    ----------
    Bishop, "Pattern recognition and machine learning", 2006, section 3.3.2.
    """
    basis = system.basis[:, : system.rank]
    centred = features - system.mean
    inside = centred @ basis
    variance = inside**2 @ (1.0 / (system.eigenvalues[: system.rank, None] + alpha)) + 1.0 / system.n_effective
    # A difference of squares would have a rounding error that a small penalty multiplies.
    untouched = np.sum((centred - inside @ basis.T) ** 2, axis=1)
    prior = np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0.0)
    total: Array = variance + untouched[:, None] * prior
    return total


def recovered_moments(system: RidgeSystem) -> Moments:
    """Moments that a system was made from, so that more rows can be added to it.

    Returns
    -------
    Moments
        Equal to the original ones up to rounding of the largest eigenvalue.
    """
    basis = system.basis[:, : system.rank]
    gram = np.asfortranarray(np.triu((basis * system.eigenvalues[: system.rank]) @ basis.T))
    cross = system.basis @ system.cross
    target_square = system.outside + np.sum(system.projections**2, axis=0)
    return Moments(system.n_samples, system.weight, system.mean, system.target_mean, gram, cross, target_square)


@dataclass(frozen=True, eq=False)
class EigenSolution:
    """A solution whose problem is diagonalised: every other penalty costs almost nothing.

    Parameters
    ----------
    system : RidgeSystem
        The problem.
    coef : ndarray of shape (n_columns, n_targets)
        The output matrix.
    alpha, dof, noise : ndarray of shape (n_targets,)
        Penalties, degrees of freedom and variances around the fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._ridge.moments import Moments
    >>> from sknnk._ridge.penalties import Penalty
    >>> from sknnk._ridge.solvers.eigen import decompose, solve_system
    >>> x = np.arange(10.0)[:, None]
    >>> solution = solve_system(decompose(Moments.from_block(x, 2.0 * x)), Penalty(np.array([[82.5]])))
    >>> solution.coef.ravel().round(6), solution.intercept.round(6), solution.dof.round(6)
    (array([1.]), array([4.5]), array([0.5]))
    """

    system: RidgeSystem
    coef: Array
    alpha: Array
    dof: Array
    noise: Array
    n_iter = 1

    @property
    def intercept(self) -> Array:
        """What is added to the predictions."""
        return self.system.target_mean - self.system.mean @ self.coef

    @property
    def n_samples(self) -> int:
        """Number of rows with positive weight."""
        return self.system.n_samples

    @property
    def n_effective(self) -> float:
        """Number of observations: the sum of weights, whose unit is one row."""
        return self.system.n_effective

    def variance(self, columns: Floats) -> Array:
        """Variance of predictions in units of the noise: :func:`posterior_variance`."""
        return posterior_variance(self.system, columns, self.alpha)

    def leverage(self, columns: Floats) -> Array:
        """Share of a training row of weight one in its own prediction."""
        return self.variance(columns)

    def moments(self) -> Moments:
        """Sums of the scaled columns, up to rounding: :func:`recovered_moments`."""
        return recovered_moments(self.system)

    def without_factor(self) -> BareSolution:
        """The numbers alone."""
        return BareSolution.of(self)

    def diagonalised(self) -> "EigenSolution":
        """Itself."""
        return self


def solve_system(system: RidgeSystem, penalty: Penalty) -> EigenSolution:
    """Choose the penalty of each target of a diagonalised problem, and solve for it.

    Parameters
    ----------
    penalty : Penalty
        What may be chosen.

    Returns
    -------
    EigenSolution
        The solution.
    """
    alpha = choose_alpha(system, penalty.tried(system), penalty.inflation)
    coef, dof, noise = coefficients(system, alpha)[0], effective_dof(system, alpha), noise_variance(system, alpha)
    return EigenSolution(system, coef, alpha, dof, noise)
