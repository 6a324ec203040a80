"""The distributed fit is the fit on one machine, with little that moves, a worker that dies, and no Dask afterwards."""

import inspect
import os
import pickle
import signal
import subprocess
import sys
from uuid import uuid4

import dask
import dask.array as da
import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster, get_task_stream
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

import sknnk
import sknnk._data.inputs
import sknnk._kernel_learning.random_features
from sknnk import BundledNetworkClassifier, BundledNetworkRegressor
from sknnk.dask import DaskBundledNetworkClassifier, DaskBundledNetworkRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
NUMBERS = np.sin(X[:, 0]) + X[:, 1] ** 2 + 0.3 * RNG.normal(size=60)
LABELS = np.digitize(NUMBERS, [0.5, 1.2])
WEIGHTS = RNG.integers(0, 3, size=60).astype(float)
NAMES = ["a", "b", "c"]
PACKAGE = os.path.dirname(sknnk.__file__)


def targets_of(estimator):
    return LABELS if is_classifier(estimator) else NUMBERS


def both(*arguments, **keywords):
    """A regressor and a classifier, distributed and not, with the same parameters."""
    keywords = {"random_state": 0, "solver": "primal", **keywords}
    return pytest.mark.parametrize(
        ("distributed_network", "network"),
        [
            (DaskBundledNetworkRegressor(*arguments, **keywords), BundledNetworkRegressor(*arguments, **keywords)),
            (DaskBundledNetworkClassifier(*arguments, **keywords), BundledNetworkClassifier(*arguments, **keywords)),
        ],
        ids=["regressor", "classifier"],
    )


