import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sknnk._cross_validation.results import search_results, simplest_within_one_standard_error

X, Y = load_diabetes(return_X_y=True)


def rebuilt(expected, n_splits, names):
    """What search_results makes of the raw scores of GridSearchCV."""

    def scores(prefix, name):
        return np.column_stack([expected[f"split{i}_{prefix}_{name}"] for i in range(n_splits)])

    test, train = ({name: scores(prefix, name) for name in names} for prefix in ("test", "train"))
    times = {name: np.zeros((len(expected["params"]), n_splits)) for name in ("fit_time", "score_time")}
    return search_results(expected["params"], times, test, train)


@pytest.mark.parametrize("scoring", ["r2", ["r2", "neg_mean_absolute_error"]])
@pytest.mark.parametrize(
    "grid", [{"alpha": [1.0, 0.1, 0.1]}, {"alpha": [1, 2], "solver": ["auto", "svd"], "max_iter": [None, 50]}]
)
def test_results_have_the_keys_values_and_types_of_grid_search(scoring, grid):
    search = GridSearchCV(Ridge(), grid, scoring=scoring, refit=False, cv=3, return_train_score=True).fit(X, Y)
    expected = search.cv_results_
    names = ["score"] if isinstance(scoring, str) else scoring
    results = rebuilt(expected, 3, names)
    assert list(results) == list(expected)
    for key, values in expected.items():
        if key.endswith("time"):
            continue
        if isinstance(values, np.ndarray):
            assert results[key].dtype == values.dtype, key
            assert type(results[key]) is type(values), key
        if key.startswith(("mean", "std", "split")):
            np.testing.assert_allclose(results[key], values, rtol=1e-12)
        else:
            assert list(results[key]) == list(values), key


def test_scores_that_are_no_numbers_come_last():
    results = search_results([{"alpha": a} for a in range(3)], {}, {"score": np.array([[np.nan], [1.0], [2.0]])}, {})
    assert results["rank_test_score"].tolist() == [3, 2, 1]
    results = search_results([{"alpha": a} for a in range(2)], {}, {"score": np.full((2, 1), np.nan)}, {})
    assert results["rank_test_score"].tolist() == [1, 1]
    assert simplest_within_one_standard_error({**results, "param_n_components": [4, 2]}) == 0


def choose(means, deviations, sizes, alphas, n_splits=4):
    splits = {f"split{i}_test_score": np.zeros(len(means)) for i in range(n_splits)}
    scores = {"mean_test_score": np.array(means), "std_test_score": np.array(deviations)}
    return simplest_within_one_standard_error({**splits, **scores, "param_n_components": sizes, "param_alpha": alphas})


def test_one_standard_error_takes_the_smallest_network_that_is_not_much_worse():
    # The standard error of the best is 0.2 / 2.
    assert choose([0.79, 0.81, 0.9], [1.0, 1.0, 0.2], [64, 128, 256], [1.0, 1.0, 1.0]) == 1
    assert choose([0.81, 0.81, 0.9], [0.0, 0.0, 0.2], [64, 128, 256], [1.0, 1.0, 1.0]) == 0
    assert choose([0.81, 0.81, 0.9], [0.0, 0.0, 0.0], [64, 128, 256], [1.0, 1.0, 1.0]) == 2


def test_of_equal_sizes_the_largest_penalty_is_the_simplest_and_then_the_score_decides():
    assert choose([0.9, 0.85, 0.84], [0.2] * 3, [64, 64, 64], [0.1, 10.0, 1.0]) == 1
    assert choose([0.9, 0.85, 0.86], [0.2] * 3, [64, 64, 64], [0.1, 10.0, 10.0]) == 2
