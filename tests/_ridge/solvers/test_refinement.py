"""Sums in float32 and residuals in float64 give the solution of float64, or leave it to sums in float64."""

import pickle

import numpy as np
import pytest
from scipy import sparse

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk._networks import fitted_network
from sknnk._ridge import accumulation
from sknnk._ridge.solvers import refinement
from sknnk._ridge.solvers.cholesky import MomentsSolution
from sknnk._ridge.solvers.refinement import is_worth_two_precisions

N, FIXED = 1500, {"activation": "gaussian", "frequencies": "isotropic", "directions": "orthogonal", "length_scale": 2.0}


@pytest.fixture(autouse=True)
def short_sums_count(monkeypatch):
    monkeypatch.setattr(refinement, "_LEAST_PRODUCTS", 0.0)
    monkeypatch.setattr(refinement, "_LEAST_COLUMNS", 1)


@pytest.fixture
def passes(monkeypatch):
    """Corrections that were made, one list for each solution in two precisions."""
    made, refined = [], refinement._refined

    def counted(operator, *rest):
        made.append([])
        products = operator.residual_products
        operator.residual_products = lambda *values: made[-1].append(0) or products(*values)
        return refined(operator, *rest)

    monkeypatch.setattr(refinement, "_refined", counted)
    return made


