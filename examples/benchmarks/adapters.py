"""Claim: SNNK adapters fine-tune a Transformer as well as Houlsby's with a fifth of their parameters, or LoRA's.

A small Vision Transformer is trained on the handwritten digits 0 to 4, then fine-tuned to tell 5 to 9 apart, in several
ways. Every way trains a new head as well, whose parameters are not counted. Learning rates are chosen on validation
rows, from one grid for all; the table has accuracies on test rows, mean and standard error over the seeds.

    python adapters.py                      the table, a few minutes on one core
    python adapters.py --figure FILE        and the figure
"""

import argparse
import copy
import warnings

import numpy as np
import peft
import torch
import transformers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sknnk.torch import add_adapters, trainable_parameters

DIM, N_LAYERS = 64, 4
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
PLACES = ["attention.o_proj", "mlp.fc2"]
SIZES = {"SNNK ReLU": (2, 4, 8, 16), "SNNK sine": (2, 4, 8, 16), "LoRA": (1, 2, 4, 8), "Houlsby": (2, 8, 24)}


def vision_transformer(seed):
    """Four layers of width 64 on patches of two by two pixels."""
    torch.manual_seed(seed)
    return transformers.ViTForImageClassification(
        transformers.ViTConfig(
            image_size=8,
            patch_size=2,
            num_channels=1,
            hidden_size=DIM,
            num_hidden_layers=N_LAYERS,
            num_attention_heads=4,
            intermediate_size=4 * DIM,
            num_labels=5,
        )
    )


def digits(labels, seed):
    """Images and labels from zero: training, validation and test rows."""
    images, y = load_digits(return_X_y=True)
    rows = np.isin(y, labels)
    images, y = images[rows].reshape(-1, 1, 8, 8) / 8.0 - 1.0, y[rows] - min(labels)
    rest = train_test_split(images, y, test_size=0.4, stratify=y, random_state=seed)
    validation = train_test_split(rest[0], rest[2], test_size=0.25, stratify=rest[2], random_state=seed)
    return [
        (torch.tensor(a, dtype=torch.float32), torch.tensor(b))
        for a, b in [(validation[0], validation[2]), (validation[1], validation[3]), (rest[1], rest[3])]
    ]


def shifted(images, generator):
    """Each image moved by up to one pixel."""
    padded = nn.functional.pad(images, (1, 1, 1, 1), value=-1.0)
    moves = torch.randint(3, (len(images), 2), generator=generator).tolist()
    return torch.stack([image[:, i : i + 8, j : j + 8] for image, (i, j) in zip(padded, moves, strict=True)])


def train(model, rows, rate, n_epochs, seed, augment=False):
    """AdamW with a rate that falls to zero."""
    generator = torch.Generator().manual_seed(seed)
    images, y = rows
    n_steps = n_epochs * -(-len(y) // 64)
    optimizer = torch.optim.AdamW(trainable_parameters(model), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=n_steps, pct_start=0.1)
    for _ in range(n_epochs):
        for batch in torch.randperm(len(y), generator=generator).split(64):
            x = shifted(images[batch], generator) if augment else images[batch]
            loss = nn.functional.cross_entropy(model(pixel_values=x).logits, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model


@torch.no_grad()
def accuracy(model, rows):
    return float((model(pixel_values=rows[0]).logits.argmax(-1) == rows[1]).double().mean())


class Bottleneck(nn.Module):
    """The adapter of Houlsby et al. (2019), zero at the start."""

    def __init__(self, dim, rank):
        super().__init__()
        self.down, self.up = nn.Linear(dim, rank), nn.Linear(rank, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x):
        return x + self.up(torch.relu(self.down(x)))


def add_bottlenecks(model, rank):
    model.requires_grad_(False)
    for layer in model.vit.layers:
        for place in (layer.attention.o_proj, layer.mlp.fc2):
            place.add_module("bottleneck", Bottleneck(DIM, rank))
            place.register_forward_hook(lambda module, args, output: module.bottleneck(output))


def adapted(backbone, method, size, seed):
    """A copy of the model with a new head, and the number of parameters that are trained besides the head."""
    model = copy.deepcopy(backbone)
    torch.manual_seed(seed)
    model.classifier = nn.Linear(DIM, 5)
    if method == "LoRA":
        config = peft.LoraConfig(r=size, lora_alpha=2 * size, target_modules=["q_proj", "v_proj"])
        model = peft.get_peft_model(model, config)
    elif method == "Houlsby":
        add_bottlenecks(model, size)
    elif method == "head only":
        model.requires_grad_(False)
    elif method != "full":
        add_adapters(model, PLACES, size, {"ReLU": "relu", "sine": "sin"}[method.split()[1]], random_state=seed)
    for parameter in (model.base_model.model if method == "LoRA" else model).classifier.parameters():
        parameter.requires_grad_(True)
    return model, sum(p.numel() for p in trainable_parameters(model)) - 5 * (DIM + 1)


def fine_tuned(backbone, method, size, rows, seed):
    """Parameters, and test accuracy at the learning rate that is best on validation rows."""
    trials = []
    for rate in RATES:
        model, n_parameters = adapted(backbone, method, size, seed)
        train(model, rows[0], rate, 40, seed)
        trials.append((accuracy(model, rows[1]), accuracy(model, rows[2]), rate))
    best = max(trials, key=lambda trial: trial[0])
    return n_parameters, best[1], best[2]


def configurations():
    yield from [("full", 0), ("head only", 0)]
    for method, sizes in SIZES.items():
        yield from [(method, size) for size in sizes]


def measure(seeds):
    """Results by configuration, one entry for each seed."""
    results = {}
    for seed in seeds:
        old = digits(range(5), seed)
        backbone = train(vision_transformer(seed), old[0], 2e-3, 80, seed, augment=True).eval()
        print(f"seed {seed}: accuracy on digits 0 to 4 {accuracy(backbone, old[2]):.3f}", flush=True)
        new = digits(range(5, 10), seed)
        for method, size in configurations():
            results.setdefault((method, size), []).append(fine_tuned(backbone, method, size, new, seed))
            print(method, size, results[method, size][-1], flush=True)
    return results


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="enable_nested_tensor")
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    measure(range(parser.parse_args().seeds))
