import pickle
from itertools import product

import numpy as np
import pytest

from sknnk import BundledNetworkRegressor
from sknnk._kernels import Kernel
from sknnk._networks import fitted_network, intervals
from sknnk._networks.intervals import ResidualSpread, fit_spread, optimism

SMOOTH = (Kernel("gaussian", "isotropic", np.ones(1)),)


def held_out_of(model):
    """Rows with the residuals of fits without them."""
    return fitted_network(model).held_out_residuals()


def noisy(n=200, seed=0, n_targets=1):
    """Residuals whose size grows from 0.14 to 7.4 along the inputs."""
    X = np.linspace(-2.0, 2.0, n)[:, None]
    return X, np.random.default_rng(seed).normal(size=(n, n_targets)) * np.exp(X)


def spread_of(ratios, weight=None):
    ratios = np.asarray(ratios, dtype=np.float64).reshape(len(ratios), -1)
    n, n_targets = ratios.shape
    weight = np.ones(n) if weight is None else weight
    every = np.sqrt(np.mean(ratios**2, axis=0))
    return ResidualSpread(
        SMOOTH, np.zeros((n, 1)), np.zeros((n, n_targets)), np.zeros(n_targets), ratios, every, weight
    )


def test_the_size_follows_the_residuals():
    X, residuals = noisy()
    spread = fit_spread(SMOOTH, X, residuals, np.ones(200))
    found = spread.size(X)[:, 0] * np.sqrt(np.mean(spread.ratios**2))
    true = np.exp(X[:, 0])
    # 200 logarithms of normal numbers, whose standard deviation is 1.1, in some five parameters: 0.18, three of them.
    assert np.sqrt(np.mean(np.log(found / true) ** 2)) < 0.55
    assert np.std(np.log(true)) > 1.1


def test_residuals_of_one_size_have_a_constant_spread():
    X = np.linspace(-2.0, 2.0, 200)[:, None]
    spread = fit_spread(SMOOTH, X, np.random.default_rng(0).normal(size=(200, 1)), np.ones(200))
    sizes = spread.deviation(spread.size(X))
    assert np.ptp(np.log(sizes)) < 0.7
    assert np.mean(sizes) == pytest.approx(1.0, abs=0.2)


def test_the_unit_of_residuals_is_that_of_the_sizes_and_of_each_target_its_own():
    X, residuals = noisy(60, n_targets=2)
    unit = np.array([1e-9, 1e7])
    one, other = (fit_spread(SMOOTH, X, factor * residuals, np.ones(60)) for factor in (np.ones(2), unit))
    deviations = [spread.deviation(spread.size(X)) for spread in (one, other)]
    np.testing.assert_allclose(deviations[1], unit * deviations[0], rtol=1e-6)
    np.testing.assert_allclose(other.size(X) * other.quantile(0.8), unit * one.size(X) * one.quantile(0.8), rtol=1e-6)


def test_ratios_compare_a_row_with_the_size_that_others_predict():
    X, residuals = noisy(60)
    spread = fit_spread(SMOOTH, X, residuals, np.ones(60))
    moved = residuals.copy()
    moved[0] *= 1.5
    again = fit_spread(SMOOTH, X, moved, np.ones(60))
    # The row's own size does not enter its comparison.
    assert again.ratios[0, 0] / spread.ratios[0, 0] == pytest.approx(1.5, rel=0.02)
    assert again.size(X[:1])[0, 0] > spread.size(X[:1])[0, 0]


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9, 0.95])
def test_the_quantile_is_the_least_ratio_that_holds_the_share_of_one_more_row(level):
    ratios = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    expected = next(r for r in np.sort(ratios) if np.sum(ratios <= r) >= level * 20 - 1e-9)
    assert spread_of(ratios).quantile(level) == pytest.approx(expected * optimism(19, level), rel=1e-12)


def test_too_few_rows_for_the_level_have_an_infinite_quantile():
    assert spread_of(np.arange(9.0)).quantile(0.9) == pytest.approx(8.0 * optimism(9, 0.9))
    assert spread_of(np.arange(9.0)).quantile(0.901) == np.inf
    assert spread_of(np.arange(8.0)).quantile(0.9) == np.inf


