"""What each way of solving would cost, so that the cheapest can be chosen and the choice explained."""

# Iterations that the preconditioned solver typically needs, and rows of the sketch behind the preconditioner.
_ITERATIONS = 30
SKETCH_ROWS = 2000
# Floating-point operations that take the time of one operation inside a large matrix product (measured on two cores):
# per entry of a symmetric eigendecomposition, per feature evaluated, per entry of a matrix times a vector.
_EIGEN, _FEATURE, _VECTOR = 12.0, 160.0, 30.0


def predicted_costs(n_samples: int, n_columns: int, n_features: int) -> dict[str, float]:
    """Cost of each solver in operations of a matrix product.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    n_columns : int
        Number of feature columns.
    n_features : int
        Number of input columns.

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
    rows = min(n, SKETCH_ROWS)
    sketch = 4.0 * rows**2 * columns + _EIGEN * rows**3
    return {
        "primal": evaluate + n * columns**2 + _EIGEN * columns**3,
        "dual": evaluate + 3.0 * n**2 * columns + _EIGEN * n**3,
        "cg": sketch + (1.0 + _ITERATIONS) * (evaluate + 2.0 * _VECTOR * n * columns),
    }
