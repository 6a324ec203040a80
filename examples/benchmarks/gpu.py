"""Claim: on a card, a million rows are fitted in seconds, and predictions are those of the processor.

    python examples/benchmarks/gpu.py
    python examples/benchmarks/gpu.py --device cpu --rows 10000 --columns 512 --minutes 2

The first line is for a card of CUDA. It ends within eight minutes, whatever happens: stages come in the order of what
they matter, one that needs more than what is left of ``--minutes`` is skipped with a word, one that fails is named, and
half a minute later the script ends itself. Figures are written after each stage, to ``gpu.json`` and, as a table, to
``gpu.md`` in the folder ``--out``.

The same rows go in as float32 tensors and, up to ``--processor-rows`` of them, as arrays of NumPy. Errors are 1 - R2 on
rows of their own. xRFM, if it is installed, gets up to 100,000 of the rows on the same device.
"""

import argparse
import cProfile
import io
import json
import os
import pstats
import threading
import time
from functools import cache, partial
from pathlib import Path

START = time.perf_counter()
os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy is imported: scikit-learn asks for it

import numpy as np
import scipy
import sklearn
import torch
from paired import print_circumstances, seconds

import sknnk
from sknnk import BundledNetworkRegressor, URFSampler

KERNEL = {"activation": "gaussian", "frequencies": "isotropic", "length_scale": 6.0}
N_TEST = 20_000
# Seconds after the time is over until the script ends itself.
GRACE = 30.0
# Seconds from which on a fit is not repeated.
LONG = 30.0
# Columns of the random map that is compared with the processor, at most.
COMPARED_COLUMNS = 2048
# What the figures have to be at most: milliseconds of the transform, seconds of fits, difference of errors.
BARS = {"transform": 1.0, "random map": 3.0, "blocks": 20.0, "difference": 1e-3}


@cache
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
        self._is_card = device is not None and device.type == "cuda"

    def __call__(self, array):
        return array if self.device is None else torch.asarray(array.copy(), device=self.device)

    def seconds(self, function):
        """Seconds of one call, to the end of what it started."""

        def complete():
            function()
            if self._is_card:
                torch.cuda.synchronize()

        return seconds(complete)

    def peak_memory(self):
        """Largest memory of the card since the last call, in GB; None elsewhere."""
        if not self._is_card:
            return None
        peak = 1e-9 * torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return round(peak, 2)

    def __str__(self):
        return "NumPy" if self.device is None else f"tensors on {self.device.type}"


class Report:
    """What was measured and skipped, in files that are complete after each stage."""

    def __init__(self, asked, machine):
        self._asked, self._end = asked, START + 60.0 * asked.minutes
        self._known = {"machine": machine, "figures": [], "left_out": []}
        self._files = [Path(asked.out) / name for name in ("gpu.json", "gpu.md")]
        self._files[0].parent.mkdir(parents=True, exist_ok=True)
        self._watch = threading.Timer(self.left() + GRACE, self._give_up)
        self._watch.daemon = True
        self._watch.start()

    def left(self):
        """Seconds that are left."""
        return self._end - time.perf_counter()

    def stage(self, name, estimate, measure, *arguments):
        """Measure, if the time left is enough; what fails is named, and the rest goes on."""
        reason = None
        if self.left() < estimate:
            reason = f"needs about {estimate:.0f} s, and {max(self.left(), 0.0):.0f} s are left"
        else:
            try:
                self._known["figures"] += measure(*arguments)
            except Exception as error:  # the figures of other stages shall not be lost
                reason = f"{type(error).__name__}: {error}"
        if reason is not None:
            print(f"{name}: left out ({reason})", flush=True)
            self._known["left_out"].append({"stage": name, "reason": reason})
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.write()

    def write(self):
        """Write both files."""
        self._known["seconds"] = round(time.perf_counter() - START, 1)
        self._files[0].write_text(json.dumps(self._known, indent=1), encoding="utf-8")
        lines = [f"{self._known['machine']['device']}: {self._known['machine']['versions']}.", ""]
        keys = ("what", "where", "rows", "transform", "fit", "predict", "error", "memory", "bar")
        lines += ["| " + " | ".join(keys) + " |", "|---" * len(keys) + "|"]
        for each in self._known["figures"]:
            cells = [each.get(key) for key in keys]
            lines.append("| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |")
        lines += ["", *(f"Left out: {each['stage']} ({each['reason']})" for each in self._known["left_out"])]
        self._files[1].write_text("\n".join(lines) + "\n", encoding="utf-8")

    def finish(self):
        """Say where the figures are."""
        self._watch.cancel()
        print(f"{time.perf_counter() - START:.0f} s; figures: {', '.join(map(str, self._files))}")

    def _give_up(self):
        """End the process, for a call that does not come back."""
        self._known["left_out"].append({"stage": "the rest", "reason": "a stage took longer than expected"})
        self.write()
        print("time is over: the rest is left out", flush=True)
        os._exit(1)


