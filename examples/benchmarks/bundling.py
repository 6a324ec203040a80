"""Claim: a bundled network has a fifth of the numbers, loses a hundredth of R2 at most and predicts faster.

``python bundling.py [--data DIR] [--tables NAME ...] [--components N ...]``. Without ``--data`` the tables are those
that come with scikit-learn; with it they are files ``NAME.csv.gz`` in a folder, whose column ``target`` is a number. A
network of three hidden layers of 256 units is trained on three quarters of the rows, bundled from the same rows without
their labels, and then refitted with them. Numbers that are stored include the random directions and the quantile map.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from paired import paired, print_circumstances, seconds
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler, scale

from sknnk import bundle, bundle_report

SETTINGS = {"hidden_layer_sizes": (256, 256, 256), "early_stopping": True, "max_iter": 200, "random_state": 0}
BUNDLED = {"diabetes": load_diabetes, "friedman1": lambda **_: make_friedman1(4000, 8, noise=0.5, random_state=0)}


def numeric_table(name: str, folder: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Numbers only, categories one-hot, missing values zero after scaling, targets of unit variance."""
    if folder is None:
        X, y = BUNDLED[name](return_X_y=True)
    else:
        frame = pd.read_csv(Path(folder) / f"{name}.csv.gz")
        y = frame.pop("target").to_numpy(np.float64)
        X = pd.get_dummies(frame).to_numpy(np.float64)
    return X, scale(y)


def standardised(X: np.ndarray, y: np.ndarray, seed: int) -> list[np.ndarray]:
    """Training and test rows, in units of the training rows."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
    scaler = StandardScaler().fit(X_train)
    return [*(np.nan_to_num(scaler.transform(rows)) for rows in (X_train, X_test)), y_train, y_test]


def compare(name: str, network, rows: list[np.ndarray], counts: list[int]) -> None:
    """Train once; print a line for each number of features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        training = seconds(lambda: network.fit(rows[0], rows[2]))
    print(f"{name}: {len(rows[0])} x {rows[0].shape[1]} rows to train on, network trained in {training:.1f} s")
    for n_components in counts:
        print_line(network, rows, n_components)


def print_line(network, rows: list[np.ndarray], n_components: int) -> None:
    """Sizes, scores, and paired prediction times for 20,000 rows and for one row."""
    X_train, X_test, y_train, y_test = rows
    made = []
    bundling = seconds(lambda: made.append(bundle(network, n_components=n_components, X=X_train, random_state=0)))
    bundled = made[0]
    refitted = clone(bundled)
    refitting = seconds(lambda: refitted.fit(X_train, y_train))
    report = bundle_report(network, bundled, X_test)
    many = np.tile(X_test, (-(-20_000 // len(X_test)), 1))[:20_000]
    ours, peer, ratio = paired(lambda: bundled.predict(many), lambda: network.predict(many), repeats=9)
    of_one = paired(lambda: bundled.predict(many[:1]), lambda: network.predict(many[:1]), repeats=51)[2]
    scores = [each.score(X_test, y_test) for each in (network, bundled, refitted)]
    print(
        f"{n_components:8}{report.parameters_before:9}{report.learned_after:9}{report.stored_after:8}"
        f"{report.parameters_before / report.stored_after:7.1f}{scores[0]:10.4f}{scores[1]:8.4f}{scores[2]:9.4f}"
        f"{1e3 * peer:9.1f}{1e3 * ours:8.1f}{ratio:8.2f}{of_one:7.2f}{bundling:9.1f}{refitting:7.2f}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with NAME.csv.gz")
    parser.add_argument("--tables", nargs="*", default=None, help="names; 'digits' is a classifier")
    parser.add_argument("--components", type=int, nargs="*", default=[256, 512, 1024])
    parser.add_argument("--seed", type=int, default=0, help="of the split")
    given = parser.parse_args()
    print_circumstances()
    print(f"{'':8}{'numbers':>33}{'R2 or accuracy':>27}{'ms, 20,000 rows':>17}{'times faster':>15}{'seconds':>16}")
    print(
        f"{'features':8}{'before':>9}{'learned':>9}{'stored':>8}{'ratio':>7}{'network':>10}{'bundle':>8}{'refitted':>9}"
        f"{'network':>9}{'bundle':>8}{'many':>8}{'1 row':>7}{'bundle':>9}{'refit':>7}"
    )
    for name in given.tables or [*BUNDLED, "digits"]:
        if name == "digits":
            X, labels = load_digits(return_X_y=True)
            rows = train_test_split(X / 16.0, labels, test_size=0.3, random_state=given.seed, stratify=labels)
            compare(name, MLPClassifier(**SETTINGS), rows, given.components)
        else:
            rows = standardised(*numeric_table(name, given.data), given.seed)
            compare(name, MLPRegressor(**SETTINGS), rows, given.components)


if __name__ == "__main__":
    main()
