import numpy as np
import pytest

from sknnk._kernel_learning import axes, comparison, kernel_scores
from sknnk._kernel_learning.axes import MOST_TURNS
from sknnk._kernel_learning.comparison import decide
from sknnk._kernel_learning.search import kernel_families
from sknnk._kernel_learning.trials import Fit, SearchTask
from sknnk._kernels import Kernel, kernel_matrix
from sknnk._ridge.solvers.dual import solve_dual

ALL = kernel_families("auto", "auto")


def rows_of(n=200, n_features=6, seed=0, angle=True, noise=0.05):
    """Targets that depend on one combination of the columns, or on one column."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    direction = np.ones(n_features) / np.sqrt(n_features) if angle else np.eye(n_features)[0]
    return X, np.sin(2.0 * X @ direction)[:, None] + noise * rng.normal(size=(n, 1))


def fits_of(families=ALL, n_features=6, alpha=0.1, scale=0.4):
    return [Fit((Kernel(*family, np.full(n_features, scale)),), alpha, 0.5, 60, "refinement") for family in families]


def decided(X, Y, fits=None, learn_axes=False, seed=0, threads=1, alphas=None, gain=0.0):
    task = SearchTask(X, Y, np.ones(len(X)), alphas, threads=threads)
    return decide(task, fits_of() if fits is None else fits, learn_axes, np.random.default_rng(seed), gain)


def new_error(fit, X, Y, new, targets):
    solution = solve_dual(kernel_matrix(fit.kernels, X, X).copy(order="F"), Y, np.ones(len(X)), fit.alpha)
    prediction = kernel_matrix(fit.kernels, new, X) @ solution.coef + solution.intercept
    return np.mean((prediction - targets) ** 2) / np.var(targets)


def test_every_family_is_judged_and_then_sums_of_the_best():
    finals = decided(*rows_of())
    assert [len(fit.kernels) for fit in finals[:5]] == [1, 1, 1, 2, 3] and len(finals) == 6
    assert [kernel.weight for kernel in finals[4].kernels] == [1.0 / 3.0] * 3
    order = sorted(finals[:3], key=lambda fit: fit.error)
    for n, fit in enumerate(finals[3:5], 2):
        assert [kernel.activation for kernel in fit.kernels] == [one.kernels[0].activation for one in order[:n]]
        assert [kernel.frequencies for kernel in fit.kernels] == [one.kernels[0].frequencies for one in order[:n]]
    nested = [order[0], *finals[3:5]]
    close = [fit for fit in nested if fit.error <= 1.02 * min(fit.error for fit in nested)]
    assert finals[5] is close[-1]
    assert {fit.stage for fit in finals} == {"decision"}


@pytest.mark.parametrize("repeated", [False, True])
def test_where_rows_repeat_the_first_kernel_tells_whether_all_have_a_small_penalty(repeated, monkeypatch):
    X, Y = rows_of(60)
    rows = np.arange(60) // 2 if repeated else np.arange(60)
    tried, score = [], kernel_scores.CrossValidation.score
    monkeypatch.setattr(
        kernel_scores.CrossValidation, "score", lambda self, K, alpha: tried.append(alpha) or score(self, K, alpha)
    )
    found = decided(X[rows], Y[rows], fits_of(alpha=1.0))
    assert tried[:6] == pytest.approx([1.0, *[0.01] * 5] if repeated else [1.0] * 5 + tried[5:6])
    # What stands on both sides of a fold is best remembered.
    assert all((fit.alpha < 0.1) == repeated for fit in found[:5])


def test_where_nothing_is_gained_by_remembering_repeated_rows_that_is_asked_once(monkeypatch):
    X, _ = rows_of(60)
    # Copies of inputs, of which each has noise of its own: what one says of the other is best forgotten.
    noise = np.random.default_rng(1).normal(size=(60, 1))
    tried, score = [], kernel_scores.CrossValidation.score
    monkeypatch.setattr(
        kernel_scores.CrossValidation, "score", lambda self, K, alpha: tried.append(alpha) or score(self, K, alpha)
    )
    found = decided(X[np.arange(60) // 2], noise, fits_of(alpha=1.0))
    assert tried[:6] == pytest.approx([1.0, 0.01, *[1.0] * 4])
    assert all(fit.alpha == pytest.approx(1.0) for fit in found[:5])


@pytest.mark.parametrize("family", [family for family in ALL if family[1] == "isotropic"])
def test_learned_axes_find_the_combination_of_columns_that_matters(family):
    X, Y = rows_of(400)
    new, targets = rows_of(400, seed=1)
    plain, along = (decided(X, Y, fits_of([family]), learn)[-1] for learn in (False, True))
    kernel = along.kernels[0]
    assert plain.kernels[0].projection is None and kernel.projection.shape == (6, 6)
    # Rows that differ along the combination are far apart, across it they are close.
    direction, across = np.ones(6) / np.sqrt(6.0), np.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.0]) / np.sqrt(2.0)
    far, near = (np.linalg.norm((each * kernel.scales) @ kernel.projection) for each in (direction, across))
    assert far > 3.0 * near
    assert along.error < 0.6 * plain.error
    assert new_error(along, X, Y, new, targets) < 0.6 * new_error(plain, X, Y, new, targets)


def test_kernels_far_behind_on_few_rows_are_not_compared_but_for_the_isotropic_one_that_may_learn_axes():
    smooth, rough, single = ALL[1], ALL[2], ALL[0]

    def compared(*given):
        fits = [Fit((Kernel(*family, np.ones(2)),), 0.1, error, 60, "refinement") for family, error in given]
        return [fits.index(fit) for fit in comparison._contenders(fits, 1.1)]

    assert compared((single, 1.0), (single, 1.09), (single, 1.11), (smooth, 1.49), (rough, 1.51)) == [0, 1, 3]
    # Behind the first of its family, which is not the first of all.
    assert compared((single, 1.0), (smooth, 1.2), (smooth, 1.3), (smooth, 1.4)) == [0, 1, 2]
    assert compared((single, 1.0), (rough, 9.0), (smooth, 9.5)) == [0, 1]


def test_of_two_kernels_of_a_family_the_one_that_is_better_on_more_rows_is_left():
    X, Y = rows_of(300)
    good, bad = (Fit((Kernel(*ALL[1], np.full(6, s)),), 0.1, e, 60, "refinement") for s, e in ((0.4, 0.5), (9.0, 0.49)))
    finals = decided(X, Y, [bad, good])
    assert len(finals) == 3 and finals[1].error < finals[0].error
    assert len(finals[-1].kernels) == 1 and finals[-1].kernels[0].scales[0] == 0.4


def test_learned_scales_must_gain_the_share_that_is_asked_for():
    X, Y = rows_of(300)
    plain = Fit((Kernel(*ALL[1], np.full(6, 0.4)),), 0.1, 0.4, 60, "refinement")
    learned = Fit((Kernel(*ALL[1], np.full(6, 0.8)),), 0.1, 0.3, 60, "feature learning")
    # Where nothing is asked of learned scales, few rows may speak for them.
    (better, *_, choice), (worse, *_) = decided(X, Y, [learned, plain]), decided(X, Y, [plain])
    assert choice.kernels[0].scales[0] == 0.8 and better.error < 0.9 * worse.error
    gained = 1.0 - better.error / worse.error
    for gain, expected in ((0.9 * gained, 0.8), (1.1 * gained, 0.4)):
        finals = decided(X, Y, [learned, plain], gain=gain)
        assert [fit.error for fit in finals[:2]] == [better.error, worse.error]
        assert finals[-1].kernels[0].scales[0] == expected


@pytest.mark.parametrize(("gain", "turned"), [(0.0, True), (0.999, False)])
def test_axes_must_gain_the_share_that_is_asked_for(gain, turned):
    X, Y = rows_of(400)
    finals = decided(X, Y, fits_of(ALL[1:2]), learn_axes=True, gain=gain)
    assert (finals[-1].kernels[0].projection is not None) == turned


def test_axes_that_gain_nothing_are_not_kept():
    X, Y = rows_of(200)
    noise = np.random.default_rng(1).normal(size=Y.shape)
    finals = decided(X, noise, fits_of(ALL[1:2], alpha=100.0), learn_axes=True)
    # One turn is tried, and its like is not in the choice.
    assert [fit.kernels[0].projection is None for fit in finals] == [True, False, True]


def test_only_the_best_isotropic_kernel_learns_axes_and_no_more_often_than_it_helps():
    finals = decided(*rows_of(400), learn_axes=True)
    singles = finals[:3]
    turns = [fit for fit in finals[3:] if len(fit.kernels) == 1 and fit.kernels[0].projection is not None][:-1]
    best = min((fit for fit in singles if fit.kernels[0].frequencies == "isotropic"), key=lambda fit: fit.error)
    assert 1 <= len(turns) <= MOST_TURNS
    assert {(fit.kernels[0].activation, fit.kernels[0].frequencies) for fit in turns} == {
        (best.kernels[0].activation, best.kernels[0].frequencies)
    }
    assert decided(*rows_of(60), fits_of(ALL[:1]), learn_axes=True)[-1].kernels[0].projection is None


@pytest.mark.parametrize(("n", "n_judged"), [(41, 20), (60, 25), (87, 29), (90, 40), (120, 40)])
def test_rows_that_judge_axes_are_not_those_that_they_are_learned_from(n, n_judged, monkeypatch):
    for name, value in {"_HELD_ROWS": 40, "_COMPARED_ROWS": 90, "_FEWEST_JUDGED": 25}.items():
        monkeypatch.setattr(comparison, name, value)
    seen, turned, held = [], axes.rotated_by_agop, kernel_scores.CrossValidation.score
    monkeypatch.setattr(axes, "rotated_by_agop", lambda task, *rest: seen.append(task.X) or turned(task, *rest))
    judged = []
    monkeypatch.setattr(
        kernel_scores.CrossValidation, "score", lambda self, K, a: judged.append(self.n_held) or held(self, K, a)
    )
    X, Y = rows_of(n)
    decided(X, Y, fits_of(ALL[1:2]), learn_axes=True)
    n_compared = min(90, n)
    # Rows beyond those that are compared are for learning, too.
    np.testing.assert_array_equal(seen[0], np.delete(X, slice(n_compared - n_judged, n_compared), axis=0))
    assert set(judged) == {40, n_judged}


def test_axes_do_not_depend_on_the_units_of_columns_nor_on_threads():
    X, Y = rows_of(150)
    units = np.array([1e-9, 1e9, 1.0, 1e3, 1e-3, 1e6])
    family = ALL[1:2]
    expected = decided(X, Y, fits_of(family), learn_axes=True)
    scaled = [Fit((Kernel(*family[0], 0.4 / units),), 0.1, 0.5, 60, "refinement")]
    for found in (decided(X * units, Y, scaled, True), decided(X, Y, fits_of(family), True, threads=3)):
        assert [fit.error for fit in found] == pytest.approx([fit.error for fit in expected], rel=1e-6)
