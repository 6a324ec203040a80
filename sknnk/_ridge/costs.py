"""What each way of solving would cost in time and memory, so that the choice can be made and explained."""

import math

from .._compute import machine_memory

# Iterations that the preconditioned solver needs for a tenth of the residual, and rows of the sketch that stands for
# the system afterwards. With a penalty of 0.1 it was 4; where nobody knows, the direct solution is the one that keeps
# its promise.
_ITERATIONS = 10
SKETCH_ROWS = 2000
# Rows behind the preconditioner for each root of the number of rows, so that it costs as much as a few passes, and most
# of them.
_SAMPLED, _MOST_SAMPLED = 25, 12_000
# Floating-point operations that take the time of one operation inside a large matrix product (measured on two cores):
# per entry of a symmetric eigendecomposition, a tridiagonal form, and a Cholesky factor with and without its inverse,
# per feature evaluated in float64 and within an iteration, where float32 serves, per entry of a matrix times a vector.
_EIGEN, _TRIDIAGONAL, _FACTOR, _FACTOR_ALONE = 12.0, 7.0, 1.0, 0.35
_FEATURE, _COARSE_FEATURE, _VECTOR = 160.0, 45.0, 20.0
# Tolerance from which on the rounding of float32 features does not show in the residual (a hundred times theirs).
COARSE = 1e-5


def predicted_costs(
    n_samples: int, n_columns: int, n_features: int, tol: float = 1e-4, one_penalty: bool = False
) -> dict[str, float]:
    """Cost of each solver in operations of a matrix product.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    n_columns : int
        Number of feature columns.
    n_features : int
        Number of input columns.
    tol : float, default=1e-4
        Relative residual at which iterations stop.
    one_penalty : bool, default=False
        Whether there is one penalty, so that a Cholesky factor serves.

    Returns
    -------
    dict of str to float
        ``"primal"``, ``"dual"`` and ``"cg"``.

    Examples
    --------
    >>> costs = predicted_costs(n_samples=500, n_columns=2000, n_features=10)
    >>> min(costs, key=costs.get)
    'dual'
    >>> costs = predicted_costs(n_samples=100_000, n_columns=10_000, n_features=20)
    >>> min(costs, key=costs.get)
    'cg'
    """
    n, columns = float(n_samples), float(n_columns)
    evaluate = n * columns * (_FEATURE + 2.0 * n_features)
    coarse = tol >= COARSE
    rows, sampled = min(n, SKETCH_ROWS), sampled_rows(n_samples)
    sketch = 4.0 * rows**2 * columns + _EIGEN * rows**3
    order = min(sampled, columns)
    # Half as much in float32.
    factor = (0.5 if coarse else 1.0) * (sampled * columns * order + _FACTOR_ALONE * order**3)
    each = n * columns * ((_COARSE_FEATURE if coarse else _FEATURE) + 2.0 * n_features + 2.0 * _VECTOR)
    iterations = _ITERATIONS * max(1.0, -math.log10(tol))
    return {
        "primal": evaluate + n * columns**2 + (_FACTOR if one_penalty else _TRIDIAGONAL) * columns**3,
        "dual": evaluate + 3.0 * n**2 * columns + _EIGEN * n**3,
        "cg": sketch + factor + (1.0 + iterations) * each,
    }


def sampled_rows(n_samples: int) -> int:
    """Rows of the sample behind the preconditioner.

    Parameters
    ----------
    n_samples : int
        Number of rows.

    Returns
    -------
    int
        At most all rows.

    Examples
    --------
    >>> sampled_rows(1000), sampled_rows(100_000), sampled_rows(10**7)
    (1000, 7905, 12000)
    """
    return min(n_samples, max(SKETCH_ROWS, min(math.isqrt(_SAMPLED**2 * n_samples), _MOST_SAMPLED)))


def memory_size(sizes: tuple[int, ...], n_linked: int, shape: tuple[int, int], solver: str) -> float:
    """Bytes that a fit holds at one time.

    Parameters
    ----------
    sizes : tuple of int
        Features of every bundled layer.
    n_linked : int
        Columns of the direct link.
    shape : tuple of int
        Rows and columns of the inputs.
    solver : {"primal", "dual", "cg"}
        The solver.

    Returns
    -------
    float
        An estimate, in float64.

    Examples
    --------
    >>> memory_size((100_000,), 0, (1_000_000, 10), "primal") > 200e9
    True
    """
    n_samples, n_features = (float(n) for n in shape)
    n_columns = float(sizes[-1] + n_linked)
    weights = sum(0.5 * n_in * n_out for n_in, n_out in zip((n_features, *sizes[:-1]), sizes, strict=True))
    # The matrix, its tridiagonal form or its eigenvectors, and a workspace; the dual also keeps the feature rows twice.
    if solver == "dual":
        return 8.0 * (weights + 3.0 * n_samples**2 + 2.0 * n_samples * (n_columns + sum(sizes[:-1])))
    if solver == "cg":
        rows = min(n_samples, float(SKETCH_ROWS))
        sampled = float(sampled_rows(shape[0]))
        factor = sampled * n_columns + min(sampled, n_columns) ** 2
        return 8.0 * (weights + 3.0 * rows**2 + 3.0 * rows * n_columns + factor)
    return 8.0 * (weights + 3.0 * n_columns**2 + 64.0 * sum(sizes))


def check_memory(
    asked: object, n_components: tuple[int, ...], n_linked: int, shape: tuple[int, int], solver: str
) -> None:
    """Refuse a system that cannot fit, before an allocation brings the machine down.

    Parameters
    ----------
    asked : object
        What the user gave for `n_components`.
    n_components : tuple of int
        Columns of every layer.
    n_linked : int
        Columns of the direct link.
    shape : tuple of int
        Shape of the table.
    solver : {"primal", "dual", "cg"}
        How it is solved.

    Raises
    ------
    ValueError
        If it needs more memory than the machine has.

    Examples
    --------
    >>> check_memory("auto", (100,), 0, (1000, 10), "primal")
    """
    size, available = memory_size(n_components, n_linked, shape, solver), machine_memory()
    if size > available:
        remedy = {"primal": "or solver='cg'", "dual": "or solver='primal'", "cg": "or fewer rows"}[solver]
        raise ValueError(
            f"n_components={asked!r} for {shape[0]} rows of {shape[1]} features needs about {1e-9 * size:.0f} GB with "
            f"solver={solver!r}, and the machine has {1e-9 * available:.0f} GB; use fewer n_components, "
            + ("direct_link=False, " if n_linked > 10_000 else "")
            + f"{remedy}."
        )
