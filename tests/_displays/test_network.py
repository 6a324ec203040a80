from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sknnk import BundledNetworkRegressor, NetworkDisplay

X, Y = load_diabetes(return_X_y=True, as_frame=True)
SCALES = np.array([5.0, 9.0, 1.0, 2.0, 8.0, 7.0, 6.0, 4.0, 1.5, 3.0])
FIXED = {"activation": "gaussian", "alpha": 1.0, "random_state": 0, "length_scale": SCALES}


@pytest.fixture(autouse=True)
def closed_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def network():
    return BundledNetworkRegressor((8, 16), **FIXED).fit(X, Y)


def test_there_is_a_box_for_every_stage_from_left_to_right_without_overlap(network):
    display = NetworkDisplay.from_estimator(network)
    spans = [(box.get_x(), box.get_x() + box.get_width()) for box in display.boxes_]
    assert len(spans) == 4
    assert all(right < left for (_, right), (left, _) in pairwise(spans))
    assert spans[0][0] == pytest.approx(0.0)
    assert spans[-1][1] == pytest.approx(1.0)
    texts = [text.get_text() for text in display.texts_]
    assert texts[::2] == ["inputs", "layer 1", "layer 2", "output matrix"]
    assert "16 random features" in texts[5]
    assert display.ax_.get_title() == "BundledNetworkRegressor"


@pytest.mark.parametrize("direct_link", [True, False])
def test_every_text_lies_in_its_box_and_the_direct_link_is_drawn_where_there_is_one(direct_link):
    model = BundledNetworkRegressor((8, 16), direct_link=direct_link, **FIXED).fit(X, Y)
    display = NetworkDisplay.from_estimator(model)
    display.figure_.canvas.draw()
    for i, text in enumerate(display.texts_):
        inner, outer = text.get_window_extent(), display.boxes_[i // 2].get_window_extent()
        assert outer.x0 <= inner.x0
        assert inner.x1 <= outer.x1
        assert outer.y0 <= inner.y0
        assert inner.y1 <= outer.y1
    for title, lines in zip(display.texts_[::2], display.texts_[1::2], strict=True):
        assert lines.get_window_extent().y1 <= title.get_window_extent().y0
    assert ("direct link" in [text.get_text() for text in display.ax_.texts]) == direct_link


def test_bars_are_the_largest_shares_with_their_names(network):
    display = NetworkDisplay.from_estimator(network, n_columns=3, bar_kw={"color": "red"}, box_kw={"alpha": 0.5})
    shares = SCALES**-2 / np.sum(SCALES**-2)
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], np.sort(shares)[::-1][:3])
    assert [tick.get_text() for tick in display.bar_ax_.get_yticklabels()] == ["bmi", "s5", "bp"]
    assert f"7 more: {np.sort(shares)[:7].sum():.1%}" in display.bar_ax_.get_title()
    assert {bar.get_facecolor()[:3] for bar in display.bars_} == {(1.0, 0.0, 0.0)}
    assert {box.get_alpha() for box in display.boxes_} == {0.5}
    assert "more" not in display.plot().bar_ax_.get_title()


def test_names_come_from_the_call_the_fit_or_the_step_in_front():
    unnamed = BundledNetworkRegressor(8, **FIXED).fit(X.to_numpy(), Y)
    assert NetworkDisplay.from_estimator(unnamed).feature_names is None
    assert NetworkDisplay.from_estimator(unnamed, feature_names=list("abcdefghij")).feature_names == list("abcdefghij")
    piped = make_pipeline(StandardScaler(), BundledNetworkRegressor(8, **FIXED)).fit(X, Y)
    assert list(NetworkDisplay.from_estimator(piped).feature_names) == list(X.columns)
    nameless = make_pipeline(FunctionTransformer(np.asarray), BundledNetworkRegressor(8, **FIXED)).fit(X, Y)
    assert NetworkDisplay.from_estimator(nameless).feature_names is None
    with pytest.raises(ValueError, match="has 2 names, and the network takes 10 columns"):
        NetworkDisplay.from_estimator(unnamed, feature_names=["a", "b"])


def test_without_learned_columns_there_are_no_bars_and_it_draws_into_given_axes():
    figure, axes = plt.subplots()
    model = BundledNetworkRegressor(8, **{**FIXED, "length_scale": 2.0}).fit(X, Y)
    display = NetworkDisplay.from_estimator(model, ax=axes, name="mine")
    assert display.ax_ is axes
    assert display.figure_ is figure
    assert display.bar_ax_ is display.bars_ is None
    assert axes.get_title() == "mine"


def test_what_is_not_a_fitted_network_is_refused():
    with pytest.raises(NotFittedError):
        NetworkDisplay.from_estimator(BundledNetworkRegressor())
    with pytest.raises(TypeError, match="is a Ridge"):
        NetworkDisplay.from_estimator(Ridge().fit(X, Y))


def test_the_steepest_learned_direction_is_named():
    rng = np.random.default_rng(0)
    rows = rng.uniform(-2.0, 2.0, size=(600, 3))
    target = np.sin(2.0 * (rows[:, 0] - rows[:, 2]))
    model = BundledNetworkRegressor(activation="auto", frequencies="isotropic", random_state=0).fit(rows, target)
    display = NetworkDisplay.from_estimator(model, feature_names=["left", "still", "right"])
    assert abs(display.axis @ [0.5**0.5, 0.0, -(0.5**0.5)]) > 0.99
    assert "left" in display.bar_ax_.get_xlabel()
    assert "right" in display.bar_ax_.get_xlabel()
    display.figure_.canvas.draw()
    assert display.bar_ax_.xaxis.label.get_window_extent().y0 >= display.figure_.bbox.y0


def test_without_learned_directions_none_is_drawn(network):
    display = NetworkDisplay.from_estimator(network)
    assert display.axis is None
    assert display.bar_ax_.get_xlabel() == ""
