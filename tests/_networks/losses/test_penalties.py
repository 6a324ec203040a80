import numpy as np

from sknnk._integration import Execution
from sknnk._losses import Huber, Poisson
from sknnk._networks.losses.penalties import PenaltyTrials, penalty_of_squares
from sknnk._networks.losses.rows import ExactRows, GivenKernel
from sknnk._networks.losses.samples import SampledRows


def trials(loss, Y, X):
    kernel = np.exp(-0.5 * ((X[:, None] - X) ** 2).sum(axis=2))
    rows = ExactRows(GivenKernel(kernel), len(X), np.ones(len(X), dtype=np.int64), Execution().threads)
    return PenaltyTrials(SampledRows(None, X, rows), loss, Y, np.ones(len(X)))


def counts(n=80):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 1))
    return X, rng.poisson(np.exp(np.sin(2.0 * X))).astype(float)


def test_the_loss_of_rows_left_out_is_that_of_fits_without_them():
    X, Y = counts(25)
    start = np.log(0.5 * (Y + Y.mean()))
    estimate, _ = trials(Poisson(), Y, X).tried(1.0, start)
    losses = []
    for row in range(25):
        others = np.delete(np.arange(25), row)
        _, found = trials(Poisson(), Y[others], X[others]).tried(1.0, start[others])
        kernel = np.exp(-0.5 * (X[row] - X[others]) ** 2).T
        losses.append(Poisson().judged(Y[[row]], kernel @ found.state.coef + found.state.intercept))
    np.testing.assert_allclose(estimate, np.mean(losses), rtol=0.05)


def test_the_penalty_found_near_one_is_no_worse_than_its_neighbours():
    X, Y = counts()
    each, start = trials(Poisson(), Y, X), np.log(0.5 * (Y + Y.mean()))
    for begin in (0.01, 100.0):
        best = each.best_near(begin, start)
        loss = each.tried(best.alpha, start)[0]
        for factor in (10.0**0.5, 10.0**-0.5):
            assert loss <= each.tried(best.alpha * factor, start)[0] * (1.0 + 1e-3)


def test_the_best_of_some_penalties_is_one_of_them():
    X, Y = counts()
    assert trials(Poisson(), Y, X).best_of([1e-3, 1.0, 1e3], np.zeros(Y.shape)).alpha in (1e-3, 1.0, 1e3)


def test_the_penalty_of_squares_stays_that_of_squares_where_no_row_is_beyond_the_threshold():
    _, Y = counts()
    assert penalty_of_squares(Huber(1e9), Y, np.ones(len(Y)), np.zeros(Y.shape), 0.3) == 0.3
