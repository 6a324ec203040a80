import ast
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.utils.validation import validate_data

import sknnk
from sknnk._integration.drafts import draft_of


def test_what_is_written_on_a_draft_does_not_reach_the_estimator():
    ridge = Ridge(alpha=3.0)
    draft = draft_of(ridge)
    validate_data(draft, np.zeros((4, 2)))
    assert draft.n_features_in_ == 2 and draft.alpha == 3.0 and type(draft) is Ridge
    assert vars(ridge) == vars(Ridge(alpha=3.0))


def test_a_draft_shares_the_values_and_not_the_dictionary():
    ridge = Ridge().fit(np.eye(3), np.arange(3.0))
    draft = draft_of(ridge)
    assert draft.coef_ is ridge.coef_ and vars(draft) is not vars(ridge)


def test_one_function_replaces_the_attributes_of_estimators():
    package = Path(sknnk.__file__).parent
    assigned = [
        path.name
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and any(getattr(target, "attr", None) == "__dict__" for target in node.targets)
    ]
    assert assigned == ["drafts.py"]
