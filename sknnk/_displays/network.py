"""NetworkDisplay: what a fitted network is made of, as a picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .network_boxes import learned_columns, pictured_layers, steepest_axis
from .pipelines import last_estimator

_GAP = 0.35  # between boxes, in widths of a box
# Columns of an axis that are named at most, and the least part in it that is worth a name.
_AXIS_COLUMNS, _LEAST_PART = 3, 0.05


class NetworkDisplay:
    """A fitted network as a picture: inputs, layers, output matrix, and the columns that matter most.

    A row passes the boxes from left to right. Each box is one stage of the network, with its size, kernel and penalty.
    An arrow over the boxes is the direct link. If length scales were learned, the columns that matter most are drawn
    below. If combinations of columns were learned, the main parts of the most important one are written under them.

    Use :meth:`from_estimator`; all parameters are stored as attributes.

    Parameters
    ----------
    layers : sequence of (str, sequence of str)
        Title and lines of text of every box, the inputs first.
    direct_link : bool, default=False
        Whether the inputs reach the output matrix themselves.
    importances : ndarray of shape (n_features,), default=None
        Share of every input column; None where none was learned.
    feature_names : sequence of str, default=None
        Names of the columns.
    name : str, default=None
        Title of the picture.
    axis : ndarray of shape (n_features,), default=None
        Combination of columns with the shortest length scale; None if no combinations were learned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, once drawn.
    figure_ : matplotlib Figure
        Their figure.
    boxes_ : list of matplotlib FancyBboxPatch
        The boxes.
    texts_ : list of matplotlib Text
        Titles and lines in the boxes.
    bar_ax_ : matplotlib Axes or None
        The axes of the columns.
    bars_ : matplotlib BarContainer or None
        Their shares.

    See Also
    --------
    BundledNetworkRegressor : Its fitted attributes are what is shown.
    FeatureCountDisplay : How the score depends on the number of features.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sknnk import BundledNetworkRegressor, NetworkDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BundledNetworkRegressor((32, 64), activation="gaussian", random_state=0).fit(X, y)
    >>> display = NetworkDisplay.from_estimator(model)
    >>> [title for title, _ in display.layers]
    ['inputs', 'layer 1', 'layer 2', 'output matrix']
    """

    __module__ = "sknnk"

    def __init__(
        self,
        *,
        layers: Any,
        direct_link: bool = False,
        importances: Any = None,
        feature_names: Any = None,
        name: str | None = None,
        axis: Any = None,
    ) -> None:
        self.layers = layers
        self.direct_link = direct_link
        self.importances = importances
        self.feature_names = feature_names
        self.name = name
        self.axis = axis

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        feature_names: Sequence[str] | None = None,
        n_columns: int = 10,
        name: str | None = None,
        ax: Any = None,
        box_kw: Mapping[str, Any] | None = None,
        bar_kw: Mapping[str, Any] | None = None,
    ) -> "NetworkDisplay":
        """Draw a fitted network.

        Parameters
        ----------
        estimator : estimator
            A fitted network of this library, also one with cross-validated counts or made by :func:`bundle`; a pipeline
            that ends in one, or a search over either.
        feature_names : sequence of str, default=None
            Names of the columns that the network takes; None are those of the fit, where it has seen any.
        n_columns : int, default=10
            Largest number of columns to show; those with the largest shares are shown.
        name : str, default=None
            Title; None is the name of the class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure of fitting size.
        box_kw, bar_kw : dict, default=None
            Passed to ``FancyBboxPatch`` and ``ax.barh``.

        Returns
        -------
        NetworkDisplay
            Drawn.

        Raises
        ------
        TypeError
            If `estimator` is no such network.
        ValueError
            If the number of `feature_names` is not that of the columns.
        """
        network, steps = last_estimator(estimator)
        check_is_fitted(network)
        layers, linked = pictured_layers(network)
        importances = learned_columns(network)
        names = _names(network, steps, feature_names)
        display = cls(
            layers=layers,
            direct_link=linked,
            importances=importances,
            feature_names=names,
            name=name or type(network).__name__,
            axis=steepest_axis(network),
        )
        return display.plot(ax, n_columns=n_columns, box_kw=box_kw, bar_kw=bar_kw)

    def plot(
        self,
        ax: Any = None,
        *,
        n_columns: int = 10,
        box_kw: Mapping[str, Any] | None = None,
        bar_kw: Mapping[str, Any] | None = None,
    ) -> "NetworkDisplay":
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure of fitting size.
        n_columns : int, default=10
            Largest number of columns to show; those with the largest shares are shown.
        box_kw, bar_kw : dict, default=None
            Passed to ``FancyBboxPatch`` and ``ax.barh``.

        Returns
        -------
        NetworkDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt
        from matplotlib.patches import FancyBboxPatch

        shown = 0 if self.importances is None else min(n_columns, len(self.importances))
        if ax is None:
            width, height = max(2.6 * len(self.layers), 6.5), 2.6 + (0.8 + 0.24 * shown if shown else 0.0)
            _, ax = plt.subplots(figsize=(width, height), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_axis_off()
        ax.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0), title=self.name or "")
        floor = (0.8 + 0.24 * shown) / (3.4 + 0.24 * shown) if shown else 0.0
        self._draw_boxes(FancyBboxPatch, floor, box_kw or {})
        self.bar_ax_: Any = None
        self.bars_: Any = None
        if shown:
            self._draw_columns(shown, floor, bar_kw or {})
        return self

    def _draw_boxes(self, patch: Any, floor: float, box_kw: Mapping[str, Any]) -> None:
        """Draw the stages of a row side by side, above `floor`."""
        n_boxes = len(self.layers)
        width = 1.0 / (n_boxes + _GAP * (n_boxes - 1))
        lower, upper = floor + 0.02, 1.0 - (0.14 * (1.0 - floor) if self.direct_link else 0.02)
        middle, arrow = (lower + upper) / 2.0, {"arrowstyle": "-|>", "color": "0.35", "shrinkA": 0.0, "shrinkB": 0.0}
        self.boxes_, self.texts_ = [], []
        for i, (title, lines) in enumerate(self.layers):
            left = i * width * (1.0 + _GAP)
            style = {"facecolor": f"C{min(i, 1) if i < n_boxes - 1 else 2}", "alpha": 0.18, "edgecolor": "0.4"}
            shape = {"boxstyle": "round,pad=0,rounding_size=0.015", "mutation_aspect": 2.0}
            box = patch((left, lower), width, upper - lower, **{**style, **shape, **box_kw})
            self.boxes_.append(self.ax_.add_patch(box))
            centre = left + width / 2.0
            placed = {"ha": "center", "fontsize": 9, "linespacing": 1.5}
            self.texts_.append(self.ax_.text(centre, upper - 0.04, title, va="top", weight="bold", **placed))
            body = (lower + upper - 0.1 * (1.0 - floor)) / 2.0
            self.texts_.append(self.ax_.text(centre, body, "\n".join(lines), va="center", **placed))
            if i:
                self.ax_.annotate("", (left, middle), (left - _GAP * width, middle), arrowprops=arrow)
        if self.direct_link:
            self._draw_link(width, upper, arrow)

    def _draw_link(self, width: float, upper: float, arrow: Mapping[str, Any]) -> None:
        """Draw the way around the layers, over the boxes."""
        start, end, height = width / 2.0, 1.0 - width / 2.0, (upper + 1.0) / 2.0
        self.ax_.plot([start, start, end], [upper, height, height], color=arrow["color"], linewidth=1.0)
        self.ax_.annotate("", (end, upper), (end, height), arrowprops=arrow)
        self.ax_.text(0.5, height, "direct link", ha="center", va="bottom", fontsize=9, color=arrow["color"])

    def _draw_columns(self, shown: int, floor: float, bar_kw: Mapping[str, Any]) -> None:
        """Draw the columns of the largest shares as bars, below `floor`."""
        shares = np.asarray(self.importances)
        order = np.argsort(-shares, kind="stable")[:shown]
        names = [self._column(i) for i in order]
        self.bar_ax_ = self.ax_.inset_axes((0.3, 0.05, 0.68, floor - 0.13))
        self.bars_ = self.bar_ax_.barh(range(shown), shares[order], **{"color": "C1", "alpha": 0.8, **bar_kw})
        self.bar_ax_.set_yticks(range(shown), names, fontsize=9)
        self.bar_ax_.invert_yaxis()
        left_out = len(shares) - shown
        rest = f" ({left_out} more: {shares.sum() - shares[order].sum():.1%})" if left_out else ""
        self.bar_ax_.set_title(f"Share of the columns in the squared inverse length scales{rest}", fontsize=9)
        self.bar_ax_.spines[["top", "right"]].set_visible(False)
        if self.axis is not None:
            sizes = np.abs(self.axis)
            largest = [i for i in np.argsort(-sizes, kind="stable")[:_AXIS_COLUMNS] if sizes[i] >= _LEAST_PART]
            parts = " ".join(f"{self.axis[i]:+.2f} {self._column(i)}" for i in largest)
            self.bar_ax_.set_xlabel(f"Steepest direction: {parts}", fontsize=9)

    def _column(self, i: int) -> str:
        return str(i) if self.feature_names is None else str(self.feature_names[i])


def _names(network: BaseEstimator, steps: list[Any], given: Sequence[str] | None) -> Any:
    """Names of the columns that the network takes, or None."""
    n_features = network.n_features_in_
    if given is None and hasattr(network, "feature_names_in_"):
        return network.feature_names_in_
    if given is None:
        try:
            names = steps[-1].get_feature_names_out() if steps else None
        except (AttributeError, ValueError):  # steps need not know any names
            return None
        return names if names is not None and len(names) == n_features else None
    if len(given) != n_features:
        raise ValueError(f"feature_names has {len(given)} names, and the network takes {n_features} columns.")
    return list(given)
