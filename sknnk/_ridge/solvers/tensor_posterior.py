"""Variance of predictions in Bayesian ridge regression, for columns on a device."""

from collections.abc import Callable
from functools import singledispatch

import numpy as np

from ..._compute import ArraySpace, Tensor, wide_on_host
from ..solution import Solution
from .cholesky import MomentsSolution
from .eigen import EigenSolution

# From scaled columns of rows to variances in units of the noise, of shape (n_samples, n_targets).
TensorVariance = Callable[[Tensor], Tensor]


@singledispatch
def tensor_variance(solution: Solution, space: ArraySpace) -> TensorVariance | None:
    """Copy what the variance needs to a device.

    Parameters
    ----------
    solution : Solution
        Of NumPy.
    space : ArraySpace
        Where the columns will be.

    Returns
    -------
    callable or None
        None where no factor of the system is kept. A solution of an unknown kind computes it on the host.
    """
    if solution.variance(np.empty((0, len(solution.coef)))) is None:
        return None
    return lambda columns: space.wide_tensor(np.asarray(solution.variance(wide_on_host(columns))))


@tensor_variance.register
def _(solution: MomentsSolution, space: ArraySpace) -> TensorVariance | None:
    sums, xp = solution.sums, space.xp
    upper = space.wide_tensor(np.ascontiguousarray(sums.gram))
    gram, mean = upper + xp.triu(upper, k=1).T, space.wide_tensor(sums.mean)
    values, places = np.unique(solution.alpha, return_inverse=True)
    factors = [space.cholesky(space.with_diagonal(gram, value)) for value in values.tolist()]

    def variance(columns: Tensor) -> Tensor:
        centred = (xp.astype(columns, space.wide) - mean).T
        inside = [xp.sum(space.solve_lower(factor, centred) ** 2, axis=0) for factor in factors]
        return xp.stack([inside[place] for place in places.tolist()], axis=1) + 1.0 / solution.n_effective

    return variance


@tensor_variance.register
def _(solution: EigenSolution, space: ArraySpace) -> TensorVariance | None:
    system, xp, rank = solution.system, space.xp, solution.system.rank
    basis, mean = space.wide_tensor(system.basis[:, :rank]), space.wide_tensor(system.mean)
    inverse = space.wide_tensor(1.0 / (system.eigenvalues[:rank, None] + solution.alpha))
    alpha = solution.alpha
    prior = space.wide_tensor(np.divide(1.0, alpha, out=np.zeros_like(alpha), where=alpha > 0.0))

    def variance(columns: Tensor) -> Tensor:
        centred = xp.astype(columns, space.wide) - mean
        inside = centred @ basis
        # A difference of squares would have a rounding error that a small penalty multiplies.
        untouched = xp.sum((centred - inside @ basis.T) ** 2, axis=1)
        return inside**2 @ inverse + 1.0 / system.n_effective + untouched[:, None] * prior

    return variance