def table(seed=0, n=N, n_targets=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    Y = np.column_stack([np.sin(2.0 * X[:, 0]) + X[:, 1] ** 2, 1e3 * np.cos(X[:, 2]), X[:, 3]])
    Y = Y + 0.1 * rng.normal(size=Y.shape)
    return X, Y[:, 0] if n_targets is None else Y[:, :n_targets]


def network(n_components=50, alpha=0.1, **options):
    return BundledNetworkRegressor(n_components, alpha=alpha, solver="primal", random_state=0, **(FIXED | options))


def in_float64(monkeypatch, model, *data, **fit_params):
    with monkeypatch.context() as patched:
        patched.setattr(refinement, "_LEAST_COLUMNS", np.inf)
        return model.fit(*data, **fit_params)


@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_components", [50, 49, (20, 30)])
@pytest.mark.parametrize("transform", [None, "quantile"])
def test_the_solution_is_that_of_float64(transform, n_components, weighted, n_targets, passes, monkeypatch):
    X, y = table(n_targets=n_targets)
    weight = 10.0 ** np.random.default_rng(1).uniform(-2, 2, N) if weighted else None
    options = {"input_transform": transform, "alpha": 1.0 if weighted else 0.1}
    model = network(n_components, **options).fit(X, y, sample_weight=weight)
    exact = in_float64(monkeypatch, network(n_components, **options), X, y, sample_weight=weight)
    assert len(passes) == 1 and 1 <= len(passes[0]) <= refinement.MOST_PASSES
    spread = np.std(y, axis=0)
    assert np.all(np.abs(model.predict(X) - exact.predict(X)).max(axis=0) < 1e-9 * spread)
    np.testing.assert_allclose(model.noise_variance_, exact.noise_variance_, rtol=1e-6)
    np.testing.assert_allclose(model.effective_dof_, exact.effective_dof_, rtol=1e-4)
    np.testing.assert_allclose(model.intercept_, exact.intercept_, rtol=0, atol=1e-8 * np.max(np.abs(y)))
    np.testing.assert_array_equal(model.alpha_, exact.alpha_, strict=True)
    assert model.n_iter_ == exact.n_iter_ == 1


@pytest.mark.parametrize("alphas", [np.logspace(-2, 2, 9), np.array([[0.1, 1.0, 10.0]]), "auto"])
def test_the_best_of_several_penalties_is_that_of_float64(alphas, passes, monkeypatch):
    X, Y = table(n_targets=3)
    model, exact = network(alpha=alphas).fit(X, Y), in_float64(monkeypatch, network(alpha=alphas), X, Y)
    assert len(passes) == 1 and isinstance(fitted_network(model).solution, MomentsSolution)
    np.testing.assert_array_equal(model.alpha_, exact.alpha_)
    assert np.all(np.abs(model.predict(X) - exact.predict(X)).max(axis=0) < 1e-9 * np.std(Y, axis=0))
    np.testing.assert_allclose(model.noise_variance_, exact.noise_variance_, rtol=1e-6)
    stds = [each.predict(X[:50], return_std=True)[1] for each in (model, exact)]
    np.testing.assert_allclose(*stds, rtol=1e-5)
    # Sums that are added to go on from the same solution.
    more, targets = table(seed=1, n=200, n_targets=3)
    for each in (model, exact):
        each.partial_fit(more, targets)
    assert np.all(np.abs(model.predict(X) - exact.predict(X)).max(axis=0) < 1e-3 * np.std(Y, axis=0))


def test_penalties_of_a_fit_without_noise_are_compared_in_float64(passes, monkeypatch):
    X, _ = table()
    plain = {"input_transform": None}
    y = np.cos(X @ network(alpha=1.0, **plain).fit(X, X[:, 0]).samplers_[0].random_weights_[:, 0])
    plain["alpha"] = np.logspace(-3, 2, 11)
    model, exact = network(**plain).fit(X, y), in_float64(monkeypatch, network(**plain), X, y)
    assert len(passes) == 1  # of the first fit above, which has one penalty
    assert np.array_equal(model.output_coef_, exact.output_coef_)


def test_without_corrections_it_is_not(passes, monkeypatch):
    X, y = table()
    exact = in_float64(monkeypatch, network(), X, y).predict(X)

    def uncorrected(operator, Y, sums, coef, *_):
        operator.residual_products(Y, coef, np.zeros(1))  # for the mean
        return coef, np.zeros(1)

    monkeypatch.setattr(refinement, "_refined", uncorrected)
    for alpha in (0.1, np.array([0.1, 1.0])):
        assert np.abs(network(alpha=alpha).fit(X, y).predict(X) - exact).max() > 1e-8 * np.std(y)


def test_corrections_go_on_until_little_is_left(passes, monkeypatch):
    X, y = table()
    network(alpha=0.1).fit(X, y)
    monkeypatch.setattr(refinement, "LAST_SHARE", 0.0)
    model = network(alpha=0.1).fit(X, y)
    assert len(passes[0]) < len(passes[1]) == refinement.MOST_PASSES
    exact = in_float64(monkeypatch, network(alpha=0.1), X, y)
    np.testing.assert_allclose(model.output_coef_, exact.output_coef_, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("first", [1e-30, np.nan])
@pytest.mark.parametrize("alpha", [0.1, np.array([0.1, 1.0])])
def test_corrections_that_do_not_shrink_mean_float64(alpha, first, passes, monkeypatch):
    monkeypatch.setattr(refinement, "FIRST_SHARE", first)
    X, y = table()
    model, exact = network(alpha=alpha).fit(X, y), in_float64(monkeypatch, network(alpha=alpha), X, y)
    assert len(passes) == 1
    assert np.array_equal(model.output_coef_, exact.output_coef_)


@pytest.mark.parametrize(("alpha", "mixed"), [(1.6e-5, True), (1.4e-5, False), (1e-12, False)])
def test_a_penalty_too_small_for_float32_means_float64(alpha, mixed, passes, monkeypatch):
    X, y = table()
    model, exact = network(alpha=alpha).fit(X, y), in_float64(monkeypatch, network(alpha=alpha), X, y)
    assert bool(passes) == mixed
    assert np.abs(model.predict(X) - exact.predict(X)).max() < 1e-6


def test_sums_in_float32_without_a_factor_mean_float64(passes, monkeypatch):
    monkeypatch.setattr(refinement, "penalised_solution", lambda *_: None)
    X, y = table()
    model, exact = network().fit(X, y), in_float64(monkeypatch, network(), X, y)
    assert passes == []
    assert np.array_equal(model.output_coef_, exact.output_coef_)


def test_columns_that_float32_cannot_hold_mean_float64(passes):
    X, y = table()
    X[:, 0] += 1.7e9  # seconds since 1970
    network(input_transform=None).fit(X, y)
    assert passes == []
    network(input_transform="quantile").fit(X, y)
    assert len(passes) == 1


def test_rows_penalties_and_tables_for_which_it_is_not_meant():
    X, alpha = np.zeros((1000, 2)), np.array([[0.1]])
    assert is_worth_two_precisions(alpha, X, 40, 1e3)
    assert not is_worth_two_precisions(alpha, X, 41, 1e3)
    assert not is_worth_two_precisions(alpha, X.astype(np.float32), 40, 1e3)
    assert not is_worth_two_precisions(alpha, sparse.csr_array(X), 40, 1e3)
    assert not is_worth_two_precisions(alpha, X, 40, 1e9)
    assert not is_worth_two_precisions(np.array([[0.1], [0.0]]), X, 40, 1e3)


def test_short_sums_are_not_worth_it(monkeypatch):
    monkeypatch.undo()
    assert not is_worth_two_precisions(np.array([[1.0]]), np.zeros((1000, 2)), 40, 1e3)
    assert is_worth_two_precisions(np.array([[1.0]]), np.zeros((50_000, 2)), 2000, 5e4)
    # Fewer columns are summed in less time than they are evaluated in.
    assert not is_worth_two_precisions(np.array([[1.0]]), np.zeros((500_000, 2)), 900, 5e5)


@pytest.mark.parametrize("options", [{"batch_size": 7}, {"batch_size": 1000}, {"n_jobs": 1}, {"n_jobs": 3}])
def test_blocks_and_threads_do_not_matter(options):
    X, y = table()
    np.testing.assert_allclose(
        network(**options).fit(X, y).output_coef_, network().fit(X, y).output_coef_, rtol=1e-8, atol=1e-10
    )


def test_what_comes_after_the_fit_works_on_these_sums(monkeypatch):
    X, y = table()
    model, exact = network().fit(X, y), in_float64(monkeypatch, network(), X, y)
    assert isinstance(fitted_network(model).solution, MomentsSolution)
    stds = [each.predict(X[:50], return_std=True)[1] for each in (model, exact)]
    np.testing.assert_allclose(*stds, rtol=1e-5)
    np.testing.assert_allclose(
        model.predict_interval(X[:50], 0.9), exact.predict_interval(X[:50], 0.9), rtol=1e-5, atol=1e-6
    )
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    more, target = table(seed=1, n=200)
    for each in (again, exact):
        each.partial_fit(more, target)
    assert np.abs(again.predict(X) - exact.predict(X)).max() < 1e-5 * np.std(y)


def test_classes_are_targets_like_any_other(monkeypatch, passes):
    X, y = table()
    labels = np.digitize(y, [0.0, 1.0])
    models = [BundledNetworkClassifier(40, alpha=0.1, solver="primal", random_state=0, **FIXED) for _ in range(2)]
    model, exact = models[0].fit(X, labels), in_float64(monkeypatch, models[1], X, labels)
    assert len(passes) == 1
    np.testing.assert_allclose(model.predict_proba(X), exact.predict_proba(X), rtol=1e-6, atol=1e-8)


def test_constant_targets_and_columns():
    X, _ = table()
    X[:, 1] = 3.0
    model = network(input_transform=None).fit(X, np.full(N, 2.5))
    assert np.abs(model.predict(X) - 2.5).max() < 1e-12 and model.noise_variance_ >= 0.0


@pytest.mark.parametrize("constant", [2.5, 0.1, 1.0 / 3.0, 0.0])
@pytest.mark.parametrize("alpha", [0.1, np.array([0.1, 1.0])])
def test_a_constant_target_beside_others_takes_no_second_sums(alpha, constant, monkeypatch):
    X, y = table()
    dtypes, totals = [], accumulation._Totals
    monkeypatch.setattr(accumulation, "_Totals", lambda *shape: dtypes.append(shape[-1]) or totals(*shape))
    model = network(alpha=alpha).fit(X, np.column_stack([y, np.full(N, constant)]))
    assert dtypes == [np.float32]
    assert np.abs(model.predict(X)[:, 1] - constant).max() < 1e-12
    np.testing.assert_allclose(
        model.output_coef_[0], network(alpha=model.alpha_[0]).fit(X, y).output_coef_, rtol=1e-7, atol=1e-9
    )


def test_every_target_is_corrected_by_itself(passes):
    # In a common norm, the one that hardly varies for its size would be hidden by the one that needs one correction.
    X, y = table()
    Y, alphas = np.column_stack([1e4 + y, X[:, 3]]), [1e-3, 1e4]
    network(alpha=[alphas]).fit(X, Y)
    for j, alpha in enumerate(alphas):
        network(alpha=alpha).fit(X, Y[:, j])
    assert len(passes[0]) == len(passes[1]) > len(passes[2]) == 1
