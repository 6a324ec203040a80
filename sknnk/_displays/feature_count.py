"""Figures in the manner of scikit-learn's displays: data first, Matplotlib only when it is drawn."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._compute import Array, Indices


class FeatureCountDisplay:
    """Score against the number of features, over the splits of a cross-validation.

    For every number of features, the candidate of best mean test score is shown: its mean over the splits, in a band of
    one standard deviation on both sides. If the test score no longer rises, more features do not help. If only the
    training score still rises, more features fit noise.

    Use :meth:`from_estimator` or :meth:`from_cv_results`; all parameters are stored as attributes.

    Parameters
    ----------
    n_components : ndarray of shape (n_counts,)
        Numbers of features, increasing.
    test_scores : ndarray of shape (n_counts, n_splits)
        Scores on the test sets.
    train_scores : ndarray of shape (n_counts, n_splits), default=None
        Scores on the training sets.
    chosen : int, default=None
        Number of features to mark.
    score_name : str, default=None
        Label of the scores.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, once drawn.
    figure_ : matplotlib Figure
        Their figure.
    lines_ : list of matplotlib Line2D
        Mean scores: test, and train if there are any.
    bands_ : list of matplotlib artists
        The bands around them; empty without bands.
    chosen_line_ : matplotlib Line2D or None
        The mark of the chosen number.

    See Also
    --------
    BundledNetworkRegressorCV : Gives the scores.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sknnk import BundledNetworkRegressorCV, FeatureCountDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BundledNetworkRegressorCV((8, 16, 32, 64), return_train_score=True, random_state=0).fit(X, y)
    >>> display = FeatureCountDisplay.from_estimator(model)
    >>> display.test_scores.shape
    (4, 5)
    """

    __module__ = "sknnk"

    def __init__(
        self,
        *,
        n_components: Any,
        test_scores: Any,
        train_scores: Any = None,
        chosen: int | None = None,
        score_name: str | None = None,
    ) -> None:
        self.n_components = n_components
        self.test_scores = test_scores
        self.train_scores = train_scores
        self.chosen = chosen
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        metric: str | None = None,
        ax: Any = None,
        score_name: str | None = None,
        band: bool = True,
        line_kw: Mapping[str, Any] | None = None,
        band_kw: Mapping[str, Any] | None = None,
    ) -> "FeatureCountDisplay":
        """Draw the search of a cross-validated network, or of GridSearchCV over `n_components`.

        Parameters
        ----------
        estimator : BundledNetworkRegressorCV, BundledNetworkClassifierCV or GridSearchCV
            Fitted.
        metric : str, default=None
            Name of the score, of several; None is the one that `estimator` chose by.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        score_name : str, default=None
            Label of the vertical axis; None is the name of the metric.
        band : bool, default=True
            Whether to draw a band of one standard deviation on both sides.
        line_kw, band_kw : dict, default=None
            Passed to ``ax.plot`` and ``ax.fill_between``.

        Returns
        -------
        FeatureCountDisplay
            Drawn.
        """
        if not hasattr(estimator, "cv_results_") and "cv" not in estimator.get_params(deep=False):
            raise TypeError(
                f"estimator is a {type(estimator).__name__}, which searches nothing; FeatureCountDisplay draws fitted "
                "BundledNetworkRegressorCV, BundledNetworkClassifierCV, and GridSearchCV over n_components."
            )
        check_is_fitted(estimator, "cv_results_")
        if metric is None and getattr(estimator, "multimetric_", False):
            metric = estimator.refit if isinstance(estimator.refit, str) else None
        chosen = getattr(estimator, "best_params_", {}).get("n_components")
        scoring = getattr(estimator, "scoring", None)
        name = score_name or _readable(metric or scoring or getattr(estimator, "_default_scoring", None))
        options = {"ax": ax, "band": band, "line_kw": line_kw, "band_kw": band_kw}
        results = estimator.cv_results_
        return cls.from_cv_results(results, metric=metric, chosen=chosen, score_name=name, **options)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        metric: str | None = None,
        chosen: int | None = None,
        ax: Any = None,
        score_name: str | None = None,
        band: bool = True,
        line_kw: Mapping[str, Any] | None = None,
        band_kw: Mapping[str, Any] | None = None,
    ) -> "FeatureCountDisplay":
        """Draw the results of a search over the number of features.

        Parameters
        ----------
        cv_results : dict
            `cv_results_` of a search with a parameter `n_components`, of its own or of a step of a pipeline.
        metric : str, default=None
            Name of the score, of several.
        chosen : int, default=None
            Number of features to mark.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        score_name : str, default=None
            Label of the vertical axis; None is the name of the metric.
        band : bool, default=True
            Whether to draw a band of one standard deviation on both sides.
        line_kw, band_kw : dict, default=None
            Passed to ``ax.plot`` and ``ax.fill_between``.

        Returns
        -------
        FeatureCountDisplay
            Drawn.

        Raises
        ------
        ValueError
            If there is no such parameter or score in `cv_results`.
        """
        counts = _counts(cv_results)
        test = _by_split(cv_results, "test", metric)
        distinct = np.unique(counts)
        best = [max(np.flatnonzero(counts == n), key=lambda i: _rank_key(test[i])) for n in distinct]
        has_train = f"split0_train_{metric or 'score'}" in cv_results
        display = cls(
            n_components=distinct,
            test_scores=test[best],
            train_scores=_by_split(cv_results, "train", metric)[best] if has_train else None,
            chosen=chosen,
            score_name=score_name or _readable(metric),
        )
        return display.plot(ax, band=band, line_kw=line_kw, band_kw=band_kw)

    def plot(
        self,
        ax: Any = None,
        *,
        score_name: str | None = None,
        band: bool = True,
        line_kw: Mapping[str, Any] | None = None,
        band_kw: Mapping[str, Any] | None = None,
    ) -> "FeatureCountDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        score_name : str, default=None
            Label of the vertical axis; None is that of the display.
        band : bool, default=True
            Whether to draw a band of one standard deviation on both sides.
        line_kw, band_kw : dict, default=None
            Passed to ``ax.plot`` and ``ax.fill_between``.

        Returns
        -------
        FeatureCountDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_, self.bands_ = [], []
        curves = [("test", self.test_scores)] + (
            [("train", self.train_scores)] if self.train_scores is not None else []
        )
        for label, scores in curves:
            mean, std = np.mean(scores, axis=1), np.std(scores, axis=1)
            style = {"label": label, "marker": "o", "linestyle": "-" if label == "test" else "--", **(line_kw or {})}
            self.lines_ += ax.plot(self.n_components, mean, **style)
            if band:
                fill = {"color": self.lines_[-1].get_color(), "alpha": 0.2, "linewidth": 0.0, **(band_kw or {})}
                self.bands_.append(ax.fill_between(self.n_components, mean - std, mean + std, **fill))
        self._mark_chosen()
        # Counts are usually doubled, and each of them is worth a tick.
        ax.set_xscale("log", base=2)
        ax.set_xticks(self.n_components, [f"{n}" for n in self.n_components])
        ax.minorticks_off()
        ax.set(xlabel="Number of features", ylabel=score_name or self.score_name or "Score")
        ax.legend(loc="best")
        return self

    def _mark_chosen(self) -> None:
        self.chosen_line_ = None
        if self.chosen is not None:
            style = {"color": "0.3", "linestyle": ":", "zorder": 0, "label": f"chosen: {self.chosen}"}
            self.chosen_line_ = self.ax_.axvline(self.chosen, **style)


def _counts(cv_results: Mapping[str, Any]) -> Indices:
    names = [name for name in cv_results if name == "param_n_components" or name.endswith("__n_components")]
    if len(names) != 1:
        raise ValueError(f"cv_results has {names} for the number of features; it needs exactly one such parameter.")
    return np.asarray(cv_results[names[0]], dtype=np.intp)


def _by_split(cv_results: Mapping[str, Any], side: str, metric: str | None) -> Array:
    """Scores of shape (n_candidates, n_splits)."""
    suffix = f"_{side}_{metric or 'score'}"
    n_splits = sum(name.startswith("split") and name.endswith(suffix) for name in cv_results)
    if not n_splits:
        known = sorted(name.removeprefix("mean_test_") for name in cv_results if name.startswith("mean_test_"))
        raise ValueError(f"metric={metric!r} is not in cv_results; it has {known}.")
    return np.column_stack([cv_results[f"split{i}{suffix}"] for i in range(n_splits)])


def _rank_key(scores: Array) -> float:
    mean = float(np.mean(scores))
    return -np.inf if np.isnan(mean) else mean


def _readable(name: Any) -> str | None:
    """Label of a score: ``"neg_mean_squared_error"`` becomes "Negative mean squared error"."""
    if not isinstance(name, str):
        return None
    if name == "r2":
        return "R2"
    words = name.replace("neg_", "negative_", 1) if name.startswith("neg_") else name
    return words.replace("_", " ").capitalize()
