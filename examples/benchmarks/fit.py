"""Claim: fitting 100,000 rows with 2000 features against RBFSampler + Ridge: time, peak memory, R2, and the floor.

Each fit runs in a process of its own, so that the peak memory is its own; ``python fit.py`` starts them in turn.
"""

import json
import subprocess
import sys

import numpy as np
from paired import peak_memory, print_circumstances, seconds, smooth_table, syrk_floor
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sknnk import BundledNetworkRegressor

N_SAMPLES, N_COMPONENTS, LENGTH_SCALE = 100_000, 2000, 5.0


def model(name: str, seed: int):
    """The model to time: the same kernel, penalty and number of columns for both."""
    fixed = {
        "activation": "gaussian",
        "directions": "qmc",
        "frequencies": "isotropic",
        "length_scale": LENGTH_SCALE,
    }
    alphas = {"one alpha": 1.0, "30 alphas": np.logspace(-3, 3, 30)}
    if name in alphas:
        return BundledNetworkRegressor(
            N_COMPONENTS, alpha=alphas[name], input_transform=None, direct_link=False, random_state=seed, **fixed
        )
    gamma = 0.5 / LENGTH_SCALE**2
    return make_pipeline(RBFSampler(gamma=gamma, n_components=N_COMPONENTS, random_state=seed), Ridge(1.0))


def run(name: str, seed: int) -> None:
    """Time one fit in this process and print what was seen."""
    X, y = smooth_table(N_SAMPLES)
    before = peak_memory()
    if name == "floor":
        print(json.dumps({"seconds": seconds(syrk_floor(N_SAMPLES, N_COMPONENTS))}))
        return
    fitted = model(name, seed)
    time = seconds(lambda: fitted.fit(X, y))
    test = smooth_table(20_000, seed=1)
    print(json.dumps({"seconds": time, "memory": peak_memory() - before, "r2": fitted.score(*test)}))


if len(sys.argv) > 1:
    run(sys.argv[1], int(sys.argv[2]))
else:
    print_circumstances()
    names = ["floor", "one alpha", "30 alphas", "RBFSampler + Ridge"]
    rounds = []
    for seed in range(5):
        commands = [[sys.executable, __file__, n, str(seed)] for n in names]
        outputs = [subprocess.run(command, capture_output=True, check=True) for command in commands]
        rounds.append({n: json.loads(o.stdout) for n, o in zip(names, outputs, strict=True)})
    for name in names:
        rows = [r[name] for r in rounds]
        ratio = np.median([r["RBFSampler + Ridge"]["seconds"] / r[name]["seconds"] for r in rounds])
        floor = np.median([r[name]["seconds"] / r["floor"]["seconds"] for r in rounds])
        memory, r2 = ([r.get(key, np.nan) for r in rows] for key in ("memory", "r2"))
        extra = "" if name == "floor" else f", +{np.median(memory):.2f} GB, mean R2 {np.mean(r2):.4f}"
        time = np.median([r["seconds"] for r in rows])
        print(f"{name:20} {time:6.2f} s, {floor:.2f} x floor, {ratio:.1f} x faster than the peer{extra}")
