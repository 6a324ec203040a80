"""
A few outliers
==============

A sensor fails now and then, or somebody types a zero too many. The squared-error loss trusts every target. So a few
outliers change the whole curve. With two other losses they have little influence.
"""

# %%
# The curve has little noise. Six per cent of the targets are outliers.

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
# ``loss="huber"`` predicts means that outliers hardly change. ``loss="absolute_error"`` predicts medians; it is the
# better choice if the noise is not symmetric. Each needs a few weighted least-squares fits, in which outliers get small
# weights.

losses = {"squared_error": "C3", "absolute_error": "C2", "huber": "black"}
networks = {loss: BundledNetworkRegressor(loss=loss, random_state=0).fit(x, y) for loss in losses}
for loss, network in networks.items():
    error = np.sqrt(np.mean((network.predict(x) - truth) ** 2))
    print(f"{loss:16} root mean square distance from the true curve {error:.3f}, {network.n_iter_} solutions")

# %%
# The prediction with ``loss="huber"`` also finds the outliers. The code looks for targets whose distance from the
# prediction is more than eight times the median distance.

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
