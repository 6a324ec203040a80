"""The steps against independent optimisers on explicit columns, and against scikit-learn's linear models."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import GammaRegressor, HuberRegressor, LogisticRegression, PoissonRegressor, QuantileRegressor

from sknnk._losses import Gamma, Huber, Logistic, Pinball, Poisson, Softmax, State, minimised, working_system


@dataclass
class Columns:
    """Weighted ridge regression with an intercept, by the textbook."""

    F: np.ndarray

    @property
    def n_coefficients(self):
        return self.F.shape[1]

    def solve(self, Z, sample_weight, alpha):
        share = sample_weight / sample_weight.sum()
        mean, target_mean = share @ self.F, share @ Z
        centred = self.F - mean
        gram = centred.T @ (sample_weight[:, None] * centred) + alpha * np.eye(len(mean))
        coef = np.linalg.solve(gram, centred.T @ (sample_weight[:, None] * (Z - target_mean)))
        intercept = target_mean - mean @ coef
        return State(coef, intercept, self.F @ coef + intercept), alpha

    def outputs(self, coef):
        return self.F @ coef

    def inner(self, left, right):
        return np.sum(left.coef * right.coef, axis=0)


def table(n=120, m=5, seed=0):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(n, m))
    signal = F @ rng.normal(size=m) / 2.0
    return F, signal, rng


def cases():
    F, signal, rng = table()
    heavy = signal + rng.standard_t(2, size=len(F))
    yield "huber", Huber(0.8), F, heavy[:, None]
    yield "median", Pinball(0.5, 0.2), F, heavy[:, None]
    yield "quantile", Pinball(0.9, 0.2), F, heavy[:, None]
    yield "poisson", Poisson(), F, rng.poisson(np.exp(signal)).astype(float)[:, None]
    yield "gamma", Gamma(), F, rng.gamma(2.0, np.exp(signal) / 2.0)[:, None]
    yield "two classes", Logistic(), F, np.sign(signal + rng.logistic(size=len(F)))[:, None]
    labels = np.argmax(F[:, :4] + rng.gumbel(size=(len(F), 4)), axis=1)
    yield "four classes", Softmax(), F, np.where(np.eye(4)[labels] > 0.0, 1.0, -1.0)


def steps(loss, F, Y, alpha, weight=None, n=60, tol=1e-15):
    weight = np.ones(len(F)) if weight is None else weight
    start = np.zeros(Y.shape) if isinstance(loss, Logistic | Softmax) else np.full(Y.shape, np.median(Y))
    if isinstance(loss, Poisson | Gamma):
        start = np.log(0.5 * (Y + Y.mean()))
    return minimised(Columns(F), loss, Y, weight, alpha, start, tol, n)


@pytest.mark.parametrize(("loss", "F", "Y"), [pytest.param(*rest, id=name) for name, *rest in cases()])
def test_the_network_is_that_of_an_independent_optimiser(loss, F, Y):
    weight, alpha = np.random.default_rng(2).uniform(0.5, 2.0, len(F)), 0.7
    m, k = F.shape[1], Y.shape[1]

    def objective(parameters):
        coef, intercept = parameters[: m * k].reshape(m, k), parameters[m * k :]
        values = F @ coef + intercept
        slopes = weight[:, None] * loss.gradient(Y, values)
        gradient = np.concatenate([(F.T @ slopes + alpha * coef).ravel(), slopes.sum(axis=0)])
        return weight @ loss.values(Y, values) + 0.5 * alpha * np.sum(coef**2), gradient

    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 40}
    found = minimize(objective, np.zeros((m + 1) * k), jac=True, method="L-BFGS-B", options=options)
    expected = F @ found.x[: m * k].reshape(m, k) + found.x[m * k :]
    own = steps(loss, F, Y, alpha, weight).state.values
    if k > 1:  # a constant common to all classes changes no probability
        expected, own = expected - expected.mean(axis=1, keepdims=True), own - own.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(own, expected, atol=1e-6)


@pytest.mark.parametrize(("loss", "F", "Y"), [pytest.param(*rest, id=name) for name, *rest in cases()])
def test_twelve_solutions_are_enough(loss, F, Y):
    few, many = steps(loss, F, Y, 0.7, n=12, tol=1e-5), steps(loss, F, Y, 0.7)
    assert few.n_steps <= 12
    assert few.objective <= many.objective * (1.0 + 1e-4)


def test_few_solutions_are_enough_for_a_quantile_that_is_close_to_all_targets():
    X, rng = np.random.default_rng(0).normal(size=(150, 2)), np.random.default_rng(1)
    kernel = np.exp(-0.5 * ((X[:, None] - X) ** 2).sum(axis=2))
    values, vectors = np.linalg.eigh(kernel)
    F, loss = vectors * np.sqrt(np.maximum(values, 0.0)), Pinball(0.95, 0.05)
    Y = (np.sin(2.0 * X[:, 0]) + 0.3 * rng.standard_t(3, size=150))[:, None]
    few, many = steps(loss, F, Y, 1e-4, n=12, tol=1e-5), steps(loss, F, Y, 1e-4, n=200)
    assert few.n_steps < 12 and few.objective <= many.objective * (1.0 + 1e-4)


@pytest.mark.parametrize(("model", "loss"), [(PoissonRegressor, Poisson()), (GammaRegressor, Gamma())])
def test_generalised_linear_models_are_those_of_scikit_learn(model, loss):
    F, Y = next((F, Y) for _, each, F, Y in cases() if type(each) is type(loss))
    weight = np.random.default_rng(3).uniform(0.5, 2.0, len(F))
    theirs = model(alpha=0.1, solver="newton-cholesky", tol=1e-12).fit(F, Y[:, 0], weight)
    own = steps(loss, F, Y, 0.1 * weight.sum(), weight)
    np.testing.assert_allclose(loss.means(own.state.values)[:, 0], theirs.predict(F), rtol=1e-6)


def test_huber_regression_is_that_of_scikit_learn_at_its_scale():
    F, Y = next((F, Y) for name, _, F, Y in cases() if name == "huber")
    theirs = HuberRegressor(epsilon=1.345, alpha=0.5, tol=1e-12, max_iter=10_000).fit(F, Y[:, 0])
    own = steps(Huber(1.345 * theirs.scale_), F, Y, 0.5 * theirs.scale_)
    # Theirs stops at a gradient of 3e-4, and ours at 1e-7.
    np.testing.assert_allclose(own.state.values[:, 0], theirs.predict(F), atol=1e-4)


def test_quantile_regression_is_that_of_scikit_learn_where_the_kink_is_narrow():
    F, Y = next((F, Y) for name, _, F, Y in cases() if name == "quantile")
    theirs = QuantileRegressor(quantile=0.8, alpha=0.0).fit(F, Y[:, 0])
    values = np.full(Y.shape, Y.mean())
    for width in (0.1, 0.01, 1e-3, 1e-4):
        loss = Pinball(0.8, width)
        values = minimised(Columns(F), loss, Y, np.ones(len(F)), 1e-8, values, 1e-14, 60).state.values
    assert loss.judged(Y, values).mean() <= loss.judged(Y, theirs.predict(F)[:, None]).mean() * (1.0 + 1e-5)
    np.testing.assert_allclose(values[:, 0], theirs.predict(F), atol=0.01)


@pytest.mark.parametrize("name", ["two classes", "four classes"])
def test_logistic_regression_is_that_of_scikit_learn(name):
    loss, F, Y = next((loss, F, Y) for each, loss, F, Y in cases() if each == name)
    labels = (Y[:, 0] > 0.0).astype(int) if Y.shape[1] == 1 else np.argmax(Y, axis=1)
    theirs = LogisticRegression(C=1.0 / 0.7, tol=1e-12, max_iter=10_000).fit(F, labels)
    logits = np.asarray(theirs.decision_function(F)).reshape(len(F), -1)
    own = steps(loss, F, Y, 0.7).state.values
    if Y.shape[1] > 1:
        own, logits = (each - each.mean(axis=1, keepdims=True) for each in (own, logits))
    np.testing.assert_allclose(own, logits, atol=1e-5)


def test_squares_in_place_of_the_loss_are_the_working_system():
    _, loss, _, Y = next(cases())
    values = np.zeros(Y.shape)
    Z, weight = working_system(loss, Y, values)
    np.testing.assert_allclose(weight[:, None] * (values - Z), loss.gradient(Y, values))


def test_rows_that_are_flat_everywhere_still_pull():
    Y, values = np.full((5, 1), 100.0), np.zeros((5, 1))
    Z, weight = working_system(Huber(1.0), Y, values)
    assert np.all(weight > 0.0) and np.all(Z > 0.0)
