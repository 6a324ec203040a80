"""The how-to pages for developers: the lines that they show work in the library as it is."""

import re
from pathlib import Path

import numpy as np
import pytest

from sknnk import BundledNetworkRegressor, URFSampler
from sknnk._features import DIRECTIONS
from sknnk._kernels import EXTENDED_ACTIVATIONS, spectrum_of
from sknnk._ridge.solving import SOLVERS

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "doc" / "howto"


def blocks(page):
    """Python on a page."""
    return re.findall(r"^```python\n(.*?)^```", (PAGES / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def test_an_activation(monkeypatch):
    first, names, table, _ = blocks("activation.md")
    exec(first, {})
    assert '"mish"' in names
    function = eval(re.search(r'"mish": (lambda .*),\n', table)[1], {"np": np})
    monkeypatch.setitem(EXTENDED_ACTIVATIONS, "mish", function)
    assert spectrum_of("mish").max_error < 1e-12


def test_a_coupling_of_directions(monkeypatch):
    names = {"np": np, "Array": np.ndarray}
    exec(blocks("direction.md")[0], names)
    draw = names["circulant_directions"]
    wide, narrow = (draw(3, n, np.random.default_rng(0)) for n in (7, 5))
    np.testing.assert_array_equal(wide[:, :5], narrow)
    np.testing.assert_array_equal(wide[:, 1], np.roll(wide[:, 0], 1))
    assert draw(1, 0, np.random.default_rng(0)).shape == (1, 0)
    columns = draw(3, 30_000, np.random.default_rng(0))
    np.testing.assert_allclose(columns @ columns.T / 30_000, np.eye(3), atol=0.05)
    monkeypatch.setitem(DIRECTIONS, "circulant", draw)
    X = np.eye(3)
    sampler = URFSampler(n_components=2000, length_scale=1.0, random_state=0)
    sampler._parameter_constraints = {**URFSampler._parameter_constraints, "directions": [str]}
    columns = sampler.set_params(directions="circulant").fit_transform(X)
    np.testing.assert_allclose(columns @ columns.T, np.exp(-(1.0 - np.eye(3))), atol=0.1)


def test_a_solver(monkeypatch):
    code, line, claim = blocks("solver.md")
    assert "BySingularValues" in code and '"svd, several"' in line
    names = {"__package__": "sknnk._ridge.solvers"}
    exec(code, names)
    monkeypatch.setitem(SOLVERS, "svd", names["BySingularValues"]())
    allowed = {**BundledNetworkRegressor._parameter_constraints, "solver": [str]}
    monkeypatch.setattr(BundledNetworkRegressor, "_parameter_constraints", allowed)
    tests = {}
    exec(claim, tests)
    tests["test_a_network_is_that_of_the_other_solvers"]()


@pytest.mark.parametrize("page", sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("doc/**/*.md")))
def test_every_test_that_a_page_names_exists(page):
    named = set(re.findall(r"`(test_\w+)`", (ROOT / page).read_text("utf-8")))
    if named:
        written = "".join(path.read_text("utf-8") for path in ROOT.glob("tests/**/*.py"))
        assert not {name for name in named if f"def {name}(" not in written}
