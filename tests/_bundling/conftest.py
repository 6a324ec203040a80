"""Bundles are made with a smaller search."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def every_search_is_small(small_search):
    """What is tested here does not depend on how long the search takes."""
