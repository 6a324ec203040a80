"""Question: do SNNK adapters fine-tune a real Transformer as well as adapters with five times their parameters?

A pretrained BERT (MiniLM-L6 by default) learns tasks of GLUE in several ways. Every way trains the pooler and a new
last layer too, whose parameters are not counted. Learning rates are chosen on a fifth of the training rows, from the
same three for every method and task; final runs train on all of them, and are scored on the public dev rows (Matthews
correlation for CoLA, accuracy for RTE and SST-2). Data are files ``TASK_train.tsv.gz`` and ``TASK_dev.tsv.gz`` with a
header, in a folder.

    python glue.py --model PATH_OR_NAME --data DIR --results FILE --minutes 30    as many runs as fit; call again
    python glue.py ... --estimate                                                 how long all of it would take
    python glue.py --results FILE --report --figure FILE                          tables and a figure

``--preset cpu`` trains the upper two layers on at most 2,000 rows a task, and keeps the outputs of the layers below;
``--preset gpu`` trains all layers on at most 10,000 rows.
"""

import argparse
import copy
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from runs import Results, carry_out, cell, mean_and_error, options, over_tasks, settings_of
from sentences import SentenceClassifier
from torch import nn

from sknnk.torch import add_adapters, trainable_parameters

try:
    import peft
except ImportError:  # all but LoRA runs without it
    peft = None

NORMS, SUBLAYERS = "LayerNorm", "output.dense"
FOUR = [NORMS, "query", "value"]
RATES = (3e-4, 1e-3, 3e-3)  # the same trials for every method
WIDTH, RANK_OF_LORA = 16, 3
LOW_RANK = {"n_components": 192, "form": "low_rank", "rank": 2}
PEERS = ["Houlsby, after sublayers", "Houlsby, after normalizations", "LoRA"]


class Bottleneck(nn.Module):
    """The adapter of Houlsby et al. (2019), zero at the start."""

    def __init__(self, dim: int, width: int):
        super().__init__()
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x):
        return x + self.up(torch.relu(self.down(x)))


def add_bottlenecks(model, place, seed):
    dim = model.classifier.in_features
    for module in [module for name, module in model.layers.named_modules() if name.endswith(place)]:
        module.add_module("bottleneck", Bottleneck(dim, WIDTH))
        module.register_forward_hook(lambda module, args, output: module.bottleneck(output))


def add_lora(model, seed):
    config = peft.LoraConfig(r=RANK_OF_LORA, lora_alpha=2 * RANK_OF_LORA, target_modules=["query", "value"])
    peft.inject_adapter_in_model(config, model.layers)


def train_biases(model, seed):
    for name, parameter in model.layers.named_parameters():
        parameter.requires_grad_(name.endswith("bias"))


def snnk(activation, places, **form):
    return lambda model, seed: add_adapters(model.layers, places, activation=activation, random_state=seed, **form)


METHODS = {
    "head only": lambda model, seed: None,
    "full fine-tuning": lambda model, seed: model.layers.requires_grad_(True),
    "BitFit": train_biases,
    "LoRA": add_lora,
    PEERS[0]: lambda model, seed: add_bottlenecks(model, SUBLAYERS, seed),
    PEERS[1]: lambda model, seed: add_bottlenecks(model, NORMS, seed),
    "SNNK ReLU, full": snnk("relu", [NORMS], n_components=16),
    "SNNK sine, full": snnk("sin", [NORMS], n_components=16),
    "SNNK ReLU, low rank": snnk("relu", FOUR, **LOW_RANK),
    "SNNK sine, low rank": snnk("sin", FOUR, **LOW_RANK),
}
if peft is None:
    del METHODS["LoRA"]


def adapted(model, method, rows, seed, *, n_layers):
    """A classifier on a copy of the upper layers, and the number of parameters that are trained besides the head."""
    torch.manual_seed(seed)
    classifier = copy.deepcopy(SentenceClassifier(model, n_layers))
    METHODS[method](classifier, seed)
    n_parameters = sum(parameter.numel() for parameter in trainable_parameters(classifier.layers))
    classifier.pooler.requires_grad_(True)
    classifier.classifier.requires_grad_(True)
    return classifier.to(next(model.parameters()).device), {"parameters": n_parameters}


def report(results, tasks, figure):
    """Scores, and differences on the same seeds."""
    print(f"settings: {results.settings}\n")
    print(f"| method | trained parameters | {' | '.join(tasks)} | mean | ms a step | learning rates |")
    print("|---" * (5 + len(tasks)) + "|")
    points = {}
    for method in METHODS:
        finals = [results.finals(task, method) for task in tasks]
        lines = [line for each in finals for line in each.values()]
        if not lines:
            continue
        means = over_tasks(results, tasks, method)
        cells = [cell(line["score"] for line in each.values()) for each in finals]
        steps = np.median([line["step"] for line in lines])
        rates = ", ".join(f"{results.rate(task, method):g}" for task, each in zip(tasks, finals, strict=True) if each)
        n_parameters = lines[0]["parameters"]
        print(f"| {method} | {n_parameters:,} | {' | '.join(cells)} | {cell(means.values())} | {steps:.0f} | {rates} |")
        if means:
            points[method] = n_parameters, *mean_and_error(means.values())
    differences(results, tasks)
    if figure:
        draw(points, figure)


def differences(results, tasks):
    """By how much the mean over the tasks of SNNK adapters is above that of others, on the same seeds."""
    print("\n| difference of the means | " + " | ".join(PEERS) + " |\n|---" + "|---" * len(PEERS) + "|")
    for method in (method for method in METHODS if method.startswith("SNNK")):
        ours, cells = over_tasks(results, tasks, method), []
        for peer in PEERS:
            theirs = over_tasks(results, tasks, peer)
            cells.append(cell((ours[seed] - theirs[seed] for seed in ours if seed in theirs), "+"))
        print(f"| {method} | " + " | ".join(cells) + " |")


def draw(points, path):
    """Mean score against trained parameters."""
    fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for i, (method, (n_parameters, mean, error)) in enumerate(points.items()):
        if n_parameters:
            style = {"fmt": "ov^sD*"[i % 6], "color": f"C{i}", "capsize": 3, "label": method}
            ax.errorbar(n_parameters * 1.03 ** (i - len(points) / 2), mean, error, **style)
        else:
            ax.axhline(mean, color=f"C{i}", linestyle=":", label=method)
    ax.set(xscale="log", xlabel="trained parameters, without the head", ylabel="mean score of the tasks, per cent")
    fig.legend(fontsize=8, loc="outside right upper")
    fig.savefig(path, dpi=120)


def main():
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD")
    parser.add_argument("--figure", type=Path, help="with --report: a file for it")
    given: argparse.Namespace = parser.parse_args()
    torch.set_num_threads(given.threads)
    settings = settings_of(given)
    results = Results(given.results, settings, given.minutes)
    if given.report:
        return report(results, given.task, given.figure)
    return carry_out(given, results, given.methods, RATES, partial(adapted, n_layers=settings["layers"]))


if __name__ == "__main__":
    main()
