import numpy as np
import pytest
from scipy import sparse

from sknnk._features.unbiased.layer_weights import checked_weights, largest_norm, refuse_overflow


def test_weights_keep_their_precision_and_biases_follow_it():
    W, b = checked_weights([[1, 2], [3, 4]], [1, 2], 2)
    assert W.dtype == b.dtype == np.float64
    W, b = checked_weights(np.ones((3, 2), dtype=np.float32), np.arange(3.0), 2)
    assert W.dtype == b.dtype == np.float32
    np.testing.assert_array_equal(checked_weights(np.ones((3, 2)), None, 2)[1], np.zeros(3))


@pytest.mark.parametrize(
    ("W", "b", "words"),
    [
        ([[1.0, 2.0, 3.0]], None, "W has 3 columns, but the sampler was fitted to 2 features"),
        ([[1.0, np.nan]], None, "W contains NaN"),
        ([[1.0, 2.0]], [np.inf], "b contains infinity"),
        ([[1.0, 2.0]], [1.0, 2.0], r"b has shape \(2,\); it must have one value for each of the 1 rows"),
        ([[1.0, 2.0]], [[1.0]], "b has shape"),
        ([1.0, 2.0], None, "Expected 2D array"),
    ],
)
def test_what_is_no_layer_is_refused_by_name(W, b, words):
    with pytest.raises(ValueError, match=words):
        checked_weights(W, b, 2)


def test_the_largest_norm_is_that_of_dense_and_sparse_rows_in_double_precision():
    X = np.random.default_rng(0).normal(size=(30, 5)) * 1e25
    expected = np.linalg.norm(X, axis=1).max()
    assert largest_norm(X) == pytest.approx(expected, rel=1e-14)
    assert largest_norm(sparse.csr_array(X)) == pytest.approx(expected, rel=1e-14)
    # Squares that overflow single precision.
    assert largest_norm(X.astype(np.float32)) == pytest.approx(expected, rel=1e-6)
    assert largest_norm(sparse.csr_matrix(X.astype(np.float32))) == pytest.approx(expected, rel=1e-6)
    assert largest_norm(np.empty((0, 3))) == 0.0


@pytest.mark.parametrize("factor", [1e-320, 1e-200, 1e154, 1e300])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_the_largest_norm_neither_overflows_nor_vanishes(factor, kind):
    X = np.array([[3.0, 4.0], [1.0, 0.0]]) * factor
    assert largest_norm(kind(X)) == pytest.approx(5.0 * factor, rel=1e-3)


@pytest.mark.parametrize(("dtype", "norm"), [(np.float64, 1e154), (np.float64, np.inf), (np.float32, 1e19)])
def test_a_norm_whose_square_overflows_is_refused_with_its_owner(dtype, norm):
    with pytest.raises(ValueError, match=r"X has a row of norm .*, whose square overflows float\d\d; rescale"):
        refuse_overflow("X has a row of norm", norm, dtype)
    refuse_overflow("X has a row of norm", norm / 10.0 if np.isfinite(norm) else 1.0, dtype)
