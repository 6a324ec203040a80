"""README and the quickstart: their code runs from top to bottom, and prints what they quote."""

import re
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```(?:\n\n```\n(.*?)^```)?", flags=re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


@pytest.mark.parametrize("page", ["README.md", "doc/quickstart.md"])
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
    assert n_quoted == (page == "README.md")
