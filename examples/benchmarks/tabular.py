"""Accuracy with nothing but a seed set, on every table of a folder, beside the models that one would reach for.

A table is a file ``NAME.csv`` or ``NAME.csv.gz`` whose column ``target`` is the last; a target of text or of at most
``--classes`` distinct integers makes it a classification. Without ``--data`` the tables of scikit-learn are used.

    python examples/benchmarks/tabular.py --data DIR --splits 3 --figure profile.png

Categories are one-hot and missing values imputed inside the pipeline of every model but "sknnk, raw table"; inputs are
standardised for all that need it, and so are the targets of the perceptron and of xRFM, which takes part where it is
installed and gets a fifth of the rows to stop early on. Errors are 1 - R2, or the share of rows in the wrong class.
"""

import argparse
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from paired import print_circumstances
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor

try:
    from xrfm import xRFM
except ImportError:
    xRFM = None

ALPHAS = np.logspace(-6, 3, 19)
# Errors below this count as this, or one table without errors would decide every mean and ratio.
LEAST_ERROR = 1e-3


def read_tables(folder, names, n_classes):
    """Yield name, frame, target and whether it is a classification."""
    if folder is None:
        loaders = {"diabetes": load_diabetes, "breast_cancer": load_breast_cancer, "wine": load_wine}
        for name, loader in {**loaders, "digits": load_digits}.items():
            X, y = loader(return_X_y=True, as_frame=True)
            yield name, X, y, name != "diabetes"
        return
    for path in sorted(Path(folder).glob("*.csv*")):
        name = path.name.split(".")[0]
        if names and name not in names:
            continue
        X = pd.read_csv(path, keep_default_na=False, na_values=[""])
        y = X.pop("target")
        whole = not pd.api.types.is_numeric_dtype(y) or bool(np.all(y == np.round(y)))
        yield name, X, y, whole and y.nunique() <= n_classes


def prepared(model):
    """The model behind imputation and one-hot columns."""
    text = make_column_selector(dtype_include=[object, "string", "category", "bool"])
    numbers = make_column_selector(dtype_exclude=[object, "string", "category", "bool"])
    columns = make_column_transformer(
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
            ),
            text,
        ),
        (SimpleImputer(strategy="median"), numbers),
    )
    return make_pipeline(columns, model)


