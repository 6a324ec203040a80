"""Question: do SNNK adapters fine-tune a Transformer as well as bottleneck adapters of five times the parameters?

And as well as LoRA of as many? A small Vision Transformer is trained on the handwritten digits 0 to 4, then
fine-tuned to tell 5 to 9 apart, in several ways. Every way trains a new head as well, whose parameters are not counted.
Learning rates are chosen on validation rows, from one grid for all but full fine-tuning; the table has accuracies on
test rows, mean and standard error over the seeds.

    python adapters.py                            seeds 5 to 9 and the table, twenty minutes on one core
    python adapters.py --seeds 3 --results FILE   one seed, kept in FILE; --seeds without a number: the table of FILE
    python adapters.py --figure FILE              the figure as well
    python adapters.py --blocks                   feed-forward blocks replaced in closed form
    python adapters.py --device cuda              instead: step time and memory of a layer, in bfloat16
"""

import argparse
import copy
import json
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import peft
import torch
import transformers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sknnk.torch import SNNKLinear, add_adapters, bundle_feedforward, trainable_parameters

DIM, N_LAYERS = 64, 4
RATES, FULL_RATES = (3e-3, 1e-2, 3e-2), (1e-3, 3e-3, 1e-2)
NORMS = ["layernorm_before", "layernorm_after"]
SUBLAYERS = ["attention.o_proj", "mlp.fc2"]
MORE = [*NORMS, "q_proj", "v_proj"]
SNNK = {"SNNK ReLU": "relu", "SNNK sine": "sin"}
# Method and size: rank of LoRA, width of a bottleneck, rank behind 64 random features or number of random features.
CONFIGURATIONS = [
    ("full fine-tuning", 0),
    ("head only", 0),
    *[("LoRA", rank) for rank in (1, 2, 4)],
    ("LoRA, all of attention", 2),
    *[("Houlsby", width) for width in (4, 20)],
    ("Houlsby, after sublayers", 20),
    ("Houlsby, four places", 10),
    *[(f"{name}, rank", rank) for name in SNNK for rank in (2, 4)],
    *[(f"{name}, rank, four places", 2) for name in SNNK],
    *[(f"{name}, full", 8) for name in SNNK],
]


# SNNK adapters, by the bound of 4,096 parameters, and what they are compared with.
CONTENDERS = [(f"{name}, rank{how}", rank) for how, rank in (("", 4), (", four places", 2)) for name in SNNK]
PEERS = [("Houlsby", 20), ("Houlsby, four places", 10), ("LoRA", 4), ("LoRA, all of attention", 2)]


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


def add_bottlenecks(model, places, width):
    model.requires_grad_(False)
    for layer in model.vit.layers:
        for place in (module for name, module in layer.named_modules() if name.endswith(tuple(places))):
            place.add_module("bottleneck", Bottleneck(DIM, width))
            place.register_forward_hook(lambda module, args, output: module.bottleneck(output))


def adapted(backbone, method, size, seed):
    """A copy of the model with a new head, and the number of parameters that are trained besides the head."""
    model = copy.deepcopy(backbone)
    torch.manual_seed(seed)
    model.classifier = nn.Linear(DIM, 5)
    name, *how = method.split(", ")
    places = MORE if "four places" in how else SUBLAYERS if "after sublayers" in how else NORMS
    if name == "LoRA":
        targets = ["q_proj", "v_proj", *(["k_proj", "o_proj"] if how else [])]
        config = peft.LoraConfig(r=size, lora_alpha=2 * size, target_modules=targets)
        model = peft.get_peft_model(model, config).base_model.model
    elif name == "Houlsby":
        add_bottlenecks(model, places, size)
    elif name in SNNK and "rank" in how:
        add_adapters(model, places, 64, SNNK[name], form="low_rank", rank=size, random_state=seed)
    elif name in SNNK:
        add_adapters(model, places, size, SNNK[name], random_state=seed)
    elif name == "head only":
        model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    return model, sum(p.numel() for p in trainable_parameters(model)) - 5 * (DIM + 1)


