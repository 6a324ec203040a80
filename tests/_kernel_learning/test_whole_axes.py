import numpy as np
import pytest

from sknnk._kernel_learning import whole_axes
from sknnk._kernel_learning.kernel_scores import CrossValidation
from sknnk._kernel_learning.trials import Fit, SearchTask
from sknnk._kernel_learning.whole_axes import (
    RowParts,
    along_whole_axes,
    compared_with_axes,
    judged_at_last,
    refined_at_last,
)
from sknnk._kernels import Kernel, kernel_matrix


def table(n=240, n_features=6, seed=0):
    """Targets that depend on two combinations of the columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    first, second = X.sum(axis=1) / np.sqrt(n_features), (X[:, 0] - X[:, 1]) / np.sqrt(2.0)
    return SearchTask.of(X, (np.sin(2.0 * first) + 0.5 * second)[:, None] + 0.02 * rng.normal(size=(n, 1)), np.ones(n))


def plain(n_features=6, scale=0.4, alpha=0.01, profile="cauchy"):
    return Fit((Kernel(profile, "isotropic", np.full(n_features, scale)),), alpha, 1.0, 240, "length scale")


def error_on(task, fit, held):
    """The error of the last rows by explicit algebra, a quarter of them left out at a time."""
    n, squares = len(task.X), []
    K = kernel_matrix(fit.kernels, task.X, task.X)
    for fold in range(4):
        # The folds are every fourth of the held rows, or consecutive quarters: both are tried by the caller.
        out = np.arange(n - held, n)[fold::4]
        kept = np.setdiff1d(np.arange(n), out)
        system = np.block(
            [
                [K[np.ix_(kept, kept)] + fit.alpha * np.eye(len(kept)), np.ones((len(kept), 1))],
                [np.ones((1, len(kept))), np.zeros((1, 1))],
            ]
        )
        solved = np.linalg.solve(system, np.vstack([task.Y[kept], np.zeros((1, 1))]))
        squares.append((K[np.ix_(out, kept)] @ solved[:-1] + solved[-1] - task.Y[out]) ** 2)
    return np.mean(np.concatenate(squares))


@pytest.mark.parametrize(("n", "n_last"), [(30, 10), (240, 80), (2000, 666), (2260, 753), (3000, 1000)])
def test_rows_that_learn_axes_never_judge_them(n, n_last):
    rows = np.arange(float(n))[:, None]
    parts = RowParts.of(SearchTask(rows, rows, np.ones(n)))
    learning = set(parts.learning.X[:, 0])
    held = set(parts.judging.X[-parts.validation.n_held :, 0])
    last = set(rows[-parts.last.n_held :, 0])
    assert not learning & held and not learning & last and parts.last.n_held == n_last


def test_whole_axes_find_two_combinations_at_once():
    task = table()
    found = along_whole_axes(task, plain(), np.random.default_rng(0))
    assert found.error < 0.6 * judged_at_last(task, plain()).error
    turned = found.kernels[0].scales[:, None] * found.kernels[0].projection
    squares, axes = np.linalg.eigh(turned @ turned.T)
    assert squares[-3] < 0.1 * squares[-2]
    expected = np.linalg.qr(np.column_stack([np.ones(6), [1.0, -1.0, 0.0, 0.0, 0.0, 0.0]]))[0]
    assert np.min(np.linalg.svd(axes[:, -2:].T @ expected, compute_uv=False)) > 0.95


def test_targets_without_slopes_have_no_whole_axes():
    task = table(60)
    flat = SearchTask(task.X, np.zeros_like(task.Y), np.ones(60))
    assert along_whole_axes(flat, plain(), np.random.default_rng(0)) is None


@pytest.mark.parametrize(("errors", "kept"), [([0.5, 0.6], 0), ([0.5, 0.4], 1)])
def test_the_best_round_is_kept(errors, kept, monkeypatch):
    told = []

    def at_best_length(parts, kernel, alpha):
        told.append(Fit((kernel,), alpha, errors[len(told)], 60, "decision"))
        return told[-1]

    monkeypatch.setattr(whole_axes, "_at_best_length", at_best_length)
    found = along_whole_axes(table(60), plain(), np.random.default_rng(0))
    assert len(told) == 2 and found is told[kept]


def test_errors_on_the_last_rows_are_those_of_explicit_algebra():
    task, fit = table(60), plain()
    assert judged_at_last(task, fit).error == pytest.approx(error_on(task, fit, 60), rel=1e-8)
    refined = refined_at_last(task, plain(alpha=1.0))
    assert refined.error == pytest.approx(error_on(task, refined, 60), rel=1e-8)
    assert refined.error < error_on(task, plain(alpha=1.0), 60)


def test_a_sum_is_the_mean_of_both_kernels_and_is_judged_like_them():
    task = table(60)
    first, other = plain(), plain(scale=0.3)
    found = compared_with_axes(task, first, other)
    together = next(fit for fit in found if len(fit.kernels) == 2)
    assert [kernel.weight for kernel in together.kernels] == [0.5, 0.5]
    for fit in found:
        assert fit.error == pytest.approx(error_on(task, fit, 20), rel=1e-8)
    counted = [
        fit.error / {1: 0.95 if fit.kernels is other.kernels else 1.0, 2: 0.98}[len(fit.kernels)] for fit in found
    ]
    assert counted == sorted(counted, reverse=True)


@pytest.mark.parametrize(
    ("alone", "together", "gain", "n_kernels", "is_first"),
    [
        (0.96, 1.5, 0.0, 1, True),
        (0.94, 1.5, 0.0, 1, False),
        (0.8, 1.5, 0.25, 1, True),
        (0.7, 1.5, 0.25, 1, False),
        # A sum must gain less: a fiftieth, or a third of what is asked of the other kernel.
        (1.0, 0.99, 0.0, 1, True),
        (1.0, 0.97, 0.0, 2, True),
        (1.0, 0.93, 0.25, 1, True),
        (1.0, 0.91, 0.25, 2, True),
    ],
)
def test_the_other_kernel_and_the_sum_must_gain_their_shares(alone, together, gain, n_kernels, is_first, monkeypatch):
    task, first, other = table(60), plain(), plain(profile="gaussian")
    errors = {1e-2: 1.0, 1e-4: alone, 1e-3: together}
    score = CrossValidation.score
    monkeypatch.setattr(
        CrossValidation,
        "score",
        lambda self, K, a: score(self, K, a)._replace(error=errors[min(errors, key=lambda e: abs(e - a))]),
    )
    other = Fit(other.kernels, 1e-4, 1.0, 60, "decision")
    chosen = compared_with_axes(task, first, other, learned_gain=gain)[-1].kernels
    assert len(chosen) == n_kernels
    assert (chosen[0].activation == first.kernels[0].activation) == is_first


def test_a_kernel_that_is_clearly_worse_is_in_no_sum():
    task, first = table(120), plain()
    far = plain(scale=20.0)
    assert judged_at_last(task, far).error > 1.2 * judged_at_last(task, first).error
    assert [len(fit.kernels) for fit in compared_with_axes(task, first, far)] == [1, 1]
