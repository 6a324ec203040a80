"""What bundling a network saved, and what it changed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._networks import fitted_network
from .partial import PartlyBundledClassifier, PartlyBundledRegressor
from .trained_networks import TrainedEstimator, read_network

# Multiplications and divisions for a sine and a cosine of one angle. Both come from the tangent of half the angle,
# which is not counted itself.
_PER_PAIR = 4


@dataclass(frozen=True)
class BundleReport:
    """Comparison of a trained network with the bundled one.

    Parameters
    ----------
    parameters_before : int
        Weights and biases of the network.
    learned_after : int
        Entries of the output matrix and intercepts. Nothing else is learned in a bundled network.
    stored_after : int
        All numbers that a prediction needs. They include the random directions (a seed could draw them again), the
        knots of the quantile map, and the layers that were not bundled.
    multiplications_before, multiplications_after : int
        For one row. A cosine with its sine counts four.
    agreement : float
        On the rows given: R2 of the bundled outputs as predictions of the network's, or the share of equal labels.
    largest_difference : float
        The largest absolute difference of outputs, or of logits.

    Examples
    --------
    >>> print(BundleReport(134145, 2057, 26250, 133376, 14336, 0.999, 0.12))
                          before      after   ratio
    learned parameters    134145       2057    65.2
    stored numbers        134145      26250     5.1
    multiplications       133376      14336     9.3
    agreement 0.9990, largest difference 0.12
    """

    __module__ = "sknnk"

    parameters_before: int
    learned_after: int
    stored_after: int
    multiplications_before: int
    multiplications_after: int
    agreement: float
    largest_difference: float

    def __str__(self) -> str:
        """Table of three lines, and the agreement."""
        rows = [
            ("learned parameters", self.parameters_before, self.learned_after),
            ("stored numbers", self.parameters_before, self.stored_after),
            ("multiplications", self.multiplications_before, self.multiplications_after),
        ]
        lines = [f"{'':18}{'before':>10} {'after':>10} {'ratio':>7}"]
        lines += [f"{name:18}{before:>10} {after:>10} {before / after:>7.1f}" for name, before, after in rows]
        lines.append(f"agreement {self.agreement:.4f}, largest difference {self.largest_difference:.3g}")
        return "\n".join(lines)


def bundle_report(network: TrainedEstimator, bundled: Any, X: Any, *, classes: Any = None) -> BundleReport:
    """Compare a trained network with the bundled one.

    Parameters
    ----------
    network : MLPRegressor, MLPClassifier or torch.nn.Sequential
        The trained network.
    bundled : estimator
        What :func:`bundle` returned for it, perhaps fitted again.
    X : array-like of shape (n_samples, n_features)
        Rows to compare predictions on; rows that were not used for bundling say more.
    classes : array-like of shape (n_classes,), optional
        As for :func:`bundle`.

    Returns
    -------
    BundleReport
        Sizes before and after, and agreement.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.neural_network import MLPRegressor
    >>> from sklearn.preprocessing import scale
    >>> from sknnk import bundle, bundle_report
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = scale(X), scale(y)
    >>> mlp = MLPRegressor(hidden_layer_sizes=(64, 64), early_stopping=True, random_state=0).fit(X[:300], y[:300])
    >>> report = bundle_report(mlp, bundle(mlp, n_components=256, X=X[:300], random_state=0), X[300:])
    >>> report.parameters_before, report.agreement > 0.9
    (4929, True)
    """
    check_is_fitted(bundled)
    trained = read_network(network, classes)
    rows = check_array(X, dtype=np.float64, input_name="X")
    before, n_outputs = trained(rows), len(trained.layers[-1].bias)
    X = X if hasattr(X, "columns") else rows
    if trained.classes is None:
        after = np.reshape(bundled.predict(X), (-1, n_outputs))
        agreement = float(r2_score(before, after))
    else:
        after = np.reshape(bundled.decision_function(X), (-1, n_outputs))
        agreement = float(np.mean(_labels(before) == _labels(after)))
    learned, stored, multiplications = _sizes(bundled)
    return BundleReport(
        trained.size,
        learned,
        stored,
        trained.multiplications,
        multiplications,
        agreement,
        float(np.abs(before - after).max()),
    )


def _labels(logits: np.ndarray) -> np.ndarray:
    return np.argmax(logits, axis=1) if logits.shape[1] > 1 else logits[:, 0] > 0.0


def _sizes(bundled: Any) -> tuple[int, int, int]:
    """Learned numbers, stored numbers, multiplications for a row."""
    own = int(np.size(bundled.output_coef_) + np.size(bundled.intercept_))
    if isinstance(bundled, PartlyBundledRegressor | PartlyBundledClassifier):
        learned, stored, multiplications = _sizes(bundled.front.estimator)
        left = bundled.layers[:-1]
        kept = own + sum(layer.size for layer in left)
        return (
            learned + kept,
            stored + kept,
            multiplications + np.size(bundled.output_coef_) + sum(layer.weights.size for layer in left),
        )
    layers = fitted_network(bundled).feature_map
    directions = sum(sampler.random_weights_.size for sampler in layers.samplers)
    pairs = sum(sampler.random_weights_.shape[1] for sampler in layers.samplers)
    knots = 0 if layers.input_map is None else 2 * sum(each.size for each in layers.input_map.knots)
    # Interpolation between two knots is one multiplication and one division.
    mapped = 0 if layers.input_map is None else 2 * len(layers.input_map.knots)
    return own, own + directions + knots, directions + mapped + _PER_PAIR * pairs + int(np.size(bundled.output_coef_))
