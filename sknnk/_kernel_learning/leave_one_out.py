"""The leave-one-out error of a sum of kernels as a function of its length scales and weights, with its gradient."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._compute import Array, Floats, call_blas, cholesky_in_place, invert_in_place, over_threads, row_blocks
from .._kernels import Kernel, log_scale_derivatives, symmetric_kernel_matrix
from .kernel_scores import dtype_of_errors
from .trials import SearchTask

# Rows of a strip of a product of matrices, which one thread computes.
_STRIP = 256


@dataclass(frozen=True, eq=False)
class LeaveOneOutError:
    """Logarithm of the squared leave-one-out error of kernel ridge regression, by the logarithms of its scales.

    The parameters are, for each kernel in turn, logarithms of factors of the scales of its coordinates; and at the
    end, logarithms of factors of the weights of the kernels.

    Parameters
    ----------
    task : SearchTask
        The rows.
    kernels : sequence of Kernel
        The summands.
    alpha : float
        The penalty, which stays: a larger weight of all kernels does what a smaller penalty does.

    Notes
    -----
    With ``P`` the inverse of the system less what the intercept takes, and ``c = P Y``, the residuals of rows left out
    are ``r_i = c_i / P_ii``. A change ``dK`` of the kernel changes ``P`` by ``-P dK P``. So the gradient by all entries
    of the kernel is one matrix, ``P diag(q) P`` less products of ``c`` and ``P u``, with ``q`` and ``u`` made of
    residuals, weights and the diagonal of ``P``. It costs about as much as five factors, whatever the number of scales.

    References
    ----------
    Sundararajan and Keerthi, "Predictive approaches for choosing hyperparameters in Gaussian processes", Neural
    Computation 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk._kernel_learning.leave_one_out import LeaveOneOutError
    >>> from sknnk._kernel_learning.trials import SearchTask
    >>> from sknnk._kernels import Kernel
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> task = SearchTask.of(X, np.sin(2 * X[:, :1]), np.ones(60))
    >>> error = LeaveOneOutError(task, [Kernel("gaussian", "isotropic", np.ones(2))], 1e-2)
    >>> value, slope = error(np.zeros(3))
    >>> bool(slope[0] < 0 < slope[1])  # the first column wants a shorter length scale, the second a longer one
    True
    """

    task: SearchTask
    kernels: Sequence[Kernel]
    alpha: float

    @property
    def n_parameters(self) -> int:
        """Number of scales and weights."""
        return sum(_n_coordinates(kernel) for kernel in self.kernels) + len(self.kernels)

    def kernels_at(self, parameters: Array) -> tuple[Kernel, ...]:
        """The kernels with their scales and weights multiplied."""
        sizes = [_n_coordinates(kernel) for kernel in self.kernels]
        *factors, weights = np.split(np.exp(parameters), np.cumsum(sizes))
        return tuple(
            _rescaled(kernel, own, float(weight))
            for kernel, own, weight in zip(self.kernels, factors, weights, strict=True)
        )

    def __call__(self, parameters: Array) -> tuple[float, Array]:
        """Value and gradient; infinite and zero where the system is not positive definite."""
        task, kernels = self.task, self.kernels_at(parameters)
        dtype = dtype_of_errors(self.alpha, task.sample_weight)
        # Each without its weight, which multiplies the derivatives below.
        parts = [symmetric_kernel_matrix([replace(each, weight=1.0)], task.X, task.threads, dtype) for each in kernels]
        K = np.zeros_like(parts[0])
        for kernel, part in zip(kernels, parts, strict=True):
            K += dtype(kernel.weight) * part
        found = _error_and_gradient(K, task.Y, task.sample_weight, self.alpha, task.threads)
        if found is None:
            return np.inf, np.zeros(len(parameters))
        error, gradient = found
        scales = [
            kernel.weight * log_scale_derivatives(kernel, task.X, part, gradient, task.threads)
            for kernel, part in zip(kernels, parts, strict=True)
        ]
        # Transposes are in C order, so that nothing is copied.
        weights = [kernel.weight * np.vdot(gradient.T, part.T) for kernel, part in zip(kernels, parts, strict=True)]
        return float(np.log(error)), np.concatenate([*scales, weights]).astype(np.float64) / error


def _n_coordinates(kernel: Kernel) -> int:
    return len(kernel.scales) if kernel.projection is None else kernel.projection.shape[1]


def _rescaled(kernel: Kernel, factors: Array, weight: float) -> Kernel:
    if kernel.projection is None:
        return replace(kernel, scales=kernel.scales * factors, weight=kernel.weight * weight)
    return replace(kernel, projection=kernel.projection * factors, weight=kernel.weight * weight)


def _error_and_gradient(
    K: Floats, Y: Array, sample_weight: Array, alpha: float, threads: int
) -> tuple[float, Floats] | None:
    """Leave-one-out error, and its gradient by the entries of the kernel, as a lower triangle that counts both sides.

    `K` is overwritten.
    """
    n, weight = len(Y), sample_weight / (sample_weight.sum() * Y.shape[1])
    K[np.diag_indices(n)] += (alpha / sample_weight).astype(K.dtype)
    if not cholesky_in_place(K, threads):
        return None
    inverse = _inverse(K, threads)
    ones = inverse.sum(axis=0, dtype=np.float64)
    inverse -= np.outer((ones / ones.sum()).astype(K.dtype), ones.astype(K.dtype))
    coef = (inverse @ Y.astype(K.dtype)).astype(np.float64)
    diagonal = np.diag(inverse).astype(np.float64)
    if not diagonal.min() > 0.0:
        return None
    residuals = coef / diagonal[:, None]
    error = float(np.sum(weight[:, None] * residuals**2))
    if not 0.0 < error < np.inf:
        return None
    pulls = inverse @ (weight[:, None] * residuals / diagonal[:, None]).astype(K.dtype)
    roots = np.sqrt(weight * np.sum(residuals**2, axis=1) / diagonal)
    inverse *= roots.astype(K.dtype)
    # Twice the symmetric matrix below the diagonal, and the matrix itself on it.
    gradient = _lower_products(inverse, inverse, 4.0, threads)
    own, pulls = (np.asfortranarray(each, dtype=K.dtype) for each in (coef, pulls))
    call_blas("syr2k", b"L", b"N", n, Y.shape[1], -2.0, own, pulls, 1.0, gradient)
    gradient[np.diag_indices(n)] *= 0.5
    return error, gradient


def _inverse(factor: Floats, threads: int) -> Floats:
    """The whole inverse, from a lower Cholesky factor, which is overwritten."""
    invert_in_place(factor)
    inverse = np.zeros_like(factor)

    def fill(rows: slice) -> None:
        # Entries of the factor above the diagonal are never read: the corner is made triangular first.
        left = factor[rows.start :, rows].copy(order="F")
        left[: left.shape[1]] = np.tril(left[: left.shape[1]])
        below, target = factor[rows.start :, : rows.start], inverse[rows, : rows.start]
        if rows.start:
            call_blas("gemm", b"T", b"N", *target.shape, len(left), 1.0, left, below, 0.0, target)
        corner = inverse[rows, rows]
        call_blas("syrk", b"L", b"T", len(corner), len(left), 1.0, left, 0.0, corner)
        corner += np.tril(corner, -1).T

    strips = list(row_blocks(len(factor), _STRIP))
    over_threads(fill, [(rows,) for rows in strips], threads)
    for rows in strips:
        inverse[: rows.start, rows] = inverse[rows, : rows.start].T
    return inverse


def _lower_products(A: Floats, B: Floats, factor: float, threads: int) -> Floats:
    """Lower triangle of ``factor A B'``, zero above."""
    product = np.zeros((len(A), len(B)), dtype=A.dtype, order="F")

    def fill(rows: slice) -> None:
        left, right, target = A[rows], B[: rows.stop], product[rows, : rows.stop]
        call_blas("gemm", b"N", b"T", *target.shape, A.shape[1], factor, left, right, 0.0, target)
        corner = product[rows, rows]
        corner[:] = np.tril(corner)

    over_threads(fill, [(rows,) for rows in row_blocks(len(A), _STRIP)], threads)
    return product
