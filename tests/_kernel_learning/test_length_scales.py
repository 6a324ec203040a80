import numpy as np
import pytest

from sknnk._kernel_learning import kernel_scores, length_scales
from sknnk._kernel_learning.trials import SearchTask
from sknnk._kernels import Kernel, kernel_matrix
from sknnk._ridge.solvers.dual import solve_dual


def table(n=120, n_features=5, seed=0, noise=0.05):
    """Targets that depend on the first column, and a little on the second."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    Y = np.column_stack([np.sin(3.0 * X[:, 0]) + 0.3 * X[:, 1], np.cos(2.0 * X[:, 0])])
    return X, Y + noise * rng.normal(size=Y.shape)


@pytest.mark.parametrize(
    ("free", "learn", "stages"),
    [(False, False, {"refinement"}), (True, False, {"refinement"}), (True, True, {"refinement", "feature learning"})],
)
def test_what_is_learned_is_up_to_the_caller_and_is_named_as_such(free, learn, stages):
    X, Y = table()
    task, kernel = SearchTask(X, Y, np.ones(120)), Kernel("gaussian", "isotropic", np.full(5, 0.6))
    fits = length_scales.refined_kernel(task, kernel, 0.1, free, learn, np.random.default_rng(0))
    assert {fit.stage for fit in fits} == stages
    equal = {fit.stage for fit in fits if np.ptp(fit.kernels[0].scales) == 0.0}
    assert equal == {"refinement"}
    if not free:
        assert np.array_equal(fits[0].kernels[0].scales, kernel.scales)


def test_a_flat_fit_teaches_nothing():
    X, _ = table(20)
    kernel = Kernel("gaussian", "isotropic", np.ones(5))
    task = SearchTask(X, np.zeros((20, 1)), np.ones(20), None)
    solution = solve_dual(kernel_matrix([kernel], X, X).copy(order="F"), np.zeros((20, 1)), np.ones(20), 1.0)
    assert length_scales._learned(task, kernel, solution, np.ones(5), np.random.default_rng(0)) is kernel


def test_learned_scales_keep_the_distance_of_typical_rows():
    X, Y = table(60)
    deviations = X.std(axis=0)
    for family, order in ((("cauchy", "coordinatewise"), 1), (("gaussian", "isotropic"), 2)):
        kernel = Kernel(*family, np.full(5, 0.6))
        solution = solve_dual(kernel_matrix([kernel], X, X).copy(order="F"), Y, np.ones(60), 0.1)
        task = SearchTask(X, Y, np.ones(60), None)
        learned = length_scales._learned(task, kernel, solution, deviations, np.random.default_rng(0))
        before, after = (np.linalg.norm(each.scales * deviations, order) for each in (kernel, learned))
        assert after == pytest.approx(before) and learned.scales[0] > 2.0 * learned.scales[4]


@pytest.mark.parametrize(
    ("errors", "n_rounds"),
    [([5.0, 4.0, 3.0, 2.0, 1.0], 5), ([5.0, 4.0, 6.0], 3), ([5.0, 4.999], 2)],
)
def test_rounds_end_when_one_is_no_better_than_those_before(errors, n_rounds, monkeypatch):
    X, Y = table()
    task = SearchTask(X, Y, np.ones(120))
    validation = task.validation(60)
    kernels = [Kernel("gaussian", "isotropic", np.full(5, 0.1 * (i + 1))) for i in range(6)]
    start = validation.score(task.values(kernels[0]), 1.0)
    following, left = iter(kernels[1:]), iter([start._replace(error=error) for error in errors])
    monkeypatch.setattr(length_scales, "_learned", lambda *_: next(following))
    for name in ("score", "best"):
        monkeypatch.setattr(kernel_scores.CrossValidation, name, lambda *_: next(left))
    found = length_scales._rounds(task, validation, kernels[0], start, np.random.default_rng(0))
    assert [score.error for _, score in found] == errors[:n_rounds]
    assert [kernel for kernel, _ in found] == kernels[1 : n_rounds + 1]
