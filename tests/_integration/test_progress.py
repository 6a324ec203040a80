"""Callbacks watch a fit: every part and step is told once, results stay the same, nothing is left behind."""

import pickle

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_diabetes, load_wine
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnk import (
    ArcCosineSampler,
    BundledNetworkClassifier,
    BundledNetworkClassifierCV,
    BundledNetworkRegressor,
    BundledNetworkRegressorCV,
    URFSampler,
)
from sknnk._compute.threads import over_threads
from sknnk._integration.progress import ReportedTask
from sknnk._integration.tasks import NO_PROGRESS
from sknnk._ridge.solvers import refinement

X, y = (values[:60] for values in load_diabetes(return_X_y=True))
X_wine, y_wine = (values[::3] for values in load_wine(return_X_y=True))


class Recorder:
    """A callback that remembers which tasks began and ended, and is handed on to every inner estimator."""

    max_propagation_depth = None

    def __init__(self):
        self.open, self.tasks, self.given = [], [], []

    def setup(self, estimator, context):
        self.root = context

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X, y, metadata):
        self.open.append(context)
        self.given.append((X, y, metadata))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        assert self.open.pop() is context  # tasks are nested
        self.tasks.append(context)
        self.fitted = fitted_estimator

    def parts(self):
        """Name, announced and counted steps of every task with steps, in the order of their ends."""
        return [
            (task.task_name, task.max_subtasks, len(task._children_map)) for task in self.tasks if task.max_subtasks
        ]


def recorded(estimator, *data, **fit_params):
    recorder = Recorder()
    estimator.set_callbacks(recorder).fit(*data, **fit_params)
    assert recorder.open == []
    assert not any(name in vars(estimator) for name in ("_progress", "_callback_fit_ctx"))
    return recorder


def regressor(**params):
    return BundledNetworkRegressor(random_state=0, **params)


# The kernel search tries, for each of three families, 5 length scales of three transforms. With each transform that is
# close, 7 kernels that learn are tried and one that does not where that is better. With the best two there are 9
# decisions and at most 3 turns of axes. Two rounds of whole axes follow for two transforms, then comparisons, and
# tuning. The random search tries 20 candidates and the best 6 again, but not on few rows.
@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (regressor(), [("choose-kernel", 153, 129), ("solve", 1, 1)]),
        (regressor(activation="gaussian", frequencies="isotropic"), [("choose-kernel", 24, 24), ("solve", 1, 1)]),
        (regressor(n_components=16, batch_size=25), [("choose-kernel", 26, 20), ("sum-rows", 3, 3)]),
        (regressor(n_components=16, feature_map="kernel", batch_size=25, feature_learning=None), None),
        (
            regressor(
                n_components=16, activation="gaussian", directions="qmc", frequencies="isotropic",
                length_scale=2.0, alpha=1.0, solver="primal",
            ),
            [("sum-rows", 1, 1)],
        ),
    ],
)  # fmt: skip
def test_a_fit_tells_as_many_steps_as_it_announces(network, expected):
    told = recorded(network, X, y).parts()
    assert told[-1][:2] == ("fit", 2)
    if expected is None:
        assert [name for name, *_ in told] == ["choose-kernel", "sum-rows", "fit"]
        assert told[1] == ("sum-rows", 3, 3)
    else:
        assert told[:-1] == expected


def test_learned_length_scales_are_part_of_the_choice():
    network = regressor(n_components=16, feature_map="random", feature_learning="agop", solver="primal")
    (name, announced, told), *_ = recorded(network, X, y).parts()
    assert name == "choose-kernel"
    assert 38 + 20 < told <= announced  # all of both searches, and kernels that were learned


def test_corrections_in_float64_are_steps_after_the_blocks(monkeypatch):
    monkeypatch.setattr(refinement, "_LEAST_PRODUCTS", 0.0)
    monkeypatch.setattr(refinement, "_LEAST_COLUMNS", 1)
    rows = np.random.default_rng(0).normal(size=(900, 2))
    network = regressor(
        n_components=16, activation="gaussian", directions="qmc", frequencies="isotropic", length_scale=2.0, alpha=1.0,
        solver="primal", batch_size=300,
    )  # fmt: skip
    (name, announced, told), *_ = recorded(network, rows, rows[:, 0]).parts()
    assert name == "sum-rows" and announced == 3 + refinement.MOST_PASSES and 3 < told <= announced


