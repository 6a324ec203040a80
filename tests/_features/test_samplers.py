import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from sknnk import ArcCosineSampler, URFSampler
from sknnk._features.directions import COUPLINGS, DIRECTIONS
from sknnk._kernels.spectra import ACTIVATIONS

N_SEEDS = 160
ROWS = np.random.default_rng(0).normal(size=(10, 4))
BOTH = [URFSampler(n_components=20, random_state=0), ArcCosineSampler(n_components=20, random_state=0)]
# Each way of drawing frequencies that gives the kernel in closed form: sparse directions are not normal.
NORMAL = [name for name in DIRECTIONS if name != "sparse"]


def both(test):
    return pytest.mark.parametrize("sampler", BOTH, ids=["urf", "arc-cosine"])(test)


def squared_distances(X):
    return np.sum((X[:, None] - X[None]) ** 2, axis=2)


def rbf_kernel(X):
    return np.exp(-0.5 * squared_distances(X))


def product_laplace_kernel(X):
    return np.exp(-np.sum(np.abs(X[:, None] - X[None]), axis=2))


def arc_cosine_kernel(degree, bias):
    """Cho & Saul 2009, equations 3, 5 to 8, after appending the bias."""

    def kernel(X):
        X = np.column_stack([X, np.full(len(X), bias)])
        norms = np.linalg.norm(X, axis=1)
        cosine = np.clip(X @ X.T / np.outer(norms, norms), -1.0, 1.0)
        angle, sine = np.arccos(cosine), np.sqrt(1.0 - cosine**2)
        opening = np.pi - angle
        angular = [
            opening,
            sine + opening * cosine,
            3.0 * sine * cosine + opening * (1.0 + 2.0 * cosine**2),
        ][degree]
        return np.outer(norms, norms) ** degree * angular / np.pi

    return kernel


KERNELS = {
    "gaussian": (URFSampler("gaussian", length_scale=1.0), rbf_kernel),
    "cauchy-coordinatewise": (
        URFSampler("cauchy", frequencies="coordinatewise", length_scale=1.0),
        product_laplace_kernel,
    ),
    **{
        f"arc-cosine-{degree}-bias-{bias}": (
            ArcCosineSampler(degree, bias=bias, length_scale=1.0),
            arc_cosine_kernel(degree, bias),
        )
        for degree in (0, 1, 2)
        for bias in (0.0, 1.5)
    },
}


def kernel_errors(case, n_components, directions, X, n_seeds):
    """Mean square error of the estimated kernel between different rows, one number for each seed."""
    sampler, kernel = KERNELS[case]
    sampler = clone(sampler).set_params(n_components=n_components, directions=directions)
    exact, pairs = kernel(X), np.triu_indices(len(X), 1)
    squares = []
    for seed in range(n_seeds):
        phi = sampler.set_params(random_state=seed).fit_transform(X)
        squares.append(np.mean((phi @ phi.T - exact)[pairs] ** 2))
    return np.array(squares)


# Each kernel with one of the two kinds of directions, and two of them with both.
TURNS = [(case, ("gaussian", "orthogonal")[i % 2]) for i, case in enumerate(KERNELS)]


@pytest.mark.parametrize(
    ("case", "directions"), [*TURNS, ("gaussian", "orthogonal"), ("arc-cosine-1-bias-0.0", "gaussian")]
)
def test_error_against_the_closed_form_kernel_falls_with_the_root_of_the_number_of_components(case, directions):
    # Whole blocks of orthogonal directions, for which the error is that of independent blocks.
    counts = np.array([40, 200, 1000])
    errors = [kernel_errors(case, m, directions, ROWS, N_SEEDS) for m in counts]
    slope = np.polyfit(np.log(counts), [0.5 * np.log(e.mean()) for e in errors], 1)[0]
    assert slope == pytest.approx(-0.5, rel=0.1)
    # That is no accident of the seeds: the margin is two standard errors of the slope, or more.
    deviations = [0.5 * e.std() / e.mean() / np.sqrt(N_SEEDS) for e in errors]
    leverage = (np.log(counts) - np.log(counts).mean()) / np.sum((np.log(counts) - np.log(counts).mean()) ** 2)
    assert np.sqrt(np.sum((leverage * deviations) ** 2)) < 0.05 / 2.0


