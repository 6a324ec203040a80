from functools import partial

import numpy as np
import pytest
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold

from sknnk import BundledNetworkRegressor
from sknnk._cross_validation import curves as count_curves_module
from sknnk._cross_validation.candidates import SearchPlan
from sknnk._cross_validation.curves import SearchedRows, count_curves
from sknnk._cross_validation.scorers import Labelled, Scoring
from sknnk._cross_validation.splits import MomentSets, RowSets
from sknnk._integration import Execution
from sknnk._networks import NumericTargets
from sknnk._ridge.paths.fold_moments import partitions

RNG = np.random.default_rng(0)
N = 200
X = RNG.normal(size=(N, 3))
Y = np.sin(X[:, :1]) + 0.1 * RNG.normal(size=(N, 1))
COUNTS, ALPHAS = (4, 16), np.array([1.0, 0.01])


def task(cv=4, weight=None, shared=True):
    weight = np.ones(N) if weight is None else weight
    splits = list(KFold(cv).split(X))
    return SearchedRows(X, Y, weight, lambda train: weight, shared, Labelled(X, Y[:, 0]), splits)


def plan(**options):
    kernel = {"activation": "gaussian", "directions": "orthogonal", "frequencies": "isotropic", "length_scale": "scale"}
    network = BundledNetworkRegressor(max(COUNTS), alpha=1.0, random_state=0, **{**kernel, **options})
    return SearchPlan(network, NumericTargets(1, True), {"n_features_in_": 3}, Execution())


def curves(preprocessing="once", scorer="r2", return_train_score=True, **options):
    scorer = get_scorer(scorer)
    scoring = Scoring({"score": scorer}, scorer, {}, True, scorer)
    return count_curves(plan(), task(**options), scoring, COUNTS, ALPHAS, preprocessing, return_train_score)


def test_scores_from_moments_from_held_rows_and_by_candidates_are_the_same(monkeypatch):
    from_moments = curves()
    monkeypatch.setattr(count_curves_module, "_HELD_ROWS", 1e9)
    from_rows = curves()
    monkeypatch.setattr(Scoring, "closed_forms", lambda self: None)
    by_candidates = curves()
    monkeypatch.setattr(count_curves_module, "_HELD_ROWS", 0.0)
    for other in (from_rows, by_candidates, curves()):
        for side in ("test", "train"):
            np.testing.assert_allclose(getattr(other, side)["score"], getattr(from_moments, side)["score"], atol=1e-6)


def test_splits_that_are_taken_a_few_at_a_time_have_the_same_scores(monkeypatch):
    expected = curves(cv=20).test["score"]
    few = partial(partitions, max_atoms=3)
    monkeypatch.setattr(count_curves_module, "partitions", lambda n_samples, splits, max_atoms: few(n_samples, splits))
    runs = []

    class Counted(MomentSets):
        def __init__(self, *args):
            runs.append(len(args[3]))
            super().__init__(*args)

    monkeypatch.setattr(count_curves_module, "MomentSets", Counted)
    np.testing.assert_allclose(curves(cv=20).test["score"], expected, atol=1e-6)
    assert len(runs) > 5 and sum(runs) == 20


@pytest.mark.parametrize("preprocessing", ["once", "fold"])
@pytest.mark.parametrize("shared", [True, False])
def test_only_one_preparation_with_one_set_of_weights_can_be_continued(preprocessing, shared):
    found = curves(preprocessing, shared=shared)
    assert (found.whole is not None) == (preprocessing == "once" and shared)
    assert found.test["score"].shape == (2, 2, 4)


def test_preparation_by_fold_sees_training_rows_alone(monkeypatch):
    seen, prepared = [], SearchPlan.prepared

    def watched(plan, data):
        seen.append(data)
        return prepared(plan, data)

    monkeypatch.setattr(SearchPlan, "prepared", watched)
    curves("fold")
    for data, (train, _) in zip(seen, task().splits, strict=True):
        np.testing.assert_array_equal(data.X, X[train])
        np.testing.assert_array_equal(data.Y, Y[train])
    seen.clear()
    curves("once")
    assert [len(data) for data in seen] == [N]


def test_training_scores_are_there_when_asked_for():
    assert curves(return_train_score=False).train == {}
    both = curves()
    assert both.train["score"].mean() > both.test["score"].mean()


def test_few_rows_are_held_and_many_are_not(monkeypatch):
    used = []
    for kind in (RowSets, MomentSets):

        def watched(*args, kind=kind):
            used.append(kind.__name__)
            return kind(*args)

        monkeypatch.setattr(count_curves_module, kind.__name__, watched)
    curves()
    monkeypatch.setattr(count_curves_module, "_HELD_ROWS", N / 19)
    curves()
    assert used == ["MomentSets", "RowSets"]
