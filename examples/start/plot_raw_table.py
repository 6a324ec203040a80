"""
A raw table: text, categories, gaps and dates
=============================================

Most tables are not ready for a model. This table has names of districts, an ordered quality, yes and no, missing areas
and a date. Which columns need no preparation, and which ones do you have to change first?
"""

# %%
# This is a simulated table of 600 flats, so the true rent is known.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sknnk import BundledNetworkRegressor

rng = np.random.default_rng(0)
n = 600
flats = pd.DataFrame(
    {
        "area": rng.gamma(9.0, 8.0, n),
        "district": rng.choice(["Harbour", "Mill", "Old town", "Station"], n, p=[0.2, 0.4, 0.3, 0.1]),
        "quality": pd.Categorical(rng.choice(["poor", "fair", "good"], n), ["poor", "fair", "good"], ordered=True),
        "lift": rng.random(n) < 0.5,
        "listed": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 730, n), unit="D"),
    }
)
price = flats["district"].map({"Harbour": 16.0, "Mill": 11.0, "Old town": 19.0, "Station": 9.0})
months = (flats["listed"] - flats["listed"].min()).dt.days / 30.0
rent = flats["area"] * price + 150.0 * flats["quality"].cat.codes + 8.0 * months + rng.normal(0.0, 60.0, n)
flats.loc[rng.random(n) < 0.1, "area"] = np.nan
print(flats.head(3).to_string())

# %%
# Text, categories, booleans and missing values need no preparation. A date does, because it can mean a trend, a season
# or a day of the week, and only you know which one. The error says so.

try:
    BundledNetworkRegressor().fit(flats, rent)
except (TypeError, ValueError) as error:
    print(error)

# %%
# Here the date stands for a trend, so it becomes a number of days.

flats["listed"] = (flats["listed"] - flats["listed"].min()).dt.days
X_train, X_test, y_train, y_test = train_test_split(flats, rent, random_state=0)
network = BundledNetworkRegressor(random_state=0).fit(X_train, y_train)
missing = X_test["area"].isna()
print(f"R2 with the area known {network.score(X_test[~missing], y_test[~missing]):.3f}")
print(f"R2 with the area missing {network.score(X_test[missing], y_test[missing]):.3f}")

# %%
# ``feature_importances_`` has one number for each column of the table, although the network has more input columns:
# four for the districts, and one that marks missing areas. If the area is missing, predictions are poor: the area
# matters most, and no model can guess it.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
order = np.argsort(network.feature_importances_)
left.barh(flats.columns[order], network.feature_importances_[order])
left.set(title="importance of each column")
predicted = network.predict(X_test)
for rows, label, marker in ((~missing, "area known", "o"), (missing, "area missing", "s")):
    right.plot(y_test[rows], predicted[rows], marker, markersize=5, label=label)
right.axline((1000.0, 1000.0), slope=1.0, color="0.6", zorder=0)
right.set(xlabel="true rent", ylabel="predicted rent", title="flats that the network has not seen")
right.legend()
plt.show()
