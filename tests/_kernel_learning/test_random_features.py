import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sknnk._data import inputs as inputs_module
from sknnk._data.inputs import transform_inputs
from sknnk._data.quantiles import fit_quantile_map
from sknnk._features.layer_spec import Candidate
from sknnk._kernel_learning import random_features
from sknnk._kernel_learning.random_features import _as_candidates, prepare_layers
from sknnk._kernel_learning.search import Fit
from sknnk._kernels import Kernel

AUTO = Candidate("auto", "auto", "auto", "auto")
FIXED = Candidate("cauchy", "orthogonal", "isotropic", 1.5)
TRANSFORMS = ["quantile", None]
quick = settings(deadline=None, max_examples=25)


def table(n_samples=40, n_features=3, seed=0, dtype=np.float64):
    """Inputs with zeros, a repeated and a constant column, two targets, and weights."""
    rng = np.random.default_rng([seed, n_samples])
    X = rng.normal(size=(n_samples, n_features)) * (rng.random((n_samples, n_features)) < 0.7)
    if n_features > 2:
        X[:, 1], X[:, 2] = X[:, 0], 0.5
    Y = np.column_stack([np.sin(2.0 * X[:, 0]), rng.normal(size=n_samples)])
    return X.astype(dtype), Y, rng.integers(1, 4, n_samples).astype(float)


def layers_of(X, Y, weights, kernel=FIXED, n_components=(16,), transform="quantile", link=True, seed=3, **kwargs):
    return prepare_layers(X, Y, weights, kernel, n_components, transform, link, seed, **kwargs)[0]


