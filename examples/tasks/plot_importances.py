"""
Which columns matter, and how
=============================

You may want to know the reasons for a prediction. Three tools answer three questions: which columns does the network
use, which ones does a good prediction need, and how do they act?
"""

# %%
# Friedman's function depends on five of its columns. Five more are noise. So the right answers are known:
# ``10 sin(pi x0 x1) + 20 (x2 - 0.5)^2 + 10 x3 + 5 x4``.

import matplotlib.pyplot as plt
from sklearn.datasets import make_friedman1
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.model_selection import train_test_split

from sknnk import BundledNetworkRegressor

X, y = make_friedman1(800, 10, noise=1.0, random_state=0)
names = [f"x{i}" for i in range(10)]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
network = BundledNetworkRegressor(random_state=0).fit(X_train, y_train)
print(f"R2 on rows that the network has not seen: {network.score(X_test, y_test):.3f}")

# %%
# ``feature_importances_`` needs no extra time: the fit has learned how fast the target changes along each column.
# Permutation importance shuffles one column of the test set at a time, and measures how much the score falls.

shuffled = permutation_importance(network, X_test, y_test, n_repeats=5, random_state=0)
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
left.barh(names, network.feature_importances_)
left.set(title="feature_importances_", xlabel="share of each column")
left.invert_yaxis()
right.barh(names, shuffled.importances_mean, xerr=shuffled.importances_std, color="C1")
right.set(title="permutation importance", xlabel="decrease of R2")

# %%
# Both find the five columns. The selection tools of scikit-learn can use these importances.

selector = SelectFromModel(network, prefit=True, threshold=0.02).fit(X_train)
print("selected:", ", ".join(selector.get_feature_names_out(names)))

# %%
# Partial dependence is the mean prediction for each value of one or two columns. The line of ``x3`` is straight, and
# the curve of ``x2`` is a parabola. The plane of ``x0`` and ``x1`` shows that they act together.

fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
PartialDependenceDisplay.from_estimator(
    network, X_train[:200], [2, 3, (0, 1)], feature_names=names, grid_resolution=20, ax=axes
)
plt.show()
