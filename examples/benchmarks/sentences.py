"""Parts of ``glue.py`` and ``uptraining.py``: GLUE files, a BERT with frozen lower layers, batches, training, scores.

The layers below the first one that is trained are evaluated once, without dropout, and their outputs are kept. That is
exact: nothing in them changes, and nothing in them is random. Only the layers above may have dropout.
"""

import csv
import gzip
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import transformers
from sklearn.metrics import accuracy_score, matthews_corrcoef
from torch import nn

from sknnk.torch import trainable_parameters

SCORES = {"cola": matthews_corrcoef, "rte": accuracy_score, "sst2": accuracy_score}
POOL = 16  # so many batches are sorted by length together


@dataclass(eq=False)
class Rows:
    """Sentences as they enter the layers that are trained, and their labels, zero or one."""

    states: list[torch.Tensor]
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.states)

    def part(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows."""
        return Rows([self.states[i] for i in chosen], self.labels[torch.as_tensor(chosen)])

    def first(self, n: int | None) -> "Rows":
        """So many from the start; all for None."""
        return Rows(self.states[:n], self.labels[:n])


class SentenceClassifier(nn.Module):
    """The upper layers of a BERT, its pooler on the first token, and a new layer; the last two are called its head.

    The last layer gives the first token alone, as nothing reads the others: that saves most of its work.

    Parameters
    ----------
    model : transformers.BertModel
        Or one with the same names.
    n_layers : int
        How many layers from the top.
    """

    def __init__(self, model: nn.Module, n_layers: int):
        super().__init__()
        self.layers = nn.ModuleList(model.encoder.layer[len(model.encoder.layer) - n_layers :])
        self.pooler = nn.Sequential(model.pooler.dense, nn.Tanh())
        self.dropout = nn.Dropout(model.config.hidden_dropout_prob)
        self.classifier = nn.Linear(model.config.hidden_size, 2)

    def forward(self, states: torch.Tensor, mask: torch.Tensor, whole: bool = False) -> torch.Tensor:
        """Logits of padded hidden states; the mask is true for tokens. `whole` evaluates all of the last layer."""
        if whole:
            states = through(self.layers, states, mask)[:, 0]
        else:
            states = first_token(self.layers[-1], through(self.layers[:-1], states, mask), mask)
        return self.classifier(self.dropout(self.pooler(states)))


def through(layers: nn.ModuleList, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Hidden states behind some layers."""
    for layer in layers:
        states = layer(states, attention_mask=mask[:, None, None, :])
    return states


def first_token(layer: nn.Module, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The first of the hidden states behind a layer."""
    attention, first = layer.attention.self, states[:, :1]
    query, key, value = (
        part.unflatten(-1, (attention.num_attention_heads, -1)).transpose(1, 2)
        for part in (attention.query(first), attention.key(states), attention.value(states))
    )
    dropout = attention.dropout.p if attention.training else 0.0
    context = nn.functional.scaled_dot_product_attention(query, key, value, mask[:, None, None, :], dropout)
    return layer.feed_forward_chunk(layer.attention.output(context.transpose(1, 2).flatten(2), first))[:, 0]


def read(folder: Path, task: str, part: str) -> tuple[list[list[str]], np.ndarray]:
    """Sentences, or pairs of them, and labels of ``TASK_PART.tsv.gz``."""
    with gzip.open(folder / f"{task}_{part}.tsv.gz", "rt", encoding="utf8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    columns = [name for name in lines[0] if name != "label"]
    labels = np.array([int(line["label"] in ("1", "entailment")) for line in lines])
    return [[line[name] for name in columns] for line in lines], labels


def backbone(name: str, dropout: float) -> tuple[nn.Module, Callable]:
    """A pretrained BERT, frozen, and its tokenizer."""
    transformers.utils.logging.disable_progress_bar()
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    model = transformers.AutoModel.from_pretrained(name, attn_implementation="sdpa", dtype=torch.float32, **rates)
    return model.eval().requires_grad_(False), transformers.AutoTokenizer.from_pretrained(name)


@torch.no_grad()
def rows_of(
    sentences: list[list[str]], labels: np.ndarray, model: nn.Module, tokenizer: Callable, n_layers: int, longest: int
) -> Rows:
    """Outputs of the layers below the upper ones: what is computed once."""
    device = next(model.parameters()).device
    encoded = tokenizer(*map(list, zip(*sentences, strict=True)), truncation=True, max_length=longest)
    kinds = encoded.get("token_type_ids") or [[0] * len(ids) for ids in encoded["input_ids"]]
    below = model.encoder.layer[: len(model.encoder.layer) - n_layers]
    states: list[torch.Tensor] = [torch.empty(0)] * len(sentences)
    order = np.argsort([len(ids) for ids in encoded["input_ids"]], kind="stable")
    for batch in np.array_split(order, -(-len(order) // 64)):
        ids = nn.utils.rnn.pad_sequence([torch.tensor(encoded["input_ids"][i]) for i in batch], True)
        types = nn.utils.rnn.pad_sequence([torch.tensor(kinds[i]) for i in batch], True)
        lengths = torch.tensor([len(encoded["input_ids"][i]) for i in batch])
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).to(device)
        found = through(below, model.embeddings(ids.to(device), token_type_ids=types.to(device)), mask)
        for i, row, length in zip(batch, found, lengths, strict=True):
            states[i] = row[:length].clone()
    return Rows(states, torch.tensor(labels, device=device))


def batches(
    rows: Rows, size: int, generator: np.random.Generator | None = None
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Padded hidden states, mask and labels; rows of about one length are together, so that there is little padding."""
    lengths = np.array([len(state) for state in rows.states])
    order = np.arange(len(rows)) if generator is None else generator.permutation(len(rows))
    pools = [order] if generator is None else np.split(order, range(POOL * size, len(order), POOL * size))
    pools = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
    cut = [batch for pool in pools for batch in np.split(pool, range(size, len(pool), size))]
    for i in range(len(cut)) if generator is None else generator.permutation(len(cut)):
        states = nn.utils.rnn.pad_sequence([rows.states[j] for j in cut[i]], batch_first=True)
        short = torch.as_tensor(lengths[cut[i]], device=states.device)
        yield states, torch.arange(states.shape[1], device=states.device) < short[:, None], rows.labels[cut[i]]


def precision(device: str, bfloat16: bool) -> AbstractContextManager:
    """Products in bfloat16 if that is wanted; parameters stay in float32."""
    return torch.autocast(device, torch.bfloat16) if bfloat16 else nullcontext()


def train(model: nn.Module, rows: Rows, rate: float, seed: int, *, epochs: int, batch: int, bfloat16: bool) -> float:
    """AdamW with a warm-up of a tenth and a rate that falls to zero; the median milliseconds of a step."""
    generator, times = np.random.default_rng(seed), []
    n_steps = epochs * -(-len(rows) // batch)
    parameters = trainable_parameters(model)
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.01, fused=True)
    warm = -(-n_steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (n_steps - step) / max(1, n_steps - warm))
    )
    model.train()
    for _ in range(epochs):
        for states, mask, labels in batches(rows, batch, generator):
            start = perf_counter()
            with precision(states.device.type, bfloat16):
                logits = model(states, mask)
            loss = nn.functional.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            if states.device.type == "cuda":
                torch.cuda.synchronize()
            times.append(perf_counter() - start)
    model.eval()
    return 1e3 * float(np.median(times))


@torch.no_grad()
def score(model: nn.Module, rows: Rows, task: str, *, bfloat16: bool) -> float:
    """Matthews correlation or accuracy, in per cent."""
    model.eval()
    found, labels = [], []
    for states, mask, y in batches(rows, 128):
        with precision(states.device.type, bfloat16):
            found.append(model(states, mask).argmax(-1).cpu())
        labels.append(y.cpu())
    return 100.0 * float(SCORES[task](torch.cat(labels), torch.cat(found)))
