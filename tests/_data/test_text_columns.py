"""Text that would be useless as categories is warned of, with what to do."""

import warnings

import numpy as np
import pytest

from sknnk._data import TableReader
from sknnk._data.text_columns import warn_of_texts

COUNT = range(50)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            [f"2026-01-{i % 28 + 1:02d} {i}:00" for i in COUNT] * 3,
            "dates as text, such as '2026-01-01 0:00',.*to_date",
        ),
        ([f"{i % 28 + 1}.{i % 12 + 1}.{26 + i}" for i in COUNT], "the 50 different ones is a category; make dates"),
        (["unknown", *[f"{i}.5" for i in COUNT]] * 2, r"numbers as text, .*to_numeric\(X\['c'\], errors='coerce'\)"),
        ([f"person {i}" for i in COUNT] + [None], "50 different texts in 50 rows, such as 'person 0', .* drop names"),
    ],
)
def test_dates_numbers_and_names_of_rows_are_told_apart(values, words):
    with pytest.warns(UserWarning, match=f"Column 'c' of X holds .*{words}"):
        warn_of_texts("c", values)


@pytest.mark.parametrize(
    "values",
    [
        [f"2026-01-{i + 1:02d}" for i in range(28)] * 3,
        [f"code {i}" for i in COUNT] * 2,
        [f"0{i}" for i in COUNT] * 2,
        [f"{i} Main Street" for i in COUNT] * 2,
        [None, np.nan] * 50,
    ],
)
def test_few_values_and_values_that_come_again_are_categories_like_others(values):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_texts("c", values)


def test_a_table_warns_where_the_user_did_not_name_the_column():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"name": [f"person {i}" for i in COUNT], "n": np.arange(50.0)})
    with pytest.warns(UserWarning, match="Column 'name' of X"):
        TableReader.of(frame, "from_dtype")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableReader.of(frame, ["name"])
