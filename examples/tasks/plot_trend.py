"""
A time series with a trend
==========================

Kernels can predict only close to the training rows. If a series grows over time, next year is always outside of the
table. The network can add a straight line to the kernels, which continues the trend. How much better is the forecast,
and how far can you trust it?
"""

# %%
# The monthly series has eight years, with growth, a season, and noise. The columns are the time in years, and the
# month. The rows must be in the order of time: this is how the network finds the column that grows.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error

from sknnk import BundledNetworkRegressor

rng = np.random.default_rng(0)
month = np.arange(96)
table = pd.DataFrame({"year": 2015.0 + month / 12.0, "month": month % 12})
sales = 50.0 + 6.0 * month / 12.0 + 8.0 * np.sin(2.0 * np.pi * month / 12.0) + rng.normal(0.0, 1.5, 96)
train, test = slice(0, 72), slice(72, 96)

models = {
    "sknnk": BundledNetworkRegressor(random_state=0),
    "sknnk, direct_link=False": BundledNetworkRegressor(direct_link=False, random_state=0),
    "boosted trees": HistGradientBoostingRegressor(min_samples_leaf=5, random_state=0),
}
for name, model in models.items():
    model.fit(table[train], sales[train])
    error = mean_absolute_error(sales[test], model.predict(table[test]))
    print(f"{name:26} mean error of the last two years {error:5.2f}")

# %%
# The network compares fits with and without a line on the last training rows, and keeps the line only if it helps.
# ``trend_coef_`` holds the slopes of the line: here the growth in one year.

slope = dict(zip(table.columns, np.ravel(models["sknnk"].trend_coef_), strict=True))
print(f"slope of the line: {slope['year']:.2f} a year, true 6.00")

# %%
# Intervals become wider with the distance from the training rows, because a small error of the slope becomes larger
# with time. They are too narrow if the trend changes.

fig, ax = plt.subplots(figsize=(9, 4.6), layout="constrained")
mean, interval = models["sknnk"].predict(table[test], return_interval=0.9)
ax.plot(table["year"], sales, ".", color="0.4", label="measured")
ax.plot(table["year"][test], mean, color="C0", label="sknnk, with its 90 % interval")
ax.fill_between(table["year"][test], *interval.T, color="C0", alpha=0.2)
for name, colour in (("sknnk, direct_link=False", "C2"), ("boosted trees", "C3")):
    ax.plot(table["year"][test], models[name].predict(table[test]), color=colour, linestyle="--", label=name)
ax.axvline(2021.0, color="0.7", linewidth=1)
ax.set(xlabel="year", ylabel="sales", title="two years that no model has seen")
ax.legend(loc="upper left")
plt.show()
