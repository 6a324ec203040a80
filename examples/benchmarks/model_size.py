"""Claim: how large a saved network is, and how long a prediction takes, beside boosted trees.

``OMP_NUM_THREADS=1 python model_size.py`` prints a table for 1000 and one for 10,000 training rows of 20 columns. Times
are processor time of one thread, so that other processes change them little; models take turns, and the median of
their rounds counts. CatBoost appears if it is installed. ``OMP_NUM_THREADS=1 python model_size.py blocks`` measures a
network in blocks instead: 100,000 training rows of 10 columns, and as many predictions.
"""

import pickle
import sys
from time import process_time

import numpy as np
from paired import print_circumstances, smooth_table
from sklearn.ensemble import HistGradientBoostingRegressor

from sknnk import BundledNetworkRegressor

try:
    from catboost import CatBoostRegressor
except ImportError:
    CatBoostRegressor = None

ROUNDS = 7


def models():
    """Each model with its defaults, or as its name says."""
    yield "sknnk, defaults", BundledNetworkRegressor(random_state=0, n_jobs=1)
    yield "sknnk, 256 random columns", BundledNetworkRegressor(256, feature_map="random", random_state=0, n_jobs=1)
    yield "sknnk, 1024 random columns", BundledNetworkRegressor(1024, feature_map="random", random_state=0, n_jobs=1)
    yield "HistGradientBoosting", HistGradientBoostingRegressor(random_state=0)
    if CatBoostRegressor is not None:
        yield "CatBoost", CatBoostRegressor(random_seed=0, thread_count=1, verbose=0, allow_writing_files=False)


def processor_time(predict, rows, times):
    """Seconds of one call, of as many."""
    start = process_time()
    for _ in range(times):
        predict(rows)
    return (process_time() - start) / times


def compare(candidates, n_samples, n_features, n_new):
    """A table of R2, size and times."""
    X_test, y_test = smooth_table(n_new, n_features, seed=1)
    fitted = {name: model.fit(*smooth_table(n_samples, n_features)) for name, model in candidates}
    print(f"\n{n_samples} training rows\n{'':28}{'R2':>6}{'file':>10}{'one row':>10}{f'{n_new:,} rows':>14}")
    times = {name: [] for name in fitted}
    for _ in range(ROUNDS):
        for name, model in fitted.items():
            times[name].append(
                (processor_time(model.predict, X_test[:1], 100), processor_time(model.predict, X_test, 1))
            )
    for name, model in fitted.items():
        one, many = np.median(times[name], axis=0)
        size = 1e-6 * len(pickle.dumps(model))
        print(f"{name:28}{model.score(X_test, y_test):6.3f}{size:7.2f} MB{1e6 * one:7.0f} us{many:12.3f} s", flush=True)


print_circumstances()
if "blocks" in sys.argv:
    compare([next(models())], 100_000, 10, 100_000)
else:
    for n_samples in (1000, 10_000):
        compare(models(), n_samples, 20, 10_000)
