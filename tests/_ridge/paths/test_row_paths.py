import numpy as np
import pytest

from sknnk._ridge.paths.row_paths import NestedKernel, dual_path
from sknnk._ridge.solvers.eigen import coefficients, decompose_rows

RNG = np.random.default_rng(0)
N, LINKED, COUNT = 30, 3, 60
COLUMNS = RNG.normal(size=(N, LINKED + COUNT)) + 5.0
Y = RNG.normal(size=(N, 2)) + 10.0
WEIGHT = RNG.uniform(0.5, 2.0, size=N)
ALPHAS = np.array([1e-3, 1.0, 1e2])
TRAIN, TEST = np.arange(20), np.arange(20, N)
EPS = np.finfo(np.float64).eps


def scaled(count, link, feature):
    return COLUMNS[:, : LINKED + count] * np.repeat([link, feature], [LINKED, count])


@pytest.mark.parametrize("counts", [(10, 30, 60), (60, 30, 30), (5,)])
def test_products_are_those_of_the_centred_columns_whatever_the_order_of_the_counts(counts):
    kernel = NestedKernel(COLUMNS, LINKED)
    for count in counts:
        columns = scaled(count, 2.0, 0.5)
        centred = columns - columns.mean(axis=0)
        np.testing.assert_allclose(kernel.matrix(count, 4.0, 0.25), centred @ centred.T, atol=1e-11)


def test_there_need_not_be_a_direct_link():
    kernel = NestedKernel(COLUMNS, 0)
    centred = COLUMNS[:, :7] - COLUMNS[:, :7].mean(axis=0)
    np.testing.assert_allclose(kernel.matrix(7, 9.0, 1.0), centred @ centred.T, atol=1e-11)


def test_columns_of_single_precision_are_multiplied_in_double_precision():
    kernel = NestedKernel(COLUMNS.astype(np.float32), LINKED).matrix(COUNT, 1.0, 1.0)
    assert kernel.dtype == np.float64
    exact = COLUMNS.astype(np.float32).astype(np.float64)
    exact -= exact.mean(axis=0)
    np.testing.assert_allclose(kernel, exact @ exact.T, atol=1e-4)


@pytest.mark.parametrize("weight", [np.ones(N), WEIGHT], ids=["alike", "weighted"])
@pytest.mark.parametrize("train", [TRAIN, np.r_[TRAIN, 3, 3, 7]], ids=["distinct", "repeated"])
def test_predictions_are_those_of_the_coefficients_of_the_columns(train, weight):
    path = dual_path(
        NestedKernel(COLUMNS, LINKED).matrix(COUNT, 1.0, 0.25), train, Y[train], weight[train], ALPHAS, EPS
    )
    features = scaled(COUNT, 1.0, 0.5)
    system = decompose_rows(features[train], Y[train], weight[train])
    for rows in (TEST, train):
        predictions = path.predictions(rows)
        for a, alpha in enumerate(ALPHAS):
            coef, intercept = coefficients(system, alpha)
            np.testing.assert_allclose(predictions[:, a], features[rows] @ coef + intercept, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 1e-14])
def test_a_penalty_below_the_rounding_of_the_products_is_refused(alpha):
    kernel = NestedKernel(COLUMNS, LINKED).matrix(COUNT, 1.0, 1.0)
    assert dual_path(kernel, TRAIN, Y[TRAIN], WEIGHT[TRAIN], np.array([1.0, alpha]), EPS) is None
