import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sknnk._features import directions as directions_module
from sknnk._features.directions import COUPLINGS, DIRECTIONS, frequencies, hadamard_frequencies

# Quantiles of sigma and the kernel of each of the four Gaussian scale mixtures with a closed form, written out here so
# that this file, like its module, knows nothing of activations. The sech scale comes from a table of its distribution.
_TIMES = np.linspace(0.01, 40.0, 400_000)
_ODD = 2 * np.arange(60)[:, None] + 1
_EXITED = np.concatenate(
    [
        1 - 4 / np.pi * np.sum((-1.0) ** (_ODD // 2) / _ODD * np.exp(-(_ODD**2) * np.pi**2 * t / 8), axis=0)
        for t in np.split(_TIMES, 400)
    ]
)
MIXTURES = {
    "gaussian": (np.ones_like, lambda r: np.exp(-0.5 * r**2)),
    "laplace": (lambda u: np.sqrt(-2 * np.log1p(-u)), lambda r: 1 / (1 + r**2)),
    "cauchy": (lambda u: 1 / stats.norm.isf(u / 2), lambda r: np.exp(-r)),
    "sech": (lambda u: np.sqrt(np.interp(u, _EXITED, _TIMES)), lambda r: 1 / np.cosh(r)),
}
NORMAL = sorted(set(DIRECTIONS) - {"sparse"})
DIFFERENCE = np.array([0.5, -0.3, 0.8])


def product_kernel(kernel, difference, coupling):
    return kernel(np.linalg.norm(difference)) if coupling == "isotropic" else np.prod(kernel(np.abs(difference)))


def kernel_errors(n_frequencies, n_repeats, *, mixture, directions, coupling, difference=DIFFERENCE):
    """Errors of the kernel estimate over independent repetitions: columns of one draw are not independent."""
    quantile, kernel = MIXTURES[mixture]
    draws = (
        frequencies(
            difference.size,
            n_frequencies,
            scale_quantile=quantile,
            directions=directions,
            coupling=coupling,
            rng=np.random.default_rng([17, seed]),
        )
        for seed in range(n_repeats)
    )
    estimates = np.array([np.cos(difference @ v).mean() for v in draws])
    return estimates - product_kernel(kernel, difference, coupling)


def standard_score(samples, mean=0.0):
    samples = np.asarray(samples)
    return (samples.mean(axis=0) - mean) / (samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))


def one_column_per_seed(directions, n_features, column, n_seeds=1500):
    """Independent copies of one column, shape (n_seeds, n_features)."""
    draw = DIRECTIONS[directions]
    return np.array([draw(n_features, column + 1, np.random.default_rng([5, s]))[:, column] for s in range(n_seeds)])


# ---- Directions


@pytest.mark.parametrize("directions", DIRECTIONS)
@pytest.mark.parametrize("shape", [(1, 0), (1, 1), (1, 9), (2, 5), (3, 0), (5, 1), (5, 3), (5, 17), (40, 7)])
def test_directions_have_the_asked_shape_and_are_finite(directions, shape):
    columns = DIRECTIONS[directions](*shape, np.random.default_rng(0))
    assert columns.shape == shape
    assert columns.dtype == np.float64
    assert np.isfinite(columns).all()
    assert (np.abs(columns).max(axis=0) > 0).all()


@pytest.mark.parametrize("column", [0, 6])
@pytest.mark.parametrize("n_features", [1, 5, 8])
@pytest.mark.parametrize("directions", NORMAL)
def test_every_column_is_exactly_standard_normal(directions, n_features, column):
    columns = one_column_per_seed(directions, n_features, column)
    # Seeds are independent and so are the coordinates of a column: one Kolmogorov-Smirnov test for all entries, and
    # one for the squared norms, which are chi-square only if the coordinates are independent.
    assert stats.kstest(columns.ravel(), "norm").pvalue > 1e-3
    assert stats.kstest((columns**2).sum(axis=1), "chi2", args=(n_features,)).pvalue > 1e-3
    assert np.abs(standard_score(columns)).max() < 4.5


def test_the_normality_check_sees_constant_norms_and_wrong_scales():
    columns = one_column_per_seed("orthogonal", 5, 0)
    constant = columns / np.linalg.norm(columns, axis=1, keepdims=True) * np.sqrt(5)
    assert stats.kstest((constant**2).sum(axis=1), "chi2", args=(5,)).pvalue < 1e-9
    assert stats.kstest(constant.ravel(), "norm").pvalue < 1e-3
    assert stats.kstest(1.1 * columns.ravel(), "norm").pvalue < 1e-3


@pytest.mark.parametrize("n_features", [1, 2, 3, 5])
@pytest.mark.parametrize("directions", DIRECTIONS)
def test_second_moment_is_the_identity(directions, n_features):
    def moment(seed):
        columns = DIRECTIONS[directions](n_features, 50, np.random.default_rng([3, seed]))
        return columns @ columns.T / 50

    upper = np.triu_indices(n_features)
    samples = np.array([moment(seed)[upper] for seed in range(300)])
    assert np.abs(standard_score(samples, np.eye(n_features)[upper])).max() < 4.5
    # A quarter too much would have been seen.
    assert np.abs(standard_score(1.25 * samples, np.eye(n_features)[upper])).max() > 4.5


# ---- Orthogonal


@pytest.mark.parametrize(("n_features", "n_frequencies"), [(4, 4), (4, 11), (7, 3), (50, 120), (1, 3)])
def test_columns_of_a_block_are_orthogonal_and_blocks_are_not(n_features, n_frequencies):
    v = DIRECTIONS["orthogonal"](n_features, n_frequencies, np.random.default_rng(0))
    for start in range(0, n_frequencies, n_features):
        block = v[:, start : start + n_features]
        gram = block.T @ block
        np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0.0, atol=1e-12 * n_features)
    if n_frequencies > n_features:
        assert np.abs(v[:, 0] @ v[:, n_features:]).max() > 1e-3