def test_every_pass_of_conjugate_gradients_is_a_step():
    network = regressor(n_components=64, solver="cg", alpha=0.01, tol=1e-8)
    told = recorded(network, X, y).parts()
    assert ("conjugate-gradients", 200, network.n_iter_) in told


@pytest.mark.parametrize("model", [BundledNetworkRegressorCV, BundledNetworkClassifierCV])
@pytest.mark.parametrize("preprocessing", ["once", "fold"])
def test_a_search_tells_kernels_passes_and_counts(model, preprocessing):
    data = (X, y) if model is BundledNetworkRegressorCV else (X_wine, y_wine)
    search = model((4, 8), alphas=(1.0, 0.1), activations=["gaussian", "cauchy"], cv=3, random_state=0)
    search.set_params(preprocessing=preprocessing)
    recorder = recorded(search, *data)
    names = [name for name, *_ in recorder.parts()]
    n_passes = 1 if preprocessing == "once" else 3
    assert names.count("score-counts") == 2
    assert names.count("search") == 1
    for kernel in (task for task in recorder.tasks if task.task_name == "score-counts"):
        children = [child.task_name for child in kernel._children_map.values()]
        assert children.count("step") == 2 * 3
        assert children.count("sum-rows") == n_passes
    # What moments do not answer, the refit of the chosen network does, as a task of its own.
    [*_, last] = recorder.root._children_map.values()
    assert (last.source_task_name == "refit") == (preprocessing == "fold")
    assert last.estimator_name == (search._network_class if preprocessing == "fold" else type(search)).__name__


def test_more_passes_than_announced_are_not_told():
    splits = ShuffleSplit(12, test_size=0.4, random_state=0)
    search = BundledNetworkRegressorCV((4,), alphas=1.0, cv=splits, random_state=0)
    assert recorded(search, X, y).parts()[-1][0] == "fit"
    recorder = Recorder()
    network = regressor().set_callbacks(recorder)
    task = ReportedTask(network, network._init_callback_context(max_subtasks=2))
    for _ in range(5):
        task()
    with task.part("late", 1) as part:
        assert part is NO_PROGRESS
    assert [task.task_name for task in recorder.tasks] == ["step", "step"]


@pytest.mark.parametrize("sampler", [URFSampler(n_components=8), ArcCosineSampler(n_components=8)])
def test_a_sampler_is_one_task(sampler):
    recorder = recorded(sampler, X)
    assert [(task.task_name, task.max_subtasks) for task in recorder.tasks] == [("fit", 0)]


def test_the_callbacks_get_rows_weights_and_the_fitted_network():
    network, weight = regressor(n_components=8, alpha=1.0), np.ones(len(y))
    recorder = recorded(network, X, y, sample_weight=weight)
    assert recorder.given[0][0] is X
    assert recorder.given[0][1] is y
    assert recorder.given[0][2]["sample_weight"] is weight
    np.testing.assert_array_equal(recorder.fitted.predict(X), network.predict(X))


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (regressor(), (X, y)),
        (regressor(n_components=16, n_jobs=2), (X, y)),
        (regressor(n_components=16, solver="cg"), (X, y)),
        (BundledNetworkClassifier(16, random_state=0), (X_wine, y_wine)),
        (BundledNetworkRegressorCV((4, 8), random_state=0), (X, y)),
        (BundledNetworkClassifierCV((4, 8), scoring="neg_log_loss", random_state=0), (X_wine, y_wine)),
    ],
)
def test_a_watched_fit_is_the_same_and_leaves_nothing_behind(model, data):
    plain, watched = clone(model).fit(*data), clone(model)
    recorded(watched, *data)
    np.testing.assert_array_equal(watched.output_coef_, plain.output_coef_)
    assert vars(watched).keys() - vars(plain).keys() == {"_skl_callbacks"}


