"""
Four models on two tables
=========================

Is a bundled network worth trying on a table of numbers? This example compares four models on two tables of
scikit-learn, with identical folds. Nothing is tuned by hand: :class:`sknnk.BundledNetworkRegressor` has all its
defaults. The other models get the scaling and the cross-validated penalty that a careful user would give them.
"""

# %%
# In the first table, the target is the progress of diabetes within a year. In the second table, it is the size of the
# worst cells of a tumour. Its 20 input columns are the means of ten measurements, and their standard errors.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import KFold, cross_validate
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import BundledNetworkRegressor

cells = load_breast_cancer()
tables = {
    "diabetes": load_diabetes(return_X_y=True),
    "tumour cells": (cells.data[:, :20], cells.data[:, list(cells.feature_names).index("worst area")]),
}
models = {
    "sknnk BundledNetworkRegressor": BundledNetworkRegressor(random_state=0),
    "MLPRegressor": TransformedTargetRegressor(
        make_pipeline(StandardScaler(), MLPRegressor(max_iter=2000, early_stopping=True, random_state=0)),
        transformer=StandardScaler(),
    ),
    "RBFSampler + RidgeCV": make_pipeline(
        StandardScaler(),
        RBFSampler(gamma="scale", n_components=1000, random_state=0),
        RidgeCV(np.logspace(-6, 3, 19)),
    ),
    "Ridge": make_pipeline(StandardScaler(), Ridge()),
}

# %%
# The code prints the mean R2 over the same five shuffled folds (larger is better), and the median time of one fit.

print(f"{'':32}" + "".join(f"{name:>24}" for name in tables))
print(f"{'':32}" + f"{'R2      fit time':>24}" * len(tables))
started = perf_counter()
results = {}
for model_name, model in models.items():
    cells_of_row = []
    for table_name, (X, y) in tables.items():
        folds = KFold(n_splits=5, shuffle=True, random_state=0)
        result = cross_validate(model, X, y, cv=folds, scoring="r2", return_estimator=True, return_indices=True)
        results[model_name, table_name] = result
        r2, fit_time = result["test_score"].mean(), np.median(result["fit_time"])
        cells_of_row.append(f"{r2:12.3f} {fit_time:9.2f} s")
    print(f"{model_name:32}" + "".join(f"{cell:>24}" for cell in cells_of_row))
print(f"in all {perf_counter() - started:.0f} s")

# %%
# Every prediction has a standard deviation. It comes from the errors of training rows that were left out of the fit.
# For each row, the figure uses the network that was not fitted to this row. Bars show one standard deviation up and
# down.

fig, axes = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
for ax, (table_name, (X, y)) in zip(axes, tables.items(), strict=True):
    result = results["sknnk BundledNetworkRegressor", table_name]
    mean, std = np.empty_like(y), np.empty_like(y)
    for network, test in zip(result["estimator"], result["indices"]["test"], strict=True):
        mean[test], std[test] = network.predict(X[test], return_std=True)
    inside = np.mean(np.abs(y - mean) <= std)
    ax.errorbar(y, mean, yerr=std, fmt="o", markersize=3, color="C0", ecolor="0.85", elinewidth=1, zorder=1)
    ax.plot([y.min(), y.max()], [y.min(), y.max()], color="C3", linewidth=1.5, label="perfect prediction", zorder=2)
    ax.set(
        xlabel="measured",
        ylabel="predicted, out of fold",
        title=f"{table_name}: {inside:.0%} within one std",
    )
    ax.legend(loc="upper left")
fig.savefig("quickstart.png", dpi=120)
print("figure saved to quickstart.png")

# %%
# The last lines show what the fit of the last fold has chosen: the kernels, the penalty, and the degrees of freedom in
# use (how many coefficients the penalty leaves free).

for kernel in network.kernels_:
    print(f"kernel: {kernel.activation} {kernel.frequencies}, weight {kernel.weight:.2g}")
print(f"alpha = {network.alpha_:.3g}, effective degrees of freedom = {network.effective_dof_:.1f}")
