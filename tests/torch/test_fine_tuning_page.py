"""The page on fine-tuning: its code runs, from top to bottom, on a small model in place of the one it downloads."""

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
transformers = pytest.importorskip("transformers")

PAGE = Path(__file__).parents[2] / "doc" / "fine_tuning.md"
NAME = "sentence-transformers/all-MiniLM-L6-v2"


def small_model(folder, words):
    """A BERT of two layers without dropout, and a tokenizer that knows the words, in a folder."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?", *words]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", "utf-8", newline="\n")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    # Wide weights, since nothing was pretrained that would tell one word from another.
    random = {"initializer_range": 0.2, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=len(tokens), **sizes, **random)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)


def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 6 and blocks[1].count(NAME) == 1
    small_model(tmp_path, sorted(set(re.findall(r"[a-z]+", blocks[0].lower()))))
    names = {}
    exec(compile("".join(blocks).replace(NAME, tmp_path.as_posix()), str(PAGE), "exec"), names)
    texts, targets = zip(*names["training"], strict=True)
    assert names["predict"](names["model"], texts) == list(targets)
    tokens = names["tokenizer"](list(texts), padding=True, return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(names["model"](**tokens).logits, names["fresh"](**tokens).logits)
    assert capsys.readouterr().out.endswith("True\n")
