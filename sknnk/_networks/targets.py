"""What targets mean: numbers as they are, or classes as scores of -1 and 1, and the way back from scores."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.preprocessing import label_binarize
from sklearn.utils.class_weight import compute_class_weight

from .._compute import Array, Indices, Tensor, is_tensor, on_host, tensor_space
from .calibration import fit_temperature, held_out_scores, log_probabilities, probabilities

# Largest share of the rows that degrees of freedom may be where scores are corrected for each row's own influence.
_MAX_SHARE = 0.99
# Weights of rows that are whole multiples of the least are read as numbers of copies. Those of classes are costs.
_NO_COPIES = 1.0 + 1e-8


@dataclass(frozen=True, eq=False)
class NumericTargets:
    """Numbers.

    Parameters
    ----------
    n_targets : int
        Number of targets.
    flat : bool
        Whether they came as a vector.

    Examples
    --------
    >>> targets = NumericTargets.of(np.array([3.0, 4.0]), np.dtype(float))
    >>> targets.encode(np.array([3.0, 4.0]), np.dtype(float)).shape, targets.decode(np.array([[3.5]]))
    ((2, 1), array([3.5]))
    """

    n_targets: int
    flat: bool
    # Share of the error that learned length scales must gain over equal ones.
    learned_gain = 0.0

    @classmethod
    def of(cls, y: Any, dtype: Any) -> Self:
        """Look at the targets of a first fit.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Validated targets.
        dtype : dtype
            Of the inputs.

        Returns
        -------
        NumericTargets
            Their number.

        Raises
        ------
        ValueError
            If `y` is sparse, or holds values whose squares overflow.
        """
        if issparse(y):
            raise ValueError("y is sparse; pass a dense array of targets, y.toarray().")
        check_magnitude(float(np.max(np.abs(np.asarray(y, dtype=np.float64)))), dtype)
        return cls(1 if np.ndim(y) == 1 else int(np.shape(y)[1]), np.ndim(y) == 1)

    def encode(self, y: Any, dtype: Any) -> Array:
        """Targets as a matrix of numbers.

        Parameters
        ----------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Validated targets.
        dtype : dtype
            Of the inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_targets)
            In float64.

        Raises
        ------
        ValueError
            As `of`, and if there are more or fewer targets than before.
        """
        found = type(self).of(y, dtype)
        if found.n_targets != self.n_targets:
            raise ValueError(f"y has {found.n_targets} targets, but earlier rows had {self.n_targets}.")
        return np.asarray(y, dtype=np.float64).reshape(len(y), self.n_targets)

    def decode(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Leave out the axis of the targets where there was none: scores of shape (n_samples, n_targets, ...)."""
        return scores[:, 0, ...] if self.flat else scores

    def means(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Predictions, from scores of shape (n_samples, n_targets): the same."""
        return scores

    def within_range(self, ends: NDArray[Any]) -> NDArray[Any]:
        """Ends of intervals where targets can be: anywhere."""
        return ends

    def check_intervals(self) -> None:
        """Accept intervals."""

    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the estimator: none."""
        return {}


@dataclass(frozen=True, eq=False)
class ClassTargets:
    """Classes, one column of -1 and 1 each, or one column for two classes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    class_weight : "balanced", dict or None
        As in :class:`sknnk.BundledNetworkClassifier`.
    inverse_temperature : float or None
        Factor of the scores inside the softmax; None before it is known.

    Examples
    --------
    >>> targets = ClassTargets.of(np.array(["no", "yes"]), None)
    >>> targets.encode(np.array(["yes", "no"])).ravel()
    array([ 1., -1.])
    """

    classes: NDArray[Any]
    class_weight: Any = None
    inverse_temperature: float | None = None
    flat = False
    # Learned length scales may lower the error on few rows, and this gain is often gone on many rows.
    learned_gain = 0.25

    @classmethod
    def of(cls, labels: NDArray[Any], class_weight: Any) -> Self:
        """Take the classes of a first fit.

        Parameters
        ----------
        labels : ndarray of shape (n,)
            Labels, perhaps repeated.
        class_weight : "balanced", dict or None
            Weights of the classes.

        Returns
        -------
        ClassTargets
            Its classes are sorted.

        Raises
        ------
        ValueError
            If there is one class alone.
        """
        classes = np.unique(labels)
        if len(classes) < 2:
            raise ValueError(f"y holds one class, {classes.tolist()}; a classifier needs at least two.")
        return cls(classes, class_weight)

    @classmethod
    def agreed(cls, earlier: Self | None, labels: Any) -> Self:
        """Classes of a chunk of rows, which have to be those of the chunks before.

        Parameters
        ----------
        earlier : ClassTargets or None
            Those of the chunks before.
        labels : array-like of shape (n,) or None
            Classes of this chunk. None if they are not given.

        Returns
        -------
        ClassTargets
            The earlier ones, where there are any.

        Raises
        ------
        ValueError
            If the classes are not known in the first chunk, or differ in a later one.
        """
        if labels is None:
            if earlier is None:
                raise ValueError("classes=None in the first call of partial_fit; pass all class labels.")
            return earlier
        found = np.unique(labels)
        if earlier is None:
            return cls.of(found, None)
        if not np.array_equal(found, earlier.classes):
            raise ValueError(
                f"classes={found.tolist()} differ from those of the first call of partial_fit, "
                f"{earlier.classes.tolist()}; leave them out, or start a new model."
            )
        return earlier

    @property
    def n_targets(self) -> int:
        """Number of columns of the encoded targets."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    def positions(self, y: NDArray[Any]) -> Indices:
        """Position of each label among the classes.

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
            Labels.

        Returns
        -------
        ndarray of int of shape (n_samples,)
            Positions.

        Raises
        ------
        ValueError
            If a label is not among the classes.
        """
        unknown = np.setdiff1d(y, self.classes)
        if unknown.size:
            raise ValueError(f"y holds labels {unknown.tolist()} that are not in classes={self.classes.tolist()}.")
        return np.searchsorted(self.classes, y)

    def encode(self, y: NDArray[Any]) -> Array:
        """Labels as targets of -1 and 1, of shape (n_samples, n_targets); ValueError as `positions`."""
        if not len(y):
            return np.empty((0, self.n_targets))
        codes = np.arange(len(self.classes))
        return label_binarize(self.positions(y), classes=codes, neg_label=-1, pos_label=1).astype(np.float64)

    def labels_of(self, Y: Array) -> Indices:
        """Positions of the classes that encoded targets stand for."""
        return np.argmax(Y, axis=1) if Y.shape[1] > 1 else (Y[:, 0] > 0.0).astype(np.intp)

    def labelled(self, scores: Array, Y: Array, sample_weight: Array) -> tuple[Array, Indices, Array]:
        """Scores with positions of classes and weights.

        Parameters
        ----------
        scores, Y : ndarray of shape (n_samples, n_targets)
            Scores and encoded targets of rows. Rows of a bundled network may have logits as targets.
        sample_weight : ndarray of shape (n_samples,)
            Weights.

        Returns
        -------
        scores, labels, sample_weight
            A row of logits comes once for each class, with the share of its weight that they give to the class.
        """
        soft = np.any(np.abs(Y) != 1.0, axis=1)
        if not soft.any():
            return scores, self.labels_of(Y), sample_weight
        # The two scores of a single logit differ by twice its size.
        shares = probabilities(Y[soft], 0.5 if Y.shape[1] == 1 else 1.0) * sample_weight[soft, None]
        n_soft, n_classes = shares.shape
        return (
            np.vstack([scores[~soft], np.repeat(scores[soft], n_classes, axis=0)]),
            np.concatenate([self.labels_of(Y[~soft]), np.tile(np.arange(n_classes), n_soft)]),
            np.concatenate([sample_weight[~soft], shares.ravel()]),
        )

    def weights_of_classes(self, y: NDArray[Any], sample_weight: Array) -> Array:
        """Weight of each class.

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
            Labels of the rows of positive weight.
        sample_weight : ndarray of shape (n_samples,)
            Their weights.

        Returns
        -------
        ndarray of shape (n_classes,)
            Zero for classes without rows where weights are balanced.

        Raises
        ------
        ValueError
            If a weight is negative or not finite.
        """
        balanced = isinstance(self.class_weight, str)
        # Balance counts weights, not rows, so that a repeated row and a row of weight two are the same.
        seen = np.isin(self.classes, y) if balanced else np.ones(len(self.classes), dtype=bool)
        weights = np.zeros(len(self.classes))
        weights[seen] = compute_class_weight(
            self.class_weight, classes=self.classes[seen], y=y, sample_weight=sample_weight if balanced else None
        )
        if not np.all((weights >= 0.0) & np.isfinite(weights)):
            raise ValueError(f"class_weight={self.class_weight!r} must hold non-negative finite numbers.")
        least = np.min(weights, where=weights > 0.0, initial=np.inf)
        return np.where(weights > least, weights * _NO_COPIES, weights)

    def weighted(self, y: NDArray[Any], sample_weight: Array) -> Array:
        """Weights of rows multiplied by those of their classes, of shape (n_samples,); rows may have weight zero."""
        seen = sample_weight > 0.0
        weights = self.weights_of_classes(y[seen], sample_weight[seen]) if seen.any() else np.ones(len(self.classes))
        return np.asarray(sample_weight * weights[self.positions(y)])

    def calibrated(self, scores: Array, labels: Indices, sample_weight: Array) -> "ClassTargets":
        """Fit the temperature of the probabilities.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_targets)
            Scores of a fit without the row.
        labels : ndarray of int of shape (n_samples,)
            Positions of the classes.
        sample_weight : ndarray of shape (n_samples,)
            Weights.

        Returns
        -------
        ClassTargets
            With the temperature.
        """
        temperature = fit_temperature(scores, labels, sample_weight, n_mislabelled=1.0)
        return replace(self, inverse_temperature=temperature)

    def decode(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Class of the largest score, for scores of shape (n_samples, n_targets)."""
        # By the probabilities, as in `predict_proba`: if two are equal in floating point, the first class is taken.
        shares = self.probabilities(scores)
        return self._labels_on_device(shares) if is_tensor(shares) else self.classes[np.argmax(shares, axis=1)]

    def _labels_on_device(self, shares: Tensor) -> Any:
        """Class of the largest probability: a tensor, or an array of NumPy for labels that are no numbers."""
        space = tensor_space(shares)
        best = space.xp.argmax(shares, axis=1)
        if self.classes.dtype.kind not in "iufb":
            return self.classes[on_host(best)]
        return space.xp.take(space.tensor(self.classes), best)

    def probabilities(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Probability of each class, of shape (n_samples, n_classes)."""
        return probabilities(scores, self._factor)

    def log_probabilities(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Logarithm of the probability of each class, of shape (n_samples, n_classes)."""
        return log_probabilities(scores, self._factor)

    @property
    def _factor(self) -> float:
        return 1.0 if self.inverse_temperature is None else self.inverse_temperature

    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the estimator."""
        known = {} if self.inverse_temperature is None else {"inverse_temperature_": self.inverse_temperature}
        return {"classes_": self.classes, **known}


def scores_without_row(scores: Array, Y: Array, dof: Array, n_effective: float) -> Array:
    """Scores of training rows, corrected for the mean influence of a row on its own prediction.

    Parameters
    ----------
    scores, Y : ndarray of shape (n_samples, n_targets)
        Scores and encoded targets of the rows.
    dof : ndarray of shape (n_targets,)
        Effective degrees of freedom of the fit, the intercept not counted.
    n_effective : float
        Number of rows of the fit.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        As :func:`held_out_scores` gives them.
    """
    return held_out_scores(scores, Y, np.minimum((dof + 1.0) / n_effective, _MAX_SHARE))


def check_magnitude(largest: float, dtype: Any) -> None:
    """Refuse targets whose squares overflow, because then their variance overflows, too.

    Parameters
    ----------
    largest : float
        Largest absolute target.
    dtype : dtype
        Of the inputs.

    Raises
    ------
    ValueError
        If it is above the root of what the dtype can hold.
    """
    limit = float(np.finfo(dtype).max) ** 0.5
    if largest > limit:
        raise ValueError(
            f"y holds values up to {largest:.3g}, and with X of dtype {dtype} they may not exceed {limit:.3g}; "
            "rescale y" + (", or pass X as float64." if dtype == np.float32 else ".")
        )
