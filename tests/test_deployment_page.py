"""The page on deployment: its code runs, from top to bottom, and its claims hold."""

import re
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")
pytest.importorskip("skops")

PAGE = Path(__file__).parents[1] / "doc" / "guide" / "deployment.md"


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    exec(compile("".join(blocks), str(PAGE), "exec"), {})
    written = (tmp_path / "README.md").read_text()
    for words in ("effective degrees of freedom", "accuracy_on_the_training_rows", "random_state"):
        assert words in written
