"""Claim: beside a process that keeps all cores busy, a fit of the exact feature map takes twice its time."""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
from paired import print_circumstances, seconds, smooth_table
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sknnk import BundledNetworkRegressor

BUSY = "import numpy as np; a = np.ones((2000, 2000))\nwhile True: a @ a"
REPEATS = 5


@contextmanager
def busy_cores():
    """Another process that multiplies matrices on as many threads as there are cores."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            yield
        finally:
            process.kill()


def fits(model, X, y, times):
    """Seconds of so many fits."""
    return [seconds(lambda: model.fit(X, y)) for _ in range(times)]


print_circumstances()
X, y = smooth_table(4000, n_features=10)
given = {"activation": "gaussian", "length_scale": 3.0, "alpha": 0.1}
models = {
    "exact": BundledNetworkRegressor(random_state=0),
    "exact, kernel given": BundledNetworkRegressor(feature_map="kernel", n_components=4000, **given),
    "random, kernel given": BundledNetworkRegressor(1000, random_state=0, **given),
    "KernelRidge": KernelRidge(alpha=0.1, kernel="rbf", gamma=0.05),
    "RBFSampler + Ridge": make_pipeline(RBFSampler(gamma=0.05, n_components=1000, random_state=0), Ridge(0.1)),
}
for name, model in models.items():
    alone, beside = np.median(fits(model, X, y, 5)[1:]), []
    for _ in range(REPEATS):
        # How two processes share the cores differs from one to the next.
        with busy_cores():
            beside += fits(model, X, y, 3)[1:]
    ratios = np.array(beside) / alone
    print(f"{name:22s}alone {alone:5.2f} s, beside another process {np.median(ratios):4.1f} times as long, ", end="")
    print(f"the longest of {len(beside)} fits {ratios.max():4.1f} times", flush=True)