def fine_tuned(backbone, method, size, rows, seed):
    """Parameters, and test accuracy at the learning rate that is best on validation rows."""
    trials = []
    for rate in FULL_RATES if method == "full fine-tuning" else RATES:
        model, n_parameters = adapted(backbone, method, size, seed)
        train(model, rows[0], rate, 40, seed)
        trials.append((accuracy(model, rows[1]), accuracy(model, rows[2]), rate))
    best = max(trials, key=lambda trial: trial[0])
    return n_parameters, *best[1:]


def pretrained(seed):
    """A model that knows the digits 0 to 4."""
    rows = digits(range(5), seed)
    model = train(vision_transformer(seed), rows[0], 2e-3, 80, seed, augment=True).eval()
    print(f"seed {seed}: accuracy on digits 0 to 4 is {accuracy(model, rows[2]):.3f}", flush=True)
    return model


def measure(seed, results, path):
    """Add what is missing for a seed to the results, {(seed, method, size): (parameters, accuracy, rate)}."""
    missing = [which for which in CONFIGURATIONS if (seed, *which) not in results]
    if not missing:
        return
    backbone, rows = pretrained(seed), digits(range(5, 10), seed)
    for which in missing:
        results[(seed, *which)] = fine_tuned(backbone, *which, rows, seed)
        if path:
            with path.open("a") as file:
                file.write(json.dumps([seed, *which, *results[(seed, *which)]]) + "\n")


