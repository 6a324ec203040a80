"""
How sure is it?
===============

A prediction without an error bar is half an answer. :meth:`sknnk.BundledNetworkRegressor.predict_interval` gives
intervals that contain a new target with about a chosen probability, on average over new rows from the same source. They
are wide only where the noise is large. How often do they contain the target, and are they better than one width for all
rows? :class:`sknnk.PredictionIntervalDisplay` shows both.
"""

# %%
# In the first case the truth is known: a wave whose noise grows from left to right. Half of the rows are for the fit,
# the others for the test. The network gets no information about the noise.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold

from sknnk import BundledNetworkRegressor, NetworkDisplay, PredictionIntervalDisplay

rng = np.random.default_rng(0)
x = rng.uniform(0.0, 10.0, (800, 1))
wave = np.sin(x[:, 0]) + (0.05 + 0.06 * x[:, 0]) * rng.normal(size=800)
network = BundledNetworkRegressor(random_state=0).fit(x[:400], wave[:400])

# %%
# In the left figure, the bands are narrow where the noise is small, and wide where it is large. The right figure shows
# the usual method: the same prediction, and one width for all rows. This width contains nine of ten left-out rows.

left_out = np.empty(400)
for train, test in KFold(n_splits=4, shuffle=True, random_state=0).split(x[:400]):
    fold = BundledNetworkRegressor(random_state=0).fit(x[train], wave[train])
    left_out[test] = np.abs(wave[test] - fold.predict(x[test]))
mean = network.predict(x[400:])
constant = mean[:, None] + np.quantile(left_out, 0.9) * np.array([-1.0, 1.0])

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained", sharey=True)
ours = PredictionIntervalDisplay.from_estimator(
    network, x[400:], wave[400:], feature=0, confidence_level=(0.5, 0.9), ax=left, name="predicted"
)
same = PredictionIntervalDisplay.from_predictions(
    wave[400:], mean, constant, position=x[400:, 0], position_name="Column 0", ax=right, name="predicted"
)
left.set(title="predict_interval", ylabel="Wave")
right.set(title="one width for all rows", ylabel="")

# %%
# Both kinds of intervals contain about nine rows of ten. But where the noise is small, the one width is too large: it
# contains nearly every row. Where the noise is large, it is too small. The table shows the coverage in each third of
# the axis.

lower, upper = ours.intervals[1].T
print(f"{'':24}{'left third':>12}{'middle':>12}{'right third':>12}{'mean width':>12}")
thirds = np.digitize(x[400:, 0], [10 / 3, 20 / 3])
for label, (low, high) in {"predict_interval": (lower, upper), "one width": constant.T}.items():
    inside = (low <= wave[400:]) & (wave[400:] <= high)
    shares = [inside[thirds == third].mean() for third in range(3)]
    print(f"{label:24}" + "".join(f"{share:12.1%}" for share in shares) + f"{np.mean(high - low):12.2f}")

# %%
# The second case is a table with ten columns: the progress of diabetes within a year. Here the truth is not known. The
# patients are sorted by their predictions. If the predicted progress is small, the measured values lie closer together,
# and the band is narrower.

X, y = load_diabetes(return_X_y=True, as_frame=True)
patients = BundledNetworkRegressor(random_state=0).fit(X[:300], y[:300])
display = PredictionIntervalDisplay.from_estimator(patients, X[300:], y[300:], confidence_level=(0.5, 0.9))
display.figure_.set_size_inches(8, 5)
display.ax_.set(title="142 patients that the network has not seen", ylabel="Disease progression")

# %%
# :class:`sknnk.NetworkDisplay` draws the network: the stages of a prediction, and the columns that matter most. Small
# differences in a column matter if its length scale is short.

NetworkDisplay.from_estimator(patients)
plt.show()
