"""
Rare classes
============

One case in twenty is positive. A classifier that always says "negative" is right 19 times of 20, and useless. You do
not need another model, but another threshold: the probabilities stay calibrated, and the decision uses the costs.
"""

# %%
# The example simulates a screening: 1600 cases with six measurements. A missed positive costs 20, a false alarm
# costs 1.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import make_classification
from sklearn.metrics import confusion_matrix, make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split

from sknnk import BundledNetworkClassifier

X, y = make_classification(1600, 6, n_informative=4, weights=[0.95], class_sep=0.7, random_state=1)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)


def gain(y_true, y_predicted):
    """The costs of a case, with a minus sign, because scikit-learn looks for the largest value."""
    _, false_alarms, missed, _ = confusion_matrix(y_true, y_predicted).ravel()
    return -(20.0 * missed + 1.0 * false_alarms) / len(y_true)


# %%
# :class:`~sklearn.model_selection.TunedThresholdClassifierCV` finds the threshold on held-out rows. With ``cv=0.25``
# it holds out a quarter of the rows once, which is quicker than several folds. Then it fits the network to all rows, so
# ``estimator_`` is the same network with the usual threshold. With ``feature_learning=None`` all columns have the
# same length scale, which saves a little more time.

settings = {"feature_learning": None, "random_state": 0}
network = BundledNetworkClassifier(**settings)
tuned = TunedThresholdClassifierCV(network, scoring=make_scorer(gain), cv=0.25, random_state=0).fit(X_train, y_train)
default = tuned.estimator_
balanced = BundledNetworkClassifier(class_weight="balanced", **settings).fit(X_train, y_train)

models = {"threshold 0.5": default, "tuned threshold": tuned, "class_weight": balanced}
print(f"{'':18}{'found':>8}{'missed':>8}{'false alarms':>14}{'cost per case':>15}")
for name, model in models.items():
    _, false_alarms, missed, found = confusion_matrix(y_test, model.predict(X_test)).ravel()
    print(f"{name:18}{found:8}{missed:8}{false_alarms:14}{-gain(y_test, model.predict(X_test)):15.3f}")
print(f"tuned threshold: {tuned.best_threshold_:.3f}; from the costs only: 1 / 21 = {1 / 21:.3f}")

# %%
# ``class_weight="balanced"`` also finds more of the positives. But its probabilities would be right only for a table
# with as many positives as negatives. If you need a probability and not only a decision, use no weights, and tune the
# threshold.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
costs = [-gain(y_test, model.predict(X_test)) for model in models.values()]
left.bar(list(models), costs, color=["0.7", "C0", "C1"])
left.set(ylabel="cost per case, test set", title="what the decisions cost")
for model, name, colour in ((default, "no weights", "C0"), (balanced, "class_weight", "C1")):
    CalibrationDisplay.from_estimator(
        model, X_test, y_test, n_bins=6, strategy="quantile", ax=right, name=name, color=colour
    )
right.set(title="are the probabilities true?", xlabel="predicted probability", ylabel="share of positives")
right.set(xlim=(-0.02, 0.65), ylim=(-0.02, 0.65))
plt.show()