def verdict(value, bar):
    """Whether a figure is within its bar, in words."""
    return f"{value:.3g} of {bar:g}: {'met' if value <= bar else 'MISSED'}"


def transform(place, repeats=15):
    """Median milliseconds of the features of 20,000 rows."""
    rows = place(table(20_000)[0])
    sampler = URFSampler(n_components=2000, random_state=0).fit(rows)
    sampler.transform(rows)
    median = 1e3 * float(np.median([place.seconds(lambda: sampler.transform(rows)) for _ in range(repeats)]))
    bar = verdict(median, BARS["transform"]) if place.device is not None else None
    print(f"transform, 20,000 x 20 to 2000 columns, float32, {place}: {median:.2f} ms  {bar or ''}", flush=True)
    figures = {"rows": 20_000, "transform": f"{median:.2f} ms", "bar": bar}
    return [{"what": "transform to 2000 columns", "where": str(place), **figures}]


def measured(name, place, make, n_rows, bar=None, repeats=1):
    """Fit, predict and print; the fit is the shortest of some, if it does not take long."""
    (X, y), (X_test, y_test) = table(n_rows), table(N_TEST, seed=1)
    rows, targets, test = place(X), place(y), place(X_test)
    found, fits = {}, []
    place.peak_memory()
    while len(fits) < repeats and sum(fits) < LONG:
        network = make()
        fits.append(place.seconds(lambda network=network: network.fit(rows, targets)))
    predict = place.seconds(lambda: found.update(y=network.predict(test)))
    predicted = np.asarray(found["y"].cpu() if place.device is not None else found["y"], dtype=np.float64)
    error, memory = float(np.mean((predicted - y_test) ** 2) / np.var(y_test)), place.peak_memory()
    passed = None if bar is None else verdict(min(fits), bar)
    every = ", ".join(f"{each:.2f}" for each in fits)
    print(f"{name:32}{place!s:18}{n_rows:10,}  fit {every} s  predict {predict:.3f} s  error {error:.5f}", end="  ")
    print(f"{'' if memory is None else f'{memory} GB'}  {passed or ''}", flush=True)
    figures = {"fit": f"{min(fits):.2f} s", "predict": f"{predict:.3f} s", "error": round(error, 5), "bar": passed}
    figures["memory"] = None if memory is None else f"{memory} GB"
    return [{"what": name, "where": str(place), "rows": n_rows, **figures, "every_fit": fits, "exact_error": error}]


def compared(name, card, make, n_rows):
    """The same rows on the device and in NumPy: how far the errors differ."""
    figures = [*measured(name, card, make, n_rows), *measured(name, Place(None), make, n_rows)]
    difference = abs(figures[0]["exact_error"] / figures[1]["exact_error"] - 1.0)
    figures[0]["bar"] = f"difference of the errors: {verdict(difference, BARS['difference'])}"
    print(f"{'':32}{figures[0]['bar']}", flush=True)
    return figures