def haar_scores(n_features=4, n_blocks=20_000):
    """Standard scores of E Q_11 = 0, E tr Q = 0 and E (tr Q)^2 = 1, all true of Haar-distributed Q."""
    v = DIRECTIONS["orthogonal"](n_features, n_features * n_blocks, np.random.default_rng(0))
    q = (v / np.linalg.norm(v, axis=0)).reshape(n_features, n_blocks, n_features)
    trace = np.einsum("ibi->b", q)
    return np.array([standard_score(q[0, :, 0]), standard_score(trace), standard_score(trace**2, 1.0)])


def rectified_score():
    """Standard score of E relu(v . e_1) = 1 / sqrt(2 pi), true of standard normal v."""
    v = DIRECTIONS["orthogonal"](4, 80_000, np.random.default_rng(1))
    by_block = np.maximum(v[0], 0.0).reshape(-1, 4).mean(axis=1)
    return standard_score(by_block, 1 / np.sqrt(2 * np.pi))


def test_orthogonal_blocks_are_haar_distributed():
    assert np.abs(haar_scores()).max() < 4.0
    assert abs(rectified_score()) < 4.0


def test_the_haar_check_fails_without_the_sign_fix(monkeypatch):
    monkeypatch.setattr(directions_module, "_haar_columns", lambda normal: np.linalg.qr(normal)[0])
    assert np.abs(haar_scores()[:2]).min() > 50.0
    assert abs(rectified_score()) > 50.0


# ---- Hadamard


def test_hadamard_norms_are_independent_of_each_other_within_a_block():
    # The block shares one g; dividing by its norm takes out what the columns' norms would have had in common.
    norms = np.array(
        [(DIRECTIONS["hadamard"](8, 8, np.random.default_rng([9, s])) ** 2).sum(axis=0) for s in range(2000)]
    )
    correlation = np.corrcoef(norms.T)[np.triu_indices(8, 1)]
    assert np.abs(correlation).max() < 4.5 / np.sqrt(2000)


# ---- Sparse


@pytest.mark.parametrize(("n_features", "most"), [(1, 1), (2, 2), (3, 3), (10, 3)])
def test_sparse_directions_touch_one_to_three_coordinates_uniformly(n_features, most):
    v = DIRECTIONS["sparse"](n_features, 30_000, np.random.default_rng(0))
    touched = np.count_nonzero(v, axis=0)
    share = {1: [1.0], 2: [1 / 3, 2 / 3], 3: [1 / 3, 1 / 3, 1 / 3]}[most]
    spread = 4.5 * np.sqrt(30_000 * 2 / 9)
    np.testing.assert_allclose(np.bincount(touched)[1:], 30_000 * np.array(share), rtol=0, atol=spread)
    for q in range(1, most + 1):
        columns = v[:, touched == q]
        # A coordinate is in a random set of q out of d with probability q / d.
        share = np.count_nonzero(columns, axis=1) / columns.shape[1]
        spread = np.sqrt(q / n_features * (1 - q / n_features) / columns.shape[1])
        assert np.abs(share - q / n_features).max() <= 4.5 * spread
        values = columns[columns != 0] * np.sqrt(q / n_features)
        assert stats.kstest(values, "norm").pvalue > 1e-3


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_sparse_zeros_survive_the_heaviest_scales(coupling):
    v = frequencies(
        6,
        4000,
        scale_quantile=MIXTURES["cauchy"][0],
        directions="sparse",
        coupling=coupling,
        rng=np.random.default_rng(0),
    )
    assert np.isfinite(v).all()
    assert set(np.count_nonzero(v, axis=0)) == {1, 2, 3}


