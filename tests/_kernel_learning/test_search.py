from dataclasses import replace

import numpy as np
import pytest

from sknnk._data.rows import unit_rows
from sknnk._kernel_learning import comparison, kernel_scores, length_scales, search
from sknnk._kernel_learning.search import kernel_families, learned_kernels, search_kernel
from sknnk._kernel_learning.trials import Fit, SearchTask
from sknnk._kernels import kernel_matrix
from sknnk._ridge.solvers.dual import held_out_residuals, solve_dual

ALL = kernel_families("auto", "auto")
ONE = [("gaussian", "isotropic")]


def table(n=120, n_features=5, seed=0, noise=0.05):
    """Targets that depend on the first column, and a little on the second."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    Y = np.column_stack([np.sin(3.0 * X[:, 0]) + 0.3 * X[:, 1], np.cos(2.0 * X[:, 0])])
    return X, Y + noise * rng.normal(size=Y.shape)


def task_of(X, Y, weight=None, alphas=None, seed=3, threads=1):
    weight, rng = np.ones(len(X)) if weight is None else weight, np.random.default_rng(seed)
    return SearchTask.of(*unit_rows(X, Y, weight, rng), alphas, threads), rng


def choice_of(X, Y, weight=None, families=ALL, length_scale=None, alphas=None, learn=True, seed=3, threads=1):
    task, rng = task_of(X, Y, weight, alphas, seed, threads)
    return search_kernel([task], families, length_scale, learn, rng)


def family_of(fit):
    return fit.kernels[0].activation, fit.kernels[0].frequencies


def same_fits(a, b, rtol=0.0):
    assert len(a.history) == len(b.history)
    for one, other in zip(a.history, b.history, strict=True):
        assert (one.stage, one.n_rows, len(one.kernels)) == (other.stage, other.n_rows, len(other.kernels))
        assert one.alpha == pytest.approx(other.alpha, rel=rtol, abs=0.0)
        assert one.error == pytest.approx(other.error, rel=10.0 * rtol, abs=0.0)
        for kernel, counterpart in zip(one.kernels, other.kernels, strict=True):
            assert (kernel.activation, kernel.frequencies) == (counterpart.activation, counterpart.frequencies)
            np.testing.assert_allclose(kernel.scales, counterpart.scales, rtol=rtol)


@pytest.mark.parametrize("family", ALL)
def test_learned_scales_are_large_for_columns_that_matter_and_small_for_the_others(family):
    X, Y = table()
    scales = choice_of(X, Y, families=[family]).best.kernels[0].column_scales
    assert scales[0] > 3.0 * scales[1:].max()
    if family[1] == "isotropic":  # otherwise columns add up, and each follows the noise a little
        assert scales[0] > 3.0 * scales[1] > 4.5 * scales[2:].max()


@pytest.mark.parametrize("family", ALL)
def test_learning_lowers_the_error_on_held_out_rows_and_on_new_ones(family):
    X, Y = table()
    new, targets = table(400, seed=1)
    plain, learned = (choice_of(X, Y, families=[family], learn=learn).best for learn in (False, True))
    # A kernel that adds up columns needs to learn less of them.
    factor = 0.7 if family[1] == "isotropic" else 0.98
    assert learned.error < factor * plain.error
    errors = []
    for fit in (plain, learned):
        solution = solve_dual(kernel_matrix(fit.kernels, X, X).copy(order="F"), Y, np.ones(len(X)), fit.alpha)
        prediction = kernel_matrix(fit.kernels, new, X) @ solution.coef + solution.intercept
        errors.append(np.mean((prediction - targets) ** 2))
    assert errors[1] < factor * errors[0]


def test_the_error_of_a_fit_is_that_of_explicit_cross_validation():
    X, Y = table(40)
    rng = np.random.default_rng(0)
    rows, targets, weight = unit_rows(X, Y, np.ones(40), rng)
    fit = search_kernel([SearchTask.of(rows, targets, weight)], ONE, None, False, rng).best
    standard = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    squares = []
    for fold in (np.arange(i, 40, 4) for i in range(4)):
        kept = np.setdiff1d(np.arange(40), fold)
        K = kernel_matrix(fit.kernels, rows[kept], rows[kept])
        solution = solve_dual(K.copy(order="F"), standard[kept], weight[kept], fit.alpha)
        held = kernel_matrix(fit.kernels, rows[fold], rows[kept]) @ solution.coef + solution.intercept
        squares.append((held - standard[fold]) ** 2)
    assert fit.error == pytest.approx(np.mean(np.concatenate(squares)), rel=1e-7)


def test_the_best_kernels_of_every_family_with_equal_and_with_learned_scales_come_to_the_decision(monkeypatch):
    monkeypatch.setattr(comparison, "_contenders", lambda best, _: list(best))
    choice = choice_of(*table())
    finals = [fit for fit in choice.history if fit.stage == "decision"]
    assert choice.history[-len(finals) :] == finals and choice.best is finals[-1]
    for family in ALL:
        own = [fit for fit in choice.history if family_of(fit) == family and fit not in finals]
        found = [fit.kernels[0].scales for fit in finals[:6] if family_of(fit) == family]
        best = [
            min((fit for fit in own if fit.stage == stage), key=lambda fit: fit.error)
            for stage in ("refinement", "feature learning")
        ]
        for scales, fit in zip(found, sorted(best, key=lambda fit: fit.error), strict=True):
            np.testing.assert_array_equal(scales, fit.kernels[0].scales)


def test_one_family_is_decided_on_only_where_something_is_learned():
    for families, learn, decided in ((ONE, True, True), (ONE, False, False), (ALL[:1], True, True)):
        choice = choice_of(*table(60), families=families, learn=learn)
        # The last one is the choice at its best penalty.
        assert (sum(fit.stage == "decision" for fit in choice.history) > 1) == decided


def test_learned_are_the_best_with_scales_of_their_own_of_each_family():
    choice, (task, rng) = choice_of(*table()), task_of(*table())
    fits = [fit for fit in learned_kernels(task, ALL, rng) if fit.kernels[0].projection is None]
    assert [fit.error for fit in fits] == sorted(fit.error for fit in fits)
    for family, fit in zip(ALL, sorted(fits, key=lambda fit: ALL.index(family_of(fit))), strict=True):
        assert family_of(fit) == family and np.ptp(fit.kernels[0].scales) > 0.0
        others = [other for other in choice.history if other.stage == "feature learning" and family_of(other) == family]
        assert fit.error == pytest.approx(min(other.error for other in others), rel=1e-9)


def test_where_columns_add_up_the_isotropic_one_is_also_learned_along_axes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    Y = np.sin(X[:, :1] + X[:, 1:2] - X[:, 2:3]) + 0.05 * rng.normal(size=(400, 1))
    told = []
    task, rng = task_of(X, Y)
    fits = learned_kernels(replace(task, done=lambda: told.append(0)), ALL, rng)
    assert [fit.kernels[0].projection is not None for fit in fits] == [False, False, False, True]
    isotropic = min((fit for fit in fits[:3] if family_of(fit)[1] == "isotropic"), key=lambda fit: fit.error)
    assert family_of(fits[3]) == family_of(isotropic) and fits[3].stage == "decision"
    assert len(told) <= search.kernels_tried(3, True, True, decide=False)
    assert len(learned_kernels(*task_of(X, Y)[:1], ALL[:1], rng)) == 1


def test_the_steps_are_as_many_as_announced():
    for families, free, learn in ((ALL, True, True), (ALL, True, False), (ALL, False, False), (ONE, True, True)):
        choice = choice_of(*table(60), families=families, length_scale=None if free else 1.0, learn=learn)
        most = search.kernels_tried(len(families), free, learn)
        # Equal scales are refined only where they are better than learned ones; rounds and turns end that do not help,
        # kernels that are far behind are not compared, and so few rows are not tuned.
        few = learn * (len(families) * (1 + 3) + 2 + search.MOST_WHOLE_ROUNDS + 2)
        far = (2 + learn) * len(families) - 2 if len(families) > 1 or learn else 0
        assert most - few - far <= len(choice.history) <= most


def test_many_rows_are_asked_for_lengths_up_to_the_next_minimum():
    X, Y = table(600)
    task, rng = task_of(X, Y)
    first = [fit for fit in search_kernel([task], ALL, None, False, rng).history if fit.stage == "length scale"]
    for family in ALL:
        own = [fit for fit in first if family_of(fit) == family]
        errors = {float(np.round(own[0].kernels[0].scales[0] / fit.kernels[0].scales[0], 6)): fit.error for fit in own}
        best = min(errors, key=errors.get)
        # Both neighbours of the best were tried, unless it is the shortest or longest of all.
        assert all(factor in errors or not 0.25 <= factor <= 4.0 for factor in (best / 2.0, 2.0 * best))
        assert set(errors) <= set(search._LENGTH_FACTORS) and len(errors) == len(own)
    assert len(first) < len(ALL) * len(search._LENGTH_FACTORS)


def test_threads_do_not_matter_and_the_same_seed_gives_the_same_choice():
    X, Y = table(60)
    expected = choice_of(X, Y)
    same_fits(choice_of(X, Y), expected)
    same_fits(choice_of(X, Y, threads=3), expected, rtol=1e-9)


def test_a_table_in_which_every_row_stands_twice_has_the_kernel_of_the_table_and_twice_its_penalty():
    X, Y = table(60)
    once, twice = choice_of(X, Y), choice_of(X, Y, np.full(60, 2.0))
    for fit, counterpart in zip(once.history, twice.history, strict=True):
        assert counterpart.alpha == pytest.approx(2.0 * fit.alpha, rel=1e-9)
        assert counterpart.error == pytest.approx(fit.error, rel=1e-9)
    for kernel, other in zip(once.best.kernels, twice.best.kernels, strict=True):
        np.testing.assert_allclose(kernel.scales, other.scales, rtol=1e-9)


def test_only_given_penalties_are_tried():
    choice = choice_of(*table(40), alphas=[1e-4, 1.0, 0.1])
    assert {fit.alpha for fit in choice.history} <= {1e-4, 0.1, 1.0}
    assert all(fit.alpha == 0.3 for fit in choice_of(*table(40), alphas=[0.3]).history)


@pytest.mark.parametrize("length_scale", [0.7, np.array([0.5, 1.0, 2.0, 3.0, 4.0])])
@pytest.mark.parametrize("learn", [True, False])
def test_a_fixed_length_scale_stays(length_scale, learn):
    for fit in choice_of(*table(40), length_scale=length_scale, learn=learn).history:
        for kernel in fit.kernels:
            np.testing.assert_allclose(kernel.scales, np.broadcast_to(1.0 / length_scale, 5))


def test_without_learning_all_columns_keep_one_scale():
    assert all(
        np.ptp(kernel.scales) == 0.0 for fit in choice_of(*table(40), learn=False).history for kernel in fit.kernels
    )


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e160, 1e300])
def test_the_unit_of_the_inputs_does_not_matter(unit):
    X, Y = table(30)
    expected, found = choice_of(X, Y).best, choice_of(unit * X, Y).best
    assert found.error == pytest.approx(expected.error, rel=1e-6)
    np.testing.assert_allclose(found.kernels[0].scales * unit, expected.kernels[0].scales, rtol=1e-6)


@pytest.mark.parametrize("family", ALL)
def test_a_huge_constant_column_among_tiny_ones_does_no_harm(family):
    X, Y = table(30, 2)
    expected = choice_of(X, Y, families=[family]).best
    found = choice_of(np.column_stack([1e-200 * X, np.full(30, 1e300)]), Y, families=[family]).best
    assert found.error == pytest.approx(expected.error, rel=1e-6)


def test_a_constant_target_and_constant_inputs_give_finite_errors_of_what_is_there():
    X, Y = table(30)
    constant = choice_of(X, np.ones((30, 1)))
    assert constant.best.error == pytest.approx(0.0, abs=1e-20)
    same_inputs = choice_of(np.ones((30, 2)), Y)
    # Held-out means are all there is; a fold of a quarter adds a third of its variance.
    assert 1.0 < same_inputs.best.error < 1.5
    assert np.all(np.isfinite(same_inputs.best.kernels[0].scales))


def test_a_kernel_that_float64_cannot_factor_loses_against_one_that_it_can():
    X, Y = table(60, 2)
    fits = choice_of(X, Y, families=ONE, length_scale=50.0, alphas=[1e-18, 1.0]).history
    assert all(fit.alpha == 1.0 and np.isfinite(fit.error) for fit in fits)
    hopeless = choice_of(X, Y, families=ONE, length_scale=50.0, alphas=[1e-18])
    assert hopeless.best.error == np.inf


def test_a_fold_that_float64_cannot_leave_out_counts_as_no_fit(monkeypatch):
    monkeypatch.setattr(kernel_scores, "held_out_residuals", lambda *_: None)
    assert choice_of(*table(20), families=ONE).best.error == np.inf


def test_rows_of_the_stages_grow(monkeypatch):
    monkeypatch.setattr(search, "_STAGE_ROWS", (20, 30))
    monkeypatch.setattr(length_scales, "_JUDGED_ROWS", 12)
    monkeypatch.setattr(comparison, "_HELD_ROWS", 15)
    X, Y = table(50)
    choice = choice_of(X, Y)
    assert {(fit.stage, fit.n_rows) for fit in choice.history} == {
        ("length scale", 20),
        ("refinement", 30),
        ("feature learning", 30),
        ("decision", 50),
    }
    # Learning and the decision look at the last rows alone.
    rows, targets, weight = unit_rows(X, Y, np.ones(50), np.random.default_rng(3))
    standard = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    for stage, n, n_held in (("refinement", 30, 12), ("feature learning", 30, 12), ("decision", 50, 15)):
        fit = next(fit for fit in choice.history if fit.stage == stage)
        K = kernel_matrix(fit.kernels, rows[:n], rows[:n]).copy(order="F")
        solution = solve_dual(K, standard[:n], weight[:n], fit.alpha, n_held)
        left = held_out_residuals(solution, 4)
        assert fit.error == pytest.approx(np.mean(left**2), rel=1e-8)


def test_families_agree_with_what_is_fixed_and_occur_once():
    assert kernel_families("auto", "auto") == [
        ("cauchy", "coordinatewise"),
        ("gaussian", "isotropic"),
        ("cauchy", "isotropic"),
    ]
    assert kernel_families("auto", "coordinatewise") == [("cauchy", "coordinatewise"), ("gaussian", "coordinatewise")]
    assert kernel_families("tanh", "auto") == [("tanh", "coordinatewise"), ("tanh", "isotropic")]
    assert kernel_families(np.sin, "isotropic") == [(np.sin, "isotropic")]


def test_other_inputs_are_taken_where_they_gain_in_the_end():
    X, Y = table(200, 2, noise=0.01)
    bent = np.sign(X) * np.abs(X) ** 5
    (good, rng), (bad, _) = task_of(X, Y), task_of(bent, Y)
    assert search_kernel([good, bad], ALL, None, False, rng).place == 0
    choice = search_kernel([bad, good], ALL, None, False, np.random.default_rng(0))
    alone = search_kernel([good], ALL, None, False, np.random.default_rng(0))
    assert choice.place == 1 and alone.place == 0
    assert choice.best.error == pytest.approx(alone.best.error, rel=1e-6)
    # No gain, no other inputs.
    assert search_kernel([good, good], ALL, None, False, rng).place == 0


def test_inputs_that_are_hardly_worse_on_few_rows_may_be_better_in_the_end(monkeypatch):
    X, Y = table(200, 2, noise=0.01)
    task, rng = task_of(X, Y)
    judged = iter([0.5, 0.4])
    monkeypatch.setattr(search, "judged_at_last", lambda task, fit: replace(fit, error=next(judged)))
    assert search_kernel([task, task], ALL, None, False, rng).place == 1


@pytest.mark.parametrize(
    ("first", "other", "places"),
    [
        ([1.0, 1.0], [1.05, 1.05], [0, 1]),
        ([1.0, 1.0], [0.95, 0.95], [0, 1]),
        ([1.0, 1.0], [1.2, 1.2], [0]),
        ([1.0, 1.0], [0.8, 0.8], [0, 1]),
        ([1.0, 1.0], [0.6, 0.6], [1]),
        ([1.0, 1.0], [0.3, 5.5], [0]),
        ([np.inf, 1.0], [1.0, 1.0], [1]),
        ([1.0, 1.0], [np.inf, 0.1], [0]),
        ([np.inf, np.inf], [np.inf, np.inf], [0]),
        ([0.0, 0.0], [0.0, 0.0], [0, 1]),
    ],
)
def test_inputs_worth_a_search_are_told_by_the_geometric_mean_over_families(first, other, places):
    starts = [
        [search._Start([], None, kernel_scores.Score(1.0, error, None)) for error in errors]
        for errors in (first, other)
    ]
    assert search._possible_inputs(starts) == places


@pytest.mark.parametrize(
    ("errors", "places"),
    [
        ([[[0.2, 0.3], [0.5]], [[0.22], [0.6]], [[0.3], [0.4]]], [0, 1]),
        ([[[0.3, 0.3], [0.5]], [[0.4], [0.4, 0.2]], [[0.25], [0.4]]], [1, 2]),
        ([[[0.3], [0.5]]], [0]),
        ([[[np.inf]], [[np.inf]], [[np.inf]]], [0, 1]),
    ],
)
def test_the_two_inputs_with_the_best_kernels_take_part_in_the_decision(errors, places):
    tried = [
        [[Fit((), 1.0, error, 60, "feature learning") for error in family] for family in inputs] for inputs in errors
    ]
    assert search._best_inputs(dict(enumerate(tried))) == places
