import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sknnk import BundledNetworkRegressor, BundledNetworkRegressorCV, FeatureCountDisplay, URFSampler

X, Y = load_diabetes(return_X_y=True)
COUNTS, ALPHAS = (32, 8, 16), (10.0, 0.1)


@pytest.fixture(autouse=True)
def closed_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def search():
    return BundledNetworkRegressorCV(COUNTS, alphas=ALPHAS, return_train_score=True, random_state=0).fit(X, Y)


def test_for_every_count_the_candidate_of_best_mean_test_score_is_shown(search):
    display = FeatureCountDisplay.from_estimator(search)
    results = search.cv_results_
    assert display.n_components.tolist() == [8, 16, 32]
    for n, test, train in zip(display.n_components, display.test_scores, display.train_scores, strict=True):
        own = results["param_n_components"] == n
        best = np.flatnonzero(own)[np.argmax(results["mean_test_score"][own])]
        assert test.tolist() == [results[f"split{i}_test_score"][best] for i in range(5)]
        assert train.tolist() == [results[f"split{i}_train_score"][best] for i in range(5)]


def test_lines_are_means_and_bands_a_standard_deviation_either_way(search):
    display = FeatureCountDisplay.from_estimator(search)
    for line, band, scores in zip(
        display.lines_, display.bands_, (display.test_scores, display.train_scores), strict=True
    ):
        np.testing.assert_allclose(line.get_ydata(), scores.mean(axis=1))
        edges = band.get_paths()[0].vertices
        for n, mean, std in zip(display.n_components, scores.mean(axis=1), scores.std(axis=1), strict=True):
            at = edges[edges[:, 0] == n, 1]
            np.testing.assert_allclose([at.min(), at.max()], [mean - std, mean + std])
    assert [line.get_label() for line in display.lines_] == ["test", "train"]


def test_the_chosen_count_is_marked_and_every_count_has_a_tick(search):
    display = FeatureCountDisplay.from_estimator(search)
    assert display.chosen == search.n_components_
    assert set(display.chosen_line_.get_xdata()) == {search.n_components_}
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["8", "16", "32"]
    assert f"chosen: {search.n_components_}" in [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert display.ax_.get_xlabel() == "Number of features"
    assert display.ax_.get_ylabel() == "R2"


def test_it_draws_into_given_axes_with_given_styles(search):
    figure, axes = plt.subplots()
    display = FeatureCountDisplay.from_estimator(
        search, ax=axes, score_name="quality", band=False, line_kw={"color": "red", "marker": "s"}
    )
    assert display.ax_ is axes
    assert display.figure_ is figure
    assert display.bands_ == []
    assert {line.get_color() for line in display.lines_} == {"red"}
    assert axes.get_ylabel() == "quality"
    again = display.plot(band_kw={"alpha": 0.5})
    assert again is display
    assert display.ax_ is not axes
    assert {band.get_alpha() for band in display.bands_} == {0.5}


def test_results_of_grid_search_over_a_pipeline_are_drawn_alike():
    model = make_pipeline(URFSampler(random_state=0), Ridge())
    grid = GridSearchCV(model, {"urfsampler__n_components": [4, 8], "ridge__alpha": [1.0, 0.1]}).fit(X, Y)
    display = FeatureCountDisplay.from_cv_results(grid.cv_results_)
    assert display.train_scores is None
    assert len(display.lines_) == len(display.bands_) == 1
    assert display.chosen_line_ is None
    assert display.ax_.get_ylabel() == "Score"
    assert display.test_scores.mean(axis=1).max() == pytest.approx(grid.best_score_)


@pytest.mark.parametrize("metric", ["r2", "neg_mean_absolute_error"])
def test_one_of_several_scores_is_shown_that_of_the_choice_by_default(metric):
    search = BundledNetworkRegressorCV((4, 8), scoring=["r2", "neg_mean_absolute_error"], refit=metric, random_state=0)
    search.fit(X, Y)
    display = FeatureCountDisplay.from_estimator(search)
    assert display.test_scores.mean(axis=1).max() == pytest.approx(search.best_score_)
    assert display.ax_.get_ylabel() == {"r2": "R2", "neg_mean_absolute_error": "Negative mean absolute error"}[metric]
    other = FeatureCountDisplay.from_estimator(search, metric="r2")
    assert other.test_scores.max() <= 1.0


def test_scores_that_are_no_numbers_are_not_the_best():
    results = {"param_n_components": [4, 4], "split0_test_score": np.array([np.nan, 0.5])}
    assert FeatureCountDisplay.from_cv_results(results).test_scores.tolist() == [[0.5]]


@pytest.mark.parametrize(
    "results", [{"param_alpha": [1.0]}, {"param_a__n_components": [1], "param_b__n_components": [1]}]
)
def test_results_without_one_number_of_features_are_refused(results):
    with pytest.raises(ValueError, match="number of features"):
        FeatureCountDisplay.from_cv_results(results)


def test_an_unknown_metric_is_refused_with_those_that_are_known(search):
    with pytest.raises(ValueError, match=r"metric='f1' .* \['score'\]"):
        FeatureCountDisplay.from_cv_results(search.cv_results_, metric="f1")


def test_a_search_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        FeatureCountDisplay.from_estimator(BundledNetworkRegressorCV())


def test_a_network_that_searches_nothing_is_refused_with_those_that_do():
    with pytest.raises(TypeError, match=r"a BundledNetworkRegressor, which searches nothing; .*RegressorCV"):
        FeatureCountDisplay.from_estimator(BundledNetworkRegressor())
