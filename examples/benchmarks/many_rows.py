"""Claim: more rows make a better model, in time in proportion to their number: sknnk beside boosted trees and xRFM.

    python examples/benchmarks/many_rows.py simulated --rows 10000 100000 1000000 --figure many_rows.png
    python examples/benchmarks/many_rows.py tables --data DIR --least 12000

``simulated`` draws rows of 20 columns; ``tables`` reads every table of a folder with more training rows than
``--least``, as ``tabular.py`` does, and also fits sknnk to that many of them. Each model runs in a process of its own,
with its defaults and a seed, so that the peak memory is its own; models that are not installed are left out. Errors are
1 - R2, or the share of rows in the wrong class. sknnk gets tables as they are, LightGBM and CatBoost get text as
categories, and the others get one-hot columns.
"""

import argparse
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pandas as pd
from paired import peak_memory, print_circumstances, seconds
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabular import RecursiveFeatureMachine, RecursiveFeatureMachineClassifier, prepared, read_tables

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor

PEERS = {"HGB": None, "LightGBM": "lightgbm", "CatBoost": "catboost", "xRFM": "xrfm"}


def simulated(n_samples, seed=0):
    """Twenty columns, of which some matter much and others little; a quarter of the variance is noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 20))
    signal = np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2] + np.abs(X[:, 3] + X[:, 4]) + 0.5 * X[:, 5:10].sum(axis=1)
    return pd.DataFrame(X), signal + rng.normal(size=n_samples), False


def model(name, X, classify):
    """A model with its defaults, behind what it needs."""
    text = [column for column in X if not pd.api.types.is_numeric_dtype(X[column])]
    if name.startswith("sknnk"):
        return (BundledNetworkClassifier if classify else BundledNetworkRegressor)(random_state=0)
    if name == "HGB":
        return prepared((HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor)(random_state=0))
    if name == "xRFM":
        if classify:
            return prepared(make_pipeline(StandardScaler(), RecursiveFeatureMachineClassifier(random_state=0)))
        machine = TransformedTargetRegressor(RecursiveFeatureMachine(random_state=0), transformer=StandardScaler())
        return prepared(make_pipeline(StandardScaler(), machine))
    if name == "LightGBM":
        from lightgbm import LGBMClassifier, LGBMRegressor

        return (LGBMClassifier if classify else LGBMRegressor)(random_state=0, verbose=-1)
    from catboost import CatBoostClassifier, CatBoostRegressor

    boosting = CatBoostClassifier if classify else CatBoostRegressor
    return boosting(random_seed=0, verbose=0, allow_writing_files=False, cat_features=text)


def with_categories(X, name):
    """Text columns as the boosting libraries want them."""
    text = [column for column in X if not pd.api.types.is_numeric_dtype(X[column])]
    if name == "CatBoost":
        return X.assign(**{column: X[column].fillna("missing").astype(str) for column in text})
    return X.astype(dict.fromkeys(text, "category")) if name == "LightGBM" else X


def measure(name, X, y, classify, n_test=None, n_train=None):
    """Fit in this process, and print what was seen."""
    X = with_categories(X, name)
    X.columns = [str(column) for column in X]
    train, test, y, y_test = train_test_split(X, y, test_size=n_test or 0.25, random_state=0)
    if n_train:
        train, y = train[:n_train], y[:n_train]
    machine, before = model(name, X, classify), peak_memory()
    time = seconds(lambda: machine.fit(train, y))
    memory = peak_memory() - before
    predicted = {}
    predict = seconds(lambda: predicted.update(y=np.ravel(machine.predict(test))))
    wrong = np.mean(predicted["y"] != np.asarray(y_test)) if classify else None
    error = wrong if classify else np.mean((predicted["y"] - y_test) ** 2) / np.var(y_test)
    print(json.dumps({"error": float(error), "fit": time, "predict": predict, "memory": memory}))


def run(*words):
    """One model in a process of its own."""
    outcome = subprocess.run([sys.executable, __file__, "one", *map(str, words)], capture_output=True, text=True)
    if outcome.returncode:
        return {"error": np.nan, "fit": np.nan, "predict": np.nan, "memory": np.nan, "why": outcome.stderr[-200:]}
    return json.loads(outcome.stdout.splitlines()[-1])


def show(label, found):
    """Print one line for each model."""
    for name, seen in found.items():
        why = f"  {seen['why']}" if "why" in seen else ""
        print(
            f"{label:28} {name:14} error {seen['error']:.5f}, fit {seen['fit']:7.2f} s, predict {seen['predict']:6.2f} "
            f"s, +{seen['memory']:.2f} GB{why}",
            flush=True,
        )


def draw(path, rows, found):
    """Error and time against the number of rows."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for axis, key, label in zip(axes, ("error", "fit"), ("1 - R2", "seconds of the fit"), strict=True):
        for name in found[0]:
            axis.loglog(rows, [each[name][key] for each in found], marker="o", label=name)
        axis.set(xlabel="training rows", ylabel=label)
    axes[0].legend()
    figure.savefig(path)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["simulated", "tables", "one"])
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--rows", nargs="+", type=int, default=[10_000, 31_623, 100_000, 316_228, 1_000_000])
    parser.add_argument("--data")
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--least", type=int, default=12_000)
    parser.add_argument("--models", nargs="*")
    parser.add_argument("--figure")
    options = parser.parse_args()
    if options.what == "one":
        name, kind, size, table, folder = options.words
        if kind == "simulated":
            measure(name, *simulated(int(size) + 20_000), n_test=20_000)
        else:
            [(_, X, y, classify)] = read_tables(folder, [table], 100)
            measure(name, X, y, classify, n_train=int(size) or None)
        return
    print_circumstances()
    installed = [name for name, module in PEERS.items() if module is None or importlib.util.find_spec(module)]
    names = options.models or ["sknnk", *installed]
    if options.what == "simulated":
        found = [{name: run(name, "simulated", n, "-", "-") for name in names} for n in options.rows]
        for n, each in zip(options.rows, found, strict=True):
            show(f"simulated, {n} rows", each)
        if options.figure:
            draw(options.figure, options.rows, found)
        return
    for table, X, _, _ in read_tables(options.data, options.names, 100):
        if 0.75 * len(X) <= options.least:
            continue
        few = {f"sknnk {options.least}": run("sknnk", "table", options.least, table, options.data)}
        show(f"{table}, {int(0.75 * len(X))} rows", few | {n: run(n, "table", 0, table, options.data) for n in names})


if __name__ == "__main__":
    main()
