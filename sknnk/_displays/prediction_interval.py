"""PredictionIntervalDisplay: predictions, their intervals, and what was measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from .._compute import Array, Indices
from .predicted_intervals import one_column, predicted_intervals

_KINDS = ("band", "bars")


class PredictionIntervalDisplay:
    """Predictions with prediction intervals, and the measured values over them.

    Rows are sorted by their prediction, or by one input column. The legend has the share of measured values inside the
    intervals, which should be the confidence level, and the mean width of the intervals, which should be small.

    Use :meth:`from_estimator` or :meth:`from_predictions`; all parameters are stored as attributes.

    Parameters
    ----------
    y_pred : ndarray of shape (n_samples,)
        Predictions.
    intervals : ndarray of shape (n_levels, n_samples, 2)
        Lower and upper ends, for every level.
    confidence_levels : sequence of float
        The levels.
    y_true : ndarray of shape (n_samples,), default=None
        Measured values, if there are any.
    position : ndarray of shape (n_samples,), default=None
        Where rows stand on the horizontal axis. None sorts them by prediction.
    position_name : str, default=None
        Label of that axis.
    name : str, default=None
        Label of the predictions.
    target_name : str, default=None
        Label of the vertical axis.
    kind : {"band", "bars"}, default="band"
        Whether intervals are joined to a band or drawn for each row.

    Attributes
    ----------
    coverage_ : ndarray of shape (n_levels,) or None
        Share of measured values inside the intervals.
    mean_width_ : ndarray of shape (n_levels,)
        Mean width of the intervals.
    ax_ : matplotlib Axes
        The axes, once drawn.
    figure_ : matplotlib Figure
        Their figure.
    line_ : matplotlib Line2D
        Predictions.
    bands_ : list of matplotlib artists
        Intervals, one artist for each level, the widest first.
    points_ : matplotlib PathCollection or None
        Measured values inside the widest interval.
    outside_points_ : matplotlib PathCollection or None
        Measured values outside.

    See Also
    --------
    BundledNetworkRegressor.predict_interval : Gives the intervals.
    sklearn.metrics.PredictionErrorDisplay : Measured against predicted values, without intervals.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sknnk import BundledNetworkRegressor, PredictionIntervalDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BundledNetworkRegressor(64, activation="gaussian", random_state=0).fit(X[:300], y[:300])
    >>> display = PredictionIntervalDisplay.from_estimator(model, X[300:], y[300:], confidence_level=(0.5, 0.9))
    >>> display.intervals.shape
    (2, 142, 2)
    >>> bool(0.8 < display.coverage_[1] < 1.0)
    True
    """

    __module__ = "sknnk"

    def __init__(
        self,
        *,
        y_pred: Any,
        intervals: Any,
        confidence_levels: Any,
        y_true: Any = None,
        position: Any = None,
        position_name: str | None = None,
        name: str | None = None,
        target_name: str | None = None,
        kind: str = "band",
    ) -> None:
        self.y_pred = y_pred
        self.intervals = intervals
        self.confidence_levels = confidence_levels
        self.y_true = y_true
        self.position = position
        self.position_name = position_name
        self.name = name
        self.target_name = target_name
        self.kind = kind

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        confidence_level: Any = 0.9,
        feature: Any = None,
        target: int | None = None,
        name: str | None = None,
        kind: str | None = None,
        subsample: int | None = 1000,
        ax: Any = None,
        line_kw: Mapping[str, Any] | None = None,
        band_kw: Mapping[str, Any] | None = None,
        point_kw: Mapping[str, Any] | None = None,
    ) -> "PredictionIntervalDisplay":
        """Predict rows, with intervals, and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor with a method `predict_interval`, a pipeline that ends in one, or a search over either.
        X : array-like of shape (n_samples, n_features)
            Rows, which should not be those of the fit.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Measured values, if there are any.
        confidence_level : float or sequence of float, default=0.9
            Level of the intervals; one band is drawn for each.
        feature : int or str, default=None
            Column of `X` for the horizontal axis: its position, or its name in a data frame. None sorts rows by their
            prediction.
        target : int, default=None
            Which of several targets.
        name : str, default=None
            Label of the predictions; None is the name of the class.
        kind : {"band", "bars"}, default=None
            Whether intervals are joined to a band or drawn for each row; None is ``"bars"`` against one of several
            columns, where neighbours differ in the others, and ``"band"`` otherwise.
        subsample : int, default=1000
            Largest number of rows to draw, evenly spaced. Coverage and width are for all rows. None draws all.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        line_kw, band_kw, point_kw : dict, default=None
            Passed to ``ax.plot``, to ``ax.fill_between`` or ``ax.vlines``, and to ``ax.scatter``.

        Returns
        -------
        PredictionIntervalDisplay
            Drawn.

        Raises
        ------
        TypeError
            If `estimator` is no regressor with intervals.
        ValueError
            If a level or `target` is out of range, or there is no such column.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sknnk import BundledNetworkRegressor, PredictionIntervalDisplay
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> model = BundledNetworkRegressor(64, activation="gaussian", random_state=0).fit(X[:300], y[:300])
        >>> display = PredictionIntervalDisplay.from_estimator(model, X[300:], y[300:], feature="bmi")
        >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
        ('bmi', 'target')
        """
        levels = np.atleast_1d(np.asarray(confidence_level, dtype=np.float64))
        predicted = predicted_intervals(estimator, X, y, levels, target)
        position, position_name, alone = (None, None, True) if feature is None else one_column(X, feature)
        return cls.from_predictions(
            *predicted[1:],
            confidence_level=levels,
            position=position,
            position_name=position_name,
            name=name or predicted.name,
            kind=kind or ("band" if alone else "bars"),
            subsample=subsample,
            ax=ax,
            line_kw=line_kw,
            band_kw=band_kw,
            point_kw=point_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        intervals: Any,
        *,
        confidence_level: Any = 0.9,
        position: Any = None,
        position_name: str | None = None,
        name: str | None = None,
        target_name: str | None = None,
        kind: str = "band",
        subsample: int | None = 1000,
        ax: Any = None,
        line_kw: Mapping[str, Any] | None = None,
        band_kw: Mapping[str, Any] | None = None,
        point_kw: Mapping[str, Any] | None = None,
    ) -> "PredictionIntervalDisplay":
        """Draw intervals of any origin.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or None
            Measured values, if there are any.
        y_pred : array-like of shape (n_samples,)
            Predictions.
        intervals : array-like of shape (n_samples, 2) or (n_levels, n_samples, 2)
            Lower and upper ends.
        confidence_level : float or sequence of float, default=0.9
            Level of the intervals, or of each.
        position : array-like of shape (n_samples,), default=None
            Where rows stand on the horizontal axis. None sorts them by prediction.
        position_name : str, default=None
            Label of that axis.
        name : str, default=None
            Label of the predictions.
        target_name : str, default=None
            Label of the vertical axis.
        kind : {"band", "bars"}, default="band"
            Whether intervals are joined to a band or drawn for each row.
        subsample : int, default=1000
            Largest number of rows to draw, evenly spaced. Coverage and width are for all rows. None draws all.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        line_kw, band_kw, point_kw : dict, default=None
            Passed to ``ax.plot``, to ``ax.fill_between`` or ``ax.vlines``, and to ``ax.scatter``.

        Returns
        -------
        PredictionIntervalDisplay
            Drawn.

        Raises
        ------
        ValueError
            If shapes do not fit, or `kind` is unknown.

        Examples
        --------
        >>> from sknnk import PredictionIntervalDisplay
        >>> display = PredictionIntervalDisplay.from_predictions([1.0, 2.5], [1.5, 1.5], [[0.5, 2.0], [1.0, 2.0]])
        >>> display.coverage_.tolist(), display.mean_width_.tolist()
        ([0.5], [1.25])
        """
        target_name = target_name or getattr(y_true, "name", None)
        y_true, y_pred, position = (
            None if values is None else column_or_1d(np.asarray(values, dtype=np.float64))
            for values in (y_true, y_pred, position)
        )
        check_consistent_length(y_true, y_pred, position)
        levels = np.atleast_1d(np.asarray(confidence_level, dtype=np.float64))
        ends = _checked_intervals(intervals, len(y_pred), levels)
        display = cls(
            y_pred=y_pred,
            intervals=ends,
            confidence_levels=levels,
            y_true=y_true,
            position=position,
            position_name=position_name,
            name=name,
            target_name=None if target_name is None else str(target_name),
            kind=kind,
        )
        return display.plot(ax, subsample=subsample, line_kw=line_kw, band_kw=band_kw, point_kw=point_kw)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        kind: str | None = None,
        subsample: int | None = 1000,
        line_kw: Mapping[str, Any] | None = None,
        band_kw: Mapping[str, Any] | None = None,
        point_kw: Mapping[str, Any] | None = None,
    ) -> "PredictionIntervalDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Label of the predictions; None is that of the display.
        kind : {"band", "bars"}, default=None
            Whether intervals are joined to a band or drawn for each row; None is that of the display.
        subsample : int, default=1000
            Largest number of rows to draw, evenly spaced. Coverage and width are for all rows. None draws all.
        line_kw, band_kw, point_kw : dict, default=None
            Passed to ``ax.plot``, to ``ax.fill_between`` or ``ax.vlines``, and to ``ax.scatter``.

        Returns
        -------
        PredictionIntervalDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `kind` is unknown.
        """
        kind = kind or self.kind
        if kind not in _KINDS:
            raise ValueError(f"kind={kind!r} must be one of {_KINDS}.")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        self.ax_, self.figure_ = ax, ax.figure
        self._measure()
        rows, x = self._places(subsample)
        self._draw_intervals(rows, x, kind, band_kw or {})
        style = {"color": "C0", "linewidth": 1.5, "label": name or self.name or "prediction", "zorder": 3}
        loose = {"linestyle": "none", "marker": "_", "markersize": 5} if kind == "bars" else {}
        (self.line_,) = ax.plot(x, self.y_pred[rows], **{**style, **loose, **(line_kw or {})})
        self._draw_points(rows, x, point_kw or {})
        sorted_rows = "Rows, sorted by prediction"
        ax.set(
            xlabel=sorted_rows if self.position is None else self.position_name or "Position",
            ylabel=self.target_name or "Target",
        )
        # Points fill the axes, so that the legend needs extra room. Axes that share their range get it only once.
        least, most = ax.dataLim.intervaly
        ax.set_ylim(top=max(ax.get_ylim()[1], most + 0.4 * (most - least)))
        ax.legend(loc="upper left", fontsize="small")
        return self

    def _measure(self) -> None:
        ends = np.asarray(self.intervals)
        self.mean_width_ = np.mean(ends[..., 1] - ends[..., 0], axis=1)
        self.coverage_ = None
        if self.y_true is not None:
            self.coverage_ = np.mean((ends[..., 0] <= self.y_true) & (self.y_true <= ends[..., 1]), axis=1)

    def _places(self, subsample: int | None) -> tuple[Indices, Array]:
        """Rows to draw, in their order on the horizontal axis, and where they stand there."""
        by_rank = self.position is None
        rows = np.argsort(self.y_pred if by_rank else self.position, kind="stable")
        x = np.arange(len(rows), dtype=np.float64) if by_rank else np.asarray(self.position)[rows]
        if subsample is not None and subsample < len(rows):
            kept = np.linspace(0, len(rows) - 1, subsample).round().astype(np.intp)
            rows, x = rows[kept], x[kept]
        return rows, x

    def _draw_intervals(self, rows: Indices, x: Array, kind: str, band_kw: Mapping[str, Any]) -> None:
        """Draw one band for each level, the widest first and palest."""
        self.bands_ = []
        order = np.argsort(self.confidence_levels)[::-1]
        for place, i in enumerate(order):
            share = "" if self.coverage_ is None else f"{100.0 * self.coverage_[i]:.1f} % inside, "
            label = f"{100.0 * self.confidence_levels[i]:.4g} % interval: {share}mean width {self.mean_width_[i]:.3g}"
            lower, upper = self.intervals[i][rows].T
            if kind == "band":
                style = {"color": "C0", "alpha": 0.18 + 0.14 * place, "linewidth": 0.0, "label": label, **band_kw}
                self.bands_.append(self.ax_.fill_between(x, lower, upper, **style))
            else:
                wide = {"linewidth": 1.0 + 1.5 * place, "alpha": 0.3 + 0.15 * place}
                style = {"color": "C0", "label": label, **wide, **band_kw}
                self.bands_.append(self.ax_.vlines(x, lower, upper, **style))

    def _draw_points(self, rows: Indices, x: Array, point_kw: Mapping[str, Any]) -> None:
        """Draw measured values, those outside the widest interval in another colour."""
        self.points_ = self.outside_points_ = None
        if self.y_true is None:
            return
        y, (lower, upper) = self.y_true[rows], self.intervals[np.argmax(self.confidence_levels)][rows].T
        inside = (lower <= y) & (y <= upper)
        style = {"s": 12, "linewidths": 0.0, "zorder": 4, **point_kw}
        self.points_ = self.ax_.scatter(x[inside], y[inside], **{"color": "0.25", "label": "measured", **style})
        outside = {"label": "outside", **style, "color": "C3"}
        self.outside_points_ = self.ax_.scatter(x[~inside], y[~inside], **outside)


def _checked_intervals(intervals: Any, n_samples: int, levels: Array) -> Array:
    """Intervals of shape (n_levels, n_samples, 2)."""
    if not np.all((levels > 0.0) & (levels < 1.0)):
        raise ValueError(f"confidence_level={levels.tolist()} must lie between 0 and 1, e.g. 0.9.")
    ends = np.asarray(intervals, dtype=np.float64)
    ends = ends[None] if ends.ndim == 2 else ends
    if ends.shape != (len(levels), n_samples, 2):
        raise ValueError(
            f"intervals of shape {np.shape(intervals)} must be lower and upper ends, of shape ({n_samples}, 2) or "
            f"({len(levels)}, {n_samples}, 2) for {len(levels)} confidence levels and {n_samples} predictions."
        )
    return ends