def test_the_quantile_of_each_target_is_its_own_and_weights_count():
    ratios = np.column_stack([np.arange(1.0, 20.0), 10.0 * np.arange(19.0, 0.0, -1.0)])
    few = optimism(19, 0.5)
    np.testing.assert_allclose(spread_of(ratios).quantile(0.5), few * np.array([10.0, 100.0]))
    heavy = np.ones(19)
    heavy[-1] = 80.0
    np.testing.assert_allclose(spread_of(ratios, heavy).quantile(0.5), few * np.array([19.0, 10.0]))
    # The common factor of the weights does not matter.
    np.testing.assert_allclose(spread_of(ratios, 0.1 * heavy).quantile(0.5), few * np.array([19.0, 10.0]))


def test_the_deviation_is_the_weighted_root_mean_square_and_a_twentieth_of_that_of_all():
    size = np.array([[1.0], [3.0], [1e-6]])
    plain, heavy = spread_of([3.0, 4.0]), spread_of([3.0, 4.0], np.array([3.0, 1.0]))
    every = 0.05 * 12.5
    few = optimism(2, 0.6827) ** 2
    np.testing.assert_allclose(plain.deviation(size) ** 2, few * (0.95 * 12.5 * size**2 + every))
    np.testing.assert_allclose(heavy.deviation(size) ** 2, few * (0.95 * 43.0 / 4.0 * size**2 + every))


def test_a_row_unlike_its_neighbours_does_not_cost_the_likelihood_of_all():
    X, residuals = noisy(2000)
    spread = fit_spread(SMOOTH, X[::2], residuals[::2], np.ones(1000))
    new = residuals[1::2].copy()
    new[np.argmin(X[1::2])] = 5.0  # a residual as they are at the other end
    deviation = spread.deviation(spread.size(X[1::2]))
    without = spread.size(X[1::2]) * np.sqrt(np.mean(spread.ratios**2))
    loss = [np.mean(np.log(s) + 0.5 * (new / s) ** 2) for s in (deviation, without, np.sqrt(np.mean(residuals**2)))]
    assert loss[0] < loss[2] - 0.3 and loss[0] < loss[1] - 0.1


def test_noise_along_a_column_that_the_network_overlooks_is_found():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(400, 2))
    residuals = np.random.default_rng(1).normal(size=(400, 1)) * np.exp(1.5 * X[:, 1:])
    blind = (Kernel("gaussian", "isotropic", np.array([1.0, 1e-3])),)
    spread = fit_spread(blind, X, residuals, np.ones(400))
    assert np.corrcoef(np.log(spread.size(X)[:, 0]), X[:, 1])[0, 1] > 0.9
    assert np.ptp(spread.kernels[0].scales) == 0.0
    seeing = (Kernel("gaussian", "isotropic", np.array([1e-3, 1.0])),)
    assert fit_spread(seeing, X, residuals, np.ones(400)).kernels[0].scales[0] < 1e-2


def test_residuals_of_zero_and_a_single_row_have_a_spread():
    X = np.linspace(-1.0, 1.0, 30)[:, None]
    spread = fit_spread(SMOOTH, X, np.zeros((30, 1)), np.ones(30))
    assert np.all(np.isfinite(spread.size(X))) and np.array_equal(
        spread.quantile(0.9) * spread.size(X), np.zeros((30, 1))
    )
    single = fit_spread(SMOOTH, X[:1], np.array([[2.0]]), np.ones(1))
    np.testing.assert_allclose(single.size(X), 2.0)
    assert (
        single.deviation(single.size(X[:1])) == pytest.approx(2.0 * optimism(1, 0.6827))
        and single.quantile(0.9) == np.inf
    )


def test_where_nothing_can_be_left_out_the_size_is_the_geometric_mean(monkeypatch):
    X, residuals = noisy(20)
    monkeypatch.setattr(intervals, "held_out_residuals", lambda *_: None)
    weight = np.arange(1.0, 21.0)
    spread = fit_spread(SMOOTH, X, residuals, weight)
    # Residuals below a hundredth of the typical one are as good as none: of the deviation that normal numbers of the
    # same median size would have.
    repeated = np.repeat(np.abs(residuals), weight.astype(int), axis=0)
    least = 0.01 * np.percentile(repeated, 50.0, axis=0, method="lower") / 0.6744897501960817
    mean = np.exp(np.average(np.log(np.maximum(np.abs(residuals), least)), weights=weight, axis=0))
    np.testing.assert_allclose(spread.size(X), np.tile(mean, (20, 1)))
    np.testing.assert_allclose(spread.ratios, np.abs(residuals) / mean)