def explicit_columns(layers, X):
    """The network written out with the public transformers."""
    inputs = np.asarray(X)
    if layers.input_map is not None:
        inputs = layers.input_map(inputs, np.empty_like(inputs))
    hidden = inputs
    for sampler in layers.samplers:
        hidden = sampler.transform(hidden)
    return hidden if layers.link_scale is None else np.hstack([layers.link_scale * inputs, hidden])


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("n_components", [(16,), (7,), (12, 9), (6, 8, 5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_are_the_direct_link_and_the_features_of_the_last_layer(transform, link, n_components, dtype):
    X, Y, w = table(dtype=dtype)
    layers = layers_of(X, Y, w, n_components=n_components, transform=transform, link=link)
    columns, expected = layers.columns(X), explicit_columns(layers, X)
    assert layers.n_linked == (3 if link else 0)
    assert columns.dtype == dtype and columns.shape == (40, layers.n_columns) == (
        40,
        layers.n_linked + n_components[-1],
    )
    assert np.allclose(columns, expected, rtol=0, atol=200 * np.finfo(dtype).eps)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_direct_link_has_total_variance_one_and_weights_count(transform):
    X, Y, w = table()
    linked = layers_of(X, Y, w, transform=transform).columns(X)[:, :3]
    assert np.sum(linked.repeat(w.astype(int), axis=0).var(axis=0)) == pytest.approx(1.0)


@given(narrow=st.integers(1, 20), first=st.sampled_from([(), (6,)]), transform=st.sampled_from(TRANSFORMS))
@quick
def test_leading_columns_are_the_narrower_network(narrow, first, transform):
    X, Y, w = table()
    wide, slim = (layers_of(X, Y, w, n_components=(*first, n), transform=transform) for n in (20, narrow))
    leading = wide.raw_columns(X)[:, : slim.n_columns]
    assert np.allclose(leading, slim.raw_columns(X), rtol=0, atol=1e-12)


def test_later_layers_see_the_sphere_with_isotropic_directions_at_its_own_scale():
    X, Y, w = table(n_features=2)
    kernel = Candidate("cauchy", "sparse", "coordinatewise", 0.7)
    first, second = layers_of(X, Y, w, kernel=kernel, n_components=(12, 8)).samplers
    assert (first.directions, first.frequencies, first.length_scale_) == ("sparse", "coordinatewise", 0.7)
    assert (second.activation, second.directions, second.frequencies) == ("cauchy", "orthogonal", "isotropic")
    hidden = first.transform(transform_inputs(fit_quantile_map(X.T, w), X))
    assert np.allclose(np.linalg.norm(hidden, axis=1), 1.0)
    # exp(-r) at the root of twice the total variance.
    assert second.length_scale_ == pytest.approx(np.sqrt(2.0 * hidden.var(axis=0).sum()), rel=0.05)
    assert not np.allclose(first.random_weights_[:2, :4], second.random_weights_[:2, :4])


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("kernel", [FIXED, AUTO])
def test_csr_inputs_give_the_same_layers_and_columns(kind, transform, kernel):
    X, Y, w = table()
    options = {"kernel": kernel, "n_components": (10, 6), "transform": transform}
    dense, csr = layers_of(X, Y, w, **options), layers_of(kind(X), Y, w, **options)
    assert np.allclose(csr.columns(kind(X)), dense.columns(X), rtol=0, atol=1e-12)
    assert np.allclose(dense.columns(kind(X)), dense.columns(X), rtol=0, atol=1e-12)


def same_layers(a, b, X, tolerance=1e-9):
    assert [s.get_params() for s in a.samplers[1:]] == [s.get_params() for s in b.samplers[1:]]
    assert a.samplers[0].length_scale_ == pytest.approx(b.samplers[0].length_scale_, rel=tolerance)
    assert np.allclose(a.columns(X), b.columns(X), rtol=0, atol=tolerance)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_same_seed_gives_the_same_layers_and_another_seed_others(transform):
    X, Y, w = table()
    options = {"kernel": AUTO, "n_components": (8, 6), "transform": transform}
    first = layers_of(X, Y, w, **options)
    assert np.array_equal(first.columns(X), layers_of(X, Y, w, **options).columns(X))
    same_layers(first, layers_of(X, Y, w, threads=2, **options), X)
    assert not np.allclose(first.columns(X)[:, 3:], layers_of(X, Y, w, **{**options, "seed": 4}).columns(X)[:, 3:])


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_choices_do_not_depend_on_the_order_of_rows_nor_on_how_they_are_repeated(transform):
    X, Y, w = table()
    options = {"kernel": AUTO, "n_components": (8, 6), "transform": transform}
    expected, order = layers_of(X, Y, w, **options), np.random.default_rng(0).permutation(len(X))
    same_layers(layers_of(X[order], Y[order], w[order], **options), expected, X)
    counts = w.astype(int)
    repeated = layers_of(X.repeat(counts, axis=0), Y.repeat(counts, axis=0), np.ones(counts.sum()), **options)
    same_layers(repeated, expected, X)


def test_a_search_compares_length_scales_around_the_typical_one_unless_it_is_fixed():
    X, Y, w = table()
    _, choice = prepare_layers(X, Y, w, AUTO._replace(activation="gaussian"), (8,), None, True, 0)
    tried = {h[0].length_scale for h in choice.history if h[0].directions == "orthogonal"}
    total = np.sqrt(X.repeat(w.astype(int), axis=0).var(axis=0).sum())
    assert np.allclose(sorted(tried), np.array([0.25, 0.5, 1.0, 2.0, 4.0]) * total)
    own = np.array([1.0, 2.0, 3.0])
    for fixed in (0.3, own):
        layers, choice = prepare_layers(X, Y, w, AUTO._replace(length_scale=fixed), (8,), None, True, 0)
        assert all(h[0].length_scale is fixed for h in choice.history)
        assert np.array_equal(layers.samplers[0].length_scale_, fixed)


def test_a_large_table_is_sampled_for_the_quantiles_and_the_search(monkeypatch):
    monkeypatch.setattr(inputs_module, "_QUANTILE_ROWS", 60)
    monkeypatch.setattr(random_features, "_SEARCH_ROWS", 30)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    layers, choice = prepare_layers(X, X.copy(), np.ones(200), FIXED, (8,), "quantile", True, 0)
    (knots,) = layers.input_map.knots
    assert knots.size == 60 and np.all(np.isin(knots, X))
    assert {h[1] for h in choice.history} == {30}
    again = prepare_layers(X, X.copy(), np.ones(200), FIXED, (8,), "quantile", True, 0)[0]
    assert np.array_equal(again.input_map.knots[0], knots)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(("n_samples", "n_features"), [(1, 1), (1, 4), (2, 3), (9, 1)])
@pytest.mark.parametrize("scale", [0.0, 1e-150, 1.0, 1e150])
def test_few_rows_few_columns_and_any_unit_give_finite_columns(transform, n_samples, n_features, scale):
    X, Y, w = table(n_samples, n_features)
    layers = layers_of(scale * X, Y, w, kernel=AUTO, transform=transform, n_components=(5, 4))
    assert np.all(np.isfinite(layers.columns(scale * X)))
    if scale > 0.0 and n_samples > 1:  # one row has no unit to divide by
        unscaled = layers_of(X, Y, w, kernel=AUTO, transform=transform, n_components=(5, 4))
        assert np.allclose(layers.columns(scale * X), unscaled.columns(X), rtol=0, atol=1e-6)


def test_rows_that_overflow_are_refused_unless_a_transform_bounds_them():
    X, Y, w = table()
    huge = np.full((1, 3), 1e300)
    with pytest.raises(ValueError, match=r"1e\+300.*overflow.*length_scale"):
        layers_of(X, Y, w, transform=None).check_range(huge)
    layers_of(X, Y, w, transform=None).check_range(X)
    bounded = layers_of(X, Y, w)
    bounded.check_range(huge)
    assert np.all(np.isfinite(bounded.columns(huge)))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_learned_length_scales_compete_with_equal_ones(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    Y = np.sin(2.0 * X[:, :1]) + 0.05 * rng.normal(size=(80, 1))
    options = {"penalty_given": False, "learning": {"agop"}}
    layers, choice = prepare_layers(kind(X), Y, np.ones(80), AUTO, (16,), None, True, 0, **options)
    learned = [h[0] for h in choice.history if np.ndim(h[0].length_scale)]
    assert 0 < len(learned) < len(choice.history)
    assert {(c.activation, c.directions, c.frequencies) for c in learned} == {
        ("cauchy", "gaussian", "coordinatewise"),
        ("cauchy", "sparse", "coordinatewise"),
        ("gaussian", "orthogonal", "isotropic"),
        ("cauchy", "orthogonal", "isotropic"),
    }
    assert all(np.argmin(c.length_scale) == 0 for c in learned)
    assert np.ndim(choice.candidate.length_scale) == 1 and layers.samplers[0].length_scale_.shape == (4,)
    fixed = prepare_layers(X, Y, np.ones(80), AUTO._replace(directions="qmc"), (16,), None, True, 0, **options)[1]
    assert {h[0].directions for h in fixed.history} == {"qmc"}


def test_too_few_rows_teach_no_length_scales():
    X, Y, w = table(7)
    choice = prepare_layers(X, Y, w, AUTO, (8,), None, True, 0, learning={"agop", "resample"})[1]
    assert np.ndim(choice.candidate.length_scale) == 0


def test_a_learned_kernel_is_tried_at_its_own_length_scales_and_at_half_of_them():
    kernel = Kernel("gaussian", "isotropic", np.array([1.0, 4.0]))
    full, half = _as_candidates("auto", Fit((kernel,), 0.1, 0.5, 100, "feature learning"), np.ones(2))
    assert full[:3] == half[:3] == ("gaussian", "orthogonal", "isotropic")
    np.testing.assert_allclose(full.length_scale, [1.0, 0.25])
    np.testing.assert_allclose(half.length_scale, [0.5, 0.125])
    sparse_kernel = Kernel("gaussian", "coordinatewise", np.array([1.0, 4.0]))
    found = _as_candidates("auto", Fit((sparse_kernel,), 0.1, 0.5, 100, "feature learning"), np.ones(2))
    assert [each.directions for each in found] == ["gaussian", "gaussian", "sparse", "sparse"]


@pytest.mark.parametrize(("directions", "used"), [("auto", "orthogonal"), ("sparse", "orthogonal"), ("qmc", "qmc")])
def test_a_kernel_along_axes_is_tried_along_them(directions, used):
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) * [1.0, 0.1]
    fit = Fit((Kernel("cauchy", "isotropic", np.array([2.0, 5.0]), projection=turn),), 0.1, 0.5, 100, "decision")
    full, half = _as_candidates(directions, fit, np.ones(2))
    assert full[:4] == ("cauchy", used, "isotropic", 1.0) and half[:4] == ("cauchy", used, "isotropic", 0.5)
    np.testing.assert_allclose(full.axes, [[1.2, -0.16], [4.0, 0.3]])
    np.testing.assert_allclose(half.parameters[3], 0.5 / fit.kernels[0].column_scales)


def along_one_direction(n_samples=400, n_features=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    return X, np.sin(X[:, :1] + 2.0 * X[:, 1:2]) + 0.05 * rng.normal(size=(n_samples, 1))


def test_axes_are_learned_for_random_columns_as_well():
    X, Y = along_one_direction()
    layers, choice = prepare_layers(X, Y, np.ones(400), AUTO, (64,), None, True, 0, learning={"agop"})
    axes = choice.candidate.axes
    assert axes is not None and np.ndim(choice.candidate.length_scale) == 0
    # Frequency vectors are along one direction, twice as much in the second column as in the first.
    directions = np.linalg.svd(layers.samplers[0].random_weights_)
    assert np.abs(directions[0][:, 0]) @ [1.0, 2.0, 0.0, 0.0, 0.0] > 0.98 * np.sqrt(5.0)
    assert directions[1][0] > 3.0 * directions[1][1]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_components", [(32,), (9, 33)])
def test_frequencies_are_drawn_again_where_that_helps(n_components, kind):
    X, Y = along_one_direction()
    plan = (np.ones(400), AUTO._replace(activation="gaussian", directions="gaussian"), n_components, None, True, 0)
    plain, expected = prepare_layers(X, Y, *plan)
    layers, choice = prepare_layers(kind(X), Y, *plan, learning={"resample"})
    assert choice.candidate == expected.candidate
    rounds = choice.history[len(expected.history) :]
    assert 1 < len(rounds) <= 11 and all(each[:3] == (choice.candidate, 400, n_components[-1]) for each in rounds)
    errors = [each[3] for each in rounds]
    for before, after in zip(plain.samplers[:-1], layers.samplers[:-1], strict=True):
        assert np.array_equal(before.random_weights_, after.random_weights_)
    changed = not np.allclose(plain.samplers[-1].random_weights_, layers.samplers[-1].random_weights_)
    assert changed == (min(errors) < 0.99 * errors[0])
    assert changed or len(n_components) == 2
    ratio = np.log10(choice.alpha / expected.alpha) * 2.0
    assert np.allclose(ratio, np.round(ratio))


def test_axes_stay_where_frequencies_are_drawn_again():
    X, Y = along_one_direction()
    layers, choice = prepare_layers(X, Y, np.ones(400), AUTO, (64,), None, True, 0, learning={"agop", "resample"})
    directions = np.linalg.svd(layers.samplers[0].random_weights_)
    assert choice.candidate.axes is not None and directions[1][0] > 2.0 * directions[1][1]


def test_on_few_rows_frequencies_stay(monkeypatch):
    X, Y = along_one_direction(150)
    plan = (np.ones(150), FIXED, (16,), None, True, 0)
    plain, layers = prepare_layers(X, Y, *plan)[0], prepare_layers(X, Y, *plan, learning={"resample"})[0]
    assert np.array_equal(plain.samplers[0].random_weights_, layers.samplers[0].random_weights_)
    monkeypatch.setattr(random_features, "_FEWEST_RESAMPLED", 100)
    layers = prepare_layers(X, Y, *plan, learning={"resample"})[0]
    assert not np.array_equal(plain.samplers[0].random_weights_, layers.samplers[0].random_weights_)


def test_kernels_are_compared_in_the_space_of_the_rows_where_that_is_smaller():
    X = np.random.default_rng(0).normal(size=(20, 1200))
    dense = [Candidate("gaussian", directions, "isotropic", 30.0) for directions in ("gaussian", "orthogonal")]
    compared = random_features._for_search(dense, X)
    assert compared.shape == (20, 20)
    np.testing.assert_allclose(compared @ compared.T, X @ X.T, rtol=1e-10, atol=1e-9)
    # Not where single columns count.
    for other in (Candidate("gaussian", "sparse", "isotropic", 30.0), dense[0]._replace(frequencies="coordinatewise")):
        assert random_features._for_search([*dense, other], X) is X
    assert random_features._for_search([dense[0]._replace(length_scale=np.ones(1200))], X) is X
    assert random_features._for_search(dense, X[:, :20]).shape == (20, 20)


def test_a_class_of_two_rows_judges_random_features_by_its_two_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    labels = (X[:, 0] > 0.0).astype(int)
    labels[[5, 17]] = 2
    Y = 2.0 * np.eye(3)[labels] - 1.0
    least = []
    for common_unit in (True, False):
        plan = (AUTO._replace(activation="cauchy"), (64,), None, True, 0)
        _, choice = prepare_layers(X, Y, np.ones(300), *plan, common_unit=common_unit)
        least.append(min(error for *_, error in choice.history))
    assert least[0] < 0.3 < 0.33 < least[1]
