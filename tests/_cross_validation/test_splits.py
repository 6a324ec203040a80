import numpy as np
import pytest
from sklearn.model_selection import KFold

from sknnk import BundledNetworkRegressor
from sknnk._cross_validation import splits as count_sets
from sknnk._cross_validation.candidates import SearchPlan, leading_features
from sknnk._cross_validation.splits import MomentSets, RowSets, Table
from sknnk._data import Dataset
from sknnk._integration import Execution
from sknnk._networks import NumericTargets
from sknnk._ridge.paths import fold_paths
from sknnk._ridge.paths.fold_moments import partitions
from sknnk._ridge.paths.squared_errors import squared_errors_of_predictions

RNG = np.random.default_rng(0)
N = 300
X = RNG.normal(size=(N, 4))
Y = np.column_stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] * X[:, 3]]) + 0.1 * RNG.normal(size=(N, 2))
W = RNG.integers(0, 3, size=N).astype(float)
SPLITS = list(KFold(4, shuffle=True, random_state=0).split(X))
ALPHAS = np.array([1e-3, 1.0])
KERNEL = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 2.0}
KERNEL |= {"input_transform": None, "random_state": 0}
LINK_SCALES = [0.4, 0.5, 0.6, 0.7]


def prepared(count, threads=1):
    network = BundledNetworkRegressor(count, alpha=1.0, **KERNEL)
    plan = SearchPlan(network, NumericTargets(2, False), {"n_features_in_": 4}, Execution(threads))
    return plan.prepared(Dataset(X[W > 0.0], Y[W > 0.0], W[W > 0.0]))


def both_sets(count=40, threads=1):
    plan = prepared(count, threads)
    table = Table(X, Y / plan.target_units, W)
    [partition] = partitions(N, SPLITS, max_atoms=8)
    return MomentSets(plan, table, partition, SPLITS, LINK_SCALES), RowSets(plan, table, SPLITS, LINK_SCALES)


def predictions_by_hand(sets, split, count, alpha):
    """A plain fit on the training rows, the direct link scaled as given."""
    train, test = SPLITS[split]
    layers = leading_features(sets.prepared.feature_map, count, LINK_SCALES[split])
    features, weight = layers.columns(X), W[train]
    mean, target_mean = (
        np.average(features[train], axis=0, weights=weight),
        np.average(Y[train], axis=0, weights=weight),
    )
    centred = features[train] - mean
    gram = centred.T @ (weight[:, None] * centred) + alpha * np.eye(features.shape[1])
    coef = np.linalg.solve(gram, centred.T @ (weight[:, None] * (Y[train] - target_mean)))
    return target_mean + (features[test] - mean) @ coef


@pytest.mark.parametrize("count", [7, 40])
def test_both_kinds_of_sets_have_the_solutions_of_a_plain_fit(count):
    for sets in both_sets():
        paths = sets.paths(count, ALPHAS)
        for split, (_, test) in enumerate(SPLITS):
            predictions = sets.predictions(test, paths[split]) * sets.prepared.target_units
            for a, alpha in enumerate(ALPHAS):
                expected = predictions_by_hand(sets, split, count, alpha)
                np.testing.assert_allclose(predictions[:, a], expected, atol=1e-6)


@pytest.mark.parametrize("of_train", [False, True])
def test_errors_are_those_of_the_predictions(of_train):
    for sets in both_sets():
        for split, path in enumerate(sets.paths(16, ALPHAS)):
            rows = SPLITS[split][0 if of_train else 1]
            predictions = sets.predictions(rows, path)
            expected = squared_errors_of_predictions(sets.table.Y[rows], predictions, sets.table.weight[rows])
            errors = sets.errors(split, 16, path, of_train)
            np.testing.assert_allclose(errors.residual, expected.residual, rtol=1e-8)
            np.testing.assert_allclose(errors.spread, expected.spread, rtol=1e-8)
            assert errors.weight == pytest.approx(W[rows].sum())


