"""The table of solvers, the choice between them, and the function that solves."""

from typing import Protocol

from .._compute import machine_memory
from .._integration import Execution
from .costs import Shape
from .penalties import Penalty
from .problem import Problem
from .solution import Solution
from .solvers import ByRows, ConjugateGradients, Primal


class Solver(Protocol):
    """A way to solve: a new one is a file in `solvers` and a line in `SOLVERS`."""

    @property
    def needs(self) -> str:
        """What a penalty must be to be accepted, as an error says it."""

    @property
    def remedy(self) -> str:
        """What helps where the memory does not suffice, besides fewer columns."""

    def cost(self, shape: Shape) -> float:
        """Predicted time, in operations of a matrix product."""

    def memory(self, shape: Shape) -> float:
        """Bytes held at one time: an estimate, in float64."""

    def accepts(self, penalty: Penalty) -> bool:
        """Whether it can serve for this penalty."""

    def solve(self, problem: Problem, execution: Execution) -> Solution:
        """Solve a problem whose penalty is accepted."""


SOLVERS: dict[str, Solver] = {"primal": Primal(), "dual": ByRows(), "cg": ConjugateGradients()}


def solve(problem: Problem, solver: str, execution: Execution) -> Solution:
    """Solve a ridge regression.

    Parameters
    ----------
    problem : Problem
        Rows, columns and penalty.
    solver : str
        A key of `SOLVERS`, as :func:`choose_solver` gives it.
    execution : Execution
        Threads, block size and progress.

    Returns
    -------
    Solution
        Of the scaled columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnk import URFSampler
    >>> from sknnk._features import RandomMap
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> layers = RandomMap(None, None, (URFSampler("gaussian", n_components=20, random_state=0).fit(X),))
    >>> problem = Problem(layers, X, np.sin(X[:, :1]), np.ones(100), Penalty(np.array([[0.1]])), tol=1e-10)
    >>> solutions = [solve(problem, solver, Execution()) for solver in SOLVERS]
    >>> [type(solution).__name__ for solution in solutions]
    ['MomentsSolution', 'EigenSolution', 'IterativeSolution']
    >>> all(np.allclose(solution.coef, solutions[0].coef) for solution in solutions)
    True
    """
    return SOLVERS[solver].solve(problem, execution)


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
        Whether there is one penalty. A Cholesky factor is then enough.

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
    shape = Shape(n_samples, n_columns, n_features, tol, one_penalty)
    return {name: solver.cost(shape) for name, solver in SOLVERS.items()}


def choose_solver(
    asked: str, n_samples: int, n_columns: int, n_features: int, penalty: Penalty, tol: float, given_alpha: object
) -> tuple[str, dict[str, float]]:
    """The solver that the user named, or the cheapest of those that can solve the problem.

    Parameters
    ----------
    asked : str
        A key of `SOLVERS`, or ``"auto"``.
    n_samples, n_columns, n_features : int
        Numbers of rows, of feature columns and of input columns.
    penalty : Penalty
        What may be chosen.
    tol : float
        Relative residual at which iterations stop.
    given_alpha : object
        The penalty as the user gave it, for the error.

    Returns
    -------
    solver : str
        A key of `SOLVERS`.
    costs : dict of str to float
        Cost of every solver that can solve the problem, as in :func:`predicted_costs`.

    Raises
    ------
    ValueError
        If the named solver cannot solve for this penalty.

    Examples
    --------
    >>> choose_solver("auto", 500, 2000, 10, Penalty(), 1e-4, "auto")[0]
    'dual'
    """
    one_penalty = penalty.candidates is not None and penalty.candidates.size == 1
    costs = predicted_costs(n_samples, n_columns, n_features, tol, one_penalty)
    costs = {name: cost for name, cost in costs.items() if SOLVERS[name].accepts(penalty)}
    solver = min(costs, key=costs.__getitem__) if asked == "auto" else asked
    if solver not in costs:
        raise ValueError(f"solver={solver!r} needs {SOLVERS[solver].needs}; got alpha={given_alpha!r}.")
    return solver, costs


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
    n_samples, n_features = shape
    hidden, n_columns = tuple(sizes[:-1]), sizes[-1] + n_linked
    return SOLVERS[solver].memory(Shape(n_samples, n_columns, n_features, hidden=hidden, n_linked=n_linked))


def check_memory(
    asked: object, n_components: tuple[int, ...], n_linked: int, shape: tuple[int, int], solver: str
) -> None:
    """Refuse a system that cannot fit, before an allocation brings the machine down.

    Parameters
    ----------
    asked : object
        The parameter `n_components` as the user gave it, for the error.
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
        raise ValueError(
            f"n_components={asked!r} for {shape[0]} rows of {shape[1]} features needs about {1e-9 * size:.0f} GB with "
            f"solver={solver!r}, and the machine has {1e-9 * available:.0f} GB; use fewer n_components, "
            + ("direct_link=False, " if n_linked > 10_000 else "")
            + f"{SOLVERS[solver].remedy}."
        )
