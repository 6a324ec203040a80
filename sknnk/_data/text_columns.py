"""Warnings of text that a network reads as categories, and whose values will hardly come again."""

import re
import warnings
from collections.abc import Iterable
from typing import Any

from .category_columns import FEW_VALUES
from .frames import is_text

_DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4}))([ T]\d.*)?")
# Share of the values that must be numbers; others may be words for missing ones.
_NUMBERS = 0.9
# Different texts for each row with a text, from which on they name rows.
_DIFFERENT = 0.9
_LOOKED_AT = 1000


def warn_of_texts(name: Any, values: Iterable[Any]) -> None:
    """Warn of a column of text that holds dates, numbers, or names of rows.

    Parameters
    ----------
    name : object
        Of the column.
    values : iterable
        What it holds; only text is looked at.

    Warns
    -----
    UserWarning
        If there are too many values for one coordinate each. It says what to do.

    Examples
    --------
    >>> warn_of_texts("city", ["Bonn", "Oslo"] * 100)
    """
    texts = [value for value in values if isinstance(value, str)]
    different = list(dict.fromkeys(texts))
    if len(different) <= FEW_VALUES:
        return
    some, example = different[:_LOOKED_AT], different[0]
    each = f"and each of the {len(different)} different ones is a category"
    if all(_DATE.fullmatch(text.strip()) for text in some):
        remedy = f"make dates of them, by pandas.to_datetime(X[{name!r}]), and columns of numbers of these"
        warnings.warn(f"Column {name!r} of X holds dates as text, such as {example!r}, {each}; {remedy}.", stacklevel=2)
    elif _are_measurements([text for text in some if not is_text(text)], len(some)):
        remedy = f"make numbers of them, by pandas.to_numeric(X[{name!r}], errors='coerce')"
        warnings.warn(
            f"Column {name!r} of X holds numbers as text, such as {example!r}, {each}; {remedy}.", stacklevel=2
        )
    elif len(different) > _DIFFERENT * len(texts):
        warnings.warn(
            f"Column {name!r} of X holds {len(different)} different texts in {len(texts)} rows, such as "
            f"{example[:30]!r}, and new rows will hardly hold them again; drop names of rows, and make numbers of "
            "sentences, by TfidfVectorizer and TruncatedSVD.",
            stacklevel=2,
        )


def _are_measurements(numbers: list[str], n_texts: int) -> bool:
    """Whether most texts are numbers, and some have decimals: whole ones may be codes, such as those of the post."""
    return len(numbers) >= _NUMBERS * n_texts and any("." in number for number in numbers)