@pytest.mark.parametrize(
    "case", ["gaussian", "arc-cosine-0-bias-0.0", "arc-cosine-1-bias-0.0", "arc-cosine-1-bias-1.5"]
)
def test_orthogonal_directions_have_lower_error_than_gaussian_at_equal_size(case):
    X, n_seeds = 0.25 * np.random.default_rng(0).normal(size=(10, 16)), 500
    gaussian, orthogonal = (
        kernel_errors(case, 32, directions, X, n_seeds) for directions in ("gaussian", "orthogonal")
    )
    difference = gaussian.mean() - orthogonal.mean()
    assert difference > 4.0 * np.sqrt((gaussian.var() + orthogonal.var()) / n_seeds)


def mean_kernel(sampler, X, n_seeds):
    """Mean and standard error over seeds of the estimated kernel between the first row and the others."""
    estimates = []
    for seed in range(n_seeds):
        phi = sampler.set_params(random_state=seed).fit_transform(X)
        estimates.append(phi[1:] @ phi[0])
    return np.mean(estimates, axis=0), np.std(estimates, axis=0, ddof=1) / np.sqrt(n_seeds)


LADDER = np.array([0.0, 0.1, 0.5, 1.0, 2.0, 4.0])


# Each activation meets each kind of directions with one of the two kinds of frequencies.
PAIRS = [(activation, NORMAL[(i + k) % 4], k < 2) for i, activation in enumerate(ACTIVATIONS) for k in range(4)]


@pytest.mark.parametrize(("activation", "directions"), [pair for *pair, isotropic in PAIRS if isotropic])
def test_isotropic_kernel_of_every_activation_is_that_of_its_spectrum(activation, directions):
    step = np.array([0.48, -0.6, 0.64])
    X, length_scale = np.outer(np.r_[0.0, LADDER], step), 0.5
    sampler = URFSampler(activation, n_components=32, directions=directions, length_scale=length_scale)
    mean, error = mean_kernel(sampler, X, 60)
    expected = sampler.spectrum_.kernel(LADDER / length_scale)
    # Some 180 comparisons of which one exceeds 4.5 standard errors once in 800 runs, were they Gaussian.
    assert np.all(np.abs(mean - expected) < 4.5 * error + 1e-12)
    assert error.max() < 0.03


@pytest.mark.parametrize(("activation", "directions"), [pair for *pair, isotropic in PAIRS if not isotropic])
def test_coordinatewise_kernel_of_every_activation_is_the_product_over_columns(activation, directions):
    steps = np.array([[0.2, 0.0, 0.0], [0.3, -0.2, 0.1], [0.0, 1.0, 0.2]])
    X, length_scale = np.vstack([np.zeros(3), steps]), np.array([0.5, 1.0, 2.0])
    sampler = URFSampler(
        activation, n_components=32, directions=directions, frequencies="coordinatewise", length_scale=length_scale
    )
    mean, error = mean_kernel(sampler, X, 60)
    expected = np.prod(sampler.spectrum_.kernel(np.abs(steps) / length_scale), axis=1)
    assert np.all(np.abs(mean - expected) < 4.5 * error + 1e-12)
    assert error.max() < 0.03


def test_sparse_directions_see_at_most_three_columns():
    sampler = URFSampler(directions="sparse", n_components=200, random_state=0).fit(np.eye(8))
    assert set(np.count_nonzero(sampler.random_weights_, axis=0)) == {1, 2, 3}


@pytest.mark.parametrize("frequencies", COUPLINGS)
@pytest.mark.parametrize("directions", DIRECTIONS)
def test_fewer_columns_are_the_first_of_more_up_to_their_scale(directions, frequencies):
    X = np.random.default_rng(0).normal(size=(15, 5))
    settings = {"directions": directions, "frequencies": frequencies, "random_state": 3}
    wide = URFSampler("tanh", n_components=129, **settings).fit_transform(X) * np.sqrt(129)
    for n in (1, 2, 7, 64, 128):
        narrow = URFSampler("tanh", n_components=n, **settings).fit_transform(X) * np.sqrt(n)
        np.testing.assert_allclose(narrow, wide[:, :n], rtol=0, atol=1e-13)


@pytest.mark.parametrize("directions", DIRECTIONS)
def test_fewer_arc_cosine_columns_are_the_first_of_more_up_to_their_scale(directions):
    X = np.random.default_rng(0).normal(size=(15, 5))
    wide = ArcCosineSampler(n_components=129, directions=directions, random_state=3).fit_transform(X) * np.sqrt(129)
    narrow = ArcCosineSampler(n_components=31, directions=directions, random_state=3).fit_transform(X) * np.sqrt(31)
    np.testing.assert_allclose(narrow, wide[:, :31], rtol=0, atol=1e-13)


