"""A smaller search for the kernel of a bundle: what is tested here does not depend on how long the search takes."""

import pytest

from sknnk._bundling import kernel_choice
from sknnk._kernel_learning import successive_halving


@pytest.fixture(scope="module", autouse=True)
def small_search():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(successive_halving, "_ROUNDS", ((100, 64, None), (300, 192, 3)))
        patch.setattr(kernel_choice, "_SEARCH_ROWS", 600)
        patch.setattr(kernel_choice, "_FINAL_COMPONENTS", 256)
        patch.setattr(kernel_choice, "_N_FOLDS", 3)
        yield