# ---- Quasi-Monte Carlo


def test_qmc_is_finite_and_silent_for_every_number_of_points():
    for n_frequencies in (1, 2, 3, 100, 1000, 1025):
        for seed in range(20):
            v = DIRECTIONS["qmc"](3, n_frequencies, np.random.default_rng(seed))
            assert np.abs(v).max() < 6.3  # the quantile of half a cell, 2^-31


def test_a_sobol_point_at_zero_still_has_a_finite_quantile(monkeypatch):
    # Zero comes up once in 2^30 points, so it is planted.
    monkeypatch.setattr(stats.qmc.Sobol, "random_base2", lambda self, m: np.zeros((2**m, self.d)))
    v = DIRECTIONS["qmc"](3, 2, np.random.default_rng(0))
    np.testing.assert_allclose(stats.norm.cdf(v), 2.0**-31)


def test_qmc_scale_and_direction_fill_the_square_together():
    # With scales from a sequence of their own, both coordinates would be van der Corput points up to a shift: the pairs
    # would lie on a few lines and the error would stay that of independent draws or worse.
    def separate(seed):
        directions_rng, scale_rng = np.random.default_rng([17, seed]).spawn(2)
        u = directions_module._shifted_van_der_corput(256, scale_rng)
        v = DIRECTIONS["qmc"](1, 256, directions_rng) * MIXTURES["laplace"][0](np.clip(u, 1e-12, 1 - 1e-12))
        return np.cos(v).mean() - 0.5

    joint = kernel_errors(256, 100, mixture="laplace", directions="qmc", coupling="isotropic", difference=np.ones(1))
    apart = np.array([separate(seed) for seed in range(100)])
    assert np.sqrt(np.mean(joint**2)) < 0.25 * np.sqrt(np.mean(apart**2))


@pytest.mark.parametrize(
    ("draw", "needed"),
    [
        (lambda rng: DIRECTIONS["qmc"](21_202, 2, rng), "21202"),
        (lambda rng: qmc_frequencies(21_201, "isotropic", rng), "21202"),
        (lambda rng: qmc_frequencies(10_601, "coordinatewise", rng), "21202"),
    ],
)
def test_more_dimensions_than_sobol_has_is_an_error_with_a_remedy(draw, needed):
    message = rf'directions="qmc" with n_features=\d+ needs {needed} .* there are 21201; use directions="orthogonal"'
    with pytest.raises(ValueError, match=message):
        draw(np.random.default_rng(0))


def qmc_frequencies(n_features, coupling, rng):
    return frequencies(n_features, 2, scale_quantile=np.ones_like, directions="qmc", coupling=coupling, rng=rng)


def test_the_largest_number_of_sobol_dimensions_is_allowed():
    assert DIRECTIONS["qmc"](21_201, 2, np.random.default_rng(0)).shape == (21_201, 2)


# ---- Frequencies


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize("directions", NORMAL)
def test_frequencies_reproduce_the_kernel(directions, mixture, coupling):
    errors = kernel_errors(30, 150, mixture=mixture, directions=directions, coupling=coupling)
    assert abs(standard_score(errors)) < 4.0


@pytest.mark.parametrize("directions", NORMAL)
def test_the_kernel_check_tells_couplings_and_mixtures_apart(directions):
    quantities = {
        (mixture, coupling): product_kernel(kernel, DIFFERENCE, coupling)
        for mixture, (_, kernel) in MIXTURES.items()
        for coupling in COUPLINGS
    }
    errors = kernel_errors(30, 150, mixture="cauchy", directions=directions, coupling="coordinatewise")
    right = quantities.pop(("cauchy", "coordinatewise"))
    for wrong in quantities.values():
        assert abs(standard_score(errors + right - wrong)) > 4.0


@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize("better", ["orthogonal", "qmc"])
def test_coupled_directions_have_lower_error_than_gaussian_at_equal_number(better, mixture):
    difference = np.full(6, 0.2)
    squares = [
        kernel_errors(48, 1500, mixture=mixture, directions=d, coupling="isotropic", difference=difference) ** 2
        for d in (better, "gaussian")
    ]
    # The ratio of two independent mean squares, with the delta method's standard error of its logarithm.
    log_ratio = np.log(squares[0].mean() / squares[1].mean())
    spread = np.sqrt(sum(s.var() / s.mean() ** 2 / s.size for s in squares))
    assert log_ratio < -3.0 * spread


