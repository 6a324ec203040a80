"""What the costs of all solvers have in common: the shape of a problem, and the time of one operation."""

import math
from dataclasses import dataclass
from itertools import pairwise

# Number of rows in the sketch, the sample whose eigenvectors approximate those of all rows in conjugate gradients.
SKETCH_ROWS = 2000
# The preconditioner uses this number times the square root of the number of rows. It then costs as much as a few
# passes.
_SAMPLED = 25
# Largest number of rows that the preconditioner uses.
_MOST_SAMPLED = 12_000
# The next three costs have the same unit, one operation inside a large matrix product, and were measured on two cores.
# A symmetric eigendecomposition of size n costs EIGEN * n**3.
EIGEN = 12.0
# A Cholesky factor of size n without its inverse costs FACTOR_ALONE * n**3.
FACTOR_ALONE = 0.35
# One feature in float64 costs FEATURE.
FEATURE = 160.0
# From this tolerance on, float32 features are precise enough. Their rounding error is a hundred times smaller.
COARSE = 1e-5


@dataclass(frozen=True)
class Shape:
    """Numbers that the time and the memory of a solver depend on.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    n_columns : int
        Number of feature columns, those of the direct link among them.
    n_features : int
        Number of input columns.
    tol : float, default=1e-4
        Relative residual at which iterations stop.
    one_penalty : bool, default=False
        Whether there is one penalty. A Cholesky factor is then enough.
    hidden : tuple of int, default=()
        Features of every bundled layer but the last.
    n_linked : int, default=0
        Columns of the direct link.

    Examples
    --------
    >>> Shape(n_samples=500, n_columns=2010, n_features=10, n_linked=10).n_weights
    10000.0
    """

    n_samples: int
    n_columns: int
    n_features: int
    tol: float = 1e-4
    one_penalty: bool = False
    hidden: tuple[int, ...] = ()
    n_linked: int = 0

    @property
    def n_weights(self) -> float:
        """Number of random weights in all layers."""
        sizes = (float(self.n_features), *self.hidden, self.n_columns - self.n_linked)
        return sum(0.5 * n_in * n_out for n_in, n_out in pairwise(sizes))


def evaluation(shape: Shape) -> float:
    """Cost of the features of all rows, in operations of a matrix product.

    Parameters
    ----------
    shape : Shape
        Of the problem.

    Returns
    -------
    float
        In float64.

    Examples
    --------
    >>> evaluation(Shape(n_samples=500, n_columns=2000, n_features=10))
    180000000.0
    """
    return float(shape.n_samples) * float(shape.n_columns) * (FEATURE + 2.0 * shape.n_features)


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
