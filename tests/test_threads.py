"""Threads that fit, refit, predict and pickle the same estimators see the old model or the new one, never a mixture."""

import pickle
import sys
import threading
import time

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from sknnk import BundledNetworkClassifier, BundledNetworkRegressor, BundledNetworkRegressorCV, URFSampler
from sknnk._cross_validation import search
from sknnk._networks import estimator

# Every thread has its turns in this time, or has longer where other processes keep the processor busy.
SECONDS, LONGEST, FEWEST = 0.5, 60.0, 4
KERNEL = {"activation": "gaussian", "length_scale": 1.5, "random_state": 0, "n_jobs": 1}
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
TABLES = [(X[:40], np.sin(X[:40, 0])), (X[20:], 100.0 + X[20:, 1]), (X[:30], X[:30, 2] ** 2)]
ROWS = X[:5]


def sampler_outputs(model):
    return model.transform(ROWS)


def regressor_outputs(model):
    return np.column_stack([*model.predict(ROWS, return_std=True), model.predict_interval(ROWS, 0.8)])


def classifier_outputs(model):
    # Codes of the labels, whose names differ from one fit to the next.
    labels = np.array([float(ord(label[0])) for label in model.predict(ROWS)])
    return np.column_stack([labels, model.predict_proba(ROWS).max(axis=1)])


def classes(i):
    return np.where(TABLES[i][1] > np.median(TABLES[i][1]), f"{'bdf'[i]}", f"{'ace'[i]}")


KINDS = {
    "random": (BundledNetworkRegressor(16, alpha=0.1, **KERNEL), regressor_outputs, lambda i: TABLES[i][1]),
    "exact": (
        BundledNetworkRegressor(alpha=0.1, feature_map="kernel", **KERNEL),
        regressor_outputs,
        lambda i: TABLES[i][1],
    ),
    "blocks": (
        BundledNetworkRegressor(20, block_size=50, alpha=0.1, feature_map="kernel", **KERNEL),
        regressor_outputs,
        lambda i: TABLES[i][1],
    ),
    "classifier": (BundledNetworkClassifier(16, alpha=0.1, **KERNEL), classifier_outputs, classes),
    "sampler": (URFSampler(n_components=8, random_state=0), sampler_outputs, lambda i: None),
}


def soak(kind):
    """Refit one estimator while other threads use it; return the number of reads, and what was wrong."""
    model, outputs, targets = KINDS[kind]
    model = type(model)(**model.get_params())
    expected = [outputs(type(model)(**model.get_params()).fit(TABLES[i][0], targets(i))) for i in range(len(TABLES))]
    model.fit(TABLES[0][0], targets(0))
    start, wrong, counts = time.monotonic(), [], [0, 0, 0, 0]

    def goes_on():
        return time.monotonic() - start < (SECONDS if min(counts) >= FEWEST else LONGEST)

    def refit():
        i = 0
        while goes_on():
            i = (i + 1) % len(TABLES)
            model.fit(TABLES[i][0], targets(i))
            counts[0] += 1

    def read(place, copy):
        while goes_on():
            found = [outputs(copy(model))] if place > 1 else single_reads(model, kind)
            known = expected if place > 1 else [each[:, :1] if each.ndim > 1 else each for each in expected]
            for each in found:
                if not any(np.array_equal(each.reshape(known[0].shape), one) for one in known):
                    wrong.append(each)
            counts[place] += 1

    threads = [threading.Thread(target=refit)]
    threads.append(threading.Thread(target=read, args=(1, None)))
    threads.append(threading.Thread(target=read, args=(2, lambda m: pickle.loads(pickle.dumps(m)))))
    threads.append(threading.Thread(target=read, args=(3, lambda m: pickle.loads(pickle.dumps(m, protocol=2)))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts, wrong


def single_reads(model, kind):
    """One call on the estimator that is being refitted, its first column."""
    if kind == "sampler":
        return [model.transform(ROWS)[:, :1]]
    if kind == "classifier":
        return [np.array([[float(ord(label[0]))] for label in model.predict(ROWS)])]
    return [model.predict(ROWS)[:, None]]


@pytest.fixture
def quick_switches():
    """Threads take turns a thousand times more often than usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.parametrize("kind", KINDS)
def test_readers_get_the_old_or_the_new_model_whole(kind, quick_switches):
    counts, wrong = soak(kind)
    assert min(counts) >= FEWEST
    assert not wrong


@pytest.fixture
def two_blas_threads():
    """BLAS with two threads, which no context of another package owns."""
    with threadpool_limits(limits=2, user_api="blas"):
        if not any(each["num_threads"] == 2 for each in threadpool_info() if each["user_api"] == "blas"):
            pytest.skip("no BLAS here lets others set its threads, as on a Mac")
        for library in ThreadpoolController().lib_controllers:
            getattr(library, "clear_controlling_thread", lambda: None)()
        yield


def test_blas_has_its_threads_back_afterwards(two_blas_threads):
    before = [(each["internal_api"], each["num_threads"]) for each in threadpool_info()]
    assert 2 in [number for _, number in before]
    fits = [
        threading.Thread(target=lambda: BundledNetworkRegressor(random_state=0, n_jobs=1).fit(*TABLES[0]).predict(X))
        for _ in range(4)
    ]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join()
    assert [(each["internal_api"], each["num_threads"]) for each in threadpool_info()] == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fit_that_is_given_one_thread_leaves_blas_no_more(n_jobs, two_blas_threads, monkeypatch):
    seen = []

    def watched(module, name):
        original = getattr(module, name)

        def watching(*args, **kwargs):
            seen.append(max(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"))
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, watching)

    watched(estimator, "fit_any_loss")
    watched(estimator, "extend_network")
    watched(search, "count_curves")
    rows, y = TABLES[0]
    BundledNetworkRegressor(8, n_jobs=n_jobs, random_state=0).fit(rows, y).partial_fit(rows, y)
    BundledNetworkRegressorCV(8, cv=2, n_jobs=n_jobs, random_state=0).fit(rows, y)
    assert seen == [n_jobs] * 3
