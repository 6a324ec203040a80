import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sknnk._features.directions import COUPLINGS, DIRECTIONS
from sknnk._kernels.length_scales import column_deviations, numeric_length_scale, typical_length_scale
from sknnk._kernels.spectra import ACTIVATIONS, spectrum_of

quick = settings(deadline=None, max_examples=50)
FORMATS = [np.asarray, sparse.csr_array, sparse.csr_matrix]
DEVIATIONS = np.array([1.0, 0.2, 3.0, 0.0])


def table(n_samples, n_features, seed=0, density=0.6, dtype=np.float64):
    rng = np.random.default_rng([seed, n_samples, n_features])
    X = rng.normal(size=(n_samples, n_features)) * (rng.random((n_samples, n_features)) < density)
    return X.astype(dtype), rng.integers(0, 4, n_samples) + (np.arange(n_samples) == 0)


@given(
    n_samples=st.integers(1, 9),
    n_features=st.integers(1, 5),
    dtype=st.sampled_from([np.float64, np.float32]),
    density=st.sampled_from([0.0, 0.4, 1.0]),
)
@quick
@pytest.mark.parametrize("kind", FORMATS)
def test_deviations_are_those_of_repeated_rows(kind, n_samples, n_features, dtype, density):
    X, counts = table(n_samples, n_features, density=density, dtype=dtype)
    expected = X.astype(float).repeat(counts, axis=0).std(axis=0)
    found = column_deviations(kind(X), counts.astype(float))
    assert found.dtype == np.float64 and found.shape == (n_features,)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert np.allclose(column_deviations(kind(X)), X.astype(float).std(axis=0), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", FORMATS)
@given(exponents=st.lists(st.integers(-300, 300), min_size=3, max_size=3))
@quick
def test_deviations_neither_overflow_nor_underflow(kind, exponents):
    X, _ = table(8, 3)
    scale = 10.0 ** np.array(exponents)
    assert np.allclose(column_deviations(kind(X * scale)) / scale, X.std(axis=0), rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", FORMATS)
def test_deviations_of_the_largest_and_smallest_numbers_are_finite(kind):
    X = np.array([[np.finfo(float).max, 1e-310, 5e-324], [-np.finfo(float).max, 3e-310, 0.0]])
    found = column_deviations(kind(X))
    assert np.all(np.isfinite(found)) and found[0] == pytest.approx(np.finfo(float).max)
    assert found[1] == pytest.approx(1e-310, rel=1e-6)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("value", [0.0, 7.3, -1e150])
def test_constant_columns_do_not_deviate(kind, value):
    assert np.max(column_deviations(kind(np.full((6, 2), value)))) <= 1e-15 * abs(value)


@pytest.mark.parametrize("shift", [1e4, 1e8])
def test_a_large_mean_does_not_cancel(shift):
    X, _ = table(50, 2, density=1.0)
    exact = (X + shift).astype(np.longdouble).std(axis=0)
    assert np.allclose(column_deviations(X + shift), exact.astype(float), rtol=1e-7)


def kernel_of_typical_rows(length_scale, deviations, spectrum, coupling):
    """The kernel, a product over columns or not, at the root mean square distance of independent rows."""
    distances = np.sqrt(2.0) * deviations / length_scale
    if coupling == "coordinatewise":
        return np.prod(spectrum.kernel(distances))
    return spectrum.kernel(np.sqrt(np.sum(distances**2)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("deviations", [DEVIATIONS, [2.5], np.full(300, 0.1)])
def test_the_kernel_of_two_typical_rows_is_one_over_e(activation, coupling, deviations):
    spectrum, deviations = spectrum_of(activation), np.asarray(deviations)
    length_scale = typical_length_scale(deviations, spectrum, "orthogonal", coupling)
    assert kernel_of_typical_rows(length_scale, deviations, spectrum, coupling) == pytest.approx(np.exp(-1), rel=1e-9)


@pytest.mark.parametrize("directions", DIRECTIONS)
def test_closed_forms(directions):
    total = np.sqrt(np.sum(DEVIATIONS**2))
    gaussian, cauchy = spectrum_of("gaussian"), spectrum_of("cauchy")
    assert typical_length_scale(DEVIATIONS, gaussian, directions, "isotropic") == pytest.approx(total)
    # exp(-|x - y|_1 / l); sparse directions see two columns, that hold all of the distance.
    expected = 2.0 * total if directions == "sparse" else np.sqrt(2.0) * DEVIATIONS.sum()
    assert typical_length_scale(DEVIATIONS, cauchy, directions, "coordinatewise") == pytest.approx(expected)


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("directions", ["orthogonal", "sparse"])
@given(exponent=st.integers(-300, 300))
@quick
def test_the_length_scale_has_the_unit_of_the_columns(coupling, directions, exponent):
    unit, spectrum = 10.0**exponent, spectrum_of("cauchy")
    base = typical_length_scale(DEVIATIONS, spectrum, directions, coupling)
    scaled = typical_length_scale(unit * DEVIATIONS, spectrum, directions, coupling)
    assert scaled / unit == pytest.approx(base, rel=1e-12)


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("directions", ["orthogonal", "sparse"])
def test_columns_that_do_not_vary_and_the_order_of_columns_do_not_matter(coupling, directions):
    spectrum = spectrum_of("cauchy")
    base = typical_length_scale(DEVIATIONS, spectrum, directions, coupling)
    for other in (DEVIATIONS[::-1], np.append(DEVIATIONS, [0.0, 0.0])):
        assert typical_length_scale(other, spectrum, directions, coupling) == pytest.approx(base, rel=1e-12)
    assert typical_length_scale(np.zeros(3), spectrum, directions, coupling) == 1.0


@pytest.mark.parametrize("value", [2, 2.5, np.float32(2.5), np.array(2.5)])
def test_a_number_is_itself(value):
    found = numeric_length_scale(value, 3)
    assert isinstance(found, float) and found == float(value)


def test_a_list_is_an_array_and_a_word_is_nothing_yet():
    assert np.array_equal(numeric_length_scale([1, 2, 3], 3), [1.0, 2.0, 3.0])
    assert numeric_length_scale("scale", 3) is None


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ([1.0, 2.0], "of shape (2,)"),
        ([[1.0, 2.0, 3.0]], "of shape (1, 3)"),
        ([], "of shape (0,)"),
        ([1.0, 0.0, 2.0], "from 0 to 2 "),
        ([1.0, -2.0, 2.0], "from -2 to 2 "),
        ([1.0, np.nan, 2.0], "from nan to nan "),
        ([1.0, np.inf, 2.0], "from 1 to inf "),
        (0.0, "=0.0 "),
        (-1, "=-1 "),
        (np.inf, "=inf "),
        (np.nan, "=nan "),
        (np.array(-2.5), "=array(-2.5) "),
        (None, "=None "),
        ([1.0, "two", 3.0], "=[1.0, 'two', 3.0] "),
        ([[1.0], [2.0, 3.0]], "=[[1.0], [2.0, 3.0]] "),
    ],
)
def test_what_cannot_be_a_length_scale_is_named_with_the_remedy(value, seen):
    with pytest.raises(ValueError, match="length_scale") as error:
        numeric_length_scale(value, 3)
    message = str(error.value)
    assert seen in message and "3 features" in message and "one positive, finite number, or one for each" in message
