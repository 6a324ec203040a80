"""
Bundling a trained network
==========================

A trained multilayer perceptron has its parameters spread over many matrices. :func:`sknnk.bundle` replaces it by random
features and *one* matrix, found in closed form from the network's own outputs on rows without labels. How much smaller
does it get, and what is lost? And what does solving for that matrix again, from labels, win?
"""

# %%
# Two networks with three hidden layers of 256 units: one tells handwritten digits apart, one learns Friedman's function
# of five variables among eight.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits, make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from sknnk import bundle, bundle_report

COUNTS = (32, 64, 128, 256, 512)
digits, labels = load_digits(return_X_y=True)
X, y = make_friedman1(n_samples=2000, n_features=8, noise=0.5, random_state=0)
settings = {"hidden_layer_sizes": (256, 256, 256), "early_stopping": True, "max_iter": 100, "random_state": 0}
tasks = {
    "digits": (MLPClassifier(**settings), *train_test_split(digits / 16.0, labels, random_state=0)),
    "friedman1": (MLPRegressor(**settings), *train_test_split(scale(X), scale(y), random_state=0)),
}

# %%
# Each network is bundled with more and more features, from unlabelled training rows. The report counts what is learned
# (the output matrix) and what is stored (the random directions as well, which a seed could give again), and compares
# predictions on test rows.

scores = {}
for task, (network, X_train, X_test, y_train, y_test) in tasks.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.fit(X_train, y_train)
    scores[task] = np.empty((2, len(COUNTS)))
    for i, n_components in enumerate(COUNTS):
        bundled = bundle(network, n_components=n_components, X=X_train, random_state=0)
        refitted = clone(bundled).fit(X_train, y_train)
        scores[task][:, i] = bundled.score(X_test, y_test), refitted.score(X_test, y_test)
        if n_components == 256:
            print(f"{task}: network {network.score(X_test, y_test):.4f}, ", end="")
            print("bundled {:.4f}, refitted {:.4f}".format(*scores[task][:, i]))
            print(bundle_report(network, bundled, X_test), end="\n\n")

# %%
# The scores on test rows. A bundle reproduces its network, and solving the same matrix from labels, in closed form and
# on the same features, usually does better than the network did.

fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for ax, (task, (network, _, X_test, _, y_test)) in zip(axes, tasks.items(), strict=True):
    ax.axhline(network.score(X_test, y_test), color="0.4", linestyle=":", label="the network")
    for curve, name, marker in zip(
        scores[task], ("bundled, without labels", "refitted, with labels"), "os", strict=True
    ):
        ax.plot(COUNTS, curve, marker=marker, label=name)
    ax.set_xscale("log", base=2)
    ax.set_xticks(COUNTS, [str(n) for n in COUNTS])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.set(title=task, xlabel="Number of features", ylabel="Accuracy" if task == "digits" else "R2")
    ax.legend(loc="lower right")

# %%
# In part: the first two hidden layers are bundled, and the last one stays as it is.

network, X_train, X_test, _, y_test = tasks["friedman1"]
partly = bundle(network, n_components=128, X=X_train, n_layers=2, random_state=0)
print(f"two layers bundled: R2 {partly.score(X_test, y_test):.4f}")
print(bundle_report(network, partly, X_test))
