"""README, the front page and the quickstart: their code runs from top to bottom, and prints what they quote."""

import re
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```(?:\n\n```\n(.*?)^```)?", flags=re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


QUOTES = {"README.md": 1, "doc/index.md": 1, "doc/quickstart.md": 0}  # printed blocks that a page has


@pytest.mark.parametrize("page", QUOTES)
def test_the_code_of_a_page_runs_and_prints_what_it_quotes(page, capsys, monkeypatch):
    pytest.importorskip("pandas")
    matplotlib.use("agg")
    names, n_quoted = {}, 0
    for code, quoted in BLOCK.findall((ROOT / page).read_text("utf-8")):
        exec(compile(code, page, "exec"), names)
        printed = capsys.readouterr().out
        if quoted:
            assert NUMBER.sub("#", printed) == NUMBER.sub("#", quoted)
            # Platforms differ in the last digits.
            found, expected = ([float(each) for each in NUMBER.findall(text)] for text in (printed, quoted))
            assert found == pytest.approx(expected, rel=0.03)
            n_quoted += 1
    assert n_quoted == QUOTES[page]


def test_the_figure_of_the_front_page_is_that_of_its_code():
    (code, _), *_ = BLOCK.findall((ROOT / "doc/index.md").read_text("utf-8"))
    assert code in (ROOT / "examples/start/plot_first_fit.py").read_text("utf-8")
