"""
How many features?
==================

Every user of random features asks it, and most answer it by a grid search that fits everything anew for each number of
features, each penalty and each fold. It need not be: the features of a small network are the first of those of a large
one, and sums over rows can be taken apart, so that :class:`sknnk.BundledNetworkRegressorCV` knows all answers after one
pass over the rows. Two tables that scikit-learn ships show two very different answers.
"""

# %%
# How diabetes progressed within a year, from ten measurements; and how large the worst cells of a tumour were, from
# twenty. Nine numbers of features from 8 to 2048, ten penalties and ten folds are 900 fits for each table.

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
# The scores are not estimates of those of a grid search; they are the same numbers. Here with the preprocessing fixed,
# and on a small part of the grid, for the grid search takes its time.

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
# The figure has, for each number of features, the score with the best penalty, and a band of one standard deviation
# over the folds. For diabetes the curve is flat: a few features and the direct link say what can be said about so noisy
# a target, and the best penalty keeps more of them from doing harm. The sizes of tumour cells follow a rule that can be
# learned, and a larger network learns it better.

fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for ax, (name, search) in zip(axes, searches.items(), strict=True):
    FeatureCountDisplay.from_estimator(search, ax=ax)
    ax.tick_params(axis="x", labelrotation=45)
    ax.set_title(name)

# %%
# The differences along a flat curve are smaller than what another choice of folds would change. The one-standard-error
# rule draws the consequence: of all candidates that the best one does not clearly beat, it takes the one with the
# fewest features. The network is smaller and faster, and its score is as good for all we know.

print(f"{'':16}{'best':>24}{'one standard error':>24}")
for name, (X, y) in tables.items():
    simple = BundledNetworkRegressorCV(counts, selection="one_standard_error", **settings).fit(X, y)
    best = searches[name]
    cells_of_row = [f"{m.n_components_} features, R2 {m.best_score_:.3f}" for m in (best, simple)]
    print(f"{name:16}" + "".join(f"{cell:>24}" for cell in cells_of_row))

plt.show()