def test_rows_have_norm_one_and_an_odd_count_leaves_the_last_cosine_alone():
    X = np.random.default_rng(0).normal(size=(50, 3)) * 10.0
    phi = URFSampler("cauchy", n_components=64, random_state=0).fit_transform(X)
    np.testing.assert_allclose(np.linalg.norm(phi, axis=1), 1.0, rtol=1e-14)
    sampler = URFSampler("cauchy", n_components=5, random_state=0).fit(X)
    phases = X @ sampler.random_weights_
    expected = np.sqrt(2.0 / 5.0) * np.stack([np.cos(phases), np.sin(phases)], axis=2).reshape(50, 6)[:, :5]
    np.testing.assert_allclose(sampler.transform(X), expected, atol=1e-14)


@both
def test_float32_rows_give_float32_features_close_to_those_of_float64(sampler):
    X = np.random.default_rng(0).normal(size=(300, 4))
    double = sampler.fit_transform(X)
    fitted = sampler.fit(X.astype(np.float32))
    single = fitted.transform(X.astype(np.float32))
    assert double.dtype == np.float64
    assert single.dtype == fitted.random_weights_.dtype == np.float32
    # A phase is a sum of d products, each off by a few roundings; the maps are Lipschitz with their scale.
    size = np.sqrt(2.0 / 20.0) * (np.abs(X) @ np.abs(fitted.random_weights_) + 1.0).max()
    assert np.abs(single - double).max() < (4 + 5) * np.finfo(np.float32).eps * size
    # Whatever the dtype in fit, that of the rows in transform decides.
    assert fitted.transform(X).dtype == np.float64
    assert sampler.fit(X).transform(X.astype(np.float32)).dtype == np.float32


@both
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_matrix])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_rows_give_the_features_of_dense_ones(sampler, container, index):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 30)) * (rng.random((300, 30)) < 0.1)
    rows = container(X)
    if hasattr(rows, "indptr"):
        rows.indices, rows.indptr = rows.indices.astype(index), rows.indptr.astype(index)
    expected = sampler.fit_transform(X)
    features = sampler.fit_transform(rows)
    assert isinstance(features, np.ndarray)
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sampler.transform(X), expected, rtol=0, atol=1e-12)


