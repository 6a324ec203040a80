import numpy as np
import pytest
from sklearn.metrics import get_scorer, make_scorer, mean_squared_error, r2_score

from sknnk._cross_validation.scorers import Scoring
from sknnk._ridge.paths.squared_errors import squared_errors_of_predictions

RNG = np.random.default_rng(0)
Y, PREDICTIONS = RNG.normal(size=(30, 2)), RNG.normal(size=(30, 3, 2))


def scoring(*names, shared=True):
    scorers = {str(i): get_scorer(name) for i, name in enumerate(names)}
    return Scoring(scorers, lambda *args: 0.0, {}, shared, scorers)


@pytest.mark.parametrize("name", ["r2", "neg_mean_squared_error", "neg_root_mean_squared_error"])
def test_scores_with_a_closed_form_are_those_of_scikit_learn(name):
    form = scoring(name).closed_forms()["0"]
    scorer = get_scorer(name)
    by_hand = [scorer._sign * scorer._score_func(Y, PREDICTIONS[:, a]) for a in range(3)]
    np.testing.assert_allclose(form(squared_errors_of_predictions(Y, PREDICTIONS, np.ones(30))), by_hand)


@pytest.mark.parametrize(
    "scorer",
    [
        "neg_mean_absolute_error",
        make_scorer(r2_score, multioutput="variance_weighted"),
        make_scorer(mean_squared_error, response_method="predict_proba"),
        lambda estimator, X, y: 0.0,
    ],
)
def test_anything_else_has_none(scorer):
    assert scoring(scorer).closed_forms() is None
    assert scoring("r2", scorer).closed_forms() is None


def test_there_is_no_closed_form_for_scores_with_weights_of_their_own():
    assert scoring("r2", "neg_mean_squared_error").closed_forms().keys() == {"0", "1"}
    assert scoring("r2", shared=False).closed_forms() is None


@pytest.mark.parametrize(
    ("names", "needed"),
    [
        (["accuracy"], False),
        (["accuracy", "roc_auc"], False),
        (["accuracy", "neg_log_loss"], True),
        (["roc_auc_ovr"], True),
        ([lambda estimator, X, y: 0.0], True),
    ],
)
def test_probabilities_are_calibrated_where_a_scorer_may_ask_for_them(names, needed):
    assert scoring(*names).needs_probabilities() == needed
