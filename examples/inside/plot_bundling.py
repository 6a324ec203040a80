"""
Bundling a trained network
==========================

A trained multilayer perceptron has many weight matrices. :func:`sknnk.bundle` replaces it by random features and *one*
matrix. It solves a linear system, so that the outputs of the bundle are close to those of the network. It needs no
labels for this. How much smaller is the bundle, and how much accuracy does it lose? And how accurate is a bundle whose
matrix is fitted to the labels?
"""

# %%
# Two networks have three hidden layers of 128 units each. One classifies handwritten digits. The other learns
# Friedman's function, which depends on five of eight columns.

import warnings

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.datasets import load_digits, make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from sknnk import bundle, bundle_report

digits, labels = (each[:1000] for each in load_digits(return_X_y=True))
X, y = make_friedman1(n_samples=1000, n_features=8, noise=0.5, random_state=0)
settings = {"hidden_layer_sizes": (128, 128, 128), "early_stopping": True, "max_iter": 100, "random_state": 0}
tasks = {
    "digits": (MLPClassifier(**settings), *train_test_split(digits / 16.0, labels, random_state=0)),
    "friedman1": (MLPRegressor(**settings), *train_test_split(scale(X), scale(y), random_state=0)),
}

# %%
# Each network is bundled with 256 features, on the training rows without their labels. The report counts the learned
# parameters: the output matrix. It also counts all stored numbers, which include the random directions. Last, it
# compares the predictions of network and bundle on test rows.

bundles = {}
for task, (network, X_train, X_test, y_train, _) in tasks.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.fit(X_train, y_train)
    bundles[task] = bundle(network, n_components=256, X=X_train, random_state=0)
    print(task)
    print(bundle_report(network, bundles[task], X_test), end="\n\n")

# %%
# You can also fit the bundle to the labels. This takes one linear system. The number of features may be the same or
# another one.

COUNTS = (32, 64, 128, 256, 512)
refitted = {task: {} for task in tasks}
for task, (_, X_train, X_test, y_train, y_test) in tasks.items():
    for n_components in COUNTS:
        again = clone(bundles[task]).set_params(n_components=n_components)
        refitted[task][n_components] = again.fit(X_train, y_train).score(X_test, y_test)

# %%
# The code prints scores on test rows. A bundle with enough features reproduces its network. The bundle that was fitted
# to the labels ("refitted") is often better than the network.

print(f"{'':12}{'network':>12}{'bundled':>12}{'refitted':>12}")
fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for ax, (task, (network, _, X_test, _, y_test)) in zip(axes, tasks.items(), strict=True):
    of_network = network.score(X_test, y_test)
    of_bundle = bundles[task].score(X_test, y_test)
    print(f"{task:12}{of_network:12.3f}{of_bundle:12.3f}{refitted[task][256]:12.3f}")
    ax.axhline(of_network, color="0.4", linestyle=":", label="the network")
    ax.plot(256, of_bundle, "o", markersize=9, label="bundled, without labels")
    ax.plot(refitted[task].keys(), refitted[task].values(), "s-", markersize=5, label="refitted, with labels")
    ax.set_xscale("log", base=2)
    ax.set_xticks(COUNTS, [str(n) for n in COUNTS])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.set(title=task, xlabel="Number of features", ylabel="Accuracy" if task == "digits" else "R2")
    ax.legend(loc="lower right")

# %%
# You can also bundle only a part of a network: here the first two hidden layers, from 500 rows. The last one does not
# change.

network, X_train, X_test, _, y_test = tasks["friedman1"]
partly = bundle(network, n_components=128, X=X_train[:500], n_layers=2, random_state=0)
print(f"two layers bundled: R2 {partly.score(X_test, y_test):.3f}")
print(bundle_report(network, partly, X_test))
