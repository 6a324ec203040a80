import numpy as np
import pytest

from sknnk._data.category_columns import FEW_VALUES, CategoryColumns, fit_category, folds_of_rows

RNG = np.random.default_rng(0)


def test_few_values_are_coordinates_and_a_missing_one_is_a_value():
    codes = np.array([0.0, 1.0, 2.0, np.nan, 0.0])
    columns, values = fit_category(3, "x", codes, None, None)
    np.testing.assert_array_equal(values, np.eye(4)[[0, 1, 2, 3, 0]])
    np.testing.assert_array_equal(columns(np.array([-1.0])), np.zeros((1, 4)))
    assert (columns.position, columns.n_columns) == (3, 4)


def test_two_values_are_one_column_and_an_unseen_one_lies_between_them():
    columns, values = fit_category(0, "x", np.array([0.0, 1.0, 1.0]), None, None)
    np.testing.assert_array_equal(values, [[0.0], [1.0], [1.0]])
    np.testing.assert_array_equal(columns(np.array([-1.0, 1.0])), [[0.5], [1.0]])
    assert columns.n_columns == 1


def test_rare_values_and_unseen_ones_share_a_coordinate():
    codes = np.repeat([0.0, 1.0, 2.0, 3.0], [400, 397, 2, 1])
    columns, values = fit_category(0, "x", codes, None, None)
    assert columns.n_columns == 3
    np.testing.assert_array_equal(values[[-1, -2]], columns(np.array([-1.0, 3.0])))


def many_valued(n_rows=600, n_values=200):
    codes = RNG.integers(n_values, size=n_rows).astype(float)
    Y = np.column_stack([np.sin(codes), codes % 2.0]) + 0.1 * RNG.normal(size=(n_rows, 2))
    return codes, Y


def test_many_values_are_statistics_of_every_target_counts_and_frequent_values():
    codes, Y = many_valued()
    codes[:60] = 7.0
    folds = folds_of_rows(codes[:, None], Y, np.random.default_rng(0))
    columns, values = fit_category(0, "x", codes, Y, folds)
    assert values.shape == (600, columns.n_columns) == (600, 4)
    new = columns(np.array([7.0, 8.0, -1.0]))
    np.testing.assert_allclose(np.expm1(new[:, 2]), [np.sum(codes == 7.0), np.sum(codes == 8.0), 0.0])
    np.testing.assert_array_equal(new[:, 3], [0.0, 1.0, 1.0])
    np.testing.assert_allclose(new[2, :2], Y.mean(axis=0))
    assert abs(new[1, 0] - np.sin(8.0)) < 0.2


def test_the_statistics_of_a_row_do_not_depend_on_its_own_target():
    codes, Y = many_valued()
    folds = folds_of_rows(codes[:, None], Y, np.random.default_rng(0))
    _, values = fit_category(0, "x", codes, Y, folds)
    changed = Y.copy()
    changed[folds == folds[0]] = 1e3
    _, other = fit_category(0, "x", codes, changed, folds)
    np.testing.assert_array_equal(values[folds == folds[0], 0], other[folds == folds[0], 0])


def test_many_values_need_targets():
    codes = np.arange(FEW_VALUES + 1.0)
    assert CategoryColumns.has_many_values(codes) and not CategoryColumns.has_many_values(codes[1:])
    with pytest.raises(ValueError, match=r"column 'city' of X has 41 different values.*set preprocessing='fold'"):
        fit_category(0, "city", codes, None, None)


def test_copies_of_a_row_share_a_fold_in_any_order_and_number():
    X, Y = np.array([[1.0, np.nan], [1.0, np.nan], [3.0, 0.0], [3.0, 0.0], [5.0, 1.0], [6.0, 1.0]]), np.eye(6)[:, :2]
    folds = folds_of_rows(X, Y, np.random.default_rng(0))
    assert set(folds) == set(range(5))
    order = np.array([5, 0, 0, 3, 2, 1, 4, 4])
    np.testing.assert_array_equal(folds_of_rows(X[order], Y[order], np.random.default_rng(0)), folds[order])


@pytest.mark.parametrize(
    ("n_values", "n_frequent", "rows_each", "expected"),
    # 12,000 rows afford 333 values, and 30,000 rows 133. One more column is that of the rare values.
    [(300, 0, 40, 300), (1000, 120, 30, 121), (1000, 150, 30, 0), (1000, 0, 30, 0), (1000, 0, 8, 0)],
)
def test_many_values_have_as_many_coordinates_as_distances_afford(n_values, n_frequent, rows_each, expected):
    codes = np.repeat(np.arange(n_values, dtype=float), rows_each)
    codes = np.append(codes, np.arange(n_frequent))
    columns, _ = fit_category(0, "x", codes, np.sin(codes)[:, None], np.arange(len(codes)) % 5)
    assert columns.n_columns == 2 + expected  # a statistic, and the count
