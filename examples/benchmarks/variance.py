"""Claim: the variance of an estimated layer is the predicted one, everywhere, and below the bound for the whole range.

``python variance.py [--draws N] [--activations NAME ...]``. Rows and weights are in the unit ball, biases up to one
half; "ball" are uniform points, "edge" points of norm one, a third of them parallel or opposite to a weight vector,
with every second bias at the end of its range. The last column is the largest deviation of a measured variance from the
predicted one in units of its standard error, over 256 points.
"""

import argparse
from itertools import product

import numpy as np

from sknnk import URFSampler, estimation_variance
from sknnk._kernels.spectra import ACTIVATIONS


def points(d: int, place: str, n: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, weights and biases."""
    rng = np.random.default_rng([d, place == "edge"])
    X, W = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in rng.normal(size=(2, n, d)))
    b = rng.uniform(-0.5, 0.5, n)
    if place == "ball":
        # One point of norm one, so that the range of the fit is the unit ball.
        X[1:] *= rng.random((n - 1, 1)) ** (1.0 / d)
        W *= rng.random((n, 1)) ** (1.0 / d)
    else:
        W[: n // 4], W[n // 4 : n // 3], b[::2] = X[: n // 4], -X[n // 4 : n // 3], np.sign(b[::2]) / 2
    return X, W, b


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--activations", nargs="*", default=list(ACTIVATIONS))
    given = parser.parse_args()
    print(f"{'':44}{'predicted':>10}{'bound':>8}{'largest':>10}")
    print(f"{'activation':12}{'d':>3} {'mode':10}{'directions':12}{'place':6}{'/ measured':>18}{'deviation':>10}")
    places = product(given.activations, (8, 32), ("unbiased", "positive"), ("gaussian", "orthogonal"), ("ball", "edge"))
    for activation, d, mode, directions, place in places:
        X, W, b = points(d, place)
        sampler = URFSampler(activation, n_components=1024, mode=mode, directions=directions)
        draws = (sampler.set_params(random_state=seed).fit(X) for seed in range(given.draws))
        values = np.array([each.transform(X) @ each.transform_weights(W, b).T for each in draws])
        squares = (values - values.mean(axis=0)) ** 2 * (given.draws / (given.draws - 1.0))
        measured, error = squares.mean(axis=0), squares.std(axis=0) / np.sqrt(given.draws)
        predicted, bound = estimation_variance(sampler, X, W, b), sampler.spectrum_.variance_bound
        deviation = np.abs(measured - predicted) / error
        print(
            f"{activation:12}{d:3} {mode:10}{directions:12}{place:6}{predicted.mean() / measured.mean():10.3f}"
            f"{bound / measured.mean():8.2f}{deviation.max():10.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
