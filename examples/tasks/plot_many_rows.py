"""
Many rows
=========

Up to 12,000 rows, the kernel between all rows is exact by default. What happens to larger tables? Is it better to fit
all rows, or is a sample enough?
"""

# %%
# The simulated table has 20,000 rows, and 5000 more are for the test. The target follows a surface with many bumps, so
# more rows show more of it. The code sets the kernel. So ``fit`` does not search for one: on a small table, the search
# takes most of the time.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

from sknnk import BundledNetworkRegressor

rng = np.random.default_rng(0)
X = rng.uniform(-1.0, 1.0, (25_000, 3))
truth = np.sin(6.0 * X[:, 0]) * np.cos(5.0 * X[:, 1]) + np.sin(4.0 * X[:, 2] + X[:, 0])
y = truth + 0.3 * rng.normal(size=25_000)
X_test, truth_test = X[20_000:], truth[20_000:]
kernel = {"activation": "gaussian", "length_scale": 0.4, "alpha": 0.1, "input_transform": None, "random_state": 0}

counts, errors, seconds = (500, 2000, 5000, 20_000), [], []
for n in counts:
    started = perf_counter()
    network = BundledNetworkRegressor(feature_map="kernel", block_size=1500, **kernel).fit(X[:n], y[:n])
    seconds.append(perf_counter() - started)
    errors.append(np.sqrt(np.mean((network.predict(X_test) - truth_test) ** 2)))
    print(f"{n:6} rows: distance from the true surface {errors[-1]:.4f}")

# %%
# By default a table of more than 12,000 rows is cut into blocks of neighbouring rows, of 3000 to 12,000 rows each. Here
# blocks have at most 1500 rows, so that this page is quick to build; the last three fits are in blocks. Inside a block
# the kernel stays exact. Rows of different blocks are compared through landmarks, which are rows drawn at random. If
# all blocks have the same size, memory and time grow in proportion to the number of rows.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
left.semilogx(counts, errors, "o-")
left.set(
    xlabel="rows of the fit",
    ylabel="distance from the true surface",
    ylim=(0.0, None),
    title="more rows, smaller error",
)
right.semilogx(counts, seconds, "o-", color="C1")
right.set(xlabel="rows of the fit", ylabel="seconds", title="time of a fit with a given kernel")
for ax in (left, right):
    ax.set_xticks(counts, [f"{n:,}" for n in counts])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
plt.show()