def test_lines_and_callbacks_go_together(capsys):
    names = [name for name, *_ in recorded(regressor(n_components=8, alpha=1.0, verbose=1), X, y).parts()]
    assert names == ["choose-kernel", "sum-rows", "fit"]
    assert capsys.readouterr().out.count(" begins") == 2


def test_without_callbacks_scikit_learn_is_not_asked(monkeypatch):
    monkeypatch.setattr(BundledNetworkRegressor, "_init_callback_context", None)
    regressor(n_components=8).fit(X, y)


def test_a_fit_that_fails_ends_its_callbacks():
    network, ended = regressor(n_components=8, alpha=-np.ones(2)), []
    recorder = Recorder()
    recorder.teardown = lambda estimator, context: ended.append(estimator)
    with pytest.raises(ValueError, match="alpha"):
        network.set_callbacks(recorder).fit(X, y)
    assert ended == [network]
    assert not any(name in vars(network) for name in ("_progress", "_callback_fit_ctx"))


def test_partial_fit_is_not_watched():
    recorder = Recorder()
    regressor(n_components=8).set_callbacks(recorder).partial_fit(X, y)
    assert recorder.tasks == []


def test_steps_may_end_in_any_thread():
    recorder, network = Recorder(), regressor()
    context = network.set_callbacks(recorder)._init_callback_context(max_subtasks=500)
    over_threads(ReportedTask(network, context), [()] * 500, threads=8)
    assert sorted(task.task_id for task in recorder.tasks) == list(range(500))


def test_a_scoring_monitor_sees_the_final_score():
    monitor, network = ScoringMonitor(scoring="r2"), regressor(n_components=8, alpha=1.0)
    network.set_callbacks(monitor).fit(X, y)
    (row,) = monitor.get_logs().data
    assert row["r2"] == pytest.approx(network.score(X, y))


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 160 columns and 60 lines shows at the end."""
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("LINES", "60")


def lines_of(capsys):
    """Lines of the last picture, without the bars."""
    shown = [line.split("━")[0].strip() for line in capsys.readouterr().out.splitlines()]
    return [line for line in shown if line]


@pytest.mark.usefixtures("terminal")
def test_a_progress_bar_shows_rounds_and_blocks(capsys):
    regressor(n_components=8).set_callbacks(ProgressBar()).fit(X, y)
    assert lines_of(capsys) == [
        "BundledNetworkRegressor - fit",
        "BundledNetworkRegressor - choose-kernel #0",
        "BundledNetworkRegressor - sum-rows #1",
    ]


@pytest.mark.usefixtures("terminal")
def test_a_progress_bar_goes_through_a_pipeline_and_a_grid_search(capsys):
    pipeline = make_pipeline(StandardScaler(), URFSampler(n_components=8, random_state=0), regressor(n_components=8))
    search = GridSearchCV(pipeline, {"bundlednetworkregressor__alpha": [0.1, 1.0]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=2)).fit(X, y)
    shown = lines_of(capsys)
    # Two candidates on two splits, and the best on all rows.
    assert sum("Pipeline - fit-final-estimator | BundledNetworkRegressor - fit" in line for line in shown) == 5
    assert sum("Pipeline - fit-transform-urfsampler | URFSampler - fit" in line for line in shown) == 5
    assert sum("BundledNetworkRegressor - sum-rows" in line for line in shown) == 5


@pytest.mark.usefixtures("terminal")
def test_a_progress_bar_reaches_the_workers_of_a_grid_search(capsys):
    search = GridSearchCV(regressor(n_components=8), {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2)
    with parallel_config(backend="threading"):  # processes would take seconds to start
        search.set_callbacks(ProgressBar()).fit(X, y)
    assert sum("BundledNetworkRegressor - sum-rows" in line for line in lines_of(capsys)) == 5


def test_a_network_that_is_watched_can_be_pickled():
    network = regressor(n_components=8).set_callbacks(Recorder()).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(network)).predict(X), network.predict(X))