def profiled(card, make, n_rows):
    """Where the time of a fit goes on the side of Python; what waits for the card is counted there."""
    X, y = map(card, table(n_rows))
    profile = cProfile.Profile()
    profile.runcall(lambda: make().fit(X, y))
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(25)
    print(text.getvalue(), flush=True)
    return []


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


def random_map(n_columns):
    """A network with random columns and everything given."""
    return lambda: BundledNetworkRegressor(n_columns, directions="orthogonal", alpha=0.1, random_state=0, **KERNEL)


def kernel_map():
    """A network with kernels, whose penalty is given: blocks of many rows."""
    return BundledNetworkRegressor(alpha=0.1, random_state=0, **KERNEL)


def automatic():
    """A network that chooses everything."""
    return BundledNetworkRegressor(random_state=0)


def machine_of(device):
    """Print and give what is measured on."""
    print_circumstances()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
    parts = {"sknnk": sknnk, "PyTorch": torch, "NumPy": np, "SciPy": scipy, "scikit-learn": sklearn}
    versions = ", ".join(f"{each} {module.__version__}" for each, module in parts.items())
    print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, {name}, {os.cpu_count()} cores")
    return {"device": name, "versions": f"{versions}, CUDA {torch.version.cuda}, {os.cpu_count()} cores"}


def main():
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, default=1_000_000, help="the most rows")
    parser.add_argument("--columns", type=int, default=8192, help="of the random map")
    parser.add_argument("--processor-rows", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--out", default=".", help="folder of the files")
    asked = parser.parse_args()
    device = torch.device(asked.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch sees no card of CUDA here; --device cpu measures on the processor")
    sklearn.set_config(array_api_dispatch=True)
    torch.backends.cuda.matmul.allow_tf32 = False
    report, card, host = Report(asked, machine_of(device)), Place(device), Place(None)
    most, compared_rows = asked.rows, min(asked.rows, asked.processor_rows)
    share, wide = most / 1e6, random_map(asked.columns)
    narrow = random_map(min(asked.columns, COMPARED_COLUMNS))
    names = f"random map, D = {asked.columns}", "kernel, blocks of many rows", "all automatic"
    few = f"random map, D = {min(asked.columns, COMPARED_COLUMNS)}"

    def load(make):
        # Libraries of the card are loaded before anything is timed.
        make().fit(*map(card, table(2000)))
        return []

    report.stage("libraries of the card", 20, load, narrow)
    report.stage("transform", 5, transform, card)
    report.stage(names[0], 5 + 60 * share, measured, names[0], card, wide, most, BARS["random map"], 3)
    report.stage(names[1], 5 + 90 * share, measured, names[1], card, kernel_map, most, BARS["blocks"], 2)
    report.stage(f"{few}, compared", 15, compared, few, card, narrow, compared_rows)
    report.stage(f"{names[1]}, compared", 30, compared, names[1], card, kernel_map, compared_rows)
    report.stage("transform in NumPy", 10, transform, host)
    for n_rows in sorted({each for each in (10_000, 100_000) if each < most} | {most}):
        part = n_rows / 1e6
        if n_rows < most:
            report.stage(f"{names[0]}, {n_rows:,}", 5 + 30 * part, measured, names[0], card, wide, n_rows)
            report.stage(f"{names[1]}, {n_rows:,}", 10 + 60 * part, measured, names[1], card, kernel_map, n_rows)
        report.stage(f"{names[2]}, {n_rows:,}", 20 + 90 * part, measured, names[2], card, automatic, n_rows)
        if n_rows <= 100_000:
            xrfm = partial(RecursiveFeatureMachine, asked.device)
            report.stage(f"xRFM, {n_rows:,}", 20 + 600 * part, measured, "xRFM", card, xrfm, n_rows)
    report.stage(f"{names[2]}, compared", 60, compared, names[2], card, automatic, compared_rows)
    report.stage(f"profile: {names[0]}", 10 + 30 * share, profiled, card, wide, most)
    report.stage(f"profile: {names[1]}", 15 + 60 * share, profiled, card, kernel_map, most)
    report.finish()


if __name__ == "__main__":
    main()
