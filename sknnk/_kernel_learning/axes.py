"""Axes of an isotropic kernel: combinations of the columns, learned from the slopes of its fit (AGOP)."""

from dataclasses import replace

import numpy as np

from .._compute import one_blas_thread
from .._kernels import Kernel, column_deviations, gradient_products, in_coordinates, symmetric_kernel_matrix
from .._ridge import solve_dual
from .kernel_scores import CrossValidation, dtype_of_errors
from .trials import Fit, KernelValues, SearchTask

# Axes are learned this many times at most.
MOST_TURNS = 3
# Rows over which products of slopes are averaged.
_GRADIENT_ROWS = 500
# Factor of the products of slopes along different axes: they are noisier than the squares.
_OFF_DIAGONAL_SHRINKAGE = 0.5
# Share of the largest scale that an axis without slopes keeps: a later turn may still find it.
_LEAST_SCALE = 1e-3


def turned_while_better(
    learning: SearchTask,
    judging: SearchTask,
    validation: CrossValidation,
    kernel: Kernel,
    alpha: float,
    least: float,
    gain: float,
    rng: np.random.Generator,
) -> tuple[Kernel, KernelValues | None, list[Fit]]:
    """Learn axes again and again, as long as each turn lowers the error on rows set apart.

    Parameters
    ----------
    learning : SearchTask
        The rows that axes are learned from.
    judging : SearchTask
        The rows among which kernels are evaluated.
    validation : CrossValidation
        What a kernel is worth on those of them that axes are not learned from.
    kernel : Kernel
        Isotropic.
    alpha : float
        Penalty of all fits.
    least : float
        Error of `kernel` itself.
    gain : float
        Share of the error that each turn must gain.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.

    Returns
    -------
    kernel : Kernel
        After the last turn that helped.
    values : KernelValues or None
        Of this kernel among the judging rows; None where no turn helped.
    tried : list of Fit
        Every turn, the one that did not help included.
    """
    values: KernelValues | None = None
    tried: list[Fit] = []
    while len(tried) < MOST_TURNS and (turned := rotated_by_agop(learning, kernel, alpha, rng)) is not None:
        along = judging.values(turned)
        tried.append(judging.fit((turned,), validation.score(along, alpha), "decision"))
        if not tried[-1].error < (1.0 - gain) * least:
            break
        kernel, values, least = turned, along, tried[-1].error
    return kernel, values, tried


def rotated_by_agop(
    task: SearchTask,
    kernel: Kernel,
    alpha: float,
    rng: np.random.Generator,
    shrinkage: float = _OFF_DIAGONAL_SHRINKAGE,
) -> Kernel | None:
    """Turn an isotropic kernel towards the axes along which its fit is steep.

    Two typical rows stay as far apart as before.

    Parameters
    ----------
    task : SearchTask
        The rows that axes are learned from.
    kernel : Kernel
        Isotropic.
    alpha : float
        Penalty of the fit whose slopes are taken.
    rng : numpy.random.Generator
        Draws the rows over which slopes are averaged.
    shrinkage : float, default=0.5
        Factor of the products of slopes along different axes.

    Returns
    -------
    Kernel or None
        The kernel with another projection; None where the fit has no slopes, or does not exist in float64.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit and Belkin, "Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models", Science 2024 (the average gradient outer product, AGOP).
    """
    dtype = dtype_of_errors(alpha, task.sample_weight)
    K = symmetric_kernel_matrix([kernel], task.X, task.threads, dtype)
    solution = solve_dual(K, task.Y, task.sample_weight, alpha, threads=task.threads)
    if solution is None:
        return None
    # On one thread: those of NumPy's BLAS would keep cores from those of SciPy's BLAS, which factors all matrices.
    with one_blas_thread():
        # In the coordinates of the kernel, all slopes have the same order of magnitude, whatever the units of columns.
        inputs = in_coordinates(kernel, task.X)
        along = Kernel(kernel.activation, kernel.frequencies, np.ones(inputs.shape[1]))
        rows = rng.permutation(len(inputs))[:_GRADIENT_ROWS]
        products = gradient_products([along], inputs[rows], inputs, solution.coef, task.threads)
        diagonal = np.diag(np.diag(products))
        shrunk = shrinkage * products + (1.0 - shrinkage) * diagonal
        squares, axes = np.linalg.eigh(shrunk)
        if not squares[-1] > 0.0:
            return None
        turn = axes * np.sqrt(np.maximum(squares / squares[-1], _LEAST_SCALE**2))
        deviations = (column_deviations(each, task.sample_weight) for each in (inputs, inputs @ turn))
        before, after = (np.linalg.norm(each) for each in deviations)
    turn *= before / after  # not zero: rows that are all equal have no slopes
    return replace(kernel, projection=turn if kernel.projection is None else kernel.projection @ turn)