class RecursiveFeatureMachine(RegressorMixin, BaseEstimator):
    """xRFM as an estimator: it wants validation rows, and float32."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        """Fit on four fifths of the rows."""
        X, held, y, held_y = train_test_split(X.astype(np.float32), self._coded(y), test_size=0.2, random_state=0)
        self.model_ = xRFM(device="cpu", random_state=self.random_state, verbose=False).fit(X, y, held, held_y)
        return self

    def _coded(self, y):
        return y.astype(np.float32)[:, None]

    def predict(self, X):
        """Predict."""
        return np.ravel(self.model_.predict(X.astype(np.float32)))


class RecursiveFeatureMachineClassifier(ClassifierMixin, RecursiveFeatureMachine):
    """The same for classes, which it wants from zero."""

    def _coded(self, y):
        self.classes_, labels = np.unique(y, return_inverse=True)
        return labels

    def predict(self, X):
        """Predict labels."""
        return self.classes_[super().predict(X).astype(int)]


def models(classify, seed):
    """Every model, by name."""
    network = BundledNetworkClassifier if classify else BundledNetworkRegressor
    boosting = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    ridge = RidgeClassifierCV(alphas=ALPHAS) if classify else RidgeCV(alphas=ALPHAS)
    features = RBFSampler(gamma="scale", n_components=1000, random_state=seed)
    perceptron = (MLPClassifier if classify else MLPRegressor)(early_stopping=True, max_iter=500, random_state=seed)
    if not classify:
        perceptron = TransformedTargetRegressor(perceptron, transformer=StandardScaler())
    found = {
        "sknnk": network(random_state=seed),
        "sknnk, random features": network(feature_map="random", random_state=seed),
        "sknnk, nothing learned": network(feature_learning=None, random_state=seed),
        "HistGradientBoosting": boosting(random_state=seed),
        "MLP": make_pipeline(StandardScaler(), perceptron),
        "RBFSampler + RidgeCV": make_pipeline(StandardScaler(), features, ridge),
    }
    if xRFM is not None:
        machine = RecursiveFeatureMachineClassifier(seed)
        if not classify:
            machine = TransformedTargetRegressor(RecursiveFeatureMachine(seed), transformer=StandardScaler())
        found["xRFM"] = make_pipeline(StandardScaler(), machine)
    found = {name: prepared(model) for name, model in found.items()}
    # The same network with the table as it is: text, categories and missing values go in.
    return {"sknnk, raw table": make_pipeline("passthrough", network(random_state=seed)), **found}


def calibration_error(shares, labels, n_bins=15):
    """Expected calibration error of the largest probability."""
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    bins = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    return sum(abs(right[bins == b].mean() - sure[bins == b].mean()) * np.mean(bins == b) for b in np.unique(bins))


def uncertainty(model, X, y, classify):
    """What is said beside the prediction: log-loss and calibration, or coverage, width and likelihood."""
    if classify:
        if hasattr(model, "predict_proba"):
            shares = model.predict_proba(X)
        elif hasattr(model, "decision_function"):
            scores = model.decision_function(X)
            shares = softmax(np.column_stack([-scores, scores]) if scores.ndim == 1 else scores, axis=1)
        else:
            return {}
        labels = np.searchsorted(model.classes_, y)
        return {"log-loss": log_loss(y, shares, labels=model.classes_), "ece": calibration_error(shares, labels)}
    if not hasattr(model[-1], "predict_interval"):
        return {}
    inputs = model[:-1].transform(X)
    mean, std = model[-1].predict(inputs, return_std=True)
    low, high = model[-1].predict_interval(inputs, confidence_level=0.9).T
    error = np.abs(y - mean)
    # Constants that no method could know beforehand: those of the test rows themselves.
    loss = np.mean(np.log(std) + 0.5 * (error / std) ** 2)
    return {
        "coverage": np.mean((low <= y) & (y <= high)),
        "width of constant": np.mean(high - low) / (2.0 * np.quantile(error, 0.9)),
        "log-likelihood gained": np.log(np.sqrt(np.mean(error**2))) + 0.5 - loss,
    }


def measured(model, X, y, X_test, y_test, classify):
    """Error, seconds of fit and prediction, and what the model says of its uncertainty."""
    start = perf_counter()
    model.fit(X, y)
    fitted = perf_counter()
    error = 1.0 - model.score(X_test, y_test)
    done = perf_counter()
    return {
        "error": error,
        "fit": fitted - start,
        "predict": done - fitted,
        **uncertainty(model, X_test, y_test, classify),
    }


def split_of(X, y, classify, seed, limit):
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=y if classify else None)
    return X[:limit], X_test, y.to_numpy()[:limit], y_test.to_numpy()


def invariances(X, y, X_test, y_test, classify):
    """Change of the score when rows are repeated, columns permuted or rescaled, or a constant column is added."""
    columns = prepared(None)[:-1].fit(X)
    X, X_test = np.asarray(columns.transform(X), float), np.asarray(columns.transform(X_test), float)
    order = np.random.default_rng(0).permutation(X.shape[1])
    network = BundledNetworkClassifier if classify else BundledNetworkRegressor

    def score(change, repeat=1):
        rows, targets = np.repeat(change(X), repeat, axis=0), np.repeat(y, repeat)
        return network(random_state=0).fit(rows, targets).score(change(X_test), y_test)

    plain = score(lambda rows: rows)
    changed = {
        "rows twice": score(lambda rows: rows, repeat=2),
        "permuted": score(lambda rows: rows[:, order]),
        "times 1e6": score(lambda rows: 1e6 * rows),
        "constant column": score(lambda rows: np.column_stack([rows, np.ones(len(rows))])),
    }
    return ", ".join(f"{name} {value - plain:+.4f}" for name, value in changed.items())


def draw_profile(errors, path):
    """Share of tables on which each model is within a factor of the best."""
    import matplotlib.pyplot as plt

    table = pd.DataFrame(errors).T.clip(lower=LEAST_ERROR)
    ratios = table.div(table.min(axis=1), axis=0)
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    factors = np.linspace(1.0, 2.5, 301)
    for name in ratios:
        axes.step(factors, [(ratios[name] <= factor).mean() for factor in factors], where="post", label=name)
    axes.set(xlabel="error, as a multiple of the least one", ylabel="share of tables", ylim=(0, 1.02))
    figure.legend(loc="outside right upper")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of tables")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--large-splits", type=int, default=1, help="splits from 10,000 rows on")
    parser.add_argument("--limit", type=int, default=12_000, help="training rows at most")
    parser.add_argument("--classes", type=int, default=6, help="integers up to which a target is a class")
    parser.add_argument("--only", nargs="*", default=[], help="names of models")
    parser.add_argument("--tables", nargs="*", default=[], help="names of tables")
    parser.add_argument("--invariances", action="store_true", help="instead: what must not change the score")
    parser.add_argument("--figure", help="file for the performance profile")
    arguments = parser.parse_args()
    print_circumstances()
    warnings.simplefilter("ignore")
    errors, kinds = {}, {}
    for name, X, y, classify in read_tables(arguments.data, arguments.tables, arguments.classes):
        n_splits = arguments.splits if len(X) < 10_000 else arguments.large_splits
        if arguments.invariances:
            X, X_test, y, y_test = split_of(X, y, classify, 0, arguments.limit)
            print(f"{name:22s}{invariances(X, y, X_test, y_test, classify)}", flush=True)
            continue
        kinds[name] = classify
        for model_name in models(classify, 0):
            if arguments.only and model_name not in arguments.only:
                continue
            rows = []
            for seed in range(n_splits):
                split = split_of(X, y, classify, seed, arguments.limit)
                rows.append(
                    measured(models(classify, seed)[model_name], split[0], split[2], split[1], split[3], classify)
                )
            means = pd.DataFrame(rows).mean()
            errors.setdefault(name, {})[model_name] = means["error"]
            rest = ", ".join(f"{key} {value:.3f}" for key, value in means.iloc[3:].items())
            print(
                f"{name:22s}{model_name:25s}{means['error']:8.4f} fit {means['fit']:6.2f} s predict "
                f"{means['predict']:5.2f} s  {rest}",
                flush=True,
            )
    for classify in sorted(set(kinds.values())):
        own = pd.DataFrame({name: each for name, each in errors.items() if kinds[name] == classify}).T
        means, ranks = np.exp(np.log(own.clip(lower=LEAST_ERROR)).mean()), own.rank(axis=1).mean()
        kind = "classification" if classify else "regression"
        for model_name in own:
            print(
                f"{kind:22s}{model_name:25s}{means[model_name]:8.4f} geometric mean of {len(own)} tables, "
                f"mean rank {ranks[model_name]:.1f}"
            )
    if arguments.figure:
        draw_profile(errors, arguments.figure)


if __name__ == "__main__":
    main()
