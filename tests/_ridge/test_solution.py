"""What every solution promises, whatever solved it: a new solver or kind of solution is a new line in `FITS`."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from sknnk._integration import Execution
from sknnk._ridge import (
    GivenSolution,
    Moments,
    Penalty,
    Problem,
    check_memory,
    choose_solver,
    solve,
    solve_exactly,
    solve_moments,
)
from sknnk._ridge.solution import BareSolution
from sknnk._ridge.solvers import refinement
from sknnk._ridge.solvers.cholesky import MomentsSolution
from sknnk._ridge.solvers.eigen import EigenSolution
from sknnk._ridge.solvers.exact import ExactSolution
from sknnk._ridge.solvers.iterative import IterativeSolution
from sknnk._ridge.solving import SOLVERS

N, N_COLUMNS, EPS = 40, 5, float(np.finfo(np.float64).eps)
NUMBERS = ("coef", "intercept", "alpha", "dof", "noise", "n_samples", "n_effective", "n_iter")


class Columns:
    """The inputs themselves, times a factor for each: a map that is nothing but what solvers need."""

    n_columns, column_scale = N_COLUMNS, np.array([1.0, 2.0, 0.5, 1.5, 1.0])

    def raw_columns(self, X, out=None):
        out = np.empty(X.shape, dtype=X.dtype) if out is None else out
        out[:] = X
        return out

    def columns(self, X):
        return self.raw_columns(X) * self.column_scale.astype(X.dtype)


class PreparedColumns(Columns):
    """The same for solvers that pass over the rows more than once."""

    cosines_first_order = np.array([0, 2, 4, 1, 3])

    def cosines_first(self, X):
        def columns(rows, out):
            out[:] = rows[:, self.cosines_first_order]
            return out

        return columns, X

    def of_transformed(self):
        return self


def table(n=N, seed=0):
    rng = np.random.default_rng([seed, n])
    X = rng.normal(size=(n, N_COLUMNS)) + 1.0
    Y = np.column_stack([X @ np.arange(5.0), np.sin(X[:, 0]) + 3.0]) + 0.5 * rng.normal(size=(n, 2))
    return X, Y, rng.integers(1, 4, n).astype(float)


def by(solver, layers, alphas):
    """Fit by one of the solvers; the columns are those of the map."""

    def fit(X, Y, weight):
        problem = Problem(layers, X, Y, weight, Penalty(alphas), tol=1e-13)
        return solve(problem, solver, Execution()), layers.columns

    return fit


def in_two_precisions(alphas):
    def fit(X, Y, weight):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(refinement, "_LEAST_PRODUCTS", 0.0)
            patched.setattr(refinement, "_LEAST_COLUMNS", 1)
            patched.setattr(refinement, "_MANY_ROWS", 1)
            solution, columns = by("primal", PreparedColumns(), alphas)(X, Y, weight)
        assert solution.precision == np.finfo(np.float32).eps
        return solution, columns

    return fit


class LinearRows:
    """Products of scaled columns as a kernel, of which ridge regression on the columns is the exact solution."""

    def __init__(self, X):
        self.n_rows, self._F = len(X), Columns().columns(X)

    def blocks(self, threads):
        return [self._F @ self._F.T]

    def matrix(self, threads):
        return np.asfortranarray(self._F @ self._F.T)


def exactly(X, Y, weight, alpha=0.3):
    solution = solve_exactly(LinearRows(X), Y, weight, alpha, len(X), 1, copies=weight.astype(np.int64))
    return solution, lambda rows: Columns().columns(rows) @ Columns().columns(X).T


def given(X, Y, weight):
    return GivenSolution(*direct(X, Y, weight, np.full(2, 0.3))), Columns().columns


def bare(X, Y, weight):
    return BareSolution.of(by("primal", Columns(), ONE)(X, Y, weight)[0]), Columns().columns


ONE, SEVERAL, OWN = np.array([[0.3]]), np.array([[0.3], [1.0], [30.0]]), np.array([[0.3, 2.0]])
SOLVED = {
    "primal, one penalty": (by("primal", Columns(), ONE), MomentsSolution),
    "primal, several": (by("primal", Columns(), SEVERAL), MomentsSolution),
    "primal, one for each target": (by("primal", Columns(), OWN), MomentsSolution),
    "primal, next to no penalty": (by("primal", Columns(), np.array([[1e-13]])), EigenSolution),
    "primal, automatic": (by("primal", Columns(), None), MomentsSolution | EigenSolution),
    "two precisions, one penalty": (in_two_precisions(ONE), MomentsSolution),
    "two precisions, several": (in_two_precisions(SEVERAL), MomentsSolution),
    "dual, one penalty": (by("dual", Columns(), ONE), EigenSolution),
    "dual, several": (by("dual", Columns(), SEVERAL), EigenSolution),
    "cg, one penalty": (by("cg", PreparedColumns(), ONE), IterativeSolution),
    "cg, one for each target": (by("cg", Columns(), OWN), IterativeSolution),
    "cg, automatic": (by("cg", PreparedColumns(), None), IterativeSolution),
}
FITS = SOLVED | {"exact": (exactly, ExactSolution), "given": (given, GivenSolution), "bare": (bare, BareSolution)}
each_kind = pytest.mark.parametrize("kind", FITS)
each_solved = pytest.mark.parametrize("kind", SOLVED)
each_fitted = pytest.mark.parametrize("kind", [kind for kind in FITS if kind != "given"])


def fitted(kind, *rows):
    return FITS[kind][0](*rows or table())


def centred(F, weight):
    return F - weight @ F / weight.sum()


def direct(X, Y, weight, alpha):
    """Coefficients and intercept by explicit dense algebra, for one penalty per target."""
    F = Columns().columns(X)
    gram, right = (
        centred(F, weight).T @ (weight[:, None] * centred(F, weight)),
        centred(F, weight).T @ (weight[:, None] * centred(Y, weight)),
    )
    coef = np.column_stack([np.linalg.solve(gram + a * np.eye(N_COLUMNS), right[:, t]) for t, a in enumerate(alpha)])
    return coef, weight @ Y / weight.sum() - (weight @ F / weight.sum()) @ coef


@each_kind
def test_shapes_and_types(kind):
    solution, columns = fitted(kind)
    X, Y, weight = table()
    assert isinstance(solution, FITS[kind][1])
    assert solution.coef.shape == (columns(X).shape[1], 2) and solution.coef.dtype == np.float64
    for name in ("intercept", "alpha", "dof", "noise"):
        assert getattr(solution, name).shape == (2,) and getattr(solution, name).dtype == np.float64, name
    assert type(solution.n_samples) is int and type(solution.n_effective) is float and type(solution.n_iter) is int
    if kind != "given":
        assert (solution.n_samples, solution.n_effective) == (N, weight.sum())
        # The sketch behind the preconditioner has every row here.
        assert solution.n_iter >= 1 if kind.startswith("cg") else solution.n_iter == 1
    variance, leverage = solution.variance(columns(X)), solution.leverage(columns(X))
    assert (variance is None) == (leverage is None) == (kind not in SOLVED)
    if kind in SOLVED:
        assert variance.shape == leverage.shape == Y.shape
    with pytest.raises(FrozenInstanceError):
        solution.coef = None


@each_kind
def test_predictions_are_those_of_dense_algebra(kind):
    X, Y, weight = table()
    solution, columns = fitted(kind)
    alpha = np.full(2, 0.3) if kind == "given" else solution.alpha
    coef, intercept = direct(X, Y, weight, alpha)
    rows = table(7, seed=1)[0]
    found, expected = columns(rows) @ solution.coef + solution.intercept, Columns().columns(rows) @ coef + intercept
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    if kind != "exact":
        np.testing.assert_allclose(solution.coef, coef, rtol=1e-8)
        np.testing.assert_allclose(solution.intercept, intercept, rtol=1e-8)


@each_fitted
def test_degrees_of_freedom_and_noise_are_those_of_the_hat_matrix(kind):
    X, Y, weight = table()
    solution, columns = fitted(kind)
    F, root = centred(Columns().columns(X), weight), np.sqrt(weight)[:, None]
    rtol = 1e-5 if kind.startswith("two") else 1e-7
    for t, alpha in enumerate(solution.alpha):
        hat = (root * F) @ np.linalg.solve(F.T @ (weight[:, None] * F) + alpha * np.eye(N_COLUMNS), (root * F).T)
        assert solution.dof[t] == pytest.approx(np.trace(hat), rel=rtol)
        squares = weight @ (Y - columns(X) @ solution.coef - solution.intercept)[:, t] ** 2
        assert solution.noise[t] == pytest.approx(squares / (weight.sum() - 1.0 - np.trace(hat)), rel=rtol)


@each_fitted
def test_a_weight_is_a_number_of_rows(kind):
    X, Y, weight = table()
    again = np.repeat(np.arange(N), weight.astype(int))
    (one, columns), (other, repeated) = fitted(kind), fitted(kind, X[again], Y[again], np.ones(len(again)))
    rtol = 1e-4 if kind.startswith("two") else 1e-6
    np.testing.assert_allclose(
        columns(X) @ one.coef + one.intercept, repeated(X) @ other.coef + other.intercept, rtol=1e-7
    )
    for name in ("alpha", "dof", "noise", "n_effective"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, err_msg=name)
    if kind in SOLVED:
        np.testing.assert_allclose(one.variance(columns(X)), other.variance(columns(X)), rtol=rtol)


@each_solved
def test_the_variance_is_that_of_an_explicit_inverse(kind):
    X, _, weight = table()
    solution, columns = fitted(kind)
    mean, rows = weight @ columns(X) / weight.sum(), table(7, seed=1)[0]
    F = columns(X) - mean
    for t, alpha in enumerate(solution.alpha):
        inverse = np.linalg.inv(F.T @ (weight[:, None] * F) + alpha * np.eye(N_COLUMNS))
        expected = np.diag((columns(rows) - mean) @ inverse @ (columns(rows) - mean).T) + 1.0 / weight.sum()
        rtol = 1e-4 if kind.startswith("two") else 1e-7
        np.testing.assert_allclose(solution.variance(columns(rows))[:, t], expected, rtol=rtol)


@each_solved
def test_the_leverage_gives_the_residual_of_a_row_left_out(kind):
    X, Y, weight = table()
    solution, columns = fitted(kind)
    share = weight[:, None] * solution.leverage(columns(X))
    found = (Y - columns(X) @ solution.coef - solution.intercept) / (1.0 - share)
    for i in range(0, N, 7):
        kept = np.arange(N) != i
        coef, intercept = direct(X[kept], Y[kept], weight[kept], solution.alpha)
        expected = Y[i] - columns(X[i : i + 1])[0] @ coef - intercept
        np.testing.assert_allclose(found[i], expected, rtol=1e-4 if kind.startswith("two") else 1e-6)


def test_of_an_exact_solution_residuals_are_those_of_a_copy_left_out():
    X, Y, weight = table()
    solution, _ = fitted("exact")
    for i in range(0, N, 7):
        fewer = weight - (np.arange(N) == i)
        coef, intercept = direct(X[fewer > 0], Y[fewer > 0], fewer[fewer > 0], solution.alpha)
        expected = Y[i] - Columns().columns(X[i : i + 1])[0] @ coef - intercept
        np.testing.assert_allclose(solution.held_residuals[i], expected, rtol=1e-6)


@each_kind
def test_more_rows_are_added_as_if_all_were_fitted_or_refused_with_a_reason(kind):
    solution, columns = fitted(kind)
    if not isinstance(solution, MomentsSolution | EigenSolution):
        reason = r"solver='cg'.*solver='primal'" if isinstance(solution, IterativeSolution) else "no sums.*partial_fit"
        with pytest.raises(ValueError, match=reason):
            solution.moments()
        return
    rows, (X, Y, weight) = table(), table(15, seed=1)
    before = solution.moments().copy()
    extended = solution.moments() + Moments.from_block(columns(X), Y, weight)
    every = [np.concatenate(pair) for pair in zip(rows, (X, Y, weight), strict=True)]
    penalty = Penalty(solution.alpha[None, :])
    found, expected = solve_moments(extended, penalty, EPS), direct(*every, solution.alpha)
    rtol = 1e-4 if kind.startswith("two") else 1e-8
    np.testing.assert_allclose(found.coef, expected[0], rtol=rtol)
    np.testing.assert_allclose(found.intercept, expected[1], rtol=rtol)
    assert found.n_samples == N + 15
    np.testing.assert_array_equal(solution.moments().gram, before.gram)


@each_kind
def test_it_can_be_pickled_with_or_without_eigenvectors_and_without_the_factor(kind):
    solution, columns = fitted(kind)
    X = table(7, seed=1)[0]
    for copy in (solution, solution.diagonalised(), solution.without_factor()):
        again = pickle.loads(pickle.dumps(copy))
        assert type(again) is type(copy)
        for name in NUMBERS:
            np.testing.assert_array_equal(getattr(again, name), getattr(solution, name), err_msg=name)
    again = pickle.loads(pickle.dumps(solution.diagonalised()))
    if kind in SOLVED:
        assert np.array_equal(again.variance(columns(X)), solution.variance(columns(X)))


@each_kind
def test_without_the_factor_there_are_the_same_numbers_and_no_variance(kind):
    solution, columns = fitted(kind)
    light = solution.without_factor()
    assert light.variance(columns(table()[0])) is None and light.leverage(columns(table()[0])) is None
    assert light.without_factor() is light and light.diagonalised() is light
    assert max(np.size(value) for value in vars(light).values()) <= 2 * len(solution.coef) * 2
    with pytest.raises(ValueError, match="no sums"):
        light.moments()


def test_eigenvectors_that_are_asked_for_travel_with_the_solution(monkeypatch):
    solution, columns = fitted("primal, several")
    expected = solution.diagonalised().variance(columns(table()[0]))
    again = pickle.loads(pickle.dumps(solution.diagonalised()))
    monkeypatch.setattr("sknnk._ridge.solvers.cholesky.decompose", None)
    assert np.array_equal(again.variance(columns(table()[0])), expected)
    with pytest.raises(TypeError):
        fitted("primal, one penalty")[0].diagonalised()


@pytest.mark.parametrize("solver", SOLVERS)
def test_rows_in_float32_are_solved_to_their_precision(solver):
    X, Y, weight = table()
    narrow, wide = (by(solver, PreparedColumns(), ONE)(X.astype(t), Y, weight)[0] for t in (np.float32, np.float64))
    assert narrow.coef.dtype == np.float64
    np.testing.assert_allclose(narrow.coef, wide.coef, rtol=1e-4)
    assert not np.array_equal(narrow.coef, wide.coef)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("execution", [Execution(threads=3), Execution(batch_size=7)])
def test_threads_and_blocks_change_nothing(solver, execution):
    problem = Problem(PreparedColumns(), *table(), Penalty(ONE), tol=1e-13)
    found, expected = solve(problem, solver, execution), solve(problem, solver, Execution())
    np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-10)


class ByRotation:
    """A new solver: what the dual gives, under another name and for less."""

    needs, remedy = "no alpha of zero", "or patience"

    def cost(self, shape):
        return 1.0

    def memory(self, shape):
        return 8.0 * shape.n_columns

    def accepts(self, penalty):
        return penalty.candidates is None or bool(np.all(penalty.candidates))

    def solve(self, problem, execution):
        return replace(SOLVERS["dual"].solve(problem, execution))


def test_a_new_solver_is_one_line_in_the_table(monkeypatch):
    monkeypatch.setitem(SOLVERS, "rotation", ByRotation())
    chosen, costs = choose_solver("auto", 100, 5, 5, Penalty(ONE), 1e-4, 0.3)
    assert chosen == "rotation" and list(costs) == ["primal", "dual", "cg", "rotation"]
    with pytest.raises(ValueError, match=r"solver='rotation' needs no alpha of zero; got alpha=0\.0\."):
        choose_solver("rotation", 100, 5, 5, Penalty(np.zeros((1, 1))), 1e-4, 0.0)
    assert choose_solver("auto", 100, 5, 5, Penalty(np.zeros((1, 1))), 1e-4, 0.0)[0] != "rotation"
    check_memory(5, (5,), 0, (100, 5), "rotation")
    monkeypatch.setattr("sknnk._ridge.solving.machine_memory", lambda: 1.0)
    with pytest.raises(ValueError, match=r"solver='rotation'.*or patience"):
        check_memory(5, (5,), 0, (100, 5), "rotation")
    solution, _ = by("rotation", Columns(), ONE)(*table())
    np.testing.assert_array_equal(solution.coef, fitted("dual, one penalty")[0].coef)
