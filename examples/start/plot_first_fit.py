"""
A first fit
===========

The table has ten measurements of each patient. One column is text, and one has missing values. Each prediction has an
interval. The front page shows the same code.
"""

# %%
# The table has 442 patients. The code turns one column into text, and removes every ninth value of another, so that
# the table is like those of daily work. You do not have to scale, encode, fill or tune anything.

from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from sknnk import BundledNetworkRegressor, PredictionIntervalDisplay

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X["sex"] = X["sex"].map({1.0: "first", 2.0: "second"})
X.loc[::9, "bmi"] = None
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)
network = BundledNetworkRegressor(random_state=0).fit(X_train, y_train)
mean, interval = network.predict(X_test, return_interval=0.9)
print(f"R2 of the test set: {network.score(X_test, y_test):.2f}")
print("first patient: {:.0f}, 90 % interval {:.0f} to {:.0f}".format(mean[0], *interval[0]))
PredictionIntervalDisplay.from_estimator(network, X_test, y_test, confidence_level=(0.5, 0.9))

# %%
# The figure sorts the patients of the test set by their predictions. The dots are the values that were measured a year
# later. The legend says how many dots lie inside each band.
#
# The fit stores its choices in attributes whose names end with an underscore.

print(f"kernels: {', '.join(kernel.activation for kernel in network.kernels_)}")
print(f"penalty: {network.alpha_:.3g}")
print(f"degrees of freedom in use: {network.effective_dof_:.1f} for {network.n_samples_seen_} patients")
