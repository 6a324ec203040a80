"""
How many features?
==================

Every user of random features asks this question. A grid search fits everything again for each number of features, each
penalty and each fold. :class:`sknnk.BundledNetworkRegressorCV` needs only one pass over the rows. This has two
reasons. The features of a small network are the first features of a large one. And sums over all rows are made of the
sums over the folds. Two tables of scikit-learn give two very different answers.
"""

# %%
# The first table predicts the progress of diabetes within a year from ten columns. The second predicts the size of the
# worst cells of a tumour from twenty columns. Nine numbers of features from 8 to 2048, ten penalties and ten folds are
# 900 fits for each table.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, KFold

from sknnk import BundledNetworkRegressor, BundledNetworkRegressorCV, FeatureCountDisplay

cells = load_breast_cancer(as_frame=True).data
tables = {
    "diabetes": load_diabetes(return_X_y=True),
    "tumour cells": (cells.iloc[:, :20].to_numpy(), cells["worst area"].to_numpy()),
}
counts = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
folds = KFold(n_splits=10, shuffle=True, random_state=0)
settings = {"alphas": np.logspace(2, -5, 10), "cv": folds, "random_state": 0}

searches = {}
for name, (X, y) in tables.items():
    search = BundledNetworkRegressorCV(counts, return_train_score=True, **settings)
    started = perf_counter()
    searches[name] = search.fit(X, y)
    print(f"{name}: {len(search.cv_results_['params']) * 10} fits in {perf_counter() - started:.1f} s,", end=" ")
    print(f"best with {search.n_components_} features: R2 {search.best_score_:.3f}")

# %%
# The scores are exactly those of a grid search. The code shows this without any preprocessing, and on a small part of
# the grid, because the grid search is slow.

X, y = tables["diabetes"]
X = X / X.std(axis=0)
kernel = {"directions": "orthogonal", "frequencies": "isotropic", "input_transform": None, "random_state": 0}
grid = {"alpha": [1.0, 0.1, 0.01], "n_components": [64, 256]}
started = perf_counter()
network = BundledNetworkRegressor(activation="gaussian", length_scale=5.0, **kernel)
slow = GridSearchCV(network, grid, cv=folds).fit(X, y)
slow_time, started = perf_counter() - started, perf_counter()
fast = BundledNetworkRegressorCV(
    grid["n_components"], alphas=grid["alpha"], length_scales=5.0, activations="gaussian", cv=folds, **kernel
).fit(X, y)
fast_time = perf_counter() - started
difference = np.abs(slow.cv_results_["mean_test_score"] - fast.cv_results_["mean_test_score"]).max()
print(f"60 fits: GridSearchCV {slow_time:.2f} s, one pass {fast_time:.2f} s; mean scores differ by {difference:.0e}")

# %%
# The figure shows the score with the best penalty for each number of features, and a band of one standard deviation
# over the folds. For diabetes the curve is flat. The target is so noisy that a few features and the direct link are
# enough; with the best penalty, more features do no harm. The size of tumour cells has little noise, and a larger
# network predicts it better.

fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for ax, (name, search) in zip(axes, searches.items(), strict=True):
    FeatureCountDisplay.from_estimator(search, ax=ax)
    ax.tick_params(axis="x", labelrotation=45)
    ax.set_title(name)

# %%
# Along a flat curve the scores differ so little that other folds would give another best number. The
# one-standard-error rule takes the smallest number of features whose score is not clearly worse than the best. The
# network is smaller and faster, and its score is about as good.

print(f"{'':16}{'best':>24}{'one standard error':>24}")
for name, (X, y) in tables.items():
    simple = BundledNetworkRegressorCV(counts, selection="one_standard_error", **settings).fit(X, y)
    best = searches[name]
    cells_of_row = [f"{m.n_components_} features, R2 {m.best_score_:.3f}" for m in (best, simple)]
    print(f"{name:16}" + "".join(f"{cell:>24}" for cell in cells_of_row))

plt.show()