def uniforms_seen(n_features, n_frequencies, directions, coupling, seed):
    seen = []

    def quantile(u):
        seen.append(u)
        return np.ones_like(u)

    frequencies(
        n_features,
        n_frequencies,
        scale_quantile=quantile,
        directions=directions,
        coupling=coupling,
        rng=np.random.default_rng(seed),
    )
    return seen[0]


@pytest.mark.parametrize("seed", range(3))
def test_isotropic_scales_are_stratified_in_every_prefix(seed):
    u = uniforms_seen(3, 1000, "orthogonal", "isotropic", seed)
    for n in (1, 2, 8, 64, 512):  # one point in each of n strata, counted from the shift
        np.testing.assert_allclose(np.sort((u[:n] - u[0] + 1e-9) % 1.0), np.arange(n) / n + 1e-9, atol=1e-12)
    for n in (3, 100, 777, 1000):  # in between, no gap wider than the strata of the power of two below
        points = np.sort(u[:n])
        gaps = np.diff(points, append=points[0] + 1)
        assert gaps.max() <= 1.0 / 2 ** (n.bit_length() - 1) + 1e-12


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("directions", ["orthogonal", "qmc"])
def test_every_single_scale_is_uniform(directions, coupling):
    u = np.array([np.ravel(uniforms_seen(2, 7, directions, coupling, s)) for s in range(1000)])
    for column in (0, 5):
        assert stats.kstest(u[:, column], "uniform").pvalue > 1e-3


def test_scales_never_see_the_ends_of_the_interval(monkeypatch):
    ends = np.array([0.0, 1.0 - 2.0**-53, 1.0])
    monkeypatch.setattr(directions_module, "_shifted_van_der_corput", lambda n, rng: ends)
    u = uniforms_seen(2, 3, "gaussian", "isotropic", 0)
    assert 0.0 < u.min() < u.max() < 1.0
    for quantile, _ in MIXTURES.values():
        assert np.isfinite(quantile(u)).all()


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    n_features=st.integers(1, 9),
    sizes=st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted),
    directions=st.sampled_from(sorted(DIRECTIONS)),
    coupling=st.sampled_from(COUPLINGS),
    seed=st.integers(0, 2**32 - 1),
)
def test_fewer_frequencies_are_a_prefix_of_more(n_features, sizes, directions, coupling, seed):
    few, more = (
        frequencies(
            n_features,
            n,
            scale_quantile=MIXTURES["laplace"][0],
            directions=directions,
            coupling=coupling,
            rng=np.random.default_rng(seed),
        )
        for n in sizes
    )
    if directions in ("orthogonal", "hadamard"):  # blocks of another size round differently
        np.testing.assert_allclose(few, more[:, : sizes[0]], rtol=0, atol=1e-12)
    else:
        np.testing.assert_array_equal(few, more[:, : sizes[0]])


@pytest.mark.parametrize("directions", sorted(DIRECTIONS))
def test_prefixes_hold_for_long_vectors_and_many_blocks(directions):
    draw = DIRECTIONS[directions]
    for n_features, few, more in ((100, 37, 250), (100, 130, 250), (3, 500, 2000)):
        a, b = (draw(n_features, n, np.random.default_rng(4)) for n in (few, more))
        np.testing.assert_allclose(a, b[:, :few], rtol=0, atol=1e-11)


@pytest.mark.parametrize("directions", sorted(DIRECTIONS))
def test_another_seed_gives_other_frequencies_and_the_same_seed_the_same(directions):
    a, b, c = (DIRECTIONS[directions](4, 9, np.random.default_rng(s)) for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(("n_features", "n_frequencies"), [(1, 3), (5, 3), (5, 20), (16, 16), (33, 100)])
def test_implicit_hadamard_frequencies_are_the_explicit_ones(n_features, n_frequencies):
    def scales(u):
        return 1.0 / (0.1 + u)

    implicit = hadamard_frequencies(n_features, n_frequencies, scales, np.random.default_rng(3))
    explicit = frequencies(
        n_features,
        n_frequencies,
        scale_quantile=scales,
        directions="hadamard",
        coupling="isotropic",
        rng=np.random.default_rng(3),
    )
    np.testing.assert_allclose(implicit.matrix(), explicit, rtol=1e-12)
