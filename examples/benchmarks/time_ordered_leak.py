"""Claim: on folds in the order of time, preprocessing of all rows makes scores too good; on shuffled folds it does not.

``python time_ordered_leak.py`` generates four kinds of tables whose columns drift, three times each, and prints the
best cross-validated R2 with ``preprocessing="once"`` and ``"fold"``, on shuffled folds and on those of TimeSeriesSplit.
"""

import warnings

import numpy as np
from sklearn.model_selection import KFold, TimeSeriesSplit

from sknnk import BundledNetworkRegressorCV

# The leak that is measured here is what the estimator warns of.
warnings.filterwarnings("ignore", message="cv=TimeSeriesSplit")

N_SAMPLES, COUNTS = 400, (64, 128, 256)
FOLDS = {"shuffled": KFold(5, shuffle=True, random_state=0), "in time": TimeSeriesSplit(5)}


def random_walks(rng, time):
    """Three columns, each of which is the sum of its past steps."""
    X = 0.3 * np.cumsum(rng.normal(size=(len(time), 3)), axis=0)
    return X, np.tanh(X[:, 0]) + 0.3 * X[:, 1] + 0.1 * rng.normal(size=len(time))


def spreading(rng, time):
    """Three columns whose standard deviation grows twentyfold."""
    scale = np.exp(3.0 * time)
    X = rng.normal(size=(len(time), 3)) * scale[:, None]
    return X, X[:, 0] + np.abs(X[:, 1]) + 0.1 * scale * rng.normal(size=len(time))


def price(rng, time):
    """A price that grows by a share of itself, and a column without drift."""
    grown = 100.0 * np.exp(2.0 * time + 0.1 * rng.normal(size=len(time)))
    other = rng.normal(size=len(time))
    return np.column_stack([grown, other]), np.log(grown) + 0.5 * np.sin(2.0 * other) + 0.1 * rng.normal(size=len(time))


def slow_trend(rng, time):
    """A column that follows the time, and one without drift."""
    X = np.column_stack([time + 0.1 * rng.normal(size=len(time)), rng.normal(size=len(time))])
    return X, 3.0 * time + np.sin(2.0 * X[:, 1]) + 0.1 * rng.normal(size=len(time))


for table in (random_walks, spreading, price, slow_trend):
    for seed in range(3):
        X, y = table(np.random.default_rng(seed), np.arange(N_SAMPLES) / N_SAMPLES)
        line = f"{table.__name__:14}{seed}"
        for name, cv in FOLDS.items():
            for preprocessing in ("once", "fold"):
                search = BundledNetworkRegressorCV(COUNTS, cv=cv, preprocessing=preprocessing, random_state=0)
                line += f"  {name} {preprocessing} {search.fit(X, y).best_score_:6.3f}"
        print(line, flush=True)
