"""Claim: on a card, a million rows are fitted in seconds, and predictions are those of the processor.

    python examples/benchmarks/gpu.py
    python examples/benchmarks/gpu.py --device cpu --rows 10000 --columns 512

The first line is for a card of CUDA, and takes less than eight minutes there: no new measurement begins after
``--limit`` seconds. The same rows go in as float32 tensors and, up to ``--processor-rows`` of them, as arrays of NumPy.
Errors are 1 - R2 on rows of their own. xRFM, if it is installed, gets up to 100,000 of the rows on the same device.
"""

import argparse
import os
import time

os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy is imported: scikit-learn asks for it

import numpy as np
import sklearn
import torch
from paired import print_circumstances, seconds

from sknnk import BundledNetworkRegressor, URFSampler

GIVEN = {"activation": "gaussian", "frequencies": "isotropic", "length_scale": 6.0, "alpha": 0.1, "random_state": 0}
N_TEST = 20_000


def table(n_samples, seed=0):
    """Twenty columns, of which some matter much and others little; a tenth of the variance is noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, 20), dtype=np.float32)
    signal = np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2] + np.abs(X[:, 3] + X[:, 4]) + 0.5 * X[:, 5:10].sum(axis=1)
    return X, (signal + 0.6 * rng.standard_normal(n_samples)).astype(np.float32)


class Place:
    """Where rows are: how they get there, and how to wait until everything there is done."""

    def __init__(self, device):
        self.device = device

    def __call__(self, array):
        return array if self.device is None else torch.asarray(array.copy(), device=self.device)

    def seconds(self, function):
        """Seconds of one call, to the end of what it started."""

        def complete():
            function()
            if self.device is not None and self.device.type == "cuda":
                torch.cuda.synchronize()

        return seconds(complete)

    def __str__(self):
        return "NumPy" if self.device is None else f"tensors on {self.device}"


def transform(place, repeats=20):
    """Median seconds of the features of 20,000 rows."""
    rows = place(table(20_000)[0])
    sampler = URFSampler(n_components=2000, random_state=0).fit(rows)
    sampler.transform(rows)
    return float(np.median([place.seconds(lambda: sampler.transform(rows)) for _ in range(repeats)]))


def measured(name, place, network, n_rows):
    """Fit, predict and print; returns the error."""
    (X, y), (X_test, y_test) = table(n_rows), table(N_TEST, seed=1)
    rows, targets, test = place(X), place(y), place(X_test)
    fit = place.seconds(lambda: network.fit(rows, targets))
    found = {}
    predict = place.seconds(lambda: found.update(y=network.predict(test)))
    predicted = np.asarray(found["y"].cpu() if place.device is not None else found["y"], dtype=np.float64)
    error = float(np.mean((predicted - y_test) ** 2) / np.var(y_test))
    print(f"{name:28}{place!s:20}{n_rows:10,}{fit:10.2f}{predict:10.3f}{error:10.4f}", flush=True)
    return error


class RecursiveFeatureMachine:
    """xRFM, which wants validation rows."""

    def __init__(self, device):
        from xrfm import xRFM

        self._model = xRFM(device=device, random_state=0, verbose=False)

    def fit(self, X, y):
        """Fit on four fifths of the rows."""
        cut = 4 * len(X) // 5
        y = y[:, None]
        self._model.fit(X[:cut], y[:cut], X[cut:], y[cut:])

    def predict(self, X):
        """Predict."""
        return torch.asarray(self._model.predict(X)).ravel()


def networks(n_columns):
    """What is measured, by name."""
    blocks = {key: value for key, value in GIVEN.items() if key != "alpha"}
    return {
        f"random map, D = {n_columns}": lambda: BundledNetworkRegressor(n_columns, **GIVEN),
        "exact kernel or blocks": lambda: BundledNetworkRegressor(alpha=0.1, **blocks),
        "all automatic": lambda: BundledNetworkRegressor(random_state=0),
    }


def print_device(device):
    """Print what is measured on."""
    print_circumstances()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
    print(f"PyTorch {torch.__version__}, {name}")


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=8192)
    parser.add_argument("--processor-rows", type=int, default=10_000)
    parser.add_argument("--limit", type=float, default=360.0)
    asked = parser.parse_args()
    device, start = torch.device(asked.device), time.perf_counter()
    sklearn.set_config(array_api_dispatch=True)
    print_device(device)
    host, card = Place(None), Place(device)
    times = [f"{1e3 * transform(place):.2f} ms ({place})" for place in (card, host)]
    print("transform, 20,000 x 20 to 2000 columns, float32:", ", ".join(times), flush=True)
    print(f"\n{'':48}{'rows':>10}{'fit s':>10}{'predict s':>10}{'error':>10}")
    for name, make in networks(asked.columns).items():
        make().fit(*map(card, table(2000)))  # libraries of the card are loaded
        for n_rows in asked.rows:
            if time.perf_counter() - start > asked.limit:
                print(f"{name:48}{n_rows:10,}  left out: no time")
                continue
            error = measured(name, card, make(), n_rows)
            if n_rows <= asked.processor_rows:
                difference = abs(error / measured(name, host, make(), n_rows) - 1.0)
                print(f"{'':28}the errors differ by {difference:.1e} of the error")
    try:
        machine = RecursiveFeatureMachine(asked.device)
    except ImportError:
        return print("xRFM is not installed")
    for n_rows in asked.rows:
        if n_rows <= 100_000 and time.perf_counter() - start < asked.limit:
            measured("xRFM", card, machine, n_rows)


if __name__ == "__main__":
    main()
