"""
Adapters: one Transformer, a second task
========================================

A Transformer was trained for one task, and should do a second task without a second copy of all its weights.
:func:`sknnk.torch.add_adapters` freezes the Transformer and puts small corrections into it. Each correction has random
features, which are not trained, and a small matrix, which is trained. How many parameters does the second task need,
and how accurate is it?
"""

# %%
# A small Transformer reads handwritten digits as 16 patches of two by two pixels, and learns to distinguish 0 to 4.

import copy
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sknnk.torch import add_adapters, load_adapters, save_adapters, trainable_parameters

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
patches = images.reshape(-1, 4, 2, 4, 2).transpose(0, 1, 3, 2, 4).reshape(-1, 16, 4)
patches = torch.tensor(patches / 8.0 - 1.0, dtype=torch.float32)


class PatchTransformer(nn.Module):
    """Patches, positions, three layers, the mean over patches, and a head."""

    def __init__(self, dim=48):
        super().__init__()
        self.embedding, self.position = nn.Linear(4, dim), nn.Parameter(0.1 * torch.randn(16, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 4 * dim, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Linear(dim, 5)

    def forward(self, x):
        return self.head(self.encoder(self.embedding(x) + self.position).mean(dim=1))


def task(digits):
    """Training and test rows of some of the digits."""
    rows = np.flatnonzero(np.isin(labels, digits))
    targets = torch.tensor(labels[rows] - min(digits))
    return train_test_split(patches[rows], targets, test_size=0.4, stratify=targets, random_state=0)


def accuracy(model, x, y):
    with torch.no_grad():
        return float((model(x).argmax(dim=-1) == y).double().mean())


def train(model, rows, rate, n_epochs):
    """Train what is trainable, and give the test accuracy after each epoch."""
    x, x_test, y, y_test = rows
    optimizer = torch.optim.AdamW(trainable_parameters(model), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=n_epochs * -(-len(y) // 64))
    curve = [accuracy(model, x_test, y_test)]
    for _ in range(n_epochs):
        for batch in torch.randperm(len(y)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()
        curve.append(accuracy(model, x_test, y_test))
    return curve


backbone = PatchTransformer()
print(f"digits 0 to 4: test accuracy {train(backbone, task(range(5)), 3e-3, 20)[-1]:.3f}")

# %%
# The second task is to distinguish 5 to 9. Adapters follow the layer normalizations. With 64 random features and rank
# 4, each has 448 parameters. The sine and the ReLU adapters have different features, which are not trained.

adapters = {"n_components": 64, "form": "low_rank", "rank": 4, "trainable": ["head"], "random_state": 0}
ways = {"full fine-tuning": 1e-3, "SNNK adapters, sine": 2e-2, "SNNK adapters, ReLU": 2e-2, "head only": 2e-2}
results = {}
for way, rate in ways.items():
    torch.manual_seed(1)
    model = copy.deepcopy(backbone)
    model.head = nn.Linear(48, 5)
    if way == "head only":
        model.requires_grad_(False).head.requires_grad_(True)
    elif way != "full fine-tuning":
        add_adapters(model, ["norm1", "norm2"], activation="sin" if "sine" in way else "relu", **adapters)
    n_parameters = sum(parameter.numel() for parameter in trainable_parameters(model))
    results[way] = model, n_parameters, train(model, task(range(5, 10)), rate, 20)
    print(f"{way}: {n_parameters} parameters trained, test accuracy {results[way][2][-1]:.3f}")

# %%
# One file for each task holds the adapters and the head. With this file any copy of the first model can do the second
# task.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "five_to_nine.safetensors"
    save_adapters(results["SNNK adapters, sine"][0], path)
    whole = sum(parameter.numel() for parameter in backbone.parameters()) * 4
    print(f"adapters {path.stat().st_size / 1000:.0f} kB, model {whole / 1000:.0f} kB")
    loaded = load_adapters(copy.deepcopy(backbone), path)
print(torch.equal(loaded(patches), results["SNNK adapters, sine"][0](patches)))

# %%
# With 3 per cent of the parameters, the adapters are within a few points of full fine-tuning. Training only the head is
# much worse. This is only one split; the benchmark ``adapters.py`` compares with LoRA and bottlenecks over five seeds.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for i, (way, (_, n_parameters, curve)) in enumerate(results.items()):
    left.plot(100.0 * np.array(curve), color=f"C{i}", label=way)
    right.plot(n_parameters, 100.0 * curve[-1], "osDv"[i], color=f"C{i}", markersize=8)
    # The two kinds of adapters have as many parameters: one label goes below its marker, the other above.
    offset, align = ((0, -7), "top") if "sine" in way else ((0, 7), "bottom")
    where = {"xytext": offset, "textcoords": "offset points", "ha": "center", "va": align}
    right.annotate(way, (n_parameters, 100.0 * curve[-1]), fontsize=8, **where)
right.margins(x=0.25)
left.set(title="Learning to distinguish 5 to 9", xlabel="epoch", xticks=range(0, 21, 5))
left.set(ylabel="test accuracy, per cent", ylim=(20.0, 100.0))
left.legend(loc="lower right")
right.set(xscale="log", xlabel="trained parameters", title="What it takes", ylim=left.get_ylim())
right.grid(alpha=0.3)
plt.show()
