"""Rows before anything is learned from them: raw tables, weights, distinct rows, input transforms.

Raw rows come in, transformed rows come out. A new transform of the input columns goes here.
"""

from .dataset import Dataset
from .frames import refuse_text, text_named
from .inputs import (
    dense_inputs,
    fitted_input_map,
    fitted_input_maps,
    quantile_rows,
    sampled_rows,
    transform_inputs,
)
from .quantiles import QuantileMap, fit_quantile_map
from .refusals import nonfinite_placed, refuse_no_table, refuse_targets
from .row_left_out import images_without_row
from .rows import (
    SEARCH_ROWS,
    binary_magnitude,
    distinct_rows,
    is_valid_already,
    multiplicities,
    places_of_equals,
    unit_rows,
    weighted_rows,
    with_a_say,
)
from .table_encoder import TableEncoder, fit_table_encoder
from .table_reader import TableReader
from .tensor_inputs import TensorInputs
from .weight_units import in_weight_unit, unit_of_counts

__all__ = [
    "SEARCH_ROWS",
    "Dataset",
    "QuantileMap",
    "TableEncoder",
    "TableReader",
    "TensorInputs",
    "binary_magnitude",
    "dense_inputs",
    "distinct_rows",
    "fit_quantile_map",
    "fit_table_encoder",
    "fitted_input_map",
    "fitted_input_maps",
    "images_without_row",
    "in_weight_unit",
    "is_valid_already",
    "multiplicities",
    "nonfinite_placed",
    "places_of_equals",
    "quantile_rows",
    "refuse_no_table",
    "refuse_targets",
    "refuse_text",
    "sampled_rows",
    "text_named",
    "transform_inputs",
    "unit_of_counts",
    "unit_rows",
    "weighted_rows",
    "with_a_say",
]
