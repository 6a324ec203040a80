"""Claim: where a target follows combinations of columns, learned axes are worth a factor of the error."""

import numpy as np
import pandas as pd
from paired import print_circumstances
from tabular import models

N_TEST, SEEDS = 4000, range(3)


def robot_arm(n, rng):
    """Distance of a point from the hand of an arm of eight links, whose angles are the columns."""
    angles = np.cumsum(rng.uniform(-np.pi / 2, np.pi / 2, (n, 8)), axis=1)
    distance = np.hypot(np.cos(angles).sum(axis=1) - 3.0, np.sin(angles).sum(axis=1) - 3.0)
    return np.diff(angles, axis=1, prepend=0.0), distance + 0.1 * rng.normal(size=n)


def two_directions(n, rng):
    """A wave along one direction of twenty columns and a parabola along another."""
    X, directions = rng.normal(size=(n, 20)), np.linalg.qr(rng.normal(size=(20, 2)))[0]
    along = X @ directions
    return X, np.sin(2.0 * along[:, 0]) + 0.5 * along[:, 1] ** 2 + 0.1 * rng.normal(size=n)


def single_columns(n, rng):
    """Friedman's first function: columns act by themselves, but for one product, and half do nothing."""
    X = rng.uniform(size=(n, 10))
    y = 10.0 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20.0 * (X[:, 2] - 0.5) ** 2 + 10.0 * X[:, 3] + 5.0 * X[:, 4]
    return X, y + rng.normal(size=n)


def errors(table, n):
    """Mean 1 - R2 of every model."""
    found = {}
    for seed in SEEDS:
        X, y = table(n + N_TEST, np.random.default_rng(seed))
        X = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
        for name, model in models(False, seed).items():
            found.setdefault(name, []).append(1.0 - model.fit(X[:n], y[:n]).score(X[n:], y[n:]))
    return {name: np.mean(each) for name, each in found.items()}


print_circumstances()
for table in (robot_arm, two_directions, single_columns):
    for n in (1000, 4000):
        print(
            f"{table.__name__}, {n} rows: " + ", ".join(f"{k} {v:.4f}" for k, v in errors(table, n).items()), flush=True
        )