def test_errors_that_moments_do_not_know_well_are_taken_from_the_rows(monkeypatch):
    sets, _ = both_sets()
    path = sets.paths(16, ALPHAS)[0]
    assert np.all(sets.errors(0, 16, path, False).rounding > 0.0)
    monkeypatch.setattr(count_sets, "_PRECISION", 0.0)
    assert np.all(sets.errors(0, 16, path, False).rounding == 0.0)


def direct_paths(sets, alphas=ALPHAS):
    return [sets._direct_path(split, 16, alphas) for split in range(4)]


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_solutions_do_not_depend_on_how_they_were_found(threads):
    sets, _ = both_sets(threads=threads)
    assert sets._paths_from_whole(sets._whole_system(16), [1, 3], 16, ALPHAS).keys() == {1, 3}
    for (coef, intercept), (expected, expected_intercept) in zip(
        sets.paths(16, ALPHAS), direct_paths(sets), strict=True
    ):
        assert np.abs(coef - expected).max() > 0.0
        np.testing.assert_allclose(coef, expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(intercept, expected_intercept, rtol=1e-5)


def assert_direct(sets, alphas=ALPHAS):
    for (coef, _), (expected, _) in zip(sets.paths(16, alphas), direct_paths(sets, alphas), strict=True):
        np.testing.assert_array_equal(coef, expected)


def test_where_iterating_takes_too_long_each_training_set_is_factorised(monkeypatch):
    sets, _ = both_sets()
    monkeypatch.setattr(fold_paths, "_MAX_ITER", 1)
    assert sets._paths_from_whole(sets._whole_system(16), [1, 3], 16, ALPHAS) == {}
    assert_direct(sets)


@pytest.mark.parametrize(("name", "value"), [("_LEAST_SHARE", 0.9), ("_LEAST_ROWS", 20.0)])
def test_training_sets_that_are_not_most_of_many_rows_are_factorised(name, value, monkeypatch):
    sets, _ = both_sets()
    monkeypatch.setattr(count_sets, name, value)
    assert_direct(sets)


@pytest.mark.parametrize("alphas", [np.array([0.0, 1.0]), np.array([1e-13, 1.0])])
def test_penalties_below_the_floor_are_solved_one_training_set_at_a_time(alphas):
    assert_direct(both_sets()[0], alphas)


@pytest.mark.parametrize("count", [16, 40])
def test_the_whole_is_solved_as_a_plain_fit_whatever_was_solved_before(count):
    expected = BundledNetworkRegressor(count, alpha=0.1, **KERNEL).fit(X, Y, sample_weight=W)
    for sets in both_sets():
        for _ in range(2):
            np.testing.assert_allclose(
                sets.whole().solved(count, 0.1).coef, expected.output_coef_, rtol=1e-6, atol=1e-9
            )
            sets.paths(count, ALPHAS)


def test_solved_networks_are_independent_of_each_other_and_of_their_origin():
    sets, _ = both_sets()
    one, other = sets.solved_networks(0, 16, sets.train_system(0, 16), ALPHAS)
    assert (one.solution.alpha.tolist(), other.solution.alpha.tolist()) == ([ALPHAS[0]] * 2, [ALPHAS[1]] * 2)
    assert np.abs(one.coef - other.coef).max() > 0.0
    assert one.choice.n_components == (one.feature_map.samplers[-1].n_components,) == (16,)
    assert sets.prepared.network.choice.n_components == (40,)
    candidates = [sets.prepared.as_candidate(each) for each in (one, other)]
    assert [(each.n_components, each.alpha) for each in candidates] == [(16, alpha) for alpha in ALPHAS]
    assert not hasattr(sets.prepared.plan.estimator, "output_coef_")


@pytest.mark.parametrize(("rows", "solver"), [(slice(None), "primal"), (slice(None, None, 10), "dual")])
def test_the_smaller_problem_is_solved(rows, solver):
    sets = RowSets(prepared(40), Table(X[rows], Y[rows], W[rows] + 1.0), [], [])
    assert sets.whole().solved(40, 0.1).solver == solver
