"""Claim: quantiles and length scales of all rows do not flatter a score, a kernel chosen by all targets does.

``python preprocessing_leak.py`` measures two tables of scikit-learn. ``--data DIR abalone power_plant`` adds
tables from a folder: ``DIR/abalone.csv`` or ``.csv.gz`` with a header, the target in the last column. Text columns
become one column per category; rows with an empty field are left out. Each line compares the best cross-validated R2 of
two searches on the same random samples and folds.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import KFold

from sknnk import BundledNetworkRegressor, BundledNetworkRegressorCV

COUNTS, ALPHAS = (128, 256, 512), np.logspace(1, -4, 6)
SIZES = {300: 8, 1000: 8, 4000: 3}
AUTOMATIC = {"activations": "auto", "length_scales": "auto", "directions": "auto", "frequencies": "auto"}


def best_score(X: np.ndarray, y: np.ndarray, repetition: int, **options: object) -> float:
    """Best mean R2 of a search, with the folds of this repetition."""
    folds = KFold(5, shuffle=True, random_state=repetition)
    search = BundledNetworkRegressorCV(COUNTS, alphas=ALPHAS, cv=folds, refit=False, random_state=0, **options)
    return float(search.fit(X, y).cv_results_["mean_test_score"].max())


def kernel_by_all_targets(X: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """What the automatic search of the network finds when it sees every row."""
    network = BundledNetworkRegressor(max(COUNTS), alpha=1.0, random_state=0).fit(X, y)
    return {
        "activations": network.activation_,
        "length_scales": [network.length_scale_],
        "directions": network.directions_,
        "frequencies": network.frequencies_,
    }


def measure(name: str, X: np.ndarray, y: np.ndarray, n_rows: int, repetitions: int) -> None:
    """Print one line of the table."""
    scores = []
    for repetition in range(repetitions):
        rows = np.random.default_rng(repetition).choice(len(y), n_rows, replace=False)
        table = X[rows], y[rows], repetition
        scores.append(
            [
                best_score(*table, preprocessing="once"),
                best_score(*table, preprocessing="fold"),
                best_score(*table, preprocessing="once", **kernel_by_all_targets(X[rows], y[rows])),
                best_score(*table, preprocessing="fold", **AUTOMATIC),
            ]
        )
    once, fold, leaky, honest = np.array(scores).T
    cells = [f"{once.mean():.3f}"]
    for difference in (fold - once, leaky - honest):
        cells.append(f"{difference.mean():+.4f} ± {difference.std(ddof=1) / np.sqrt(repetitions):.4f}")
    print(f"| {name} | {n_rows} | {' | '.join(cells)} |", flush=True)


def bundled_tables() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Progress of diabetes from ten measurements, and the size of the worst tumour cells from twenty."""
    yield "diabetes", *load_diabetes(return_X_y=True)
    cells = load_breast_cancer(as_frame=True).data
    yield "tumour cells", cells.iloc[:, :20].to_numpy(), cells["worst area"].to_numpy()


def table_of_folder(folder: Path, name: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Read a table."""
    import pandas as pd

    [path] = [path for path in (folder / f"{name}.csv", folder / f"{name}.csv.gz") if path.exists()]
    frame = pd.read_csv(path).dropna()
    X = pd.get_dummies(frame.iloc[:, :-1], dtype=float)
    return name, X.to_numpy(dtype=float), frame.iloc[:, -1].to_numpy(dtype=float)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", type=Path, help="folder of tables")
parser.add_argument("names", nargs="*", help="tables of the folder")
parser.add_argument("--only-folder", action="store_true", help="leave out the tables of scikit-learn")
arguments = parser.parse_args()

print('| table | rows | R2, `"once"` | `"fold"` minus `"once"` | kernel by all targets minus by training set |')
print("|---|---|---|---|---|")
tables = [] if arguments.only_folder else list(bundled_tables())
tables += [table_of_folder(arguments.data, name) for name in arguments.names]
for name, X, y in tables:
    for n_rows, repetitions in SIZES.items():
        if n_rows <= len(y):
            measure(name, X, y, n_rows, repetitions)
