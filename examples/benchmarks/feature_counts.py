"""Claim: cross-validating 5 feature counts x 10 alphas x 5 folds in one pass, against two grid searches.

The first grid search fits the same estimator, with the same features and the same folds: its scores must be the same.
The second is what one would write with scikit-learn alone. ``python feature_counts.py`` runs everything, each grid
search five times on diabetes and once on 20,000 rows, each time next to three runs of ours. ``diabetes`` or ``rows``
runs one of the two, ``rows network`` or ``rows pipeline`` one of the grid searches alone; ``memory`` measures the peak
memory of our search for several numbers of rows.
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
        "network": GridSearchCV(network, {"alpha": ALPHAS, "n_components": COUNTS}),
        "pipeline": GridSearchCV(pipeline, of_pipeline),
    }


def compare(name: str, X: np.ndarray, y: np.ndarray, pairs: int) -> None:
    """Run our search three times and one of the others once, in turn; print medians and the median ratio."""
    search = ours(5.0).fit(X, y)
    for label, peer in peers(5.0).items():
        if {"network", "pipeline"} & set(sys.argv) and label not in sys.argv:
            continue
        times = np.array(
            [
                (
                    np.median([seconds(lambda: search.fit(X, y)) for _ in range(3)]),
                    seconds(lambda peer=peer: peer.fit(X, y)),
                )
                for _ in range(pairs)
            ]
        )
        (here, there), ratio = np.median(times, axis=0), np.median(times[:, 1] / times[:, 0])
        line = f"{name}, GridSearchCV over the {label}: {there:.2f} s, sknnk {here:.3f} s, {ratio:.1f} x faster"
        if label == "network":
            keys = [f"split{i}_test_score" for i in range(5)]
            differences = [np.abs(search.cv_results_[key] - peer.cv_results_[key]).max() for key in keys]
            line += f"; largest difference of a score {max(differences):.1e}"
        print(f"{line}; best R2 {search.best_score_:.4f} and {peer.best_score_:.4f}", flush=True)


if "measure" in sys.argv:
    X, y = smooth_table(int(sys.argv[1]))
    before = peak_memory()
    ours(5.0).fit(X, y)
    print(f"{int(sys.argv[1]):9,d} rows: {peak_memory() - before:.2f} GB beyond the data")
elif "memory" in sys.argv:
    for rows in (20_000, 40_000, 80_000, 160_000):
        subprocess.run([sys.executable, __file__, str(rows), "measure"], check=True)
else:
    print_circumstances()
    if "rows" not in sys.argv:
        X, y = load_diabetes(return_X_y=True)
        compare("diabetes", X / X.std(axis=0), y, pairs=5)
    if "diabetes" not in sys.argv:
        compare("20,000 x 20", *smooth_table(20_000), pairs=1)
