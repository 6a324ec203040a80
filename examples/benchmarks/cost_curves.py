"""Figure: seconds of a fit against rows, features and input columns, beside RBFSampler + Ridge and the Gram matrix."""

import matplotlib.pyplot as plt
import numpy as np
from paired import print_circumstances, seconds, smooth_table, syrk_floor
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sknnk import BundledNetworkRegressor

CENTRE = {"rows": 20_000, "features": 1000, "input columns": 20}
AXES = {
    "rows": [2000, 5000, 10_000, 20_000, 50_000, 100_000],
    "features": [125, 250, 500, 1000, 2000, 4000],
    "input columns": [5, 20, 50, 100, 200, 500],
}
FIXED = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": 5.0}


def times(rows: int, features: int, columns: int) -> tuple[float, float, float]:
    """Best of three of each: ours, the peer, and the floor."""
    X, y = smooth_table(rows, columns)
    ours = BundledNetworkRegressor(
        features, alpha=1.0, solver="primal", input_transform=None, direct_link=False, random_state=0, **FIXED
    )
    peer = make_pipeline(RBFSampler(gamma=0.02, n_components=features, random_state=0), Ridge(1.0))
    floor = syrk_floor(rows, features)
    return tuple(min(seconds(f) for _ in range(3)) for f in (lambda: ours.fit(X, y), lambda: peer.fit(X, y), floor))


print_circumstances()
fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", sharey=True)
for ax, (axis, values) in zip(axes, AXES.items(), strict=True):
    settings = [CENTRE | {axis: value} for value in values]
    curves = np.array([times(s["rows"], s["features"], s["input columns"]) for s in settings]).T
    for value, column in zip(values, curves.T, strict=True):
        print(f"{axis} {value:7,d}: sknnk {column[0]:.3f} s, peer {column[1]:.3f} s, floor {column[2]:.3f} s")
    for label, style, curve in zip(
        ("sknnk", "RBFSampler + Ridge", "Gram matrix alone"), ("o-", "s-", ":"), curves, strict=True
    ):
        ax.loglog(values, curve, style, label=label)
    ax.set(xlabel=axis, title=", ".join(f"{v:,d} {k}" for k, v in CENTRE.items() if k != axis))
    ax.grid(alpha=0.3)
axes[0].set_ylabel("seconds of one fit")
axes[0].legend()
fig.savefig("cost_curves.png", dpi=120)
print("figure saved to cost_curves.png")
