"""Claim: cross-validating 5 feature counts x 10 alphas x 5 folds in one pass, against two grid searches.

The first grid search fits the same estimator, with the same features and the same folds: its scores must be the same.
The second is what one would write with scikit-learn alone. ``python feature_counts.py [rows [memory]]``; with
``memory`` the peak memory of our search is measured for several numbers of rows instead.
"""

import subprocess
import sys

import numpy as np
from paired import peak_memory, print_circumstances, seconds, smooth_table
from sklearn.datasets import load_diabetes
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sknnk import BundledNetworkRegressor, BundledNetworkRegressorCV

COUNTS, ALPHAS = (128, 256, 512, 1024, 2048), np.logspace(-4, 3, 10)
KERNEL = {"directions": "orthogonal", "frequencies": "isotropic", "input_transform": None, "random_state": 0}


def ours(length_scale: float) -> BundledNetworkRegressorCV:
    """The search in one pass."""
    return BundledNetworkRegressorCV(
        COUNTS, alphas=ALPHAS, activations="gaussian", length_scales=length_scale, **KERNEL
    )


def peers(length_scale: float) -> dict[str, GridSearchCV]:
    """Grid searches over the same candidates."""
    network = BundledNetworkRegressor(activation="gaussian", length_scale=length_scale, **KERNEL)
    pipeline = make_pipeline(RBFSampler(gamma=0.5 / length_scale**2, random_state=0), Ridge())
    of_pipeline = {"ridge__alpha": ALPHAS, "rbfsampler__n_components": COUNTS}
    return {
        "GridSearchCV over the same network": GridSearchCV(network, {"alpha": ALPHAS, "n_components": COUNTS}),
        "GridSearchCV over RBFSampler + Ridge": GridSearchCV(pipeline, of_pipeline),
    }


def compare(name: str, X: np.ndarray, y: np.ndarray, length_scale: float, repeats: int = 3) -> None:
    """Run our search next to each of the others, ours before and after them, and print the ratio."""
    search = ours(length_scale)
    for label, peer in peers(length_scale).items():
        before = [seconds(lambda: search.fit(X, y)) for _ in range(repeats)]
        there = seconds(lambda peer=peer: peer.fit(X, y))
        here = float(np.median(before + [seconds(lambda: search.fit(X, y)) for _ in range(repeats)]))
        line = f"{name}, {label}: {there:.2f} s, sknnk {here:.3f} s, {there / here:.1f} x faster"
        if "same" in label:
            differences = [
                np.abs(search.cv_results_[f"split{i}_test_score"] - peer.cv_results_[f"split{i}_test_score"]).max()
                for i in range(5)
            ]
            line += f"; largest difference of a score {max(differences):.1e}"
        print(f"{line}; best R2 {search.best_score_:.4f} and {peer.best_score_:.4f}", flush=True)


if "run" in sys.argv:
    X, y = smooth_table(int(sys.argv[1]))
    before = peak_memory()
    ours(5.0).fit(X, y)
    print(f"{int(sys.argv[1]):9,d} rows: {peak_memory() - before:.2f} GB beyond the data")
elif "memory" in sys.argv:
    for rows in (20_000, 40_000, 80_000, 160_000):
        subprocess.run([sys.executable, __file__, str(rows), "run"], check=True)
else:
    print_circumstances()
    X, y = load_diabetes(return_X_y=True)
    compare("diabetes", X / X.std(axis=0), y, 5.0)
    n_samples = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    compare(f"{n_samples:,d} x 20", *smooth_table(n_samples), 5.0)