@both
def test_tables_are_read_with_their_names_and_written_as_asked(sampler):
    frame = load_diabetes(as_frame=True).data[:30]
    names = list(frame.columns)
    expected = sampler.fit_transform(frame.to_numpy())
    for table in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame, preserve_index=False)):
        np.testing.assert_array_equal(sampler.fit(table).transform(table), expected)
        assert sampler.feature_names_in_.tolist() == names
        written = clone(sampler).set_output(transform="polars").fit_transform(table)
        assert isinstance(written, pl.DataFrame)
        assert written.columns == sampler.get_feature_names_out().tolist()
        np.testing.assert_array_equal(written.to_numpy(), expected)
    shifted = frame.set_axis(range(100, 130))
    written = clone(sampler).set_output(transform="pandas").fit_transform(shifted)
    assert isinstance(written, pd.DataFrame)
    assert written.index.equals(shifted.index)
    np.testing.assert_array_equal(written.to_numpy(), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        sampler.fit(frame).transform(frame[names[::-1]])


def squashed(z):
    return z / (1.0 + np.abs(z))


def test_a_callable_is_an_activation_like_those_with_names():
    X = np.random.default_rng(0).normal(size=(20, 3))
    named = URFSampler("tanh", random_state=0).fit_transform(X)
    np.testing.assert_allclose(URFSampler(np.tanh, random_state=0).fit_transform(X), named, atol=1e-12)
    own = URFSampler(squashed, random_state=0).fit(X)
    assert own.spectrum_.name == "squashed"
    assert not np.allclose(own.transform(X), named, atol=0.01)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(own)).transform(X), own.transform(X))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda z: z[:3], "returned shape"),
        (lambda z: np.full(z.shape, 2.0), "is constant on"),
        (lambda z: np.log(z), "non-finite value at z="),
        (lambda z: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_a_callable_that_is_no_activation_is_told_why(function, words):
    with pytest.raises(ValueError, match=words):
        URFSampler(function).fit(ROWS)


@both
def test_length_scale_divides_the_columns(sampler):
    X, scales = np.random.default_rng(0).normal(size=(20, 3)), np.array([0.5, 2.0, 8.0])
    unit, each, common = (clone(sampler).set_params(length_scale=value) for value in (1.0, scales, 4.0))
    expected = unit.fit_transform(X)
    np.testing.assert_allclose(each.fit_transform(X * scales), expected, atol=1e-13)
    np.testing.assert_allclose(
        each.set_params(length_scale=list(scales)).fit_transform(X * scales), expected, atol=1e-13
    )
    np.testing.assert_allclose(common.fit_transform(4.0 * X), expected, atol=1e-13)
    assert unit.length_scale_ == 1.0
    assert common.length_scale_ == 4.0
    np.testing.assert_array_equal(each.length_scale_, scales)


@pytest.mark.parametrize("activation", ["gaussian", "cauchy", "relu", "sin", "step"])
@pytest.mark.parametrize("frequencies", COUPLINGS)
def test_scale_makes_the_kernel_of_two_typical_rows_one_over_e(activation, frequencies):
    X = np.random.default_rng(0).normal(size=(500, 6)) * [1, 2, 3, 4, 5, 6]
    sampler = URFSampler(activation, frequencies=frequencies, random_state=0).fit(X)
    typical = np.sqrt(2.0) * X.std(axis=0) / sampler.length_scale_
    distances = np.linalg.norm(typical) if frequencies == "isotropic" else typical
    assert np.prod(sampler.spectrum_.kernel(distances)) == pytest.approx(np.exp(-1.0), rel=1e-6)


@both
@pytest.mark.parametrize("unit", [1e150, 1e-150, 1e-3])
def test_the_unit_of_the_rows_does_not_matter(sampler, unit):
    X = np.random.default_rng(0).normal(size=(20, 3))
    expected = sampler.fit_transform(X)
    np.testing.assert_allclose(sampler.fit_transform(unit * X), expected, atol=1e-9)
    rows = sparse.csr_array(unit * X)
    np.testing.assert_allclose(sampler.fit_transform(rows), expected, atol=1e-9)


@both
@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf, np.nan, "typical", None])
def test_a_length_scale_that_is_no_positive_number_is_refused(sampler, bad):
    with pytest.raises(InvalidParameterError, match="The 'length_scale' parameter of"):
        type(sampler)(length_scale=bad).fit(ROWS)


@both
@pytest.mark.parametrize("bad", [[1.0, 2.0], [[1.0, 1.0, 1.0, 1.0]], [1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, np.nan], []])
def test_a_length_scale_that_does_not_fit_the_columns_is_refused(sampler, bad):
    with pytest.raises(ValueError, match=r"length_scale .*4 features; give one positive, finite number, or one for"):
        type(sampler)(length_scale=bad).fit(ROWS)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_components", 0),
        ("n_components", 2.5),
        ("activation", "reluu"),
        ("directions", "random"),
        ("frequencies", "both"),
        ("random_state", "seed"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value_and_what_is_allowed(parameter, value):
    with pytest.raises(
        InvalidParameterError, match=f"The '{parameter}' parameter of URFSampler must be .* Got {value!r}"
    ):
        URFSampler(**{parameter: value}).fit(ROWS)


@both
def test_numbers_may_be_those_of_numpy(sampler):
    # As a grid made with np.arange has them.
    expected = sampler.fit_transform(ROWS)
    settings = {"n_components": np.int64(20), "length_scale": np.float32(1.5), "random_state": np.int32(0)}
    features = clone(sampler).set_params(**settings).fit_transform(ROWS)
    np.testing.assert_allclose(features, clone(sampler).set_params(length_scale=1.5).fit_transform(ROWS), atol=1e-6)
    assert features.shape == expected.shape


def test_a_search_over_a_pipeline_runs_in_two_processes_on_a_data_frame():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    grid = {"urfsampler__n_components": np.array([10, 200]), "urfsampler__activation": ["gaussian", "relu", np.tanh]}
    pipeline = make_pipeline(URFSampler(random_state=0), Ridge(alpha=0.1))
    search = GridSearchCV(pipeline, grid, n_jobs=2, cv=3, error_score="raise").fit(X, y)
    alone = GridSearchCV(pipeline, grid, n_jobs=1, cv=3, error_score="raise").fit(X, y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], rtol=1e-6)
    assert search.best_params_["urfsampler__n_components"] == 200
    assert search.best_score_ > 0.4
    assert search.best_estimator_[0].feature_names_in_.tolist() == list(X.columns)
