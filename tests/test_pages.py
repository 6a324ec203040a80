"""README, the front page, the quickstart and the user guide: their code runs, and prints and draws what they show."""

import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "doc" / "guide" / "figures"
# A block of code, and what it prints. Pages write ``{code-block} python`` for code that needs what is not here.
BLOCK = re.compile(r"^```python\n(.*?)^```(?:\n\n```(?:text)?\n(.*?)^```)?", flags=re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
NEEDED = {"doc/guide/many_rows.md": "dask.array", "doc/guide/pytorch.md": "torch"}
HAS_A_TEST_OF_ITS_OWN = "deployment.md"
FIRST = [ROOT / name for name in ("README.md", "doc/index.md", "doc/quickstart.md")]
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in [*FIRST, *sorted((ROOT / "doc" / "guide").glob("*.md"))]
    if "```python" in path.read_text("utf-8") and path.name != HAS_A_TEST_OF_ITS_OWN
]


def without_numbers(text):
    """The words, as numbers of other digits move spaces."""
    return NUMBER.sub("#", text).split()


def brightness(path):
    """Means of squares of pixels, so that the shapes of letters count little."""
    pixels = plt.imread(path)[..., :3].mean(axis=2)
    height, width = (size // 8 * 8 for size in pixels.shape)
    return pixels[:height, :width].reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs_and_prints_and_draws_what_it_shows(page, capsys, monkeypatch, tmp_path):
    pytest.importorskip("pandas")
    pytest.importorskip(NEEDED.get(page, "pandas"), exc_type=ImportError)
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text("utf-8")
    names = {}
    for code, quoted in BLOCK.findall(text):
        exec(compile(code, page, "exec"), names)
        printed = capsys.readouterr().out
        if page == "README.md" and not quoted:
            continue
        assert without_numbers(printed) == without_numbers(quoted)
        # Platforms differ in the last digits.
        found, expected = ([float(each) for each in NUMBER.findall(text)] for text in (printed, quoted))
        assert found == pytest.approx(expected, rel=0.03, abs=0.011)
    plt.close("all")
    drawn = sorted(path.name for path in tmp_path.glob("*.png"))
    assert drawn == sorted(re.findall(r"figures/(\w+\.png)", text))
    for name in drawn:
        shown, now = brightness(FIGURES / name), brightness(name)
        assert shown.shape == now.shape
        assert np.abs(shown - now).mean() < 0.005, f"run the code of {page}, and copy {name} to doc/guide/figures"


def test_the_figure_of_the_front_page_is_that_of_its_code():
    (code, _), *_ = BLOCK.findall((ROOT / "doc/index.md").read_text("utf-8"))
    assert code in (ROOT / "examples/start/plot_first_fit.py").read_text("utf-8")
