import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, PredictionIntervalDisplay

X, Y = load_diabetes(return_X_y=True, as_frame=True)
SETTINGS = {"n_components": 8, "activation": "gaussian", "alpha": 1.0, "random_state": 0}


@pytest.fixture(autouse=True)
def closed_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def network():
    return BundledNetworkRegressor(**SETTINGS).fit(X[:200], Y[:200])


def labels_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_rows_are_sorted_by_prediction_and_the_band_holds_the_ends(network):
    display = PredictionIntervalDisplay.from_estimator(network, X[200:], Y[200:])
    mean, ends = network.predict(X[200:]), network.predict_interval(X[200:], confidence_level=0.9)
    order = np.argsort(mean)
    np.testing.assert_array_equal(display.line_.get_ydata(), mean[order])
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(242))
    edges = display.bands_[0].get_paths()[0].vertices
    for rank, (lower, upper) in enumerate(ends[order]):
        at = edges[edges[:, 0] == rank, 1]
        np.testing.assert_allclose([at.min(), at.max()], [lower, upper])
    assert display.ax_.get_xlabel() == "Rows, sorted by prediction"
    assert display.ax_.get_ylabel() == "target"


def test_coverage_and_width_are_those_of_all_rows_and_in_the_legend(network):
    display = PredictionIntervalDisplay.from_estimator(
        network, X[200:], Y[200:], confidence_level=(0.9, 0.5), subsample=20
    )
    for place, level in enumerate((0.9, 0.5)):
        lower, upper = network.predict_interval(X[200:], confidence_level=level).T
        inside = np.mean((lower <= Y[200:]) & (Y[200:] <= upper))
        width = np.mean(upper - lower)
        assert display.coverage_[place] == pytest.approx(inside)
        assert display.mean_width_[place] == pytest.approx(width)
        assert f"{100 * level:.0f} % interval: {100 * inside:.1f} % inside, mean width {width:.3g}" in labels_of(
            display
        )
    assert "BundledNetworkRegressor" in labels_of(display)
    assert len(display.line_.get_xdata()) == 20
    # The widest comes first, so that the narrower lies over it.
    assert labels_of(display)[0].startswith("90 %")


def test_every_measured_value_is_drawn_once_inside_or_outside_the_widest_interval(network):
    display = PredictionIntervalDisplay.from_estimator(network, X[200:], Y[200:], confidence_level=(0.3, 0.6))
    inside, outside = display.points_.get_offsets(), display.outside_points_.get_offsets()
    assert len(inside) + len(outside) == 242
    assert len(inside) / 242 == pytest.approx(display.coverage_[1])
    assert sorted(np.concatenate([inside[:, 1], outside[:, 1]])) == sorted(Y[200:])


def test_without_measured_values_there_is_no_coverage(network):
    display = PredictionIntervalDisplay.from_estimator(network, X[200:])
    assert display.coverage_ is None
    assert display.points_ is display.outside_points_ is None
    assert not any("inside" in label for label in labels_of(display))
    assert display.ax_.get_ylabel() == "Target"


def test_against_one_of_several_columns_each_row_has_a_bar(network):
    display = PredictionIntervalDisplay.from_estimator(network, X[200:], Y[200:], feature="bmi")
    order = np.argsort(X["bmi"][200:], kind="stable")
    ends = network.predict_interval(X[200:], confidence_level=0.9)[order]
    for segment, at, (lower, upper) in zip(
        display.bands_[0].get_segments(), np.sort(X["bmi"][200:]), ends, strict=True
    ):
        np.testing.assert_allclose(segment, [[at, lower], [at, upper]])
    assert display.ax_.get_xlabel() == "bmi"
    again = display.plot(kind="band", name="fit")
    assert again is display
    assert again.bands_[0].get_paths()
    assert "fit" in labels_of(again)


def test_against_the_only_column_there_is_a_band():
    network = BundledNetworkRegressor(**SETTINGS).fit(X[["bmi"]], Y)
    display = PredictionIntervalDisplay.from_estimator(network, X[["bmi"]], Y, feature=0)
    assert display.kind == "band"
    np.testing.assert_array_equal(display.line_.get_xdata(), np.sort(X["bmi"]))


def test_pipelines_and_searches_are_drawn_alike():
    pipeline = make_pipeline(StandardScaler(), BundledNetworkRegressor(**SETTINGS)).fit(X[:200], Y[:200])
    search = GridSearchCV(pipeline, {"bundlednetworkregressor__alpha": [1.0]}, cv=2).fit(X[:200], Y[:200])
    expected = PredictionIntervalDisplay.from_estimator(pipeline, X[200:], Y[200:], feature="bp")
    display = PredictionIntervalDisplay.from_estimator(search, X[200:], Y[200:], feature="bp")
    np.testing.assert_allclose(display.intervals, expected.intervals)
    np.testing.assert_array_equal(display.position, X["bp"][200:])


def test_it_draws_into_given_axes_with_given_styles(network):
    figure, axes = plt.subplots()
    display = PredictionIntervalDisplay.from_estimator(
        network,
        X[200:],
        Y[200:],
        ax=axes,
        line_kw={"color": "red"},
        band_kw={"alpha": 0.5},
        point_kw={"s": 3},
    )
    assert display.ax_ is axes
    assert display.figure_ is figure
    assert display.line_.get_color() == "red"
    assert display.bands_[0].get_alpha() == 0.5
    assert display.points_.get_sizes().tolist() == [3]


def test_intervals_of_any_origin_are_drawn_infinite_ones_too():
    ends = np.array([[0.0, 2.0], [-np.inf, np.inf]])
    display = PredictionIntervalDisplay.from_predictions(
        pd.Series([1.0, 5.0], name="load"), [1.0, 0.0], ends, position=[2.0, 1.0], confidence_level=0.8, subsample=None
    )
    assert display.coverage_.tolist() == [1.0]
    assert np.isinf(display.mean_width_).tolist() == [True]
    assert display.ax_.get_ylabel() == "load"
    assert display.ax_.get_xlabel() == "Position"
    assert np.all(np.isfinite(display.ax_.get_ylim()))


@pytest.mark.parametrize(
    ("intervals", "options", "words"),
    [
        ([[0.0, 1.0]], {}, r"shape \(1, 2\) must be lower and upper ends, of shape \(2, 2\)"),
        ([[0.0, 1.0]] * 2, {"confidence_level": (0.5, 0.9)}, r"or \(2, 2, 2\) for 2 confidence levels"),
        ([[0.0, 1.0]] * 2, {"confidence_level": 1.0}, "must lie between 0 and 1"),
        ([[0.0, 1.0]] * 2, {"kind": "ribbon"}, "kind='ribbon' must be one of"),
        ([[0.0, 1.0]] * 2, {"position": [1.0]}, "inconsistent numbers of samples"),
    ],
)
def test_what_does_not_fit_is_refused(intervals, options, words):
    with pytest.raises(ValueError, match=words):
        PredictionIntervalDisplay.from_predictions([1.0, 2.0], [1.0, 2.0], intervals, **options)


def test_a_classifier_is_refused():
    classifier = BundledNetworkClassifier(**SETTINGS).fit(X, Y > 140.0)
    with pytest.raises(TypeError, match="CalibrationDisplay"):
        PredictionIntervalDisplay.from_estimator(classifier, X, Y > 140.0)
