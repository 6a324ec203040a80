import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from sknnk._networks.calibration import fit_temperature, held_out_scores, log_probabilities, probabilities

LOWEST, HIGHEST = np.exp([-5.0, 5.0])
quick = settings(deadline=None, max_examples=50)


def labels_drawn_from(scores, inverse_temperature, rng):
    """Class indices with exactly the probabilities that a softmax of the scaled scores gives them."""
    exponentials = np.exp(inverse_temperature * (np.hstack([-scores, scores]) if scores.shape[1] == 1 else scores))
    cumulated = np.cumsum(exponentials / exponentials.sum(axis=1, keepdims=True), axis=1)
    return (rng.random((len(scores), 1)) > cumulated).sum(axis=1)


@pytest.mark.parametrize("n_columns", [1, 3, 10])
@pytest.mark.parametrize("inverse_temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_made_the_labels_is_recovered(n_columns, inverse_temperature):
    rng = np.random.default_rng(n_columns)
    scores = rng.uniform(-1.0, 1.0, size=(20_000, n_columns))
    labels = labels_drawn_from(scores, inverse_temperature, rng)
    found = fit_temperature(scores, labels, np.ones(20_000))
    # Five standard errors from the information of the rows: the variance of the scores under their own probabilities.
    P = probabilities(scores, inverse_temperature)
    full = np.hstack([-scores, scores]) if n_columns == 1 else scores
    information = np.sum(P * full**2) - np.sum(np.sum(P * full, axis=1) ** 2)
    assert abs(found - inverse_temperature) < 5 / np.sqrt(information)


def test_two_classes_agree_with_logistic_regression_through_the_origin():
    rng = np.random.default_rng(0)
    scores, weights = rng.normal(size=(500, 1)), rng.uniform(0.1, 2.0, 500)
    labels = (rng.random(500) < expit(3.0 * scores[:, 0])).astype(int)
    reference = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(scores, labels, sample_weight=weights)
    # The margin between the two columns is twice the score.
    assert fit_temperature(scores, labels, weights) == pytest.approx(reference.coef_[0, 0] / 2.0, rel=1e-4)


@pytest.mark.parametrize("n_columns", [1, 4])
def test_no_other_temperature_has_a_lower_weighted_loss(n_columns):
    rng = np.random.default_rng(1)
    scores, weights = rng.normal(size=(200, n_columns)), rng.integers(0, 3, 200).astype(float)
    labels = labels_drawn_from(scores, 1.5, rng)
    found = fit_temperature(scores, labels, weights)

    def loss(beta):
        return log_loss(labels, probabilities(scores, beta), sample_weight=weights)

    assert all(loss(found) <= loss(beta) + 1e-12 for beta in np.geomspace(LOWEST, HIGHEST, 300))
    assert loss(found) < min(loss(0.8 * found), loss(found / 0.8))


def test_integer_weights_are_repeated_rows():
    rng = np.random.default_rng(2)
    scores, counts = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    labels = labels_drawn_from(scores, 1.0, rng)
    repeated = fit_temperature(scores.repeat(counts, axis=0), labels.repeat(counts), np.ones(counts.sum()))
    assert fit_temperature(scores, labels, counts.astype(float)) == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize(("sign", "bound"), [(1.0, HIGHEST), (-1.0, LOWEST)])
def test_scores_that_are_always_right_or_wrong_stop_at_the_bounds(sign, bound):
    labels = np.arange(40) % 2
    # Small scores: at a margin of one a hundredth of the bound already means certainty.
    scores = sign * 1e-3 * (2.0 * labels[:, None] - 1.0)
    found = fit_temperature(scores, labels, np.ones(40))
    assert LOWEST <= found <= HIGHEST and found == pytest.approx(bound, rel=1e-3)


@pytest.mark.parametrize("n_columns", [1, 2, 3, 5])
@pytest.mark.parametrize("n_samples", [1, 10, 400])
def test_one_row_assumed_mislabelled_leaves_the_doubt_of_the_rule_of_succession(n_columns, n_samples):
    n_classes = max(2, n_columns)
    labels = np.arange(n_samples) % n_classes
    scores = 2.0 * np.eye(n_classes)[labels] - 1.0
    found = fit_temperature(scores if n_columns > 1 else scores[:, 1:], labels, np.ones(n_samples), 1.0)
    P = probabilities(scores, found)[np.arange(n_samples), labels]
    assert np.allclose(P, (n_samples + 1) / (n_samples + 2), rtol=1e-4)


@given(
    n_samples=st.integers(1, 8),
    n_columns=st.integers(1, 4),
    exponent=st.integers(-150, 150),
    weight=st.sampled_from([0.0, 1e-150, 1.0, 1e150]),
)
@quick
def test_any_scores_give_a_temperature_within_bounds(n_samples, n_columns, exponent, weight):
    rng = np.random.default_rng(n_samples)
    scores = 10.0**exponent * rng.normal(size=(n_samples, n_columns))
    labels = rng.integers(0, max(2, n_columns), n_samples)
    found = fit_temperature(scores, labels, np.full(n_samples, weight))
    assert LOWEST <= found <= HIGHEST
    assert np.all(np.isfinite(probabilities(scores, found)))


@given(n_columns=st.integers(1, 5), beta=st.floats(LOWEST, HIGHEST), exponent=st.integers(-150, 150))
@quick
def test_probabilities_sum_to_one_and_keep_the_ranking(n_columns, beta, exponent):
    scores = 10.0**exponent * np.random.default_rng(n_columns).normal(size=(6, n_columns))
    P = probabilities(scores, beta)
    per_class = np.hstack([-scores, scores]) if n_columns == 1 else scores
    assert P.shape == per_class.shape and np.all(P >= 0.0)
    assert np.allclose(P.sum(axis=1), 1.0, rtol=1e-14)
    assert np.all(P[np.arange(6), per_class.argmax(axis=1)] == P.max(axis=1))


@given(n_columns=st.integers(1, 5), beta=st.floats(LOWEST, HIGHEST), exponent=st.integers(-150, 150))
@quick
def test_logarithms_are_those_of_the_probabilities_and_finite_where_these_round_to_zero(n_columns, beta, exponent):
    scores = 10.0**exponent * np.random.default_rng(n_columns).normal(size=(6, n_columns))
    logarithms, P = log_probabilities(scores, beta), probabilities(scores, beta)
    assert logarithms.shape == P.shape and np.all(np.isfinite(logarithms)) and np.all(logarithms <= 0.0)
    ordinary = P > 1e-300
    np.testing.assert_allclose(logarithms[ordinary], np.log(P[ordinary]), rtol=1e-9, atol=1e-12)
    # Odds are differences of scores, however far apart they are.
    per_class = np.hstack([-scores, scores]) if n_columns == 1 else scores
    expected = beta * (per_class - per_class.max(axis=1, keepdims=True))
    found = logarithms - logarithms.max(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_one_column_is_the_log_odds_of_the_second_class_halved():
    scores = np.linspace(-3.0, 3.0, 7)[:, None]
    assert np.allclose(probabilities(scores, 0.7)[:, 1], expit(2.0 * 0.7 * scores[:, 0]), rtol=1e-14)


def test_held_out_scores_are_exact_when_every_row_has_the_same_leverage():
    # Mean of all rows: every row has leverage 1 / n, and leaving one out is the mean of the others.
    targets = np.random.default_rng(3).normal(size=(7, 2))
    scores = np.broadcast_to(targets.mean(axis=0), targets.shape)
    others = (targets.sum(axis=0) - targets) / 6
    assert np.allclose(held_out_scores(scores, targets, np.full(2, 1 / 7)), others, rtol=1e-13)


def test_held_out_scores_of_a_fit_without_degrees_of_freedom_are_the_scores():
    targets, scores = np.random.default_rng(4).normal(size=(2, 5, 2))
    assert np.allclose(held_out_scores(scores, targets, np.zeros(2)), scores, rtol=1e-15)
    shares = np.array([0.0, 0.5])
    pushed = held_out_scores(scores, targets, shares) - targets
    assert np.allclose(pushed, (scores - targets) * [1.0, 2.0], rtol=1e-13)
