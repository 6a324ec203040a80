"""
A few wild targets
==================

A sensor fails now and then, or somebody types a zero too many. Least squares take every target at its word, so that a
few wild ones pull the whole curve. Two other losses do not.
"""

# %%
# A curve with little noise. Six per cent of the targets are far off.

import matplotlib.pyplot as plt
import numpy as np

from sknnk import BundledNetworkRegressor

rng = np.random.default_rng(1)
x = np.sort(rng.uniform(0.0, 6.0, 300))[:, None]
truth = np.sin(2.0 * x[:, 0]) + 0.3 * x[:, 0]
y = truth + 0.15 * rng.normal(size=300)
wild = rng.choice(300, 18, replace=False)
y[wild] += rng.uniform(4.0, 12.0, 18)

# %%
# ``loss="huber"`` predicts means of most rows. ``loss="absolute_error"`` predicts medians, and is the better choice
# where the noise is not symmetric. Each is a short series of weighted least-squares fits: wild rows lose their weight.

losses = {"squared_error": "C3", "absolute_error": "C2", "huber": "black"}
networks = {loss: BundledNetworkRegressor(loss=loss, random_state=0).fit(x, y) for loss in losses}
for loss, network in networks.items():
    error = np.sqrt(np.mean((network.predict(x) - truth) ** 2))
    print(f"{loss:16} root mean square distance from the true curve {error:.3f}, {network.n_iter_} solutions")

# %%
# How to find out which rows are wild: look for targets that are far from a robust prediction, in units of the median
# distance.

distance = np.abs(y - networks["huber"].predict(x))
suspects = np.flatnonzero(distance > 8.0 * np.median(distance))
print(f"{len(suspects)} suspects, {np.isin(suspects, wild).sum()} of them among the {len(wild)} wild rows")

fig, ax = plt.subplots(figsize=(9, 4.6), layout="constrained")
ax.plot(x, y, "o", markersize=3, color="0.7", label="rows")
ax.plot(x[suspects], y[suspects], "x", color="black", label="suspects")
ax.plot(x, truth, color="0.4", linewidth=5, alpha=0.4, label="true curve")
for loss, colour in losses.items():
    ax.plot(
        x, networks[loss].predict(x), color=colour, linestyle="--" if loss == "huber" else "-", label=f'loss="{loss}"'
    )
ax.set(xlabel="x", ylabel="y", ylim=(-2.0, 8.0), title="the same rows, three losses")
ax.legend(loc="upper right", ncols=2)
plt.show()
