"""The inverse from sampled rows is exact for what it sampled, and saves most iterations on other rows."""

import numpy as np
import pytest

from sknnk._ridge.solvers.conjugate_directions import conjugate_gradients
from sknnk._ridge.solvers.preconditioner import SampledInverse


def rows_with_a_tail(n_samples=2000, n_columns=120, decay=4.0, seed=0, dtype=np.float64):
    """Centred rows whose spectrum falls over `decay` orders of magnitude."""
    rng = np.random.default_rng(seed)
    F = rng.standard_normal((n_samples, n_columns)) * np.logspace(0, -decay / 2, n_columns)
    F = F @ np.linalg.qr(rng.standard_normal((n_columns, n_columns)))[0]
    return (F - F.mean(axis=0)).astype(dtype)


@pytest.mark.parametrize("n_targets", [1, 3, 7])
@pytest.mark.parametrize("n_samples", [40, 120, 300])
@pytest.mark.parametrize(("dtype", "precision"), [(np.float64, 1e-9), (np.float32, 1e-3)])
def test_it_inverts_the_penalised_gram_matrix_of_its_rows(n_samples, n_targets, dtype, precision):
    F = rows_with_a_tail(n_samples, dtype=dtype)
    inverse = SampledInverse(F, 0.1)
    V = np.random.default_rng(1).standard_normal((120, n_targets))
    penalised = F.T.astype(np.float64) @ F.astype(np.float64) + inverse.penalty * np.eye(120)
    image = inverse(V)
    assert image.dtype == np.float64 and image.shape == V.shape
    np.testing.assert_allclose(penalised @ image, inverse.penalty * V, rtol=0, atol=precision * inverse.penalty)


def test_rows_as_they_are_given_stay_untouched():
    F = rows_with_a_tail(60)
    before = F.copy()
    SampledInverse(F, 0.1)(np.ones((120, 1)))
    np.testing.assert_array_equal(F, before)


@pytest.mark.parametrize("n_sampled", [300, 500])
def test_the_penalty_grows_by_what_the_sample_leaves_unexplained(n_sampled):
    F, alpha = rows_with_a_tail(n_columns=400), 0.1
    tried = min(n_sampled, 400) // 2
    part = F[:tried] * np.sqrt(len(F) / tried)
    penalised = part @ part.T + alpha * np.eye(tried)
    left_over = np.sum(F**2) - np.sum((F @ part.T) * np.linalg.solve(penalised, part @ F.T).T)
    inverse = SampledInverse(F[:n_sampled] * np.sqrt(len(F) / n_sampled), alpha)
    assert left_over / 400 > 0.5 * alpha
    assert inverse.penalty == pytest.approx(alpha + left_over / 400, rel=0.6)


def test_the_penalty_stays_where_the_sample_explains_everything():
    F = rows_with_a_tail(n_columns=3)[:60].repeat(40, axis=1)
    assert SampledInverse(F, 1.0).penalty == pytest.approx(1.0, rel=0.2)
    assert SampledInverse(rows_with_a_tail(200), 1e-3).penalty == 1e-3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("alpha", "n_sampled", "saved"), [(1e-2, 100, 1.5), (1.0, 100, 2), (1e-2, 400, 5), (1.0, 400, 4)]
)
def test_it_saves_most_iterations_on_other_rows(alpha, n_sampled, saved, dtype):
    F = rows_with_a_tail()
    C, penalties = np.random.default_rng(2).standard_normal((120, 2)), np.full(2, alpha)
    rows = np.random.default_rng(3).permutation(len(F))[:n_sampled]
    inverse = SampledInverse((F[rows] * np.sqrt(len(F) / n_sampled)).astype(dtype), alpha)
    plan = (lambda V: F.T @ (F @ V), C, penalties)
    solution, few, reached = conjugate_gradients(*plan, inverse, 1e-6, 500)
    _, many, _ = conjugate_gradients(*plan, np.copy, 1e-6, 500)
    assert reached <= 1e-6
    assert saved * few < many
    np.testing.assert_allclose(F.T @ (F @ solution) + alpha * solution, C, atol=1e-5 * np.linalg.norm(C))


def test_a_penalty_that_rounding_defeats_is_raised_until_there_is_a_factor():
    F = np.ones((4000, 30), dtype=np.float32) * np.float32(100.0)
    inverse = SampledInverse(F, 1e-12)
    assert np.isfinite(inverse.penalty) and inverse.penalty > 1e-12
    assert np.isfinite(inverse(np.ones((30, 1)))).all()


def test_one_row_serves():
    inverse = SampledInverse(np.ones((1, 2)), 0.5)
    assert inverse.penalty == 0.5
    np.testing.assert_allclose(inverse(np.ones((2, 1))), np.full((2, 1), 0.2))
