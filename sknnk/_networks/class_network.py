"""The loss of networks for classes, and the way from labels in memory to their targets."""

from dataclasses import replace
from typing import Any

from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets

from .._data import Dataset
from .._integration import Execution
from .class_weighted import ClassWeightedNetwork
from .fitted import FittedNetwork
from .numeric_network import adds_up
from .targets import ClassTargets, NumericTargets
from .validation import CheckedRows


def adds_up_by_classes(estimator: Any) -> bool:
    """Whether more rows can be added to a network for classes.

    Parameters
    ----------
    estimator : BundledNetworkClassifier
        The network.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AttributeError
        If the weights of rows depend on all rows.
    """
    if estimator.class_weight == "balanced":
        raise AttributeError(
            'partial_fit is not available with class_weight="balanced", which depends on all rows; '
            "pass a dict of weights, {label: weight}."
        )
    return adds_up(estimator)


class ClassNetwork(ClassWeightedNetwork):
    """The parameters of a network for classes, and the way from labels to its targets."""

    _parameter_constraints: dict = {
        **ClassWeightedNetwork._parameter_constraints,
        "loss": [StrOptions({"squared", "log_loss"})],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        loss="squared",
        activation="auto",
        length_scale="auto",
        directions="auto",
        frequencies="auto",
        alpha="auto",
        solver="auto",
        tol=1e-4,
        max_iter=200,
        feature_map="auto",
        block_size="auto",
        feature_learning="auto",
        input_transform="auto",
        direct_link=True,
        categorical_features="from_dtype",
        class_weight=None,
        batch_size="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        kernel = {"activation": activation, "length_scale": length_scale, "directions": directions}
        system = {"alpha": alpha, "solver": solver, "tol": tol, "max_iter": max_iter, "block_size": block_size}
        learned = {"frequencies": frequencies, "feature_map": feature_map, "feature_learning": feature_learning}
        inputs = {"input_transform": input_transform, "direct_link": direct_link, "class_weight": class_weight}
        inputs["categorical_features"] = categorical_features
        running = {"batch_size": batch_size, "n_jobs": n_jobs, "random_state": random_state, "verbose": verbose}
        super().__init__(n_components, **kernel, **system, **learned, **inputs, **running)
        self.loss = loss

    def _encoded(
        self, targets: NumericTargets | ClassTargets | None, rows: CheckedRows, **known: Any
    ) -> tuple[ClassTargets, Dataset]:
        check_classification_targets(rows.y)
        earlier = targets if isinstance(targets, ClassTargets) else None
        targets = ClassTargets.agreed(earlier, known.get("classes", rows.y if earlier is None else None))
        targets = replace(targets, class_weight=self.class_weight)
        Y, weight = targets.encode(rows.y), targets.weighted(rows.y, rows.sample_weight)
        return targets, Dataset.of(rows.X, Y, weight)

    def _calibrated(self, fitted: FittedNetwork, data: Dataset | None, execution: Execution) -> FittedNetwork:
        # The logarithmic loss is that of probabilities, which then need no temperature.
        return fitted.with_probabilities(data, execution) if self.loss == "squared" else fitted
