import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknnk._features import sincos
from sknnk._features.sincos import cos_sin_pairs, pairs_in_place, phase_factor, tile_rows

TOLERANCE = {np.float64: 4e-16, np.float32: 1e-6}
NEAR_AXES = np.arange(-40, 41) * (np.pi / 4)


def pairs(phases):
    return cos_sin_pairs(phases, np.empty((len(phases), 2 * phases.shape[1]), dtype=phases.dtype))


def exact_errors(phases):
    """Distances of both columns from the exact values at the very floating-point phases, by mpmath."""
    features = pairs(phases[None])[0]
    with mpmath.workprec(200):
        exact = [f(mpmath.mpf(float(z))) for z in phases for f in (mpmath.cos, mpmath.sin)]
        return np.array([float(abs(mpmath.mpf(float(a)) - b)) for a, b in zip(features, exact, strict=True)])


@pytest.fixture(autouse=True, params=[True, False], ids=["tangents", "cosines and sines"])
def from_tangents(request, monkeypatch):
    """Both ways, whatever this processor does faster."""
    monkeypatch.setattr(sincos, "_FROM_TANGENTS", dict.fromkeys(sincos._FROM_TANGENTS, request.param))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("largest", [1e-9, 1.0, 10.0, 1e3, 1e6])
def test_pairs_are_exact_to_the_precision_of_the_dtype(dtype, largest):
    phases = np.random.default_rng(0).uniform(-largest, largest, 1500).astype(dtype)
    assert exact_errors(phases).max() <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pairs_are_exact_next_to_the_poles_of_the_tangent_and_to_zero(dtype):
    around = [NEAR_AXES, np.nextafter(NEAR_AXES, np.inf), np.nextafter(NEAR_AXES, -np.inf), [5e-324, -1e-310, 1e-8]]
    assert exact_errors(np.concatenate(around).astype(dtype)).max() <= TOLERANCE[dtype]


@pytest.mark.parametrize("phase", [1e9, 1e18, 1e150, 1e300, np.finfo(float).max])
def test_float64_pairs_hold_for_any_finite_phase(phase):
    assert exact_errors_of_huge(phase).max() <= TOLERANCE[np.float64]


def exact_errors_of_huge(phase):
    with mpmath.workprec(1300):  # the reduction of the largest float64 needs all of its 1024 bits
        exact = [float(f(mpmath.mpf(phase))) for f in (mpmath.cos, mpmath.sin)]
    return np.abs(pairs(np.array([[phase]]))[0] - exact)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [1.0, 0.5, 1e-150, 0.0, 1e150, np.sqrt(2 / 7)])
def test_a_scale_multiplies_every_entry(dtype, scale):
    phases = np.random.default_rng(3).normal(scale=9.0, size=(7, 5)).astype(dtype)
    scale = np.clip(scale, 1e-30, 1e30) if dtype == np.float32 else scale
    out = cos_sin_pairs(phases, np.empty((7, 10), dtype=dtype), float(scale))
    assert out.dtype == dtype
    assert np.all(np.abs(out - scale * pairs(phases).astype(float)) <= 2 * TOLERANCE[dtype] * scale)


def test_signed_zero_and_axes_are_exact():
    features = pairs(np.array([[0.0, -0.0]]))
    assert np.array_equal(features, [[1.0, 0.0, 1.0, 0.0]])
    assert np.array_equal(np.signbit(features[0, 1::2]), [False, True])


@given(
    n_samples=st.integers(0, 7),
    n_frequencies=st.integers(0, 9),
    tile=st.integers(1, 40),
    dtype=st.sampled_from([np.float64, np.float32]),
)
@settings(deadline=None, max_examples=60)
def test_cosines_are_even_and_sines_odd_columns_whatever_the_tile(n_samples, n_frequencies, tile, dtype):
    phases = np.random.default_rng(n_samples).normal(scale=5.0, size=(n_samples, n_frequencies)).astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sincos, "_TILE_BYTES", 8 * tile)
        features = pairs(phases)
    assert features.dtype == dtype
    tolerance = 2 * TOLERANCE[dtype]
    assert np.allclose(features[:, 0::2], np.cos(phases), rtol=0, atol=tolerance)
    assert np.allclose(features[:, 1::2], np.sin(phases), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_strided_inputs_and_outputs_give_the_same_and_nothing_else_is_touched(dtype):
    phases = np.random.default_rng(1).normal(size=(6, 10)).astype(dtype)
    wide = np.full((12, 11), 7.0, dtype=dtype)
    out = wide[::2, 3:9]
    assert cos_sin_pairs(phases[:, 1:7:2], out) is out
    assert np.allclose(out, pairs(np.ascontiguousarray(phases[:, 1:7:2])), rtol=0, atol=TOLERANCE[dtype])
    assert np.all(wide[1::2] == 7.0) and np.all(wide[:, :3] == 7.0) and np.all(wide[:, 9:] == 7.0)


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_order_and_phases_are_left_alone(order):
    phases = np.array(np.random.default_rng(2).normal(size=(5, 4)), order=order)
    before = phases.copy()
    out = cos_sin_pairs(phases, np.empty((5, 8), order=order))
    assert np.array_equal(phases, before)
    assert np.allclose(out, pairs(np.ascontiguousarray(before)), rtol=0, atol=4e-16)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_spare_memory_is_one_tile_whatever_the_number_of_rows(dtype):
    assert tile_rows((10**6, 1024), dtype) * 1024 * np.dtype(dtype).itemsize <= sincos._TILE_BYTES
    assert tile_rows((3, 4), dtype) == 3
    assert tile_rows((5, 0), dtype) == 5


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_phases_may_be_overwritten_and_give_the_same_pairs(dtype):
    phases = np.random.default_rng(4).normal(scale=9.0, size=(5, 3)).astype(dtype)
    out, factor = np.empty((5, 6), dtype=dtype), dtype(phase_factor(dtype))
    assert pairs_in_place(factor * phases, np.empty((5, 3), dtype=dtype), out) is out
    assert np.array_equal(out, pairs(phases))


@pytest.mark.parametrize(("target", "expected"), [("AVX512_SKX", True), ("X86_V4", True), ("baseline(X86_V2)", False)])
def test_tangents_of_float32_are_for_processors_that_have_several_at_once(target, expected, monkeypatch):
    monkeypatch.setattr(sincos, "opt_func_info", lambda func_name: {"tan": {"ff": {"current": target}}})
    assert sincos._has_vector_tangents("f") is expected
    monkeypatch.setattr(sincos, "opt_func_info", lambda func_name: {})
    assert sincos._has_vector_tangents("f") is False
