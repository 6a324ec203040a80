"""Paired timing: two ways of doing one thing, in turn, in one process, with the circumstances printed."""

import platform
import resource
import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import scipy
import sklearn
from scipy.linalg.blas import dsyrk
from threadpoolctl import threadpool_info

import sknnk


def print_circumstances() -> None:
    """Print versions, processor threads and BLAS."""
    pools = ", ".join(f"{p['internal_api']} {p['version']} x{p['num_threads']}" for p in threadpool_info())
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__},", end=" ")
    print(f"scikit-learn {sklearn.__version__}, sknnk {sknnk.__version__}")
    print(f"{platform.machine()}, thread pools: {pools}")


def paired(ours: Callable[[], object], peer: Callable[[], object], repeats: int = 5) -> tuple[float, float, float]:
    """Median seconds of both, and the median of the ratios of neighbouring runs (above one: ours is faster)."""
    times = []
    for _ in range(repeats):
        times.append((seconds(ours), seconds(peer)))
    ours_times, peer_times = np.array(times).T
    return float(np.median(ours_times)), float(np.median(peer_times)), float(np.median(peer_times / ours_times))


def seconds(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = perf_counter()
    function()
    return perf_counter() - start


def syrk_floor(n_samples: int, n_columns: int, block: int = 1024) -> Callable[[], object]:
    """The symmetric rank-k updates that any Gram matrix of this shape needs, and nothing else."""
    rows = np.random.default_rng(0).standard_normal((block, n_columns))
    gram = np.zeros((n_columns, n_columns), order="F")

    def run() -> None:
        for _ in range(-(-n_samples // block)):
            dsyrk(1.0, rows.T, beta=1.0, c=gram, overwrite_c=1)

    return run


def peak_memory() -> float:
    """Largest resident size of this process so far, in GB."""
    unit = 1e-9 if sys.platform == "darwin" else 1.024e-6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def smooth_table(n_samples: int, n_features: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A table with a smooth, mildly noisy target."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    y = np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(n_samples)
    return X, y
