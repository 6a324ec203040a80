import numpy as np
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance

from sknnk._losses import Gamma, Poisson


def test_values_are_half_of_the_deviances_of_scikit_learn():
    rng = np.random.default_rng(0)
    Y, F = np.exp(rng.normal(size=(30, 1))), rng.normal(size=(30, 1))
    for loss, deviance in ((Poisson(), mean_poisson_deviance), (Gamma(), mean_gamma_deviance)):
        np.testing.assert_allclose(2.0 * loss.values(Y, F).mean(), deviance(Y, loss.means(F)), rtol=1e-12)


def test_a_count_of_zero_costs_the_mean():
    F = np.array([[-3.0], [0.5]])
    np.testing.assert_allclose(Poisson().values(np.zeros((2, 1)), F), np.exp(F[:, 0]))
