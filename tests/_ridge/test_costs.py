"""What the costs of solvers are made of."""

import pytest

from sknnk._ridge.costs import SKETCH_ROWS, Shape, evaluation, sampled_rows


def test_the_sample_has_all_of_few_rows_and_a_share_of_many():
    assert sampled_rows(1000) == 1000 and sampled_rows(3000) == SKETCH_ROWS == 2000
    assert SKETCH_ROWS < sampled_rows(10**5) < sampled_rows(10**9) == 12_000


def test_weights_are_counted_from_layer_to_layer():
    assert Shape(1, 30, 10).n_weights == 0.5 * 10 * 30
    assert Shape(1, 40, 10, n_linked=10).n_weights == 0.5 * 10 * 30
    assert Shape(1, 40, 10, hidden=(20, 8), n_linked=10).n_weights == 0.5 * (10 * 20 + 20 * 8 + 8 * 30)


def test_features_cost_the_same_for_every_row_and_column():
    assert evaluation(Shape(20, 30, 4)) == pytest.approx(6.0 * evaluation(Shape(10, 10, 4)))