def cut(array, lengths, columns=1):
    """The array in partitions of these lengths, and in so many pieces along its columns."""
    chunks = da.core.normalize_chunks((tuple(lengths), *[-(-n // columns) for n in array.shape[1:]]), array.shape)
    return da.from_array(array, chunks=chunks)


def assert_same_fit(distributed_network, network, tolerance=1e-8):
    for name in ("output_coef_", "intercept_", "alpha_", "effective_dof_", "noise_variance_"):
        got, wanted = getattr(distributed_network, name), getattr(network, name)
        assert np.linalg.norm(got - wanted) <= tolerance * np.linalg.norm(wanted), name
    assert distributed_network.n_samples_seen_ == network.n_samples_seen_
    assert distributed_network.activation_ == network.activation_
    assert distributed_network.search_history_ == network.search_history_
    if is_classifier(network):
        np.testing.assert_array_equal(distributed_network.classes_, network.classes_)
        assert abs(distributed_network.inverse_temperature_ / network.inverse_temperature_ - 1.0) < 1e-6


@st.composite
def partitions(draw):
    """Lengths of partitions of 60 rows, some of them empty."""
    cuts = draw(st.lists(st.integers(0, 60), max_size=12))
    return np.diff([0, *sorted(cuts), 60])


ONE_ROW_EACH = np.ones(60, dtype=int)


@both(8, alpha=0.1)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_fit_does_not_depend_on_the_partitions(distributed_network, network, weighted):
    y = targets_of(network)
    network.fit(X, y, WEIGHTS if weighted else None)

    @settings(max_examples=2, deadline=None)
    @example(lengths=ONE_ROW_EACH, columns=2, unknown=True)
    @given(lengths=partitions(), columns=st.integers(1, 3), unknown=st.booleans())
    def check(lengths, columns, unknown):
        weights = (cut(WEIGHTS, lengths),) if weighted else ()
        collections = cut(X, lengths, columns), cut(y, lengths), *weights
        if unknown:
            known = cut(np.ones(60, dtype=bool), lengths)
            collections = [collection[known] for collection in collections]
        with dask.config.set(scheduler="synchronous"):
            distributed_network.fit(*collections)
            assert_same_fit(distributed_network, network)

    check()


@both((12, 8), alpha=[1.0, 0.1], direct_link=False, batch_size=7, n_jobs=2)
def test_layers_candidates_and_blocks_are_those_of_one_machine(distributed_network, network):
    y = targets_of(network)
    distributed_network.fit(cut(X, [20, 0, 40]), cut(y, [30, 30]))
    assert_same_fit(distributed_network, network.fit(X, y))


@both(8, input_transform=None, alpha=0.1)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_samples_are_the_rows_that_one_machine_would_draw(distributed_network, network, dtype, monkeypatch):
    monkeypatch.setattr(sknnk._data.inputs, "_QUANTILE_ROWS", 40)
    monkeypatch.setattr(sknnk._kernel_learning.random_features, "_SEARCH_ROWS", 25)
    y, single = targets_of(network), dtype is np.float32
    for transform in ("quantile", None):
        for estimator in (distributed_network, network):
            estimator.set_params(input_transform=transform)
        distributed_network.fit(cut(X.astype(dtype), [7, 0, 33, 20]), cut(y, [7, 0, 33, 20]), cut(WEIGHTS, [60]))
        network.fit(X.astype(dtype), y, WEIGHTS)
        assert len(distributed_network.search_history_) == len(network.search_history_) > 0
        for name in ("output_coef_", "alpha_", "length_scale_"):
            got, wanted = getattr(distributed_network, name), getattr(network, name)
            np.testing.assert_allclose(got, wanted, rtol=1e-3 if single else 1e-8, atol=1e-4 if single else 1e-10)
        assert distributed_network.output_coef_.dtype == dtype


@both(8)
def test_automatic_penalties_are_those_of_one_machine(distributed_network, network):
    y = targets_of(network)
    frame = pd.DataFrame(X, columns=NAMES)
    distributed_network.fit(dd.from_pandas(frame, npartitions=3), dd.from_pandas(pd.Series(y), npartitions=3))
    network.fit(frame, y)
    np.testing.assert_array_equal(distributed_network.alpha_, network.alpha_)
    assert_same_fit(distributed_network, network)
    assert distributed_network.feature_names_in_.tolist() == NAMES


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_the_least_automatic_penalty_still_leaves_eight_digits(noise):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3))
    y = np.sin(X[:, 0]) * X[:, 1] + noise * rng.normal(size=3000)
    kernel = {"activation": "gaussian", "frequencies": "isotropic", "length_scale": 3.0, "random_state": 0}
    network = BundledNetworkRegressor(300, feature_map="random", solver="primal", **kernel).fit(X, y)
    assert network.alpha_ < 1e-3
    for lengths in ([3000], [7, 0, 2000, 993], [500] * 6):
        with dask.config.set(scheduler="synchronous"):
            distributed_network = DaskBundledNetworkRegressor(300, solver="primal", **kernel)
            distributed_network.fit(cut(X, lengths), cut(y, lengths))
        assert_same_fit(distributed_network, network)


@both(8, alpha=0.1)
def test_the_same_attributes_come_out_and_the_local_network_takes_chunks(distributed_network, network):
    y = targets_of(network)
    local = distributed_network.fit(cut(X, [40, 20]), cut(y, [40, 20])).to_local()
    network.fit(X, y)
    assert type(local) is type(network) and local.get_params() == network.get_params()
    # What fills gaps is known of rows in memory alone.
    assert vars(distributed_network).keys() == vars(local).keys() == vars(network).keys() - {"_table"}
    np.testing.assert_allclose(local.predict(X), network.predict(X), rtol=1e-8)
    more = [estimator.partial_fit(X[:30], y[:30]).output_coef_ for estimator in (local, network)]
    np.testing.assert_allclose(*more, rtol=1e-7, atol=1e-9)


WITHOUT_DASK = """
import pickle, sys
sys.modules.update(dask=None, distributed=None)
for network in pickle.load(open(sys.argv[1], "rb")):
    print(network.predict([[0.0, 0.0, 0.0]]).shape)
try:
    import sknnk.dask
except ImportError as error:
    print(error)
"""


def test_without_dask_local_networks_predict_and_the_import_says_what_to_install(tmp_path):
    kinds, options = (DaskBundledNetworkRegressor, DaskBundledNetworkClassifier), {"alpha": 0.1, "random_state": 0}
    networks = [kind(8, activation="gaussian", length_scale=1.0, **options) for kind in kinds]
    fitted = [each.fit(cut(X, [40, 20]), cut(targets_of(each), [40, 20])).to_local() for each in networks]
    (tmp_path / "networks.pickle").write_bytes(pickle.dumps(fitted))
    command = [sys.executable, "-c", WITHOUT_DASK, str(tmp_path / "networks.pickle")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.startswith("(1,)\n(1,)\n")
    assert "pip install 'dask[array,dataframe]" in printed


@both(8, alpha=0.1)
def test_lazy_results_have_the_partitions_of_the_input(distributed_network, network):
    y = targets_of(network)
    lengths = (25, 0, 35)
    rows = cut(X, lengths, columns=2)
    distributed_network.fit(rows, cut(y, lengths))
    network.fit(X, y)
    names = ["transform", "predict"] + ["predict_proba", "decision_function"] * is_classifier(network)
    for name in names:
        wanted, lazy = getattr(network, name)(X), getattr(distributed_network, name)(rows)
        assert isinstance(lazy, da.Array) and lazy.chunks[0] == lengths
        assert lazy.shape == wanted.shape and lazy.dtype == wanted.dtype
        np.testing.assert_allclose(lazy.compute(), wanted, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(getattr(distributed_network, name)(X), wanted, rtol=1e-7, atol=1e-9)


@both(8, alpha=0.1)
def test_data_frames_give_series_with_their_index_and_arrays(distributed_network, network):
    y = targets_of(network)
    frame = pd.DataFrame(X, columns=NAMES, index=np.arange(60) * 2).astype(np.float32)
    rows = dd.from_pandas(frame, npartitions=3)
    targets = dd.from_pandas(pd.Series(y, index=frame.index), npartitions=3)
    distributed_network.fit(rows, targets)
    network.fit(frame, y)
    some = rows[rows["a"] > 1.0]  # Leaves hardly a row.
    assert (some.map_partitions(len).compute() < 10).all()
    predicted = distributed_network.predict(some)
    assert isinstance(predicted, dd.Series) and predicted.divisions == some.divisions
    wanted = network.predict(frame[frame["a"] > 1.0])
    result = predicted.compute()
    assert result.dtype == predicted.dtype == wanted.dtype
    np.testing.assert_array_equal(result.index, frame.index[frame["a"] > 1.0])
    np.testing.assert_allclose(result, wanted, rtol=1e-4)
    columns = distributed_network.transform(some)
    assert isinstance(columns, da.Array) and columns.dtype == np.float32
    np.testing.assert_allclose(columns.compute(), network.transform(frame[frame["a"] > 1.0]), rtol=1e-4, atol=1e-5)


@both(8, alpha=0.1)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_score_is_that_of_one_machine(distributed_network, network, weights):
    y = targets_of(network)
    network.fit(X, y)
    distributed_network.fit(cut(X, [60]), cut(y, [60]))
    lazy_weights = None if weights is None else cut(weights, [13, 0, 47])
    score = distributed_network.score(cut(X, [13, 0, 47]), cut(y, [13, 0, 47]), lazy_weights)
    assert isinstance(score, float) and score == pytest.approx(network.score(X, y, weights), abs=1e-9)
    assert distributed_network.score(X, y, weights) == pytest.approx(score, abs=1e-9)


UNREADABLE = {
    "text": (np.where(X[:, 0] > 0.0, "red", "blue"), ValueError, "categories in the column 'c'; Dask networks take no"),
    "object": (np.array(["red", 1.0] * 30, dtype=object), (TypeError, ValueError), "column 'c'"),
    "category": (pd.Categorical(np.arange(60) % 3), ValueError, "categories in the column 'c'; Dask networks take no"),
    "dates": (pd.date_range("2026-01-01", periods=60), TypeError, "dates or times in the column 'c'"),
    "gaps": (pd.Series([1, pd.NA] * 30, dtype="Int64"), ValueError, r"NaN in column 'c'.*X\.fillna"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
@both(8, alpha=0.1, activation="gaussian")
def test_what_is_no_number_is_refused_by_name_in_fit_and_in_predict(distributed_network, network, kind):
    values, error, message = UNREADABLE[kind]
    with dask.config.set({"dataframe.convert-string": False}):
        frame = dd.from_pandas(pd.DataFrame(X, columns=NAMES).assign(c=values), npartitions=2)
        y = dd.from_pandas(pd.Series(targets_of(network)), npartitions=2)
        with pytest.raises(error, match=message):
            clone(distributed_network).fit(frame, y)
        distributed_network.fit(frame.assign(c=1.0), y)
        with pytest.raises(error, match=message):
            distributed_network.predict(frame).compute()
        if kind in ("text", "category"):  # what the message says
            distributed_network.fit(dd.get_dummies(frame.categorize()), y)
    assert not get_tags(distributed_network).input_tags.allow_nan


class Interrupted:
    """Raises at one call of a function of the package in this thread, or counts these calls."""

    def __init__(self, position=None):
        self.position, self.n_calls = position, 0

    def __call__(self, frame, event, argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE) and not code.co_flags & inspect.CO_GENERATOR:
            self.n_calls += 1
            if self.n_calls == self.position:
                sys.setprofile(None)
                raise KeyboardInterrupt

    def __enter__(self):
        sys.setprofile(self)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)


@both(8, alpha=0.1, activation="gaussian", length_scale=1.0, input_transform=None)
def test_a_fit_that_is_interrupted_leaves_the_fit_before(distributed_network, network):
    y = targets_of(network)
    rows, targets, others = cut(X, [40, 20]), cut(y, [40, 20]), cut(X[:, :2], [40, 20])
    fitted = clone(distributed_network).fit(rows, targets)
    before, n_calls = dict(vars(fitted)), []
    with dask.config.set(scheduler="synchronous"):
        for _ in range(2):  # a first run may fill caches
            with Interrupted() as counted:
                clone(fitted).fit(others, targets)
            n_calls.append(counted.n_calls)
        last = min(n_calls)
        for position in [1, last // 2, *range(last - 4, last + 1)]:
            with pytest.raises(KeyboardInterrupt), Interrupted(position):
                fitted.fit(others, targets)
            assert vars(fitted).keys() == before.keys(), position
            assert all(vars(fitted)[name] is before[name] for name in before), position


@both(8, alpha=0.1)
def test_what_is_wrong_is_said_before_or_with_the_partition(distributed_network, network):
    y = targets_of(network)
    frame = pd.DataFrame(X, columns=NAMES)
    rows, targets = dd.from_pandas(frame, npartitions=4), dd.from_pandas(pd.Series(y), npartitions=4)
    frame.loc[35, "b"] = np.nan
    with pytest.raises(ValueError, match="Partition 2: Input X contains NaN in column 'b'"):
        distributed_network.fit(dd.from_pandas(frame, npartitions=4), targets)
    with pytest.raises(NotFittedError):
        distributed_network.predict(rows)
    with pytest.raises(NotFittedError):
        distributed_network.to_local()
    distributed_network.fit(rows, targets)
    with pytest.raises(ValueError, match="feature names should match"):
        distributed_network.predict(rows[["a", "b"]])
    with pytest.raises(ValueError, match="X has 2 features, but Dask"):
        distributed_network.fit(cut(X, [60]), cut(y, [60])).transform(cut(X[:, :2], [60]))
    with pytest.raises(ValueError, match="Input X contains NaN in column '1'"):
        distributed_network.predict(cut(frame.to_numpy(), [60])).compute()
    odd = [dask.delayed(np.ones)((3, n)) for n in (3, 2)]
    odd = da.concatenate([da.from_delayed(piece, (3, 3), float) for piece in odd])
    with pytest.raises(ValueError, match="Partition 1: X has 2 columns here, and 3 in its declaration"):
        distributed_network.fit(odd, cut(y[:6], [3, 3]))


@both(8, alpha=0.1)
def test_there_have_to_be_rows_of_positive_weight_and_a_target_for_each(distributed_network, network):
    y, nothing = targets_of(network), cut(X[:0], [0, 0])
    with pytest.raises(ValueError, match="X has no rows in any of its 2 partitions"):
        distributed_network.fit(nothing, cut(y[:0], [0, 0]))
    with pytest.raises(ValueError, match="zero for every row"):
        distributed_network.fit(cut(X, [60]), cut(y, [60]), da.zeros(60))
    short = cut(y, [60])[cut(np.arange(60) > 2, [60])]
    with pytest.raises(ValueError, match="Partition 0: X has 60 rows here, and y has 57"):
        distributed_network.fit(cut(X, [60]), short)
    with pytest.raises(ValueError, match="negative"):
        distributed_network.fit(cut(X, [60]), cut(y, [60]), -da.ones(60))


@both(8)
def test_only_sums_are_distributed(distributed_network, network):
    for solver in ("dual", "cg"):
        with pytest.raises(InvalidParameterError, match="solver"):
            clone(distributed_network).set_params(solver=solver).fit(cut(X, [60]), cut(targets_of(network), [60]))
    assert not hasattr(distributed_network, "partial_fit")
    with pytest.raises(AttributeError, match=r"has no partial_fit; .* add rows in memory with to_local\(\)"):
        _ = distributed_network.partial_fit


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def blocks(n_blocks, n_rows, on_load=lambda i: None):
    """Rows that workers make when they need them, and their targets."""

    def load(i):
        on_load(i)
        return np.random.default_rng(i).normal(size=(n_rows, 4))

    pieces = [da.from_delayed(dask.delayed(load)(i), (n_rows, 4), float) for i in range(n_blocks)]
    rows = da.concatenate(pieces)
    return rows, np.sin(rows[:, 0]) + rows[:, 1], [load(i) for i in range(n_blocks)]


def test_sums_travel_and_neither_rows_nor_features_do(client, monkeypatch):
    monkeypatch.setattr(sknnk._data.inputs, "_QUANTILE_ROWS", 1000)
    monkeypatch.setattr(sknnk._kernel_learning.random_features, "_SEARCH_ROWS", 500)
    n_partitions, n_rows, n_columns = 12, 5000, 100 + 4
    rows, y, _ = blocks(n_partitions, n_rows)
    estimator = DaskBundledNetworkRegressor(100, alpha=1.0, activation="gaussian", random_state=0)

    def sent(dask_worker):
        return sum(each["total"] for each in dask_worker.transfer_outgoing_log)

    before = sum(client.run(sent).values())
    with get_task_stream(client) as stream:
        estimator.fit(rows, y)
    largest = max(task["nbytes"] for task in stream.data)
    moved = sum(client.run(sent).values()) - before
    sums, sample = 8 * n_columns * (n_columns + 1), 8 * 1500 * (4 + 2)
    assert estimator.n_samples_seen_ == n_partitions * n_rows
    # The rows of a partition have 160 kB, its features 4 MB; no task gave as much as either.
    assert sums < largest < 1.1 * sums < 8 * n_rows * 4 < 8 * n_rows * n_columns
    assert moved < n_partitions * (1.1 * sums + 10_000) + sample


IN_BLOCKS = {
    "feature_map": "kernel",
    "block_size": 100,
    "activation": "cauchy",
    "frequencies": "isotropic",
    "length_scale": 1.0,
    "alpha": 1e-3,
}


@pytest.mark.parametrize("options", [{"alpha": 0.1}, IN_BLOCKS], ids=["random", "kernel"])
def test_a_killed_worker_loses_nothing(client, tmp_path, options):
    def dies_once(i):
        if i != 9:
            return
        visits = len(os.listdir(tmp_path))
        (tmp_path / f"{visits}-{uuid4().hex}").write_text(str(os.getpid()))
        # To check it, for the sample, and now for sums or blocks: most of them are in this process.
        if visits == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    estimator = DaskBundledNetworkRegressor(16, random_state=0, **options)
    rows, y, _ = blocks(12, 50)
    sound = clone(estimator).fit(rows, y)
    mortal, y, _ = blocks(12, 50, on_load=lambda i: None if os.getpid() == here else dies_once(i))
    estimator.fit(mortal, y)
    assert len(os.listdir(tmp_path)) == 4
    (killed,) = tmp_path.glob("2-*")
    assert int(killed.read_text()) not in client.run(os.getpid).values()
    if options is IN_BLOCKS:
        new = np.random.default_rng(99).normal(size=(20, 4))
        np.testing.assert_allclose(estimator.to_local().predict(new), sound.to_local().predict(new), rtol=1e-9)
    else:
        assert_same_fit(estimator, sound)


here = os.getpid()


def test_a_grid_search_spreads_its_fits_over_the_workers(client):
    network = BundledNetworkRegressor(8, activation="gaussian", length_scale=1.0, random_state=0)
    search = GridSearchCV(network, {"alpha": [0.01, 1.0]}, cv=2)
    alone = clone(search).fit(X, NUMBERS)
    with joblib.parallel_config(backend="dask"):
        search.fit(X, NUMBERS)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], rtol=1e-8)