def table(n, seed):
    """A smooth function of two inputs, with noise from 0.05 to 0.8 along the second, its deviation."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(n, 2))
    deviation = 0.2 * np.exp(1.4 * X[:, 1])
    return X, np.sin(2.0 * X[:, 0]) + deviation * rng.normal(size=n), deviation


N_TABLES, N_TRAIN, N_TEST = 12, 100, 200


@pytest.fixture(scope="module", params=["landmarks", "few landmarks", "random"])
def fitted(request):
    """Models of several tables, of each feature map, with test rows."""
    size = {"landmarks": "auto", "few landmarks": 40, "random": 64}[request.param]
    feature_map = "random" if request.param == "random" else "kernel"
    model = BundledNetworkRegressor(size, feature_map=feature_map, feature_learning=None, random_state=0)
    model.set_params(activation="gaussian", frequencies="isotropic", directions="orthogonal", n_jobs=1)
    models = []
    for seed in range(N_TABLES):
        X, y, _ = table(N_TRAIN, seed)
        models.append((BundledNetworkRegressor(**model.get_params()).fit(X, y), *table(N_TEST, 1000 + seed)))
    return models


def coverage(fitted, level, factor=1.0):
    inside = []
    for model, X, y, _ in fitted:
        lower, upper = model.predict_interval(X, level).T
        middle, half = (lower + upper) / 2.0, factor * (upper - lower) / 2.0
        inside.append(np.abs(y - middle) <= half)
    return np.mean(inside)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_new_targets_lie_inside_as_often_as_promised(fitted, level):
    # A quantile of n rows leaves a coverage of variance p (1 - p) / n, to which that of the test rows adds; both are
    # averaged over the tables. Four deviations.
    deviation = np.sqrt(level * (1.0 - level) * (1.0 / N_TRAIN + 1.0 / N_TEST) / N_TABLES)
    assert abs(coverage(fitted, level) - level) < 4.0 * deviation
    # Intervals that are too short by three tenths are found out.
    assert coverage(fitted, level, 0.7) < level - 4.0 * deviation


def test_widths_follow_the_noise_and_are_shorter_on_average_than_one_width_for_all(fitted):
    widths, constant, correlations = [], [], []
    for model, X, _, deviation in fitted:
        width = np.ptp(model.predict_interval(X, 0.9), axis=1)
        widths.append(width.mean())
        correlations.append(np.corrcoef(np.log(width), np.log(deviation))[0, 1])
        residuals = np.abs(held_out_of(model).residuals[:, 0]) * fitted_network(model).target_units
        constant.append(2.0 * np.sort(residuals)[int(np.ceil(0.9 * (len(residuals) + 1))) - 1])
    assert np.mean(widths) < 0.95 * np.mean(constant)
    assert np.mean(correlations) > 0.7


def test_the_interval_is_wider_for_a_higher_level_and_around_the_prediction(fitted):
    model, X, _, _ = fitted[0]
    narrow, wide = model.predict_interval(X, 0.5), model.predict_interval(X, 0.95)
    np.testing.assert_allclose(narrow.mean(axis=1), model.predict(X), rtol=1e-9, atol=1e-12)
    assert np.all(wide[:, 0] < narrow[:, 0]) and np.all(narrow[:, 1] < wide[:, 1])
    assert np.array_equal(model.predict_interval(X), model.predict_interval(X, 0.9))


def test_the_deviation_of_the_exact_map_tells_more_than_one_number_for_all():
    gains = []
    for seed in range(4):
        X, y, _ = table(N_TRAIN, seed)
        model = BundledNetworkRegressor(random_state=0, n_jobs=1).fit(X, y)
        assert model.solver_ == "dual" and model.n_components_ == (N_TRAIN,)
        X, y, _ = table(N_TEST, 1000 + seed)
        mean, std = model.predict(X, return_std=True)
        one = np.sqrt(np.mean(held_out_of(model).residuals ** 2)) * fitted_network(model).target_units
        loss = [np.mean(np.log(s) + 0.5 * ((y - mean) / s) ** 2) for s in (std, one)]
        gains.append(loss[1] - loss[0])
    # Noise whose logarithm is uniform over 2.8 loses 0.5 log(sinh(2.8) / 2.8) = 0.54 to one number.
    assert np.mean(gains) > 0.2, gains


KINDS = {
    "linear": lambda X, rng: X.sum(axis=1) + 0.5 * rng.normal(size=len(X)),
    "smooth": lambda X, rng: np.sin(2.0 * X[:, 0]) + 0.3 * rng.normal(size=len(X)),
    "noisy": lambda X, rng: 0.3 * X[:, 0] + rng.normal(size=len(X)),
}
SMALL = {
    "default": BundledNetworkRegressor(random_state=0),
    "random": BundledNetworkRegressor(64, feature_map="random", random_state=0),
    "landmarks": BundledNetworkRegressor(15, feature_map="kernel", input_transform="robust", random_state=0),
}
SIZES, COLUMNS, N_DRAWS, LEVELS = (12, 24), (1, 3, 10), 2, (0.5, 0.8, 0.9)


def covered(model, uncorrected):
    """Shares of new targets inside intervals, by draw and level, with the factor for few rows and without it."""
    shares = []
    for n, n_columns, kind, seed in product(SIZES, COLUMNS, KINDS, range(N_DRAWS)):
        rng = np.random.default_rng([n, n_columns, seed])
        X, new = rng.normal(size=(n, n_columns)), rng.normal(size=(200, n_columns))
        fitted = BundledNetworkRegressor(**model.get_params()).fit(X, KINDS[kind](X, rng))
        error = np.abs(KINDS[kind](new, rng) - fitted.predict(new))
        half = [np.ptp(fitted.predict_interval(new, level), axis=1) / 2.0 for level in LEVELS]
        pairs = [(h, h / uncorrected(n, level)) for level, h in zip(LEVELS, half, strict=True)]
        shares.append([[np.mean(error <= width) for width in pair] for pair in pairs])
    return np.array(shares)


@pytest.mark.parametrize("name", SMALL)
def test_intervals_of_few_rows_hold_at_least_their_share_on_average_over_draws(name):
    shares = covered(SMALL[name], optimism)
    # The mean over draws, three of its own standard errors below at most.
    error = 3.0 * shares.std(axis=0) / np.sqrt(len(shares))
    assert np.all(shares[:, :, 0].mean(axis=0) >= np.array(LEVELS) - error[:, 0])
    # And not by being endless.
    assert np.all(shares[:, :, 0].mean(axis=0) < np.array(LEVELS) + 0.15)
    if name == "default":
        # Without the factor they do not. A standard error is enough, as all else that a fit owes to its rows is in the
        # residuals: what the input transform has learned from them, too.
        assert np.all(shares[:, 1:, 1].mean(axis=0) < np.array(LEVELS[1:]) - error[1:, 1] / 3.0)


def test_the_factor_for_few_rows_is_gone_where_there_are_many():
    for level in LEVELS:
        assert np.all(np.diff([optimism(n, level) for n in (7, 10, 30, 100, 300, 1000)]) < 0.0)
    assert optimism(300, 0.95) < 1.02 and optimism(1000, 0.95) < 1.006


def test_sizes_over_many_columns_are_learned_in_the_space_of_the_rows_and_centres_are_prepared_once(monkeypatch):
    rng = np.random.default_rng(0)
    X, kernels = rng.normal(size=(40, 1100)), (Kernel("cauchy", "isotropic", np.full(1100, 0.03)),)
    residuals = rng.normal(size=(40, 1)) * np.exp(X[:, :1])
    widths, values = [], intervals.kernel_matrix
    monkeypatch.setattr(intervals, "kernel_matrix", lambda *args: widths.append(args[1].shape[1]) or values(*args))
    found = fit_spread(kernels, X, residuals, np.ones(40))
    assert set(widths) == {40}
    prepared, centres = [], intervals.Centres
    monkeypatch.setattr(intervals, "Centres", lambda *args: prepared.append(1) or centres(*args))
    sizes = np.vstack([found.size(X[i : i + 8]) for i in range(0, 40, 8)])
    assert len(prepared) == 1 and found.kernels[0].scales.shape == (1100,)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(found)).size(X), sizes, rtol=1e-12)
    monkeypatch.setattr(intervals, "is_wide", lambda n_features: False)
    expected = fit_spread(kernels, X, residuals, np.ones(40))
    np.testing.assert_allclose(sizes, expected.size(X), rtol=1e-9)
    np.testing.assert_allclose(found.ratios, expected.ratios, rtol=1e-9)