def table(results):
    """Print means and standard errors, and return them: method, size, parameters, mean, error."""
    lines = []
    print("\n| method | size | trained parameters | accuracy |\n|---|---|---|---|")
    for which in CONFIGURATIONS:
        runs = [found for (_, *key), found in results.items() if tuple(key) == which]
        accuracies = 100.0 * np.array([run[1] for run in runs])
        error = accuracies.std(ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else float("nan")
        lines.append((*which, runs[0][0], accuracies.mean(), error))
        print("| {} | {} | {:,} | {:.1f} ± {:.1f} |".format(*lines[-1]))
    return lines


def differences(results):
    """Print by how much SNNK adapters are better than the others, mean and standard error over the same seeds."""
    print("\n| difference in accuracy | " + " | ".join(f"{name}, {size}" for name, size in PEERS) + " |")
    print("|---" * (len(PEERS) + 1) + "|")
    seeds = sorted({seed for seed, *_ in results})
    for which in CONTENDERS:
        cells = []
        for peer in PEERS:
            runs = [(results[(seed, *which)][1], results[(seed, *peer)][1]) for seed in seeds]
            found = 100.0 * np.array([ours - theirs for ours, theirs in runs])
            cells.append(f"{found.mean():+.1f} ± {found.std(ddof=1) / np.sqrt(len(found)):.1f}")
        print(f"| {which[0]}, {which[1]} | " + " | ".join(cells) + " |")


def side_by_side(sizes, gap=0.035):
    """Places on a logarithmic axis, where points of about the same size do not hide each other."""
    logs, groups = np.log10(sizes), []
    for i in np.argsort(sizes, kind="stable"):
        if not groups or logs[i] - logs[groups[-1][-1]] > 0.1:
            groups.append([])
        groups[-1].append(i)
    places = np.empty(len(sizes))
    for group in groups:
        places[group] = logs[group].mean() + gap * (np.arange(len(group)) - (len(group) - 1) / 2)
    return 10.0**places


def figure(lines, path):
    """Accuracy against trained parameters."""
    fig, ax = plt.subplots(figsize=(9, 5), layout="constrained")
    lines = [line for line in lines if line[2]]
    places = side_by_side([line[2] for line in lines])
    methods = list(dict.fromkeys(line[0] for line in lines))
    names = list(dict.fromkeys(method.split(", ")[0] for method in methods))
    for method in methods:
        name, *how = method.split(", ")
        style = {"color": f"C{names.index(name)}", "capsize": 3, "markersize": 7, "linewidth": 1}
        style["marker"] = {"four places": "*", "full": "s", "after sublayers": "v", "all of attention": "D"}.get(
            how[-1] if how else "", "o"
        )
        rows = [i for i, line in enumerate(lines) if line[0] == method]
        ax.errorbar(places[rows], [lines[i][3] for i in rows], [lines[i][4] for i in rows], label=method, **style)
    ax.set(xscale="log", ylabel="test accuracy, per cent")
    ax.set_xlabel("trained parameters, without the head (about equal ones side by side)")
    fig.legend(fontsize=8, loc="outside right upper")
    fig.savefig(path, dpi=120)


def blocks():
    """Relative error of feed-forward blocks that are replaced in closed form, on images that calibrate nothing."""
    backbone, rows = pretrained(0), digits(range(5), 0)
    images = torch.cat([rows[0][0], *(shifted(rows[0][0], torch.Generator().manual_seed(i)) for i in range(4))])
    before = accuracy(backbone, rows[2])
    print(
        "\n| features | parameters of a block | times fewer parameters | error of each block | accuracy before, after |"
    )
    print("|---|---|---|---|---|")
    for size in (32, 64, 128, 256):
        model, errors, sizes = copy.deepcopy(backbone), [], []
        bundle_feedforward(model, ["mlp"], images, size, random_state=0)
        for old, new in zip(backbone.vit.layers, model.vit.layers, strict=True):
            with torch.no_grad():
                x = seen(backbone, old.mlp, rows[2][0])
                errors.append(float((new.mlp(x) - old.mlp(x)).norm() / old.mlp(x).norm()))
            sizes.append([sum(p.numel() for p in block.parameters()) for block in (old.mlp, new.mlp)])
        found = ", ".join(f"{100 * error:.1f} %" for error in errors)
        ratio = sizes[0][0] / sizes[0][1]
        after = accuracy(model, rows[2])
        print(f"| {size} | {sizes[0][1]:,} | {ratio:.1f} | {found} | {before:.3f}, {after:.3f} |", flush=True)


def seen(model, module, images):
    """What a module is given when the model sees images."""
    found = []
    hook = module.register_forward_pre_hook(lambda _, args: found.append(args[0]))
    model(pixel_values=images)
    hook.remove()
    return found[0]


def step_times(device):
    """Time and memory of training steps of one layer, in bfloat16."""
    name = torch.cuda.get_device_name() if device == "cuda" else device
    print(f"torch {torch.__version__}, {name}\n\n| layer | sizes | ms a step | MB at most |\n|---|---|---|---|")
    for inner, outer, rows in ((768, 3072, 8192), (4096, 16384, 4096)):
        linear = nn.Sequential(nn.Linear(inner, outer), nn.GELU())
        for label, layer in {
            "Linear + GELU": linear,
            **{f"SNNKLinear, {m} features": SNNKLinear(inner, outer, "gelu", m) for m in (inner // 8, inner // 2)},
        }.items():
            layer.to(device, torch.bfloat16)
            x = torch.randn(rows, inner, device=device, dtype=torch.bfloat16, requires_grad=True)
            milliseconds, megabytes = step_time(layer, x, device)
            print(f"| {label} | {inner} to {outer}, {rows} rows | {milliseconds:.2f} | {megabytes:.0f} |", flush=True)
            layer.to("cpu")


def step_time(layer, x, device, n_steps=20):
    """Milliseconds of a forward and a backward pass, and the most memory in use."""
    for step in range(n_steps + 3):
        if step == 3:  # the first ones choose kernels
            if device == "cuda":
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            start = perf_counter()
        layer(x).sum().backward()
    if device == "cuda":
        torch.cuda.synchronize()
    megabytes = torch.cuda.max_memory_allocated() / 1e6 if device == "cuda" else float("nan")
    return 1e3 * (perf_counter() - start) / n_steps, megabytes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="*", default=list(range(5, 10)))
    parser.add_argument("--results", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--blocks", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.device:
        return step_times(options.device)
    if options.blocks:
        return blocks()
    results = {}
    if options.results and options.results.exists():
        for line in options.results.read_text().splitlines():
            seed, method, size, *found = json.loads(line)
            results[seed, method, size] = found
    for seed in options.seeds:
        measure(seed, results, options.results)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    lines = table(results)
    differences(results)
    if options.figure:
        figure(lines, options.figure)


if __name__ == "__main__":
    main()
